"""Forward noising: data that dissolves under a slider."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.diffusion import BETA_SCHEDULES, NoiseSchedule
from dilviz.envs.fork import FORK
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.datasets import DATASETS, Dataset, dataset

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


def left_at_the_end(alpha_bar: float) -> str:
    """What a schedule leaves of the data at its last step, with a warning where that is too much.

    Args:
        alpha_bar: at the schedule's last step.

    Returns:
        One sentence.
    """
    warning = "" if alpha_bar <= NOT_NOISE else " ⚠ Too much: the last step is not noise yet."
    return f"At the last step ᾱ = {rounded(alpha_bar)} is left.{warning}"


@dataclass(frozen=True)
class NoisingData:
    """What the noising picture shows.

    Args:
        clean: (N, L, 2) places before any noise.
        noisy: (N, L, 2) places at time t.
        alpha_bar: (T,) of the schedule.
        t: the time, -1 (clean) to T-1.
        tree: whether the tree is drawn.
    """

    clean: np.ndarray
    noisy: np.ndarray
    alpha_bar: np.ndarray
    t: int
    tree: bool


def noising_data(schedule: NoiseSchedule, data: Dataset, t: int, seed: int) -> NoisingData:
    """Noise some data to time t. The same seed is the same noise at every t, so that dragging t moves each point.

    Args:
        schedule: the noise.
        data: what is noised.
        t: -1 (clean) to T-1.
        seed: of the noise.

    Returns:
        What the picture shows.

    Raises:
        InputError: a time out of range.
    """
    x0 = data.x0[: SHOWN["points" if data.x0.shape[1] == 1 else "paths"]]
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed))
    xt = schedule.add_noise(x0, noise, t)
    clean, noisy = (data.positions(x).numpy() for x in (x0, xt))
    return NoisingData(clean, noisy, schedule.alphas_cumprod.numpy(), t, data.tree)


def noising_figure(data: NoisingData) -> go.Figure:
    """The scene at the left, what is left of signal and noise at the right.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    T = len(data.alpha_bar)
    share = np.concatenate([[0.0], (np.arange(T) + 1) / T])  # of the way; t = -1 is 0
    signal = np.sqrt(np.concatenate([[1.0], data.alpha_bar]))
    sigma = np.sqrt(np.concatenate([[0.0], 1 - data.alpha_bar]))
    now = data.t + 1
    too_much = data.alpha_bar[-1] > NOT_NOISE
    right = {"xaxis": "x2", "yaxis": "y2"}
    traces = [
        *_scene(data),
        theme.line("data", share, signal, " signal √ᾱ", **right),
        theme.line("noise", share, sigma, " noise √(1−ᾱ)", **right),
        theme.points("data", share[[now]], signal[[now]], size=11, **right),
        theme.points("noise", share[[now]], sigma[[now]], size=11, **right),
        theme.points("cloning", share[-1:], signal[-1:], size=14, opacity=float(too_much), **right),
        _signs(data.tree),
    ]
    return go.Figure(traces, two_panels([TREE] if data.tree else [], "share of the T steps", (-0.03, 1.08)))


def _scene(data: NoisingData) -> list[go.Scatter]:
    if data.clean.shape[1] > 1:
        return [
            theme.paths("data", data.clean, opacity=0.6),
            theme.paths("noise", data.noisy[1:], opacity=0.55, line_width=1, line_dash="solid"),
            theme.paths("noise", data.noisy[:1], line_width=3, line_dash="solid"),
        ]
    clean, noisy = data.clean[:150, 0], data.noisy[:, 0]  # enough to see the heaps; every mark costs a redraw
    return [
        theme.points("data", clean[:, 0], clean[:, 1], size=4),
        theme.points("noise", noisy[:, 0], noisy[:, 1], size=5, opacity=0.7),
        theme.points("noise", noisy[:1, 0], noisy[:1, 1], size=12),
    ]


