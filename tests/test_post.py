"""The founding post's code, made to run: its optimum is the mean, and three mends are needed."""

import ast
import inspect

import pytest
import torch

from dilviz.course import post
from dilviz.diffusion import NoiseSchedule

T = 50


@pytest.fixture(scope="module")
def networks():
    points = post.fork_answers()
    return (
        post.train_diffusion_model(points, T),
        post.train_diffusion_model(points, T, post.noise_to_t),
    )


@pytest.fixture(scope="module")
def found(networks):
    noise = torch.randn(1009, 1, 2, generator=torch.Generator().manual_seed(5))
    rows = post.rows(*networks)
    return {name: post.shares(post.sample_from_model(model, noise, T, previous)) for name, model, previous in rows}


def test_the_data_has_one_left_for_two_right():
    shares = post.shares(post.fork_answers())
    assert shares["left"] == pytest.approx(1 / 3, abs=0.01)
    assert shares["right"] == pytest.approx(2 / 3, abs=0.01)
    assert shares["between"] == pytest.approx(0, abs=1e-6)


def test_as_written_the_best_answer_is_the_mean_at_every_t(networks):
    written, _ = networks
    schedule, points = NoiseSchedule(T), post.fork_answers()
    generator = torch.Generator().manual_seed(3)
    for t in (0, 13, 29, 47):
        times = torch.full((len(points),), t)
        answers = written(post.noise_to_the_end(schedule, points, times, generator), times)
        assert (answers - points.mean(0)).abs().max() < 0.1


def test_as_written_all_samples_lie_in_one_point_between_the_answers(found):
    assert found["as written"]["between"] == 1
    assert found["as written"]["spread"] < 1e-3


def test_the_sampler_cannot_mend_what_was_never_learned(found):
    assert found["mends 2, 3"]["between"] == 1


def test_the_first_mend_leads_to_an_answer_but_all_to_one_place(found):
    assert found["mend 1"]["between"] < 0.01
    assert found["mend 1"]["spread"] < 1e-3


@pytest.mark.parametrize("name", ["mend 2", "mend 3"])
def test_a_mended_step_alone_stays_with_the_mean(found, name):
    assert found[name]["between"] > 0.99


@pytest.mark.parametrize("name", ["mends 1, 2", "mends 1, 3"])
def test_half_a_mended_sampler_loses_the_rarer_answer(found, name):
    assert min(found[name]["left"], found[name]["right"]) < 0.05


@pytest.mark.parametrize("name", ["mends 1, 2, 3", "mend 1, DDIM's step"])
def test_a_whole_mend_gives_both_answers_as_often_as_the_data(found, name):
    shares = found[name]
    assert shares["left"] == pytest.approx(1 / 3, abs=0.08)
    assert shares["right"] == pytest.approx(2 / 3, abs=0.08)
    assert shares["spread"] == pytest.approx(0.62, abs=0.08)


def test_what_the_network_is_shown_is_as_noisy_as_its_label_says_only_when_mended():
    schedule, generator = NoiseSchedule(T), torch.Generator().manual_seed(7)
    x0, t = torch.full((100_003, 1, 1), 0.7), torch.full((100_003,), 11)
    wanted = 1 - float(schedule.alpha_bar(11))
    assert float(post.noise_to_t(schedule, x0, t, generator).var()) == pytest.approx(wanted, rel=0.02)
    assert float(post.noise_to_the_end(schedule, x0, t, generator).var()) == pytest.approx(1, rel=0.02)


def test_each_way_on_is_what_its_name_says():
    schedule, generator = NoiseSchedule(T), torch.Generator().manual_seed(11)
    xt, x0 = torch.randn(2, 70_001, 1, 2, generator=generator) * 0 + torch.tensor([1.3, -0.4]).view(2, 1, 1, 1)
    mean, variance = schedule.posterior(xt, x0, 31, 30)
    for way, middle, spread in (
        (post.the_estimate, x0, 0),
        (post.posterior_mean, mean, 0),
        (post.estimate_and_noise, x0, variance),
        (post.posterior_draw, mean, variance),
    ):
        x = way(schedule, xt, x0, 31, generator)
        assert float((x - middle).mean()) == pytest.approx(0, abs=5e-3), way.__name__
        assert float(x.var()) == pytest.approx(float(spread), rel=0.02, abs=1e-9), way.__name__
    assert torch.allclose(post.posterior_draw(schedule, xt, x0, 0, generator), x0)  # no noise in the last step


def test_what_is_printed_is_the_code_that_runs(capsys):
    post.source(post.sample_from_model)
    shown = ast.parse(capsys.readouterr().out).body[0]
    runs = ast.parse(inspect.getsource(post.sample_from_model)).body[0]
    assert [ast.dump(line) for line in shown.body] == [ast.dump(line) for line in runs.body[1:]]
    assert len(shown.body) > 3


def test_functions_of_the_post_are_short():
    for function in (post.train_diffusion_model, post.sample_from_model):
        (definition,) = ast.parse(inspect.getsource(function)).body
        assert definition.end_lineno - definition.body[0].end_lineno <= 12


def test_a_row_of_the_table_says_tens_of_per_cent(capsys):
    post.tell("all left", torch.tensor([[[-0.65, 0.0]]]).expand(19, 1, 2))
    assert " ".join(capsys.readouterr().out.split()) == "all left left 100 % between 0 % right 0 % spread 0.0"
