"""Lesson 04's answers, and what each common mistake makes of them.

Read on only when you have solved the exercises.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion import NoiseSchedule
from dilviz.diffusion.schedule import posterior_coefficients

# A step of DDIM

Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _eps(xt: Tensor, x0: Tensor, t: Tensor) -> Tensor:
    return (xt - t.sqrt() * x0) / (1 - t).sqrt()


def written_ddim_step(xt: Tensor, x0: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """DDIM's step without fresh noise.

    Args:
        xt: (B, horizon, dim) at time t.
        x0: like xt, the estimate.
        t: alpha_bar there, a single number in (0, 1).
        s: alpha_bar where the step goes to, a single number above t, at most 1.

    Returns:
        x_s, like xt.
    """
    return s.sqrt() * x0 + (1 - s).sqrt() * _eps(xt, x0, t)


def _ddpm_mean(xt: Tensor, x0: Tensor, t: Tensor, s: Tensor) -> Tensor:
    on_x0, on_xt, _ = posterior_coefficients(t, s)
    return on_x0 * x0 + on_xt * xt


SLIPS: dict[str, Step] = {
    "that is x_t again: in the last line the two roots are those of ᾱ_s, where the step goes to.": (
        lambda xt, x0, t, s: xt
    ),
    "you return the estimate of x_0 itself; x_s still holds noise, √(1−ᾱ_s) of it. (The post does the same.)": (
        lambda xt, x0, t, s: x0
    ),
    "s and t are swapped: the noise is found with ᾱ_t, and put in again with ᾱ_s.": (
        lambda xt, x0, t, s: written_ddim_step(xt, x0, s, t)
    ),
    "the noise keeps the size it had in x_t; in the last line its factor is √(1−ᾱ_s), not √(1−ᾱ_t).": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (xt - t.sqrt() * x0)
    ),
    "the noise comes in unscaled: divide xt − √ᾱ_t x0 by √(1−ᾱ_t), and it has variance 1.": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s).sqrt() * (xt - t.sqrt() * x0)
    ),
    "a root is forgotten where the noise is found: divide by √(1−ᾱ_t), not by 1−ᾱ_t.": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s).sqrt() * (xt - t.sqrt() * x0) / (1 - t)
    ),
    "a root is forgotten where the noise is found: take √ᾱ_t x0 from xt, not ᾱ_t x0.": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s).sqrt() * (xt - t * x0) / (1 - t).sqrt()
    ),
    "where the noise is found, x0 is taken away whole; x_t holds √ᾱ_t x0 of it.": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s).sqrt() * (xt - x0) / (1 - t).sqrt()
    ),
    "a root is forgotten in the last line, at the noise: its factor is √(1−ᾱ_s).": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s) * _eps(xt, x0, t)
    ),
    "a root is forgotten in the last line, at x0: its factor is √ᾱ_s.": (
        lambda xt, x0, t, s: s * x0 + (1 - s).sqrt() * _eps(xt, x0, t)
    ),
    "both roots are forgotten in the last line: the factors are √ᾱ_s and √(1−ᾱ_s).": (
        lambda xt, x0, t, s: s * x0 + (1 - s) * _eps(xt, x0, t)
    ),
    "the root of 1−ᾱ is forgotten in both places: the noise is divided by √(1−ᾱ_t), and comes back with √(1−ᾱ_s).": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s) * (xt - t.sqrt() * x0) / (1 - t)
    ),
    "in the last line 1−√ᾱ_s stands where √(1−ᾱ_s) belongs.": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s.sqrt()) * _eps(xt, x0, t)
    ),
    "all roots are forgotten: both where the noise is found and in the last line ᾱ stands for √ᾱ, 1−ᾱ for √(1−ᾱ).": (
        lambda xt, x0, t, s: s * x0 + (1 - s) * (xt - t * x0) / (1 - t)
    ),
    "in the last line xt stands where x0 belongs: √ᾱ_s is the factor of the estimate.": (
        lambda xt, x0, t, s: s.sqrt() * xt + (1 - s).sqrt() * _eps(xt, x0, t)
    ),
    "in the last line the factor of x0 is √ᾱ_t; it should be √ᾱ_s.": (
        lambda xt, x0, t, s: t.sqrt() * x0 + (1 - s).sqrt() * _eps(xt, x0, t)
    ),
    "you put x_t in where the noise belongs; x_t holds data, too. Take that away first.": (
        lambda xt, x0, t, s: s.sqrt() * x0 + (1 - s).sqrt() * xt
    ),
    "the noise comes with a minus; x_s is data plus noise.": (
        lambda xt, x0, t, s: s.sqrt() * x0 - (1 - s).sqrt() * _eps(xt, x0, t)
    ),
    "the noise is lost: √ᾱ_s x0 alone. Put √(1−ᾱ_s) times the noise back in.": lambda xt, x0, t, s: s.sqrt() * x0,
    "that is the mean of DDPM's posterior: it takes a part of the noise out, which DDPM replaces by fresh noise. DDIM "
    "keeps all of it.": _ddpm_mean,
}


# Times that are evenly spaced in log-SNR


def uniform_timesteps(schedule: NoiseSchedule, n: int) -> Tensor:
    """Times from T-1 down to 0 that are evenly spaced in log-SNR.

    Args:
        schedule: the noise.
        n: how many, at least 2.

    Returns:
        (n,) float64, falling, with fractions.
    """
    first, last = schedule.log_snr(len(schedule) - 1), schedule.log_snr(0)
    return schedule.timestep_at(torch.linspace(float(first), float(last), n, dtype=torch.float64))


def _evenly(schedule: NoiseSchedule, n: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Times evenly spaced in a falling function of alpha_bar."""
    at = function(schedule.alphas_cumprod).numpy()  # falls with t
    wanted = np.linspace(at[-1], at[0], n)
    return torch.from_numpy(np.interp(wanted, at[::-1], np.arange(len(at))[::-1].astype(float)))


