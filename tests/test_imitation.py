"""Episodes, windows, scaling, rollouts, policies, the tasks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dilviz.diffusion import MLPDenoiser, NoiseSchedule
from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_checkpoint
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy, Episodes, Windows, rollout, train_diffusion_policy
from dilviz.imitation.intervals import bootstrap_mean, wilson
from dilviz.imitation.scaling import MinMax
from dilviz.tasks import FIRST, TASKS, get_task


def episodes(lengths, obs_dim=3, act_dim=2):
    """Row k of episode e observes (e, k, …) and does (e + k / 100, …): every number tells where it comes from."""
    ends = np.cumsum(lengths)
    episode = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(ends[-1]) - np.repeat(np.concatenate([[0], ends[:-1]]), lengths)
    observations = np.stack([episode, step] + [step * 0] * (obs_dim - 2), axis=1).astype(np.float32)
    actions = (episode + step / 100)[:, None].repeat(act_dim, axis=1).astype(np.float32)
    count = len(lengths)
    return Episodes(
        observations,
        actions,
        rewards=np.ones(ends[-1]),
        episode_ends=ends,
        last=np.zeros((count, obs_dim), np.float32),
        terminated=np.ones(count, bool),
        seeds=np.arange(count),
        success=np.ones(count, bool),
        mode=np.array([""] * count),
        task="toy",
    )


def test_episodes_tell_their_shapes_and_refuse_lengths_that_disagree():
    data = episodes([5, 3])
    assert "2 episodes, 8 steps" in repr(data)
    assert data.returns.tolist() == [5, 3]
    with pytest.raises(InputError, match="disagree"):
        replace(data, observations=data.observations[:-1])
    with pytest.raises(InputError, match="seeds has 1 entries for 2 episodes"):
        replace(data, seeds=np.zeros(1, int))


def test_some_of_the_episodes_keep_their_rows():
    chosen = episodes([5, 3, 4]).only(np.array([True, False, True]))
    assert chosen.lengths.tolist() == [5, 4]
    assert chosen.observations[5:, 0].tolist() == [2, 2, 2, 2]
    assert len(chosen.only(np.zeros(2, bool))) == 0


@given(
    st.lists(st.integers(1, 13), min_size=1, max_size=5),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(0, 4),
)
def test_the_action_of_the_newest_observation_has_index_obs_horizon_minus_one(
    lengths, obs_horizon, action_horizon, more
):
    pred_horizon = obs_horizon - 1 + action_horizon + more
    data = episodes(lengths)
    windows = Windows(data, obs_horizon, pred_horizon, action_horizon)
    seen, done = windows.observations(), windows.actions()
    assert seen.shape == (len(windows), obs_horizon, 3)
    assert done.shape == (len(windows), pred_horizon, 2)
    newest = seen[:, -1]
    expected = newest[:, 0] + newest[:, 1] / 100
    assert torch.allclose(done[:, obs_horizon - 1, 0], expected, atol=1e-5)


@given(st.lists(st.integers(1, 13), min_size=1, max_size=5), st.integers(1, 3), st.integers(1, 5))
def test_every_step_of_every_episode_begins_some_chunk(lengths, obs_horizon, action_horizon):
    data = episodes(lengths)
    windows = Windows(data, obs_horizon, obs_horizon - 1 + action_horizon, action_horizon)
    first = {tuple(row) for row in windows.observations()[:, -1, :2].int().tolist()}
    assert first >= {(e, k) for e, length in enumerate(lengths) for k in range(length)}
    assert (np.diff(windows.rows, axis=1) >= 0).all()  # edges are repeated, no window leaves its episode
    starts, ends = data.starts, data.episode_ends
    owner = np.searchsorted(ends, windows.rows[:, 0], side="right")
    assert (windows.rows >= starts[owner][:, None]).all() and (windows.rows < ends[owner][:, None]).all()


def test_both_ends_of_an_episode_are_repeated_as_often_as_the_horizons_need():
    windows = Windows(episodes([10]), obs_horizon=3, pred_horizon=7, action_horizon=4)
    first, last = windows.rows[0].tolist(), windows.rows[-1].tolist()
    assert first == [0, 0, 0, 1, 2, 3, 4]  # obs_horizon - 1 times before
    assert last == [6, 7, 8, 9, 9, 9, 9]  # action_horizon - 1 times after
    assert Windows(episodes([2]), 1, 5, 1).rows.tolist() == [[0, 1, 1, 1, 1]]  # shorter than a window: padded


def test_a_landing_counts_from_200_on():
    judge, nothing = get_task("lander").judge, np.zeros((3, 8))
    assert [judge(nothing, nothing, np.array([total])) for total in (199.9, 200.0)] == [(False, ""), (True, "")]


def test_a_prediction_shorter_than_what_is_executed_is_named():
    with pytest.raises(InputError, match=r"pred_horizon is 4, but obs_horizon - 1 \+ action_horizon is 5"):
        Windows(episodes([9]), 2, 4, 4)
    with pytest.raises(InputError, match="action_horizon is 0"):
        Windows(episodes([9]), 2, 4, 0)


@given(hnp.arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)))
def test_scaling_spans_minus_one_to_one_and_comes_back(values):
    data = torch.from_numpy(values)
    scale = MinMax.of(data)
    scaled = scale.scale(data)
    assert (scaled.abs() <= 1 + 1e-5).all()
    assert torch.allclose(scale.unscale(scaled), data, atol=1e-3)


def test_a_dimension_that_never_changes_becomes_zero_and_comes_back_whatever_is_sampled():
    scale = MinMax.of(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    assert scale.scale(torch.tensor([2.0, 5.0])).tolist() == [0.0, 0.0]
    assert scale.unscale(torch.tensor([0.0, 0.7])).tolist() == [2.0, 5.0]


def toy_policy(act_dim=2, seed=0):
    denoiser = MLPDenoiser(6, act_dim, 2 * 8, width=17, depth=2)
    torch.manual_seed(seed)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    scales = MinMax(-torch.ones(8), torch.ones(8)), MinMax(-torch.ones(act_dim), torch.ones(act_dim))
    return DiffusionPolicy(denoiser, NoiseSchedule(20), *scales, obs_horizon=2, action_horizon=3, num_inference_steps=5)


def test_a_saved_policy_acts_as_before(tmp_path):
    policy = toy_policy()
    policy.save(tmp_path / "policy.safetensors", {"task": "lander"})
    again = DiffusionPolicy.load(tmp_path / "policy.safetensors")
    seen = torch.randn(5, 2, 8)
    assert torch.equal(policy.act(seen), again.act(seen))
    assert policy.act(seen).shape == (5, 3, 2)


def damaged(change):
    """A saved policy after `change(recipe, tensors)`."""

    def write(path):
        toy_policy().save(path, {})
        recipe, tensors = read_recipe(path), read_checkpoint(path)
        change(recipe, tensors)
        write_checkpoint(path, tensors, recipe)

    return write


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda recipe, tensors: recipe.pop("network"), "KeyError: 'network'"),
        (lambda recipe, tensors: recipe.pop("obs_horizon"), "KeyError: 'obs_horizon'"),
        (lambda recipe, tensors: recipe.update(network=[3]), "TypeError"),
        (lambda recipe, tensors: recipe["network"].update(crown=1), "crown"),
        (lambda recipe, tensors: recipe["network"].update(width=18), "size mismatch"),
        (lambda recipe, tensors: recipe["network"].update(width=0), "width is 0"),
        (lambda recipe, tensors: recipe.update(obs_horizon=1), "observation scale .* 16 numbers"),
        (lambda recipe, tensors: recipe.update(obs_horizon="two"), "TypeError"),
        (lambda recipe, tensors: recipe.update(sampler=3), "sampler 3 is unknown"),
        (lambda recipe, tensors: tensors.pop("action.low"), "KeyError: 'action.low'"),
        (lambda recipe, tensors: tensors.pop("network.last.bias"), "Missing key"),
        (lambda recipe, tensors: tensors.update({"action.high": torch.ones(3)}), "action scale"),
        (lambda recipe, tensors: tensors["network.last.bias"].fill_(torch.nan), "network.last.bias has a value"),
        (lambda recipe, tensors: tensors["observation.low"].fill_(-torch.inf), "observation.low has a value"),
        (lambda recipe, tensors: tensors["alphas_cumprod"].fill_(0.5), "alpha_bar is 0.5"),
    ],
)
def test_a_policy_that_is_not_whole_is_refused_in_one_sentence(tmp_path, change, says):
    path = tmp_path / "policy.safetensors"
    damaged(change)(path)
    with pytest.raises(InputError, match=f"policy.safetensors is damaged or no whole diffusion policy .*{says}"):
        DiffusionPolicy.load(path)


def test_a_policy_acts_where_its_denoiser_lives():
    policy = toy_policy()
    policy.denoiser.to("meta")  # stands for a GPU: a tensor that stayed on the CPU is an error
    assert policy.act(torch.randn(5, 2, 8)).device.type == "meta"


def test_scales_that_do_not_fit_the_denoiser_are_named():
    right = toy_policy()
    small = MinMax(-torch.ones(7), torch.ones(7))
    with pytest.raises(InputError, match=r"the observation scale has shapes \(7,\) and \(7,\), .* have 8 numbers"):
        DiffusionPolicy(right.denoiser, right.schedule, small, right.action_scale, 2, 3)
    with pytest.raises(InputError, match=r"the action scale .* have 2 numbers"):
        DiffusionPolicy(right.denoiser, right.schedule, right.observation_scale, small, 2, 3)


def test_a_row_does_not_depend_on_its_neighbours():
    policy = toy_policy().use("ddpm", 5)
    seen = torch.randn(7, 2, 8)
    together = policy.act(seen, [torch.Generator().manual_seed(i) for i in range(7)])
    alone = torch.cat([policy.act(seen[i : i + 1], [torch.Generator().manual_seed(i)]) for i in range(7)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_observations_and_samplers_that_do_not_fit_are_named():
    policy = toy_policy()
    with pytest.raises(InputError, match=r"observations have shape \(5, 3, 8\)"):
        policy.act(torch.randn(5, 3, 8))
    with pytest.raises(InputError, match="sampler 'euler' is unknown"):
        policy.use("euler", 5)
    with pytest.raises(InputError, match="num_inference_steps is 21"):
        policy.use("ddim", 21)
    with pytest.raises(InputError, match="eta belongs to the sampler ddim, not to ddpm"):
        policy.use("ddpm", 5, eta=0.5)
    for eta in (-0.1, 1.5, np.nan):
        with pytest.raises(InputError, match=f"eta is {eta}; give a number from 0"):
            policy.use("ddim", 5, eta=eta)
    assert policy.sampler_options == {}
    assert policy.use("ddim", 5, eta=1).sampler_options == {"eta": 1}


def test_training_learns_two_answers_and_keeps_them_apart():
    # The same observation, half of the time -1 and half of the time +1: the mean would be 0.
    count = 60
    side = np.tile([-1.0, 1.0], count // 2)
    data = episodes([4] * count)
    actions = np.repeat(side, 4)[:, None].astype(np.float32)
    blind = np.random.default_rng(0).random((4 * count, 3)).astype(np.float32)
    data = replace(data, observations=blind, actions=actions)
    windows = Windows(data, 1, 4, 2)
    policy, _ = train_diffusion_policy(windows, action_horizon=2, width=96, steps=1500, device="cpu", seed=3)
    chunk = policy.act(torch.rand(100, 1, 3, generator=torch.Generator().manual_seed(0)))
    assert (chunk.abs() > 0.8).float().mean() > 0.9
    assert 25 < (chunk[:, 0, 0] > 0).sum() < 75


def test_the_lander_is_the_same_for_a_seed_whatever_the_batch():
    task = get_task("lander")
    expert = task.expert()
    together = rollout(expert, task, [3, 4, 5])
    alone = rollout(expert, task, [4])
    assert np.array_equal(together.only(np.array([1])).observations, alone.observations)
    assert together.returns[1] == alone.returns[0]
    assert together.seeds.tolist() == [3, 4, 5]


def test_demonstrations_are_successes_on_seeds_that_no_evaluation_meets():
    demonstrations = get_task("lander").demonstrations(3)
    assert len(demonstrations) == 3
    assert demonstrations.success.all() and (demonstrations.returns >= 200).all()
    assert (demonstrations.seeds >= FIRST).all()
    assert demonstrations.sha256 == get_task("lander").demonstrations(3).sha256


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_task_is_what_its_environment_is(task):
    environments = task.environments(2)
    seen = environments.reset([0, 1])
    assert seen.shape == (2, task.observation_dim)
    seen, rewards, ended, cut = environments.step(np.array([1]), np.zeros((1, task.action_dim), np.float32))
    assert seen.shape == (1, task.observation_dim) and rewards.shape == ended.shape == cut.shape == (1,)


@settings(max_examples=30)
@given(st.integers(1, 60), st.data())
def test_wilsons_interval_is_the_formula(n, data):
    k = data.draw(st.integers(0, n))
    z, p = 1.959963984540054, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert np.allclose(wilson(k, n), (max(middle - half, 0), min(middle + half, 1)), atol=1e-9)


def test_the_bootstrap_covers_the_mean_and_copes_with_constants():
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = bootstrap_mean(values)
    assert low < values.mean() < high
    assert abs((high - low) - 2 * 1.96 * 2 / 20) < 0.1
    assert bootstrap_mean(np.ones(5)) == (1.0, 1.0)
