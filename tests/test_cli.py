"""The command, as a person types it: results on stdout, one sentence on stderr, the exit status."""

import json
import os
import subprocess
import sys

import pytest

from dilviz.cli import main

COMMON = {"command", "dilviz", "torch", "device", "threads", "wall_s"}
TRAIN = "train lander --policy diffusion --demos 3 --steps 60 --seed 11"


def dilviz(arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "dilviz", *arguments.split()],
        cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    done = dilviz(f"{TRAIN} --out policy --json", folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_train_says_what_it_did(trained):
    folder, result = trained
    expected = "checkpoint task policy demos data_sha256 steps seed params loss cpu_s resumed_from"
    assert COMMON | set(expected.split()) == set(result)
    assert (result["task"], result["demos"], result["steps"], result["seed"]) == ("lander", 3, 60, 11)
    assert sorted(p.name for p in (folder / "policy").iterdir()) == ["policy.safetensors", "training.safetensors"]


def test_evaluate_counts_and_writes(trained):
    folder, _ = trained
    done = dilviz("evaluate policy --seeds 7,11,13 --num-inference-steps 3 --json --out result.json", folder)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    expected = "task policy checkpoint_sha256 train_seed n successes success_rate success_ci95 return_mean return_ci95"
    assert set(result) == COMMON | set(f"{expected} modes latency_ms episodes".split())
    assert [episode["seed"] for episode in result["episodes"]] == [7, 11, 13]
    assert result["n"] == 3 and result["train_seed"] == 11
    assert result["successes"] == sum(episode["success"] for episode in result["episodes"])
    assert json.loads((folder / "result.json").read_text())["episodes"] == result["episodes"]


def test_the_expert_lands(tmp_path):
    done = dilviz("evaluate expert:lander --seeds 100:110 --json", tmp_path)
    result = json.loads(done.stdout)
    assert result["policy"] == "expert" and result["successes"] >= 9


def test_a_second_training_equals_the_first(trained):
    folder, first = trained
    second = dilviz(f"{TRAIN} --out again --json", folder)
    assert json.loads(second.stdout)["loss"] == first["loss"]
    assert (folder / "again/training.safetensors").read_bytes() == (folder / "policy/training.safetensors").read_bytes()


def test_tasks_lists_what_there_is(tmp_path):
    result = json.loads(dilviz("tasks --json", tmp_path).stdout)
    keys = "name env_id observation_dim action_dim max_steps expert success modes extra available"
    assert all(set(task) == set(keys.split()) for task in result["tasks"])
    assert "lander" in {task["name"] for task in result["tasks"]}


BAD = {
    "train moon --out x": "task 'moon' is unknown",
    "train lander --policy gan --out x": "policy 'gan' is unknown",
    "train lander --steps -5 --demos 2 --out x": "steps is -5",
    "train lander --demos 0 --out x": "demos is 0",
    "train lander --seed -1 --out x": "seed is -1",
    "train lander --pred-horizon 2 --out x": "pred_horizon is 2",
    "train lander --prediction-type score --demos 2 --out x": "prediction_type 'score' is unknown",
    "train lander --device tpu9 --out x": "device 'tpu9'",
    "train lander --out file/x": "cannot be written",
    "train lander --out file": "is a file",
    "train lander --out other": "holds other things (thesis.txt)",
    "train lander --out x --resume --force": "give one of the two",
    "train lander": "required: --out",
    "evaluate x --seeds 0:3": "is no policy",
    "evaluate lander:gan --seeds 0:3": "policy 'gan' is unknown",
    "evaluate expert:moon --seeds 0:3": "task 'moon' is unknown",
    "evaluate expert:lander --seeds 5:2": "seeds '5:2' cannot be read",
    "evaluate expert:lander --seeds 1,1": "seeds '1,1' cannot be read",
    "evaluate expert:lander --seeds=-3:2": "leave 0 to 2147483647",
    "evaluate expert:lander --seeds one": "seeds 'one' cannot be read",
    "evaluate expert:lander --seeds 1:2:3": "seeds '1:2:3' cannot be read",
    "evaluate expert:lander --seeds 0:999999999999999999999": "100000 at most",
    "evaluate expert:lander --seeds 2147483648": "belong to demonstrations",
    "evaluate expert:lander --seeds 0:2 --out file": "is no result of evaluate",
    "evaluate expert:lander --seed 0:2": "required: --seeds",
    "train lander --seed 99999999999999999999999 --out x": "seed is 99999999999999999999999",
    "train lander --pred-horizon 100000000 --out x": "an episode of lander has at most 1000 steps",
    "train lander --device meta --out x": "device 'meta' computes nothing",
    "evaluate expert:lander --seeds 0:2 --eta 0.5": "no diffusion policy",
    "evaluate expert:lander --seeds 0:2 --out file/x": "file/x cannot be written",
    "train --out x": "name a task or, with --dataset, a Minari data set",
    "train fork --dataset a/b-v0 --out x": "one of the two",
    "train --dataset nobody/none-v0 --out x": "nobody/none-v0",
    "train fork --policy cloning --prediction-type epsilon --out x": "policy cloning has no prediction_type",
    "train fork --policy cloning-onestep --action-horizon 2 --out x": "policy cloning-onestep has no action_horizon",
    "train fork --pred-horizon 61 --out x": "an episode of fork has at most 60 steps",
    "evaluate fork:cloning --seeds 0:2 --eta 0.5": "fork:cloning is no diffusion policy, so it has no eta",
    "train fork --width 0 --out x": "width is 0; give 1 to 8192",
    "train fork --width 100000000 --out x": "width is 100000000; give 1 to 8192",
    "train fork --policy lookup --width 8 --out x": "policy lookup has no width",
    "evaluate fork:cloning --seeds 0:2 --action-horizon 9": "pred_horizon is 8",
    "evaluate fork:cloning --seeds 0:2 --delay 4": "delay is 4; give 0 to 3",
    "evaluate fork:cloning --seeds 0:2 --delay -1": "delay is -1; give 0 to 3",
    "evaluate expert:fork --seeds 0:2 --delay 1": "so it has no delay",
    "evaluate nosuch --seeds 0:2 --out new/deep/r.json": "'nosuch' is no policy",
    "evaluate expert:fork --seeds 0:2 --eta 1 --out new/r.json": "no diffusion policy",
    "evaluate expert:fork --seeds 0:2 --out list": "is no result of evaluate",
    "evaluate expert:fork --seeds 0:2 --out five": "is no result of evaluate",
    "evaluate expert:fork --seeds 0:2 --out /dev/full": "is no result of evaluate",
    "evaluate expert:fork --seeds 0:2 --out other": "cannot be written",
    "evaluate fork:lookup --seeds 0:2": "no fork:lookup comes with the course; there are fork",
    "train fork --policy cloning-onestep --obs-horizon 61 --out x": "take smaller horizons",
    "bench gpu": "bench 'gpu' is unknown",
    "lab --lesson 77": "lesson",
    "embed": "required: DEMO",
    "embed moon --out x.html": "demo 'moon' is unknown",
    "embed noising": "give --out FILE or --hugo SITE",
    "embed noising --out x.pdf": "ends in no .html and no .js",
    "embed noising --out file/x.html": "there is no folder file",
    "embed noising --hugo other": "holds no hugo.toml",
    "embed noising --checkpoint file --out x.html": "takes no policy",
    "embed fork --checkpoint file --out x.html": "file cannot be read as a checkpoint",
    "fly": "invalid choice: 'fly'",
    "": "COMMAND",
}


@pytest.mark.parametrize("arguments", BAD, ids=lambda a: a or "nothing")
def test_bad_input_is_one_sentence_and_nothing_is_written(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "list").write_text('["success_rate", "episodes"]')
    (tmp_path / "five").write_text("5")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    status = main(arguments.split())
    out, err = capsys.readouterr()
    assert status == 2, err
    assert BAD[arguments] in err
    assert err.startswith("dilviz: ") and err.count("\n") == 1 and out == ""
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "file").read_text() == "mine"


