"""The loss seen from one noisy number: what it may have been, the best answer, the score, and what each target weighs.

The data are two good answers, left (−1) and right (+1), like the sideways part of an action at the fork.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.diffusion import NoiseSchedule
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.mixture import GRID, Mixture, integral

STD = 0.2
ANSWERS = torch.linspace(-2, 2, 321, dtype=torch.float64)  # x_0, and the answers of which the error is drawn
SEEN = torch.linspace(-2.6, 2.6, 241, dtype=torch.float64)  # x_t


@dataclass(frozen=True)
class LossData:
    """All that one noisy number tells.

    Args:
        xt: the number.
        t: its time.
        right: the share of the right answer in the data, 0 to 1.
        alpha_bar: at t.
        prior: (321,) p(x_0) at ANSWERS, its highest point 1.
        posterior: (321,) q(x_0 | x_t) at ANSWERS, its highest point 1.
        mean: E[x_0 | x_t].
        error: (321,) E|x_0 − f|² given x_t, for each answer f of ANSWERS.
        seen: (241,) p(x_t) at SEEN, its highest point 1.
        at_xt: p(x_t) at xt, on the scale of `seen`.
        score: of p(x_t) at xt.
        weights: name of a target -> (T,) weight of its squared error, as a weight on the error in x_0.
    """

    xt: float
    t: int
    right: float
    alpha_bar: float
    prior: np.ndarray
    posterior: np.ndarray
    mean: float
    error: np.ndarray
    seen: np.ndarray
    at_xt: float
    score: float
    weights: dict[str, np.ndarray]

    @property
    def least(self) -> float:
        """The error of the best answer: how much x_t leaves open."""
        return float(self.error.min())

    @property
    def tip(self) -> float:
        """Where the arrow ends: x_t + (1 − ᾱ) score, which by Tweedie's formula is √ᾱ E[x_0 | x_t]."""
        return self.xt + (1 - self.alpha_bar) * self.score


@cache
def loss_weights(T: int) -> dict[str, np.ndarray]:
    """What the squared error of each target weighs, in units of the squared error in x_0.

    Args:
        T: number of timesteps of the (cosine) schedule.

    Returns:
        Name of a target -> (T,): SNR for the noise, 1 for x_0, SNR + 1 for v.
    """
    snr = NoiseSchedule(T).snr
    return {"epsilon": snr.numpy(), "sample": np.ones(T), "v_prediction": (snr + 1).numpy()}


def loss_data(xt: float, t: int, right: float, T: int = 50) -> LossData:
    """Look at one noisy number.

    Args:
        xt: the number.
        t: its time, 0 to T-1.
        right: the share of the right answer in the data, strictly between 0 and 1.
        T: number of timesteps of the (cosine) schedule.

    Returns:
        What the picture shows.

    Raises:
        InputError: a time or a share out of range.
    """
    if t not in range(T):
        raise InputError(f"t = {t} is no time of this picture; give 0 to {T - 1}.")
    if not 0 < right < 1:
        raise InputError(f"right is {right}; give a share above 0 and below 1.")
    data = Mixture((-1.0, 1.0), (1 - right, right), STD)
    alpha_bar = NoiseSchedule(T).alpha_bar(t)
    over_all = data.posterior(GRID, xt, alpha_bar)
    mean = integral(GRID * over_all)
    variance = integral((GRID - mean) ** 2 * over_all)
    posterior, prior = data.posterior(ANSWERS, xt, alpha_bar), data.density(ANSWERS)
    seen, here = data.density(SEEN, alpha_bar), torch.tensor([xt], dtype=torch.float64)
    top = seen.max()
    return LossData(
        xt=float(xt), t=t, right=right, alpha_bar=float(alpha_bar), mean=float(mean),
        prior=(prior / prior.max()).numpy(), posterior=(posterior / over_all.max()).numpy(),
        error=(variance + (ANSWERS - mean) ** 2).numpy(), seen=(seen / top).numpy(),
        at_xt=float(data.density(here, alpha_bar) / top), score=float(data.score(here, alpha_bar)),
        weights=loss_weights(T),
    )  # fmt: skip


