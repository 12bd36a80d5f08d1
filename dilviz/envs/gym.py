"""Several copies of any Gymnasium environment, stepped together."""

from __future__ import annotations

import os
from collections.abc import Sequence

import gymnasium
import numpy as np

from dilviz.errors import MissingExtra


class GymEnvironments:
    """Copies of a Gymnasium environment with a Box of actions. A copy that is done is left alone: no autoreset.

    Args:
        env_id: a name that Gymnasium knows.
        count: how many.

    Raises:
        MissingExtra: the environment needs a package that is not installed.
    """

    def __init__(self, env_id: str, count: int) -> None:
        # Without a screen pygame complains on stderr, and a notebook would show it.
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            self.copies = [gymnasium.make(env_id) for _ in range(count)]
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

    def step(self, rows: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Step some of the copies.

        Args:
            rows: (b,) which.
            actions: (b, act_dim), clipped to the environment's bounds.

        Returns:
            observations (b, obs_dim), rewards (b,), done (b,) whether the episode is over, by end or by time.
        """
        box = self.copies[0].action_space
        assert isinstance(box, gymnasium.spaces.Box)  # `tasks` names no other
        results = []
        for row, action in zip(rows, actions, strict=True):
            observed, reward, terminated, truncated, _ = self.copies[row].step(np.clip(action, box.low, box.high))
            results.append((observed, reward, terminated or truncated))
        observations, rewards, done = zip(*results, strict=True)
        return np.stack(observations), np.array(rewards, dtype=np.float64), np.array(done)
