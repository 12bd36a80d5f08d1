"""What a task's name means: environment, expert, recipe, what counts as success, and which ways there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from dilviz.assets import asset
from dilviz.envs.fork import FORK, MAX_STEPS, ForkExpert, ReactingForkExpert, Scene, side_of
from dilviz.envs.gym import environments
from dilviz.envs.lander import LanderExpert
from dilviz.errors import InputError
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.learners import WEIGHTS, load_policy
from dilviz.imitation.rollout import Environments, Policy, rollout

# The first seed of demonstrations: no evaluation may meet a start that was trained on.
FIRST = 2**31
MOST_TRIES = 20  # for each demonstration: an expert that hardly ever succeeds is no expert


@dataclass(frozen=True)
class Recipe:
    """How a policy of a task is trained by default; the first six fields are options of `dilviz train`.

    Args:
        demos: demonstrations, at least 1; 0 stands for all that a data set holds.
        steps: gradient steps.
        obs_horizon: observations that the policy sees.
        pred_horizon: actions that it predicts.
        action_horizon: actions that it executes before it looks again.
        prediction_type: "epsilon", "sample" or "v_prediction".
        num_train_timesteps: T of the schedule.
        num_inference_steps: network passes a chunk.
        width: units of a hidden layer.
        depth: hidden layers.
    """

    demos: int
    steps: int
    obs_horizon: int
    pred_horizon: int
    action_horizon: int
    prediction_type: str = "sample"
    num_train_timesteps: int = 50
    num_inference_steps: int = 10
    width: int = 256
    depth: int = 3


# For data sets from elsewhere, of which nothing is known.
FOR_DATASETS = Recipe(demos=0, steps=8_000, obs_horizon=2, pred_horizon=8, action_horizon=4)

# From the observations, actions and rewards of an episode: has it succeeded, and which way did it take?
Judge = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[bool, str]]


@dataclass(frozen=True)
class Task:
    """A task.

    Args:
        name: as the command knows it.
        env_id: as Gymnasium knows it.
        observation_dim: numbers in an observation.
        action_dim: numbers in an action.
        max_steps: of an episode.
        expert: makes the expert.
        expert_says: what the expert is, in a few words.
        success_says: what counts as success, in a few words.
        judge: called with observations (n, obs_dim), actions (n, act_dim) and rewards (n,) of an episode; says whether
            it succeeded, and which way it took ("" where it failed, or where there is one way only).
        recipe: how it is trained.
        modes: the ways there are, where there is more than one.
        needs: the package without which it cannot run, and the pip name that brings it.
        options: of the environment.
        asked: makes the expert that can be asked at any place, one whose action is a function of what it sees; None
            where `expert` is one.
    """

    name: str
    env_id: str
    observation_dim: int
    action_dim: int
    max_steps: int
    expert: Callable[[], Policy]
    expert_says: str
    success_says: str
    judge: Judge
    recipe: Recipe
    modes: tuple[str, ...] = ()
    needs: tuple[str, str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    asked: Callable[[], Policy] | None = None

    def answers(self) -> Policy:
        """The expert that can be asked at any place.

        Returns:
            A policy that sees one observation.
        """
        return (self.asked or self.expert)()

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or importlib.util.find_spec(self.needs[0]) is not None

    def environments(self, count: int) -> Environments:
        """Copies of the environment.

        Args:
            count: how many.

        Returns:
            The copies, not yet reset.

        Raises:
            MissingExtra: a package is not installed.
        """
        return environments(self.env_id, count, **self.options)

    def demonstrations(self, count: int) -> Episodes:
        """The expert's first `count` successes, on seeds that no evaluation meets; as many of each mode.

        Args:
            count: at least 1; where it cannot be shared out evenly, the first modes get one more.

        Returns:
            That many episodes, in the order of their seeds.

        Raises:
            InputError: a count below 1, or an expert that hardly ever succeeds.
            MissingExtra: a package is not installed.
        """
        if count < 1:
            raise InputError(f"demos is {count}; give at least one demonstration.")
        modes = self.modes or ("",)
        shares = [count // len(modes) + (k < count % len(modes)) for k in range(len(modes))]
        expert, wanted = self.expert(), count
        tried: list[Episodes] = []
        while True:
            first = FIRST + sum(len(episodes) for episodes in tried)
            tried.append(rollout(expert, self, range(first, first + wanted)))
            pool = Episodes.joined(tried)
            found = {mode: np.flatnonzero(pool.success & (pool.mode == mode)) for mode in modes}
            missing = {mode: share - len(found[mode]) for mode, share in zip(modes, shares, strict=True)}
            mode = max(modes, key=lambda mode: missing[mode])
            if missing[mode] <= 0:
                chosen = [found[mode][:share] for mode, share in zip(modes, shares, strict=True)]
                return pool.only(np.sort(np.concatenate(chosen)))
            if len(pool) > MOST_TRIES * count:
                raise InputError(
                    f"the expert of {self.name} has succeeded{' ' + mode if mode else ''} in {len(found[mode])} of "
                    f"{len(pool)} episodes, and {missing[mode]} more are wanted; give it a scene in which it can."
                )
            wanted = missing[mode] * len(modes)


def _lands(observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> tuple[bool, str]:
    return bool(rewards.sum() >= 200), ""


def _arrives(observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> tuple[bool, str]:
    success = bool(rewards[-1] > 0)
    start = observations[0, :2]
    moving = observations.shape[1] > 2
    scene = Scene.of(observations[0, 2:], start) if moving else replace(FORK, start=start)
    return success, side_of(scene, observations[:, :2]) if success else ""


_FORK: dict[str, Any] = {
    "action_dim": 2,
    "max_steps": MAX_STEPS,
    "expert_says": "a script whose coin picks the side before the first step",
    "success_says": "at the goal within 60 steps, not through the tree",
    "judge": _arrives,
    "modes": ("left", "right"),
}

TASKS: dict[str, Task] = {
    task.name: task
    for task in [
        Task(
            name="fork",
            env_id="dilviz/Fork-v0",
            observation_dim=2,
            expert=ForkExpert,
            asked=ReactingForkExpert,
            recipe=Recipe(demos=400, steps=8_000, obs_horizon=2, pred_horizon=8, action_horizon=4, width=176),
            **_FORK,
        ),
        Task(
            name="fork-moving",
            env_id="dilviz/ForkMoving-v0",
            observation_dim=7,
            expert=partial(ForkExpert, None),
            asked=partial(ReactingForkExpert, None),
            recipe=Recipe(demos=8_000, steps=100_000, obs_horizon=2, pred_horizon=8, action_horizon=4, width=172),
            **_FORK,
        ),
        Task(
            name="lander",
            env_id="LunarLanderContinuous-v3",
            observation_dim=8,
            action_dim=2,
            max_steps=1000,
            expert=LanderExpert,
            expert_says="the hand-written controller that Gymnasium ships",
            success_says="a return of at least 200",
            judge=_lands,
            recipe=Recipe(demos=50, steps=8_000, obs_horizon=2, pred_horizon=8, action_horizon=4),
            needs=("Box2D", "gymnasium[box2d]"),
        ),
    ]
}


def get_task(name: str) -> Task:
    """The task of a name.

    Args:
        name: as in `TASKS`.

    Returns:
        The task.

    Raises:
        InputError: no such task.
    """
    if name not in TASKS:
        raise InputError(f"task {name!r} is unknown; take one of {', '.join(TASKS)}.")
    return TASKS[name]


def shipped(task: str, policy: str) -> ChunkPolicy:
    """A policy that comes with the course.

    Args:
        task: a task's name.
        policy: a learner's name, "diffusion" or "cloning".

    Returns:
        The policy, on the CPU.

    Raises:
        InputError: there is none, or the folder of assets is not found.
    """
    return load_policy(asset("checkpoints", f"{get_task(task).name}-{policy}", WEIGHTS))
