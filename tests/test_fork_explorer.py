"""The fork's explorer shows what really happens: its walks are rollouts, its fan is what the walker samples."""

import json

import numpy as np
import pytest
import torch

from dilviz.assets import asset
from dilviz.course import results
from dilviz.course.bugs import BUGS
from dilviz.course.checkup import DoctorPanel
from dilviz.envs.fork import FORK, MAX_STEP
from dilviz.imitation import rollout
from dilviz.show.fork import walks_from
from dilviz.show.policy import LOOKS, STAGES, WALKERS, ForkExplorer, fork_data
from dilviz.show.walks import WalksExplorer
from dilviz.tasks import TASKS, shipped

STATE = {"seed": 3, "start": 0.5, "steps": 10, "time": 0}


@pytest.fixture(scope="module")
def policies():
    return shipped("fork", "diffusion"), shipped("fork", "cloning")


def at(policies, **changes):
    return fork_data(*policies, STATE | changes)


def test_the_walks_are_rollouts_from_that_start(policies):
    data = at(policies, start=0.46, seed=8)
    walks = walks_from(policies[0], 0.46, range(8, 8 + WALKERS))
    assert all(np.array_equal(a, walks.path(i)) for i, a in enumerate(data.walks))
    assert all(np.allclose(walk[0], [0.46, FORK.start[1]], atol=1e-6) for walk in data.walks)
    assert data.outcomes == list(walks.mode)


@pytest.mark.parametrize("look", [0, 1, 4, 7])
def test_the_chunk_that_is_shown_is_the_one_that_was_walked(policies, look):
    data = at(policies, time=look * STAGES + STAGES - 1)
    assert data.stage == 10
    walked = data.walks[0][4 * look : 4 * look + 5]
    assert np.allclose(data.fan[0][: len(walked)], walked, atol=1e-4)


def test_the_fan_starts_as_noise_and_comes_apart_into_both_sides(policies):
    noisy, clean = at(policies, time=0), at(policies, time=STAGES - 1)
    assert (noisy.stage, clean.stage) == (0, 10)
    ends = clean.sideways[-1]
    assert (np.abs(ends) > 0.08).mean() > 0.7 and (ends > 0.08).any() and (ends < -0.08).any()
    assert (np.abs(noisy.sideways[0]) > 0.08).mean() < 0.5
    steps = np.linalg.norm(np.diff(noisy.fan, axis=1), axis=-1)
    assert steps.max() <= MAX_STEP + 1e-6


def test_cloning_goes_between_and_into_the_tree(policies):
    data = at(policies)
    assert not data.cloned_ok and abs(data.cloned_sideways) < 0.05
    assert np.linalg.norm(data.cloned[-1] - FORK.tree) < FORK.radius + MAX_STEP


def test_time_stays_at_the_last_look_when_the_walk_is_over(policies):
    data = at(policies, time=LOOKS * STAGES - 1)
    assert data.look <= (len(data.walks[0]) - 2) // 4


def test_one_step_of_denoising_is_drawn_as_one(policies):
    data = at(policies, steps=1, time=STAGES - 1)
    assert data.stage == 1 and len(data.noise) == 2


def test_the_explorer_says_what_it_shows_and_restores_itself():
    explorer = ForkExplorer()
    text = repr(explorer)
    assert "24 walkers of the diffusion policy, seeds 3 to 26" in text and "Cloning runs into the tree" in text
    explorer.assign(time=40, seed=11, start=0.47, steps=3)
    assert repr(explorer) != text
    explorer.reset()
    assert repr(explorer) == text


def test_the_figure_has_the_same_traces_in_every_state():
    explorer = ForkExplorer()
    first = [trace.name for trace in explorer.figure.data]
    for changes in ({"time": 0}, {"time": 109}, {"steps": 20}, {"start": 0.55, "seed": 99}):
        explorer.assign(**changes)
        assert [trace.name for trace in explorer.figure.data] == first


def test_a_planted_bug_moves_your_walks_and_not_the_mystery():
    explorer = WalksExplorer((("unscaled_data", BUGS["unscaled_data"].planted),), BUGS["no_noise"].planted)
    before = [explorer.data.mystery.path(i) for i in range(3)]
    gap = explorer.data.gap
    assert (
        np.ptp([explorer.data.mystery.path(i)[10] for i in range(16)], axis=0).max() < 1e-4
    )  # no noise: one walk for all
    explorer.assign(bug="unscaled_data")
    assert all(np.array_equal(explorer.data.mystery.path(i), walk) for i, walk in enumerate(before))
    assert explorer.data.gap != gap and not explorer.data.yours.success.any()


