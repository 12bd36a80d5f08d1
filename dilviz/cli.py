"""The `dilviz` command: reads arguments, calls `commands.py`, prints, and turns errors into one sentence.

Exit status: 0 done; 1 done, but a check or a bar failed; 2 bad input; 3 a missing extra; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import dilviz
from dilviz.errors import InputError, MissingExtra

Result = tuple[dict | None, int]


class _Parser(argparse.ArgumentParser):
    """Bad arguments are bad input like any other: one sentence, exit 2."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[0].upper()}{message[1:]}; `{self.prog} --help` lists what there is.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: as typed after `dilviz`; None for the process's own.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        print("dilviz: interrupted.", file=sys.stderr)
        return 130
    except (InputError, MissingExtra) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        print(f"dilviz: {error}", file=sys.stderr)
        return 3 if isinstance(error, MissingExtra) else 2


def _run(options: argparse.Namespace) -> int:
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)  # small networks lose by a second, and one gives the same bits on every run
    from dilviz.commands import environment
    from dilviz.diffusion import TrainingDiverged

    started = time.perf_counter()
    values = vars(options)
    call, show = values.pop("call"), values.pop("show")
    as_json, command = values.pop("json", False), values.pop("command")
    values.pop("debug", None)
    try:
        outcome, status = call(**values)
    except TrainingDiverged as error:
        print(f"dilviz: {error}", file=sys.stderr)
        return 1
    if outcome is None:
        return status
    first = {"command": command, "dilviz": dilviz.__version__} | environment()
    result = first | {"wall_s": round(time.perf_counter() - started, 2)} | outcome
    return _print(json.dumps(result) if as_json else show(result), status)


