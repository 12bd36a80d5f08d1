"""What a task's name means: environment, expert, recipe, what counts as success, and which ways there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dilviz.envs.gym import GymEnvironments
from dilviz.envs.lander import LanderExpert
from dilviz.errors import InputError
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.rollout import Environments, Policy, rollout

# The first seed of demonstrations: no evaluation may meet a start that was trained on.
FIRST = 2**31


@dataclass(frozen=True)
class Recipe:
    """How a policy of a task is trained by default; every field is an option of `dilviz train`.

    Args:
        demos: demonstrations, at least 1.
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
        succeeds: the same as a rule: from the rewards (n,) of an episode.
        recipe: how it is trained.
        modes: the ways there are, where there is more than one.
        needs: the package without which it cannot run, and the pip name that brings it.
    """

    name: str
    env_id: str
    observation_dim: int
    action_dim: int
    max_steps: int
    expert: Callable[[], Policy]
    expert_says: str
    success_says: str
    succeeds: Callable[[np.ndarray], bool]
    recipe: Recipe
    modes: tuple[str, ...] = ()
    needs: tuple[str, str] | None = None

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
        return GymEnvironments(self.env_id, count)

    def judge(self, observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> tuple[bool, str]:
        """What an episode came to.

        Args:
            observations: (n, obs_dim).
            actions: (n, act_dim).
            rewards: (n,).

        Returns:
            Whether it succeeded, and which way it took ("" where there is one way only).
        """
        return bool(self.succeeds(rewards)), ""

    def demonstrations(self, count: int) -> Episodes:
        """The expert's first `count` successes, on seeds that no evaluation meets.

        Args:
            count: at least 1.

        Returns:
            That many episodes.

        Raises:
            InputError: a count below 1.
            MissingExtra: a package is not installed.
        """
        if count < 1:
            raise InputError(f"demos is {count}; give at least one demonstration.")
        expert = self.expert()
        tried = [rollout(expert, self, range(FIRST, FIRST + count))]
        while (missing := count - sum(int(episodes.success.sum()) for episodes in tried)) > 0:
            first = FIRST + sum(len(episodes) for episodes in tried)
            tried.append(rollout(expert, self, range(first, first + missing)))
        return Episodes.joined([episodes.only(episodes.success) for episodes in tried])


def _lands(rewards: np.ndarray) -> bool:
    return rewards.sum() >= 200


TASKS: dict[str, Task] = {
    task.name: task
    for task in [
        Task(
            name="lander",
            env_id="LunarLanderContinuous-v3",
            observation_dim=8,
            action_dim=2,
            max_steps=1000,
            expert=LanderExpert,
            expert_says="the hand-written controller that Gymnasium ships",
            success_says="a return of at least 200",
            succeeds=_lands,
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
