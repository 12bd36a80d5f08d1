"""The fork as Gymnasium environments, one agent or many: shells over the functions of `fork.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from dilviz.envs.fork import FORK, MAX_STEPS, MOVING, MOVING_SPREAD, SPREAD, Scene, drawn, move, scene_with
from dilviz.errors import InputError

PLACES = tuple(field.name for field in fields(Scene))
STRONGEST_WIND = 0.1  # three times an agent's own step


class ForkEnv(gymnasium.Env):
    """One agent at the fork. Observed: where it is (2 numbers); with `moving`, tree, radius and goal, too (7).

    The reward is 1 on arrival and 0 else. An episode ends on arrival and in the tree.

    Args:
        tree: its middle, two numbers from 0 to 1.
        radius: the tree's, 0 to 0.45.
        goal: its middle.
        start: the middle of the square in which episodes start.
        moving: each episode draws its own scene around these, and it is observed.
        exact: no episode draws its scene and start: they are as given.
        wind: how far each step is blown off its way, the standard deviation in x and in y, 0 to 0.1.

    Raises:
        InputError: a place outside the unit square, or a wind that is too strong.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # Gymnasium's own form

    def __init__(
        self,
        tree: Sequence[float] | None = None,
        radius: float | None = None,
        goal: Sequence[float] | None = None,
        start: Sequence[float] | None = None,
        moving: bool = False,
        exact: bool = False,
        wind: float = 0.0,
    ) -> None:
        if not 0 <= wind <= STRONGEST_WIND:
            raise InputError(f"wind is {wind}; give a number from 0 to {STRONGEST_WIND}.")
        self.scenes = scene_with(MOVING if moving else FORK, tree=tree, radius=radius, goal=goal, start=start)
        self.spread, self.moving, self.exact = MOVING_SPREAD if moving else SPREAD, moving, exact
        self.wind = wind
        self.observation_space = Box(0.0, 1.0, (7 if moving else 2,), np.float32)
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self.scene, self.position = self.scenes, self.scenes.start

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Begin an episode.

        Args:
            seed: of its draws.
            options: "tree", "radius", "goal" or "start" of this episode alone, in place of what is drawn.

        Returns:
            The first observation, and an empty dictionary.

        Raises:
            InputError: an unknown option, or a place outside the unit square.
        """
        super().reset(seed=seed)
        self.scene = self.draw(self.np_random, options)
        self.position = self.scene.start
        return observed(self.scene, self.position, self.moving), {}

    def draw(self, rng: np.random.Generator, options: dict[str, Any] | None = None) -> Scene:
        """Draw the scene of an episode.

        Args:
            rng: draws.
            options: as in `reset`.

        Returns:
            The scene.

        Raises:
            InputError: as in `reset`.
        """
        if unknown := sorted((options or {}).keys() - set(PLACES)):
            raise InputError(f"the fork has no option {unknown[0]!r}; choose from {', '.join(PLACES)}.")
        scene = self.scenes if self.exact else drawn(self.scenes, self.spread, rng)
        return scene_with(scene, **(options or {}))

    def gust(self, rng: np.random.Generator) -> np.ndarray:
        """How far the wind carries one agent in one step.

        Args:
            rng: draws; of a still air it is not asked.

        Returns:
            (2,).
        """
        return self.wind * rng.standard_normal(2) if self.wind else np.zeros(2)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Take one step.

        Args:
            action: (2,) direction and speed.

        Returns:
            Observation, reward, whether it has crashed or arrived, False (Gymnasium's time limit says when time is
            up), and {"is_success"}.

        Raises:
            InputError: an action that is not finite.
        """
        blown = self.gust(self.np_random)
        self.position, crashed, arrived = move(self.scene, self.position, _plain(action), blown)
        end = bool(crashed | arrived)
        info = {"is_success": bool(arrived)}
        return observed(self.scene, self.position, self.moving), float(arrived), end, False, info