def loss_figure(data: LossData) -> go.Figure:
    """At the left what x_0 may have been, and below it the error of each answer; at the right the score and weights.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    return go.Figure([*_guessing(data), *_slope(data), *_weighing(data)], _layout())


def _on(trace: go.Scatter, panel: str) -> go.Scatter:
    return trace.update(xaxis=f"x{panel}", yaxis=f"y{panel}", cliponaxis=True)


def _guessing(data: LossData) -> list[go.Scatter]:
    """The posterior over x_0, and the error of every answer; the mean goes through both."""
    x = ANSWERS.numpy()
    return [
        _on(theme.line("data", x, data.prior), ""),
        _on(theme.line("diffusion", x, data.posterior, fill="tozeroy", fillcolor=theme.ROLES["diffusion"].fill), ""),
        _on(theme.line("diffusion", [data.mean] * 2, [0, 1.12], line_width=1), ""),
        _on(_words([data.mean], [1.2], ["E[x₀ | xₜ]"], "middle center"), ""),
        _on(theme.line("cloning", x, data.error), "2"),
        _on(theme.line("diffusion", [data.mean] * 2, [data.least, 3.98], line_width=1), "2"),
        _on(theme.points("diffusion", [data.mean], [data.least], size=11), "2"),
    ]


def _slope(data: LossData) -> list[go.Scatter]:
    """Where x_t is likely, and an arrow along the score."""
    arrow = {
        "symbol": "arrow",
        "angleref": "previous",
        "size": [0, 14],
        "opacity": 1,
        "line": {"width": 0},
        "color": theme.ROLES["diffusion"].color,
    }
    x, height = [data.xt, data.tip], [data.at_xt] * 2
    return [
        _on(theme.line("noise", SEEN.numpy(), data.seen), "3"),
        _on(theme.points("noise", [data.xt], [data.at_xt], size=9), "3"),
        _on(theme.line("diffusion", x, height, mode="lines+markers", marker=arrow), "3"),
        _on(_words([data.xt], [data.at_xt + 0.13], ["xₜ"], "middle center"), "3"),
    ]


def _weighing(data: LossData) -> list[go.Scatter]:
    """The weight of each target over t; the present t is marked."""
    t = np.arange(len(data.weights["sample"]))
    roles = {"epsilon": "noise", "sample": "data", "v_prediction": "diffusion"}
    lines = [theme.line(roles[name], t, weight) for name, weight in data.weights.items()]
    at = [weight[data.t] for weight in data.weights.values()]
    marks = theme.points("diffusion", [data.t] * len(at), at, size=9)
    now = theme.line("data", [data.t] * 2, [1e-4, 2e3], line_width=1, line_dash="solid")
    end = len(t) - 1
    names = _words([0.9 * end, 0.04 * end, 0.8 * end], [3.5, 0.4, 0.012], ["v", "x₀", "ε"], "middle center")
    return [_on(trace, "4") for trace in (now, *lines, marks, names)]


def _words(x: list, y: list, words: list[str], place: str) -> go.Scatter:
    return go.Scatter(x=x, y=y, text=words, mode="text", textposition=place, hoverinfo="skip")


_TITLES = {
    "": "What may x₀ have been, given xₜ?",
    "2": "The error of each answer f, given xₜ",
    "3": "Where is xₜ likely? The arrow: score × (1−ᾱ)",
    "4": "What an error in x₀ weighs, by target",
}


def _layout() -> go.Layout:
    layout = theme.layout(height=520, margin_t=30, margin_l=40)
    free: dict[str, object] = {"zeroline": False, "fixedrange": True, "gridcolor": theme.GRID}
    y_axes: dict[str, dict[str, object]] = {
        "": {"range": (0, 1.32), "showticklabels": False, "domain": (0.57, 1)},
        "2": {"range": (-0.2, 4), "domain": (0, 0.42)},
        "3": {"range": (0, 1.32), "showticklabels": False, "domain": (0.57, 1)},
        "4": {"range": (-4, 3.3), "type": "log", "dtick": 1, "exponentformat": "power", "domain": (0, 0.42)},
    }
    x_axes: dict[str, dict[str, object]] = {
        "": {"range": (-2, 2), "title": "x₀", "domain": (0, 0.46)},
        "2": {"range": (-2, 2), "title": "f", "domain": (0, 0.46)},
        "3": {"range": (-2.6, 2.6), "title": "xₜ", "domain": (0.56, 1)},
        "4": {"range": (-1, 50), "title": "t", "domain": (0.56, 1)},
    }
    for panel in y_axes:
        layout[f"xaxis{panel}"] = free | x_axes[panel] | {"anchor": f"y{panel}"}
        layout[f"yaxis{panel}"] = free | y_axes[panel] | {"anchor": f"x{panel}"}
        layout[f"xaxis{panel}"].title.standoff = 4
    layout.yaxis4.tickfont = {"size": 11}
    layout.annotations = [
        {"xref": f"x{panel} domain", "yref": f"y{panel} domain", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
        | {"text": words, "showarrow": False}
        for panel, words in _TITLES.items()
    ]
    layout.meta = {"narrow": _stacked() | {"height": 1040}}
    return layout


def _stacked() -> dict[str, list[float]]:
    """The panels one above the other, in the order in which they are read."""
    places: dict[str, list[float]] = {f"xaxis{panel}.domain": [0, 1] for panel in _TITLES}
    for k, panel in enumerate(_TITLES):
        places[f"yaxis{panel}.domain"] = [1 - 0.26 * k - 0.19, 1 - 0.26 * k]
    return places


def describe_loss(data: LossData) -> str:
    """The picture in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    weights = ", ".join(f"{name} {rounded(weight[data.t])}" for name, weight in data.weights.items())
    return (
        f"ᾱ = {rounded(data.alpha_bar)}, xₜ = {rounded(data.xt)}: the best answer, E[x₀ | xₜ], is "
        f"{rounded(data.mean)}, its error {rounded(data.least)}; score {rounded(data.score)}. Weights at t: {weights}."
    )


class LossExplorer(Explorer):
    """One noisy number x_t at a time t: which answer has the least error, and what does the score say?

    Args:
        T: number of timesteps of the (cosine) schedule, at least 2.

    Raises:
        InputError: fewer timesteps.
    """

    def __init__(self, T: int = 50) -> None:
        if T < 2:
            raise InputError(f"T is {T}; give at least 2 timesteps.")
        controls = {
            "t": ipywidgets.IntSlider(min=0, max=T - 1, value=3 * T // 5),
            "xt": ipywidgets.FloatSlider(min=-2, max=2, step=0.05, value=1.2, description="xₜ"),
            "right": ipywidgets.FloatSlider(min=0.05, max=0.95, step=0.05, value=0.5, description="share of right"),
        }

        def compute(state: dict) -> LossData:
            # The browser adds up steps: 1.2 may come back as 1.2000000000000002, and Reset would not quite restore.
            return loss_data(round(state["xt"], 6), state["t"], round(state["right"], 6), T)

        super().__init__(controls, compute, loss_figure, describe_loss, play="t", reset=True)


STILLS = {"02_loss": lambda: loss_figure(loss_data(1.2, 30, 0.5))}
