"""A mixture density network: several answers at once, each with a weight and a spread, and one of them is drawn."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from dilviz.diffusion import History, NoiseSchedule, draw_noise, fit
from dilviz.diffusion.denoisers import check_sizes
from dilviz.diffusion.noise import Generators
from dilviz.imitation.chunks import DirectPolicy
from dilviz.imitation.cloning import ChunkRegressor
from dilviz.imitation.episodes import Windows

LEAST_STD = 0.02  # in scaled units: a likelihood has no highest value where a spread may shrink to nothing


class MixtureDensityNetwork(nn.Module):
    """From a condition to a mixture of Gaussians over chunks, each with a spread for every number of the chunk.

    For `fit` it is a denoiser that does not look at x_t, with a loss of its own: the negative log-likelihood.

    Args:
        horizon: length of the chunk.
        dim: numbers in an action.
        cond_dim: numbers in the condition.
        width: units of a hidden layer.
        depth: hidden layers, at least 1.
        components: Gaussians in the mixture, at least 1.
        seed: of the first weights.

    Raises:
        InputError: a size below 1.

    Source:
        Bishop 1994, Mixture Density Networks.
    """

    prediction_type = "sample"

    def __init__(
        self,
        horizon: int,
        dim: int,
        cond_dim: int,
        width: int = 256,
        depth: int = 3,
        components: int = 8,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.config = {
            "horizon": horizon, "dim": dim, "cond_dim": cond_dim, "width": width, "depth": depth,
            "components": components,
        }  # fmt: skip
        check_sizes(**self.config)
        self.numbers = ChunkRegressor(components, 1 + 2 * horizon * dim, cond_dim, width, depth, seed)

    def forward(self, xt: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """The mixture for a condition, as plain numbers.

        Args:
            xt: (B, horizon, dim) or None, not looked at.
            t: (B,) or None, not looked at.
            cond: (B, cond_dim).

        Returns:
            (B, components, 1 + 2 · horizon · dim); `mixture` reads them.
        """
        return self.numbers(xt, t, cond)

    def mixture(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the numbers mean.

        Args:
            output: (B, components, 1 + 2 · horizon · dim), as `forward` gives it.

        Returns:
            Logarithms of the weights (B, components), means and standard deviations
            (B, components, horizon · dim), in the scale of the data.
        """
        n = self.config["horizon"] * self.config["dim"]
        score, mean, spread = output.split([1, n, n], dim=2)
        return score[..., 0].log_softmax(1), mean, LEAST_STD + softplus(spread)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """How unlikely the expert's chunks are.

        Args:
            output: (B, components, 1 + 2 · horizon · dim), as `forward` gives it.
            target: (B, horizon, dim), the expert's chunks.

        Returns:
            (), the mean of −log p, in nats for each number of the chunk.
        """
        log_weight, mean, std = self.mixture(output)
        far = (target.flatten(1)[:, None] - mean) / std
        log_p = -(far**2 / 2 + std.log() + math.log(2 * math.pi) / 2).sum(2)
        return -(log_weight + log_p).logsumexp(1).mean() / target[0].numel()


class MixtureDensityPolicy(DirectPolicy):
    """Draws one Gaussian of the mixture by its weight, and does the middle of it.

    The middle and not a draw: the spread holds the expert's unsteadiness, which is not worth imitating. (So act the
    mixture policies of robomimic, Mandlekar et al. 2021, arXiv 2108.03298.)
    """

    kind = "mdn"
    network_type = MixtureDensityNetwork

    def _predict(self, cond: Tensor, generator: Generators) -> Tensor:
        log_weight, mean, _ = self.network.mixture(self.network(None, None, cond))
        # The distribution function of the normal makes a uniform draw of a normal one.
        uniform = torch.special.ndtr(draw_noise((len(cond), 1, 1), generator, cond.device)[:, 0])
        chunk = mean[torch.arange(len(mean)), picked(log_weight, uniform)]
        return chunk.unflatten(1, (self.network.config["horizon"], self.network.config["dim"]))


def picked(log_weight: Tensor, uniform: Tensor) -> Tensor:
    """Draw components by their weights.

    Args:
        log_weight: (B, components) logarithms of the weights.
        uniform: (B, 1) draws from 0 to 1.

    Returns:
        (B,) indices of components.
    """
    below = log_weight.exp().cumsum(1) < uniform
    return below.sum(1).clamp(max=log_weight.shape[1] - 1)  # the sum of all weights may miss 1 by a rounding


def train_mixture_density(
    windows: Windows, *, action_horizon: int, width: int = 256, depth: int = 3, components: int = 8, **training: Any
) -> tuple[MixtureDensityPolicy, History]:
    """Fit a mixture to the expert's chunks.

    Args:
        windows: of the demonstrations; what lies in the past of a window is not fitted.
        action_horizon: actions that the policy gives at a time.
        width: units of a hidden layer.
        depth: hidden layers.
        components: Gaussians in the mixture.
        training: handed to `fit`: steps, seed, batch_size, checkpoint, …

    Returns:
        The policy, and what `fit` did.

    Raises:
        InputError: as `fit`.
    """
    size = {"width": width, "depth": depth, "components": components, "seed": training.get("seed", 0)}
    policy = MixtureDensityPolicy.of(windows, action_horizon, **size)
    return policy, fit(policy.network, NoiseSchedule(1), *policy.examples(windows), **training)
