"""Trains what the course ships and measures what its lessons state: `make assets`, about an hour on one core.

assets/checkpoints/TASK-POLICY/   the policy, and card.json: its recipe, its data, what it was measured to do
assets/results/                   the tables of the lessons, one JSON file each
ARGS="checkpoints", "results", "prediction" (lesson 03's: why it matters what is predicted), "horizons" or "lander"
(lesson 06's) makes a part of it.
ARGS="ladder" times the steps of lesson 03 on this machine, and "latency" the decisions of lesson 06's learners; it
should be quiet, and they are no part of the rest. Trainings lie in the user's data folder: an interrupted run goes on
where it stopped.
"""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path

import horizons
import lander
import numpy as np
import prediction
import torch

from dilviz import __version__
from dilviz.assets import data_folder
from dilviz.bench_latency import latency
from dilviz.commands import train
from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_whole
from dilviz.diffusion.checkpoint import write_checkpoint as write_checkpoint_file
from dilviz.evaluation import evaluate
from dilviz.imitation.learners import WEIGHTS
from dilviz.show.ladder_timing import stored
from dilviz.tasks import TASKS

ASSETS = Path(__file__).resolve().parent.parent / "assets"
PACKAGE = ASSETS.parent / "dilviz"
BOTH = ("diffusion", "cloning")
SHIPPED = {"fork": (*BOTH, "cloning-onestep", "mdn", "dagger"), "lander": BOTH, "fork-moving": BOTH}
# Beside them, in 16 bits: the fork's diffusion policy that predicts something else (lesson 03), and some that see more
# or less and look far ahead (lesson 06).
NAMED = {
    "diffusion-v": {"prediction_type": "v_prediction"},
    "diffusion-epsilon": {"prediction_type": "epsilon"},
    **{f"diffusion-obs{seen}": horizons.options(seen) for seen in horizons.SEEN},
}
EVALUATION = {"fork": range(5000), "lander": range(300), "fork-moving": range(5000)}
SEEDS = range(5)  # of training, for every comparison
# The comparison of lesson 00: name -> the options of `dilviz train fork`. (Those of lesson 03 are in prediction.py.)
TABLES = {
    "fork_learners": [
        {"policy": "diffusion", "steps": 8_000},
        *({"policy": p, "steps": s} for p in ("cloning", "cloning-onestep") for s in (8_000, 16_000, 64_000)),
    ],
}


def work():
    """The folder of trainings by this very code: other code trains anew."""
    sources = sorted(p for part in ("diffusion", "imitation", "envs") for p in (PACKAGE / part).glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [*sources, PACKAGE / "tasks.py"]))
    return data_folder() / "assets" / digest.hexdigest()[:12]


def trained(task, policy, seed=0, **changes):
    """Trains, or goes on, or finds it done; returns the folder and what `dilviz train` says."""
    words = [task, policy, f"seed{seed}", *(f"{name}{value}" for name, value in changes.items())]
    folder = work() / "-".join(words)
    report = folder / f"{WEIGHTS}.json"
    if not report.exists():
        made = train(task, policy, str(folder), seed=seed, resume=True, checkpoint_every=5000, **changes)
        if made["resumed_from"] is not None:
            made["cpu_s"] = None  # of the last part alone
        write_whole(report, json.dumps(made).encode())
    return folder, json.loads(report.read_bytes())


def kept(report, *dropped):
    """What of a report belongs into a file: no single episode, no place, nothing of how the run went."""
    dropped = ("episodes", "checkpoint", "device", "resumed_from", *dropped)
    return {name: value for name, value in report.items() if name not in dropped}


def write_json(path, content):
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
    print(f"{path.relative_to(ASSETS.parent)}")


def write_checkpoint(task, policy, expert, name=None, **changes):
    folder, made = trained(task, policy, **changes)
    target = ASSETS / "checkpoints" / f"{task}-{name or policy}"
    target.mkdir(parents=True, exist_ok=True)
    (halve if name else shutil.copy)(folder / WEIGHTS, target / WEIGHTS)
    seeds = EVALUATION[task]
    report = evaluate(str(target), list(seeds))
    paired = np.subtract(*([episode["return"] for episode in of["episodes"]] for of in (report, expert)))
    recipe = dataclasses.asdict(dataclasses.replace(TASKS[task].recipe, **changes))
    what = f"{target.relative_to(ASSETS.parent)}" if name else f"{task}:{policy}"
    options = "".join(f" --{name.replace('_', '-')} {value}" for name, value in changes.items())
    card = {
        "command": f"dilviz train {task} --policy {policy} --seed 0{options}",
        "dilviz": __version__,
        "torch": torch.__version__.partition("+")[0],
        "recipe": recipe,
        "train": kept(made),
        "evaluate": {"command": f"dilviz evaluate {what} --seeds 0:{len(seeds)}", **kept(report)},
        "return_minus_expert": round(float(paired.mean()), 4) + 0.0,
        "expert_success_rate": expert["success_rate"],
    }
    write_json(target / "card.json", card)


def halve(source, target):
    """The same policy with weights of 16 bits; once read, they are of 32 again."""
    tensors = {n: t.half() if n.startswith("network.") else t for n, t in read_checkpoint(source).items()}
    write_checkpoint_file(target, tensors, read_recipe(source))


def write_table(name, variants, seeds=range(5000, 6000)):
    rows = []
    for variant in variants:
        for seed in SEEDS:
            folder, made = trained("fork", seed=seed, **variant)
            report = kept(evaluate(str(folder), list(seeds)))
            rows.append(
                variant | kept(made, "cpu_s") | {n: report[n] for n in ("n", "successes", "success_rate", "modes")}
            )
            print(name, variant, f"seed {seed}: {report['success_rate']:.1%}", flush=True)
    write_rows(name, "results", rows, seeds)


def write_rows(name, part, rows, seeds):
    command = f"make assets ARGS={part}; evaluated on seeds {seeds[0]}:{seeds[-1] + 1}"
    write_json(ASSETS / "results" / f"{name}.json", {"command": command, "rows": rows})


def main(*parts):
    torch.set_num_threads(1)
    if "checkpoints" in parts or not parts:
        for task, seeds in EVALUATION.items():
            expert = evaluate(f"expert:{task}", list(seeds))
            for policy in SHIPPED[task]:
                write_checkpoint(task, policy, expert)
            for name, changes in NAMED.items() if task == "fork" else ():
                write_checkpoint(task, "diffusion", expert, name, **changes)
    if "results" in parts or not parts:
        for name, variants in TABLES.items():
            write_table(name, variants)
    if "prediction" in parts or not parts:
        seeds = range(5000, 6000)
        for name, rows in prediction.tables(trained, work(), SEEDS, seeds).items():
            write_rows(name, "prediction", list(rows()), seeds)
    if "horizons" in parts or not parts:
        seeds = range(5000, 5500)
        write_rows("fork_horizons", "horizons", list(horizons.rows(trained, SEEDS, seeds)), seeds)
    if "lander" in parts or not parts:
        seeds = range(5000, 5200)
        write_rows("lander_chunks", "lander", list(lander.rows(trained, SEEDS, seeds)), seeds)
    if "latency" in parts:
        about = {"command": "dilviz bench latency --json", "torch": torch.__version__.partition("+")[0], "threads": 1}
        write_json(ASSETS / "results" / "latency.json", about | {"rows": latency()})
    if "ladder" in parts:
        write_json(ASSETS / "results" / "fit_ladder.json", stored())


if __name__ == "__main__":
    main(*sys.argv[1:])
