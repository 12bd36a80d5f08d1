"""The fork: its dynamics, its expert, and its two Gymnasium shells."""

import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from dilviz.envs.fork import (
    FORK,
    MAX_STEP,
    MAX_STEPS,
    MOVING,
    MOVING_SPREAD,
    ForkExpert,
    drawn,
    move,
    scene_with,
    side_of,
)  # fmt: skip
from dilviz.envs.fork_env import ForkVectorEnv
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.tasks import TASKS, shipped

IDS = ["dilviz/Fork-v0", "dilviz/ForkMoving-v0"]
unit = st.floats(0, 1)


def place(*numbers):
    return np.array([numbers], dtype=np.float64)


@given(unit, unit, st.floats(-3, 3), st.floats(-3, 3))
def test_a_step_is_never_longer_than_the_speed_allows_and_stays_in_the_square(x, y, dx, dy):
    after, _, _ = move(FORK, place(x, y), place(dx, dy))
    assert np.linalg.norm(after - place(x, y)) <= MAX_STEP + 1e-12
    assert (after >= 0).all() and (after <= 1).all()


def test_who_jumps_across_the_tree_between_two_steps_has_crashed():
    thin = replace(FORK, radius=np.array(0.005))
    before, across = place(0.5 - 0.015, 0.5), place(1.0, 0.0)
    after, crashed, _ = move(thin, before, across)
    assert np.linalg.norm(after - thin.tree) > thin.radius < np.linalg.norm(before - thin.tree)  # outside at both ends
    assert crashed[0]
    _, crashed, _ = move(thin, before + np.array([0, 0.006]), across)
    assert not crashed[0]


