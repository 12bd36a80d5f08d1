"""What each command does: plain arguments in, a plain dictionary out. `cli.py` reads and prints."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from dilviz.diffusion import resolve_device
from dilviz.diffusion.checkpoint import read_recipe, write_whole
from dilviz.errors import InputError, MissingExtra
from dilviz.imitation import DiffusionPolicy, Episodes, Windows, rollout, train_diffusion_policy
from dilviz.imitation.episodes import check_horizons
from dilviz.imitation.intervals import bootstrap_mean, wilson
from dilviz.imitation.rollout import Policy, latency_ms
from dilviz.tasks import TASKS, Task, get_task

POLICIES = ("diffusion",)
WEIGHTS, STATE = "policy.safetensors", "training.safetensors"


def tasks() -> dict:
    """The tasks that there are.

    Returns:
        {"tasks": one dictionary a task}.
    """
    return {
        "tasks": [
            {
                "name": task.name,
                "env_id": task.env_id,
                "observation_dim": task.observation_dim,
                "action_dim": task.action_dim,
                "max_steps": task.max_steps,
                "expert": task.expert_says,
                "success": task.success_says,
                "modes": list(task.modes),
                "extra": task.needs[1] if task.needs else None,
                "available": task.available,
            }
            for task in TASKS.values()
        ]
    }


def train(
    task: str,
    policy: str,
    out: str,
    *,
    seed: int = 0,
    checkpoint_every: int | None = None,
    resume: bool = False,
    force: bool = False,
    device: str = "auto",
    **changes: Any,
) -> dict:
    """Record demonstrations, train a policy on them, and write it to a folder.

    Args:
        task: a task's name.
        policy: "diffusion".
        out: the folder; `policy.safetensors` is the policy, `training.safetensors` what resuming needs.
        seed: of the training.
        checkpoint_every: steps between checkpoints; None for the end alone.
        resume: go on from the folder's checkpoint where there is one.
        force: replace what is in the folder.
        device: "auto" or a device's name.
        changes: fields of the task's recipe, None for the recipe's own.

    Returns:
        What was done: checkpoint, task, policy, demos, data_sha256, steps, seed, params, loss, cpu_s, resumed_from.

    Raises:
        InputError: names or numbers that make no sense, or a folder that holds something else.
        MissingExtra: the task needs a package that is not installed.
    """
    started = time.process_time()
    found = _usable(task)
    if policy not in POLICIES:
        raise InputError(f"policy {policy!r} is unknown; take one of {', '.join(POLICIES)}.")
    if seed < 0:
        raise InputError(f"seed is {seed}; give a whole number of at least 0.")
    recipe = dataclasses.replace(found.recipe, **{k: v for k, v in changes.items() if v is not None})
    horizons = (recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon)
    check_horizons(*horizons)
    resolve_device(device)
    windows = Windows(episodes := found.demonstrations(recipe.demos), *horizons)
    with _folder(Path(out), resume, force) as folder:
        learner, history = train_diffusion_policy(
            windows,
            action_horizon=recipe.action_horizon,
            num_train_timesteps=recipe.num_train_timesteps,
            num_inference_steps=recipe.num_inference_steps,
            width=recipe.width,
            depth=recipe.depth,
            prediction_type=recipe.prediction_type,
            steps=recipe.steps,
            seed=seed,
            device=device,
            checkpoint=folder / STATE,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        done = {
            "task": task,
            "demos": recipe.demos,
            "data_sha256": episodes.sha256,
            "steps": recipe.steps,
            "seed": seed,
            "params": sum(p.numel() for p in learner.denoiser.parameters()),
            "loss": history.loss,
        }
        learner.save(folder / WEIGHTS, done)
    times = {"cpu_s": round(time.process_time() - started, 2), "resumed_from": history.resumed_from}
    return {"checkpoint": out, "policy": policy} | done | times


def _usable(name: str) -> Task:
    task = get_task(name)
    if task.needs and not task.available:
        raise MissingExtra(f"task {name!r} needs a package that is not installed: pip install '{task.needs[1]}'.")
    return task


@contextmanager
def _folder(folder: Path, resume: bool, force: bool) -> Iterator[Path]:
    """The folder to write to, empty or meant: nothing that somebody else put there is touched.

    What --force replaces stays until its successor is whole, and bad input leaves no empty folder behind.
    """
    if resume and force:
        raise InputError("--resume goes on with what is there and --force replaces it; give one of the two.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder} is a file; name a folder.")
    held = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    foreign = {name for name in held if not name.startswith((WEIGHTS, STATE))}
    if foreign:
        raise InputError(f"--out {folder} holds other things ({sorted(foreign)[0]}); name an empty or a new folder.")
    if held and not resume and not force:
        raise InputError(f"--out {folder} holds a training already; --resume goes on with it, --force replaces it.")
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        yield folder
    except OSError as error:
        raise InputError(f"--out {folder} cannot be written ({error.strerror}); name another place.") from error
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()  # empty ones only


def evaluate(
    what: str,
    seeds: list[int],
    *,
    sampler: str | None = None,
    num_inference_steps: int | None = None,
    eta: float | None = None,
    action_horizon: int | None = None,
    out: str | None = None,
) -> dict:
    """Let a policy act, one episode a seed, and count.

    Args:
        what: a folder that `train` made, "TASK:POLICY" for a shipped one, or "expert:TASK".
        seeds: of the episodes.
        sampler: for a diffusion policy; None for its own.
        num_inference_steps: likewise.
        eta: likewise, of "ddim".
        action_horizon: actions done before it looks again; None for its own.
        out: a file to write the result to, as JSON.

    Returns:
        The counts, their intervals, latency, and a line for each episode.

    Raises:
        InputError: no such policy, or options that it does not have.
        MissingExtra: the task needs a package that is not installed.
    """
    task, policy, about = _find(what)
    chosen = {
        "sampler": sampler,
        "num_inference_steps": num_inference_steps,
        "eta": eta,
        "action_horizon": action_horizon,
    }
    _adjust(policy, {name: value for name, value in chosen.items() if value is not None}, what)
    episodes = rollout(policy, task, seeds)
    result = about | summary(task, episodes)
    result["latency_ms"] = dict(zip(("p50", "p95"), latency_ms(policy, episodes.observations[0]), strict=True))
    result["episodes"] = [
        {"seed": int(seed), "success": bool(success), "return": float(total), "length": int(length), "mode": str(mode)}
        for seed, success, total, length, mode in zip(
            episodes.seeds, episodes.success, episodes.returns, episodes.lengths, episodes.mode, strict=True
        )
    ]
    if out is not None:
        write_whole(Path(out), json.dumps(result, indent=1).encode())
    return result


def summary(task: Task, episodes: Episodes) -> dict:
    """Counts of some episodes, with 95 % intervals.

    Args:
        task: whose they are.
        episodes: at least one.

    Returns:
        n, successes, success_rate, success_ci95 (Wilson), return_mean, return_ci95 (bootstrap), modes.
    """
    successes = int(episodes.success.sum())
    return {
        "n": len(episodes),
        "successes": successes,
        "success_rate": successes / len(episodes),
        "success_ci95": list(wilson(successes, len(episodes))),
        "return_mean": float(episodes.returns.mean()),
        "return_ci95": list(bootstrap_mean(episodes.returns)),
        "modes": {mode: int((episodes.mode == mode).sum()) for mode in task.modes},
    }


def _find(what: str) -> tuple[Task, Policy, dict]:
    kind, _, name = what.partition(":")
    if kind == "expert":
        task = _usable(name)
        return task, task.expert(), {"task": name, "policy": "expert", "checkpoint_sha256": None, "train_seed": None}
    if kind in TASKS and name:
        if name not in POLICIES:
            raise InputError(f"policy {name!r} is unknown; take one of {', '.join(POLICIES)}.")
        from dilviz.assets import asset

        what = str(asset("checkpoints", f"{kind}-{name}"))
    path = Path(what) / WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{what!r} is no policy; give a folder that train has finished, TASK:POLICY, or expert:TASK "
            f"(tasks: {', '.join(TASKS)})."
        )
    recipe, policy = read_recipe(path), DiffusionPolicy.load(path)
    task = _usable(recipe["task"])
    shapes = (len(policy.observation_scale.low), len(policy.action_scale.low))
    if shapes != (task.observation_dim, task.action_dim):
        raise InputError(
            f"{what} sees {shapes[0]} numbers and gives {shapes[1]}, but task {task.name!r} has "
            f"{task.observation_dim} and {task.action_dim}; it was trained on something else."
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    about = {"task": task.name, "policy": recipe["policy"], "checkpoint_sha256": digest, "train_seed": recipe["seed"]}
    return task, policy, about


def _adjust(policy: Policy, chosen: dict, what: str) -> None:
    if not chosen:
        return
    if not isinstance(policy, DiffusionPolicy):
        raise InputError(f"{what} is no diffusion policy, so it has no {next(iter(chosen))}; leave that option out.")
    if "action_horizon" in chosen:
        check_horizons(policy.obs_horizon, policy.denoiser.horizon, chosen["action_horizon"])
        policy.action_horizon = chosen.pop("action_horizon")
    sampler = chosen.pop("sampler", policy.sampler)
    steps = chosen.pop("num_inference_steps", policy.num_inference_steps)
    if "eta" in chosen and sampler != "ddim":
        raise InputError(f"eta belongs to the sampler ddim, not to {sampler}; leave one of the two out.")
    policy.use(sampler, steps, **chosen)


def parse_seeds(text: str) -> list[int]:
    """Seeds as they are typed.

    Args:
        text: "1000:1500" (the last one excluded) or "7,11,13".

    Returns:
        The seeds, none twice.

    Raises:
        InputError: another form, a negative seed, none at all, or one twice.
    """
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            seeds = list(range(first, last))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise InputError(f"seeds {text!r} cannot be read; write 1000:1500 or 7,11,13, each once and none below 0.")
    return seeds


def environment() -> dict:
    """What every result starts with, beside the command and its time.

    Returns:
        torch's version, the device that "auto" means here, and the number of threads.
    """
    return {"torch": torch.__version__, "device": str(resolve_device()), "threads": torch.get_num_threads()}
