"""How long one decision takes, for every learner, sampler and number of denoising steps: `dilviz bench latency`.

One agent, one thread, on the CPU; measured in turn, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial

import numpy as np
import torch

from dilviz.diffusion import SAMPLERS
from dilviz.diffusion.training import without_bars
from dilviz.imitation import DiffusionPolicy, Windows
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.learners import get_learner
from dilviz.tasks import TASKS, shipped

TASK = TASKS["fork"]
STEPS = (1, 2, 3, 5, 10, 20, 50)
ROUNDS, WARM_UP = 60, 5
SHIPPED = ("cloning", "cloning-onestep", "mdn", "dagger")


def latency() -> list[dict]:
    """Every learner of the fork deciding for one agent; the diffusion policy with every sampler and number of passes.

    Times do not depend on what a network has learned: where a trained one does not come with the course, a step of
    training stands in for it.

    Returns:
        Rows as in `dilviz.bench.bench`: p50 and p95 in ms; no ratio and no bar.
    """
    seen = torch.from_numpy(np.tile(TASK.environments(1).reset([0]).astype(np.float32), (1, 2, 1)))
    decide = {name: partial(policy.act, seen[:, : policy.obs_horizon]) for name, policy in _policies()}
    times = _wall_times(decide)
    return [_row(name, ms) for name, ms in times.items()]


def _policies() -> Iterator[tuple[str, ChunkPolicy]]:
    for name in SHIPPED:
        yield name, shipped(TASK.name, name)
    for name in ("lookup", "diffusion-unet"):
        yield name, _made(name)
    policy = shipped(TASK.name, "diffusion")
    assert isinstance(policy, DiffusionPolicy)  # as its name says
    for sampler in SAMPLERS:
        for steps in STEPS:
            yield f"diffusion {sampler} {steps}", copy(policy).use(sampler, steps)


def _made(name: str) -> ChunkPolicy:
    recipe, learner = TASK.recipe, get_learner(name)
    windows = Windows(TASK.demonstrations(recipe.demos), recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon)
    options = {key: getattr(recipe, key) for key in learner.uses} | ({"steps": 1} if "steps" in learner.uses else {})
    with without_bars():
        return learner.train(windows, action_horizon=recipe.action_horizon, device="cpu", **options)[0]


def _wall_times(works: Mapping[str, Callable[[], object]]) -> dict[str, np.ndarray]:
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(-WARM_UP, ROUNDS):
        for name, work in works.items():
            work()  # what the one before has left in the caches is not this one's
            start = time.perf_counter()
            work()
            if turn >= 0:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: np.array(values) for name, values in times.items()}


def _row(name: str, ms: np.ndarray) -> dict:
    p50, p95 = (round(float(q), 4) for q in np.percentile(ms, [50, 95]))
    empty = {"ratio": None, "ratio_diffusers": None}
    return {"name": f"latency {name}", "batch": 1, **empty, "p50": p50, "p95": p95, "bar": None, "ok": True}
