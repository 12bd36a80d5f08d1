"""The variance of noised data at every t: what a process has to do, readings of a formula, and broken code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from dilviz.diffusion import NoiseSchedule
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Bug, Explorer, rounded
from dilviz.show.datasets import dataset
from dilviz.show.noising import TREE, two_panels

Reading = Callable[[NoiseSchedule, Tensor, torch.Generator], Tensor]


def closed_form(schedule: NoiseSchedule, x0: Tensor, generator: torch.Generator) -> Tensor:
    """x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε: the process of this course.

    Args:
        schedule: the noise.
        x0: (N, horizon, dim) data.
        generator: draws ε.

    Returns:
        (T, N, horizon, dim), x_t at every t.
    """
    noise = torch.randn(x0.shape, generator=generator)
    return torch.stack([schedule.add_noise(x0, noise, t) for t in range(len(schedule))])


def one_unit(schedule: NoiseSchedule, x0: Tensor, generator: torch.Generator) -> Tensor:
    """x_t = x_0 + ε_t, the noise of each t a fresh unit: the sentence taken by its letters.

    Args:
        schedule: gives T alone.
        x0: (N, horizon, dim) data.
        generator: draws ε.

    Returns:
        (T, N, horizon, dim).
    """
    return x0 + torch.randn((len(schedule), *x0.shape), generator=generator)


def summed(schedule: NoiseSchedule, x0: Tensor, generator: torch.Generator) -> Tensor:
    """x_t = x_{t-1} + ε_t: a unit more at every step.

    Args:
        schedule: gives T alone.
        x0: (N, horizon, dim) data.
        generator: draws ε.

    Returns:
        (T, N, horizon, dim).
    """
    return x0 + torch.randn((len(schedule), *x0.shape), generator=generator).cumsum(0)


def growing(schedule: NoiseSchedule, x0: Tensor, generator: torch.Generator) -> Tensor:
    """x_t = x_0 + σ_t ε with σ_t² = (1−ᾱ_t)/ᾱ_t: the variance-exploding process, ours divided by √ᾱ_t.

    Args:
        schedule: the noise.
        x0: (N, horizon, dim) data.
        generator: draws ε.

    Returns:
        (T, N, horizon, dim).

    Source:
        Song et al. 2021 (arXiv 2011.13456), section 3.4.
    """
    sigma = schedule.snr.rsqrt().float()
    return x0 + sigma[:, None, None, None] * torch.randn(x0.shape, generator=generator)


READINGS: dict[str, Reading] = {
    "this course": closed_form,
    "one unit of noise": one_unit,
    "units summed up": summed,
    "growing σ": growing,
}


@dataclass(frozen=True)
class VarianceData:
    """Data under noise, and its variance at every t.

    Args:
        xt: (N, 2) places at time t.
        measured: (T,) variance of the samples.
        law: (T,) alpha_bar Var[x_0] + 1 - alpha_bar.
        mystery: (T,) of samples made by broken code; NaN where there is none.
        t: the time.
    """

    xt: np.ndarray
    measured: np.ndarray
    law: np.ndarray
    mystery: np.ndarray
    t: int


@cache
def _setting(T: int) -> tuple[NoiseSchedule, Tensor, np.ndarray]:
    """The schedule, the data (N, 1, 2) and the law (T,) of the picture."""
    schedule, x0 = NoiseSchedule(T), dataset("fork: points").x0.repeat(8, 1, 1)
    alpha_bar = schedule.alphas_cumprod
    return schedule, x0, (alpha_bar * x0.var(0).mean() + 1 - alpha_bar).numpy()


def variance_data(reading: str, t: int, T: int = 50, mystery: np.ndarray | None = None) -> VarianceData:
    """Noise the fork's points at every t, in one reading of the formula.

    Args:
        reading: a name in READINGS.
        t: the time that the cloud shows, 0 to T-1.
        T: number of timesteps.
        mystery: (T,) variances to draw beside them.

    Returns:
        What the picture shows.

    Raises:
        InputError: no such reading, or a time out of range.
    """
    _check_readings([reading])
    schedule, x0, law = _setting(T)
    if t not in range(T):
        raise InputError(f"t = {t} is no time of this picture; give 0 to {T - 1}.")
    x = READINGS[reading](schedule, x0, torch.Generator().manual_seed(0))  # (T, N, 1, 2)
    measured = x.var(1).mean((1, 2)).numpy()  # torch's is three times as fast as NumPy's, and this runs in a drag
    mystery = np.full(T, np.nan) if mystery is None else mystery
    return VarianceData(x[t, :500, 0].numpy(), measured, law.copy(), mystery, t)


def _check_readings(readings: Sequence[str]) -> None:
    for reading in readings:
        if reading not in READINGS:
            raise InputError(f"reading {reading!r} is unknown; take one of {', '.join(READINGS)}.")


def variance_figure(data: VarianceData) -> go.Figure:
    """The cloud at the left, variances at the right on a logarithmic axis.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    T = len(data.law)
    share = (np.arange(T) + 1) / T
    right = {"xaxis": "x2", "yaxis": "y2"}
    puzzle = not np.isnan(data.mystery).any()
    traces = [
        theme.points("noise", data.xt[:, 0], data.xt[:, 1], size=5, opacity=0.7),
        theme.line("data", share, data.law, " the law", **right),
        theme.points("noise", share, data.measured, size=6, **right),
        theme.line("cloning", share, data.mystery, **right),
        _note("mystery", share, data.mystery, **right),
        theme.points("noise", share[[data.t]], data.measured[[data.t]], size=13, **right),
    ]
    # Readings differ by orders of magnitude, broken code by a little.
    y, axis = ((0, 1.3), {}) if puzzle else ((-1.2, 6.6), {"type": "log", "dtick": 1, "exponentformat": "power"})
    layout = two_panels([TREE], "share of the T steps", y, title="variance of xₜ", **axis)
    layout.xaxis2.domain = (0.58, 1)
    return go.Figure(traces, layout)


