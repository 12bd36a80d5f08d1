"""Several copies of any Gymnasium environment, stepped together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv

from dilviz.errors import MissingExtra

# observations (b, obs_dim), rewards (b,), terminated (b,), truncated (b,)
Stepped = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def environments(env_id: str, count: int, **options: Any) -> Copies | Vectorised:
    """Copies of an environment; as one batch, where it has a vectorised form of its own.

    Args:
        env_id: a name that Gymnasium knows.
        count: how many.
        options: of the environment.

    Returns:
        The copies, not yet reset.

    Raises:
        MissingExtra: the environment needs a package that is not installed.
    """
    if gymnasium.spec(env_id).vector_entry_point:
        return Vectorised(gymnasium.make_vec(env_id, count, vectorization_mode="vector_entry_point", **options))
    return Copies(env_id, count, **options)


class Vectorised:
    """An environment that steps all its copies at once and never resets one by itself.

    Args:
        env: it; its copies may be stepped after their end, and what comes of that is not looked at.
    """

    def __init__(self, env: VectorEnv) -> None:
        self.env = env

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        """Start copy i from seed i.

        Args:
            seeds: one a copy, 0 or more.

        Returns:
            (B, obs_dim) first observations.
        """
        return self.env.reset(seed=[int(seed) for seed in seeds])[0]  # type: ignore[arg-type]  # a list is documented

    def step(self, rows: np.ndarray, actions: np.ndarray) -> Stepped:
        """Step some of the copies.

        Args:
            rows: (b,) which.
            actions: (b, act_dim), clipped to the environment's bounds.

        Returns:
            observations (b, obs_dim), rewards (b,), terminated (b,), truncated (b,).
        """
        box = self.env.action_space
        assert isinstance(box, gymnasium.spaces.Box)
        padded = np.zeros(box.shape, np.float32)
        padded[rows] = actions
        observed, rewards, terminated, truncated, _ = self.env.step(np.clip(padded, box.low, box.high))
        return observed[rows], rewards[rows], terminated[rows], truncated[rows]


class Copies:
    """Copies of an environment with a Box of actions. A copy that is done is left alone: no autoreset.

    Args:
        env_id: a name that Gymnasium knows.
        count: how many.
        options: of the environment.

    Raises:
        MissingExtra: the environment needs a package that is not installed.
    """

    def __init__(self, env_id: str, count: int, **options: Any) -> None:
        # Without a screen pygame complains on stderr, and a notebook would show it.
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            self.copies = [gymnasium.make(env_id, **options) for _ in range(count)]
        except gymnasium.error.DependencyNotInstalled as error:
            raise MissingExtra(f"{env_id} needs a package that is not installed: {error}.") from error

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        """Start copy i from seed i.

        Args:
            seeds: one a copy, 0 or more.

        Returns:
            (B, obs_dim) first observations, float32.
        """
        return np.stack([env.reset(seed=int(s))[0] for env, s in zip(self.copies, seeds, strict=True)])

    def step(self, rows: np.ndarray, actions: np.ndarray) -> Stepped:
        """Step some of the copies.

        Args:
            rows: (b,) which.
            actions: (b, act_dim), clipped to the environment's bounds.

        Returns:
            observations (b, obs_dim), rewards (b,), terminated (b,), truncated (b,).
        """
        box = self.copies[0].action_space
        assert isinstance(box, gymnasium.spaces.Box)  # `tasks` names no other
        results = [
            self.copies[row].step(np.clip(action, box.low, box.high))[:4]
            for row, action in zip(rows, actions, strict=True)
        ]
        observed, rewards, terminated, truncated = zip(*results, strict=True)
        return np.stack(observed), np.array(rewards, dtype=np.float64), np.array(terminated), np.array(truncated)
