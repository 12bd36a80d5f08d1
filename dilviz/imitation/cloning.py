"""Behavioral cloning: regress the expert's next actions on what it saw."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from dilviz.diffusion import History, NoiseSchedule, fit
from dilviz.diffusion.denoisers import check_sizes, linear_layer
from dilviz.diffusion.noise import Generators
from dilviz.imitation.chunks import ChunkPolicy, saved_scales, scales_of
from dilviz.imitation.episodes import Windows
from dilviz.imitation.scaling import MinMax


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


class CloningPolicy(ChunkPolicy):
    """Gives the actions that are right on average.

    Args:
        network: from what was seen to the actions from now on.
        observation_scale: min-max of the observations that it was trained on.
        action_scale: likewise of the actions.
        obs_horizon: observations that it sees, the newest last.
        action_horizon: actions that it gives at a time.

    Raises:
        InputError: horizons or scales that do not fit together.

    Source:
        Pomerleau 1989, ALVINN; in chunks: Zhao et al. 2023 (arXiv 2304.13705).
    """

    kind = "cloning"

    def __init__(
        self,
        network: ChunkRegressor,
        observation_scale: MinMax,
        action_scale: MinMax,
        obs_horizon: int,
        action_horizon: int,
    ) -> None:
        size = network.config
        super().__init__(
            network, size["cond_dim"], size["dim"], observation_scale, action_scale, obs_horizon,
            obs_horizon - 1 + size["horizon"], action_horizon,
        )  # fmt: skip

    def _predict(self, cond: Tensor, generator: Generators) -> Tensor:
        return self.network(None, None, cond)

    @classmethod
    def _restored(cls, recipe: dict, tensors: dict[str, Tensor]) -> Self:
        network = ChunkRegressor(**recipe["network"])
        return cls(network, *saved_scales(tensors), recipe["obs_horizon"], recipe["action_horizon"])


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
    observations, actions = windows.observations(), windows.actions()[:, windows.obs_horizon - 1 :]
    observation_scale, action_scale = scales_of(windows)
    network = ChunkRegressor(
        actions.shape[1], actions.shape[2], windows.obs_horizon * observations.shape[-1], width, depth,
        seed=training.get("seed", 0),
    )  # fmt: skip
    policy = CloningPolicy(network, observation_scale, action_scale, windows.obs_horizon, action_horizon)
    # The schedule is there for the common call: nothing of x_t reaches the answer, so nothing of it reaches the loss.
    history = fit(network, NoiseSchedule(1), action_scale.scale(actions), policy.condition(observations), **training)
    return policy, history
