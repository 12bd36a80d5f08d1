"""What ships with the course is what its cards and tables say, and the explorers around it show what really happens."""

import json

import numpy as np
import pytest

from dilviz.assets import asset
from dilviz.course import results
from dilviz.course.bugs import BUGS
from dilviz.course.checkup import DoctorPanel
from dilviz.imitation import rollout
from dilviz.show.walks import WalksExplorer
from dilviz.tasks import TASKS, shipped


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


def test_the_data_that_a_card_names_is_recorded_again():
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


def rates(policy, steps):
    rows = json.loads(asset("results", "fork_learners.json").read_text())["rows"]
    return [row["success_rate"] for row in rows if (row["policy"], row["steps"]) == (policy, steps)]


def test_what_lesson_00_says_of_its_table_stands_in_the_table():
    assert len(rates("diffusion", 8_000)) == 5 and min(rates("diffusion", 8_000)) >= 0.97
    assert max(rates("cloning", 8_000) + rates("cloning", 16_000) + rates("cloning", 64_000)) <= 0.1
    assert min(rates("cloning-onestep", 64_000)) > 0.5 > max(rates("cloning-onestep", 8_000))
    assert max(rates("cloning-onestep", 64_000)) < min(rates("diffusion", 8_000))
