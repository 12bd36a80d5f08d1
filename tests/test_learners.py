"""The learners beside regression and diffusion: what each is by its mathematics, and what each does at the fork."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from dilviz.envs.fork import ForkExpert, ReactingForkExpert
from dilviz.errors import InputError
from dilviz.imitation import Windows, rollout, train_cloning
from dilviz.imitation.dagger import corrected, train_dagger
from dilviz.imitation.intervals import student_mean
from dilviz.imitation.lookup import remember
from dilviz.imitation.measures import action_entropy, box_of, mode_share, state_coverage, turning
from dilviz.imitation.mixture_density import MixtureDensityNetwork, train_mixture_density
from dilviz.tasks import FIRST, TASKS
from tests.test_imitation import episodes

FORK_TASK = TASKS["fork"]


@pytest.fixture(scope="module")
def demonstrations():
    return FORK_TASK.demonstrations(60)


# --- mixture density ---


def test_the_loss_of_a_mixture_is_its_negative_log_likelihood():
    network = MixtureDensityNetwork(3, 2, 4, width=16, depth=2, components=5)
    target = torch.rand(7, 3, 2)
    output = network(None, None, torch.randn(7, 4)).detach()
    log_weight, mean, std = network.mixture(output)
    assert torch.allclose(log_weight.exp().sum(1), torch.ones(7)) and std.min() > 0
    known = MixtureSameFamily(Categorical(logits=log_weight), Independent(Normal(mean, std), 1))
    expected = -known.log_prob(target.flatten(1)).mean() / 6
    assert float(network.loss(output, target)) == pytest.approx(float(expected), rel=1e-5)


def test_a_mixture_gives_each_answer_as_often_as_the_expert_did():
    data = episodes([4] * 200)
    rng = np.random.default_rng(0)
    actions = np.repeat(np.where(np.arange(200) % 10 < 3, -1.0, 1.0), 4)[:, None]
    actions = (actions + 0.05 * rng.standard_normal(actions.shape)).astype(np.float32)
    blind = rng.random((800, 3)).astype(np.float32)
    windows = Windows(replace(data, observations=blind, actions=actions), 1, 4, 2)
    policy, _ = train_mixture_density(windows, action_horizon=2, width=32, depth=2, steps=600, device="cpu")
    drawn = policy.act(torch.rand(2000, 1, 3), torch.Generator().manual_seed(0))
    assert ((drawn.abs() - 1).abs() < 0.3).float().mean() > 0.97  # next to none lies between
    assert (drawn[:, 0, 0] < 0).float().mean() == pytest.approx(0.3, abs=0.08)
    assert torch.equal(drawn[:, 0] < 0, drawn[:, 1] < 0)  # a chunk keeps to its answer


def test_the_first_action_of_a_mixture_belongs_to_the_newest_observation():
    data = episodes([12] * 30)
    data = replace(data, actions=data.observations[:, 1:2])  # each action says which step it belongs to
    policy, _ = train_mixture_density(
        Windows(data, 2, 5, 4), action_horizon=4, width=32, depth=2, components=2, steps=800, device="cpu"
    )
    seen = torch.tensor([[[7.0, 4.0, 0.0], [7.0, 5.0, 0.0]]])
    assert torch.allclose(policy.act(seen)[0, :, 0], torch.arange(5.0, 9.0), atol=0.4)


def test_a_row_of_a_mixture_is_drawn_from_its_own_generator(demonstrations):
    windows = Windows(demonstrations, 2, 8, 4)
    policy, _ = train_mixture_density(windows, action_horizon=4, width=16, depth=1, steps=5, device="cpu")
    seen = windows.observations()[:3]
    alone = policy.act(seen[2:], [torch.Generator().manual_seed(5)])
    among = policy.act(seen, [torch.Generator().manual_seed(seed) for seed in (3, 4, 5)])
    assert torch.allclose(among[2], alone[0], atol=1e-6)


# --- look-up ---


def test_look_up_gives_what_the_expert_did_where_it_saw_the_same(demonstrations):
    windows = Windows(demonstrations, 2, 8, 4)
    policy, history = remember(windows, action_horizon=4)
    some = torch.arange(0, len(windows), 37)
    given = policy.act(windows.observations()[some])
    assert torch.allclose(given, windows.actions()[some, 1:5], atol=1e-5)
    assert history.loss is None and not list(policy.network.parameters())


def test_look_up_takes_the_nearest_in_the_scale_of_the_data():
    data = episodes([1, 1])  # one number spans 0 to 1, the other 0 to 100
    seen = np.array([[0.0, 0.0, 0.0], [1.0, 100.0, 0.0]], dtype=np.float32)
    windows = Windows(replace(data, observations=seen, actions=np.array([[1.0], [2.0]], dtype=np.float32)), 1, 1, 1)
    policy, _ = remember(windows, action_horizon=1)
    asked = torch.tensor([[[0.1, 60.0, 0.0]], [[0.9, 40.0, 0.0]]])
    assert policy.act(asked).flatten().tolist() == pytest.approx([1.0, 2.0])


# --- the expert that can be asked, and DAgger ---


def test_the_expert_that_reacts_goes_round_on_the_side_on_which_it_stands():
    expert = ReactingForkExpert()
    below, beside = torch.tensor([[[0.45, 0.14]], [[0.55, 0.14]]]), torch.tensor([[[0.13, 0.5]], [[0.87, 0.5]]])
    noise = [torch.Generator().manual_seed(seed) for seed in range(2)]
    assert expert.act(below, noise)[0, 0, 0] < -0.5 and expert.act(below, noise)[1, 0, 0] > 0.5
    assert expert.act(beside, noise)[:, 0, 1].min() > 0.5
    walks = rollout(expert, FORK_TASK, range(300))
    assert walks.success.mean() > 0.97 and 60 < (walks.mode == "left").sum() < 240
    moving = rollout(ReactingForkExpert(None), TASKS["fork-moving"], range(300))
    assert moving.success.mean() > 0.95


def test_where_the_expert_is_a_function_of_what_it_sees_regression_wins():
    task = replace(FORK_TASK, expert=FORK_TASK.asked)
    success = {}
    for name, expert in (("commits", FORK_TASK), ("reacts", task)):
        windows = Windows(expert.demonstrations(100), 2, 2, 1)
        policy, _ = train_cloning(windows, action_horizon=1, width=128, steps=3000, device="cpu")
        success[name] = rollout(policy, FORK_TASK, range(200)).success.mean()
    assert success["reacts"] > 0.9 > 0.5 > success["commits"]


def test_corrections_keep_what_was_seen_and_ask_the_expert_there():
    walks = rollout(ForkExpert(), FORK_TASK, [3, 4])
    exact = ReactingForkExpert()
    answers = corrected(walks, exact)
    assert np.array_equal(answers.observations, walks.observations)
    seen = torch.from_numpy(walks.observations[: walks.lengths[0]])[:, None]
    assert np.allclose(answers.actions[: walks.lengths[0]], exact.act(seen, torch.Generator().manual_seed(3))[:, 0])


@pytest.mark.parametrize(("demos", "own"), [(1, 0), (2, 1), (11, 5)])
def test_dagger_learns_from_as_many_episodes_as_it_was_given(demos, own, monkeypatch):
    seeds = []

    def noted(policy, task, some):
        seeds.extend(some)
        return rollout(policy, task, some)

    monkeypatch.setattr("dilviz.imitation.dagger.rollout", noted)
    given = FORK_TASK.demonstrations(demos)
    windows = Windows(given, 2, 2, 1)
    train_dagger(windows, action_horizon=1, task=FORK_TASK, steps=30, width=8, depth=1, device="cpu")
    assert len(seeds) == len(set(seeds)) == own
    assert not set(seeds) & set(given.seeds.tolist()) and min(seeds, default=FIRST) >= FIRST


def test_dagger_gets_round_the_tree_where_cloning_does_not(demonstrations):
    windows, size = Windows(demonstrations, 2, 2, 1), {"width": 128, "steps": 3000, "device": "cpu"}
    asked, _ = train_dagger(windows, action_horizon=1, task=FORK_TASK, **size)
    cloned, _ = train_cloning(windows, action_horizon=1, **size)
    arrived = [rollout(policy, FORK_TASK, range(200)).success.mean() for policy in (asked, cloned)]
    assert arrived[0] > 0.85 and arrived[0] > arrived[1] + 0.3


def test_an_interrupted_dagger_goes_on_to_the_same_policy(tmp_path, demonstrations):
    windows = Windows(demonstrations.only(np.arange(8)), 2, 2, 1)
    options = {"action_horizon": 1, "task": FORK_TASK, "steps": 60, "width": 8, "depth": 1, "device": "cpu"}
    whole, _ = train_dagger(windows, **options)
    train_dagger(windows, checkpoint=tmp_path / "t", **options)
    for late in sorted(tmp_path.iterdir())[3:]:
        late.unlink()
    resumed, _ = train_dagger(windows, checkpoint=tmp_path / "t", resume=True, **options)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_dagger_without_an_expert_or_with_chunks_is_named(demonstrations):
    with pytest.raises(InputError, match="action_horizon is 4; DAgger asks for one action at a time"):
        train_dagger(Windows(demonstrations, 2, 8, 4), action_horizon=4, task=FORK_TASK, steps=30)
    with pytest.raises(InputError, match="steps is 3; give at least 10"):
        train_dagger(Windows(demonstrations, 2, 2, 1), action_horizon=1, task=FORK_TASK, steps=3)


# --- measures ---


def test_coverage_counts_the_cells_that_are_visited():
    walk = episodes([4])
    places = np.array([[0.0, 0.0, 9], [0.0, 0.01, 9], [1.0, 1.0, 9], [2.0, -3.0, 9]], dtype=np.float32)
    walk = replace(walk, observations=places)
    # Two lie in one cell; the last one, outside, counts for the cell at the edge.
    assert state_coverage(walk, np.zeros(2), np.ones(2)) == pytest.approx(3 / 400)
    low, high = box_of(walk)
    assert low.tolist() == [0, -3] and high.tolist() == [2, 1]


class Tossing:
    """Gives -1 with some chance, else 1."""

    obs_horizon = 2

    def __init__(self, chance):
        self.chance = chance

    def act(self, observations, generator=None):
        left = torch.rand(len(observations), 1, 1, generator=generator) < self.chance
        return torch.where(left, -1.0, 1.0)


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5])
def test_action_entropy_is_that_of_the_draws(chance):
    seen = np.zeros((30, 3), dtype=np.float32)
    found = action_entropy(Tossing(chance), seen, np.array([-1.0]), np.array([1.0]))
    right = -sum(p * math.log(p) for p in (chance, 1 - chance) if p)
    assert found == pytest.approx(right, abs=0.03)


def test_the_share_of_the_rarer_way():
    assert mode_share({"left": 30, "right": 10}) == 0.25
    assert mode_share({"left": 0, "right": 10}) == 0
    assert mode_share({"left": 0, "right": 0}) is None and mode_share({}) is None


def test_the_interval_over_trainings_is_students():
    low, high = student_mean(np.array([0.9, 1.0, 0.8, 0.95, 0.85]))
    # The mean is 0.9, the standard deviation 0.0791, and Student's quantile for four degrees of freedom 2.776.
    assert (low, high) == (pytest.approx(0.8018, abs=1e-3), pytest.approx(0.9982, abs=1e-3))
    assert student_mean(np.array([0.7])) == (0.7, 0.7)


def test_turning_is_the_mean_angle_between_actions_of_one_episode():
    walks = TASKS["fork"].demonstrations(2)
    corner = [[1, 0], [0, 1], [-1, 0]]  # twice a right angle; the jump to the next episode does not count
    actions = np.zeros_like(walks.actions)
    actions[:3], actions[walks.starts[1] : walks.starts[1] + 2] = corner, [[-1, -1], [0, -2]]
    assert turning(replace(walks, actions=actions)) == pytest.approx((90 + 90 + 45) / 3)
    assert np.isnan(turning(replace(walks, actions=0 * actions)))
