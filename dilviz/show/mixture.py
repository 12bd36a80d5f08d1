"""Data on a line of which all is known: a Gaussian mixture under noise, its posterior, its score, its best denoiser.

Two routes lead to each of its numbers: closed forms here and in `dilviz.diffusion`, and sums over grids (`integral`,
`Mixture.expected`). Lesson 02 holds one against the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from dilviz.diffusion import ExactDenoiser, NoiseSchedule
from dilviz.errors import InputError

GRID = torch.linspace(-6, 6, 4801, dtype=torch.float64)  # wide and fine enough for all densities of this file
_X0 = torch.linspace(-3, 3, 241, dtype=torch.float64)[:, None]  # (241, 1), of clean data
_NOISE = torch.linspace(-6, 6, 121, dtype=torch.float64)  # (121,), of the noise: the pair is smooth at every t

Level = Tensor | float  # an alpha_bar: how much of the data's variance is left


def log_normal(x: Tensor, mean: Tensor | float, variance: Tensor | float) -> Tensor:
    """The logarithm of a Gaussian's density.

    Args:
        x: any shape.
        mean: like x, or a single number.
        variance: like x, or a single number, above 0.

    Returns:
        The values, like x.
    """
    variance = torch.as_tensor(variance, dtype=x.dtype)
    return -0.5 * ((x - mean) ** 2 / variance + (2 * math.pi * variance).log())


def normal(x: Tensor, mean: Tensor | float, variance: Tensor | float) -> Tensor:
    """A Gaussian's density.

    Args:
        x: any shape.
        mean: like x, or a single number.
        variance: like x, or a single number, above 0.

    Returns:
        The values, like x.
    """
    return log_normal(x, mean, variance).exp()


def integral(values: Tensor, grid: Tensor = GRID) -> Tensor:
    """What a function adds up to: its values on a grid, times the grid's step.

    Args:
        values: (…, n), the function's, near 0 at both ends.
        grid: (n,) evenly spaced; `GRID` where none is given.

    Returns:
        The integrals, of shape (…).
    """
    return values.sum(-1) * (grid[1] - grid[0])


def kl(p: Tensor, q: Tensor, grid: Tensor = GRID) -> Tensor:
    """How far two densities are apart, ∫ p log(p / q), by summing over a grid.

    Args:
        p: (…, n) density on the grid.
        q: (…, n) density on the grid.
        grid: (n,) evenly spaced.

    Returns:
        The divergences in nats, of shape (…).
    """
    tiny = torch.finfo(p.dtype).tiny
    return integral(p * (p.clamp(min=tiny).log() - q.clamp(min=tiny).log()), grid)


@dataclass(frozen=True)
class Mixture:
    """Several Gaussians of one width on a line.

    Args:
        means: where they stand.
        weights: how much of the data each holds; they sum to 1.
        std: their width, above 0.

    Raises:
        InputError: not one weight a mean, a weight that is not positive, weights that do not sum to 1, or no width.
    """

    means: tuple[float, ...] = (-1.0, 1.0)
    weights: tuple[float, ...] = (0.5, 0.5)
    std: float = 0.2

    def __post_init__(self) -> None:
        if len(self.means) != len(self.weights) or min(self.weights, default=0) <= 0 or self.std <= 0:
            raise InputError("give one positive weight a mean, and a std above 0.")
        if abs(sum(self.weights) - 1) > 1e-9:
            raise InputError(f"the weights sum to {sum(self.weights):g}; they must sum to 1.")

    @cached_property
    def _rows(self) -> Tensor:
        return torch.tensor([self.means, self.weights], dtype=torch.float64)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw clean data.

        Args:
            count: how many.
            generator: draws.

        Returns:
            (count,) float64.
        """
        means, weights = self._rows
        which = torch.multinomial(weights, count, replacement=True, generator=generator)
        return means[which] + self.std * torch.randn(count, generator=generator, dtype=torch.float64)

    def _parts(self, x: Tensor, alpha_bar: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Of each component (in a new last dimension): log density times weight, and its pull; and the spread."""
        means, weights = self._rows
        level = torch.as_tensor(alpha_bar, dtype=torch.float64)
        spread = level * self.std**2 + 1 - level  # the variance of x_t in each component
        off = x[..., None] - level.sqrt() * means
        return weights.log() + log_normal(off, 0.0, spread), -off / spread, spread

    def density(self, x: Tensor, alpha_bar: Level = 1.0) -> Tensor:
        """p(x_t), of clean data where no level is given.

        Args:
            x: any shape.
            alpha_bar: the level of noise, in (0, 1], a single number.

        Returns:
            The values, like x.
        """
        return self._parts(x, alpha_bar)[0].exp().sum(-1)

    def score(self, x: Tensor, alpha_bar: Level = 1.0) -> Tensor:
        """The slope of log p(x_t): where the data gets denser.

        Args:
            x: any shape.
            alpha_bar: the level of noise, in (0, 1], a single number.

        Returns:
            The values, like x.
        """
        log_density, pull, _ = self._parts(x, alpha_bar)
        return (log_density.softmax(-1) * pull).sum(-1)

    def denoised(self, xt: Tensor, alpha_bar: Level) -> Tensor:
        """E[x_0 | x_t], the best denoiser, in closed form.

        Args:
            xt: any shape.
            alpha_bar: the level of noise, in (0, 1], a single number.

        Returns:
            The values, like xt.

        Source:
            Bayes' rule for each component; Karras et al. 2022 (arXiv 2206.00364), appendix B.3.
        """
        means, _ = self._rows
        log_density, pull, _ = self._parts(xt, alpha_bar)
        level = torch.as_tensor(alpha_bar, dtype=torch.float64)
        return (log_density.softmax(-1) * (means - level.sqrt() * self.std**2 * pull)).sum(-1)

    def posterior(self, x0: Tensor, xt: float, alpha_bar: Level) -> Tensor:
        """q(x_0 | x_t) by Bayes' rule: how likely x_0 is at the start, times how likely it leads to x_t, over p(x_t).

        Args:
            x0: any shape.
            xt: what is seen.
            alpha_bar: the level of noise, in (0, 1), a single number.

        Returns:
            The values, like x0.
        """
        seen = torch.as_tensor(xt, dtype=torch.float64)
        level = torch.as_tensor(alpha_bar, dtype=torch.float64)
        log_prior = self._parts(x0, 1.0)[0].logsumexp(-1)
        log_seen = self._parts(seen, level)[0].logsumexp(-1)
        return (log_prior + log_normal(seen - level.sqrt() * x0, 0.0, 1 - level) - log_seen).exp()

    def reverse(self, xs: Tensor, xt: float, alpha_bar_s: Level, alpha_bar_t: Level) -> Tensor:
        """q(x_s | x_t), one step back when x_0 is not known, by Bayes' rule.

        Args:
            xs: any shape, at the earlier time.
            xt: what is seen at the later time.
            alpha_bar_s: the level of noise at the earlier time, in (0, 1], a single number.
            alpha_bar_t: at the later time, lower, a single number.

        Returns:
            The values, like xs.
        """
        seen = torch.as_tensor(xt, dtype=torch.float64)
        alpha = torch.as_tensor(alpha_bar_t, dtype=torch.float64) / alpha_bar_s
        forward = log_normal(seen - alpha.sqrt() * xs, 0.0, 1 - alpha)
        return self.density(xs, alpha_bar_s) * forward.exp() / self.density(seen, alpha_bar_t)

    def expected(self, function: Callable[[Tensor, Tensor, Tensor], Tensor], alpha_bar: Level) -> Tensor:
        """The average of a function of x_0, noise and x_t, by summing over a grid of both.

        Args:
            function: of x_0 (n, 1), the noise (m,) and x_t (n, m).
            alpha_bar: the level of noise, in (0, 1], a single number.

        Returns:
            The average, a single number of shape ().
        """
        level = torch.as_tensor(alpha_bar, dtype=torch.float64)
        xt = level.sqrt() * _X0 + (1 - level).sqrt() * _NOISE
        over_noise = integral(normal(_NOISE, 0.0, 1.0) * function(_X0, _NOISE, xt), _NOISE)
        return integral(self.density(_X0[:, 0]) * over_noise, _X0[:, 0])

    def least_error(self, alpha_bar: Level) -> Tensor:
        """E|x_0 − E[x_0 | x_t]|²: what even the best denoiser gets wrong.

        Args:
            alpha_bar: the level of noise, in (0, 1), a single number.

        Returns:
            The mean squared error, a single number of shape ().
        """
        return self.expected(lambda x0, noise, xt: (x0 - self.denoised(xt, alpha_bar)) ** 2, alpha_bar)

    def way_back(self, schedule: NoiseSchedule, xt: Tensor, t: int) -> tuple[Tensor, Tensor]:
        """The Gaussian that a model takes for q(x_{t-1} | x_t): the posterior, with E[x_0 | x_t] in the place of x_0.

        Args:
            schedule: the noise.
            xt: any shape.
            t: a whole time, 0 to T-1; from 0 the step goes to clean, with the variance of what is left to guess.

        Returns:
            mean, like xt, and variance, a single number.

        Source:
            Ho et al. 2020 (arXiv 2006.11239), section 3.2.
        """
        guess = self.denoised(xt, schedule.alpha_bar(t))
        return schedule.posterior(xt, guess, t, t - 1) if t else (guess, self.least_error(schedule.alpha_bar(0)))

    def bound(self, schedule: NoiseSchedule) -> tuple[Tensor, Tensor, Tensor]:
        """The variational bound on −E log p(x_0) of `way_back`, in terms, each in closed form.

        Args:
            schedule: the noise.

        Returns:
            L_T, how far the end is from N(0, 1); the sum of the L_{t-1}; and L_0, of the step to clean. In nats.

        Source:
            Ho et al. 2020 (arXiv 2006.11239), eq. 5; Kingma et al. 2021 (arXiv 2107.00630), eq. 13.
        """
        last, snr = schedule.alphas_cumprod[-1], schedule.snr
        errors = torch.stack([self.least_error(level) for level in schedule.alphas_cumprod])
        squared = integral(GRID**2 * self.density(GRID))
        at_end = (last * squared - last - (1 - last).log()) / 2
        between = ((snr[:-1] - snr[1:]) * errors[1:]).sum() / 2
        return at_end, between, (2 * math.pi * math.e * errors[0]).log() / 2

    def entropy(self) -> Tensor:
        """−E log p(x_0), by summing over a grid.

        Returns:
            Nats, a single number of shape (); no model of this data has a smaller negative log-likelihood.
        """
        p = self.density(GRID)
        return -integral(p * p.clamp(min=torch.finfo(p.dtype).tiny).log())

    def denoiser(self, schedule: NoiseSchedule, prediction_type: str = "sample") -> ExactDenoiser:
        """The best denoiser in the form that the samplers take.

        Args:
            schedule: the noise.
            prediction_type: "epsilon", "sample" or "v_prediction".

        Returns:
            The denoiser, of data (B, 1, 1).

        Raises:
            InputError: an unknown prediction type.
        """
        means, weights = self._rows
        return ExactDenoiser(schedule, means.reshape(-1, 1, 1), weights, self.std, prediction_type)
