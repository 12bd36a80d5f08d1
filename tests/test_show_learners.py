"""Lesson 05's pictures: what learners answer, from where they arrive, and what they make of drawn walks."""

import numpy as np
import pytest

from dilviz.envs.fork import FORK, MAX_STEP, MAX_STEPS
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.show.answers import (
    DRAWS,
    WALKERS,
    AnswersExplorer,
    answers_data,
    answers_figure,
    describe_answers,
    fork_demonstrations,
    fork_learners,
)
from dilviz.show.drawn import OFFERED, DrawnExplorer, drawn_example, episodes_of
from dilviz.show.fork import FromStarts
from dilviz.show.pushed import STARTS, PushedExplorer, describe_pushed, pushed_data, pushed_figure
from dilviz.tasks import TASKS

EXPERT = {"expert": TASKS["fork"].answers()}


def straight(x0, y0, x1, y1, n=30):
    return np.linspace([x0, y0], [x1, y1], n).tolist()


# --- walks from chosen starts ---


def test_walks_begin_where_they_are_told_to_and_follow_the_forks_rules():
    starts = np.array([[0.1, 0.2], [0.9, 0.9], [0.5, 0.1]])
    walks = rollout(EXPERT["expert"], FromStarts(starts), range(3))
    assert np.allclose(walks.observations[walks.starts], starts)
    assert walks.success.all() and walks.lengths.max() <= MAX_STEPS
    steps = np.diff(walks.path(0), axis=0)
    assert np.linalg.norm(steps, axis=1).max() <= MAX_STEP + 1e-6


# --- answers at a place ---


@pytest.fixture(scope="module")
def answers():
    known, policies = fork_demonstrations(), fork_learners()
    return lambda learner, x=0.5, y=0.1: answers_data(policies, known, learner, x, y)


def test_regression_answers_between_the_experts_and_whoever_draws_does_not(answers):
    shares = {name: (np.abs(answers(name).answers[:, 0]) < 0.25).mean() for name in fork_learners()}
    assert shares["cloning"] == shares["cloning-onestep"] == 1
    assert max(shares[name] for name in ("mdn", "diffusion", "lookup", "expert")) < 0.3
    for name in ("mdn", "diffusion", "expert"):
        assert 0.2 < (answers(name).answers[:, 0] > 0).mean() < 0.8, name


def test_what_the_experts_did_is_taken_from_near_the_place(answers):
    here, elsewhere = answers("lookup", 0.5, 0.1), answers("lookup", 0.7, 0.3)
    assert len(here.experts) > 100 > len(elsewhere.experts)
    assert np.abs(here.experts[:, 0]).mean() > 0.5


def test_the_sentence_and_the_marks_say_what_the_data_says(answers):
    data = answers("cloning")
    assert f"of {WALKERS} walkers 0 pass left, 0 right and {WALKERS} fail" in describe_answers(data)
    figure = answers_figure(data)
    drawn = {trace.name: trace for trace in figure.data}
    assert np.allclose(drawn["answers"].x, data.answers[:, 0]) and len(drawn["answers"].x) == DRAWS
    assert np.allclose(drawn["average"].y, data.experts[:, 1].mean())
    assert np.isfinite(drawn["failed"].x).sum() == WALKERS


def test_a_place_without_experts_has_no_average(answers):
    data = answers("cloning", 0.7, 0.04)
    assert len(data.experts) == 0 and "0 actions of experts" in describe_answers(data)
    assert np.isnan(answers_figure(data).data[-1].x).all()


def test_an_unknown_learner_is_named():
    with pytest.raises(InputError, match="learner 'oracle' is unknown; take one of"):
        answers_data({}, fork_demonstrations(), "oracle", 0.5, 0.1)
    with pytest.raises(InputError, match="learner 'oracle' is unknown"):
        pushed_data(EXPERT, fork_demonstrations(), "oracle", 0.5, 0.1)


def test_the_explorer_follows_its_controls():
    explorer = AnswersExplorer()
    before = explorer.plot.caption
    explorer.assign(learner="diffusion", y=0.2)
    assert explorer.plot.caption != before and "Asked at (0.5, 0.2)" in explorer.plot.caption


# --- pushed ---


