"""What `compare` does: train every learner on the same demonstrations, let each act, and keep one row a training."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dilviz.assets import REPOSITORY
from dilviz.commands import recipe_of, usable
from dilviz.diffusion.checkpoint import write_whole
from dilviz.diffusion.recipe import check_number
from dilviz.diffusion.training import without_bars
from dilviz.errors import InputError, MissingExtra
from dilviz.evaluation import summary
from dilviz.folders import folder_for
from dilviz.imitation import Episodes, Windows, rollout
from dilviz.imitation.learners import LEARNERS, get_learner
from dilviz.imitation.measures import action_entropy, box_of, mode_share, state_coverage
from dilviz.imitation.rollout import latency_ms
from dilviz.tasks import Recipe, get_task

FILE = "compare.json"
RULES = 1  # counted up when a row comes to mean something else
STARTS = 20  # at so many first observations of the evaluation a policy's actions are drawn again and again
SLOW = ("diffusion-unet",)  # only where it is named
KEY = ("policy", "demos", "train_seed")


@dataclass(frozen=True)
class Job:
    """One training and its evaluation: all that decides what its row says.

    Args:
        task: a task's name.
        policy: a learner's name.
        demos: demonstrations.
        data_sha256: of these.
        train_seed: of the training.
        eval_seeds: of the episodes.
        steps: of the training; None for the task's own.
    """

    task: str
    policy: str
    demos: int
    data_sha256: str
    train_seed: int
    eval_seeds: tuple[int, ...]
    steps: int | None = None


def run(job: Job) -> dict:
    """Train, act, count; on whatever machine, with one thread.

    Args:
        job: what to do.

    Returns:
        Its row, of plain values.

    Raises:
        InputError: this machine's demonstrations are others than the job's.
    """
    torch.set_num_threads(1)
    task, learner = get_task(job.task), get_learner(job.policy)
    steps = {"steps": job.steps} if job.steps and "steps" in learner.uses else {}
    recipe = recipe_of(job.policy, task.recipe, {"demos": job.demos} | steps)
    episodes = _demonstrations(job.task, job.demos)
    if episodes.sha256 != job.data_sha256:
        raise InputError(f"{job.demos} demonstrations of {job.task} come out otherwise on this worker; update it.")
    began = time.process_time()
    windows = Windows(episodes, recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon)
    options = {name: getattr(recipe, name) for name in learner.uses} | ({"task": task} if learner.asks else {})
    with without_bars():  # those of several trainings would write over each other
        policy, history = learner.train(
            windows, action_horizon=recipe.action_horizon, seed=job.train_seed, device="cpu", **options
        )
    trained = time.process_time()
    walked = rollout(policy, task, job.eval_seeds)
    counted = summary(task, walked)
    low, high = _box(job.task, job.eval_seeds)
    starts = walked.observations[walked.starts[:STARTS]]
    actions = episodes.actions.min(0), episodes.actions.max(0)
    return {
        "policy": job.policy,
        "demos": job.demos,
        "train_seed": job.train_seed,
        "successes": counted["successes"],
        "n": counted["n"],
        "success_rate": counted["success_rate"],
        "return_mean": counted["return_mean"],
        "modes": counted["modes"],
        "mode_share": mode_share(counted["modes"]),
        "state_coverage": state_coverage(walked, low, high),
        "action_entropy": action_entropy(policy, starts, *actions),
        "gradient_steps": recipe.steps if "steps" in learner.uses else 0,
        "cpu_s": round(trained - began, 2),
        "params": sum(p.numel() for p in policy.network.parameters()),
        "latency_ms": latency_ms(policy, starts[0])[0],
        "loss": history.loss,
        "data_sha256": job.data_sha256,
    }


@lru_cache(maxsize=8)
def _demonstrations(task: str, count: int) -> Episodes:
    return get_task(task).demonstrations(count)


@lru_cache(maxsize=8)
def _box(task: str, seeds: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Where the expert goes on the same seeds."""
    return box_of(rollout(get_task(task).expert(), get_task(task), seeds))


def compare(
    task: str,
    policies: Sequence[str] | None = None,
    demos: Sequence[int] | None = None,
    train_seeds: Sequence[int] = tuple(range(5)),
    eval_seeds: Sequence[int] = tuple(range(200)),
    *,
    steps: int | None = None,
    out: str | None = None,
    resume: bool = False,
    force: bool = False,
    backend: str = "local",
    scheduler: str | None = None,
    jobs: int | None = None,
) -> dict:
    """Train and evaluate every learner, with every number of demonstrations and every training seed.

    Args:
        task: a task's name.
        policies: names in LEARNERS; None for all but the slow ones.
        demos: numbers of demonstrations; None for the task's own.
        train_seeds: of the trainings.
        eval_seeds: of the episodes, the same for all.
        steps: gradient steps of each training; None for the task's own.
        out: a folder for the rows; each is kept as soon as it is there.
        resume: go on with the rows that the folder holds.
        force: replace them.
        backend: "local" (processes of this machine) or "dask".
        scheduler: the address of Dask's scheduler.
        jobs: trainings at a time on this machine; None for one a core.

    Returns:
        {"task", "recipe_sha256", "rows"}, the rows in the order that was asked for.

    Raises:
        InputError: names, numbers or a folder that make no sense, or rows of another recipe.
        MissingExtra: a package or a back end is not there.
    """
    usable(task)
    names = [name for name in LEARNERS if name not in SLOW] if policies is None else list(policies)
    recipe = get_task(task).recipe
    if steps is not None:
        check_number("steps", steps)
        recipe = replace(recipe, steps=steps)
    counts = [recipe.demos] if demos is None else list(demos)
    for what, values in (("--policies", names), ("--demos", counts)):
        if not values or len(set(values)) != len(values):
            raise InputError(f"{what} names {values}; give at least one, each once.")
    for name in names:
        get_learner(name)
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs is {jobs}; give 1 or more.")
    asked = [
        Job(task, name, count, _demonstrations(task, count).sha256, seed, tuple(eval_seeds), steps)
        for count in counts
        for name in names
        for seed in train_seeds
    ]
    given = f"--policies {','.join(names)} --demos {_listed(counts)} --train-seeds {_listed(train_seeds)}"
    said = f"dilviz compare {task} {given} --eval-seeds {_listed(eval_seeds)}" + (f" --steps {steps}" if steps else "")
    content = _content(task, recipe, eval_seeds) | {"commands": [said]}
    with _backend(backend, scheduler, jobs) as workers, _kept(out, content, resume, force) as keep:
        done = {tuple(row[key] for key in KEY): row for row in content["rows"]}
        _same_data(asked, done, out)
        missing = [job for job in asked if _key(job) not in done]
        for row in workers(missing):
            done[tuple(row[key] for key in KEY)] = row
            content["rows"] = list(done.values())
            keep()
            _say(row, len([job for job in asked if _key(job) in done]), len(asked))
    return {"task": task, "recipe_sha256": content["recipe_sha256"], "rows": [done[_key(job)] for job in asked]}


