"""Lesson 06's pictures: plans that fan out from one condition, and walks that are steered."""

import copy

import numpy as np
import pytest
import torch

from dilviz.envs.fork import FORK, MAX_STEP, move, places_ahead
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.imitation.steering import toward
from dilviz.show.fan import (
    CHUNK,
    ESTIMATE,
    MOST,
    NOISES,
    STOOD_STILL,
    FanExplorer,
    describe_fan,
    fan_data,
    fan_figure,
)
from dilviz.show.fork import diffusion_policy, fork_policies
from dilviz.show.steered import (
    AWAY,
    PASSES,
    RADIUS,
    STRENGTHS,
    TOWARD,
    WALKERS,
    SteerExplorer,
    describe_steering,
    steer_data,
    steer_figure,
    steering_table,
)
from dilviz.tasks import TASKS


@pytest.fixture(scope="module")
def policy():
    return diffusion_policy(None)


def walked(place, actions):
    """Where the fork's own dynamics take an agent, its tree aside: (B, n + 1, 2)."""
    places = [np.tile(place, (len(actions), 1))]
    for action in actions.swapaxes(0, 1):
        places.append(move(FORK, places[-1], action)[0])
    return np.stack(places, axis=1)


def counts(sides):
    return [int((sides == side).sum()) for side in (-1, 0, 1)]


# --- the fan ---


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize(("came_from", "step"), [(STOOD_STILL, (0, 0)), (90, (0, MAX_STEP)), (180, (-MAX_STEP, 0))])
def test_the_finished_plans_are_the_policys_own_samples(policy, sampler, came_from, step):
    walker = copy.copy(policy).use(sampler, 10)
    seen = torch.tensor([[0.5 - step[0], 0.1 - step[1]], [0.5, 0.1]]).expand(NOISES, 2, 2)
    sample = walker.sample(walker.condition(seen), torch.Generator().manual_seed(0))
    actions = walker.action_scale.unscale(sample)[:, 1:].double().numpy()
    for shown in (CHUNK, ESTIMATE):
        plans = fan_data(walker, 0.5, 0.1, came_from, shown).plans[-1]
        assert np.allclose(plans, walked((0.5, 0.1), actions), atol=1e-5)


def test_at_the_start_the_plans_are_the_noise(policy):
    noise = torch.randn((NOISES, 8, 2), generator=torch.Generator().manual_seed(0))
    actions = policy.action_scale.unscale(noise)[:, 1:].double().numpy()
    assert np.allclose(fan_data(policy, done=0, shown=CHUNK).plans[0], walked((0.5, 0.1), actions), atol=1e-5)


def test_before_the_tree_the_noise_decides_and_beside_it_the_condition(policy):
    for at_the_start in (fan_data(policy, came_from=90), fan_data(policy)):
        left, _, right = counts(at_the_start.sides)
        assert min(left, right) >= NOISES / 5
        assert at_the_start.sure > 1  # not from the noise itself
    beside = fan_data(policy, 0.2, 0.5, 90)
    assert max(counts(beside.sides)) == NOISES and beside.sure == 0


def test_a_heading_to_a_side_draws_nearly_all_there(policy):
    assert counts(fan_data(policy, came_from=135).sides)[0] > 0.9 * NOISES
    assert counts(fan_data(policy, came_from=45).sides)[2] > 0.9 * NOISES


def test_the_sentence_and_the_marks_agree_with_the_plans(policy):
    data = fan_data(policy, came_from=90, shown=ESTIMATE)
    sideways = data.plans[:, :, -1, 0] - 0.5
    left, right = (int(((sign * sideways[-1]) >= MAX_STEP).sum()) for sign in (-1, 1))
    said = describe_fan(data)
    assert f"In the end {left} lie left of the agent, {right} right and {NOISES - left - right} ahead" in said
    final = np.where(np.abs(sideways) < MAX_STEP, 0, np.sign(sideways))
    agree = (final == final[-1]).mean(1)
    assert f"90% or more from step {data.sure} on" in said
    early = fan_data(policy, came_from=90, done=2)
    assert f"Now {agree[2]:.0%} of the network's estimates" in describe_fan(early)
    assert "or more from" not in describe_fan(early)  # that is for the reader to find
    assert (agree[data.sure :] >= MOST).all() and agree[data.sure - 1] < MOST
    drawn = [trace for trace in fan_figure(data).data if trace.name == "ends left"]
    assert [int(np.isfinite(np.asarray(trace.x, float)).sum()) for trace in drawn] == [left, left]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"x": 0.5, "y": 0.5}, "stands in the tree; move it out"),
        ({"done": 11}, "done is 11; give a whole number from 0 to 10"),
        ({"shown": "all"}, "shown is 'all'; take one of"),
        ({"came_from": "left"}, "came_from is 'left'; give 'stood still' or a heading"),
    ],
)
def test_what_the_fan_cannot_show_is_named(policy, wrong, says):
    with pytest.raises(InputError, match=says):
        fan_data(policy, **wrong)


