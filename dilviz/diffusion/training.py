"""Training: regress what was hidden by noise. What happens in a step stands in `loop.py`."""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from dilviz.diffusion.checkpoint import read_checkpoint, write_checkpoint
from dilviz.diffusion.loop import TIMESTEP_SAMPLING, Loop, Record
from dilviz.diffusion.schedule import NoiseSchedule
from dilviz.errors import InputError

LOG_EVERY = 50  # the only points at which the host waits for the device


@dataclass
class History:
    """What `fit` did.

    Args:
        records: one a LOG_EVERY steps, and one at the end.
        resumed_from: the step it went on from; None for a start from nothing.
    """

    records: list[Record] = field(default_factory=list)
    resumed_from: int | None = None

    @property
    def loss(self) -> float:
        """The last loss."""
        return self.records[-1].loss


class TrainingDiverged(RuntimeError):
    """The loss is no number any more; the sentence names step, learning rate and last good checkpoint."""


def fit(
    denoiser: nn.Module,
    schedule: NoiseSchedule,
    data: Tensor,
    cond: Tensor | None = None,
    *,
    steps: int,
    batch_size: int = 256,
    lr: float = 1e-3,
    warmup: int = 100,
    ema_decay: float = 0.999,
    timestep_sampling: str = "uniform",
    device: str = "auto",
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
) -> History:
    """Train a denoiser; at the end it carries the moving average of its weights.

    Args:
        denoiser: called as `denoiser(xt, t, cond)`, with an attribute `prediction_type`.
        schedule: the noise.
        data: (N, horizon, dim) clean data, finite, scaled to about [-1, 1].
        cond: (N, cond_dim), the condition of each row, or None.
        steps: gradient steps, at least 1.
        batch_size: rows a step, drawn with replacement.
        lr: peak learning rate: rises over `warmup` steps, then falls to 0 along a cosine.
        warmup: steps.
        ema_decay: of the moving average of the weights, in [0, 1).
        timestep_sampling: "uniform"; "antithetic" (t and T-1-t in pairs); "stratified" (evenly spread over a batch).
        device: "auto" (CUDA, else MPS, else CPU; `DILVIZ_DEVICE` overrides), or a device. The denoiser comes back
            to the device that it was on.
        seed: of all draws.
        checkpoint: a file that is written every `checkpoint_every` steps and at the end.
        checkpoint_every: steps; None for the end alone.
        resume: go on from the checkpoint where there is one. On the CPU the result equals that of an uninterrupted
            run bit for bit.

    Returns:
        The records.

    Raises:
        InputError: data, sizes or names that make no sense, or a checkpoint of another training.
        TrainingDiverged: the loss is no number any more.

    Source:
        Ho et al. 2020, algorithm 1; Salimans and Ho 2022 for the other two targets.
    """
    from tqdm.auto import tqdm

    history = History()
    loop = training_steps(
        denoiser, schedule, data, cond, steps=steps, batch_size=batch_size, lr=lr, warmup=warmup, ema_decay=ema_decay,
        timestep_sampling=timestep_sampling, device=device, seed=seed, checkpoint=checkpoint,
        checkpoint_every=checkpoint_every, resume=resume, history=history,
    )  # fmt: skip
    # A bar where somebody watches, a terminal or a notebook; a log file wants none.
    hidden = False if "ipykernel" in sys.modules else None
    with tqdm(total=steps, desc="training", unit="step", mininterval=0.5, disable=hidden) as bar:
        for record in loop:
            bar.update(record.step - bar.n)
            bar.set_postfix(loss=f"{record.loss:.4g}")
    return history


