"""How far samplers end from the exact answer, measured on data that is known: nothing of a network is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from dilviz.diffusion import NoiseSchedule, Sampler, ddim, ddpm, dpm_solver
from dilviz.diffusion.samplers import Trace
from dilviz.diffusion.timesteps import SPACINGS
from dilviz.show.exact_flow import KnownDenoiser, exact_solution
from dilviz.show.live.denoising import MIXTURES

T, PARTICLES, DIRECTIONS = 1000, 512, 16
PASSES = (5, 10, 20, 40, 80, 160)
FITTED = PASSES.index(20)  # slopes are fitted from here on
UNIFORM = "uniform in log-SNR"
LEVELS = (-8.0, 7.0)  # log-SNR at the two ends of the uniform grid
GRIDS = ("trailing", "linspace", "leading", UNIFORM)
SCHEDULES = ("squaredcos_cap_v2", "linear")
DATA = ("ways round the tree", "two heaps", "two moons")
PATH, DISTRIBUTION = "path", "distribution"


@dataclass(frozen=True)
class Method:
    """A sampler with its options.

    Args:
        sampler: one of the library's.
        options: of the sampler.
        random: whether it draws noise on its way: then it follows no path.
    """

    sampler: Sampler
    options: tuple[tuple[str, float], ...] = ()
    random: bool = False


METHODS = {
    "DDIM": Method(ddim),
    "2M": Method(dpm_solver),
    "DDPM": Method(ddpm, random=True),
    "DDIM, η = 0.5": Method(ddim, (("eta", 0.5),), random=True),
}
PATHS = tuple(name for name, method in METHODS.items() if not method.random)


@lru_cache
def start() -> Tensor:
    """The noise that all samplers start from.

    Returns:
        (PARTICLES, 1, 2) float64.
    """
    return torch.randn((PARTICLES, 1, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@lru_cache
def schedule_of(beta_schedule: str) -> NoiseSchedule:
    """The schedule of a name.

    Args:
        beta_schedule: as NoiseSchedule takes it.

    Returns:
        It, of T steps.
    """
    return NoiseSchedule(T, beta_schedule)


@lru_cache(maxsize=64)
def exact_ends(grid: str, beta_schedule: str, data: str) -> np.ndarray:
    """Where the particles would end without any error.

    Args:
        grid: one of GRIDS.
        beta_schedule: one of SCHEDULES.
        data: one of DATA.

    Returns:
        (PARTICLES, 2).
    """
    ends = LEVELS if grid == UNIFORM else (float(schedule_of(beta_schedule).log_snr(T - 1)), float("inf"))
    return exact_solution(MIXTURES[data], start()[:, 0].numpy(), ends)


@lru_cache(maxsize=1024)
def ends_of(method: str, grid: str, beta_schedule: str, data: str, passes: int) -> np.ndarray:
    """Where a sampler takes the particles.

    Args:
        method: one of METHODS.
        grid: one of GRIDS.
        beta_schedule: one of SCHEDULES.
        data: one of DATA.
        passes: of the denoiser.

    Returns:
        (PARTICLES, 2), clean on the field's spacings, at the lower noise level on the uniform grid.
    """
    schedule, chosen = schedule_of(beta_schedule), METHODS[method]
    settings: dict[str, Any] = {"clip": None, "generator": torch.Generator().manual_seed(1), **dict(chosen.options)}
    denoiser = KnownDenoiser(schedule, MIXTURES[data])
    if grid in SPACINGS:
        x = chosen.sampler(denoiser, schedule, start(), passes, timestep_spacing=grid, **settings)
        assert isinstance(x, Tensor)  # no trace was asked for
        return x[:, 0].numpy()
    times = schedule.timestep_at(torch.linspace(*LEVELS, passes + 1, dtype=torch.float64))
    trace = chosen.sampler(denoiser, schedule, start(), timesteps=times, trace=True, **settings)
    assert isinstance(trace, Trace)
    return trace.x[-2, :, 0].numpy()  # before the step to clean


def path_error(ends: np.ndarray, exact: np.ndarray) -> float:
    """How far particles end from where they should, on average.

    Args:
        ends: (N, 2).
        exact: (N, 2).

    Returns:
        The mean distance.
    """
    return float(np.linalg.norm(ends - exact, axis=1).mean())


def distribution_error(ends: np.ndarray, quantiles: np.ndarray) -> float:
    """How far particles are from the data as a cloud, whoever of them is where: the sliced Wasserstein-1 distance.

    Args:
        ends: (N, 2).
        quantiles: (N, DIRECTIONS) of the data along each direction, as `data_quantiles` gives them.

    Returns:
        The mean distance between sorted places, over the directions.

    Source:
        Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures.
    """
    return float(np.abs(np.sort(ends @ _directions(), axis=0) - quantiles).mean())


def _directions() -> np.ndarray:
    angles = np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    return np.stack([np.cos(angles), np.sin(angles)])  # (2, DIRECTIONS)


@lru_cache(maxsize=64)
def data_quantiles(data: str, log_snr: float) -> np.ndarray:
    """The data along each direction, exactly.

    Args:
        data: one of DATA.
        log_snr: the noise level at which it is looked at.

    Returns:
        (PARTICLES, DIRECTIONS) evenly spaced quantiles.
    """
    mixture, alpha_bar = MIXTURES[data], 1 / (1 + np.exp(-log_snr))
    means = np.sqrt(alpha_bar) * mixture.means @ _directions()
    std = np.sqrt(alpha_bar * mixture.std**2 + 1 - alpha_bar)
    places = np.linspace(-4, 4, 2001)
    below = np.einsum("k,xkd->xd", mixture.weights, ndtr((places[:, None, None] - means) / std))
    wanted = (np.arange(PARTICLES) + 0.5) / PARTICLES
    return np.stack([np.interp(wanted, column, places) for column in below.T], axis=1)


def level_of(grid: str) -> float:
    """The noise level at which a grid ends.

    Args:
        grid: one of GRIDS.

    Returns:
        Its log-SNR; infinite where it is clean.
    """
    return LEVELS[1] if grid == UNIFORM else float("inf")


@lru_cache(maxsize=64)
def floor_of(grid: str, data: str) -> float:
    """What `distribution_error` gives for true data: as many draws are no closer to it.

    Args:
        grid: one of GRIDS.
        data: one of DATA.

    Returns:
        Its mean over 40 sets of PARTICLES draws.
    """
    rng, mixture, alpha_bar = np.random.default_rng(0), MIXTURES[data], 1 / (1 + np.exp(-level_of(grid)))
    heaps = rng.choice(len(mixture.weights), (40, PARTICLES), p=mixture.weights)
    std = np.sqrt(alpha_bar * mixture.std**2 + 1 - alpha_bar)
    draws = np.sqrt(alpha_bar) * mixture.means[heaps] + std * rng.standard_normal((40, PARTICLES, 2))
    return float(np.mean([distribution_error(one, data_quantiles(data, level_of(grid))) for one in draws]))


@lru_cache(maxsize=256)
def errors_of(measure: str, method: str, grid: str, beta_schedule: str, data: str) -> np.ndarray:
    """The error of a sampler at each number of passes.

    Args:
        measure: PATH or DISTRIBUTION.
        method: one of METHODS.
        grid: one of GRIDS.
        beta_schedule: one of SCHEDULES.
        data: one of DATA.

    Returns:
        One a number in PASSES; NaN where there is none, for a path of a random method.
    """
    if measure == PATH and METHODS[method].random:
        return np.full(len(PASSES), np.nan)
    ends = [ends_of(method, grid, beta_schedule, data, n) for n in PASSES]
    if measure == PATH:
        exact = exact_ends(grid, beta_schedule, data)
        return np.array([path_error(one, exact) for one in ends])
    quantiles = data_quantiles(data, level_of(grid))
    return np.array([distribution_error(one, quantiles) for one in ends])


def fitted_slope(errors: np.ndarray) -> float:
    """How fast an error falls: p where it goes as passes^-p, fitted from 20 passes on.

    Args:
        errors: one a number in PASSES.

    Returns:
        p.
    """
    return float(-np.polyfit(np.log2(PASSES[FITTED:]), np.log2(errors[FITTED:]), 1)[0])


def slope_table(data: str = DATA[0], beta_schedule: str = SCHEDULES[0]) -> str:
    """How fast the path error falls on each grid, fitted, and from one number of passes to its double.

    Args:
        data: one of DATA.
        beta_schedule: one of SCHEDULES.

    Returns:
        A table as text.
    """
    doubled = "  ".join(f"{a:>3}-{b:<3}" for a, b in pairwise(PASSES))
    lines = [f"{'grid':<20}{'':<6}{'fit':>5}   each doubling: {doubled}"]
    for grid in (UNIFORM, *SPACINGS):
        for method in PATHS:
            errors = errors_of(PATH, method, grid, beta_schedule, data)
            local = "  ".join(f"{slope:>7.2f}" for slope in -np.diff(np.log2(errors)))
            lines.append(f"{grid:<20}{method:<6}{fitted_slope(errors):>5.2f}{'':<18}{local}")
    return "\n".join(lines)
