"""Training on the fork with what a learner wrote: its data, batches for a small network, walks of what was learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from dilviz.diffusion import MLPDenoiser, NoiseSchedule
from dilviz.imitation import DiffusionPolicy, Windows, rollout
from dilviz.imitation.chunks import scales_of
from dilviz.tasks import TASKS, shipped

RECIPE = TASKS["fork"].recipe
SEEDS, WIDTH, BATCH = range(1000, 1200), 96, 64


class ForkData:
    """The fork's demonstrations as a network sees them, and the way back from a network to a policy."""

    def __init__(self) -> None:
        self.horizons = RECIPE.obs_horizon, RECIPE.action_horizon
        demonstrations = TASKS["fork"].demonstrations(RECIPE.demos)
        windows = Windows(demonstrations, RECIPE.obs_horizon, RECIPE.pred_horizon, RECIPE.action_horizon)
        self.scales = observed, acted = scales_of(windows)
        self.chunks = acted.scale(windows.actions())  # (N, 8, 2)
        self.looks = observed.scale(windows.observations()).flatten(1)  # (N, 4)

    def policy(self, denoiser: Any, schedule: NoiseSchedule) -> DiffusionPolicy:
        """A policy that asks this network.

        Args:
            denoiser: trained on `chunks`, with `looks` as its condition.
            schedule: of the noise that it was trained on.

        Returns:
            The policy.
        """
        return DiffusionPolicy(denoiser, schedule, *self.scales, *self.horizons)


_fork_data = cache(ForkData)  # one for all trainings


class ForkTraining:
    """A small network, and batches of the fork's demonstrations for it; what it has learned can walk.

    Args:
        prediction_type: what the network is to answer: "epsilon", "sample" or "v_prediction".
        seed: of the network's first weights and of the batches.
    """

    def __init__(self, prediction_type: str, seed: int = 0) -> None:
        self.data = _fork_data()
        self.schedule, self.seed = NoiseSchedule(RECIPE.num_train_timesteps), seed
        (_, horizon, dim), (_, cond_dim) = self.data.chunks.shape, self.data.looks.shape
        self.network = MLPDenoiser(horizon, dim, cond_dim, WIDTH, prediction_type=prediction_type, seed=seed)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3, fused=True)

    def batches(self, steps: int) -> Iterator[tuple[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor, Tensor]]:
        """What the loss takes, step by step.

        Args:
            steps: how many.

        Returns:
            An iterator of the network, with what was seen in each row, as a function of x_t and t; x0 (B, 8, 2), noise
            like it, and t (B,).
        """
        chunks, cond = self.data.chunks, self.data.looks
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(steps):
            rows = torch.randint(len(chunks), (BATCH,), generator=generator)
            noise = torch.randn((BATCH, *chunks.shape[1:]), generator=generator)
            t = torch.randint(len(self.schedule), (BATCH,), generator=generator)
            yield partial(self.network, cond=cond[rows]), chunks[rows], noise, t

    def policy(self) -> DiffusionPolicy:
        """The network as a policy of the fork."""
        return self.data.policy(self.network.eval(), self.schedule)


def walk(trained: Mapping[str, ForkTraining]) -> None:
    """Let the expert, the cloned policy and the trained ones walk, and print how many arrive and on which side.

    Args:
        trained: name -> training.
    """
    task = TASKS["fork"]
    policies: dict[str, Any] = {"expert": task.expert(), "cloning": shipped("fork", "cloning")}
    policies |= {f"yours, {name}": training.policy() for name, training in trained.items()}
    print(f"of {len(SEEDS)} walks     arrive  left  right")
    for name, policy in policies.items():
        walks = rollout(policy, task, SEEDS)
        left, right = (int((walks.mode == side).sum()) for side in ("left", "right"))
        print(f"{name:20} {int(walks.success.sum()):4} {left:5} {right:6}")
