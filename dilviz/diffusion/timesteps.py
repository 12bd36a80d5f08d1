"""At which times a sampler asks: n of the schedule's T, spaced as one chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion.schedule import NoiseSchedule, float64_on_cpu
from dilviz.errors import InputError

SPACINGS = ("leading", "linspace", "trailing")


def inference_timesteps(
    schedule: NoiseSchedule,
    num_inference_steps: int | None,
    timesteps: Sequence[float] | Tensor | None = None,
    timestep_spacing: str = "trailing",
) -> Tensor:
    """The times at which a sampler asks the denoiser.

    Args:
        schedule: gives T.
        num_inference_steps: n, 1 to T.
        timesteps: explicit times instead, strictly falling, in [0, T-1].
        timestep_spacing: "leading" (multiples of T // n), "linspace" (T-1 to 0) or "trailing" (T-1, then every T/n).

    Returns:
        (n,) float64, falling.

    Raises:
        InputError: n or a time out of range, times that do not fall, an unknown spacing.
    """
    T = len(schedule)
    if timesteps is not None:
        times = float64_on_cpu(timesteps)
        if times.ndim != 1 or not len(times) or not (times.diff() < 0).all() or not 0 <= times[-1] <= times[0] <= T - 1:
            raise InputError(
                f"timesteps {times.tolist()} must be a list that falls strictly, from at most {T - 1} to at least 0."
            )
        return times
    n = num_inference_steps
    if timestep_spacing not in SPACINGS:
        raise InputError(f"timestep_spacing {timestep_spacing!r} is unknown; take one of {', '.join(SPACINGS)}.")
    if n is None or n % 1 != 0 or not 1 <= n <= T:
        raise InputError(f"num_inference_steps is {n!r}; give a whole number from 1 to {T}, the schedule's timesteps.")
    n = int(n)
    if timestep_spacing == "leading":
        return torch.arange(n - 1, -1, -1, dtype=torch.float64) * (T // n)
    if timestep_spacing == "linspace":
        return torch.from_numpy(np.linspace(0, T - 1, n).round()[::-1].copy())
    # An arange over floats may go one entry too far.
    return torch.from_numpy(np.arange(T, 0, -T / n).round()[:n] - 1)
