"""What was observed, done and reached. An expert's demonstrations and a policy's rollouts are the same thing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from dilviz.errors import InputError

ONE_A_STEP = ("observations", "actions", "rewards")
ONE_AN_EPISODE = ("last", "terminated", "seeds", "success", "mode")


@dataclass(frozen=True, eq=False, repr=False)
class Episodes:
    """E episodes, N steps in all, one after the other.

    Args:
        observations: (N, obs_dim) float32, what was seen before each action.
        actions: (N, act_dim) float32, what was done then.
        rewards: (N,) float64, what came of it.
        episode_ends: (E,) one past each episode's last row, rising.
        last: (E, obs_dim) float32, what was seen after each episode's last action.
        terminated: (E,) bool, whether the environment ended it, and not the clock.
        seeds: (E,) the seed of each episode.
        success: (E,) bool, by the task's rule.
        mode: (E,) strings, which of the task's ways was taken; "" where there is one way only.
        task: its name.

    Raises:
        InputError: lengths that do not fit together.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    episode_ends: np.ndarray
    last: np.ndarray
    terminated: np.ndarray
    seeds: np.ndarray
    success: np.ndarray
    mode: np.ndarray
    task: str

    def __post_init__(self) -> None:
        rows = {len(self.observations), len(self.actions), len(self.rewards)}
        if rows != {int(self.episode_ends[-1]) if len(self) else 0}:
            raise InputError(f"observations, actions, rewards and the last episode end disagree: {sorted(rows)} rows.")
        if len(self) and self.lengths.min() < 1:
            raise InputError(f"episode {int(self.lengths.argmin())} has no step; leave it out.")
        if wrong := [name for name in ONE_AN_EPISODE if len(getattr(self, name)) != len(self)]:
            raise InputError(
                f"{wrong[0]} has {len(getattr(self, wrong[0]))} entries for {len(self)} episodes; give one for each."
            )

    def __len__(self) -> int:
        return len(self.episode_ends)

    def __repr__(self) -> str:
        return (
            f"Episodes({self.task}: {len(self)} episodes, {len(self.actions)} steps, "
            f"observations {self.observations.shape}, actions {self.actions.shape}, "
            f"{int(self.success.sum())} successes)"
        )

    @property
    def starts(self) -> np.ndarray:
        """The first row of each episode: (E,)."""
        return np.concatenate([[0], self.episode_ends[:-1]]).astype(np.int64)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each episode: (E,)."""
        return self.episode_ends - self.starts

    @property
    def returns(self) -> np.ndarray:
        """Sum of each episode's rewards: (E,)."""
        return np.add.reduceat(self.rewards, self.starts) if len(self) else np.zeros(0)

    @cached_property
    def sha256(self) -> str:
        """Hash of observations, actions and ends, by which a checkpoint knows its data again."""
        digest = hashlib.sha256()
        for array in (self.observations, self.actions, self.episode_ends.astype(np.int64)):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @classmethod
    def joined(cls, parts: list[Episodes]) -> Episodes:
        """Several as one.

        Args:
            parts: at least one, all of one task.

        Returns:
            All episodes, in that order.
        """
        columns = (*ONE_A_STEP, *ONE_AN_EPISODE)
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
        ends = np.cumsum(np.concatenate([part.lengths for part in parts]))
        return cls(**joined, episode_ends=ends, task=parts[0].task)

    def path(self, episode: int) -> np.ndarray:
        """All that was seen in one episode, its end included.

        Args:
            episode: 0 to E - 1.

        Returns:
            (n + 1, obs_dim).
        """
        rows = slice(self.starts[episode], self.episode_ends[episode])
        return np.concatenate([self.observations[rows], self.last[episode][None]])

    def only(self, keep: np.ndarray) -> Episodes:
        """Some of the episodes.

        Args:
            keep: (E,) bool, or indices of episodes.

        Returns:
            Those, in that order.
        """
        chosen = np.arange(len(self))[keep]
        rows = np.concatenate([np.arange(self.starts[e], self.episode_ends[e]) for e in chosen] or [np.zeros(0, int)])
        some = {name: getattr(self, name)[rows] for name in ONE_A_STEP}
        some |= {name: getattr(self, name)[chosen] for name in ONE_AN_EPISODE}
        return Episodes(**some, episode_ends=self.lengths[chosen].cumsum(), task=self.task)