GRIDS: dict[str, Callable[[NoiseSchedule, int], Tensor]] = {
    "your times are evenly spaced in t; evenly in log-SNR is something else.": (
        lambda schedule, n: torch.linspace(len(schedule) - 1, 0, n, dtype=torch.float64)
    ),
    "your times rise; a sampler goes from T−1 down to 0.": lambda schedule, n: uniform_timesteps(schedule, n).flip(0),
    "your times are rounded to whole ones; fractions are allowed, and the even spacing needs them.": (
        lambda schedule, n: uniform_timesteps(schedule, n).round()
    ),
    "your times are cut to whole ones; fractions are allowed, and the even spacing needs them.": (
        lambda schedule, n: uniform_timesteps(schedule, n).floor()
    ),
    "your times are evenly spaced in ᾱ; log-SNR is ln(ᾱ / (1−ᾱ)).": (
        lambda schedule, n: _evenly(schedule, n, lambda alpha_bar: alpha_bar)
    ),
    "your times are evenly spaced in SNR; take its logarithm.": (
        lambda schedule, n: _evenly(schedule, n, lambda alpha_bar: alpha_bar / (1 - alpha_bar))
    ),
    "your times are evenly spaced in ln ᾱ; log-SNR is ln(ᾱ / (1−ᾱ)).": (
        lambda schedule, n: _evenly(schedule, n, torch.log)
    ),
    "the ends are fixed at −6 and 5; take log-SNR at T−1 and at 0 of the schedule that is given.": (
        lambda schedule, n: schedule.timestep_at(torch.linspace(-6, 5, n, dtype=torch.float64))
    ),
    "these are values of log-SNR; `schedule.timestep_at(…)` turns them into times.": (
        lambda schedule, n: schedule.log_snr(uniform_timesteps(schedule, n))
    ),
    "the last time is missing: n times, T−1 and 0 among them.": lambda schedule, n: uniform_timesteps(schedule, n + 1)[
        :-1
    ],
}
