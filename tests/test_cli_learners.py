"""The command with every learner, with data sets, and with checkpoints that do not fit."""

import json

import gymnasium
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from dilviz.cli import main
from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_checkpoint
from dilviz.imitation.exchange import write_minari
from dilviz.imitation.learners import LEARNERS
from dilviz.tasks import TASKS

QUICK = "--demos 6 --steps 40 --seed 5 --device cpu --json"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path


def dilviz(arguments, capsys, status=0):
    got = main(arguments.split())
    out, err = capsys.readouterr()
    assert got == status, err
    return json.loads(out) if status == 0 else err


@pytest.mark.parametrize("task", ["fork", "fork-moving"])
@pytest.mark.parametrize("policy", LEARNERS)
def test_every_learner_is_trained_and_evaluated(task, policy, capsys):
    trains = "steps" in LEARNERS[policy].uses
    options = QUICK if trains else QUICK.replace("--steps 40", "")
    made = dilviz(f"train {task} --policy {policy} --out mine {options}", capsys)
    steps = 40 if trains else 0
    assert (made["task"], made["policy"], made["demos"], made["steps"]) == (task, policy, 6, steps)
    found = dilviz("evaluate mine --seeds 3,99,123456 --json", capsys)
    assert (found["task"], found["policy"], found["train_seed"], found["n"]) == (task, policy, 5, 3)
    assert found["successes"] == sum(found["modes"].values())
    assert [e["seed"] for e in found["episodes"]] == [3, 99, 123456]


def test_what_is_shipped_is_evaluated_by_its_name(capsys):
    found = dilviz("evaluate fork:diffusion --seeds 31337:31437 --json", capsys)
    assert found["success_rate"] >= 0.95 and found["modes"].keys() == {"left", "right"}
    found = dilviz("evaluate fork:cloning --seeds 31337:31437 --json", capsys)
    assert found["success_rate"] <= 0.1
    found = dilviz("evaluate expert:fork-moving --seeds 31337:31437 --json", capsys)
    assert found["policy"] == "expert" and found["success_rate"] >= 0.97


@pytest.mark.parametrize("sampler", ["ddpm", "ddim --eta 1", "dpm_solver"])
def test_a_diffusion_policy_acts_with_every_sampler(sampler, capsys):
    found = dilviz(f"evaluate fork:diffusion --seeds 0:100 --sampler {sampler} --num-inference-steps 20 --json", capsys)
    assert found["success_rate"] >= 0.9


def test_a_data_set_trains_a_policy_that_is_evaluated_on_its_environments_task(capsys):
    write_minari(TASKS["fork"].demonstrations(6), "here/fork-v0", TASKS["fork"].env_id)
    from_set = dilviz(f"train --dataset here/fork-v0 --out a {QUICK}", capsys)
    from_task = dilviz(f"train fork --out b {QUICK}", capsys)
    assert from_set["data_sha256"] == from_task["data_sha256"]
    assert dilviz("evaluate a --seeds 0:3 --json", capsys)["task"] == "fork"


def record(env, dataset_id, episodes):
    """A data set from elsewhere: nothing in it names a task of ours."""
    buffers = []
    for seed in range(episodes):
        seen, actions, rewards, ends = [env.reset(seed=seed)[0]], [], [], []
        while not ends or not (ends[-1][0] or ends[-1][1]):
            actions.append(env.action_space.sample())
            observed, reward, *end, _ = env.step(actions[-1])
            seen.append(observed), rewards.append(reward), ends.append(end)
        terminated, truncated = zip(*ends, strict=True)
        buffers.append(
            EpisodeBuffer(
                observations=np.array(seen), actions=np.array(actions), rewards=rewards,
                terminations=list(terminated), truncations=list(truncated),
            )
        )  # fmt: skip
    minari.create_dataset_from_buffers(dataset_id, buffers, env=env)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Minari asks for an author, an address and so on
