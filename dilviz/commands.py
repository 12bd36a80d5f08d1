"""What `tasks` and `train` do: plain arguments in, a plain dictionary out. `cli.py` reads and prints."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import torch

from dilviz.diffusion import resolve_device
from dilviz.diffusion.recipe import check_number
from dilviz.errors import InputError, MissingExtra
from dilviz.folders import folder_for
from dilviz.imitation import Episodes, Windows
from dilviz.imitation.episodes import check_horizons
from dilviz.imitation.exchange import dataset_environment, read_minari
from dilviz.imitation.learners import WEIGHTS, get_learner
from dilviz.tasks import FOR_DATASETS, TASKS, Recipe, Task, get_task

STATE = "training.safetensors"
WIDEST = 8192  # units of a layer: a network of more does not fit into a usual memory


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
    task: str | None,
    policy: str,
    out: str,
    *,
    dataset: str | None = None,
    seed: int = 0,
    checkpoint_every: int | None = None,
    resume: bool = False,
    force: bool = False,
    device: str = "auto",
    **changes: Any,
) -> dict:
    """Train a policy on demonstrations, recorded or given, and write it to a folder.

    Args:
        task: a task's name, whose expert is recorded; None with a data set.
        policy: a name in LEARNERS.
        out: the folder; `policy.safetensors` is the policy, `training.safetensors` what resuming needs.
        dataset: a Minari data set's name, in place of a task.
        seed: of the training.
        checkpoint_every: steps between checkpoints; None for the end alone.
        resume: go on from the folder's checkpoint where there is one.
        force: replace what is in the folder.
        device: "auto" or a device's name.
        changes: fields of the recipe, None for the recipe's own.

    Returns:
        What was done: checkpoint, task, policy, demos, data_sha256, steps, seed, params, loss, cpu_s, resumed_from.

    Raises:
        InputError: names or numbers that make no sense, or a folder that holds something else.
        MissingExtra: the task needs a package that is not installed.
    """
    started = time.process_time()
    if (task is None) == (dataset is None):
        raise InputError("name a task or, with --dataset, a Minari data set; one of the two.")
    learner = get_learner(policy)
    if learner.asks and task is None:
        raise InputError(f"policy {policy} asks an expert, and a data set holds none; name a task.")
    check_number("seed", seed)
    changes = {name: value for name, value in changes.items() if value is not None}
    recipe = recipe_of(policy, usable(task).recipe if task else FOR_DATASETS, changes)
    place = resolve_device(device)
    if place.type == "meta":
        raise InputError("device 'meta' computes nothing; take auto or cpu.")
    episodes = _demonstrations(task, dataset, recipe, changes.get("demos"))
    windows = Windows(episodes, recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon)
    with folder_for(out, (WEIGHTS, STATE), "training", resume, force) as folder:
        trained, history = learner.train(
            windows,
            action_horizon=recipe.action_horizon,
            **{name: getattr(recipe, name) for name in learner.uses},
            **({"task": get_task(task)} if learner.asks and task else {}),
            seed=seed,
            device=device,
            checkpoint=folder / STATE,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        done = {
            "task": episodes.task,
            "policy": policy,
            "demos": len(episodes),
            "data_sha256": episodes.sha256,
            "steps": recipe.steps if "steps" in learner.uses else 0,
            "seed": seed,
            "params": sum(p.numel() for p in trained.network.parameters()),
            "loss": history.loss,
        }
        origin = {"dataset": dataset, "environment": dataset_environment(dataset)} if dataset else {}
        trained.save(folder / WEIGHTS, done | origin)
    times = {
        "cpu_s": round(time.process_time() - started, 2),
        "resumed_from": history.resumed_from,
        "device": str(place),
    }
    return {"checkpoint": out} | done | times


def recipe_of(policy: str, recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with changes, for a learner that may have no use for some of it.

    Args:
        policy: a name in LEARNERS.
        recipe: the task's.
        changes: fields that are others.

    Returns:
        The learner's recipe.

    Raises:
        InputError: a field that the learner does not have, horizons that do not fit, or too wide a network.
    """
    learner = get_learner(policy)
    horizons = () if learner.one_step else ("pred_horizon", "action_horizon")
    if foreign := [name for name in changes if name not in ("demos", "obs_horizon", *horizons, *learner.uses)]:
        raise InputError(f"policy {policy} has no {foreign[0]}; leave that option out.")
    recipe = dataclasses.replace(recipe, **changes)
    if not 1 <= recipe.width <= WIDEST:
        raise InputError(f"width is {recipe.width}; give 1 to {WIDEST} units of a layer.")
    if learner.one_step:
        recipe = dataclasses.replace(recipe, pred_horizon=recipe.obs_horizon, action_horizon=1)
    check_horizons(recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon)
    return recipe


def _demonstrations(task: str | None, dataset: str | None, recipe: Recipe, demos: int | None) -> Episodes:
    """Recorded, or read; refused where every episode is shorter than a window, which would be padding for the most."""
    given = read_minari(dataset, demos) if dataset is not None else None
    longest = get_task(str(task)).max_steps if given is None else int(given.lengths.max())
    if recipe.pred_horizon > longest:
        raise InputError(
            f"pred_horizon is {recipe.pred_horizon}; an episode of {task or dataset} has at most {longest} steps: "
            "take smaller horizons."
        )
    return get_task(str(task)).demonstrations(recipe.demos) if given is None else given


def usable(name: str) -> Task:
    """A task that can run here.

    Args:
        name: of the task.

    Returns:
        The task.

    Raises:
        InputError: no such task.
        MissingExtra: it needs a package that is not installed.
    """
    task = get_task(name)
    if task.needs and not task.available:
        raise MissingExtra(f"task {name!r} needs a package that is not installed: pip install '{task.needs[1]}'.")
    return task


def environment() -> dict:
    """What every result starts with, beside the command and its time.

    Returns:
        torch's version, the device (the CPU, where a command does not say otherwise), and the number of threads.
    """
    return {"torch": torch.__version__, "device": "cpu", "threads": torch.get_num_threads()}
