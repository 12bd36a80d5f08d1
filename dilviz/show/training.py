"""A training that runs while you look: its loss falls, its samples appear, its answers come near the exact ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.diffusion.schedule import PREDICTION_TYPES
from dilviz.diffusion.training import LOG_EVERY, TrainingDiverged
from dilviz.errors import InputError
from dilviz.show.base import NO_BUG, Bug, Explorer
from dilviz.show.pad import DrawingPad
from dilviz.show.small_training import LONGEST, SHAPES, Shot, SmallTraining, T, Yardstick, drawn_shape, shape
from dilviz.show.training_picture import TrainingData, describe_training, training_figure

FORK, DRAWN = "fork: points", "what you draw"
RECIPE = ("width", "lr", "prediction_type", "told_the_time")
WIDTHS, RATES = (4, 8, 16, 32, 64, 128), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
NARROWER = {"width": "205px"}  # or the controls take another row as soon as Play becomes Pause


class TrainingExplorer(Explorer):
    """Train a small network for some seconds, and watch its samples while its loss falls.

    The slider `trained` asks the loop beneath `fit` for the steps that are missing, so Play trains and Pause stops it;
    sliding back shows what was. Every other control begins a new training, with its first fifty steps. Below the
    picture lies a pad, folded: what is drawn there is data, too.

    Args:
        points: (N, 2) in [-1, 1] of your own to train on; they are put on the pad.
        bugs: (name, context manager) pairs: suspects that can be planted.
        mystery: somebody else's training with a bug: its samples and curves are drawn beside yours.

    Raises:
        InputError: points that no pad takes.
    """

    def __init__(
        self,
        points: np.ndarray | None = None,
        bugs: tuple[Bug, ...] = (),
        mystery: Callable[[], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self._yardsticks: dict[tuple, Yardstick] = {}
        self._runs: dict[tuple, SmallTraining] = {}
        self._now: tuple = ()  # the run that is shown, and the one before it
        self._before: tuple = ()
        self.pad = DrawingPad(
            points=[] if points is None else points, mode="strokes", x_range=[-1, 1], y_range=[-1, 1], width=300,
            height=300, label="Draw lines, or drop points, to train on.", max_points=1000,
        )  # fmt: skip
        self._mystery: SmallTraining | None = None
        if mystery is not None:
            with mystery():  # to its end now, while no other bug is planted
                self._mystery = SmallTraining(self._yardstick(FORK))
                self._mystery.at(LONGEST)
        controls = self._make_controls(FORK if points is None else DRAWN)
        super().__init__(
            controls, self._see, training_figure, describe_training, play="trained", interval=40, reset=True, bugs=bugs
        )
        if self._mystery is None:
            fold = ipywidgets.Accordion([self.pad], titles=("Draw data of your own",), layout={"width": "340px"})
            self.children = [*self.children, fold]  # type: ignore[has-type]
            self.pad.observe(self._drawn, ["points", "strokes"])

    def _make_controls(self, first: str) -> dict[str, ipywidgets.ValueWidget]:
        trained = ipywidgets.IntSlider(min=0, max=LONGEST, step=LOG_EVERY, value=0, description="steps trained")
        if self._mystery is not None:
            return {"trained": trained}
        slider, choice = ipywidgets.SelectionSlider, ipywidgets.Dropdown
        return {
            "trained": trained,
            "t": ipywidgets.IntSlider(min=0, max=T - 1, value=T // 2, layout=NARROWER),
            "shape": choice(options=[*SHAPES, DRAWN], value=first, description="data"),
            "width": slider(options=WIDTHS, value=64, layout=NARROWER),
            "lr": slider(options=RATES, value=1e-2, description="learning rate", layout=NARROWER),
            "prediction_type": choice(options=PREDICTION_TYPES, value="sample", description="predicts"),
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
        else:
            self._begin_anew()

    def _drawn(self, _change: Any) -> None:
        """Something was drawn, or wiped off: it is trained on at once."""
        self._begin_anew(shape=DRAWN)

    def _begin_anew(self, **values: Any) -> None:
        self._shown = {}
        self.assign(**values, trained=LOG_EVERY)

    def _key(self, name: str) -> tuple:
        return (name, str(self.pad.points), str(self.pad.strokes)) if name == DRAWN else (name,)

    def _yardstick(self, name: str) -> Yardstick:
        key = self._key(name)
        if key not in self._yardsticks:
            self._yardsticks[key] = Yardstick(drawn_shape(self.pad) if name == DRAWN else shape(name))
        return self._yardsticks[key]

    def _see(self, state: dict[str, Any]) -> TrainingData:
        name, kind = state.get("shape", FORK), state.get("prediction_type", "sample")
        recipe: dict[str, Any] = {key: state[key] for key in RECIPE if key in state}
        run = self._run(name, recipe, self.controls["bug"].value if "bug" in self.controls else NO_BUG)
        try:
            shot = run.at(state["trained"])
        except TrainingDiverged as error:
            raise InputError(str(error)) from error
        other, comparable = self._beside(state["trained"], name, kind)
        stick = run.yardstick
        return TrainingData(stick, shot, stick.floor(kind), state.get("t"), other, comparable, name == FORK)

    def _run(self, name: str, recipe: dict[str, Any], bug: str) -> SmallTraining:
        key = (self._key(name), tuple(recipe.items()), bug)
        if key not in self._runs:
            self._runs[key] = SmallTraining(self._yardstick(name), **recipe)
        if key != self._now:
            # Worth comparing is what was trained, not what stood there untouched.
            if self._now and self._runs[self._now].last.steps > LOG_EVERY:
                self._before = self._now
            self._now = key
        return self._runs[key]

    def _beside(self, trained: int, name: str, kind: str) -> tuple[Shot | None, bool]:
        if self._mystery is not None:
            return self._mystery.at(trained), True
        if not self._before or self._before[0] != self._key(name):
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
