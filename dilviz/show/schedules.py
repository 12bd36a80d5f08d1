"""Noise schedules side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.diffusion import BETA_SCHEDULES
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.noising import TIMESTEPS, make_schedule


@dataclass(frozen=True)
class SchedulesData:
    """log10 of signal-to-noise over the share of the steps, of every schedule.

    Args:
        log_snr: name -> (T,) log10(SNR).
        left: name -> alpha_bar at the last step.
        chosen: the schedule that is marked.
        share: where on the way the mark is, 0 to 1.
    """

    log_snr: dict[str, np.ndarray]
    left: dict[str, float]
    chosen: str
    share: float


def schedules_data(T: int, rescale: bool, chosen: str, share: float) -> SchedulesData:
    """All schedules at one T.

    Args:
        T: number of timesteps.
        rescale: as in `make_schedule`.
        chosen: the schedule that is marked.
        share: where on the way, 0 to 1.

    Returns:
        What the picture shows.
    """
    made = {name: make_schedule(T, name, rescale) for name in BETA_SCHEDULES}
    log_snr = {name: torch.log10(schedule.snr).numpy() for name, schedule in made.items()}
    left = {name: float(schedule.alphas_cumprod[-1]) for name, schedule in made.items()}
    return SchedulesData(log_snr, left, chosen, share)


def schedules_figure(data: SchedulesData) -> go.Figure:
    """One line a schedule, the chosen one in the colour of noise.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    T = len(data.log_snr[data.chosen])
    share = (np.arange(T) + 1) / T
    dashes = ("solid", "dash", "dot", "longdash")
    lines = [
        theme.line("noise" if name == data.chosen else "data", share, values, line_dash=dash, line_width=2)
        for dash, (name, values) in zip(dashes, data.log_snr.items(), strict=True)
    ]
    at = round(data.share * (T - 1))
    mark = theme.points("noise", share[[at]], data.log_snr[data.chosen][[at]], size=12)
    names = go.Scatter(
        x=np.full(len(lines), 1.015),
        y=apart(np.array([values[-1] for values in data.log_snr.values()])),
        text=list(data.log_snr),
        mode="text",
        textposition="middle right",
        cliponaxis=False,
    )
    layout = theme.layout(x=(-0.02, 1.02), y=(-9, 5), margin_r=150, xaxis_title="share of the T steps")
    layout.yaxis.update(title="log10 of signal-to-noise")
    return go.Figure([*lines, mark, names], layout)


def apart(heights: np.ndarray, gap: float = 0.85) -> np.ndarray:
    """Heights for labels, near the given ones but not on top of each other.

    Args:
        heights: (n,) where the labels would like to be.
        gap: the least distance.

    Returns:
        (n,) where they go.
    """
    placed = heights.astype(float)
    order = np.argsort(-heights)
    for upper, lower in pairwise(order):
        placed[lower] = min(placed[lower], placed[upper] - gap)
    return placed


def describe_schedules(data: SchedulesData) -> str:
    """The schedules in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    values = data.log_snr[data.chosen]
    at = round(data.share * (len(values) - 1))
    half = float((values < 0).mean())
    left = ", ".join(f"{name} {rounded(value)}" for name, value in data.left.items())
    return (
        f"{data.chosen} at t = {at}: signal-to-noise {rounded(10 ** values[at])}; "
        f"noise outweighs signal in {rounded(100 * half)} % of its steps. ᾱ left at the last step: {left}."
    )


class ScheduleExplorer(Explorer):
    """How quickly each schedule gives up the signal.

    Args:
        T: number of timesteps to begin with, of TIMESTEPS.

    Raises:
        InputError: another T.
    """

    def __init__(self, T: int = 100) -> None:
        if T not in TIMESTEPS:
            raise InputError(f"T is {T!r}; take one of {', '.join(map(str, TIMESTEPS))}.")
        controls = {
            "share": ipywidgets.FloatSlider(min=0, max=1, step=0.01, value=0.5, description="along the way"),
            "chosen": ipywidgets.Dropdown(options=list(BETA_SCHEDULES), value="linear", description="schedule"),
            "T": ipywidgets.SelectionSlider(options=TIMESTEPS, value=T),
            "rescale": ipywidgets.Checkbox(value=False, description="fit betas to T", indent=False),
        }
        super().__init__(controls, lambda s: schedules_data(**s), schedules_figure, describe_schedules, reset=True)


STILLS = {"01_schedules": lambda: schedules_figure(schedules_data(100, False, "linear", 0.5))}
