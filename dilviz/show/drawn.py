"""Draw your own demonstrations, train every learner on them, and see what each must do with them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.diffusion.training import without_bars
from dilviz.envs.fork import FORK, GOAL_RADIUS, MAX_STEP, MAX_STEPS
from dilviz.errors import InputError
from dilviz.imitation import Episodes, Windows, rollout
from dilviz.imitation.learners import LEARNERS
from dilviz.imitation.rollout import Policy
from dilviz.show import theme
from dilviz.show.answers import look_of
from dilviz.show.base import Explorer
from dilviz.show.fork import GOAL_X, GOAL_Y, SCENE, TREE_X, TREE_Y, FromStarts
from dilviz.show.pad import DrawingPad, disc
from dilviz.tasks import FIRST, TASKS

WALKERS, STEPS, WIDTH = 32, 1000, 128
OFFERED = ("lookup", "cloning", "cloning-onestep", "mdn", "diffusion")  # DAgger asks an expert, and you are one


def episodes_of(strokes: list[np.ndarray]) -> Episodes:
    """Drawn walks as demonstrations, at full speed along each line.

    Args:
        strokes: (n, 2) polylines in the unit square; what is longer than an episode is cut off.

    Returns:
        One episode a stroke; success says whether it ends at the goal without crossing the tree.

    Raises:
        InputError: no stroke that is longer than a step.
    """
    paths = [path for path in map(_paced, strokes) if len(path) > 1]
    if not paths:
        raise InputError("there is no walk to learn from; draw one, from below the tree to the goal.")
    free = [bool((np.linalg.norm(path - FORK.tree, axis=1) > FORK.radius).all()) for path in paths]
    there = [bool(np.linalg.norm(path[-1] - FORK.goal) < 2 * GOAL_RADIUS) for path in paths]
    return Episodes(
        observations=np.concatenate([path[:-1] for path in paths]).astype(np.float32),
        actions=np.concatenate([np.diff(path, axis=0) / MAX_STEP for path in paths]).astype(np.float32),
        rewards=np.zeros(sum(len(path) - 1 for path in paths)),
        episode_ends=np.cumsum([len(path) - 1 for path in paths]),
        last=np.stack([path[-1] for path in paths]).astype(np.float32),
        terminated=np.zeros(len(paths), bool),
        seeds=FIRST + np.arange(len(paths)),
        success=np.logical_and(free, there),
        mode=np.array([""] * len(paths)),
        task="fork",
    )


def _paced(stroke: np.ndarray) -> np.ndarray:
    """Places MAX_STEP apart along a line: (n, 2)."""
    lengths = np.concatenate([[0], np.linalg.norm(np.diff(stroke, axis=0), axis=1).cumsum()])
    at = np.arange(0, min(lengths[-1], MAX_STEP * MAX_STEPS), MAX_STEP)
    return np.stack([np.interp(at, lengths, stroke[:, k]) for k in (0, 1)], axis=1)


def train_all(demonstrations: Episodes, steps: int = STEPS) -> tuple[dict[str, Policy], dict[str, float]]:
    """A policy of each kind, with the fork's horizons.

    Args:
        demonstrations: to learn from.
        steps: gradient steps of each.

    Returns:
        name -> policy, and name -> seconds that it took.
    """
    recipe = TASKS["fork"].recipe
    policies: dict[str, Policy] = {}
    seconds: dict[str, float] = {}
    for name in OFFERED:
        learner = LEARNERS[name]
        horizons = (recipe.pred_horizon, recipe.action_horizon)
        pred, act = (recipe.obs_horizon, 1) if learner.one_step else horizons
        given = {"steps": steps, "width": WIDTH} if "steps" in learner.uses else {}
        began = time.perf_counter()
        windows = Windows(demonstrations, recipe.obs_horizon, pred, act)
        with without_bars():
            policies[name], _ = learner.train(windows, action_horizon=act, device="cpu", **given)
        seconds[name] = time.perf_counter() - began
    return policies, seconds


@dataclass(frozen=True)
class DrawnData:
    """What was drawn, and walks of a learner that saw nothing else.

    Args:
        learner: its name.
        drawn: the demonstrations; None before there are any.
        walks: one episode a walker; None before training.
        seconds: that its training took.
    """

    learner: str
    drawn: Episodes | None
    walks: Episodes | None
    seconds: float


def drawn_figure(data: DrawnData) -> go.Figure:
    """The drawn walks dotted, the learner's over them.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    known = [data.drawn.path(i) for i in range(len(data.drawn))] if data.drawn else []
    walks = [data.walks.path(i) for i in range(len(data.walks))] if data.walks else []
    lost = data.walks.last[~data.walks.success] if data.walks else np.zeros((0, 2))
    traces = [
        theme.paths(look_of(data.learner), walks, data.learner, opacity=0.6, line_width=1.5),
        theme.paths("prediction", known, "drawn", line_dash="dot"),
        theme.points("cloning", lost[:, 0], lost[:, 1], "failed", size=9).update(marker_symbol="x"),
    ]
    return go.Figure(traces, theme.layout(x=(0, 1), y=(0, 1), equal=True, axes=False, height=420, shapes=SCENE))