class ForkVectorEnv(VectorEnv):
    """Many agents at the fork, each in its own episode; no autoreset: an agent that is done waits for its reset.

    Args:
        num_envs: how many, B.
        max_episode_steps: after which an episode is cut off.
        options: of `ForkEnv`.

    Raises:
        InputError: as `ForkEnv`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def __init__(self, num_envs: int = 1, max_episode_steps: int = MAX_STEPS, **options: Any) -> None:
        self.one = ForkEnv(**options)
        self.num_envs, self.max_episode_steps = num_envs, max_episode_steps
        self.single_observation_space, self.single_action_space = self.one.observation_space, self.one.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.generators = [np_random(None)[0] for _ in range(num_envs)]
        scene = self.one.scenes
        self.scene = Scene(*(np.repeat(np.asarray(getattr(scene, name))[None], num_envs, 0) for name in PLACES))
        self.position = self.scene.start.copy()
        self.steps, self.ended = np.zeros(num_envs, int), np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict]:
        """Begin episodes.

        Args:
            seed: one for each agent, or a number from which they count up.
            options: of `ForkEnv.reset`, for all; and "reset_mask" (B,), which agents begin anew.

        Returns:
            The observations (B, obs_dim), and an empty dictionary.

        Raises:
            InputError: as `ForkEnv.reset`, or another number of seeds than agents.
        """
        options = dict(options or {})
        mask = options.pop("reset_mask", np.ones(self.num_envs, bool))
        many: list[int | None] = [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            many = [int(seed) + i for i in range(self.num_envs)]
        elif seed is not None:
            many = list(seed)
        if len(many) != self.num_envs:
            raise InputError(f"{len(many)} seeds for {self.num_envs} agents; give one for each, or a single number.")
        for i, own in enumerate(many):
            if not mask[i]:
                continue
            if own is not None:
                self.generators[i], _ = np_random(int(own))
            scene = self.one.draw(self.generators[i], options)
            for name in PLACES:
                getattr(self.scene, name)[i] = getattr(scene, name)
        self.position = np.where(np.asarray(mask)[:, None], self.scene.start, self.position)
        self.steps = np.where(mask, 0, self.steps)
        self.ended &= ~np.asarray(mask)
        return observed(self.scene, self.position, self.one.moving), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        """Take one step each.

        Args:
            actions: (B, 2).

        Returns:
            Observations (B, obs_dim), rewards (B,), crashed or arrived (B,), cut off (B,), {"is_success": (B,)}.

        Raises:
            InputError: an action that is not finite.
        """
        blown = np.stack([self.one.gust(rng) for rng in self.generators]) if self.one.wind else 0.0
        after, crashed, arrived = move(self.scene, self.position, _plain(actions), blown)
        arrived &= ~self.ended  # who is done stays where it is, and is not paid twice
        self.position = np.where(self.ended[:, None], self.position, after)
        self.ended |= crashed | arrived
        self.steps += 1
        seen = observed(self.scene, self.position, self.one.moving)
        late = self.steps >= self.max_episode_steps
        return seen, arrived.astype(np.float64), self.ended.copy(), late, {"is_success": arrived}


def _plain(action: Any) -> np.ndarray:
    numbers = np.asarray(action, np.float64)
    if not np.isfinite(numbers).all():
        raise InputError(f"the action {numbers.tolist()} has a value that is not finite; give numbers from -1 to 1.")
    return numbers


def observed(scene: Scene, position: np.ndarray, moving: bool) -> np.ndarray:
    """What an agent sees.

    Args:
        scene: where things are.
        position: (…, 2).
        moving: whether the scene is seen, too.

    Returns:
        (…, 2) or (…, 7) float32: the position, then tree, radius and goal.
    """
    parts = [position, scene.features()] if moving else [position]
    return np.concatenate(parts, axis=-1, dtype=np.float32)
