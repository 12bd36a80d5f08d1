"""Forward noising: schedules to choose from, data at a time t, and what its pictures share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from dilviz.diffusion import CounterGenerator, NoiseSchedule
from dilviz.show import theme
from dilviz.show.base import rounded
from dilviz.show.datasets import Dataset, dataset

NOT_NOISE = 0.01  # more alpha_bar than this at the last step, and the last step is not noise yet
TIMESTEPS = (10, 20, 50, 100, 200, 500, 1000)
SHOWN = {"paths": 16, "points": 500}
VIEW = (-2.2, 2.2)
TREE = theme.disc("tree", 0.0, 0.0, 0.5)


def make_schedule(num_train_timesteps: int, beta_schedule: str, rescale: bool) -> NoiseSchedule:
    """A schedule, its betas fitted to the number of steps or not.

    Args:
        num_train_timesteps: T.
        beta_schedule: a name.
        rescale: make each step's beta 1000 / T times as large: fewer steps, the same noise in the end. The first is
            capped at 0.5 and the last at 0.999, so with very few steps the noise is less than that.

    Returns:
        The schedule. (The cosine's betas fit T by themselves.)

    Raises:
        InputError: as NoiseSchedule.
    """
    factor = 1000 / max(num_train_timesteps, 1) if rescale else 1.0  # a T below 1 is the schedule's to refuse
    return NoiseSchedule(num_train_timesteps, beta_schedule, min(1e-4 * factor, 0.5), min(0.02 * factor, 0.999))


def shown(name: str) -> Dataset:
    """As much of some data as a picture holds.

    Args:
        name: as in DATASETS.

    Returns:
        Its first rows.

    Raises:
        InputError: no such data.
    """
    data = dataset(name)
    return replace(data, x0=data.x0[: SHOWN["points" if data.x0.shape[1] == 1 else "paths"]])


def noised(schedule: NoiseSchedule, data: Dataset, t: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise some data to time t. The same seed is the same noise at every t, in Python as in the browser.

    Args:
        schedule: the noise.
        data: what is noised.
        t: -1 (clean) to T-1.
        seed: of the noise.

    Returns:
        (N, L, 2) places before any noise, and the same at time t.

    Raises:
        InputError: a time out of range.
    """
    noise = CounterGenerator(seed).randn(tuple(data.x0.shape))
    xt = schedule.add_noise(data.x0, noise, t)
    return data.positions(data.x0).numpy(), data.positions(xt).numpy()


def two_panels(shapes: list[dict], x_title: str, y: tuple[float, float], **more: object) -> go.Layout:
    """A scene at the left and a curve over the steps at the right.

    Args:
        shapes: in the scene.
        x_title: words at the curve's x axis.
        y: range of the curve's y axis.
        more: other properties of that axis.

    Returns:
        The layout; traces with xaxis "x2" and yaxis "y2" stand at the right.
    """
    layout = theme.layout(x=VIEW, y=VIEW, equal=True, height=430, shapes=shapes, margin_r=120, margin_l=8)
    layout.xaxis.update(domain=[0, 0.46], showticklabels=False, showgrid=False)
    layout.yaxis.update(showticklabels=False, showgrid=False)
    free = {"zeroline": False, "fixedrange": True, "gridcolor": theme.GRID}
    layout.xaxis2 = free | {"domain": [0.56, 1], "anchor": "y2", "range": (-0.01, 1.01), "title": x_title}
    layout.yaxis2 = free | {"anchor": "x2", "range": y} | more
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.48, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.4]}
    layout.meta = {"narrow": stacked | {"height": 660, "margin.l": 60}}
    return layout


def noising_strip() -> go.Figure:
    """The walks at four noise levels, side by side: what a page shows that has no slider.

    Returns:
        The figure.
    """
    schedule, data, times = NoiseSchedule(50), shown("fork: walks"), (-1, 3, 9, 25)
    few = replace(data, x0=data.x0[:8])
    layout = theme.layout(y=(-1.6, 1.6), axes=False, height=230, margin_b=30)
    layout.annotations = [
        {
            "x": (k + 0.5) / 4,
            "y": 0,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "center",
            "yanchor": "top",
            "showarrow": False,
        }
        | {"text": "clean" if t < 0 else f"t = {t}, ᾱ = {rounded(schedule.alpha_bar(t))}"}
        for k, t in enumerate(times)
    ]
    traces: list[go.Scatter] = []
    for k, t in enumerate(times):
        axis = f"x{k + 1}" if k else "x"
        clean, noisy = noised(schedule, few, t, seed=0)
        scene = [
            theme.paths("data", clean, opacity=0.6),
            theme.paths("noise", noisy[1:], opacity=0.55, line_width=1, line_dash="solid"),
            theme.paths("noise", noisy[:1], line_width=3, line_dash="solid"),
        ]
        traces += [trace.update(xaxis=axis, cliponaxis=True) for trace in scene]
        layout.shapes += (TREE | {"xref": axis},)
        layout[axis.replace("x", "xaxis")] = layout.xaxis.to_plotly_json() | {
            "range": (-1.6, 1.6),
            "domain": (k / 4, (k + 1) / 4),
        }
    return go.Figure(traces, layout)


STILLS = {"01_noising": noising_strip}
