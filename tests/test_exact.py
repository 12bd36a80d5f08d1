"""The samplers against exact answers: their order of convergence, and the distribution that DDPM draws from."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.stats import ks_2samp

from dilviz.course.bugs import BUGS
from dilviz.diffusion import ExactDenoiser, NoiseSchedule, ddim, ddpm, dpm_solver

T = 1000
MEANS = torch.tensor([[-0.8, -0.5], [0.7, -0.2], [0.1, 0.9]], dtype=torch.float64).unsqueeze(1)  # (3, 1, 2)
WEIGHTS, STD = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.15, 0.25, 0.2])
POINTS = 20_000


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def mixture(schedule):
    return ExactDenoiser(schedule, MEANS, WEIGHTS, STD)


# Order of convergence


def noise_free_path(schedule, start, log_snr_from, log_snr_to):
    """The end of the probability flow, d(x / signal) / d(sigma / signal) = the noise in x, by an adaptive solver."""
    denoiser = mixture(schedule)

    def slope(ratio, scaled):
        log_snr = torch.tensor(-2 * math.log(ratio), dtype=torch.float64)
        signal = torch.sigmoid(log_snr).sqrt()
        y = torch.from_numpy(scaled).reshape(start.shape)
        x0 = denoiser(signal * y, schedule.timestep_at(log_snr))
        return ((y - x0) / ratio).numpy().ravel()

    ratios = [math.exp(-at / 2) for at in (log_snr_from, log_snr_to)]
    signals = [math.sqrt(1 / (1 + ratio**2)) for ratio in ratios]
    first = (start / signals[0]).numpy().ravel()
    solved = solve_ivp(slope, ratios, first, method="DOP853", rtol=1e-10, atol=1e-10)
    return signals[1] * torch.from_numpy(solved.y[:, -1]).reshape(start.shape)


@pytest.mark.parametrize("name", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize(("sampler", "order", "within"), [(ddim, 1.0, 0.1), (dpm_solver, 2.0, 0.2)], ids=["ddim", "2m"])
def test_the_error_falls_with_the_order_that_the_sampler_claims(name, sampler, order, within):
    schedule, log_snr_from, log_snr_to = NoiseSchedule(T, name), -5.0, 4.0
    start = torch.randn(11, 1, 2, generator=seeded(0), dtype=torch.float64)
    exact = noise_free_path(schedule, start, log_snr_from, log_snr_to)
    errors, steps = [], [16, 32, 64, 128]
    for n in steps:
        grid = schedule.timestep_at(torch.linspace(log_snr_from, log_snr_to, n + 1, dtype=torch.float64))
        trace = sampler(mixture(schedule), schedule, start, timesteps=grid, clip=None, trace=True)
        errors.append((trace.x[-2] - exact).norm().item())  # the last entry of the trace is the step to clean
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=within), f"errors {errors}"


# The distribution


def data(seed):
    generator = seeded(seed)
    component = torch.multinomial(WEIGHTS, POINTS, replacement=True, generator=generator)
    noise = torch.randn(POINTS, 1, 2, generator=generator, dtype=torch.float64)
    return MEANS[component] + STD[component, None, None] * noise


def sample(schedule, believed=None):
    """DDPM with every step; a saboteur's sampler believes in another schedule than its denoiser's."""
    generator = seeded(5)
    noise = torch.randn(POINTS, 1, 2, generator=generator, dtype=torch.float64)
    return ddpm(mixture(schedule), believed or schedule, noise, len(schedule), clip=None, generator=generator)


def p_value(samples):
    """Whether these are draws from the data: the least of five Kolmogorov-Smirnov tests, after Bonferroni."""
    angles = torch.arange(5, dtype=torch.float64) * math.pi / 5
    directions = torch.stack([angles.cos(), angles.sin()])  # (2, 5)
    ours, truth = samples.flatten(1) @ directions, data(7).flatten(1) @ directions
    return min(1.0, 5 * min(ks_2samp(ours[:, i], truth[:, i]).pvalue for i in range(5)))


def test_ddpm_draws_from_the_distribution_of_the_data():
    assert p_value(sample(NoiseSchedule(T))) > 1e-3


def test_the_test_of_the_distribution_finds_alpha_for_alpha_bar():
    schedule = NoiseSchedule(T)
    assert p_value(sample(schedule, NoiseSchedule.from_alphas_cumprod(1 - schedule.betas))) < 1e-6


def test_the_test_of_the_distribution_finds_doubled_variance():
    with BUGS["doubled_variance"].planted():
        assert p_value(sample(NoiseSchedule(T))) < 1e-6


def test_the_test_of_the_distribution_finds_a_linear_schedule_that_is_too_short():
    assert p_value(sample(NoiseSchedule(50, "linear"))) < 1e-6