def _print(text: str, status: int) -> int:
    """Print the result; a reader that has gone (`| head -1`) is no failure, a full disk is."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
    except OSError as error:
        raise InputError(f"the result cannot be written to stdout ({error.strerror}).") from error
    return status


def _parser() -> _Parser:
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)  # before the command's name or after it
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    common.add_argument("--debug", action="store_true", help="show the traceback that bad input hides")
    parser = _Parser(prog="dilviz", description=dilviz.__doc__, parents=[common], allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"dilviz {dilviz.__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, call: Callable[..., Result], show: Callable[[dict], str], says: str) -> _Parser:
        sub = subparsers.add_parser(name, parents=[common], help=says, description=says, allow_abbrev=False)
        sub.set_defaults(call=call, show=show)
        return sub

    lab = add("lab", _lab, str, "open the course in JupyterLab")
    lab.add_argument("--lesson", metavar="NN", help="the lesson's number; the first one there is where not given")
    lab.add_argument("--no-browser", dest="browser", action="store_false", help="print the address only")
    lab.add_argument("--port", type=int, help="the first port to try")
    add("doctor", _doctor, _show_doctor, "say what is installed, what is missing, and how to mend it")
    add("tasks", _tasks, _show_tasks, "list the tasks")
    _add_train(add("train", _train, _show_train, "train a policy on an expert's demonstrations"))
    _add_evaluate(add("evaluate", _evaluate, _show_evaluate, "let a policy act and count its successes"))
    _add_compare(add("compare", _compare, _show_compare, "train every learner on the same demonstrations, and count"))
    bench = add("bench", _bench, _show_bench, "measure speed against the budgets")
    bench.add_argument("parts", nargs="*", metavar="core|fit|latency|ui|live", help="none named: all")
    bench.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    _add_embed(add("embed", _embed, _show_embed, "write a live demo as a file that a blog can show"))
    return parser


def _add_train(sub: _Parser) -> None:
    sub.add_argument("task", nargs="?", help="whose expert is recorded; `dilviz tasks` lists them")
    sub.add_argument("--dataset", metavar="ID", help="a Minari data set on this machine, in place of a task")
    sub.add_argument(
        "--policy",
        default="diffusion",
        help="diffusion, diffusion-unet, cloning, cloning-onestep, mdn, mdn-onestep, lookup or dagger",
    )
    sub.add_argument("--out", required=True, metavar="DIR", help="where the policy goes")
    numbers = "demos steps obs-horizon pred-horizon action-horizon width"
    for name in numbers.split():
        sub.add_argument(f"--{name}", type=int, metavar="N", help="the task's recipe where not given")
    sub.add_argument("--prediction-type", metavar="P", help="epsilon, sample or v_prediction")
    sub.add_argument("--seed", type=int, default=0, metavar="S")
    sub.add_argument("--checkpoint-every", type=int, metavar="K", help="steps between checkpoints")
    sub.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    sub.add_argument("--force", action="store_true", help="replace what is in DIR, once the new policy is whole")
    sub.add_argument("--device", default="auto", metavar="D")


def _add_evaluate(sub: _Parser) -> None:
    sub.add_argument("what", metavar="CHECKPOINT|TASK:POLICY|expert:TASK")
    sub.add_argument("--seeds", required=True, metavar="A:B|7,11,13")
    sub.add_argument("--sampler", help="ddpm, ddim or dpm_solver")
    sub.add_argument("--num-inference-steps", type=int, metavar="N")
    sub.add_argument("--eta", type=float, metavar="E")
    sub.add_argument("--action-horizon", type=int, metavar="N")
    sub.add_argument("--delay", type=int, metavar="N", help="steps that pass while it decides")
    sub.add_argument("--out", metavar="FILE", help="write the result there too")


def _add_compare(sub: _Parser) -> None:
    sub.add_argument("task", help="`dilviz tasks` lists them")
    sub.add_argument("--policies", metavar="A,B", help="all but diffusion-unet where not given")
    sub.add_argument("--demos", metavar="5,50", help="numbers of demonstrations; the task's own where not given")
    sub.add_argument("--train-seeds", default="0:5", metavar="A:B|0,1,2")
    sub.add_argument("--eval-seeds", default="0:200", metavar="A:B|7,11,13")
    sub.add_argument("--steps", type=int, metavar="N", help="the task's recipe where not given")
    sub.add_argument("--out", metavar="DIR", help="keep each row there as soon as it is there")
    sub.add_argument("--resume", action="store_true", help="go on with the rows in DIR")
    sub.add_argument("--force", action="store_true", help="replace the rows in DIR")
    sub.add_argument("--backend", default="local", help="local, or dask with --scheduler")
    sub.add_argument("--scheduler", metavar="ADDRESS", help="of Dask, such as tcp://192.0.2.1:8786")
    sub.add_argument("--jobs", type=int, metavar="N", help="trainings at a time on this machine; one a core")


def _add_embed(sub: _Parser) -> None:
    sub.add_argument("demo", metavar="DEMO", help="denoising, fork, noising or player")
    sub.add_argument("--out", metavar="FILE", help="x.html is a page that needs nothing else, x.js the bare module")
    sub.add_argument("--hugo", metavar="SITE", help="write the shortcode and the page into a Hugo site instead")
    sub.add_argument("--checkpoint", metavar="C", help="a policy of your own: a folder that train made, or its file")
    sub.add_argument("--caption", metavar="T", help="plain text below the demo")


def _lab(**options: Any) -> Result:
    from dilviz.lab import lab

    return None, lab(**options)


def _doctor() -> Result:
    from dilviz.doctor import doctor

    found = doctor()
    return found, 0 if found["ok"] else 1


def _tasks() -> Result:
    from dilviz import commands

    return commands.tasks(), 0


def _train(**options: Any) -> Result:
    from dilviz import commands

    return commands.train(**options), 0


def _evaluate(seeds: str, **options: Any) -> Result:
    from dilviz.evaluation import evaluate, parse_seeds

    return evaluate(seeds=parse_seeds(seeds), **options), 0


def _compare(
    task: str, policies: str | None, demos: str | None, train_seeds: str, eval_seeds: str, **options: Any
) -> Result:
    from dilviz.comparison import compare
    from dilviz.evaluation import parse_seeds

    names = policies.split(",") if policies is not None else None
    counts = parse_seeds(demos) if demos is not None else None
    return compare(task, names, counts, parse_seeds(train_seeds), parse_seeds(eval_seeds), **options), 0


def _bench(parts: list[str], check: bool) -> Result:
    from dilviz.bench import bench

    rows = bench(parts)
    return {"rows": rows}, int(check and not all(row["ok"] for row in rows))


def _embed(**options: Any) -> Result:
    from dilviz.show.embed import embed

    return embed(**options), 0


def _show_doctor(result: dict) -> str:
    from dilviz.doctor import doctor_text

    return doctor_text(result)


def _show_tasks(result: dict) -> str:
    return "\n".join(f"{task['name']:14} {task['env_id']:26} {task['success']}" for task in result["tasks"])


def _show_train(result: dict) -> str:
    loss = "" if result["loss"] is None else f"loss {result['loss']:.4g}, "
    return (
        f"{result['policy']} for {result['task']}: {result['demos']} demonstrations, {result['steps']} steps, "
        f"{loss}{result['cpu_s']:.0f} CPU-seconds; written to {result['checkpoint']}"
    )


def _show_evaluate(result: dict) -> str:
    low, high = result["success_ci95"]
    modes = "".join(f", {mode} {count}" for mode, count in result["modes"].items())
    return (
        f"{result['policy']} on {result['task']}: {result['successes']} of {result['n']} succeed "
        f"({result['success_rate']:.1%}, 95 % interval {low:.1%} to {high:.1%}){modes}; "
        f"mean return {result['return_mean']:.1f}; {result['latency_ms']['p50']:.1f} ms a chunk"
    )


def _show_compare(result: dict) -> str:
    from dilviz.imitation.rows import comparison_text

    return comparison_text(result["rows"])


def _show_embed(result: dict) -> str:
    said = f"{result['demo']}: {result['bytes'] / 1000:.0f} kB, written to {', '.join(result['files'])}; shown by"
    return "\n".join([said, *result["use"]])


def _show_bench(result: dict) -> str:
    lines = [f"{'what':32} {'batch':>5} {'ratio':>8} {'diffusers':>9} {'bar':>6}"]
    for row in result["rows"]:
        cells = [row["ratio"] if row["ratio"] is not None else row["p50"], row["ratio_diffusers"], row["bar"]]
        texts = ["—" if cell is None else f"{cell:.3g}" for cell in cells]
        verdict = "ok" if row["ok"] else "missed"
        batch = "" if row["batch"] is None else row["batch"]
        lines.append(f"{row['name']:32} {batch:>5} {texts[0]:>8} {texts[1]:>9} {texts[2]:>6}  {verdict}")
    return "\n".join(lines)
