"""A network that has just been trained walks the fork."""

from __future__ import annotations

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.imitation import DiffusionPolicy, Episodes, rollout
from dilviz.show import theme
from dilviz.show.base import Explorer
from dilviz.show.fork import SCENE, VIEW_X, VIEW_Y, fork_policies
from dilviz.tasks import TASKS

WALKERS, SEEDS = 48, 100


def drive_figure(walks: Episodes) -> go.Figure:
    """The walks in their scene; where one failed stands a cross.

    Args:
        walks: to draw.

    Returns:
        The figure.
    """
    lost = np.where(walks.success[:, None], np.nan, walks.last)
    ways = theme.paths("diffusion", map(walks.path, range(len(walks))), opacity=0.55, line_width=1.5)
    failed = theme.points("cloning", lost[:, 0], lost[:, 1], "failed", size=9).update(marker_symbol="x")
    layout = theme.layout(x=VIEW_X, y=VIEW_Y, equal=True, axes=False, height=420, shapes=SCENE)
    return go.Figure([ways, failed], layout)


def describe_drive(walks: Episodes) -> str:
    """The walks in a sentence.

    Args:
        walks: what the picture shows.

    Returns:
        The sentence.
    """
    left, right = (int((walks.mode == side).sum()) for side in ("left", "right"))
    return f"Of {len(walks)} walkers {left} pass left, {right} right and {len(walks) - left - right} fail."


class DriveExplorer(Explorer):
    """Let a policy of the fork walk from other seeds, with more or fewer network passes a chunk.

    Args:
        policy: who walks; None for the one that comes with the course.
    """

    def __init__(self, policy: DiffusionPolicy | None = None) -> None:
        walker = policy or fork_policies()[0]
        controls = {
            "seed": ipywidgets.IntSlider(min=0, max=SEEDS - 1, value=0),
            "steps": ipywidgets.IntSlider(min=1, max=20, value=10, description="inference steps"),
        }

        def walk(state: dict[str, int]) -> Episodes:
            seeds = range(state["seed"], state["seed"] + WALKERS)
            return rollout(walker.use("ddim", state["steps"]), TASKS["fork"], seeds)

        super().__init__(controls, walk, drive_figure, describe_drive, reset=True)

    def __repr__(self) -> str:
        """One line, without the counts: what was trained a moment ago walks a little differently on each machine."""
        return f"DriveExplorer(seed={self.seed.value}, steps={self.steps.value}): walks of what has just been trained"
