"""Which recordings a page of the `player` shows: a policy beside the expert of its task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dilviz.diffusion.checkpoint import read_recipe
from dilviz.envs.fork import FORK, GOAL_RADIUS, Scene
from dilviz.errors import InputError
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.learners import load_policy
from dilviz.imitation.rollout import Policy, rollout
from dilviz.show.landing import LandingPlayer, landing_data
from dilviz.show.live.films import has_camera, record
from dilviz.show.live.player import LivePlayer
from dilviz.show.live.recordings import Shape, films, walks
from dilviz.tasks import TASKS, Task, get_task, shipped

WALKS = 8  # of each at the fork: enough that both ways are taken
SEED = 7  # an ordinary one
BOUNDS = (0.0, 1.0), (0.0, 1.06)  # of the fork, with room for the goal's name


def player_from(path: str | Path | None, **state: Any) -> LivePlayer:
    """A checkpoint's policy beside the expert of the task that it was trained for.

    Args:
        path: the file of the weights; None for the lander's diffusion policy that comes with the course.
        state: of `LivePlayer`.

    Returns:
        The player.

    Raises:
        InputError: no whole policy, or its task is none of dilviz.
        MissingExtra: a package is not installed.
    """
    if path is None:
        return player_of(**state)
    policy, task = load_policy(path), str(read_recipe(path).get("task"))
    if task not in TASKS:
        own = ", ".join(TASKS)
        raise InputError(f"{path} was trained for {task!r}; the player takes policies of dilviz's own tasks: {own}.")
    return player_of(policy, task, **state)


def player_of(policy: ChunkPolicy | None = None, task: str = "lander", seed: int = SEED, **state: Any) -> LivePlayer:
    """A policy beside the expert of its task, from the same start.

    Args:
        policy: None for the diffusion policy that comes with the course.
        task: the one that it was trained for.
        seed: of what is recorded; no training has seen it.
        state: of `LivePlayer`.

    Returns:
        The player: a scene where dilviz draws the task, else its own pictures, else walks by the first two numbers
        that are observed.

    Raises:
        InputError: no such task or state, or a policy of another task.
        MissingExtra: a package is not installed.
    """
    world = get_task(task)
    learner = policy or shipped(task, "diffusion")
    sees, does = len(learner.observation_scale.low), len(learner.action_scale.low)
    if (sees, does) != (world.observation_dim, world.action_dim):
        raise InputError(f"the policy sees {sees} numbers and gives {does}; it is none of {task}: name its own task.")
    both: dict[str, Policy] = {learner.kind: learner, "expert": world.expert()}  # its dots on the other's line
    if task == "lander":
        return LandingPlayer(landing_data(seed, both), **{"playing": True} | state)
    if has_camera(world):
        return LivePlayer(films({role: record(one, world, seed) for role, one in both.items()}), **state)
    return LivePlayer(_walks(both, world, seed), **state)


def _walks(both: Mapping[str, Policy], task: Task, seed: int) -> dict[str, Any]:
    fixed = task.name == "fork"
    seeds = range(seed, seed + WALKS) if fixed else [seed]  # else each seed has a scene of its own
    episodes = {role: rollout(policy, task, seeds) for role, policy in both.items()}
    if not task.name.startswith("fork"):
        return walks(episodes)
    return walks(episodes, background=_fork(FORK if fixed else _seen(episodes)), bounds=BOUNDS)


def _seen(episodes: Mapping[str, Episodes]) -> Scene:
    first = next(iter(episodes.values())).observations[0]
    return Scene.of(first[2:], first[:2])


def _fork(scene: Scene) -> list[Shape]:
    tree = Shape("disc", [scene.tree.tolist()], "tree", float(scene.radius), "tree")
    return [tree, Shape("disc", [scene.goal.tolist()], "expert", GOAL_RADIUS, "goal")]
