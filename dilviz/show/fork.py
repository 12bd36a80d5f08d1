"""The fork as a stage: what stands in its scene, who walks there, and walks from a start of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dilviz.envs.fork import FORK, GOAL_RADIUS
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