def test_only_a_policy_that_denoises_has_a_fan_and_is_steered():
    for explorer in (FanExplorer, SteerExplorer):
        with pytest.raises(InputError, match="policy is a CloningPolicy, which does not denoise"):
            explorer(fork_policies()[1])


def test_the_fan_has_as_many_steps_as_the_policy_takes(policy):
    explorer = FanExplorer(copy.copy(policy).use("ddim", 4))
    assert explorer.done.max == 4 and "after 0 of 4" in explorer.plot.caption
    explorer.assign(done=1, x=0.2, y=0.5, came_from=90)
    assert "after 1 of 4" in explorer.plot.caption and "Now 100%" in explorer.plot.caption
    explorer.done.value = 4
    assert "from the pure noise on" in explorer.plot.caption
    explorer.assign(x=0.5)
    assert "stands in the tree" in explorer.plot.caption


# --- steering ---


@pytest.mark.parametrize("how", [TOWARD, AWAY])
def test_no_strength_is_no_steering(policy, how):
    data = steer_data(policy, how, strength=0)
    assert np.array_equal(data.steered.mode, data.plain.mode)
    assert np.allclose(data.steered.last, data.plain.last, atol=1e-3)


def test_a_push_toward_a_point_left_of_the_tree_sends_walkers_left(policy):
    shares = [(steer_data(policy, TOWARD, 0.2, 0.5, s).steered.mode == "left").mean() for s in (0, 3, 30)]
    assert shares[0] < shares[1] < shares[2] and shares[2] > 0.9


def test_too_strong_a_push_fails(policy):
    data = steer_data(policy, TOWARD, 0.2, 0.5, 10_000)
    assert data.steered.success.mean() < 0.2 < 0.9 < data.plain.success.mean()
    lost = [trace for trace in steer_figure(data).data if trace.name == "failed"]
    assert [np.isfinite(np.asarray(trace.x, float)).sum() for trace in lost] == [
        (~walks.success).sum() for walks in (data.steered, data.plain)
    ]


def test_the_steered_walks_are_rollouts_of_the_steered_policy_which_stays_as_it_was(policy):
    cost = toward((0.7, 0.3), places_ahead, 100)
    alone = rollout(copy.copy(policy).use("ddim", PASSES).steer(cost), TASKS["fork"], range(4))
    data = steer_data(policy, TOWARD, 0.7, 0.3, 100, walkers=4)
    assert np.array_equal(data.steered.actions, alone.actions)
    assert policy.cost is None and policy.num_inference_steps == 10


def test_the_sentence_counts_what_is_drawn(policy):
    data = steer_data(policy, AWAY, 0.7, 0.3, 300)
    said = describe_steering(data)
    for walks in (data.steered, data.plain):
        left, right = ((walks.mode == side).sum() for side in ("left", "right"))
        paths = [walks.path(i) for i in range(WALKERS)]
        inside = sum((np.hypot(path[:, 0] - 0.7, path[:, 1] - 0.3) < RADIUS).any() for path in paths)
        assert (
            f"{walks.success.sum()} of {WALKERS} arrive, {left} by the left and {right} by the right, "
            f"and {inside} enter the disc" in said
        )
    assert f"{PASSES} denoising passes" in said


@pytest.mark.parametrize("how", [TOWARD, AWAY])
def test_the_table_says_the_same_as_the_picture(policy, how):
    rows = [line.split() for line in steering_table(policy, how, walkers=WALKERS).splitlines()[1:-1]]
    assert [int(row[0]) for row in rows] == list(STRENGTHS)
    data = steer_data(policy, how, strength=300)
    shares = [(data.steered.mode == side).mean() for side in ("left", "right")]
    found = next(row for row in rows if row[0] == "300")
    assert [float(number) for number in found[2:4]] == pytest.approx([100 * share for share in shares], abs=0.51)
    near = data.nearest(data.steered)
    last = np.median(near) if how == TOWARD else 100 * (near < RADIUS).mean()
    assert float(found[4]) == pytest.approx(last, abs=0.51)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"how": "sideways"}, "how is 'sideways'; take one of"),
        ({"x": 1.2}, r"the place \(1.2, 0.5\) is out of the square"),
        ({"strength": -1}, "strength is -1; give 0"),
        ({"strength": float("nan")}, "strength is nan"),
    ],
)
def test_what_cannot_steer_is_named(policy, wrong, says):
    with pytest.raises(InputError, match=says):
        steer_data(policy, **wrong)


def test_the_steered_picture_follows_its_controls():
    explorer = SteerExplorer()
    assert "Steered toward a point at (0.2, 0.5) with strength 30" in explorer.plot.caption
    explorer.assign(how=AWAY, x=0.7, y=0.3, strength=1000)
    assert "Steered away from a disc at (0.7, 0.3) with strength 1000" in explorer.plot.caption
    assert (
        f"{(explorer.data.nearest(explorer.data.plain) < RADIUS).sum()} enter the disc. Each" in explorer.plot.caption
    )