def _signs(tree: bool) -> go.Scatter:
    """Where a walk starts and where it wants to go."""
    y = np.array([2 * FORK.start[1] - 1, 2 * FORK.goal[1] - 1]) if tree else np.full(2, np.nan)
    signs = theme.points("tree", np.zeros(2), y, size=8)
    return signs.update(mode="markers+text", text=["start", "goal"], textposition=["bottom center", "top center"])


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


def describe_noising(data: NoisingData) -> str:
    """The noising picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    T = len(data.alpha_bar)
    alpha_bar = 1.0 if data.t < 0 else float(data.alpha_bar[data.t])
    left = left_at_the_end(float(data.alpha_bar[-1]))
    return (
        f"t = {data.t} of 0 … {T - 1}{' (clean)' if data.t < 0 else ''}: ᾱ = {rounded(alpha_bar)}, so xₜ is "
        f"{rounded(alpha_bar**0.5)} times the data (grey) plus {rounded((1 - alpha_bar) ** 0.5)} times noise. {left}"
    )


class NoisingExplorer(Explorer):
    """Drag t, and the data dissolves.

    Args:
        data: a name in DATASETS to begin with.
        schedule: a schedule of your own; it takes the place of the controls for schedule and T.
        t: where to begin; -1 is clean.

    Raises:
        InputError: no such data, or a time out of range.
    """

    def __init__(self, data: str = "fork: walks", schedule: NoiseSchedule | None = None, t: int = 2) -> None:
        steps = ipywidgets.SelectionSlider(options=TIMESTEPS, value=50, description="T", continuous_update=True)
        last = (len(schedule) if schedule else steps.value) - 1
        dataset(data)  # says what there is, if that is not
        if t not in range(-1, last + 1):
            raise InputError(f"t is {t!r}; give -1 (clean) to {last}.")
        slider = ipywidgets.IntSlider(min=-1, max=last, value=t)
        controls = {
            "t": slider,
            "what": ipywidgets.Dropdown(options=list(DATASETS), value=data, description="data"),
            "seed": ipywidgets.IntSlider(min=0, max=20, value=0),
        }
        if schedule is None:
            ipywidgets.dlink((steps, "value"), (slider, "max"), lambda T: T - 1)
            controls |= {
                "beta_schedule": ipywidgets.Dropdown(
                    options=list(BETA_SCHEDULES), value="squaredcos_cap_v2", description="schedule"
                ),
                "T": steps,
                "rescale": ipywidgets.Checkbox(value=True, description="fit betas to T", indent=False),
            }
            # The cosine fits T by itself: a switch that does nothing would only puzzle.
            ipywidgets.dlink(
                (controls["beta_schedule"], "value"),
                (controls["rescale"], "disabled"),
                lambda s: s == "squaredcos_cap_v2",
            )

        def compute(state: dict) -> NoisingData:
            chosen = schedule or make_schedule(state["T"], state["beta_schedule"], state["rescale"])
            t = min(state["t"], len(chosen) - 1)
            return noising_data(chosen, dataset(state["what"]), t, state["seed"])

        super().__init__(controls, compute, noising_figure, describe_noising, play="t", reset=True)


def noising_strip() -> go.Figure:
    """The walks at four noise levels, side by side: what a page shows that has no slider.

    Returns:
        The figure.
    """
    schedule, data, times = NoiseSchedule(50), dataset("fork: walks"), (-1, 3, 9, 25)
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
        shown = noising_data(schedule, data, t, seed=0)
        scene = _scene(replace(shown, clean=shown.clean[:8], noisy=shown.noisy[:8]))
        traces += [trace.update(xaxis=axis, cliponaxis=True) for trace in scene]
        layout.shapes += (TREE | {"xref": axis},)
        layout[axis.replace("x", "xaxis")] = layout.xaxis.to_plotly_json() | {
            "range": (-1.6, 1.6),
            "domain": (k / 4, (k + 1) / 4),
        }
    return go.Figure(traces, layout)


STILLS = {"01_noising": noising_strip}
