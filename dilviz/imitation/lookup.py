"""Look-up: do what the expert did where it saw most nearly the same. Nothing is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dilviz.diffusion import History
from dilviz.diffusion.noise import Generators
from dilviz.imitation.chunks import DirectPolicy
from dilviz.imitation.episodes import Windows


class Memory(nn.Module):
    """All conditions of the demonstrations and the chunks that followed, both scaled.

    Args:
        count: how many.
        horizon: length of a chunk.
        dim: numbers in an action.
        cond_dim: numbers in a condition.
    """

    conditions: Tensor
    chunks: Tensor

    def __init__(self, count: int, horizon: int, dim: int, cond_dim: int) -> None:
        super().__init__()
        self.config = {"count": count, "horizon": horizon, "dim": dim, "cond_dim": cond_dim}
        self.register_buffer("conditions", torch.zeros(count, cond_dim))
        self.register_buffer("chunks", torch.zeros(count, horizon, dim))

    def nearest(self, cond: Tensor) -> Tensor:
        """Which remembered condition is nearest.

        Args:
            cond: (B, cond_dim).

        Returns:
            (B,) its index; the first where several are.
        """
        return torch.cdist(cond, self.conditions, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)


class LookupPolicy(DirectPolicy):
    """Gives the chunk of the nearest demonstration; distances are measured in scaled observations.

    Source:
        As a policy: Pari et al. 2021 (arXiv 2112.01511), here with one neighbour. That diffusion policies trained on
        few demonstrations do little else: He et al. 2025 (arXiv 2505.05787).
    """

    kind = "lookup"
    network_type = Memory

    def _predict(self, cond: Tensor, generator: Generators) -> Tensor:
        return self.network.chunks[self.network.nearest(cond)]


def remember(windows: Windows, *, action_horizon: int, **training: Any) -> tuple[LookupPolicy, History]:
    """Keep the demonstrations.

    Args:
        windows: of the demonstrations; what lies in the past of a window is not kept.
        action_horizon: actions that the policy gives at a time.
        training: what others hand to `fit`; nothing is trained, so nothing of it is needed.

    Returns:
        The policy, and a history without records.
    """
    policy = LookupPolicy.of(windows, action_horizon, count=len(windows))
    policy.network.chunks, policy.network.conditions = policy.examples(windows)
    return policy, History()
