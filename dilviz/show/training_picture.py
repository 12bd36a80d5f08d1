"""The picture of a training: its samples and answers above, its loss and its error at every t below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dilviz.diffusion.training import LOG_EVERY
from dilviz.show import theme
from dilviz.show.base import rounded
from dilviz.show.noising import TREE
from dilviz.show.small_training import CLOSE, LONGEST, Shot, T, Yardstick

ARROWS = 24
NEAR, FAR = (-1.2, 1.2), (-1.9, 1.9)  # what is seen of samples and of noisy points
LEFT, RIGHT, UPPER, LOWER = (0.0, 0.46), (0.56, 1.0), (0.46, 0.95), (0.0, 0.35)
# On a narrow page one above the other, what moves most at the top: panel -> its share of the height.
STACK = {1: (0.76, 0.97), 3: (0.56, 0.69), 2: (0.24, 0.46), 4: (0, 0.15)}
NARROW: dict[str, Any] = {"height": 1120, "margin.l": 40} | {
    f"{axis}axis{panel if panel > 1 else ''}.domain": domain
    for panel, rows in STACK.items()
    for axis, domain in (("x", [0, 1]), ("y", list(rows)))
}
NARROW |= {
    f"annotations.{panel - 1}.{axis}": at for panel, (_, top) in STACK.items() for axis, at in (("x", 0), ("y", top))
}


@dataclass(frozen=True)
class TrainingData:
    """A training at a moment, beside what is exact, and beside another training.

    Args:
        yardstick: of the data.
        shot: the training.
        floor: the loss that no network can beat.
        t: the time of which the answers are shown; None where another training's samples are shown instead.
        other: another training: the one before, or one that is a riddle; None where there is none.
        comparable: whether that one's loss is on the same scale.
        tree: whether the fork's tree stands in the scene.
    """

    yardstick: Yardstick
    shot: Shot
    floor: float
    t: int | None
    other: Shot | None
    comparable: bool
    tree: bool


def training_figure(data: TrainingData) -> go.Figure:
    """Samples and answers above, loss and error below.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    second = _other_samples(data) if data.t is None else _answers(data, data.t)
    return go.Figure([*_samples(data, data.shot, "diffusion"), *second, *_loss(data), *_error(data)], _layout(data))


def _on(panel: int, *traces: go.Scatter) -> list[go.Scatter]:
    name = "" if panel == 1 else str(panel)
    return [trace.update(xaxis=f"x{name}", yaxis=f"y{name}", cliponaxis=True) for trace in traces]


def _samples(data: TrainingData, shot: Shot, role: str, panel: int = 1) -> list[go.Scatter]:
    x0 = data.yardstick.x0[:, 0].numpy()
    truth = theme.points("data", x0[:, 0], x0[:, 1], size=4, opacity=0.35)
    return _on(panel, truth, theme.points(role, shot.samples[:, 0], shot.samples[:, 1], size=5, opacity=0.8))


def _other_samples(data: TrainingData) -> list[go.Scatter]:
    assert data.other is not None
    return _samples(data, data.other, "cloning", 2)


