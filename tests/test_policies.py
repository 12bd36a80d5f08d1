"""Cloning, the warm start, and how policies are kept: what each of them gives, and what it is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dilviz.diffusion import NoiseSchedule, ddim
from dilviz.errors import InputError
from dilviz.imitation import CloningPolicy, DiffusionPolicy, Windows, rollout, train_cloning, train_diffusion_policy
from dilviz.imitation.cloning import ChunkRegressor
from dilviz.imitation.learners import LEARNERS, load_policy
from dilviz.tasks import TASKS, shipped
from tests.test_imitation import episodes, toy_policy


def two_answers(count=60):
    """The same look, half of the time -1 and half of the time +1."""
    data = episodes([4] * count)
    actions = np.repeat(np.tile([-1.0, 1.0], count // 2), 4)[:, None].astype(np.float32)
    blind = np.random.default_rng(0).random((4 * count, 3)).astype(np.float32)
    return replace(data, observations=blind, actions=actions)


def test_cloning_answers_the_mean_of_two_good_answers():
    windows, look = Windows(two_answers(), 1, 4, 2), torch.rand(100, 1, 3, generator=torch.Generator().manual_seed(0))
    cloned, _ = train_cloning(windows, action_horizon=2, width=32, steps=600, device="cpu")
    sampled, _ = train_diffusion_policy(windows, action_horizon=2, width=64, steps=800, device="cpu")
    between = [(policy.act(look).abs() < 0.5).float().mean() for policy in (cloned, sampled)]
    assert between[0] > 0.9 and between[1] < 0.2


def test_cloning_regresses_what_was_done_and_looks_at_no_noise():
    rng = np.random.default_rng(0)
    data = episodes([5] * 80)
    seen = rng.uniform(-1, 1, (400, 3)).astype(np.float32)
    data = replace(data, observations=seen, actions=seen[:, :2] * [2, 0.5])
    policy, _ = train_cloning(Windows(data, 1, 1, 1), action_horizon=1, width=64, steps=2000, device="cpu")
    look = torch.from_numpy(rng.uniform(-0.9, 0.9, (100, 1, 3))).float()
    first = policy.act(look, torch.Generator().manual_seed(0))
    assert torch.equal(first, policy.act(look, torch.Generator().manual_seed(1)))
    assert (first[:, 0] - look[:, 0, :2] * torch.tensor([2, 0.5])).abs().max() < 0.15


@pytest.mark.parametrize("obs_horizon", [1, 2, 3])
def test_the_first_action_that_is_given_belongs_to_the_newest_observation(obs_horizon):
    data = episodes([12] * 30)
    data = replace(data, actions=data.observations[:, 1:2])  # each action says which step it belongs to
    windows = Windows(data, obs_horizon, obs_horizon + 3, 4)
    policy, _ = train_cloning(windows, action_horizon=4, width=64, steps=1500, device="cpu")
    steps = torch.arange(4, 4 + obs_horizon).float()
    seen = torch.stack([torch.full_like(steps, 7), steps, steps * 0], dim=1)[None]
    assert torch.allclose(policy.act(seen)[0, :, 0], steps[-1] + torch.arange(4), atol=0.3)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_is_kept_and_read_back(name, tmp_path):
    learner = LEARNERS[name]
    horizons = (2, 2, 1) if learner.one_step else (2, 6, 3)
    windows = Windows(TASKS["fork"].demonstrations(4), *horizons)
    options = {"width": 12, "depth": 2, "steps": 5, "prediction_type": "epsilon", "num_train_timesteps": 10}
    options |= {"num_inference_steps": 3}
    horizon = 1 if learner.one_step else 3
    options = {n: options[n] for n in learner.uses} | ({"task": TASKS["fork"]} if learner.asks else {})
    policy, _ = learner.train(windows, action_horizon=horizon, device="cpu", **options)
    policy.save(tmp_path / "p.safetensors", {"task": "toy"})
    seen = torch.rand(4, 2, 2)
    assert torch.equal(load_policy(tmp_path / "p.safetensors").act(seen), policy.act(seen))
    assert policy.act(seen).shape == (4, horizon, 2)


def test_how_a_policy_samples_is_kept_with_it(tmp_path):
    toy_policy().use("ddim", 7, 0.3, eta=0.5).save(tmp_path / "p.safetensors", {})
    kept = load_policy(tmp_path / "p.safetensors")
    assert (kept.sampler, kept.num_inference_steps, kept.warm_start, kept.sampler_options) == (
        "ddim",
        7,
        0.3,
        {"eta": 0.5},
    )


@pytest.mark.parametrize("size", [{"depth": 0}, {"depth": -2}, {"width": 0}, {"horizon": 0}])
def test_a_regressor_without_units_is_named(size):
    (name,) = size
    with pytest.raises(InputError, match=f"{name} is {size[name]}; it is too small for a network"):
        ChunkRegressor(**{"horizon": 2, "dim": 2, "cond_dim": 2} | size)


def test_a_rollout_without_seeds_or_actions_is_named():
    class Silent:
        obs_horizon = 1

        def act(self, observations, generator=None):
            return torch.zeros(len(observations), 0, 2)

    with pytest.raises(InputError, match="there is no seed"):
        rollout(Silent(), TASKS["fork"], [])
    with pytest.raises(InputError, match=r"a chunk of shape \(2, 0, 2\)"):
        rollout(Silent(), TASKS["fork"], [1, 2])


def test_a_file_of_another_kind_is_named(tmp_path):
    toy_policy().save(tmp_path / "p.safetensors", {})
    with pytest.raises(InputError, match="holds a policy of kind 'diffusion', not 'cloning'"):
        CloningPolicy.load(tmp_path / "p.safetensors")


def walkers(policy, seeds=range(40)):
    return rollout(policy, TASKS["fork"], seeds)


@pytest.fixture(scope="module")
def fork_policy():
    windows = Windows(TASKS["fork"].demonstrations(100), 2, 8, 4)
    policy, _ = train_diffusion_policy(windows, action_horizon=4, width=96, steps=2500, device="cpu")
    return policy


def test_a_warm_start_keeps_the_side_that_was_chosen_and_makes_fewer_passes(fork_policy, monkeypatch):
    cond = fork_policy.condition(torch.tensor([[[0.5, 0.07]] * 2] * 100))
    chosen = fork_policy.sample(cond, torch.Generator().manual_seed(1))
    right = chosen[:, :, 0].mean(1) > 0
    assert 20 < right.sum() < 80
    asked = []
    prepare = fork_policy.denoiser.prepare
    monkeypatch.setattr(
        fork_policy.denoiser, "prepare", lambda times, cond: asked.append(len(times)) or prepare(times, cond)
    )
    agree = []
    for warm_start in (None, 0.3):
        fork_policy.use("ddim", 10, warm_start)
        again = fork_policy.sample(cond, torch.Generator().manual_seed(2), chosen if warm_start else None)
        agree.append(((again[:, :, 0].mean(1) > 0) == right).float().mean())
    fork_policy.use("ddim", 10)
    assert agree[0] < 0.7 and agree[1] > 0.95
    assert asked == [10, 3]


def test_a_warm_start_remembers_each_walker_and_forgets_at_the_end(fork_policy):
    warm = DiffusionPolicy(
        fork_policy.denoiser, fork_policy.schedule, fork_policy.observation_scale, fork_policy.action_scale, 2, 4
    ).use("ddim", 10, warm_start=0.5)  # fmt: skip
    together, alone = walkers(warm), [walkers(warm, [seed]) for seed in (3, 17)]
    for seed, one in zip((3, 17), alone, strict=True):
        assert np.allclose(together.path(seed)[:20], one.path(0)[:20], atol=1e-3)
    cold = walkers(fork_policy)
    assert np.array_equal(together.path(0)[:5], cold.path(0)[:5])  # the first chunk has nothing to start from
    assert not np.array_equal(together.path(0)[5:9], cold.path(0)[5:9])
    assert together.success.mean() > 0.7


def test_a_warm_start_begins_with_what_is_left_of_the_last_chunk(monkeypatch):
    policy, given = toy_policy().use("ddim", 5, warm_start=0.5), []  # 6 actions, of which 3 are done
    sample = policy.sample
    monkeypatch.setattr(policy, "sample", lambda cond, g, near: given.append(near) or sample(cond, g, near))
    memory = [{}, {}]
    policy.act(torch.randn(2, 2, 8), None, memory=memory)
    chunk = torch.stack([row["chunk"] for row in memory])
    policy.act(torch.randn(2, 2, 8), None, memory=memory)
    assert given[0] is None
    assert torch.equal(given[1][:, :3], chunk[:, 3:])
    assert torch.equal(given[1][:, 3:], chunk[:, -1:].expand(-1, 3, -1))


def test_options_of_the_sampler_reach_it():
    policy, seen = toy_policy(), torch.randn(3, 2, 8)
    plain = policy.use("ddim", 5).act(seen, torch.Generator().manual_seed(0))
    noisy = policy.use("ddim", 5, eta=1.0).act(seen, torch.Generator().manual_seed(0))
    assert not torch.allclose(plain, noisy)
    cond, noise = policy.condition(seen), torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(0))
    leading = policy.use("ddim", 5, timestep_spacing="leading").sample(cond, torch.Generator().manual_seed(0))
    by_hand = ddim(policy.denoiser, policy.schedule, noise, timesteps=[16, 12, 8, 4, 0], cond=cond)
    assert torch.allclose(leading, by_hand)
    with pytest.raises(InputError, match="timestep_spacing 'lagging' is unknown"):
        policy.use("ddim", 5, timestep_spacing="lagging")
    assert policy.sampler_options == {"timestep_spacing": "leading"}  # a refusal changes nothing


def test_a_cloned_policy_knows_how_far_it_sees_ahead():
    windows = Windows(episodes([9, 7]), 2, 6, 3)
    policy, _ = train_cloning(windows, action_horizon=3, width=8, depth=1, steps=1, device="cpu")
    assert policy.pred_horizon == 6
    policy.action_horizon = 5
    assert policy.act(torch.randn(1, 2, 3)).shape == (1, 5, 2)


def test_a_warm_start_out_of_range_is_named():
    with pytest.raises(InputError, match=r"warm_start is 1\.5; give a number from 0 to 1"):
        toy_policy().use("ddim", 5, warm_start=1.5)


def test_a_cloned_fork_runs_into_the_tree_and_a_sampled_one_passes_on_both_sides(fork_policy):
    windows = Windows(TASKS["fork"].demonstrations(100), 2, 8, 4)
    cloned, _ = train_cloning(windows, action_horizon=4, width=96, steps=2500, device="cpu")
    assert walkers(cloned).success.mean() < 0.2
    sampled = walkers(fork_policy, range(100))
    assert sampled.success.mean() > 0.8
    assert min((sampled.mode == side).sum() for side in ("left", "right")) > 20


def test_the_schedule_is_kept_with_the_weights(tmp_path):
    policy = toy_policy()
    policy.schedule = NoiseSchedule(20, "linear", 0.01, 0.3)
    policy.save(tmp_path / "p.safetensors", {})
    kept = DiffusionPolicy.load(tmp_path / "p.safetensors").schedule
    assert torch.equal(kept.alphas_cumprod, policy.schedule.alphas_cumprod)


def test_a_diffusion_policy_does_its_chunk_from_the_newest_observation_on():
    policy = shipped("fork", "diffusion")
    seen = torch.tensor([[[0.48, 0.1], [0.48, 0.12]], [[0.3, 0.4], [0.29, 0.43]]])
    whole = policy.action_scale.unscale(policy.sample(policy.condition(seen), torch.Generator().manual_seed(3)))
    given = policy.act(seen, torch.Generator().manual_seed(3))
    assert torch.allclose(given, whole[:, 1:5])  # the chunk begins at the older of two; four are done


def test_the_condition_is_what_was_seen_last_oldest_first():
    policy = shipped("fork", "diffusion")
    seen = torch.tensor([[[0.48, 0.1], [0.5, 0.13]]])
    low, high = policy.observation_scale.low, policy.observation_scale.high
    wanted = [2 * (place - low) / (high - low) - 1 for place in seen[0]]
    assert torch.allclose(policy.condition(seen)[0], torch.cat(wanted))