class Windows:
    """Indices of all windows of `pred_horizon` steps in Episodes; nothing is copied until it is asked for.

    With obs_horizon 2, pred_horizon 8, action_horizon 4, a window that is used at time k holds

    ======================  =====  =====  =====  =====  =====  =====  =====  =====
    index in the window         0      1      2      3      4      5      6      7
    time                      k-1      k    k+1    k+2    k+3    k+4    k+5    k+6
    observed                  yes    yes
    action predicted          yes    yes    yes    yes    yes    yes    yes    yes
    action executed                  yes    yes    yes    yes
    ======================  =====  =====  =====  =====  =====  =====  =====  =====

    so the action that belongs to the newest observation has index obs_horizon - 1. At an episode's two ends the
    first and the last row are repeated: obs_horizon - 1 times before, action_horizon - 1 times after.

    Args:
        episodes: the data.
        obs_horizon: observations that a policy sees, at least 1.
        pred_horizon: actions in a window, at least obs_horizon - 1 + action_horizon.
        action_horizon: actions that are executed before it looks again, at least 1.

    Raises:
        InputError: horizons that do not fit, or no episode.

    Source:
        Chi et al. 2023 (arXiv 2303.04137), figure 3 and appendix A.
    """

    def __init__(self, episodes: Episodes, obs_horizon: int, pred_horizon: int, action_horizon: int) -> None:
        check_horizons(obs_horizon, pred_horizon, action_horizon)
        if not len(episodes):
            raise InputError("there is no episode to cut windows from; give at least one demonstration.")
        self.episodes, self.obs_horizon, self.pred_horizon = episodes, obs_horizon, pred_horizon
        steps = np.arange(pred_horizon)
        rows = []
        for start, end in zip(episodes.starts, episodes.episode_ends, strict=True):
            last = max(end - start - pred_horizon + action_horizon - 1, 0)
            first_steps = np.arange(1 - obs_horizon, last + 1)
            rows.append((start + first_steps[:, None] + steps).clip(start, end - 1))
        self.rows = np.concatenate(rows)  # (windows, pred_horizon) into the episodes' rows

    def __len__(self) -> int:
        return len(self.rows)

    def actions(self) -> Tensor:
        """The actions of each window: (windows, pred_horizon, act_dim) float32."""
        return torch.from_numpy(self.episodes.actions[self.rows]).float()

    def observations(self) -> Tensor:
        """What each window's policy sees: (windows, obs_horizon, obs_dim) float32."""
        return torch.from_numpy(self.episodes.observations[self.rows[:, : self.obs_horizon]]).float()


def check_horizons(obs_horizon: int, pred_horizon: int, action_horizon: int) -> None:
    """Refuse horizons that leave an executed action unpredicted.

    Args:
        obs_horizon: at least 1.
        pred_horizon: at least obs_horizon - 1 + action_horizon.
        action_horizon: at least 1.

    Raises:
        InputError: one of these does not hold.
    """
    for name, value in (("obs_horizon", obs_horizon), ("action_horizon", action_horizon)):
        if value < 1:
            raise InputError(f"{name} is {value}; give at least 1.")
    if pred_horizon < obs_horizon - 1 + action_horizon:
        raise InputError(
            f"pred_horizon is {pred_horizon}, but obs_horizon - 1 + action_horizon is "
            f"{obs_horizon - 1 + action_horizon}; predict at least that many actions."
        )