def _answers(data: TrainingData, t: int) -> list[go.Scatter]:
    """From noisy points to the network's answers, and to the exact ones."""
    rows = slice(t * len(data.yardstick.t) // T, t * len(data.yardstick.t) // T + ARROWS)
    xt, best = data.yardstick.xt[rows, 0].numpy(), data.yardstick.best[rows, 0].numpy()
    mine = data.shot.answers[t, :ARROWS]
    return _on(
        2,
        theme.paths("expert", [np.stack(pair) for pair in zip(xt, best, strict=True)], line_width=1),
        theme.points("expert", best[:, 0], best[:, 1], size=9, opacity=0.6),
        theme.paths("diffusion", [np.stack(pair) for pair in zip(xt, mine, strict=True)], line_width=1, opacity=0.6),
        theme.points("diffusion", mine[:, 0], mine[:, 1], size=6),
        theme.points("noise", xt[:, 0], xt[:, 1], size=6),
    )


def _loss(data: TrainingData) -> list[go.Scatter]:
    losses = data.shot.losses
    steps = LOG_EVERY * np.arange(len(losses))
    floor = theme.line("data", [0, LONGEST], [data.floor] * 2)
    words = go.Scatter(x=[0.8 * LONGEST], y=[0.85 * data.floor], text=["the floor"], mode="text")
    theirs = data.other.losses if data.other is not None and data.comparable else np.full(1, np.nan)
    return _on(
        3,
        floor,
        words,
        _second(data, LOG_EVERY * np.arange(len(theirs)), theirs),
        theme.line("diffusion", steps, losses),
        theme.points("diffusion", steps[-1:], losses[-1:], size=8),
    )


def _error(data: TrainingData) -> list[go.Scatter]:
    t, error = np.arange(T), data.shot.error
    theirs = np.full(T, np.nan) if data.other is None else data.other.error
    at = [] if data.t is None else [data.t]
    mine = theme.line("diffusion", t, error)
    return _on(4, _second(data, t, theirs), mine, theme.points("diffusion", t[at], error[at], size=10))


def _second(data: TrainingData, x: np.ndarray, y: np.ndarray) -> go.Scatter:
    """The other training's curve: a riddle has its own colour, the run before is pale."""
    return theme.line("cloning", x, y) if data.t is None else theme.line("diffusion", x, y, opacity=0.35, line_width=2)


def _layout(data: TrainingData) -> go.Layout:
    scene = {"showticklabels": False, "showgrid": False, "zeroline": False, "fixedrange": True, "constrain": "domain"}
    free = {"zeroline": False, "fixedrange": True, "gridcolor": theme.GRID}
    log = free | {"type": "log"}
    layout = theme.layout(x=NEAR, y=NEAR, equal=True, height=610, margin_l=50, margin_t=6)
    layout.xaxis.update(scene | {"domain": LEFT})
    layout.yaxis.update(scene | {"domain": UPPER})
    view = NEAR if data.t is None else FAR
    layout.xaxis2 = scene | {"domain": RIGHT, "anchor": "y2", "range": view}
    layout.yaxis2 = scene | {"domain": UPPER, "anchor": "x2", "scaleanchor": "x2", "range": view}
    layout.xaxis3 = free | {"domain": LEFT, "anchor": "y3", "range": (-30, LONGEST * 1.01), "title": "steps"}
    layout.yaxis3 = log | {"domain": LOWER, "anchor": "x3", "range": (-1.35, 0.2), "tickvals": [0.05, 0.1, 0.2, 0.5, 1]}
    layout.xaxis4 = free | {"domain": RIGHT, "anchor": "y4", "range": (-0.5, T - 0.5), "title": "t"}
    layout.yaxis4 = log | {"domain": LOWER, "anchor": "x4", "range": (-2.5, 2), "tickvals": [0.01, 0.1, 1, 10, 100]}
    layout.shapes = [TREE | {"xref": f"x{k}", "yref": f"y{k}"} for k in ("", "2")] if data.tree else []
    layout.annotations = [*_titles(data)]
    layout.meta = {"narrow": NARROW}
    return layout


def _titles(data: TrainingData) -> list[dict[str, Any]]:
    second = "samples of the mystery" if data.t is None else f"answers at t = {data.t}, the exact ones grey"
    words = ("samples", second, "loss", "error in x₀ at every t")
    places = [(column[0], row[1]) for row in (UPPER, LOWER) for column in (LEFT, RIGHT)]
    look = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    return [look | {"x": x, "y": y, "text": text} for (x, y), text in zip(places, words, strict=True)]


def describe_training(data: TrainingData) -> str:
    """The training in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    shot = data.shot
    near = data.yardstick.near(shot.samples)
    pale = " Pale: the training before this one." if data.t is not None and data.other is not None else ""
    return (
        f"After {shot.steps} steps: loss {rounded(shot.losses[-1])}, where no network gets below "
        f"{rounded(data.floor)} on average; the answers are {rounded(np.median(shot.error))} off the exact ones "
        f"(median over t); {round(100 * near)} % of the samples lie within {CLOSE} of the data.{pale}"
    )
