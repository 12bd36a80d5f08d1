"""The fork as a stage: what stands in its scene, who walks there, and walks from a start of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dilviz.envs.fork import FORK, GOAL_RADIUS, MAX_STEPS, move
from dilviz.errors import InputError
from dilviz.imitation import CloningPolicy, DiffusionPolicy, Episodes, rollout
from dilviz.imitation.rollout import Policy
from dilviz.show import theme
from dilviz.tasks import TASKS, shipped

VIEW_X, VIEW_Y = (0.08, 0.92), (0.02, 1.0)
(TREE_X, TREE_Y), (GOAL_X, GOAL_Y) = FORK.tree.tolist(), FORK.goal.tolist()
SCENE = [theme.disc("tree", TREE_X, TREE_Y, float(FORK.radius)), theme.disc("expert", GOAL_X, GOAL_Y, GOAL_RADIUS)]


def fork_policies() -> tuple[DiffusionPolicy, CloningPolicy]:
    """The two policies of the fork that come with the course.

    Returns:
        The diffusion policy and the cloned one.

    Raises:
        InputError: the folder of assets is not found.
    """
    diffusion, cloning = shipped("fork", "diffusion"), shipped("fork", "cloning")
    assert isinstance(diffusion, DiffusionPolicy)  # as their names say
    assert isinstance(cloning, CloningPolicy)
    return diffusion, cloning


def diffusion_policy(policy: Policy | None) -> DiffusionPolicy:
    """The one that is given, looked at, or the one that comes with the course.

    Args:
        policy: of the fork; None for the course's.

    Returns:
        The policy.

    Raises:
        InputError: it is no diffusion policy.
    """
    found = fork_policies()[0] if policy is None else policy
    if not isinstance(found, DiffusionPolicy):
        raise InputError(f"policy is a {type(found).__name__}, which does not denoise; give a DiffusionPolicy.")
    return found


@dataclass(frozen=True)
class FromStarts:
    """The fork as a task in which episode i begins at a place of one's choice; for `rollout`.

    Args:
        starts: (B, 2) in the unit square, at most as many as run together.
        wind: how far each step is blown off its way, the standard deviation in x and in y.
    """

    starts: np.ndarray
    wind: float = 0.0
    name = "fork"

    def environments(self, count: int) -> _Walkers:
        """The agents.

        Args:
            count: how many; as many as there are starts.

        Returns:
            Them, not yet reset.
        """
        return _Walkers(self.starts, self.wind)

    def judge(self, observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> tuple[bool, str]:
        """As the fork judges an episode.

        Args:
            observations: (n, 2) places.
            actions: (n, 2) what was done there.
            rewards: (n,) what came of it.

        Returns:
            Whether it succeeded, and on which side.
        """
        return TASKS["fork"].judge(observations, actions, rewards)


class _Walkers:
    def __init__(self, starts: np.ndarray, wind: float) -> None:
        self.wind, self.rng = wind, np.random.default_rng(0)
        self.position, self.steps = np.array(starts, dtype=np.float64), np.zeros(len(starts), int)

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        return self.position.astype(np.float32)

    def step(self, rows: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        blown = self.wind * self.rng.standard_normal((len(self.position), 2))[rows]
        self.position[rows], crashed, arrived = move(FORK, self.position[rows], np.asarray(actions, np.float64), blown)
        self.steps[rows] += 1
        seen = self.position[rows].astype(np.float32)
        return seen, arrived.astype(np.float64), crashed | arrived, self.steps[rows] >= MAX_STEPS


def walks_from(policy: Policy, start: float, seeds: Sequence[int]) -> Episodes:
    """Walks that all begin in one place.

    Args:
        policy: who walks.
        start: its x; the y is the middle of where episodes start.
        seeds: one a walk; where the policy draws nothing, all are alike.

    Returns:
        One episode a seed.
    """
    options = {"start": (start, float(FORK.start[1])), "exact": True}
    return rollout(policy, replace(TASKS["fork"], options=options), seeds)


def walks_scene(walks: Episodes, words: str, panel: str = "") -> list[go.Scatter]:
    """A diffusion policy's walks in a scene, a cross where one fails.

    Args:
        walks: which.
        words: on the tree.
        panel: "" for the first scene of a figure, "2" for the second.

    Returns:
        The traces.
    """
    axes: dict[str, Any] = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
    lost = np.where(walks.success[:, None], np.nan, walks.last)
    failed = theme.points("cloning", lost[:, 0], lost[:, 1], "failed", size=9)
    return [
        theme.paths("diffusion", map(walks.path, range(len(walks))), opacity=0.8, line_width=1.5).update(axes),
        failed.update(axes | {"marker_symbol": "x"}),
        go.Scatter(x=[TREE_X], y=[TREE_Y], text=[words], mode="text").update(axes),
    ]


def two_scenes(*more: dict[str, Any], x: tuple[float, float] = VIEW_X) -> go.Layout:
    """Two scenes side by side, or one above the other where there is little room.

    Args:
        more: shapes that stand in both.
        x: (low, high) of what is seen.

    Returns:
        The layout.
    """
    shapes = [shape | {"xref": f"x{k}", "yref": f"y{k}"} for k in ("", "2") for shape in [*SCENE, *more]]
    layout = theme.layout(x=x, y=VIEW_Y, equal=True, axes=False, height=400, shapes=shapes)
    layout.xaxis.domain = (0, 0.48)
    layout.xaxis2 = {**layout.xaxis.to_plotly_json(), "domain": (0.52, 1), "anchor": "y2", "zeroline": False}
    layout.yaxis2 = {**layout.yaxis.to_plotly_json(), "anchor": "x2", "scaleanchor": "x2", "zeroline": False}
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.51, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.49]}
    layout.meta = {"narrow": stacked | {"height": 760}}
    return layout
