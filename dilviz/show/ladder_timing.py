"""Times the rungs of the ladder from the textbook's training step to `fit`, in turn, a few steps each."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dilviz.diffusion import MLPDenoiser, NoiseSchedule, resolve_device
from dilviz.show import rungs

RUNGS: dict[str, type] = {
    "0 the textbook's loop": rungs.Textbook,
    "1 data on the device": rungs.OnDevice,
    "2 no waiting for the loss": rungs.NoWaiting,
    "3 one gather, one table": rungs.OneGather,
    "4 fused AdamW": rungs.FusedOptimizer,
    "5 flat buffers": rungs.FlatBuffers,
    "6 fit, as it stands": rungs.Fit,
    "7 mixed precision": rungs.MixedPrecision,
    "8 CUDA graph": rungs.CudaGraph,
}
FLOOR = "forward and backward alone"
ON_CUDA = tuple(RUNGS)[7:]
STEPS_AT_ONCE = 4  # of one rung, before the next one's turn
ROWS, HORIZON, DIM, COND_DIM, WIDTH = 14_000, 8, 2, 4, 176  # the fork's


def steppers(device: torch.device, seed: int = 0) -> dict[str, Any]:
    """One training for each rung that this device can run, and the floor; all draw alike.

    Args:
        device: where they run.
        seed: of data, first weights and draws.

    Returns:
        rung -> an object with `step()`.
    """
    generator = torch.Generator().manual_seed(seed)
    data = torch.rand((ROWS, HORIZON, DIM), generator=generator) * 2 - 1
    cond = torch.rand((ROWS, COND_DIM), generator=generator) * 2 - 1
    recipe = {
        "steps": 100_000, "batch_size": 256, "lr": 1e-3, "warmup": 100, "ema_decay": 0.999, "seed": seed,
        "timestep_sampling": "uniform", "prediction_type": "sample",
    }  # fmt: skip
    kinds = {name: kind for name, kind in RUNGS.items() if device.type == "cuda" or name not in ON_CUDA}

    def made(kind: type) -> Any:
        return kind(
            MLPDenoiser(HORIZON, DIM, COND_DIM, WIDTH, seed=seed), NoiseSchedule(50), data, cond, recipe, device
        )

    return {name: made(kind) for name, kind in (kinds | {FLOOR: rungs.ForwardAndBackward}).items()}


def time_rungs(seconds: float, progress: Callable[[float, dict[str, float]], None] | None = None) -> dict[str, float]:
    """Time all rungs in turn, a few steps each, again and again: what slows the machine slows all of them.

    Args:
        seconds: about how long.
        progress: called after each turn of all with the share done, 0 to 1, and the figures so far.

    Returns:
        rung -> microseconds a step on CUDA, else on one thread of the CPU; the median over the turns.
    """
    device = resolve_device() if resolve_device().type == "cuda" else torch.device("cpu")
    with _one_thread():
        racers = steppers(device)
        for stepper in racers.values():
            _steps(stepper, device)  # the first steps set libraries up
        times: dict[str, list[float]] = {name: [] for name in racers}
        figures: dict[str, float] = {}
        start = time.perf_counter()
        while (share := (time.perf_counter() - start) / seconds) < 1 or not figures:
            for name, stepper in racers.items():
                times[name].append(_steps(stepper, device))
            figures = {name: float(np.median(measured)) for name, measured in times.items()}
            if progress:
                progress(min(share, 1.0), figures)
    return figures


def _steps(stepper: Any, device: torch.device) -> float:
    """Microseconds a step. On the CPU it is the processor's time, in which other programs have no share."""
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    wait()
    start = clock()
    for _ in range(STEPS_AT_ONCE):
        stepper.step()
    wait()
    return (clock() - start) / STEPS_AT_ONCE * 1e6


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def stored(seconds: float = 60.0) -> dict[str, Any]:
    """Time the rungs for the file that ships with the course.

    Args:
        seconds: about how long.

    Returns:
        Plain values: the command, the machine, and microseconds a step of each rung, null where it needs CUDA.
    """
    figures = time_rungs(seconds)
    steps = {name: round(figures[name], 1) if name in figures else None for name in (FLOOR, *RUNGS)}
    about = {"command": "make assets ARGS=ladder", "machine": machine_name(), "threads": 1}
    return about | {"torch": torch.__version__.partition("+")[0], "us_per_step": steps}


def machine_name() -> str:
    """What the steps run on: the graphics card, else the processor.

    Returns:
        Its maker's name for it.
    """
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