def _listed(numbers: Sequence[int]) -> str:
    """As it is typed: 0:5, or 2,5,50."""
    first, last = min(numbers), max(numbers)
    row = len(numbers) > 2 and list(numbers) == list(range(first, last + 1))
    return f"{first}:{last + 1}" if row else ",".join(map(str, numbers))


def _key(job: Job) -> tuple:
    return job.policy, job.demos, job.train_seed


def _content(task: str, recipe: Recipe, eval_seeds: Sequence[int]) -> dict:
    """What the file says beside its rows: two of one hash may be put together."""
    plain = asdict(recipe)
    del plain["demos"]  # each row says its own
    decides = {"task": task, "recipe": plain, "eval_seeds": [int(seed) for seed in eval_seeds], "rules": RULES}
    return {
        "commit": _commit(),
        "torch": torch.__version__,
        "recipe_sha256": hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest(),
        "recipe": plain,
        "eval_seeds": [min(eval_seeds), max(eval_seeds), len(eval_seeds)],
        "rows": [],
    }


def _commit() -> str | None:
    """Which version of the course this is, where it is a clone; "+" where files were changed since."""
    try:
        asked = ["git", "-C", str(REPOSITORY), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


@contextmanager
def _kept(out: str | None, content: dict, resume: bool, force: bool) -> Iterator[Any]:
    """A function that writes the rows so far; what the folder holds already is taken up."""
    if out is None:
        if resume or force:
            raise InputError("--resume and --force mean a folder; name it with --out.")
        yield lambda: None
        return
    with folder_for(out, (FILE,), "comparison", resume, force) as folder:
        path = folder / FILE
        if resume and path.exists():
            found = _read(path, content["recipe_sha256"])
            content["rows"] = found["rows"]
            content["commands"] = list(dict.fromkeys([*found["commands"], *content["commands"]]))
        yield lambda: write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def _read(path: Path, recipe_sha256: str) -> dict:
    try:
        found = json.loads(path.read_bytes())
        rows = found["rows"]
        if not isinstance(found["commands"], list) or not all(
            row.keys() >= {*KEY, "successes", "data_sha256"} for row in rows
        ):
            raise ValueError("a row lacks something")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is cut short or no comparison ({error}); --force replaces it.") from error
    if found.get("recipe_sha256") != recipe_sha256:
        raise InputError(
            f"{path} holds rows of another task, recipe, or other evaluation seeds; give the same, or another --out."
        )
    return found


def _same_data(asked: list[Job], done: dict[tuple, dict], out: str | None) -> None:
    for job in asked:
        if (row := done.get(_key(job))) and row["data_sha256"] != job.data_sha256:
            raise InputError(f"{out} holds rows of other demonstrations; give another --out, or replace it by --force.")


@contextmanager
def _backend(backend: str, scheduler: str | None, jobs: int | None) -> Iterator[Any]:
    """A function from jobs to their rows, in whatever order they come."""
    if backend not in ("local", "dask"):
        raise InputError(f"--backend {backend} is unknown; take local or dask.")
    if (backend == "dask") != (scheduler is not None):
        raise InputError("--backend dask and --scheduler ADDRESS belong together; give both or none.")
    try:
        from joblib import Parallel, delayed, parallel_config
    except ImportError as error:
        raise MissingExtra("compare needs joblib: pip install joblib.") from error
    with _client(scheduler) if scheduler else nullcontext(), parallel_config(backend="dask" if scheduler else "loky"):
        # One a task: Dask schedules them itself, and a batch would be lost as a whole.
        parallel = Parallel(n_jobs=jobs or -1, batch_size=1, return_as="generator_unordered")
        yield lambda missing: parallel(delayed(run)(job) for job in missing)


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtra("--backend dask needs distributed: pip install 'dilviz[dask]'.") from error
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"no scheduler of Dask answers at {scheduler} ({error}); start one there.") from error
    with client:
        yield client


def _say(row: dict, done: int, total: int) -> None:
    print(
        f"{done} of {total}: {row['policy']}, {row['demos']} demonstrations, training seed {row['train_seed']}: "
        f"{row['successes']} of {row['n']}",
        file=sys.stderr,
    )
