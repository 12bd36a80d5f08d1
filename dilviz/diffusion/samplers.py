"""From noise back to data: DDPM, DDIM and DPM-Solver++(2M).

Each method is one line of algebra, x_s = a x_t + b x_0 (+ c x_0 of the step before + sigma z), in which x_0 is the
denoiser's present estimate. So a method here *is* its coefficients, worked out for all steps at once in float64,
and one loop serves them all. The noise that is implied by a clipped x_0 is derived anew from x_t and that x_0:
x_s always lies between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion.denoisers import Denoiser
from dilviz.diffusion.noise import Generators, noise_source
from dilviz.diffusion.schedule import NoiseSchedule, check_prediction_type, posterior_coefficients
from dilviz.diffusion.timesteps import inference_timesteps
from dilviz.errors import InputError


@dataclass(frozen=True)
class Trace:
    """Every step of a sample.

    Args:
        x: (n + 1, B, horizon, dim), the start first and the sample last.
        x0: (n, B, horizon, dim), the estimate of the clean data at each step, after clipping.
        timesteps: (n,), the times at which the denoiser was asked.
    """

    x: Tensor
    x0: Tensor
    timesteps: Tensor


@dataclass(frozen=True)
class Update:
    """x_s = xt x_t + x0 x_0 + x0_before (x_0 of the step before) + noise z, z fresh from N(0, I).

    Args:
        xt: (n,) one number a step.
        x0: (n,) likewise.
        x0_before: (n,) likewise; 0 at the first step.
        noise: (n,) likewise, at least 0.
    """

    xt: Tensor
    x0: Tensor
    x0_before: Tensor
    noise: Tensor


def ddpm_update(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> Update:
    """A draw from the posterior q(x_s | x_t, x_0).

    Args:
        alpha_bar_t: (n,) at the time of each step.
        alpha_bar_s: (n,) at the time it goes to.

    Returns:
        The coefficients.

    Source:
        Ho et al. 2020, algorithm 2, with the posterior's variance.
    """
    x0, xt, variance = posterior_coefficients(alpha_bar_t, alpha_bar_s)
    return Update(xt, x0, torch.zeros_like(xt), variance.sqrt())


def ddim_update(alpha_bar_t: Tensor, alpha_bar_s: Tensor, eta: float = 0.0) -> Update:
    """Keep the noise that x_t holds, scaled to s; eta replaces a part of it by fresh noise.

    Args:
        alpha_bar_t: (n,) at the time of each step.
        alpha_bar_s: (n,) at the time it goes to.
        eta: 0 (deterministic) to 1 (as random as DDPM).

    Returns:
        The coefficients.

    Raises:
        InputError: an eta outside [0, 1].

    Source:
        Song et al. 2021 (arXiv 2010.02502), eqs. 12 and 16.
    """
    if not 0 <= eta <= 1:
        raise InputError(f"eta is {eta}; give a number from 0 (deterministic) to 1 (as random as DDPM).")
    sigma = eta * ((1 - alpha_bar_s) / (1 - alpha_bar_t) * (1 - alpha_bar_t / alpha_bar_s)).sqrt()
    xt = ((1 - alpha_bar_s - sigma**2).clamp(min=0) / (1 - alpha_bar_t)).sqrt()
    return Update(xt, alpha_bar_s.sqrt() - xt * alpha_bar_t.sqrt(), torch.zeros_like(xt), sigma)


def dpm_solver_update(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> Update:
    """Second order: the x_0 estimate is extended along a line through this step and the one before.

    The first step, and the step to clean (infinite in log-SNR), are of first order.

    Args:
        alpha_bar_t: (n,) at the time of each step.
        alpha_bar_s: (n,) at the time it goes to.

    Returns:
        The coefficients.

    Source:
        Lu et al. 2022 (arXiv 2211.01095), algorithm 2 (2M); lambda there is half our log-SNR.
    """
    h = (torch.logit(alpha_bar_s) - torch.logit(alpha_bar_t)) / 2
    slope = torch.zeros_like(h)
    slope[1:] = h[1:] / (2 * h[:-1])
    slope[h.isinf()] = 0
    gain = -alpha_bar_s.sqrt() * torch.expm1(-h)
    return Update(
        ((1 - alpha_bar_s) / (1 - alpha_bar_t)).sqrt(), gain * (1 + slope), -gain * slope, torch.zeros_like(h)
    )


class Sampler:
    """A method of sampling: the loop that all share, with its own coefficients.

    Args:
        update: gives the coefficients of all steps from alpha_bar at each step's two ends, and its own options.
    """

    def __init__(self, update: Callable[..., Update]) -> None:
        self.update = update
        self.__name__ = update.__name__.removesuffix("_update")
        self.__doc__ = update.__doc__

    def __repr__(self) -> str:
        return f"<sampler {self.__name__}>"

    @torch.no_grad()
    def __call__(
        self,
        denoiser: Denoiser,
        schedule: NoiseSchedule,
        noise: Tensor,
        num_inference_steps: int | None = None,
        *,
        cond: Tensor | None = None,
        timesteps: Sequence[float] | Tensor | None = None,
        timestep_spacing: str = "trailing",
        clip: float | None = 1.0,
        generator: Generators = None,
        trace: bool = False,
        **options: float,
    ) -> Tensor | Trace:
        """Sample.

        Args:
            denoiser: called as `denoiser(xt, t, cond)`, with an attribute `prediction_type`.
            schedule: the noise that it was trained on.
            noise: (B, horizon, dim) the start, N(0, I) as a rule.
            num_inference_steps: 1 to T steps.
            cond: (B, cond_dim) or None.
            timesteps: explicit times, falling, fractions allowed; they override num_inference_steps and spacing.
                After the last one step goes to clean.
            timestep_spacing: "leading", "linspace" or "trailing".
            clip: the estimate of x_0 is clipped to [-clip, clip], and the noise derived anew from it; None: no clip.
            generator: one, or a list of one a row of noise; None is a fresh one seeded 0 that has drawn a start.
            trace: give every step, not the last one alone.
            options: of the method: `eta`, 0 to 1, of `ddim`.

        Returns:
            The sample (B, horizon, dim), or a Trace of all steps. The last x is the last estimate of x_0, exactly.

        Raises:
            InputError: steps, times, spacing, clip, eta or generators that make no sense, or a denoiser whose
                `prediction_type` is unknown.
        """
        check_prediction_type(denoiser.prediction_type)
        if clip is not None and not clip > 0:
            raise InputError(f"clip is {clip}; give a number above 0, or None for no clipping.")
        explicit = None if timesteps is None else tuple(inference_timesteps(schedule, None, timesteps).tolist())
        plan = _plan(self.update, schedule, num_inference_steps, explicit, timestep_spacing, tuple(options.items()))
        on_xt, on_x0, on_before, on_noise = plan.coefficients
        estimate = _estimator(denoiser.prediction_type, plan)
        predict = _predictor(denoiser, plan, noise, cond)
        draw = noise_source(generator, noise) if plan.random else None
        if draw is not None and generator is None:
            draw()  # the start that `draw_noise` makes: as fresh noise it would add to itself

        x = x0 = noise.clone()  # a network that works in place shall not spoil the caller's start
        xs, x0s = [noise], []
        for i in range(len(plan.timesteps)):
            before, x0 = x0, estimate(predict(x, i), x, i)
            if clip is not None:
                x0 = x0.clamp(-clip, clip)
            x = torch.mul(x0, on_x0[i]).add_(x, alpha=on_xt[i])
            if on_before[i]:
                x.add_(before, alpha=on_before[i])
            if draw is not None and on_noise[i]:
                x.add_(draw(), alpha=on_noise[i])
            if trace:
                xs.append(x)
                x0s.append(x0)
        return Trace(torch.stack(xs), torch.stack(x0s), plan.timesteps.clone()) if trace else x


ddpm, ddim, dpm_solver = Sampler(ddpm_update), Sampler(ddim_update), Sampler(dpm_solver_update)
SAMPLERS: dict[str, Sampler] = {"ddpm": ddpm, "ddim": ddim, "dpm_solver": dpm_solver}


@dataclass(frozen=True)
class _Plan:
    """All numbers of a sample, as plain floats: nothing in the loop waits for the device or works them out again."""

    timesteps: Tensor
    whole: bool  # no fraction among the times
    random: bool  # some step draws noise
    coefficients: tuple[list[float], list[float], list[float], list[float]]
    signal: list[float]
    sigma: list[float]


@lru_cache(maxsize=64)
def _plan(
    update: Callable[..., Update],
    schedule: NoiseSchedule,
    num_inference_steps: int | None,
    timesteps: tuple[float, ...] | None,
    timestep_spacing: str,
    options: tuple[tuple[str, float], ...],
) -> _Plan:
    times = inference_timesteps(schedule, num_inference_steps, timesteps, timestep_spacing)
    ends = torch.cat([times, times.new_tensor([-1.0])])
    alpha_bar = schedule.to("cpu").alpha_bar(ends).double()
    at_t, at_s = alpha_bar[:-1], alpha_bar[1:]
    step = update(at_t, at_s, **dict(options))
    coefficients = (step.xt.tolist(), step.x0.tolist(), step.x0_before.tolist(), step.noise.tolist())
    whole = bool((times == times.round()).all())
    signal, sigma = at_t.sqrt().tolist(), (1 - at_t).sqrt().tolist()
    return _Plan(times, whole, any(coefficients[3]), coefficients, signal, sigma)


def sampling_plan(
    sampler: Sampler,
    schedule: NoiseSchedule,
    num_inference_steps: int,
    timestep_spacing: str = "trailing",
    **options: float,
) -> np.ndarray:
    """All numbers that a sample needs beside the denoiser's answers, for who runs the loop elsewhere.

    Args:
        sampler: a method.
        schedule: the noise.
        num_inference_steps: 1 to T.
        timestep_spacing: "leading", "linspace" or "trailing".
        options: of the method.

    Returns:
        (steps, 7) float64: t, sqrt(alpha_bar_t), sqrt(1 - alpha_bar_t), and the coefficients of x_t, x_0, x_0 of the
        step before and fresh noise.

    Raises:
        InputError: as the sampler.
    """
    plan = _plan(sampler.update, schedule, num_inference_steps, None, timestep_spacing, tuple(options.items()))
    return np.column_stack([plan.timesteps.numpy(), plan.signal, plan.sigma, *plan.coefficients])


def _estimator(prediction_type: str, plan: _Plan) -> Callable[[Tensor, Tensor, int], Tensor]:
    """The estimate of x_0 from the network's output and x_t, as in `NoiseSchedule.to_x0`, with plain numbers."""
    signal, sigma = plan.signal, plan.sigma
    if prediction_type == "sample":
        return lambda output, x, i: output
    if prediction_type == "epsilon":
        return lambda output, x, i: torch.sub(x, output, alpha=sigma[i]).div_(signal[i])
    return lambda output, x, i: torch.mul(x, signal[i]).sub_(output, alpha=sigma[i])


def _predictor(denoiser: Denoiser, plan: _Plan, noise: Tensor, cond: Tensor | None) -> Callable:
    """The denoiser as a function of x_t and the index of the step; prepared ahead where it offers that."""
    # Fractions need float32 at least, whatever the data's precision.
    times = plan.timesteps.to(torch.long if plan.whole else torch.promote_types(noise.dtype, torch.float32))
    times = times.to(noise.device)
    if hasattr(denoiser, "prepare"):
        return denoiser.prepare(times, cond)
    return lambda x, i: denoiser(x, times[i].expand(len(x)), cond).to(noise.dtype)
