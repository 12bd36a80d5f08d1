"""Behavioral cloning: regress the expert's next actions on what it saw."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from dilviz.diffusion import History, NoiseSchedule, fit
from dilviz.diffusion.denoisers import check_sizes, linear_layer
from dilviz.diffusion.noise import Generators
from dilviz.imitation.chunks import DirectPolicy
from dilviz.imitation.episodes import Windows


class ChunkRegressor(nn.Module):
    """A plain network from a condition to a chunk.

    For `fit` it is a denoiser that does not look at x_t. What is left to learn is E[chunk | condition]: the mean.

    Args:
        horizon: length of the chunk.
        dim: numbers in an action.
        cond_dim: numbers in the condition.
        width: units of a hidden layer.
        depth: hidden layers, at least 1.
        seed: of the first weights.

    Raises:
        InputError: a size below 1.
    """

    prediction_type = "sample"

    def __init__(self, horizon: int, dim: int, cond_dim: int, width: int = 256, depth: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.config = {"horizon": horizon, "dim": dim, "cond_dim": cond_dim, "width": width, "depth": depth}
        check_sizes(**self.config)
        generator = torch.Generator().manual_seed(seed)
        sizes = [cond_dim, *[width] * depth, horizon * dim]
        self.layers = nn.ModuleList(linear_layer(a, b, generator) for a, b in pairwise(sizes))

    def forward(self, xt: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """The chunk for a condition.

        Args:
            xt: (B, horizon, dim), not looked at; it gives the answer its shape.
            t: (B,), not looked at.
            cond: (B, cond_dim).

        Returns:
            (B, horizon, dim).
        """
        h = cond
        for layer in self.layers[:-1]:
            h = silu(layer(h))
        return self.layers[-1](h).unflatten(1, (self.config["horizon"], self.config["dim"]))


class CloningPolicy(DirectPolicy):
    """Gives the actions that are right on average.

    Source:
        Pomerleau 1989, ALVINN; in chunks: Zhao et al. 2023 (arXiv 2304.13705).
    """

    kind = "cloning"
    network_type = ChunkRegressor

    def _predict(self, cond: Tensor, generator: Generators) -> Tensor:
        return self.network(None, None, cond)


def train_cloning(
    windows: Windows, *, action_horizon: int, width: int = 256, depth: int = 3, **training: Any
) -> tuple[CloningPolicy, History]:
    """Clone the expert of some demonstrations.

    Args:
        windows: of the demonstrations; what lies in the past of a window is not regressed.
        action_horizon: actions that the policy gives at a time.
        width: units of a hidden layer.
        depth: hidden layers.
        training: handed to `fit`: steps, seed, batch_size, checkpoint, …

    Returns:
        The policy, and what `fit` did.

    Raises:
        InputError: as `fit`.
    """
    size = {"width": width, "depth": depth, "seed": training.get("seed", 0)}
    policy = CloningPolicy.of(windows, action_horizon, **size)
    # The schedule is there for the common call: nothing of x_t reaches the answer, so nothing of it reaches the loss.
    return policy, fit(policy.network, NoiseSchedule(1), *policy.examples(windows), **training)
