"""What a loss teaches: the average of its target for each x_t, which is all that any network can learn of it."""

from __future__ import annotations

from collections.abc import Callable
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
from dilviz.show.mixture import Mixture

T, DRAWS = 50, 200_000
EDGES = torch.linspace(-2, 2, 42, dtype=torch.float64)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
ENOUGH = 100  # draws in a bin; the average of fewer is mostly chance
TIMES = (5, 40)  # before, x_t tells nearly all; later, an estimate of x_0 is noise blown up


def training_pair(schedule: NoiseSchedule, x0: Tensor, noise: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """What a training step shows to the network, and what it asks for.

    Args:
        schedule: the noise.
        x0: (N,) clean data.
        noise: like x0, from N(0, 1).
        t: the time.

    Returns:
        x_t and the target, each like x0.
    """
    return schedule.add_noise(x0, noise, t), noise


@cache
def _setting() -> tuple[NoiseSchedule, Tensor, Tensor, Mixture]:
    generator, data = torch.Generator().manual_seed(0), Mixture()
    noise = torch.randn(DRAWS, generator=generator, dtype=torch.float64)
    return NoiseSchedule(T), data.sample(DRAWS, generator), noise, data


@cache
def _exact(t: int) -> np.ndarray:
    schedule, _, _, data = _setting()
    return data.denoised(CENTRES, schedule.alpha_bar(t)).numpy()


def taught(t: int) -> np.ndarray:
    """The estimate of x_0 of a network that answers each x_t with the average of its targets.

    Args:
        t: the time.

    Returns:
        (41,) at CENTRES; NaN where hardly any x_t falls.

    Raises:
        InputError: a time out of range.
    """
    schedule, x0, noise, _ = _setting()
    xt, target = training_pair(schedule, x0, noise, t)
    which = torch.bucketize(xt, EDGES)
    count = torch.bincount(which, minlength=len(EDGES) + 1)[1:-1]
    average = torch.bincount(which, target, minlength=len(EDGES) + 1)[1:-1] / count
    average[count < ENOUGH] = torch.nan
    return schedule.to_x0(average, CENTRES, t, "epsilon").numpy()


@dataclass(frozen=True)
class TaughtData:
    """Estimates of x_0 at CENTRES.

    Args:
        exact: (41,) E[x_0 | x_t].
        yours: (41,) what the loss teaches.
        mystery: (41,) what a broken loss teaches; NaN where there is none.
        t: the time.
    """

    exact: np.ndarray
    yours: np.ndarray
    mystery: np.ndarray
    t: int

    @property
    def gap(self) -> float:
        """The greatest distance between yours and the mystery's (the exact one's, where there is none)."""
        other = self.exact if np.isnan(self.mystery).all() else self.mystery
        return float(np.nanmax(np.abs(self.yours - other)))


def taught_data(t: int, mystery: np.ndarray | None = None) -> TaughtData:
    """Teach at one time.

    Args:
        t: the time, in TIMES.
        mystery: (41,) estimates to draw beside them.

    Returns:
        What the picture shows.

    Raises:
        InputError: a time out of range.
    """
    if t not in range(TIMES[0], TIMES[1] + 1):
        raise InputError(f"t = {t} is no time of this picture; give {TIMES[0]} to {TIMES[1]}.")
    nothing = np.full(len(CENTRES), np.nan)
    return TaughtData(_exact(t), taught(t), nothing if mystery is None else mystery, t)


def taught_figure(data: TaughtData) -> go.Figure:
    """Estimates of x_0 over x_t: the best ones dotted, the mystery's dashed, yours as marks.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    x = CENTRES.numpy()
    # The last point that the frame holds carries the name.
    ends = [np.flatnonzero(np.abs(y) < 2.9).max(initial=0) for y in (data.exact, data.mystery)]
    traces = [
        theme.line("data", x, data.exact, " the best answer", at=ends[0], line_width=2),
        theme.line("cloning", x, data.mystery, " the mystery", at=ends[1]),
        theme.points("noise", x, data.yours, size=7),
    ]
    layout = theme.layout(x=(-2, 2), y=(-3, 3), height=380, margin_r=120, xaxis_title="xₜ")
    layout.yaxis.title = "estimate of x₀"
    return go.Figure([trace.update(cliponaxis=not trace.text) for trace in traces], layout)


def describe_taught(data: TaughtData) -> str:
    """The picture in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    off = np.nanmax(np.abs(data.yours - data.exact))
    root = _setting()[0].alpha_bar(data.t).sqrt()
    said = f"t = {data.t}, √ᾱ = {rounded(root)}: what the loss teaches is at most {rounded(off)} from the best answer"
    return said + ("." if np.isnan(data.mystery).all() else f", and {rounded(data.gap)} from the mystery.")


class TaughtExplorer(Explorer):
    """A loss is broken: plant suspects until what yours teaches lies on what the mystery teaches.

    Args:
        bugs: (name, context manager) pairs: suspects that can be planted.
        mystery: plants the bug that is to be found; None where there is none.
    """

    def __init__(self, bugs: tuple[Bug, ...] = (), mystery: Callable[[], AbstractContextManager] | None = None) -> None:
        times = range(TIMES[0], TIMES[1] + 1)
        _ = [_exact(t) for t in times]  # worked out now, while no bug is planted
        with (mystery or nullcontext)():
            strange = {t: taught(t) for t in times} if mystery else {}

        def compute(state: dict) -> TaughtData:
            return taught_data(state["t"], strange.get(state["t"]))

        controls = {"t": ipywidgets.IntSlider(min=TIMES[0], max=TIMES[1], value=25)}
        super().__init__(controls, compute, taught_figure, describe_taught, reset=True, bugs=bugs)
