"""What a training is asked to do: looked through before it starts, and kept in its checkpoints."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dilviz.diffusion.schedule import NoiseSchedule, check_prediction_type
from dilviz.errors import InputError

TIMESTEP_SAMPLING = ("uniform", "antithetic", "stratified")
LEAST = {"steps": 1, "batch_size": 1, "warmup": 0, "checkpoint_every": 1}


def training_recipe(
    denoiser: nn.Module,
    schedule: NoiseSchedule,
    data: Tensor,
    cond: Tensor | None,
    device: torch.device,
    *,
    timestep_sampling: str,
    **numbers: float,
) -> dict:
    """All that decides what a training comes to, as plain values: two alike give the same weights.

    Args:
        denoiser: as in `fit`.
        schedule: as in `fit`.
        data: (N, horizon, dim), as in `fit`.
        cond: (N, cond_dim) or None.
        device: where it is to run.
        timestep_sampling: as in `fit`.
        numbers: steps, batch_size, lr, warmup, ema_decay and seed, as in `fit`.

    Returns:
        The values by name; data, schedule and the weights' shapes as fingerprints.

    Raises:
        InputError: data, sizes or names that make no sense.
    """
    for name, value in numbers.items():
        check_number(name, value)
    if timestep_sampling not in TIMESTEP_SAMPLING:
        raise InputError(
            f"timestep_sampling {timestep_sampling!r} is unknown; take one of {', '.join(TIMESTEP_SAMPLING)}."
        )
    _check_data(data, cond)
    _check_denoiser(denoiser, data, cond)
    weights = list(denoiser.parameters())
    whole = {name: int(value) if name in LEAST or name == "seed" else float(value) for name, value in numbers.items()}
    return whole | {
        "timestep_sampling": timestep_sampling,
        "prediction_type": denoiser.prediction_type,
        "parameters": sum(w.numel() for w in weights),
        "shapes": fingerprint(*(w.to("meta") for w in weights)),
        "schedule": fingerprint(schedule.alphas_cumprod),
        "data": fingerprint(data, cond),
        "device": device.type,
    }


def sample_timesteps(how: str, T: int, size: int, random: Callable[..., Tensor]) -> Tensor:
    """Times to train at, each as likely as any other.

    Args:
        how: "uniform", "antithetic" (t, then T-1-t) or "stratified" (one in each of `size` equal parts).
        T: number of timesteps.
        size: how many, B.
        random: called as `random(torch.randint, T, (B,))` or `random(torch.rand, (B,))`.

    Returns:
        (B,) whole times, 0 to T-1.
    """
    if how == "uniform":
        return random(torch.randint, T, (size,))
    if how == "antithetic":
        half = random(torch.randint, T, ((size + 1) // 2,))
        return torch.cat([half, T - 1 - half])[:size]
    offsets = random(torch.rand, (size,))
    return ((torch.arange(size, device=offsets.device) + offsets) / size * T).long().clamp(max=T - 1)


def learning_rate(step: int, recipe: dict) -> float:
    """Linear warm-up, then a cosine to zero.

    Args:
        step: 0 to steps - 1.
        recipe: with "lr", "warmup" and "steps".

    Returns:
        The rate of that step.
    """
    rise = min(1.0, (step + 1) / (recipe["warmup"] + 1))
    return recipe["lr"] * rise * (1 + math.cos(math.pi * step / recipe["steps"])) / 2


def fingerprint(*tensors: Tensor | None) -> str:
    """A short hash of shapes and values, by which a checkpoint knows its data again.

    Args:
        tensors: any, read as float32, as training reads them; None counts as absent, and one on the device "meta" has
            a shape alone.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            continue
        digest.update(str(tuple(tensor.shape)).encode())
        if tensor.device.type != "meta":
            digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def check_number(name: str, value: float) -> None:
    """Refuse a number that a training cannot take.

    Args:
        name: "steps", "batch_size", "warmup", "checkpoint_every", "lr", "ema_decay" or "seed"; others pass.
        value: the number.

    Raises:
        InputError: it is not whole, too small or too large.
    """
    if name in LEAST and (value % 1 != 0 or value < LEAST[name]):
        raise InputError(f"{name} is {value}; give a whole number of at least {LEAST[name]}.")
    if name == "seed" and not (isinstance(value, int) and 0 <= value < 2**63):
        raise InputError(f"seed is {value}; give a whole number from 0 to below 2**63.")
    if name == "lr" and not 0 < value < math.inf:
        raise InputError(f"lr is {value}; give a number above 0, 1e-3 for a start.")
    if name == "ema_decay" and not 0 <= value < 1:
        raise InputError(f"ema_decay is {value}; give a number from 0 (no average) to below 1.")


def _check_data(data: Tensor, cond: Tensor | None) -> None:
    if data.ndim != 3 or 0 in data.shape:
        raise InputError(f"data has shape {tuple(data.shape)}; give (N, horizon, dim), none of them 0.")
    if cond is not None and (cond.ndim != 2 or len(cond) != len(data)):
        raise InputError(f"cond has shape {tuple(cond.shape)}; give one row for each of the {len(data)} rows of data.")
    for name, tensor in (("data", data), ("cond", cond)):
        bad = ~torch.isfinite(tensor.float()) if tensor is not None else torch.zeros(1)
        if bad.any():
            row = int(bad.flatten(1).any(1).nonzero()[0])
            raise InputError(
                f"{name} holds {int(bad.sum())} values that are not finite, the first in row {row}; remove them."
            )


@torch.no_grad()
def _check_denoiser(denoiser: nn.Module, data: Tensor, cond: Tensor | None) -> None:
    """Put one row through the network: shapes that do not fit are found here, and not broadcast in the loss."""
    check_prediction_type(str(denoiser.prediction_type))
    weights = [p for p in denoiser.parameters() if p.requires_grad]
    if not weights or any(w.dtype != torch.float32 for w in weights):
        raise InputError("the denoiser needs weights to train, all of them float32; call .float() on it.")
    was_training = denoiser.training
    row, *condition = (rows[:1].to(weights[0]) for rows in (data, cond) if rows is not None)
    output = denoiser.eval()(row, torch.zeros(1, dtype=torch.long, device=row.device), *condition)
    denoiser.train(was_training)
    if not hasattr(denoiser, "loss") and output.shape != row.shape:
        raise InputError(
            f"the denoiser answers {tuple(output.shape)} to x_t of shape {tuple(row.shape)}; make the two alike."
        )
