"""Data that is known, and where noise flows over it without any error: what samplers are held to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from dilviz.diffusion import ExactDenoiser, NoiseSchedule
from dilviz.show.live.denoising import Mixture

CLEAN = 1e-5  # noise per signal at which data of a width of 0.1 is clean to 1e-8 of it


class KnownDenoiser(ExactDenoiser):
    """`ExactDenoiser` of heaps that are all as wide, with all that does not depend on x_t worked out ahead.

    Args:
        schedule: the noise.
        mixture: the data, in the plane.
    """

    def __init__(self, schedule: NoiseSchedule, mixture: Mixture) -> None:
        means, weights = torch.from_numpy(mixture.means), torch.from_numpy(mixture.weights)
        super().__init__(schedule, means[:, None], weights, mixture.std)

    def prepare(self, timesteps: Tensor, cond: Tensor | None = None) -> Callable[[Tensor, int], Tensor]:
        """The same function for a list of times.

        Args:
            timesteps: (N,) the times that will be asked for.
            cond: (B, cond_dim), not looked at.

        Returns:
            A function of x_t (B, 1, 2) and the index of a time.
        """
        alpha_bar = self.schedule.alpha_bar(timesteps).double()[:, None]  # (N, 1)
        spread = alpha_bar * self.variances[0] + 1 - alpha_bar
        on_x = (alpha_bar.sqrt() / spread)[:, :, None] * self.means.T  # (N, 2, K)
        alone = self.log_weights - alpha_bar * self.means.square().sum(1) / (2 * spread)  # (N, K)
        heaps = ((1 - alpha_bar) / spread)[:, :, None] * self.means  # (N, K, 2)
        kept = (alpha_bar.sqrt() * self.variances[0] / spread).flatten().tolist()

        def predict(xt: Tensor, i: int) -> Tensor:
            x = xt.flatten(1)
            share = torch.addmm(alone[i], x, on_x[i]).softmax(1)  # (B, K) p(heap | x_t)
            return torch.addmm(x, share, heaps[i], beta=kept[i]).view(xt.shape)

        return predict


def exact_solution(mixture: Mixture, x: np.ndarray, log_snr: tuple[float, float]) -> np.ndarray:
    """Where the probability-flow ODE leads, by a solver of eighth order that picks its own steps.

    In y = x / √ᾱ and s = √((1−ᾱ)/ᾱ) it reads dy/ds = (y − E[x_0 | y]) / s, of no schedule.

    Args:
        mixture: the data.
        x: (N, 2) places at the first noise level.
        log_snr: from which level to which; infinity is clean.

    Returns:
        (N, 2) places at the second one.

    Source:
        Song et al. 2021 (arXiv 2010.02502), eq. 14; Karras et al. 2022 (arXiv 2206.00364), eq. 4.
    """
    variance = mixture.std**2

    def slope(log_s: float, flat: np.ndarray) -> np.ndarray:
        y, square = flat.reshape(-1, 2), np.exp(2 * log_s)
        logs = (y @ mixture.means.T - (mixture.means**2).sum(1) / 2) / (variance + square) + np.log(mixture.weights)
        share = np.exp(logs - logs.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        return (square * (y - share @ mixture.means) / (variance + square)).ravel()

    first, last = np.exp(-np.array(log_snr) / 2)
    span = (np.log(first), np.log(max(last, CLEAN)))
    found = solve_ivp(slope, span, x.ravel() * np.hypot(1, first), method="DOP853", rtol=1e-8, atol=1e-8)
    return found.y[:, -1].reshape(-1, 2) / np.hypot(1, last)
