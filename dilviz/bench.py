"""How fast it is, beside the least that the work itself needs: `dilviz bench`.

Everything is timed in one interleaved run (ours, the bare work, diffusers', ours, …), so a machine that slows down
slows all of them, and what counts is the ratio. Times are CPU times of one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from dilviz.bench_latency import latency
from dilviz.bench_live import live_page
from dilviz.bench_ui import animations, can_drive_a_browser, harness, slider_to_redraw
from dilviz.diffusion import MLPDenoiser, NoiseSchedule, ddim, ddpm, dpm_solver, draw_noise
from dilviz.diffusion.loop import Loop
from dilviz.errors import InputError

HORIZON, DIM, COND_DIM, STEPS, T = 16, 2, 4, 10, 100
SAMPLING_BARS = {1: 0.75, 56: 0.90, 1024: 0.95}
REPEATS = {
    1: (60, 10),
    56: (60, 3),
    1024: (30, 1),
}  # measurements, and runs in each: a cold cache is no part of the work
FIT_BAR, FIT_BATCH = 1.12, 256


def bench(parts: list[str]) -> list[dict]:
    """Measure.

    Args:
        parts: "core" (sampling), "fit" (training), "latency" (a decision of each learner), "ui" (each explorer and
            each live demo in a real browser), "live" (a live page in one, for five minutes); none for all that can be
            measured here.

    Returns:
        One row a measurement: name, batch, ratio (ours over the bare work), ratio_diffusers (theirs; None where it
        has no such thing or is not installed), p50 and p95 (ours, in ms), bar, ok.

    Raises:
        InputError: an unknown part.
        MissingExtra: no browser for "ui" or "live".
    """
    unknown = set(parts) - set(_PARTS)
    if unknown:
        raise InputError(f"bench {sorted(unknown)[0]!r} is unknown; take some of {', '.join(_PARTS)}.")
    chosen = parts or [part for part in _PARTS if part not in _IN_BROWSER or can_drive_a_browser()]
    if _IN_BROWSER & set(chosen):
        harness()  # say that it is missing before the others are measured
    return [row for part in chosen for row in _PARTS[part]()]


def interleaved(works: dict[str, Callable[[], object]], repeats: int, runs: int = 1) -> dict[str, np.ndarray]:
    """CPU times of several pieces of work, taken in turn.

    Args:
        works: what to time, by name.
        repeats: how often each, after a tenth as many that do not count.
        runs: how often in a row each time.

    Returns:
        (repeats,) milliseconds a run, of each.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for i in range(-(repeats // 10) - 2, repeats):
        for name, work in works.items():
            start = time.process_time_ns()
            for _ in range(runs):
                work()
            if i >= 0:
                times[name].append((time.process_time_ns() - start) / 1e6 / runs)
    return {name: np.array(values) for name, values in times.items()}


def _row(name: str, batch: int | None, times: dict[str, np.ndarray], bar: float | None) -> dict:
    ratio = float(np.median(times["ours"] / times["bare"]))
    theirs = float(np.median(times["diffusers"] / times["bare"])) if "diffusers" in times else None
    p50, p95 = (float(q) for q in np.percentile(times["ours"], [50, 95]))
    ok = bar is None or ratio <= bar
    return {
        "name": name, "batch": batch, "ratio": ratio, "ratio_diffusers": theirs, "p50": p50, "p95": p95, "bar": bar,
        "ok": ok,
    }  # fmt: skip


def core() -> list[dict]:
    """Sampling: the whole loop over (steps x the bare forward pass), at several batch sizes.

    Returns:
        Rows as in `bench`.
    """
    schedule, denoiser = NoiseSchedule(T), _denoiser()
    rows = []
    for sampler in (ddim, ddpm, dpm_solver):
        for batch, bar in SAMPLING_BARS.items():
            noise, cond = draw_noise((batch, HORIZON, DIM)), draw_noise((batch, COND_DIM))
            t = torch.full((batch,), 5)

            def bare(noise: torch.Tensor = noise, t: torch.Tensor = t, cond: torch.Tensor = cond) -> None:
                with torch.no_grad():
                    for _ in range(STEPS):
                        denoiser(noise, t, cond)

            def ours(
                noise: torch.Tensor = noise, cond: torch.Tensor = cond, sampler: Callable = sampler
            ) -> torch.Tensor:
                return sampler(denoiser, schedule, noise, STEPS, cond=cond)

            works: dict[str, Callable[[], object]] = {"ours": ours, "bare": bare}
            theirs = _diffusers_loop(sampler.__name__, denoiser, noise, cond)
            if theirs is not None:
                works["diffusers"] = theirs
            times = interleaved(works, *REPEATS[batch])
            rows.append(_row(f"sampling {sampler.__name__}", batch, times, bar if sampler is ddim else None))
    return rows


def _denoiser() -> MLPDenoiser:
    return MLPDenoiser(HORIZON, DIM, COND_DIM).eval()


def _diffusers_loop(
    name: str, denoiser: MLPDenoiser, noise: torch.Tensor, cond: torch.Tensor
) -> Callable[[], object] | None:
    """The same sampling as a user of diffusers writes it; None where diffusers is not installed."""
    try:
        import diffusers
    except ImportError:
        return None
    kind = {"ddim": "DDIMScheduler", "ddpm": "DDPMScheduler", "dpm_solver": "DPMSolverMultistepScheduler"}[name]
    options = {"num_train_timesteps": T, "beta_schedule": "squaredcos_cap_v2", "prediction_type": "sample"}
    scheduler = getattr(diffusers, kind)(**options)
    generator = torch.Generator()

    @torch.no_grad()
    def run() -> torch.Tensor:
        scheduler.set_timesteps(STEPS)
        x = noise
        more = {} if name == "dpm_solver" else {"generator": generator}
        for t in scheduler.timesteps:
            output = denoiser(x, t.expand(len(x)), cond)
            x = scheduler.step(output, t, x, **more).prev_sample
        return x

    return run


def fit() -> list[dict]:
    """Training: a step of `fit` over the bare forward, backward and fused AdamW.

    Returns:
        Rows as in `bench`.
    """
    schedule = NoiseSchedule(T)
    data, cond = draw_noise((5000, HORIZON, DIM)), draw_noise((5000, COND_DIM))
    recipe = {
        "steps": 100_000, "batch_size": FIT_BATCH, "lr": 1e-3, "warmup": 100, "ema_decay": 0.999,
        "timestep_sampling": "uniform", "seed": 0, "prediction_type": "sample",
    }  # fmt: skip
    loop = Loop(_denoiser().train(), schedule, data, cond, recipe, torch.device("cpu"))
    bare_denoiser = _denoiser().train()
    optimizer = torch.optim.AdamW(bare_denoiser.parameters(), lr=1e-3, fused=True)
    xt, t, given, target = data[:FIT_BATCH], torch.full((FIT_BATCH,), 5), cond[:FIT_BATCH], data[-FIT_BATCH:]

    def bare() -> None:
        optimizer.zero_grad()
        F.mse_loss(bare_denoiser(xt, t, given), target).backward()
        optimizer.step()

    times = interleaved({"ours": loop.advance, "bare": bare}, 100, 4)
    return [_row("fit step", FIT_BATCH, times, FIT_BAR)]


def ui() -> list[dict]:
    """Each explorer in a real JupyterLab, from the key press to the redrawn figure; each live demo's frames a second.

    Returns:
        Rows as in `bench`; no ratio; p50 and p95 in ms, or frames a second. Explorers' rows have a bar_p95, too.

    Raises:
        MissingExtra: no browser, or Playwright is not installed.
    """
    return slider_to_redraw() + animations()


_PARTS: dict[str, Callable[[], list[dict]]] = {
    "core": core,
    "fit": fit,
    "latency": latency,
    "ui": ui,
    "live": live_page,
}
_IN_BROWSER = {"ui", "live"}
