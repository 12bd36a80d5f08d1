"""NoiseSchedule: its table, the way in (q), the way back (posterior), the conversions, each against an exact answer."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dilviz.diffusion import BETA_SCHEDULES, PREDICTION_TYPES, NoiseSchedule
from dilviz.diffusion.schedule import posterior_coefficients
from dilviz.errors import InputError

ROUNDING = 2.0**-23  # of float32, twice: one rounding of each factor, one of each product
every_schedule = pytest.mark.parametrize("name", BETA_SCHEDULES)


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# The table


@every_schedule
@pytest.mark.parametrize("T", [1, 2, 7, 1000])
def test_alpha_bar_falls_strictly_between_one_and_zero(name, T):
    schedule = NoiseSchedule(T, name)
    assert len(schedule) == schedule.num_train_timesteps == len(schedule.alphas_cumprod) == T
    assert schedule.alphas_cumprod.dtype == torch.float64
    whole = schedule.alpha_bar(torch.arange(-1, T))
    assert whole[0] == 1
    assert whole[-1] > 0
    assert (whole.diff() < 0).all()


def test_alpha_bar_is_the_product_of_one_minus_beta_to_the_last_digits():
    for name in BETA_SCHEDULES:
        schedule = NoiseSchedule(997, name)
        product = np.cumprod(1 - schedule.betas.numpy().astype(np.longdouble))
        for table in (schedule.alphas_cumprod, schedule.alpha_bar(torch.arange(997))):
            assert np.abs(table.numpy() / product - 1).max() < 1e-12
        assert np.abs(schedule.snr.numpy() * (1 - product) / product - 1).max() < 1e-11


def test_the_default_schedule_drowns_the_data_at_any_length():
    for T in (11, 50, 1000):
        assert NoiseSchedule(T).alphas_cumprod[-1] < 1e-3


def test_a_linear_schedule_is_too_short_with_fifty_steps_and_long_enough_with_a_thousand():
    assert NoiseSchedule(100, "linear").alphas_cumprod[-1].item() == pytest.approx(0.364, abs=1e-3)
    assert NoiseSchedule(1000, "linear").alphas_cumprod[-1] < 1e-4


def test_clean_is_minus_one_and_never_wraps_round_to_the_noisiest():
    schedule = NoiseSchedule(13)
    assert schedule.alpha_bar(-1) == 1
    assert schedule.alpha_bar(torch.tensor([-1, 12, 0])).tolist() == [1, *schedule.alphas_cumprod[[12, 0]].tolist()]
    assert schedule.log_snr(-1) == math.inf


def test_between_whole_times_log_snr_is_linear():
    schedule = NoiseSchedule(29, "linear")
    for t, share in [(3, 0.25), (17, 0.5), (27, 0.9)]:
        ends = schedule.log_snr(torch.tensor([t, t + 1]))
        assert schedule.log_snr(t + share).item() == pytest.approx(torch.lerp(*ends, share).item(), rel=1e-12)
        assert schedule.alpha_bar(float(t)) == schedule.alphas_cumprod[t]


@given(st.floats(0, 1), st.sampled_from(sorted(BETA_SCHEDULES)), st.integers(1, 211))
def test_timestep_at_undoes_log_snr(share, name, T):
    schedule = NoiseSchedule(T, name)
    t = share * (T - 1)
    assert schedule.timestep_at(schedule.log_snr(t)).item() == pytest.approx(t, abs=1e-7)


def test_timestep_at_stays_within_the_schedule():
    schedule = NoiseSchedule(17)
    assert schedule.timestep_at(torch.tensor([math.inf, 99.0, -99.0, -math.inf])).tolist() == [0, 0, 16, 16]


def test_a_python_float_is_a_time_in_full_precision():
    schedule = NoiseSchedule(1000)
    exact = schedule.alpha_bar(torch.tensor(512.1, dtype=torch.float64))
    assert schedule.alpha_bar(512.1) == exact == schedule.alpha_bar([512.1])[0] == schedule.alpha_bar(np.float64(512.1))


def test_a_schedule_from_its_own_table_is_the_same_schedule():
    schedule = NoiseSchedule(23, "sigmoid")
    table = schedule.alphas_cumprod
    for given_as in (table, table.tolist(), table.numpy(), table.clone().requires_grad_()):
        again = NoiseSchedule.from_alphas_cumprod(given_as)
        assert torch.equal(again.alphas_cumprod, table)
        assert not again.alphas_cumprod.requires_grad


def test_a_schedule_never_changes():
    table = NoiseSchedule(11).alphas_cumprod
    schedule = NoiseSchedule.from_alphas_cumprod(table)
    table.zero_()
    schedule.alphas_cumprod.zero_()
    schedule.betas.zero_()
    schedule.alpha_bar(torch.arange(11)).zero_()
    schedule.alpha_bar(3).zero_()
    with pytest.raises(AttributeError, match="never changes"):
        schedule.alphas_cumprod = table
    assert torch.equal(schedule.alphas_cumprod, NoiseSchedule(11).alphas_cumprod)


def test_a_schedule_can_be_copied_pickled_and_moved():
    schedule = NoiseSchedule(19, "scaled_linear")
    for twin in (copy.deepcopy(schedule), copy.copy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert torch.equal(twin.alphas_cumprod, schedule.alphas_cumprod)
    assert torch.equal(schedule.to("cpu").alphas_cumprod, schedule.alphas_cumprod)
    moved = schedule.to("meta")
    assert moved.add_noise(torch.zeros(3, 5, device="meta"), torch.zeros(3, 5, device="meta"), 7).device.type == "meta"
    assert schedule.alphas_cumprod.device.type == "cpu"


# The way in


def test_the_variance_of_noised_data_follows_its_law():
    schedule, n = NoiseSchedule(101), 60_013
    x0 = 0.6 * randn(n, 1).sign() + 0.1 * randn(n, 1, seed=1)
    for t in (0, 31, 67, 100):
        alpha_bar = schedule.alphas_cumprod[t]
        got = schedule.add_noise(x0, randn(n, 1, seed=2 + t), t).var()
        law = alpha_bar * x0.var() + 1 - alpha_bar
        assert abs(got / law - 1) < 5 * math.sqrt(2 / n), f"t = {t}: variance {got:.4f}, by the law {law:.4f}"


def test_the_chain_equals_the_closed_form_at_every_step():
    # The clean point and each step's noise have a coordinate of their own, so that the shares can be read off.
    T = 37
    schedule, basis = NoiseSchedule(T, "linear", beta_end=0.3), torch.eye(T + 1, dtype=torch.float64)
    x = basis[:1]
    for t in range(T):
        x = schedule.add_noise_step(x, basis[t + 1 : t + 2], t)
        at_once = schedule.add_noise(torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[0.0, 1.0]]).double(), t)
        chain = torch.stack([x[0, 0], x[0, 1:].norm()])
        assert (chain - at_once[0]).abs().max() < 1e-12, f"t = {t}: the chain has {chain}, the closed form {at_once[0]}"


def test_the_first_time_is_already_noisy():
    schedule = NoiseSchedule(41, "linear", beta_start=0.1, beta_end=0.2)
    x0, noise = randn(5, 3), randn(5, 3, seed=1)
    expected = math.sqrt(0.9) * x0 + math.sqrt(0.1) * noise
    assert torch.allclose(schedule.add_noise(x0, noise, 0), expected, rtol=1e-12)


def test_each_row_has_a_time_of_its_own():
    schedule, x0, noise = NoiseSchedule(43), randn(5, 3, 2), randn(5, 3, 2, seed=1)
    t = torch.tensor([0, 42, -1, 7, 7])
    rows = torch.stack([schedule.add_noise(x0[i], noise[i], int(t[i])) for i in range(5)])
    assert torch.equal(schedule.add_noise(x0, noise, t), rows)
    assert torch.equal(rows[2], x0[2])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_data_keeps_its_type_however_it_lies_in_memory(dtype):
    schedule, t = NoiseSchedule(31), torch.tensor([3, 30, 0])
    x0, noise = randn(2, 5, 3, dtype=dtype).permute(2, 1, 0), randn(2, 5, 3, seed=1, dtype=dtype).permute(2, 1, 0)
    xt = schedule.add_noise(x0, noise, t)
    assert xt.dtype == dtype
    assert torch.equal(xt, schedule.add_noise(x0.contiguous(), noise.contiguous(), t))
    assert schedule.posterior(xt, x0, t, -1)[0].dtype == dtype


def test_whole_numbers_are_data_too():
    schedule, x0 = NoiseSchedule(31), torch.tensor([[1, -1, 2]])
    assert torch.equal(
        schedule.add_noise(x0, torch.zeros(1, 3), 3), schedule.add_noise(x0.float(), torch.zeros(1, 3), 3)
    )
    assert torch.equal(schedule.add_noise(x0, 0 * x0, 3), schedule.add_noise(x0.float(), 0.0 * x0, 3))


def test_an_empty_batch_stays_empty():
    schedule, none = NoiseSchedule(31), torch.zeros(0, 5, 3)
    t = torch.zeros(0, dtype=torch.long)
    assert schedule.add_noise(none, none, t).shape == (0, 5, 3)
    assert schedule.posterior(none, none, t, t)[1].shape == (0, 1, 1)


def test_gradients_flow_through_noising():
    schedule, x0 = NoiseSchedule(31), randn(3, 2).requires_grad_()
    schedule.add_noise(x0, randn(3, 2, seed=1), torch.tensor([0, 5, 30])).sum().backward()
    assert torch.allclose(x0.grad[:, 0], schedule.alpha_bar(torch.tensor([0, 5, 30])).sqrt())


# The way back


@pytest.mark.parametrize(("t", "s"), [(1, 0), (29, 28), (29, 3), (17.5, 2.25), (5, 0.5)])
def test_the_posterior_is_bayes_rule(t, s):
    schedule, x0, xt = NoiseSchedule(31, "linear", beta_end=0.2), 0.7, -0.4
    at_t, at_s = schedule.alpha_bar(t).item(), schedule.alpha_bar(s).item()
    x = torch.linspace(-9, 9, 200_001, dtype=torch.float64)
    step = at_t / at_s
    log_likelihood = -((xt - math.sqrt(step) * x) ** 2) / (2 * (1 - step))
    log_prior = -((x - math.sqrt(at_s) * x0) ** 2) / (2 * (1 - at_s))
    density = (log_likelihood + log_prior).softmax(0)
    mean = (density * x).sum()
    variance = (density * (x - mean) ** 2).sum()
    got_mean, got_variance = schedule.posterior(torch.tensor([[xt]]).double(), torch.tensor([[x0]]).double(), t, s)
    assert got_mean.item() == pytest.approx(mean.item(), rel=1e-7)
    assert got_variance.item() == pytest.approx(variance.item(), rel=1e-6)


def test_the_posterior_to_clean_is_the_clean_point_itself():
    schedule, xt, x0 = NoiseSchedule(31), randn(5, 3), randn(5, 3, seed=1)
    mean, variance = schedule.posterior(xt, x0, 17, -1)
    assert torch.equal(mean, x0)
    assert (variance == 0).all()


@given(st.integers(0, 30), st.integers(0, 29))
def test_going_to_t_and_back_to_s_leaves_the_marginal_of_s(t, back):
    schedule = NoiseSchedule(31)
    s = max(-1, t - 1 - back)
    at_t, at_s = schedule.alpha_bar(t), schedule.alpha_bar(s)
    share_x0, share_xt, variance = posterior_coefficients(at_t, at_s)
    assert (share_x0 + share_xt * at_t.sqrt()).item() == pytest.approx(at_s.sqrt().item(), rel=1e-12)
    assert (share_xt**2 * (1 - at_t) + variance).item() == pytest.approx((1 - at_s).item(), rel=1e-9, abs=1e-15)


# What an output says


def _outputs(schedule, x0, noise, t):
    return {"epsilon": noise, "sample": x0, "v_prediction": schedule.velocity(x0, noise, t)}


def test_each_kind_of_output_tells_the_clean_point_and_the_noise():
    schedule, x0, noise = NoiseSchedule(47), randn(5, 3, 2), randn(5, 3, 2, seed=1)
    t = torch.tensor([0, 11, 23, 37, 46])
    xt = schedule.add_noise(x0, noise, t)
    for kind, output in _outputs(schedule, x0, noise, t).items():
        assert torch.allclose(schedule.to_x0(output, xt, t, kind), x0, atol=1e-9), kind
        assert torch.allclose(schedule.to_epsilon(output, xt, t, kind), noise, atol=1e-9), kind


@given(st.integers(0, 996), st.sampled_from(sorted(BETA_SCHEDULES)), st.floats(-3, 3), st.floats(-3, 3))
def test_conversions_lose_no_more_in_float32_than_their_condition_allows(t, name, x0, noise):
    schedule = NoiseSchedule(997, name)
    alpha_bar = schedule.alphas_cumprod[t].item()
    signal, sigma = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    exact = [torch.tensor([[value]], dtype=torch.float64) for value in (x0, noise)]
    xt = schedule.add_noise(*exact, t)
    size = 1 + abs(xt.item()) + abs(x0) + abs(noise)
    worst = {
        "epsilon": (size / signal, size),
        "sample": (size, size / sigma),
        "v_prediction": (size, size),
    }
    for kind, output in _outputs(schedule, *exact, t).items():
        for convert, truth, bound in zip((schedule.to_x0, schedule.to_epsilon), exact, worst[kind], strict=True):
            got = convert(output.float(), xt.float(), t, kind)
            assert got.dtype == torch.float32
            assert abs(got.double() - truth).item() <= 2 * ROUNDING * bound, (kind, convert.__name__)


# What is refused


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: NoiseSchedule(10, "cosine"), "'cosine' is unknown; take one of linear"),
        (lambda: NoiseSchedule(0), "num_train_timesteps is 0"),
        (lambda: NoiseSchedule(10.5), "num_train_timesteps is 10.5"),
        (lambda: NoiseSchedule(math.nan), "num_train_timesteps is nan"),
        (lambda: NoiseSchedule(10, "linear", beta_start=0.5, beta_end=0.1), "0 < start <= end < 1"),
        (lambda: NoiseSchedule(10, "linear", beta_start=math.nan), "0 < start <= end < 1"),
        (lambda: NoiseSchedule(100_000, "linear"), "at t = 85546 and 1.43279e-322 before it"),
        (lambda: NoiseSchedule(10, "linear", beta_start=1e-17, beta_end=1e-17), "alpha_bar is 1 at t = 0"),
        (lambda: NoiseSchedule.from_alphas_cumprod(torch.ones(2, 3)), r"shape \(2, 3\)"),
        (lambda: NoiseSchedule.from_alphas_cumprod([]), r"shape \(0,\)"),
        (lambda: NoiseSchedule.from_alphas_cumprod([0.9, 0.5, 0.7]), "alpha_bar is 0.7 at t = 2 and 0.5 before it"),
        (lambda: NoiseSchedule.from_alphas_cumprod([0.9, math.nan]), "alpha_bar is nan at t = 1"),
        (lambda: NoiseSchedule(10).alpha_bar(10), "t = 10 is no time of this schedule; give -1"),
        (lambda: NoiseSchedule(10).alpha_bar(-2), "t = -2"),
        (lambda: NoiseSchedule(10).alpha_bar(-0.5), "t = -0.5"),
        (lambda: NoiseSchedule(10).alpha_bar(math.nan), "t = nan"),
        (lambda: NoiseSchedule(10).add_noise(randn(3, 2), randn(3, 2), torch.tensor([0, 1, 77])), "t = 77"),
        (lambda: NoiseSchedule(10).add_noise_step(randn(3, 2), randn(3, 2), -1), "t = -2"),
        (lambda: NoiseSchedule(10).posterior(randn(3, 2), randn(3, 2), 3, 3), "s = 3 is not before t = 3"),
        (lambda: NoiseSchedule(10).to_x0(randn(3, 2), randn(3, 2), 3, "eps"), "'eps' is unknown; take one of epsilon"),
        (lambda: NoiseSchedule(10).to_epsilon(randn(3, 2), randn(3, 2), -1, "sample"), "At t = -1 the data is clean"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make, says):
    with pytest.raises(InputError, match=says):
        make()


def test_prediction_types_are_those_of_diffusers():
    assert PREDICTION_TYPES == ("epsilon", "sample", "v_prediction")
