"""A training that is watched: it stops and goes on, it remembers, and what it is held to is exact."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from dilviz.course.bugs import BUGS
from dilviz.diffusion import ExactDenoiser, MLPDenoiser, fit
from dilviz.errors import InputError
from dilviz.show.embedding import EmbeddingExplorer, embedding_data
from dilviz.show.pad import DrawingPad
from dilviz.show.small_training import (
    BATCH,
    LONGEST,
    ROWS,
    SAMPLES,
    SHAPES,
    SmallTraining,
    T,
    Timeless,
    Yardstick,
    drawn_shape,
    shape,
)
from dilviz.show.training import DRAWN, FORK, TrainingExplorer
from dilviz.show.training_picture import TrainingData, describe_training, training_figure


@pytest.fixture(scope="module")
def yardstick():
    return Yardstick(shape("ring"))


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("losses", "samples", "answers", "error"))


def test_a_training_in_two_halves_equals_one_at_once_bit_for_bit(yardstick):
    halves, whole = SmallTraining(yardstick), SmallTraining(yardstick)
    halves.at(100)
    assert same(halves.at(250), whole.at(250))


def test_sliding_back_shows_what_was(yardstick):
    training = SmallTraining(yardstick)
    before = training.at(150)
    training.at(400)
    assert training.at(150) is before
    assert training.last is training.at(400)


def test_it_is_what_fit_does(yardstick):
    training = SmallTraining(yardstick, width=17)
    training.at(LONGEST)
    net = MLPDenoiser(1, 2, width=17)
    options = {"steps": LONGEST, "batch_size": BATCH, "lr": 1e-2, "warmup": 50, "ema_decay": 0.99, "device": "cpu"}
    history = fit(net, yardstick.schedule, yardstick.x0, **options)
    assert [record.loss for record in history.records] == training.last.losses[1:].tolist()
    for mine, theirs in zip(net.parameters(), training.denoiser.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_two_trainings_side_by_side_do_not_disturb_each_other(yardstick):
    one, other, alone = SmallTraining(yardstick), SmallTraining(yardstick, seed=7), SmallTraining(yardstick)
    for steps in range(50, 201, 50):
        one.at(steps)
        other.at(steps)
    assert same(one.last, alone.at(200))
    assert not same(one.last, other.last)


@pytest.mark.parametrize("steps", [-50, 25, LONGEST + 50, 1.5])
def test_other_numbers_of_steps_are_refused(yardstick, steps):
    with pytest.raises(InputError, match="in steps of 50"):
        SmallTraining(yardstick).at(steps)


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v_prediction"])
def test_the_exact_denoiser_has_no_error_and_its_loss_is_the_floor(yardstick, kind):
    exact = ExactDenoiser(yardstick.schedule, yardstick.x0, prediction_type=kind)
    assert float(yardstick.loss(exact, kind).mean()) == pytest.approx(yardstick.floor(kind), rel=1e-4)
    training = SmallTraining(yardstick, prediction_type=kind)
    training.denoiser = exact
    assert training._shot().error.max() < 1e-3


def test_the_loss_is_the_floor_and_the_squared_error(yardstick):
    training = SmallTraining(yardstick)
    for steps in (0, 100, 1000):
        shot = training.at(steps)
        loss = float(yardstick.loss(training.denoiser, "sample").mean())
        assert loss == pytest.approx(yardstick.floor("sample") + (shot.error**2).mean(), abs=0.01)


def test_the_floor_rises_from_nothing_to_the_variance_of_the_data(yardstick):
    left = yardstick.loss(lambda *_: yardstick.best, "sample")
    assert left[0] < 0.01
    assert float(left[-1]) == pytest.approx(float(yardstick.x0.var(0).mean()), rel=0.15)


@pytest.mark.parametrize("name", SHAPES)
def test_samples_come_to_the_data_and_without_time_they_do_not_come_as_near(name):
    stick = Yardstick(shape(name))
    told, untold = SmallTraining(stick), SmallTraining(stick, told_the_time=False)
    assert stick.near(told.at(0).samples) < 0.3
    near, far = (stick.near(training.at(LONGEST).samples) for training in (told, untold))
    assert near > 0.65
    assert near > far + 0.15
    assert (told.last.error < untold.last.error).mean() > 0.9


def test_a_network_that_is_not_told_the_time_answers_alike_at_all_times():
    net, xt = Timeless(3, 2), torch.randn(5, 3, 2)
    assert torch.equal(net(xt, torch.full((5,), 3)), net(xt, torch.full((5,), 41)))
    predict = net.prepare(torch.tensor([41, 3]))
    torch.testing.assert_close(predict(xt, 0), predict(xt, 1))


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_lie_in_the_square_and_are_the_same_each_time(name):
    points = shape(name)
    assert points.shape[1:] == (1, 2)
    assert points.dtype == torch.float32
    assert points.abs().max() <= 1
    assert torch.equal(points, shape(name))


def test_an_unknown_shape_is_refused():
    with pytest.raises(InputError, match="two moons"):
        shape("banana")


def test_what_is_drawn_is_data():
    pad = DrawingPad(x_range=[-1, 1], y_range=[-1, 1], points=[[0.5, -0.5]], strokes=[[[-1, 0], [1, 0]], [[0, 0]]])
    points = drawn_shape(pad)[:, 0]
    assert points[0].tolist() == [0.5, -0.5]
    assert len(points) == 101  # a stroke of one point is no line
    np.testing.assert_allclose(points[1:, 0], np.linspace(-1, 1, 100), atol=1e-6)
    with pytest.raises(InputError, match="nothing to train on"):
        drawn_shape(DrawingPad())


# --- the explorer ----------------------------------------------------------------------------------------------------
def test_playing_trains_and_sliding_back_shows_the_past():
    explorer = TrainingExplorer()
    first = repr(explorer)
    explorer.trained.value = 50
    explorer.trained.value = 100
    assert explorer.data.shot.steps == 100
    assert len(explorer.data.shot.losses) == 3
    explorer.trained.value = 0
    assert repr(explorer) == first


def test_a_change_begins_a_new_training_and_the_one_before_stays_pale():
    explorer = TrainingExplorer()
    explorer.trained.value = 300
    explorer.lr.value = 1e-3
    assert explorer.trained.value == 50
    assert explorer.data.other.steps == 300
    assert "Pale" in explorer.plot.caption
    explorer.reset()
    assert explorer.data.other is None
    assert explorer.state() == explorer.initial


def test_losses_of_other_predictions_and_other_data_are_not_compared():
    explorer = TrainingExplorer()
    explorer.width.value = 32
    assert explorer.data.other is None  # what stood there untouched is nothing to compare with
    explorer.trained.value = 200
    explorer.prediction_type.value = "epsilon"
    assert explorer.data.other is not None
    assert not explorer.data.comparable
    explorer.shape.value = "ring"
    assert explorer.data.other is None


def test_a_drawing_is_trained_on_at_once():
    explorer = TrainingExplorer()
    explorer.trained.value = 200
    explorer.pad.strokes = [[[-0.9, 0.5], [0.9, 0.5]]]
    assert explorer.shape.value == DRAWN
    assert explorer.trained.value == 50
    assert explorer.data.yardstick.x0[:, 0, 1].tolist() == [0.5] * 100
    explorer.pad.strokes = []
    assert "nothing to train on" in explorer.plot.caption


def test_points_are_put_on_the_pad():
    explorer = TrainingExplorer(points=[[0.5, 0.5], [-0.5, 0.0]])
    assert explorer.shape.value == DRAWN
    assert explorer.pad.predicted().tolist() == [[0.5, 0.5], [-0.5, 0.0]]


def test_with_the_mystery_s_bug_the_two_trainings_are_one():
    bug = BUGS["same_batch"]
    explorer = TrainingExplorer(bugs=((bug.name, bug.planted),), mystery=bug.planted)
    explorer.trained.value = 200
    assert not same(explorer.data.shot, explorer.data.other)
    explorer.bug.value = "same_batch"
    assert explorer.trained.value == 50
    explorer.trained.value = 200
    assert same(explorer.data.shot, explorer.data.other)
    assert explorer.data.shot.losses[-1] < explorer.data.floor / 3


def test_the_picture_holds_what_was_computed():
    training = SmallTraining(Yardstick(shape(FORK)))
    shot = training.at(100)
    data = TrainingData(training.yardstick, shot, 0.125, 7, None, False, True)
    figure = training_figure(data)
    assert isinstance(figure, go.Figure)
    drawn = [trace for trace in figure.data if trace.xaxis == "x4" and trace.mode == "lines"]
    assert any(np.array_equal(trace.y, shot.error) for trace in drawn)
    assert len(figure.data[1].x) == SAMPLES
    assert "After 100 steps" in describe_training(data)
    assert shot.answers.shape == (T, ROWS, 2)


# --- the embedding ---------------------------------------------------------------------------------------------------
def test_a_time_is_no_distance_from_itself_and_the_distance_depends_on_the_difference_alone():
    early, late = embedding_data(5, 16, 100.0), embedding_data(20, 16, 100.0)
    assert early.gap[5] == 0
    np.testing.assert_allclose(early.gap[5:25], late.gap[20:40], atol=1e-6)
    assert early.gap.max() <= 1


def test_with_one_speed_times_are_mistaken_for_each_other():
    def nearest(max_period):
        return np.delete(embedding_data(10, 32, max_period).gap, 10).min()

    assert nearest(1) < nearest(10_000) / 2
    assert EmbeddingExplorer().data.gap.argmin() == 10