def test_debug_shows_where_bad_input_was_noticed(tmp_path):
    done = dilviz("train moon --out x --debug", tmp_path)
    assert done.returncode == 2 and "Traceback" in done.stderr and "task 'moon' is unknown" in done.stderr


def test_a_missing_extra_is_named_with_exit_3(tmp_path):
    script = "import sys; sys.modules['Box2D'] = None; from dilviz.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, "evaluate", "expert:lander", "--seeds", "0:2"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "gymnasium[box2d]" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("damage", ["truncated", "foreign", "other"])
def test_a_checkpoint_that_is_not_one_is_named(damage, trained, tmp_path):
    folder, _ = trained
    data = (folder / "policy/policy.safetensors").read_bytes()
    bad = tmp_path / "bad"
    bad.mkdir()
    content = {"truncated": data[: len(data) // 2], "foreign": b"hello", "other": data}[damage]
    (bad / "policy.safetensors").write_bytes(content)
    (bad / "training.safetensors").write_bytes(content)
    if damage != "other":
        done = dilviz("evaluate bad --seeds 0:2", tmp_path)
        assert done.returncode == 2 and "bad/policy.safetensors" in done.stderr and done.stderr.count("\n") == 1
    done = dilviz(f"{TRAIN} --out bad --resume", tmp_path)
    assert done.returncode == 2 and "bad/training.safetensors" in done.stderr and done.stderr.count("\n") == 1
    assert (bad / "policy.safetensors").read_bytes() == content


def test_a_training_in_the_way_is_kept_unless_force_replaces_it(trained):
    folder, _ = trained
    before = (folder / "policy/policy.safetensors").read_bytes()
    assert dilviz(f"{TRAIN} --out policy", folder).returncode == 2
    assert "steps" in dilviz("train lander --demos 3 --steps 61 --seed 11 --out policy --resume", folder).stderr
    assert (folder / "policy/policy.safetensors").read_bytes() == before
    again = dilviz(f"{TRAIN} --out policy --resume --json", folder)
    assert json.loads(again.stdout)["resumed_from"] == 60
    assert dilviz(f"{TRAIN} --out policy --force".replace("11", "12"), folder).returncode == 0
    assert (folder / "policy/policy.safetensors").read_bytes() != before


def test_an_empty_name_and_an_endless_one_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, words in {"": "--out is empty", "x" * 300: "cannot be written"}.items():
        assert main(["train", "lander", "--demos", "1", "--out", name]) == 2
        assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_options_stand_before_the_command_or_after_it(tmp_path, capsys):
    assert main(["--json", "tasks"]) == 0
    assert json.loads(capsys.readouterr().out)["command"] == "tasks"


def test_a_reader_that_goes_away_is_no_failure(tmp_path):
    pipe = f"{sys.executable} -m dilviz tasks --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipe], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "0"
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")
def test_a_second_training_in_one_folder_is_refused(trained, capsys):
    import fcntl

    folder, _ = trained
    handle = os.open(folder / "policy", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    before = (folder / "policy/policy.safetensors").read_bytes()
    assert main([*TRAIN.split(), "--out", str(folder / "policy"), "--force"]) == 2
    assert "another training writes to" in capsys.readouterr().err
    os.close(handle)
    assert (folder / "policy/policy.safetensors").read_bytes() == before


def test_a_device_that_is_not_there_is_named_with_its_variable(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DILVIZ_DEVICE", "foo")
    assert main(["train", "lander", "--demos", "1", "--out", str(tmp_path / "x")]) == 2
    assert "'foo' (named by DILVIZ_DEVICE)" in capsys.readouterr().err
    assert main(["doctor", "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["checks"]


def test_a_result_replaces_an_older_result_only(trained, monkeypatch, capsys):
    folder, _ = trained
    monkeypatch.chdir(folder)
    before = (folder / "policy/policy.safetensors").read_bytes()
    command = "evaluate policy --seeds 0:1 --num-inference-steps 1 --out"
    assert main([*command.split(), "policy/policy.safetensors"]) == 2
    assert (folder / "policy/policy.safetensors").read_bytes() == before
    assert main([*command.split(), "twice.json"]) == 0
    assert main([*command.split(), "twice.json"]) == 0