def training_steps(
    denoiser: nn.Module,
    schedule: NoiseSchedule,
    data: Tensor,
    cond: Tensor | None = None,
    *,
    steps: int,
    batch_size: int = 256,
    lr: float = 1e-3,
    warmup: int = 100,
    ema_decay: float = 0.999,
    timestep_sampling: str = "uniform",
    device: str = "auto",
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    history: History | None = None,
) -> Iterator[Record]:
    """The loop beneath `fit`, one record every LOG_EVERY steps, so that a widget can draw while it trains.

    Stop asking and the training stands still; close it and it is over. Either way the denoiser carries the moving
    average of its weights.

    Args:
        denoiser: as in `fit`.
        schedule: as in `fit`.
        data: (N, horizon, dim), as in `fit`.
        cond: (N, cond_dim) or None.
        steps: as in `fit`.
        batch_size: as in `fit`.
        lr: as in `fit`.
        warmup: as in `fit`.
        ema_decay: as in `fit`.
        timestep_sampling: as in `fit`.
        device: as in `fit`.
        seed: as in `fit`.
        checkpoint: as in `fit`.
        checkpoint_every: as in `fit`.
        resume: as in `fit`.
        history: filled with the records, those from before a resumed checkpoint included.

    Returns:
        An iterator of records.

    Raises:
        InputError: as in `fit`, at once and not at the first record.
        TrainingDiverged: as in `fit`.
    """
    _check_numbers(steps=steps, batch_size=batch_size, lr=lr, warmup=warmup, ema_decay=ema_decay)
    if checkpoint_every is not None:
        _check_numbers(checkpoint_every=checkpoint_every)
    if timestep_sampling not in TIMESTEP_SAMPLING:
        raise InputError(
            f"timestep_sampling {timestep_sampling!r} is unknown; take one of {', '.join(TIMESTEP_SAMPLING)}."
        )
    _check_data(data, cond)
    recipe = {
        "steps": steps, "batch_size": batch_size, "lr": lr, "warmup": warmup, "ema_decay": ema_decay,
        "timestep_sampling": timestep_sampling, "seed": seed, "prediction_type": denoiser.prediction_type,
        "parameters": sum(p.numel() for p in denoiser.parameters()),
        "schedule": fingerprint(schedule.alphas_cumprod), "data": fingerprint(data, cond),
    }  # fmt: skip
    history = History() if history is None else history
    saved = read_checkpoint(checkpoint, recipe) if checkpoint and resume and Path(checkpoint).exists() else None
    place = resolve_device(device)
    home = next(denoiser.parameters()).device
    denoiser.to(place).train()
    loop = Loop(denoiser, schedule, data, cond, recipe, place)
    if saved is not None:
        loop.load(saved)
        history.records[:] = [Record(int(s), loss, rate) for s, loss, rate in saved["history"].tolist()]
        history.resumed_from = loop.step
    return _run(loop, history, home, Path(checkpoint) if checkpoint else None, checkpoint_every)


def _run(
    loop: Loop, history: History, home: torch.device, checkpoint: Path | None, checkpoint_every: int | None
) -> Iterator[Record]:
    saved_at = history.resumed_from
    steps = loop.recipe["steps"]
    try:
        while loop.step < steps:
            loop.advance()
            due = checkpoint_every and loop.step % checkpoint_every == 0
            if loop.step % LOG_EVERY == 0 or loop.step == steps:
                record = loop.record()
                if not math.isfinite(record.loss):
                    raise TrainingDiverged(_diverged(record, checkpoint, saved_at))
                history.records.append(record)
            if checkpoint and (due or loop.step == steps):
                write_checkpoint(checkpoint, loop.state(history.records), loop.recipe)
                saved_at = loop.step
            if loop.step % LOG_EVERY == 0 or loop.step == steps:
                with loop.averaged_weights():
                    yield record
    finally:
        loop.finish(home)


def _diverged(record: Record, checkpoint: Path | None, saved_at: int | None) -> str:
    good = f"the last good checkpoint is {checkpoint} at step {saved_at}" if saved_at else "there is no checkpoint"
    return (
        f"The loss became {record.loss} by step {record.step} at a learning rate of {record.learning_rate:.3g}; "
        f"{good}. Lower the learning rate, or look at the data's scale."
    )


def resolve_device(device: str = "auto") -> torch.device:
    """Where to compute.

    Args:
        device: "auto" for CUDA, else MPS, else the CPU (the variable DILVIZ_DEVICE overrides), or a device's name.

    Returns:
        The device.

    Raises:
        InputError: the name is no device of this machine.
    """
    name = os.environ.get("DILVIZ_DEVICE", "auto") if device == "auto" else str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        place = torch.device(name)
        if place.type != "meta":
            torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} is not usable on this machine; take auto or cpu.") from error
    return place


def fingerprint(*tensors: Tensor | None) -> str:
    """A short hash of shapes and values, by which a checkpoint knows its data again.

    Args:
        tensors: any; None counts as absent.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            continue
        digest.update(str(tuple(tensor.shape)).encode())
        if tensor.device.type != "meta":
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _check_numbers(**numbers: float) -> None:
    whole = {"steps": 1, "batch_size": 1, "checkpoint_every": 1, "warmup": 0}
    for name, value in numbers.items():
        if name in whole and (int(value) != value or value < whole[name]):
            raise InputError(f"{name} is {value}; give a whole number of at least {whole[name]}.")
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
        if tensor is None or tensor.device.type == "meta":
            continue
        bad = ~torch.isfinite(tensor)
        if bad.any():
            row = int(bad.flatten(1).any(1).nonzero()[0])
            raise InputError(
                f"{name} holds {int(bad.sum())} values that are not finite, the first in row {row}; remove them."
            )
