"""Walks of a broken policy beside walks of one that is broken on purpose: which bug was it?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.envs.fork import FORK
from dilviz.imitation import Episodes
from dilviz.imitation.rollout import Policy
from dilviz.show.base import Bug, Explorer
from dilviz.show.fork import fork_policies, two_scenes, walks_from, walks_scene

WALKERS, SEEDS = 16, 100
START = float(FORK.start[0])


@dataclass(frozen=True)
class WalksData:
    """Two sets of walks from one start.

    Args:
        mystery: of the policy that somebody broke.
        yours: of the same policy, with the bug that is planted.
    """

    mystery: Episodes
    yours: Episodes

    @property
    def gap(self) -> float:
        """How far apart the two sets are: the mean distance of walkers of one seed after 12, 24 and 36 steps."""
        at = [12, 24, 36]
        pairs = [[walks.path(i)[np.minimum(at, walks.lengths[i])] for i in range(WALKERS)] for walks in self.both]
        return float(np.linalg.norm(np.subtract(*map(np.array, pairs)), axis=-1).mean())

    @property
    def both(self) -> tuple[Episodes, Episodes]:
        """The two sets."""
        return self.mystery, self.yours


def walks_figure(data: WalksData) -> go.Figure:
    """Two scenes side by side.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    left = walks_scene(data.mystery, "the mystery")
    right = walks_scene(data.yours, "yours,<br>with the bug you plant", "2")
    return go.Figure([*left, *right], two_scenes())


def describe_walks(data: WalksData) -> str:
    """Both sets in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    counts = [f"{int((walks.mode == side).sum())} {side}" for walks in data.both for side in ("left", "right")]
    lost = [int((~walks.success).sum()) for walks in data.both]
    return (
        f"Of {WALKERS} walkers the mystery's pass {counts[0]}, {counts[1]}, and {lost[0]} fail; "
        f"yours {counts[2]}, {counts[3]}, and {lost[1]} fail."
    )


class WalksExplorer(Explorer):
    """Somebody broke a policy: plant suspects until your walks look like the mystery's.

    Args:
        bugs: (name, context manager) pairs: suspects that can be planted.
        mystery: plants the bug that is to be found.
        policy: of the fork; None for the one that comes with the course.
    """

    def __init__(
        self,
        bugs: tuple[Bug, ...],
        mystery: Callable[[], AbstractContextManager] = nullcontext,
        policy: Policy | None = None,
    ) -> None:
        walker = policy or fork_policies()[0]
        with mystery():  # for all seeds now, while no other bug is planted
            strange = walks_from(walker, START, range(SEEDS + WALKERS))

        def compute(state: dict) -> WalksData:
            seeds = range(state["seed"], state["seed"] + WALKERS)
            return WalksData(strange.only(np.array(seeds)), walks_from(walker, START, seeds))

        controls = {"seed": ipywidgets.IntSlider(min=0, max=SEEDS - 1, value=0)}
        super().__init__(controls, compute, walks_figure, describe_walks, reset=True, bugs=bugs)
