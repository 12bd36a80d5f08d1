"""A training that runs while you look: its loss falls, its samples appear, its answers come near the exact ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.diffusion.schedule import PREDICTION_TYPES
from dilviz.diffusion.training import LOG_EVERY, TrainingDiverged
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import NO_BUG, Bug, Explorer, rounded
from dilviz.show.noising import TREE
from dilviz.show.small_training import CLOSE, LONGEST, SHAPES, Shot, SmallTraining, T, Yardstick, drawn_shape, shape

DRAWN = "what you drew"
WIDTHS, RATES = (4, 8, 16, 32, 64, 128), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FORK = "fork: points"
ARROWS = 24
NEAR, FAR = (-1.2, 1.2), (-1.9, 1.9)  # what is seen of samples and of noisy points
LEFT, RIGHT, UPPER, LOWER = (0.0, 0.46), (0.56, 1.0), (0.46, 0.95), (0.0, 0.35)
NARROWER = {"width": "205px"}  # or the controls take another row as soon as Play becomes Pause


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
    layout.xaxis2 = scene | {"domain": RIGHT, "anchor": "y2", "range": FAR}
    layout.yaxis2 = scene | {"domain": UPPER, "anchor": "x2", "scaleanchor": "x2", "range": FAR}
    layout.xaxis3 = free | {"domain": LEFT, "anchor": "y3", "range": (-30, LONGEST * 1.01), "title": "steps"}
    layout.yaxis3 = log | {"domain": LOWER, "anchor": "x3", "range": (-1.35, 0.2), "tickvals": [0.05, 0.1, 0.2, 0.5, 1]}
    layout.xaxis4 = free | {"domain": RIGHT, "anchor": "y4", "range": (-0.5, T - 0.5), "title": "t"}
    layout.yaxis4 = log | {"domain": LOWER, "anchor": "x4", "range": (-2.5, 2), "tickvals": [0.01, 0.1, 1, 10, 100]}
    layout.shapes = [TREE | {"xref": f"x{k}", "yref": f"y{k}"} for k in ("", "2")] if data.tree else []
    layout.annotations = [*_titles(data)]
    layout.meta = {"narrow": {"margin.l": 40}}
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
        f"(median over t); {round(100 * near)} of 100 samples lie within {CLOSE} of the data.{pale}"
    )


class TrainingExplorer(Explorer):
    """Train a small network for some seconds, and watch its samples while its loss falls.

    The slider `trained` asks the loop beneath `fit` for the steps that are missing, so Play trains and Pause stops it;
    sliding back shows what was. Every other control begins a new training, with its first fifty steps.

    Args:
        points: (N, 2) in [-1, 1] of your own to train on; None for the shapes that are there.
        bugs: (name, context manager) pairs: suspects that can be planted.
        mystery: somebody else's training with a bug: its samples and curves are drawn beside yours.
        data: the shape to begin with, a name in SHAPES.

    Raises:
        InputError: points of another shape or beyond [-1, 1], or an unknown shape.
    """

    def __init__(
        self,
        points: np.ndarray | None = None,
        bugs: tuple[Bug, ...] = (),
        mystery: Callable[[], AbstractContextManager[Any]] | None = None,
        data: str = FORK,
    ) -> None:
        shape(data)  # refuses an unknown one
        drawn = {} if points is None else {DRAWN: drawn_shape(points)}
        self._x0 = drawn | {name: shape(name) for name in SHAPES}
        self._yardsticks: dict[str, Yardstick] = {}
        self._runs: dict[tuple, SmallTraining] = {}
        self._now: tuple = ()  # the run that is shown, and the one before it
        self._before: tuple = ()
        self._mystery: SmallTraining | None = None
        self._first = first = DRAWN if drawn else data
        if mystery is not None:
            with mystery():  # to its end now, while no other bug is planted
                self._mystery = SmallTraining(self._yardstick(first))
                self._mystery.at(LONGEST)
        controls = self._make_controls(first)
        super().__init__(controls, self._see, training_figure, describe_training, play="trained", reset=True, bugs=bugs)

    def _make_controls(self, first: str) -> dict[str, ipywidgets.ValueWidget]:
        trained = ipywidgets.IntSlider(min=0, max=LONGEST, step=LOG_EVERY, value=0, description="steps trained")
        if self._mystery is not None:
            return {"trained": trained}
        return {
            "trained": trained,
            "t": ipywidgets.IntSlider(min=0, max=T - 1, value=T // 2, layout=NARROWER),
            "shape": ipywidgets.Dropdown(options=list(self._x0), value=first, description="data"),
            "width": ipywidgets.SelectionSlider(options=WIDTHS, value=64, layout=NARROWER),
            "lr": ipywidgets.SelectionSlider(options=RATES, value=1e-2, description="learning rate", layout=NARROWER),
            "prediction_type": ipywidgets.Dropdown(options=PREDICTION_TYPES, value="sample", description="predicts"),
            "told_the_time": ipywidgets.Checkbox(value=True, indent=False, description="told the time"),
        }

    def reset(self) -> None:
        """Restore the first state, and forget the training before."""
        self._now = self._before = ()
        self._shown = {}  # where the controls stand there already, the training before goes all the same
        super().reset()

    def _on_change(self, change: Any = None) -> None:
        looks = [self.controls[name] for name in ("trained", "t") if name in self.controls]
        if change is None or self._held or change["owner"] in looks:
            super()._on_change()
            return
        with self._hold():
            self.controls["trained"].value = LOG_EVERY

    def _yardstick(self, name: str) -> Yardstick:
        if name not in self._yardsticks:
            self._yardsticks[name] = Yardstick(self._x0[name])
        return self._yardsticks[name]

    def _see(self, state: dict[str, Any]) -> TrainingData:
        name, kind = state.get("shape", self._first), state.get("prediction_type", "sample")
        bug = self.controls["bug"].value if "bug" in self.controls else NO_BUG
        recipe: dict[str, Any] = {
            key: state[key] for key in ("width", "lr", "prediction_type", "told_the_time") if key in state
        }
        run = self._run(name, recipe, bug)
        try:
            shot = run.at(state["trained"])
        except TrainingDiverged as error:
            raise InputError(str(error)) from error
        other, comparable = self._beside(state["trained"], name, kind)
        stick = run.yardstick
        return TrainingData(stick, shot, stick.floor(kind), state.get("t"), other, comparable, name == FORK)

    def _run(self, name: str, recipe: dict[str, Any], bug: str) -> SmallTraining:
        key = (name, tuple(recipe.items()), bug)
        if key not in self._runs:
            self._runs[key] = SmallTraining(self._yardstick(name), **recipe)
        if key != self._now:
            self._now, self._before = key, self._now
        return self._runs[key]

    def _beside(self, trained: int, name: str, kind: str) -> tuple[Shot | None, bool]:
        if self._mystery is not None:
            return self._mystery.at(trained), True
        if not self._before or self._before[0] != name:
            return None, False
        before = self._runs[self._before]
        return before.last, before.denoiser.prediction_type == kind


def _still() -> go.Figure:
    training = SmallTraining(Yardstick(shape("ring")))
    shot = training.at(400)
    return training_figure(
        TrainingData(training.yardstick, shot, training.yardstick.floor("sample"), T // 2, None, False, False)
    )


STILLS = {"03_training": _still}
