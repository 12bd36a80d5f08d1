"""`dilviz compare`: a row a training, nothing lost, nothing mixed, here and on a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from dilviz.cli import main
from dilviz.comparison import FILE, Job, run
from dilviz.imitation.intervals import wilson
from dilviz.imitation.rows import comparison_text
from dilviz.tasks import TASKS
from tests.lessons import ROOT

QUICK = "compare fork --policies lookup,cloning-onestep --demos 4,6 --train-seeds 0:2 --eval-seeds 0:20 --steps 20"
KEY = ("policy", "demos", "train_seed")
KEPT = Path("c", FILE)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def dilviz(arguments, capsys, status=0):
    got = main(arguments.split())
    out, err = capsys.readouterr()
    assert got == status, err
    return json.loads(out) if status == 0 else err


def keys(rows):
    return [tuple(row[key] for key in KEY) for row in rows]


ALL = [(p, d, s) for d in (4, 6) for p in ("lookup", "cloning-onestep") for s in (0, 1)]
# What a machine's clock decides.
TIMES = ("cpu_s", "latency_ms")


def plain(rows):
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]


def test_there_is_one_row_a_training(capsys):
    result = dilviz(f"{QUICK} --out c --jobs 2 --json", capsys)
    assert keys(result["rows"]) == ALL
    for row in result["rows"]:
        assert row["n"] == 20 and row["successes"] == sum(row["modes"].values())
        assert row["gradient_steps"] == (0 if row["policy"] == "lookup" else 20)
        assert 0 < row["state_coverage"] <= 1 and row["action_entropy"] == 0 and row["latency_ms"] > 0
    kept = json.loads(KEPT.read_text())
    assert sorted(keys(kept["rows"])) == sorted(ALL) and kept["recipe"]["steps"] == 20


def test_a_row_says_the_same_wherever_it_is_made(capsys):
    rows = dilviz(f"{QUICK} --jobs 2 --json", capsys)["rows"]
    demonstrations = TASKS["fork"].demonstrations(6).sha256
    alone = run(Job("fork", "cloning-onestep", 6, demonstrations, 1, tuple(range(20)), 20))
    assert plain([alone]) == plain([row for row in rows if keys([row]) == [("cloning-onestep", 6, 1)]])


def test_what_is_there_is_not_done_again(capsys):
    first = dilviz(f"{QUICK.replace('4,6', '4')} --out c --json", capsys)
    again = dilviz(f"{QUICK} --out c --resume --json", capsys)
    assert keys(again["rows"]) == ALL
    assert again["rows"][:4] == first["rows"]  # times and all: the very same rows


def test_an_interrupted_comparison_keeps_its_rows_and_goes_on(capsys):
    command = [
        sys.executable,
        "-m",
        "dilviz",
        *QUICK.replace("train-seeds 0:2", "train-seeds 0:40").split(),
        "--jobs",
        "1",
        "--out",
        "c",
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for _ in range(5):
        assert "of 160: " in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    running.stderr.close()
    kept = json.loads(KEPT.read_text())["rows"]
    assert 5 <= len(kept) < 160
    resumed = dilviz(f"{QUICK} --out c --resume --json", capsys)
    assert keys(resumed["rows"]) == ALL
    held = json.loads(KEPT.read_text())["rows"]
    assert held[: len(kept)] == kept and len(set(keys(held))) == len(held)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "is cut short or no comparison"),
        (lambda text: "{}", "is cut short or no comparison"),
        (lambda text: text.replace('"successes"', '"sucesses"'), "a row lacks something"),
        (lambda text: json.dumps(json.loads(text) | {"recipe_sha256": "0"}), "rows of another task, recipe"),
    ],
)
def test_a_file_that_is_not_whole_or_of_another_recipe_is_left_alone(change, says, capsys):
    dilviz(f"{QUICK} --out c --json", capsys)
    broken = change(KEPT.read_text())
    KEPT.write_text(broken)
    said = dilviz(f"{QUICK} --out c --resume", capsys, status=2)
    assert says in said and said.count("\n") == 1
    assert KEPT.read_text() == broken
    assert os.listdir("c") == [FILE]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (f"{QUICK} --out c", "holds a comparison already; --resume goes on with it, --force replaces it"),
        (f"{QUICK.replace('0:20', '0:30')} --out c --resume", "other evaluation seeds"),
        (f"{QUICK.replace('steps 20', 'steps 30')} --out c --resume", "another task, recipe"),
        (QUICK.replace("lookup,", "lookup,lookup,"), "give at least one, each once"),
        (QUICK.replace("lookup,", "telepathy,"), "policy 'telepathy' is unknown"),
        (QUICK.replace("4,6", "0"), "demos is 0"),
        (QUICK.replace("steps 20", "steps 0"), "steps is 0"),
        (f"{QUICK} --jobs 0", "--jobs is 0; give 1 or more"),
        (f"{QUICK} --resume", "--resume and --force mean a folder; name it with --out"),
        (f"{QUICK} --backend dask", "--backend dask and --scheduler ADDRESS belong together"),
        (f"{QUICK} --scheduler tcp://127.0.0.1:1", "--backend dask and --scheduler ADDRESS belong together"),
        (f"{QUICK} --backend slurm", "--backend slurm is unknown; take local or dask"),
        (f"{QUICK} --backend dask --scheduler nowhere", "no scheduler of Dask answers at nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(command, says, capsys):
    dilviz(f"{QUICK} --out c --json", capsys)
    before = KEPT.read_text()
    said = dilviz(command, capsys, status=2)
    assert says in said and said.count("\n") == 1
    assert KEPT.read_text() == before and os.listdir() == ["c"]


def test_rows_of_other_demonstrations_are_not_mixed_in(capsys):
    dilviz(f"{QUICK} --out c --json", capsys)
    content = json.loads(KEPT.read_text())
    content["rows"][0]["data_sha256"] = "0"
    KEPT.write_text(json.dumps(content))
    assert "holds rows of other demonstrations" in dilviz(f"{QUICK} --out c --resume", capsys, status=2)


def test_the_table_gives_means_and_intervals_over_training_seeds(capsys):
    rows = dilviz(f"{QUICK} --json", capsys)["rows"]
    lines = comparison_text(rows).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["4", "lookup"], ["4", "cloning-onestep"], ["6", "lookup"], ["6", "cloning-onestep"]
    ]  # fmt: skip
    rates = [row["success_rate"] for row in rows[:2]]
    assert f"{sum(rates) / 2:.1%}" in lines[1]


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own."""
    started = []

    def start(*arguments):
        module = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(module, cwd=tmp_path, **quiet))
        return started[-1]

    file = tmp_path / "scheduler.json"
    start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file), "--no-dashboard")
    for _ in range(200):
        if file.exists() and file.stat().st_size:
            break
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    # No nanny: a worker that is killed stays dead.
    workers = [
        start("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name) for name in "ab"
    ]
    yield address, workers
    for process in started[::-1]:
        process.kill()
        process.wait()


def test_a_cluster_that_loses_a_worker_loses_no_row_and_doubles_none(cluster, capsys, tmp_path):
    address, workers = cluster
    command = QUICK.replace("train-seeds 0:2", "train-seeds 0:12").replace("steps 20", "steps 200")
    asked = [sys.executable, "-m", "dilviz", *command.split(), "--backend", "dask", "--scheduler", address]
    running = subprocess.Popen([*asked, "--out", "c"], stderr=subprocess.PIPE, text=True)
    for _ in range(6):
        line = running.stderr.readline()
        assert "of 48: " in line, line + running.stderr.read()
    workers[0].kill()  # in the middle of a row
    said = running.stderr.read()
    assert running.wait(timeout=120) == 0, said
    running.stderr.close()
    kept = json.loads(KEPT.read_text())["rows"]
    assert len(kept) == len(set(keys(kept))) == 48
    here = dilviz(f"{command} --json", capsys)["rows"]
    by_key = {keys([row])[0]: row for row in kept}
    assert plain(here) == plain([by_key[key] for key in keys(here)])


def test_the_cheapest_stored_row_comes_out_again():
    stored = json.loads((ROOT / "assets" / "results" / "compare_fork.json").read_text())
    (row,) = [r for r in stored["rows"] if (r["policy"], r["demos"], r["train_seed"]) == ("lookup", 10, 0)]
    first, last, count = stored["eval_seeds"]
    again = run(Job("fork", "lookup", 10, TASKS["fork"].demonstrations(10).sha256, 0, tuple(range(first, last + 1))))
    low, high = wilson(row["successes"], row["n"])
    assert again["n"] == row["n"] == count and low <= again["success_rate"] <= high


@pytest.mark.parametrize("name", ["compare_fork", "compare_fork_4000", "compare_fork_16000"])
def test_stored_comparisons_are_whole_and_say_how_they_were_made(name):
    stored = json.loads((ROOT / "assets" / "results" / f"{name}.json").read_text())
    assert stored["commit"] and len(stored["recipe_sha256"]) == 64
    assert all(command.startswith("dilviz compare fork ") and "/" not in command for command in stored["commands"])
    assert len(set(keys(stored["rows"]))) == len(stored["rows"])
    groups = Counter((row["policy"], row["demos"]) for row in stored["rows"] if row["policy"] != "diffusion-unet")
    assert set(groups.values()) == {5}  # training seeds