def test_the_map_says_of_each_start_what_a_walk_from_there_does():
    known = fork_demonstrations().only(np.arange(5))
    data = pushed_data(EXPERT, known, "expert", 0.9, 0.9)
    assert data.arrives.mean() > 0.97 and data.success
    assert np.linalg.norm(STARTS - FORK.tree, axis=1).min() > FORK.radius
    alone = rollout(EXPERT["expert"], FromStarts(STARTS[[40]]), [40])
    assert alone.success[0] == data.arrives[40]
    figure = pushed_figure(data)
    marks = {trace.name: len(trace.x) for trace in figure.data}
    assert marks["arrives from here"] + marks["fails from here"] == len(STARTS)
    assert f"arrives from {data.arrives.mean():.0%} of {len(STARTS)}" in describe_pushed(data)


def test_how_far_a_walk_leaves_known_ground_is_measured_from_the_nearest_observation():
    known = fork_demonstrations()
    near, far = (pushed_data(EXPERT, known, "expert", *start).off for start in ((0.5, 0.08), (0.05, 0.95)))
    assert near < 0.2 < 0.25 < far


def test_a_start_in_the_tree_is_said_below_the_picture():
    explorer = PushedExplorer(EXPERT, fork_demonstrations().only(np.arange(3)))
    explorer.assign(x=0.5, y=0.5)
    assert "lies in the tree; move it out" in explorer.plot.caption


# --- drawn ---


def test_a_stroke_becomes_a_walk_at_full_speed():
    walk = episodes_of([np.array(straight(0.2, 0.1, 0.2, 0.85)), np.array(straight(0.8, 0.1, 0.5, 0.1))])
    assert len(walk) == 2 and walk.task == "fork"
    assert np.allclose(np.linalg.norm(walk.actions, axis=1), 1, atol=1e-5)
    assert np.allclose(walk.observations[1:21] - walk.observations[:20], MAX_STEP * walk.actions[:20], atol=1e-6)
    assert np.allclose(walk.observations[0], [0.2, 0.1])


@pytest.mark.parametrize(
    ("stroke", "success"),
    [
        ([[0.5, 0.07], [0.15, 0.5], [0.5, 0.93]], True),
        (straight(0.5, 0.07, 0.5, 0.93), False),  # through the tree
        (straight(0.2, 0.1, 0.2, 0.6), False),  # not to the goal
    ],
)
def test_a_drawn_walk_knows_whether_it_succeeds(stroke, success):
    assert episodes_of([np.array(stroke)]).success.tolist() == [success]


def test_an_endless_stroke_is_cut_off_and_a_dot_is_no_walk():
    endless = [[0.1 + 0.8 * (k % 2), 0.1 + 0.001 * k] for k in range(200)]
    assert episodes_of([np.array(endless)]).lengths.max() < MAX_STEPS
    with pytest.raises(InputError, match="there is no walk to learn from"):
        episodes_of([np.array([[0.5, 0.5], [0.5, 0.5]])])


@pytest.fixture(scope="module")
def trained():
    return drawn_example()


def test_learners_do_with_drawn_walks_what_they_must(trained):
    found = {}
    for name in OFFERED:
        trained.learner.value = name
        found[name] = trained.data.walks
    # From one place: look-up always goes the same way, regression goes between, and diffusion goes both ways.
    assert found["lookup"].success.all() and len(set(found["lookup"].mode)) == 1
    assert found["cloning"].success.mean() < 0.2
    assert found["diffusion"].success.mean() > 0.6 and {"left", "right"} <= set(found["diffusion"].mode)
    assert f"{trained.learner.value}, trained in" in trained.plot.caption


def test_a_new_stroke_asks_for_a_new_training(trained):
    strokes = list(trained.pad.strokes)
    trained.pad.strokes = [*strokes, straight(0.2, 0.1, 0.2, 0.9)]
    assert (
        trained.data.walks is None
        and "7 walks drawn (1 not round the tree to the goal); press Train" in trained.plot.caption
    )
    trained.pad.strokes = strokes
    assert trained.data.walks is not None


def test_train_without_a_walk_says_what_to_do():
    explorer = DrawnExplorer()
    explorer.train_button.click()
    assert "there is no walk to learn from; draw one" in explorer.plot.caption
