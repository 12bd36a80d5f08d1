"""Training: regress what was hidden by noise. What happens in a step stands in `loop.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from dilviz.diffusion.checkpoint import check_writable, read_checkpoint, write_checkpoint
from dilviz.diffusion.loop import Loop, Record
from dilviz.diffusion.recipe import check_number, learning_rate, training_recipe
from dilviz.diffusion.schedule import NoiseSchedule
from dilviz.errors import InputError

_bars = ContextVar("bars", default=True)
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
    def loss(self) -> float | None:
        """The last loss; None where nothing was trained."""
        return self.records[-1].loss if self.records else None


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
        denoiser: called as `denoiser(xt, t, cond)`, with an attribute `prediction_type`. One that has a method
            `loss(output, target)` is trained on that, and not on the squared error. (Dropout draws from the global
            generator, which no seed of ours and no checkpoint holds.)
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
    records = training_steps(
        denoiser, schedule, data, cond, steps=steps, batch_size=batch_size, lr=lr, warmup=warmup, ema_decay=ema_decay,
        timestep_sampling=timestep_sampling, device=device, seed=seed, checkpoint=checkpoint,
        checkpoint_every=checkpoint_every, resume=resume, history=history,
    )  # fmt: skip
    # A bar where somebody watches, a terminal or a notebook; a log file wants none.
    hidden = True if not _bars.get() else False if "ipykernel" in sys.modules else None
    done = history.resumed_from or 0
    bar = tqdm(total=steps, initial=done, desc="training", unit="step", mininterval=0.5, disable=hidden)
    # Closing: an interrupt must leave the denoiser whole at once, not when its traceback is forgotten.
    with closing(records), bar:
        for record in records:
            bar.update(record.step - bar.n)
            bar.set_postfix(loss=f"{record.loss:.4g}")
    return history


@contextmanager
def without_bars() -> Iterator[None]:
    """Within, `fit` shows no bar: for several trainings in a row, or at a time.

    Returns:
        A context manager.
    """
    token = _bars.set(False)
    try:
        yield
    finally:
        _bars.reset(token)


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
) -> Generator[Record, None, None]:
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
    place = resolve_device(device)
    recipe = training_recipe(
        denoiser, schedule, data, cond, place, timestep_sampling=timestep_sampling, steps=steps, batch_size=batch_size,
        lr=lr, warmup=warmup, ema_decay=ema_decay, seed=seed,
    )  # fmt: skip
    if checkpoint_every is not None:
        check_number("checkpoint_every", checkpoint_every)
    if checkpoint is None and (resume or checkpoint_every is not None):
        raise InputError("resume and checkpoint_every need a checkpoint; name its file.")
    path = None if checkpoint is None else Path(checkpoint)
    saved = read_checkpoint(path, recipe) if path and resume and path.exists() else None
    if path:
        check_writable(path)
    history = History() if history is None else history
    if saved is not None:
        history.records[:] = [Record(int(step), loss, rate) for step, loss, rate in saved["history"].tolist()]
        history.resumed_from = int(saved["progress"][0])

    def run() -> Generator[Record, None, None]:
        home = next(denoiser.parameters()).device
        loop = Loop(denoiser.to(place).train(), schedule, data, cond, recipe, place)
        try:
            if saved is not None:
                _take_up(loop, saved, path)
            loop.capture()
            yield from _advance(loop, history, path, checkpoint_every)
        finally:
            loop.finish(home)

    return run()


def _take_up(loop: Loop, saved: dict[str, Tensor], path: Path | None) -> None:
    try:
        loop.load(saved)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} does not hold a whole training ({error}); start anew elsewhere.") from error


def _advance(
    loop: Loop, history: History, checkpoint: Path | None, checkpoint_every: int | None
) -> Generator[Record, None, None]:
    steps, saved_at = loop.recipe["steps"], history.resumed_from
    while loop.step < steps:
        loop.advance()
        log = loop.step % LOG_EVERY == 0 or loop.step == steps
        save = checkpoint is not None and (loop.step % (checkpoint_every or steps) == 0 or loop.step == steps)
        if (log or save) and not loop.is_finite():
            raise TrainingDiverged(_diverged(loop, checkpoint, saved_at))
        if log:
            history.records.append(loop.record())
        if checkpoint is not None and save:
            write_checkpoint(checkpoint, loop.state(history.records), loop.recipe)
            saved_at = loop.step
        if log:
            with loop.averaged_weights():
                yield history.records[-1]


def _diverged(loop: Loop, checkpoint: Path | None, saved_at: int | None) -> str:
    good = f"the last good checkpoint is {checkpoint} at step {saved_at}" if saved_at else "there is no checkpoint"
    rate = learning_rate(loop.step - 1, loop.recipe)
    return (
        f"Loss or weights are no numbers any more by step {loop.step}, at a learning rate of {rate:.3g}; {good}. "
        "Lower the learning rate, or look at the data's scale."
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
        where = " (named by DILVIZ_DEVICE)" if device == "auto" else ""
        raise InputError(f"device {name!r}{where} is not usable on this machine; take auto or cpu.") from error
    return place