@pytest.mark.parametrize("task", ["fork", "fork-moving", "lander"])
@pytest.mark.parametrize("policy", ["diffusion", "cloning"])
def test_a_shipped_policy_is_what_its_card_says(task, policy):
    card = results.card(task, policy)
    loaded = shipped(task, policy)
    params = sum(p.numel() for p in loaded.network.parameters())
    assert params == card["train"]["params"] and (task == "lander" or params <= 80_000)
    assert card["evaluate"]["task"] == task and card["train"]["policy"] == policy
    count = 40 if task == "lander" else 500
    walks = rollout(loaded, TASKS[task], range(700_000, 700_000 + count))
    spread = 3 * np.sqrt(0.25 / count)
    assert abs(walks.success.mean() - card["evaluate"]["success_rate"]) < spread


def test_what_ships_clears_its_bars_on_other_seeds():
    for task, least in (("fork", 0.97), ("fork-moving", 0.97)):
        walks = rollout(shipped(task, "diffusion"), TASKS[task], range(800_000, 801_000))
        assert walks.success.mean() >= least, task
        assert 0.43 < (walks.mode == "left").sum() / walks.success.sum() < 0.57
    walks = rollout(shipped("fork", "cloning"), TASKS["fork"], range(800_000, 800_200))
    assert walks.success.mean() <= 0.1


def test_the_data_that_a_card_names_is_recorded_again(policies):
    card = results.card("fork", "diffusion")
    assert TASKS["fork"].demonstrations(card["train"]["demos"]).sha256 == card["train"]["data_sha256"]


def test_a_table_is_printed_from_its_file(tmp_path, monkeypatch, capsys):
    rows = [{"policy": p, "success_rate": r, "n": 50} for p, r in (("a", 0.25), ("a", 0.75), ("b", 1.0))]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "toy.json").write_text(json.dumps({"command": "make toys", "rows": rows}))
    monkeypatch.setenv("DILVIZ_ASSETS", str(tmp_path))
    results.table("toy", "policy")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["a", "50.0", "25.0", "75.0"] and lines[2].split() == ["b", "100.0", "100.0"]
    assert lines[-1] == "(50 episodes each; make toys)"


def test_the_doctor_in_a_lesson_says_what_is_missing_and_looks_again(monkeypatch):
    panel = DoctorPanel()
    assert "All that the course needs is there" in panel.report.value
    broken = {
        "ok": False,
        "checks": [{"name": "<b>", "ok": False, "required": True, "detail": "gone", "mend": "a & b"}],
    }
    monkeypatch.setattr("dilviz.course.checkup.doctor", lambda: broken)
    panel.again.click()
    assert (
        "Not all that the course needs" in panel.report.value
        and "&lt;b&gt;" in panel.report.value
        and "a &amp; b" in panel.report.value
    )
    assert repr(panel) == "Doctor"


def test_the_explorer_leaves_its_policies_as_they_are(policies):
    policies[0].use("ddpm", 50, 0.3)
    at(policies, steps=2)
    assert (policies[0].sampler, policies[0].num_inference_steps, policies[0].warm_start) == ("ddpm", 50, 0.3)
    policies[0].use("ddim", 10)


def test_a_policy_that_has_learned_more_walks_anew(policies):
    learned = shipped("fork", "diffusion")
    before = fork_data(learned, policies[1], STATE).walks[0]
    with torch.no_grad():
        learned.denoiser.last.weight.mul_(0.5)
    after = fork_data(learned, policies[1], STATE | {"time": STAGES - 1})
    assert not np.array_equal(after.walks[0][:3], before[:3])
    assert np.allclose(after.fan[0][:4], after.walks[0][:4], atol=1e-4)


def test_a_look_into_the_walker_draws_nothing_from_the_global_generator(policies):
    before = torch.random.get_rng_state()
    at(policies, seed=50)
    assert torch.equal(before, torch.random.get_rng_state())


def rates(policy, steps):
    rows = json.loads(asset("results", "fork_learners.json").read_text())["rows"]
    return [row["success_rate"] for row in rows if (row["policy"], row["steps"]) == (policy, steps)]


def test_what_lesson_00_says_of_its_table_stands_in_the_table():
    assert len(rates("diffusion", 8_000)) == 5 and min(rates("diffusion", 8_000)) >= 0.97
    assert max(rates("cloning", 8_000) + rates("cloning", 16_000) + rates("cloning", 64_000)) <= 0.1
    assert min(rates("cloning-onestep", 64_000)) > 0.5 > max(rates("cloning-onestep", 8_000))
    assert max(rates("cloning-onestep", 64_000)) < min(rates("diffusion", 8_000))
