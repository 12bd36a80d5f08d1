"""The samplers step by step: each update is its formula, the last x is the last estimate, a row is a row."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dilviz.diffusion import (
    SAMPLERS,
    ExactDenoiser,
    MLPDenoiser,
    NoiseSchedule,
    ddim,
    ddpm,
    dpm_solver,
    draw_noise,
    inference_timesteps,
)
from dilviz.diffusion.samplers import ddim_update, ddpm_update, dpm_solver_update
from dilviz.errors import InputError

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=seeded(seed), dtype=dtype)


class Toy:
    """A denoiser that looks at x, t and cond and is nothing special."""

    def __init__(self, prediction_type="sample"):
        self.prediction_type = prediction_type
        self.asked = []

    def __call__(self, xt, t, cond=None):
        self.asked.append(t)
        share = torch.sin(t.to(xt.dtype) / 7)[:, None, None]
        shift = 0 if cond is None else cond.to(xt.dtype).mean(1)[:, None, None]
        return 0.6 * torch.tanh(xt.flip(1)) + 0.3 * share + 0.2 * shift


# The times


@given(st.integers(1, 300), st.data())
def test_times_fall_within_the_schedule_one_a_step(T, data):
    n = data.draw(st.integers(1, T))
    schedule = NoiseSchedule(T)
    for spacing in ("leading", "linspace", "trailing"):
        times = inference_timesteps(schedule, n, timestep_spacing=spacing)
        assert times.shape == (n,)
        assert (times.diff() < 0).all()
        assert times[0] <= T - 1
        assert times[-1] >= 0
        assert (times == times.round()).all()
    assert inference_timesteps(schedule, n, timestep_spacing="trailing")[0] == T - 1
    assert inference_timesteps(schedule, n, timestep_spacing="leading")[-1] == 0


@pytest.mark.parametrize(
    ("spacing", "times"),
    [("leading", [27, 18, 9, 0]), ("linspace", [36, 24, 12, 0]), ("trailing", [36, 27, 17, 8])],
)
def test_the_three_spacings_by_hand(spacing, times):
    assert inference_timesteps(NoiseSchedule(37), 4, timestep_spacing=spacing).tolist() == times


def test_explicit_times_override_steps_and_spacing_in_full_precision():
    denoiser = Toy()
    times = [40.0, 17.123456789012345, 3.25]
    trace = ddim(
        denoiser, NoiseSchedule(41), randn(2, 5, 3), 7, timesteps=times, timestep_spacing="leading", trace=True
    )
    assert trace.timesteps.tolist() == times
    assert [t[0].item() for t in denoiser.asked] == times


def test_fractions_reach_the_denoiser_unrounded_when_the_data_is_coarse():
    denoiser = Toy()
    ddim(denoiser, NoiseSchedule(1000), randn(2, 5, 3).bfloat16(), timesteps=[901.25, 333.5])
    assert [t[0].item() for t in denoiser.asked] == [901.25, 333.5]


# The updates


def ends(n=9, T=101):
    schedule = NoiseSchedule(T)
    times = inference_timesteps(schedule, n)
    alpha_bar = schedule.alpha_bar(torch.cat([times, torch.tensor([-1.0])]))
    return schedule, times, alpha_bar[:-1], alpha_bar[1:]


def test_a_ddpm_step_is_a_draw_from_the_posterior():
    schedule, times, _, _ = ends()
    noise, fresh = randn(7, 5, 3), seeded(1)
    trace = ddpm(Toy(), schedule, noise, timesteps=times, clip=0.7, generator=seeded(1), trace=True)
    before = [*times[1:], torch.tensor(-1.0)]
    for i in range(len(times)):
        mean, variance = schedule.posterior(trace.x[i], trace.x0[i], times[i], before[i])
        drawn = 0 if variance == 0 else variance.sqrt() * torch.randn(7, 5, 3, generator=fresh, dtype=torch.float64)
        assert (trace.x[i + 1] - mean - drawn).abs().max() < 1e-12, f"step {i}"


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
def test_a_ddim_step_keeps_the_noise_that_the_clipped_estimate_implies(eta):
    schedule, times, at_t, at_s = ends()
    noise, fresh = randn(7, 5, 3), seeded(1)
    trace = ddim(Toy(), schedule, noise, timesteps=times, clip=0.7, eta=eta, generator=seeded(1), trace=True)
    assert trace.x0.abs().max() == 0.7
    for i in range(len(times)):
        implied = (trace.x[i] - at_t[i].sqrt() * trace.x0[i]) / (1 - at_t[i]).sqrt()
        sigma = eta * ((1 - at_s[i]) / (1 - at_t[i]) * (1 - at_t[i] / at_s[i])).sqrt()
        drawn = torch.randn(7, 5, 3, generator=fresh, dtype=torch.float64) if sigma > 0 else 0
        expected = at_s[i].sqrt() * trace.x0[i] + (1 - at_s[i] - sigma**2).sqrt() * implied + sigma * drawn
        assert (trace.x[i + 1] - expected).abs().max() < 1e-12, f"step {i}"


def test_a_dpm_solver_step_extends_the_estimate_along_a_line_in_half_log_snr():
    schedule, times, at_t, at_s = ends()
    trace = dpm_solver(Toy(), schedule, randn(7, 5, 3), timesteps=times, clip=None, trace=True)
    half_log_snr = torch.cat([torch.logit(at_t), torch.logit(at_s[-1:])]) / 2
    h = half_log_snr.diff()
    for i in range(len(times)):
        estimate = trace.x0[i]
        if 0 < i < len(times) - 1:
            estimate = estimate + (trace.x0[i] - trace.x0[i - 1]) / h[i - 1] * h[i] / 2
        expected = ((1 - at_s[i]) / (1 - at_t[i])).sqrt() * trace.x[i] - at_s[i].sqrt() * torch.expm1(-h[i]) * estimate
        assert (trace.x[i + 1] - expected).abs().max() < 1e-12, f"step {i}"


def test_ddim_with_eta_one_is_ddpm():
    _, _, at_t, at_s = ends()
    one, other = ddim_update(at_t, at_s, eta=1.0), ddpm_update(at_t, at_s)
    for name in ("xt", "x0", "noise"):
        assert torch.allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-14), name


def test_the_first_dpm_solver_step_is_ddims():
    _, _, at_t, at_s = ends()
    one, other = dpm_solver_update(at_t[:1], at_s[:1]), ddim_update(at_t[:1], at_s[:1])
    assert one.xt.item() == pytest.approx(other.xt.item(), rel=1e-12)
    assert one.x0.item() == pytest.approx(other.x0.item(), rel=1e-10)


def test_the_last_x_is_the_last_estimate_exactly():
    for T, n in ((1, 1), (2, 1), (2, 2), (41, 1), (41, 13)):
        for spacing in ("leading", "linspace", "trailing"):
            for sampler in SAMPLERS.values():
                for kind in ("sample", "epsilon", "v_prediction"):
                    noise = randn(7, 5, 3, dtype=torch.float32)
                    trace = sampler(Toy(kind), NoiseSchedule(T), noise, n, timestep_spacing=spacing, trace=True)
                    assert torch.equal(trace.x[-1], trace.x0[-1]), (T, n, spacing, sampler)
                    assert trace.x.isfinite().all()


@every_sampler
def test_a_trace_holds_every_step_and_ends_in_the_sample(sampler):
    noise = randn(7, 5, 3)
    trace = sampler(Toy(), NoiseSchedule(41), noise, 4, trace=True)
    assert trace.x.shape == (5, 7, 5, 3)
    assert trace.x0.shape == (4, 7, 5, 3)
    assert torch.equal(trace.x[0], noise)
    assert torch.equal(trace.x[-1], sampler(Toy(), NoiseSchedule(41), noise, 4))


def test_samples_reach_the_whole_range_of_the_data():
    schedule, points = NoiseSchedule(50), torch.tensor([-1.0, 1.0]).reshape(2, 1, 1)
    for sampler in SAMPLERS.values():
        samples = sampler(ExactDenoiser(schedule, points), schedule, randn(211, 1, 1), 10)
        distance = (samples - points.reshape(1, 2, 1)).abs().amin(1)
        assert (distance < 0.05).all(), (
            f"{sampler}: a sample lies {distance.max():.2f} from the nearest point of the data"
        )


def test_estimates_lie_within_the_clip_and_beyond_it_without():
    schedule = NoiseSchedule(41)
    for kind in ("sample", "epsilon", "v_prediction"):
        free = ddim(Toy(kind), schedule, 3 * randn(7, 5, 3), 5, clip=None, trace=True)
        held = ddim(Toy(kind), schedule, 3 * randn(7, 5, 3), 5, clip=0.4, trace=True)
        assert free.x0.abs().max() > 0.4
        assert held.x0.abs().max() == 0.4


def test_with_few_steps_and_a_tight_clip_samples_fall_short_of_the_data():
    schedule, points = NoiseSchedule(50), torch.tensor([-1.0, 1.0]).reshape(2, 1, 1)
    samples = ddim(ExactDenoiser(schedule, points), schedule, randn(211, 1, 1), 3, clip=0.5)
    assert samples.abs().max() <= 0.5


# The surroundings


class Plain:
    """A network without its prepared form."""

    def __init__(self, denoiser):
        self.denoiser, self.prediction_type = denoiser, denoiser.prediction_type

    def __call__(self, *inputs):
        return self.denoiser(*inputs)


@every_sampler
@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_the_prepared_loop_gives_what_the_plain_loop_gives(sampler, kind):
    denoiser = MLPDenoiser(5, 3, 2, width=23, prediction_type=kind)
    noise, cond, schedule = randn(7, 5, 3, dtype=torch.float32), randn(7, 2, dtype=torch.float32), NoiseSchedule(41)
    for options in ({"num_inference_steps": 6}, {"timesteps": [40, 20.5, 3.25]}):
        prepared = sampler(denoiser, schedule, noise, cond=cond, **options)
        assert torch.allclose(prepared, sampler(Plain(denoiser), schedule, noise, cond=cond, **options), atol=2e-5)
        assert not prepared.requires_grad


def test_a_row_with_a_generator_of_its_own_does_not_depend_on_its_neighbours():
    schedule, cond = NoiseSchedule(41), randn(3, 2)
    noise = draw_noise((3, 5, 3), [seeded(i) for i in range(3)])
    together = ddpm(Toy(), schedule, noise, 7, cond=cond, generator=[seeded(10 + i) for i in range(3)])
    for i in (2, 0):
        assert torch.equal(draw_noise((1, 5, 3), [seeded(i)]), noise[i : i + 1])
        row = slice(i, i + 1)
        alone = ddpm(Toy(), schedule, noise[row], 7, cond=cond[row], generator=[seeded(10 + i)])
        assert torch.allclose(together[row], alone, atol=1e-6)


def test_without_a_generator_start_and_noise_are_those_of_one_generator_seeded_zero():
    schedule, generator = NoiseSchedule(41), seeded(0)
    start = draw_noise((7, 5, 3))
    assert torch.equal(start, draw_noise((7, 5, 3), generator))
    assert torch.equal(ddpm(Toy(), schedule, start, 7), ddpm(Toy(), schedule, start, 7, generator=generator))


def test_the_noise_that_is_added_has_nothing_to_do_with_the_start():
    schedule, start = NoiseSchedule(1000), draw_noise((4001, 1, 1))
    trace = ddpm(Toy(), schedule, start, timesteps=[999, 500], trace=True)
    mean, variance = schedule.posterior(trace.x[0], trace.x0[0], 999, 500)
    added = (trace.x[1] - mean) / variance.sqrt()
    assert abs((added * start).mean()) < 5 / math.sqrt(4001)
    assert abs(added.var() - 1) < 5 * math.sqrt(2 / 4001)


@every_sampler
def test_the_start_stays_as_it_is_and_its_memory_and_gradient_do_not_matter(sampler):
    schedule, noise = NoiseSchedule(41), randn(3, 5, 7, dtype=torch.float32).permute(2, 1, 0)
    before = noise.clone()
    sample = sampler(Toy("epsilon"), schedule, noise, 6)
    assert torch.equal(noise, before)
    assert torch.allclose(sample, sampler(Toy("epsilon"), schedule, before.contiguous(), 6), atol=1e-6)
    again = sampler(Toy("epsilon"), schedule, before.requires_grad_(), 6, trace=True)
    assert not again.x.requires_grad
    assert torch.allclose(sample, again.x[-1], atol=1e-6)


@every_sampler
def test_a_network_that_works_in_place_leaves_the_callers_start_as_it_is(sampler):
    class InPlace(Toy):
        def __call__(self, xt, t, cond=None):
            return xt.mul_(0.5)

    noise = randn(7, 5, 3)
    before = noise.clone()
    trace = sampler(InPlace(), NoiseSchedule(41), noise, 6, trace=True)
    assert torch.equal(noise, before)
    assert torch.equal(trace.x[0], before)


@every_sampler
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_sample_has_the_type_of_the_start_whatever_the_network_answers_in(sampler, dtype):
    class Coarse(Toy):
        def __call__(self, *inputs):
            return super().__call__(*inputs).bfloat16()

    assert sampler(Coarse(), NoiseSchedule(41), randn(7, 5, 3, dtype=dtype), 6).dtype == dtype


@every_sampler
def test_no_rows_give_no_samples(sampler):
    none = torch.zeros(0, 5, 3)
    assert sampler(Toy(), NoiseSchedule(41), none, 6, generator=[]).shape == (0, 5, 3)
    assert sampler(MLPDenoiser(5, 3, width=7), NoiseSchedule(41), none, 6).shape == (0, 5, 3)


def test_what_a_caller_does_to_a_trace_does_not_reach_the_next_sample():
    schedule, noise = NoiseSchedule(41), randn(7, 5, 3)
    first = ddim(Toy(), schedule, noise, 6, trace=True)
    kept = first.timesteps.clone()
    first.timesteps.zero_()
    assert torch.equal(ddim(Toy(), schedule, noise, 6, trace=True).timesteps, kept)


CALL = Toy(), NoiseSchedule(41), randn(3, 5, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ddim(*CALL, 0), "num_inference_steps is 0; give a whole number from 1 to 41"),
        (lambda: ddim(*CALL, 42), "num_inference_steps is 42"),
        (lambda: ddim(*CALL, 4.5), "num_inference_steps is 4.5"),
        (lambda: ddim(*CALL, math.nan), "num_inference_steps is nan"),
        (lambda: ddim(*CALL), "num_inference_steps is None"),
        (lambda: ddim(*CALL, 4, timestep_spacing="even"), "'even' is unknown; take one of leading"),
        (lambda: ddim(*CALL, timesteps=[3, 5]), "must be a list that falls strictly, from at most 40"),
        (lambda: ddim(*CALL, timesteps=[41, 5]), "must be a list that falls strictly"),
        (lambda: ddim(*CALL, timesteps=[5, -1]), "must be a list that falls strictly"),
        (lambda: ddim(*CALL, timesteps=[]), "must be a list that falls strictly"),
        (lambda: ddim(*CALL, timesteps=[math.nan]), "must be a list that falls strictly"),
        (lambda: ddim(*CALL, timesteps=torch.tensor([[5, 3]])), "must be a list that falls strictly"),
        (lambda: ddim(*CALL, 4, eta=1.5), "eta is 1.5; give a number from 0"),
        (lambda: ddim(*CALL, 4, clip=0.0), "clip is 0.0; give a number above 0, or None"),
        (lambda: ddim(*CALL, 4, clip=math.nan), "clip is nan"),
        (lambda: ddpm(*CALL, 4, generator=[seeded()]), "1 generators for 3 rows of noise"),
        (lambda: draw_noise((3, 5, 3), [seeded()]), "1 generators for 3 rows of noise"),
        (lambda: ddim(Toy("eps"), *CALL[1:], 4), "prediction_type 'eps' is unknown"),
        (lambda: ddim(MLPDenoiser(5, 3, 2), *CALL[1:], 4), "cond has 0 numbers a row"),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_one_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_an_option_that_a_sampler_does_not_have_is_no_option():
    with pytest.raises(TypeError, match="eta"):
        ddpm(*CALL, 4, eta=0.5)