@pytest.mark.parametrize(
    ("env_id", "options", "task"),
    [
        ("LunarLander-v3", {"continuous": True}, "lander"),  # the lander by its other name
        ("dilviz/Fork-v0", {}, "fork"),
        ("dilviz/Fork-v0", {"tree": [0.2, 0.5], "radius": 0.05}, None),  # another world
    ],
)
def test_a_data_set_from_elsewhere_is_evaluated_in_its_own_world_or_not_at_all(env_id, options, task, capsys):
    record(gymnasium.make(env_id, **options), "else/where-v0", 3)
    dilviz("train --dataset else/where-v0 --out a --steps 3 --device cpu --json", capsys)
    minari.delete_dataset("else/where-v0")  # the policy knows where it comes from
    capsys.readouterr()  # Minari says so on stdout
    if task:
        assert dilviz("evaluate a --seeds 0:2 --json", capsys)["task"] == task
    else:
        assert "is no task of dilviz" in dilviz("evaluate a --seeds 0:2", capsys, status=2)


def test_all_of_a_data_set_is_taken_where_no_number_is_given(capsys):
    write_minari(TASKS["fork"].demonstrations(5), "here/fork-v0", TASKS["fork"].env_id)
    command = "train --dataset here/fork-v0 --out a --steps 5 --device cpu --json"
    assert dilviz(command, capsys)["demos"] == 5
    assert "61" in dilviz(f"{command} --pred-horizon 61 --force", capsys, status=2)


def test_going_on_with_other_data_or_another_learner_is_refused(capsys):
    dilviz(f"train fork --out mine {QUICK}", capsys)
    write_minari(TASKS["lander"].demonstrations(2), "here/lander-v0", TASKS["lander"].env_id)
    other = "--steps 40 --seed 5 --device cpu --resume"
    assert "mine/training.safetensors was made with" in dilviz(
        f"train --dataset here/lander-v0 --out mine {other}", capsys, status=2
    )
    assert "other data" in dilviz(f"train fork --demos 7 --out mine {other}", capsys, status=2)
    assert "was made with" in dilviz(f"train fork --policy cloning --demos 6 --out mine {other}", capsys, status=2)


def test_a_checkpoint_that_meets_other_shapes_is_named(elsewhere, capsys):
    dilviz(f"train fork --out mine {QUICK}", capsys)
    path = elsewhere / "mine" / "policy.safetensors"
    write_checkpoint(path, read_checkpoint(path), read_recipe(path) | {"task": "lander"})
    said = dilviz("evaluate mine --seeds 0:2", capsys, status=2)
    assert "mine sees 2 numbers and gives 2, but task 'lander' has 8 and 2" in said and said.count("\n") == 1


def test_a_kind_that_nobody_knows_is_named(elsewhere, capsys):
    dilviz(f"train fork --out mine {QUICK}", capsys)
    path = elsewhere / "mine" / "policy.safetensors"
    write_checkpoint(path, read_checkpoint(path), read_recipe(path) | {"kind": "oracle"})
    assert "'oracle'" in dilviz("evaluate mine --seeds 0:2", capsys, status=2)


def test_an_episode_of_many_is_the_same_alone(capsys):
    together = dilviz("evaluate fork:diffusion --seeds 9000:9020 --json", capsys)["episodes"]
    alone = [dilviz(f"evaluate fork:diffusion --seeds {seed} --json", capsys)["episodes"][0] for seed in (9003, 9017)]
    assert [together[3]["mode"], together[17]["mode"]] == [one["mode"] for one in alone]


def test_what_is_reported_is_the_mean_and_options_count(capsys):
    command = "evaluate fork:diffusion --seeds 400:420 --json"
    found = dilviz(command, capsys)
    assert found["return_mean"] == pytest.approx(sum(e["return"] for e in found["episodes"]) / 20)
    often = dilviz(f"{command} --action-horizon 1", capsys)
    assert [e["length"] for e in often["episodes"]] != [e["length"] for e in found["episodes"]]
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]
