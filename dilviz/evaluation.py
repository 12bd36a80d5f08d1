"""What `evaluate` does: let a policy act, one episode a seed, and count."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import gymnasium

from dilviz.assets import asset
from dilviz.commands import usable
from dilviz.diffusion.checkpoint import check_writable, read_recipe, write_whole
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy, Episodes, rollout
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.episodes import check_horizons
from dilviz.imitation.intervals import bootstrap_mean, wilson
from dilviz.imitation.learners import WEIGHTS, get_learner, load_policy
from dilviz.imitation.rollout import Policy, latency_ms
from dilviz.tasks import FIRST, TASKS, Task

MOST_SEEDS = 100_000


def evaluate(
    what: str,
    seeds: list[int],
    *,
    sampler: str | None = None,
    num_inference_steps: int | None = None,
    eta: float | None = None,
    action_horizon: int | None = None,
    delay: int | None = None,
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
        delay: steps that pass while it decides; None for none.
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
        "delay": delay,
    }
    _adjust(policy, {name: value for name, value in chosen.items() if value is not None}, what)
    if out is not None:
        _check_out(Path(out))
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


def _check_out(path: Path) -> None:
    """An older result may be replaced; anything else may not."""
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else None
    except (ValueError, OSError):
        found = None
    mine = isinstance(found, dict) and {"success_rate", "episodes"} <= found.keys()
    if path.exists() and not path.is_dir() and not mine:
        raise InputError(f"--out {path} is there already and is no result of evaluate; name another file.")
    check_writable(path)


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
        task = usable(name)
        return task, task.expert(), {"task": name, "policy": "expert", "checkpoint_sha256": None, "train_seed": None}
    if kind in TASKS and name:
        get_learner(name)
        there = sorted(folder.name for folder in asset("checkpoints").iterdir())
        if f"{kind}-{name}" not in there:
            raise InputError(f"no {what} comes with the course; there are {', '.join(there)}. Train one.")
        what = str(asset("checkpoints", f"{kind}-{name}"))
    path = Path(what) / WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{what!r} is no policy; give a folder that train has finished, TASK:POLICY, or expert:TASK "
            f"(tasks: {', '.join(TASKS)})."
        )
    recipe, policy = read_recipe(path), load_policy(path)
    task = _task_of(what, recipe)
    shapes = (len(policy.observation_scale.low), len(policy.action_scale.low))
    if shapes != (task.observation_dim, task.action_dim):
        raise InputError(
            f"{what} sees {shapes[0]} numbers and gives {shapes[1]}, but task {task.name!r} has "
            f"{task.observation_dim} and {task.action_dim}; it was trained on something else."
        )
    about = {
        "task": task.name,
        "policy": recipe.get("policy", policy.kind),
        "checkpoint_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "train_seed": recipe.get("seed"),
    }
    return task, policy, about


def _task_of(what: str, recipe: dict) -> Task:
    """The task that a checkpoint was trained for; a data set's is the one of the world in which it was recorded."""
    if "dataset" not in recipe or recipe.get("task") in TASKS:
        return usable(str(recipe.get("task", "of no name")))
    env_id, options = recipe.get("environment") or (None, {})
    for task in TASKS.values():
        if env_id and _world(env_id, options) == _world(task.env_id, dict(task.options)):
            return usable(task.name)
    raise InputError(
        f"{what} was trained on the data set {recipe['dataset']}, whose environment, {env_id} {options or ''}, is no "
        "task of dilviz; load it with dilviz.imitation.learners.load_policy and let it act there."
    )


def _world(env_id: str, options: dict) -> tuple:
    """What an environment's name and options come to: two names may mean one world."""
    try:
        spec = gymnasium.spec(env_id)
    except gymnasium.error.Error:
        return (env_id, json.dumps(options, sort_keys=True))
    return (str(spec.entry_point), json.dumps({**spec.kwargs, **options}, sort_keys=True))


def _adjust(policy: Policy, chosen: dict, what: str) -> None:
    if "action_horizon" in chosen and isinstance(policy, ChunkPolicy):
        check_horizons(policy.obs_horizon, policy.pred_horizon, chosen["action_horizon"])
        policy.action_horizon = chosen.pop("action_horizon")
    if "delay" in chosen and isinstance(policy, ChunkPolicy):
        policy.wait(chosen.pop("delay"))
    if not chosen:
        return
    if not isinstance(policy, DiffusionPolicy):
        raise InputError(f"{what} is no diffusion policy, so it has no {next(iter(chosen))}; leave that option out.")
    sampler = chosen.pop("sampler", policy.sampler)
    steps = chosen.pop("num_inference_steps", policy.num_inference_steps)
    policy.use(sampler, steps, **chosen)


def parse_seeds(text: str) -> list[int]:
    """Seeds as they are typed.

    Args:
        text: "1000:1500" (the last one excluded) or "7,11,13".

    Returns:
        The seeds, none twice.

    Raises:
        InputError: another form, none at all, too many, one twice, or one that belongs to demonstrations.
    """
    try:
        parts = [int(part) for part in text.replace(":", ",").split(",")]
    except ValueError:
        parts = []
    if ":" in text and len(parts) == 2 and 0 < parts[1] - parts[0] <= MOST_SEEDS:
        parts = list(range(*parts))
    elif ":" in text:
        parts = []
    seeds = parts[: MOST_SEEDS + 1]
    if not seeds or len(seeds) != len(set(seeds)) or len(seeds) > MOST_SEEDS:
        raise InputError(f"seeds {text!r} cannot be read; write 1000:1500 or 7,11,13, each once, {MOST_SEEDS} at most.")
    if min(seeds) < 0 or max(seeds) >= FIRST:
        raise InputError(f"seeds {text!r} leave 0 to {FIRST - 1}; those from {FIRST} on belong to demonstrations.")
    return seeds
