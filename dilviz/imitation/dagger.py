"""DAgger: let the learner act, ask the expert what it would have done there, and learn from that, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from dilviz.diffusion import History, NoiseSchedule, fit
from dilviz.errors import InputError
from dilviz.imitation.cloning import CloningPolicy
from dilviz.imitation.episodes import Episodes, Windows
from dilviz.imitation.rollout import Policy, Task, rollout

ROUNDS = 5


class AnsweringTask(Task, Protocol):
    """A task whose expert can be asked at any place."""

    def answers(self) -> Policy:
        """The expert that is asked.

        Returns:
            One that sees a single observation; the first action that it gives is its answer.
        """


def corrected(episodes: Episodes, expert: Policy) -> Episodes:
    """What the expert would have done where somebody else went.

    Args:
        episodes: of a learner.
        expert: sees one observation; its first action is taken. Episode k's answers are drawn from its seed.

    Returns:
        The same episodes with the expert's actions.
    """
    answers = np.empty_like(episodes.actions)
    for seed, start, end in zip(episodes.seeds, episodes.starts, episodes.episode_ends, strict=True):
        seen = torch.from_numpy(episodes.observations[start:end])[:, None]
        answers[start:end] = expert.act(seen, torch.Generator().manual_seed(int(seed)))[:, 0].numpy()
    return replace(episodes, actions=answers)


def train_dagger(
    windows: Windows,
    *,
    action_horizon: int,
    task: AnsweringTask,
    steps: int,
    width: int = 256,
    depth: int = 3,
    rounds: int = ROUNDS,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    **training: Any,
) -> tuple[CloningPolicy, History]:
    """Clone one action at a time, in rounds; each adds episodes of the learner's own, with the expert's answers.

    Half of the demonstrations are the expert's. As many episodes as the other half are shared out among the rounds,
    so that it learns from no more episodes than others do; half of the steps go to the rounds, half to the end.

    Args:
        windows: of the demonstrations, of one action each.
        action_horizon: 1.
        task: where it acts, and whom it asks.
        steps: gradient steps in all.
        width: units of a hidden layer.
        depth: hidden layers.
        rounds: how often it acts; fewer where there are few demonstrations.
        seed: of the training; its own episodes have seeds that no evaluation and no other training meets.
        checkpoint: round k keeps its own, with `.k` after this name.
        training: handed to `fit`.

    Returns:
        The policy, and what the last `fit` did.

    Raises:
        InputError: more than one action, too few steps for the rounds, or as `fit`.

    Source:
        Ross et al. 2011 (arXiv 1011.0686), with beta_1 = 1 and beta_i = 0 after.
    """
    if action_horizon != 1:
        raise InputError(f"action_horizon is {action_horizon}; DAgger asks for one action at a time: give 1.")
    given = windows.episodes
    own = len(given) // 2
    rounds = min(rounds, own)
    if steps < 2 * max(rounds, 1):
        raise InputError(f"steps is {steps}; give at least {2 * rounds}, for {rounds} rounds and the end.")
    policy = CloningPolicy.of(windows, action_horizon, width=width, depth=depth, seed=seed)
    lengths = [steps // (2 * rounds)] * rounds if rounds else []
    parts = [given.only(np.arange(len(given) - own))]
    first = int(given.seeds.max()) + 1 + seed * own
    for k, length in enumerate([*lengths, steps - sum(lengths)]):
        known = Windows(Episodes.joined(parts), windows.obs_horizon, windows.pred_horizon, 1)
        file = None if checkpoint is None else Path(f"{checkpoint}.{k}")
        history = fit(
            policy.network, NoiseSchedule(1), *policy.examples(known), steps=length, seed=seed, checkpoint=file,
            **training,
        )  # fmt: skip
        if k < rounds:
            count = own * (k + 1) // rounds - own * k // rounds
            parts.append(corrected(rollout(policy, task, range(first, first + count)), task.answers()))
            first += count
    return policy, history
