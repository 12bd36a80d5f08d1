"""Flow matching: straight ways from noise to data, and the one flow that their mean velocity makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.live.denoising import MIXTURES, Mixture

PARTICLES = 80
STEPS = (1, 2, 5, 10, 20, 50)
FLOW, PAIRS = "the flow", "pairs of noise and data"
DATA = ("two heaps", "two moons", "ways round the tree")
VIEW = (-2.6, 2.6)
BETWEEN = 24  # points of a way that is drawn, so that what is bent looks bent


@dataclass(frozen=True)
class FlowData:
    """Ways from noise to data.

    Args:
        ways: (PARTICLES, n, 2) the same number of points each, the noise first.
        scaled: (PARTICLES, n, 2) the same in the coordinates of a diffusion: each point divided by √(u² + (1−u)²).
        shown: FLOW or PAIRS.
        steps: of Euler's method, for the flow.
        mixture: the data.
        on: how many of the ends lie on the data, within three widths of a heap's middle.
    """

    ways: np.ndarray
    scaled: np.ndarray
    shown: str
    steps: int
    mixture: Mixture
    on: int


def exact_velocity(mixture: Mixture, x: np.ndarray, u: float) -> np.ndarray:
    """The mean of x_0 − ε over all pairs of noise and data whose straight way passes x at u.

    Args:
        mixture: the data.
        x: (N, 2) places x_u = (1−u) ε + u x_0.
        u: 0 (noise) to 1 (data), 1 left out.

    Returns:
        (N, 2), as x per unit of u.

    Source:
        Lipman et al. 2022 (arXiv 2210.02747), eq. 8, for straight ways; the mean of x_0 by Bayes' rule.
    """
    off = x[:, None] - u * mixture.means  # (N, K, 2)
    spread = u**2 * mixture.std**2 + (1 - u) ** 2
    logs = np.log(mixture.weights) - (off**2).sum(2) / (2 * spread)
    share = np.exp(logs - logs.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    x0 = np.einsum("nk,nkd->nd", share, mixture.means + u * mixture.std**2 / spread * off)
    return (x0 - x) / (1 - u)


def euler(mixture: Mixture, noise: np.ndarray, steps: int) -> np.ndarray:
    """Follow the exact velocity in equal steps.

    Args:
        mixture: the data.
        noise: (N, 2) where to start.
        steps: 1 or more.

    Returns:
        (N, steps + 1, 2) places, the start first.
    """
    places = [noise]
    for k in range(steps):
        places.append(places[-1] + exact_velocity(mixture, places[-1], k / steps) / steps)
    return np.stack(places, axis=1)


def flow_data(steps: int = 20, shown: str = FLOW, data: str = DATA[0]) -> FlowData:
    """Ways from noise to data.

    Args:
        steps: of Euler's method, one of STEPS.
        shown: FLOW or PAIRS.
        data: one of DATA.

    Returns:
        What the picture shows.

    Raises:
        InputError: a choice that is not among them.
    """
    for name, value, offered in (("steps", steps, STEPS), ("shown", shown, (FLOW, PAIRS)), ("data", data, DATA)):
        if value not in offered:
            raise InputError(f"{name} is {value!r}; take one of {', '.join(map(str, offered))}.")
    mixture, rng = MIXTURES[data], np.random.default_rng(0)
    noise = rng.standard_normal((PARTICLES, 2))
    heaps = rng.choice(len(mixture.weights), PARTICLES, p=mixture.weights)
    drawn = mixture.means[heaps] + mixture.std * rng.standard_normal((PARTICLES, 2))
    corners = euler(mixture, noise, steps) if shown == FLOW else np.stack([noise, drawn], axis=1)
    ways, u = _in_between(corners)
    far = np.linalg.norm(ways[:, -1, None] - mixture.means, axis=2).min(1)
    return FlowData(ways, ways / np.hypot(u, 1 - u)[:, None], shown, steps, mixture, int((far < 3 * mixture.std).sum()))


def _in_between(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points on the straight pieces between corners at even u, and u at each."""
    last = corners.shape[1] - 1
    u = np.unique(np.concatenate([np.linspace(0, 1, BETWEEN + 1), np.arange(last + 1) / last]).round(9))
    low = np.minimum((u * last).astype(int), last - 1)
    part = (u * last - low)[:, None]
    return corners[:, low] * (1 - part) + corners[:, low + 1] * part, u


def flow_figure(data: FlowData) -> go.Figure:
    """The ways at the left, and the same ways in a diffusion's coordinates at the right.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    left = _scene(data.ways, "flow matching", "")
    right = _scene(data.scaled, "the same, as a diffusion", "2")
    discs = [theme.disc("data", x, y, 2 * data.mixture.std) for x, y in data.mixture.means]
    shapes = [{**disc, "xref": f"x{k}", "yref": f"y{k}", "line_width": 0} for k in ("", "2") for disc in discs]
    layout = theme.layout(x=VIEW, y=VIEW, equal=True, axes=False, height=400, shapes=shapes)
    layout.xaxis.domain = (0, 0.48)
    layout.xaxis2 = {**layout.xaxis.to_plotly_json(), "domain": (0.52, 1), "anchor": "y2", "zeroline": False}
    layout.yaxis2 = {**layout.yaxis.to_plotly_json(), "anchor": "x2", "scaleanchor": "x2", "zeroline": False}
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.51, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.49]}
    layout.meta = {"narrow": stacked | {"height": 700}}
    return go.Figure([*left, *right], layout)


def _scene(ways: np.ndarray, words: str, panel: str) -> list[go.Scatter]:
    axes: dict[str, Any] = {"xaxis": f"x{panel}", "yaxis": f"y{panel}", "cliponaxis": True}
    return [
        theme.paths("diffusion", ways, opacity=0.75, line_width=1, **axes),
        theme.points("noise", ways[:, 0, 0], ways[:, 0, 1], size=5, **axes),
        theme.points("diffusion", ways[:, -1, 0], ways[:, -1, 1], size=5, **axes),
        go.Scatter(x=[0], y=[VIEW[1] - 0.15], text=[words], mode="text", xaxis=axes["xaxis"], yaxis=axes["yaxis"]),
    ]


def describe_flow(data: FlowData) -> str:
    """The ways in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    if data.shown == PAIRS:
        return f"{PARTICLES} points of noise, each on a straight way to a point of data drawn by chance: ways cross."
    lengths = np.linalg.norm(np.diff(data.ways, axis=1), axis=2).sum(1)
    straight = np.linalg.norm(data.ways[:, -1] - data.ways[:, 0], axis=1)
    steps = "One step" if data.steps == 1 else f"{data.steps} steps"
    return (
        f"{steps} of Euler's method along the mean velocity: {data.on} of {PARTICLES} points end on the data, "
        f"by ways {rounded(lengths.sum() / straight.sum())} times as long as straight ones."
    )


class FlowExplorer(Explorer):
    """Straight ways that cross, the flow that goes by their mean, and what few steps make of it."""

    def __init__(self) -> None:
        controls = {
            "steps": ipywidgets.SelectionSlider(options=STEPS, value=20),
            "shown": ipywidgets.Dropdown(options=[FLOW, PAIRS]),
            "mixture": ipywidgets.Dropdown(options=DATA, description="data"),
        }

        def compute(state: dict) -> FlowData:
            return flow_data(state["steps"], state["shown"], state["mixture"])

        super().__init__(controls, compute, flow_figure, describe_flow, reset=True)


STILLS = {"appendix_flow_matching": lambda: flow_figure(flow_data())}
