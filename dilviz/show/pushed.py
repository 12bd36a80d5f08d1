"""Pushed off the known ground: from where does a learner still arrive?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.envs.fork import FORK, GOAL_RADIUS
from dilviz.errors import InputError
from dilviz.imitation import Episodes, rollout
from dilviz.imitation.rollout import Policy
from dilviz.show import theme
from dilviz.show.answers import look_of
from dilviz.show.base import Explorer, rounded
from dilviz.show.fork import SCENE, FromStarts

EDGE, SIDE = 0.04, 19  # of the grid of starts
OUTSIDE = float(FORK.radius) + 0.02  # from the middle of the tree: a start in it is none


def _grid() -> np.ndarray:
    numbers = np.linspace(EDGE, 1 - EDGE, SIDE)
    places = np.stack(np.meshgrid(numbers, numbers), axis=-1).reshape(-1, 2)
    free = np.linalg.norm(places - FORK.tree, axis=1) > OUTSIDE
    return places[free & (np.linalg.norm(places - FORK.goal, axis=1) > GOAL_RADIUS)]


STARTS = _grid()


@dataclass(frozen=True)
class PushedData:
    """From where a learner arrives, one walk, and what was known.

    Args:
        learner: its name.
        arrives: (len(STARTS),) whether it arrives from each start.
        walk: (n, 2) from the start that was chosen.
        success: whether that one arrives.
        known: the demonstrations' walks.
        off: how far the walk is from the nearest observation of the demonstrations, at its worst.
    """

    learner: str
    arrives: np.ndarray
    walk: np.ndarray
    success: bool
    known: Episodes
    off: float


def pushed_data(policies: Mapping[str, Policy], known: Episodes, learner: str, x: float, y: float) -> PushedData:
    """Let a learner begin everywhere, and in one place.

    Args:
        policies: name -> policy of the fork.
        known: demonstrations.
        learner: a name among the policies.
        x: of the start.
        y: of the start.

    Returns:
        What the picture shows.

    Raises:
        InputError: no such learner, or a start in the tree.
    """
    if learner not in policies:
        raise InputError(f"learner {learner!r} is unknown; take one of {', '.join(policies)}.")
    start = np.array([[x, y]]).round(4)  # a slider's numbers carry dust
    if np.linalg.norm(start[0] - FORK.tree) <= FORK.radius:
        raise InputError(f"the start ({rounded(x)}, {rounded(y)}) lies in the tree; move it out.")
    policy = policies[learner]
    walks = rollout(policy, FromStarts(start), [0])
    walk = walks.path(0)
    off = np.linalg.norm(known.observations[None] - walk[:, None], axis=-1).min(1).max()
    arrives = _arrives(policy)  # type: ignore[arg-type]
    return PushedData(learner, arrives, walk, bool(walks.success[0]), known, float(off))


@cache
def _arrives(policy: Any) -> np.ndarray:
    return rollout(policy, FromStarts(STARTS), range(len(STARTS))).success


def pushed_figure(data: PushedData) -> go.Figure:
    """A mark for each start: filled where the learner arrives from it, a cross where it does not; and one walk.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    role = look_of(data.learner)
    good, bad = STARTS[data.arrives], STARTS[~data.arrives]
    end = data.walk[-1:] if not data.success else np.full((1, 2), np.nan)
    traces = [
        theme.paths("data", map(data.known.path, range(min(len(data.known), 60))), opacity=0.5),
        theme.points("tree", good[:, 0], good[:, 1], "arrives from here", size=6, opacity=0.8),
        theme.points("cloning", bad[:, 0], bad[:, 1], "fails from here", size=8).update(marker_symbol="x-thin-open"),
        theme.paths(role, [data.walk], data.learner, line_width=3),
        theme.points(role, data.walk[:1, 0], data.walk[:1, 1], "start", size=11),
        theme.points("cloning", end[:, 0], end[:, 1], "failed", size=13).update(marker_symbol="x"),
    ]
    return go.Figure(traces, theme.layout(x=(0, 1), y=(0, 1), equal=True, axes=False, height=480, shapes=SCENE))


def describe_pushed(data: PushedData) -> str:
    """The picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    x, y = map(rounded, data.walk[0])
    ends = "arrives" if data.success else "fails"
    return (
        f"{data.learner} arrives from {data.arrives.mean():.0%} of {len(STARTS)} starts (dots; a cross: it fails). "
        f"From ({x}, {y}) it {ends}; on its way it is at most {rounded(data.off)} from what an expert has seen."
    )


class PushedExplorer(Explorer):
    """Start a learner where no demonstration began: from where does it still arrive?

    Args:
        policies: name -> policy of the fork.
        known: the demonstrations, drawn dotted.
    """

    def __init__(self, policies: Mapping[str, Policy], known: Episodes) -> None:
        slider = ipywidgets.FloatSlider
        controls = {
            "learner": ipywidgets.Dropdown(options=list(policies)),
            "x": slider(min=0.04, max=0.96, step=0.02, value=0.5, readout_format=".2f", description="start x"),
            "y": slider(min=0.04, max=0.96, step=0.02, value=0.08, readout_format=".2f", description="start y"),
        }

        def compute(state: dict) -> PushedData:
            return pushed_data(policies, known, **state)

        super().__init__(controls, compute, pushed_figure, describe_pushed, reset=True)

    def __repr__(self) -> str:
        """One line, without the counts: what was trained a moment ago acts a little differently on each machine."""
        return f"PushedExplorer(learner={self.controls['learner'].value!r}): a dot where it arrives from, else a cross"
