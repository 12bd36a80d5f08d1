"""Steering a sampler: at every step the estimate of x_0 is moved toward what costs less. Nothing is trained for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dilviz.diffusion import NoiseSchedule

# Actions (B, n, act_dim) and observations (B, obs_horizon, obs_dim), in the environment's units -> (B,).
Cost = Callable[[Tensor, Tensor], Tensor]
# The same -> places (B, n, 2) to which the actions lead.
Places = Callable[[Tensor, Tensor], Tensor]


class _Steered:
    prediction_type = "sample"

    def __init__(self, denoiser: Any, schedule: NoiseSchedule, cost: Callable[[Tensor], Tensor]) -> None:
        self.denoiser, self.schedule, self.cost = denoiser, schedule, cost

    def __call__(self, xt: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        with torch.enable_grad():
            x = xt.detach().requires_grad_()
            x0 = self.schedule.to_x0(self.denoiser(x, t, cond), x, t, self.denoiser.prediction_type)
            (slope,) = torch.autograd.grad(self.cost(x0).sum(), x)
        alpha_bar = self.schedule.alpha_bar(t).to(slope).reshape(-1, 1, 1)
        return x0.detach() - (1 - alpha_bar) / alpha_bar.sqrt() * slope


def steered(denoiser: Any, schedule: NoiseSchedule, cost: Callable[[Tensor], Tensor]) -> Any:
    """A denoiser of the data times exp(−cost).

    By Tweedie's formula the estimate of x_0 moves by (1 − alpha_bar) / sqrt(alpha_bar) times the slope of what is known
    beside the data, log p(y | x_t); −cost at the estimate stands in for it. Where x_t tells x_0 that is exact, and
    elsewhere a guess.

    Args:
        denoiser: of x_t (B, horizon, dim); gradients run through it.
        schedule: the noise.
        cost: of clean data (B, horizon, dim); returns (B,).

    Returns:
        A denoiser that tells x_0, to be handed to a sampler.

    Source:
        Chung et al. 2022 (arXiv 2209.14687), equation 10, with our cost in place of a measurement's.
    """
    return _Steered(denoiser, schedule, cost)


def toward(point: Sequence[float], places: Places, strength: float = 1.0) -> Cost:
    """A cost that grows with the distance of the chunk's last place from a point.

    Args:
        point: two numbers.
        places: where actions lead.
        strength: a factor, for a squared distance of one unit.

    Returns:
        The cost.
    """
    target = torch.tensor(point)
    return lambda actions, seen: strength * (places(actions, seen)[:, -1] - target.to(actions)).square().sum(-1)


def away_from(point: Sequence[float], radius: float, places: Places, strength: float = 1.0) -> Cost:
    """A cost for every place of the chunk that lies within a disc, the deeper the more.

    Args:
        point: its middle, two numbers.
        radius: the disc's.
        places: where actions lead.
        strength: a factor, for a squared depth of one unit.

    Returns:
        The cost.
    """
    middle = torch.tensor(point)

    def cost(actions: Tensor, seen: Tensor) -> Tensor:
        depth = radius - (places(actions, seen) - middle.to(actions)).norm(dim=-1)
        return strength * depth.clamp(min=0).square().sum(-1)

    return cost