def test_only_the_goal_counts_and_not_through_the_tree():
    _, crashed, arrived = move(FORK, place(0.5, 0.87), place(0.0, 1.0))
    assert arrived[0] and not crashed[0]
    inside = replace(FORK, goal=FORK.tree)
    _, crashed, arrived = move(inside, place(0.5, 0.52), place(0.0, -1.0))
    assert crashed[0] and not arrived[0]


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasiums_checker_passes(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(env_id).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("env_id", IDS)
def test_stable_baselines_checker_passes(env_id):
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3.check_env(gymnasium.make(env_id))


@pytest.mark.parametrize("wind", [0.0, 0.02])
@pytest.mark.parametrize("env_id", IDS)
def test_one_agent_and_many_are_the_same_world(env_id, wind):
    many = gymnasium.make_vec(env_id, 3, vectorization_mode="vector_entry_point", wind=wind)
    ones = [gymnasium.make(env_id, wind=wind) for _ in range(3)]
    seen = many.reset(seed=[5, 6, 7])[0]
    assert np.array_equal(seen, np.stack([env.reset(seed=5 + i)[0] for i, env in enumerate(ones)]))
    rng, ended = np.random.default_rng(0), np.zeros(3, bool)
    for _ in range(MAX_STEPS):
        actions = np.clip(rng.normal([0, 0.8], 1, (3, 2)), -1, 1).astype(np.float32)
        together = many.step(actions)
        for i in np.flatnonzero(~ended):
            alone = ones[i].step(actions[i])
            assert np.array_equal(together[0][i], alone[0])
            assert [bool(column[i]) for column in together[2:4]] == list(alone[2:4]) and together[1][i] == alone[1]
            ended[i] = alone[2] or alone[3]
    assert ended.all()


def test_the_wind_blows_as_far_as_it_is_told_to_and_a_step_remains_a_step():
    env = ForkVectorEnv(4000, wind=0.02)
    before = env.reset(seed=0)[0]
    blown = env.step(np.tile([0.5, 0.0], (4000, 1)))[0] - before
    assert np.allclose(blown.mean(0), [0.5 * MAX_STEP, 0], atol=0.001)
    assert np.allclose(blown.std(0), 0.02, atol=0.001)
    assert abs(np.corrcoef(blown.T)[0, 1]) < 0.05
    with pytest.raises(InputError, match=r"wind is 0\.3; give a number from 0 to 0\.1"):
        ForkVectorEnv(1, wind=0.3)


def test_who_is_blown_through_the_tree_has_crashed():
    after, crashed, arrived = move(FORK, place(0.5, 0.24), place(0.0, 0.0), place(0.0, 0.6))
    assert after.tolist() == [[0.5, 0.84]] and crashed.all() and not arrived.any()


def test_an_agent_that_is_done_waits_for_its_own_reset():
    env = ForkVectorEnv(2, moving=True)
    env.reset(seed=3)
    for _ in range(5):
        before = env.step(np.tile([0.0, 1.0], (2, 1)))[0]
    seen, _ = env.reset(seed=[9, 9], options={"reset_mask": np.array([True, False])})
    assert seen[0, 1] < 0.13 and not np.array_equal(seen[0, 2:], before[0, 2:])
    assert np.array_equal(seen[1], before[1])  # the place and the scene
    assert np.array_equal(env.step(np.zeros((2, 2)))[0][1, 2:], before[1, 2:])
    assert env.steps.tolist() == [1, 6]


def test_the_scene_can_be_chosen_and_nonsense_is_named():
    env = gymnasium.make("dilviz/Fork-v0", tree=(0.3, 0.4), radius=0.1, goal=(0.9, 0.9), start=(0.2, 0.1), exact=True)
    assert env.reset(seed=0)[0].tolist() == pytest.approx([0.2, 0.1])
    assert env.reset(seed=1, options={"start": (0.6, 0.2)})[0].tolist() == pytest.approx([0.6, 0.2])
    with pytest.raises(InputError, match=r"radius is 0.5; give a number from 0 to 0.45"):
        ForkVectorEnv(1, radius=0.5)
    with pytest.raises(InputError, match=r"goal is \[0.5, 1.2\]; give two numbers from 0 to 1"):
        ForkVectorEnv(1, goal=(0.5, 1.2))
    with pytest.raises(InputError, match=r"no option 'hedge'; choose from tree, radius, goal, start"):
        env.reset(options={"hedge": 1})


@pytest.mark.parametrize("name", ["fork", "fork-moving"])
def test_the_expert_arrives_on_either_side_and_crashes_at_most_once_in_a_hundred(name):
    task = TASKS[name]
    walks = rollout(task.expert(), task, range(1000))
    assert walks.success.mean() >= 0.99
    sides = [(walks.mode == side).sum() for side in ("left", "right")]
    assert min(sides) > 430  # a fair coin


def test_the_coin_shows_in_the_first_steps_before_the_tree_explains_it():
    walks = TASKS["fork"].demonstrations(60)
    ahead = np.stack([walks.path(i)[6] - walks.path(i)[0] for i in range(60)])
    leftward = np.degrees(np.arctan2(-ahead[:, 0], ahead[:, 1]))  # 0 is straight on
    assert np.array_equal(leftward > 20, walks.mode == "left") and np.array_equal(leftward < -20, walks.mode == "right")


@given(st.integers(0, 10_000))
def test_what_moves_stays_in_the_square_and_leaves_room(seed):
    scene = drawn(MOVING, MOVING_SPREAD, np.random.default_rng(seed))
    features = np.concatenate([scene.features(), scene.start])
    assert (features > 0).all() and (features < 1).all()
    for free in (scene.goal, scene.start):
        assert np.linalg.norm(free - scene.tree) > scene.radius + 0.06


def test_the_expert_squeezes_between_a_tree_and_the_wall():
    scene = {"tree": (0.31, 0.5), "radius": 0.2}
    task = replace(TASKS["fork"], options=scene, expert=lambda: ForkExpert(scene_with(FORK, **scene)))
    walks = rollout(task.expert(), task, range(600))
    left = walks.observations[walks.starts + 6, 0] < walks.observations[walks.starts, 0]
    assert walks.success[left].mean() > 0.985 and left.sum() > 200


class Idler:
    """Stands still."""

    obs_horizon = 1

    def act(self, observations, generator=None):
        return torch.zeros(len(observations), 7, 2)


def test_who_stands_still_is_stopped_by_the_clock():
    walks = rollout(Idler(), TASKS["fork"], range(3))
    assert walks.lengths.tolist() == [MAX_STEPS] * 3
    assert not walks.terminated.any() and not walks.success.any()
    assert TASKS["fork"].demonstrations(3).terminated.all()


def test_the_sides_are_as_one_sees_them():
    up = np.linspace(FORK.start, FORK.goal, 20)
    assert side_of(FORK, up - np.array([0.3, 0])) == "left"
    assert side_of(FORK, up + np.array([0.3, 0])) == "right"


@pytest.mark.parametrize(("count", "left"), [(7, 4), (40, 20)])
def test_demonstrations_hold_half_of_each_side_and_successes_alone(count, left):
    for name in ("fork", "fork-moving"):
        walks = TASKS[name].demonstrations(count)
        assert (walks.mode == "left").sum() == left and (walks.mode == "right").sum() == count - left
        assert walks.success.all() and walks.terminated.all() and len(walks) == count
        assert (np.diff(walks.seeds) > 0).all()


def test_an_expert_that_cannot_succeed_is_named_and_not_tried_for_ever():
    walled = replace(TASKS["fork"], options={"goal": (0.5, 0.5)})  # within the tree
    with pytest.raises(InputError, match="the expert of fork has succeeded left in 0 of"):
        walled.demonstrations(2)


def test_the_way_that_is_missing_is_named():
    one_sided = replace(TASKS["fork"], options={"tree": (0.1, 0.5), "radius": 0.3})  # a wall at its left
    with pytest.raises(InputError, match=r"has succeeded left in \d of .* more are wanted"):
        one_sided.demonstrations(4)


def test_an_agent_that_is_done_stays_and_is_not_paid_again():
    env = ForkVectorEnv(2, start=(0.5, 0.2), exact=True)
    env.reset(seed=0)
    paid = [env.step(np.array([[0.0, 1.0], [0.0, 0.0]]))[1:3] for _ in range(30)]
    assert sum(rewards[0] for rewards, _ in paid) == 0 and paid[-1][1].tolist() == [True, False]
    assert env.position[0, 1] < 0.3
    assert env.reset(seed=1, options={"reset_mask": np.array([True, False])})[0][0].tolist() == pytest.approx(
        [0.5, 0.2]
    )
    assert env.step(np.zeros((2, 2)))[2].tolist() == [False, False]


@pytest.mark.parametrize("seed", [np.int64(5), np.array([5, 6, 7]), (5, 6, 7)])
def test_seeds_come_in_any_form_but_in_the_right_number(seed):
    env = ForkVectorEnv(3)
    assert np.array_equal(env.reset(seed=seed)[0], env.reset(seed=5)[0])
    with pytest.raises(InputError, match="2 seeds for 3 agents"):
        env.reset(seed=[7, 8])


@pytest.mark.parametrize(
    "options", [{"start": (0, 0)}, {"moving": True, "goal": (1, 1)}, {"moving": True, "radius": 0.0}]
)
def test_a_scene_at_the_edge_is_observed_within_bounds(options):
    env = gymnasium.make("dilviz/Fork-v0", **options)
    assert all(env.observation_space.contains(env.reset(seed=seed)[0]) for seed in range(30))


def test_an_action_that_is_no_number_is_named():
    env = ForkVectorEnv(1)
    env.reset(seed=0)
    with pytest.raises(InputError, match=r"the action \[\[nan, 0.0\]\] has a value that is not finite"):
        env.step(np.array([[np.nan, 0.0]]))


def test_the_observation_is_the_position_and_nothing_else():
    walks = TASKS["fork"].demonstrations(4)
    after, _, _ = move(FORK, walks.observations, walks.actions)
    for i in range(4):
        rows = slice(walks.starts[i], walks.episode_ends[i])
        assert np.allclose(after[rows], walks.path(i)[1:], atol=1e-6)


def test_a_whole_walk_is_planned_from_the_first_look():
    expert = ForkExpert()
    seen = torch.tensor([[[0.5, 0.07]]] * 3)
    walk = expert.act(seen, [torch.Generator().manual_seed(i) for i in range(3)])
    assert walk.shape == (3, MAX_STEPS, 2) and walk.abs().max() <= 1
    again = expert.act(seen[1:2], [torch.Generator().manual_seed(1)])
    assert torch.equal(walk[1:2], again)


def test_500_at_once_and_500_runs_of_one_come_to_the_same():
    policy, task = shipped("fork", "diffusion"), TASKS["fork"]
    seeds = range(40_000, 40_500)
    together = rollout(policy, task, seeds)
    alone = [rollout(policy, task, [seed]) for seed in seeds]
    each = alone, together.success, together.mode
    agree = [one.success[0] == s and one.mode[0] == m for one, s, m in zip(*each, strict=True)]
    assert sum(agree) >= 498