def describe_drawn(data: DrawnData) -> str:
    """The picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    if data.drawn is None:
        return "Draw walks on the pad, from under the tree to the goal; then press Train."
    count = len(data.drawn)
    said = f"{count} walk{'s' if count > 1 else ''} drawn"
    if missed := count - int(data.drawn.success.sum()):
        said += f" ({missed} not round the tree to the goal)"
    if data.walks is None:
        return f"{said}; press Train."
    sides = [int((data.walks.mode == side).sum()) for side in ("left", "right")]
    return (
        f"{said}. {data.learner}, trained in {data.seconds:.1f} s: of {WALKERS} walkers {sides[0]} pass left, "
        f"{sides[1]} right and {WALKERS - sum(sides)} fail. They begin where your walks begin."
    )


class DrawnExplorer(Explorer):
    """Your demonstrations: draw them on the pad, press Train, and choose whose walks you want to see.

    Args:
        strokes: walks that are there from the beginning, (n, 2) polylines in the unit square.
    """

    def __init__(self, strokes: list[Any] | None = None) -> None:
        self._trained: tuple[Episodes, Mapping[str, Policy], Mapping[str, float]] | None = None
        self.pad = DrawingPad(
            mode="strokes", strokes=strokes or [], width=360, height=360, label="Draw walks from below the tree to "
            "the goal, one stroke each.", background=[disc("tree", TREE_X, TREE_Y, float(FORK.radius)),
                                                      disc("expert", GOAL_X, GOAL_Y, GOAL_RADIUS)],
        )  # fmt: skip
        self.train_button = ipywidgets.Button(description="Train", button_style="primary", layout={"width": "auto"})
        self.train_button.on_click(lambda _: self.train())
        super().__init__(
            {"learner": ipywidgets.Dropdown(options=list(OFFERED))}, self._see, drawn_figure, describe_drawn
        )
        self.children = [
            ipywidgets.HBox([self.train_button, self.controls["learner"]]).add_class("dilviz-controls"),
            ipywidgets.HBox([self.pad, self.plot]).add_class("dilviz-beside"),
        ]
        self.pad.observe(self._redraw, ["strokes"])

    def train(self) -> None:
        """Train all learners on what is drawn."""
        try:
            drawn = episodes_of(self.pad.drawn())
        except InputError as error:
            self.plot.caption = str(error)
            return
        self.plot.caption = "Training…"
        self._trained = (drawn, *train_all(drawn))
        self._redraw()

    def _redraw(self, _change: Any = None) -> None:
        self._shown = {}
        self._on_change()

    def _see(self, state: dict[str, str]) -> DrawnData:
        name = state["learner"]
        try:
            drawn = episodes_of(self.pad.drawn())
        except InputError:
            return DrawnData(name, None, None, 0.0)
        if self._trained is None or self._trained[0].sha256 != drawn.sha256:
            return DrawnData(name, drawn, None, 0.0)
        _, policies, seconds = self._trained
        begins = drawn.observations[drawn.starts].astype(np.float64)
        starts = begins[np.arange(WALKERS) % len(begins)]
        return DrawnData(name, drawn, rollout(policies[name], FromStarts(starts), range(WALKERS)), seconds[name])


def drawn_example() -> DrawnExplorer:
    """Six walks, three on each side, and learners that have seen nothing else.

    Returns:
        The explorer, trained.
    """
    along = np.linspace(0, 1, 40)
    ways = [sign * (0.36 + 0.03 * k) for k in range(3) for sign in (-1, 1)]
    strokes = [np.stack([0.5 + way * np.sin(np.pi * along), 0.07 + 0.86 * along], axis=1).tolist() for way in ways]
    explorer = DrawnExplorer(strokes)
    explorer.train()
    return explorer


def _still() -> go.Figure:
    explorer = drawn_example()
    explorer.controls["learner"].value = "diffusion"
    return explorer.figure


STILLS = {"05_drawn": _still}