def _note(words: str, x: np.ndarray, y: np.ndarray, **axes: str) -> go.Scatter:
    """Words beside the middle of a curve."""
    at = [len(x) // 3]
    return go.Scatter(x=x[at], y=y[at], text=[words], mode="text", textposition="bottom right", **axes)


def describe_variance(data: VarianceData) -> str:
    """The variances in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    return (
        f"t = {data.t}: Var[xₜ] measured {rounded(data.measured[data.t])}, the law says {rounded(data.law[data.t])}; "
        f"at the last step {rounded(data.measured[-1])}, where N(0, I) has 1."
    )


class VarianceExplorer(Explorer):
    """Is it a process that ends in N(0, I)? Look at the variance of x_t at every t.

    Args:
        readings: names in READINGS that can be chosen.
        bugs: (name, context manager) pairs: suspects that can be planted.
        mystery: broken code, of which the variance is drawn as a dashed line.
        T: number of timesteps.

    Raises:
        InputError: no reading, an unknown one, or a T that no schedule has.
    """

    def __init__(
        self,
        readings: tuple[str, ...] = tuple(READINGS),
        bugs: tuple[Bug, ...] = (),
        mystery: Callable[[], AbstractContextManager] | None = None,
        T: int = 50,
    ) -> None:
        if not readings:
            raise InputError(f"readings is empty; give at least one of {', '.join(READINGS)}.")
        _check_readings(readings)
        _setting(T)  # the law is worked out now, while no bug is planted
        with (mystery or nullcontext)():
            strange = variance_data(readings[0], 0, T).measured if mystery else None

        def compute(state: dict) -> VarianceData:
            return variance_data(state.get("reading", readings[0]), state["t"], T, strange)

        controls: dict = {"t": ipywidgets.IntSlider(min=0, max=T - 1, value=T // 2)}
        if len(readings) > 1:
            controls["reading"] = ipywidgets.Dropdown(options=readings, value=readings[0])
        super().__init__(controls, compute, variance_figure, describe_variance, play="t", reset=True, bugs=bugs)


STILLS = {"01_readings": lambda: variance_figure(variance_data("units summed up", 25))}
