"""The fork as a stage: what stands in its scene, who walks there, and walks from a start of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dilviz.envs.fork import FORK, GOAL_RADIUS, MAX_STEPS, move
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


@dataclass(frozen=True)
class FromStarts:
    """The fork as a task in which episode i begins at a place of one's choice; for `rollout`.

    Args:
        starts: (B, 2) in the unit square, at most as many as run together.
    """

    starts: np.ndarray
    name = "fork"

    def environments(self, count: int) -> _Walkers:
        """The agents.

        Args:
            count: how many; as many as there are starts.

        Returns:
            Them, not yet reset.
        """
        return _Walkers(self.starts)

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
    def __init__(self, starts: np.ndarray) -> None:
        self.position, self.steps = np.array(starts, dtype=np.float64), np.zeros(len(starts), int)

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        return self.position.astype(np.float32)

    def step(self, rows: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        self.position[rows], crashed, arrived = move(FORK, self.position[rows], np.asarray(actions, np.float64))
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
