"""The mechanics of the course: a check never raises, and progress is kept."""

import json

import pytest

from dilviz.course import check, is_solved, lesson_01, progress, start
from dilviz.course.check import judge
from dilviz.course.start import Progress
from dilviz.errors import InputError
from dilviz.imitation import Windows, train_diffusion_policy
from dilviz.tasks import get_task


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DILVIZ_HOME", str(tmp_path))
    return tmp_path


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def stops(error):
    def answer(*_):
        raise error

    return answer


@pytest.mark.parametrize(
    "error",
    [ValueError("so"), SystemExit(3), GeneratorExit(), KeyboardInterrupt(), Speechless(), RecursionError()],
    ids=lambda error: type(error).__name__,
)
def test_a_check_never_raises(error, capsys):
    check("01.complete", stops(error))
    assert capsys.readouterr().out.startswith(("Not solved: ", "Not yet: "))


@pytest.mark.parametrize("name", ["01.nothing", ["01.complete"], None])
def test_an_exercise_that_is_not_there_is_named(name):
    assert judge(name, None)[0] == "Not yet"


def test_what_is_solved_is_remembered_and_a_broken_file_does_not_hinder(home):
    bar = Progress("01")
    assert "0 of 4 solved" in bar.value
    check("01.debug", lesson_01.MYSTERY)
    assert is_solved("01.debug")
    assert "1 of 4 solved" in bar.value
    assert json.loads((home / "progress.json").read_text()) == {"solved": ["01.debug"]}
    check("01.debug", "")
    assert not is_solved("01.debug")
    assert progress.solved() == {"01.debug"}
    (home / "progress.json").write_text('{"solv')
    assert progress.solved() == set()


def test_progress_that_cannot_be_kept_is_said(home, capsys, monkeypatch):
    (home / "file").touch()
    monkeypatch.setenv("DILVIZ_HOME", str(home / "file"))
    check("01.debug", lesson_01.MYSTERY)
    out = capsys.readouterr().out
    assert out.startswith("Solved: ") and "could not be kept" in out


def test_a_lesson_that_is_not_there_is_named():
    with pytest.raises(InputError, match="there is no lesson '77'"):
        start("77")


def test_a_seed_decides_the_first_weights_and_all_else():
    windows = Windows(get_task("lander").demonstrations(1), 1, 2, 1)
    options = {"action_horizon": 1, "width": 7, "depth": 1, "steps": 1, "device": "cpu"}
    first, again, other = (train_diffusion_policy(windows, seed=seed, **options)[0] for seed in (3, 3, 4))
    weights = [policy.denoiser.first.weight for policy in (first, again, other)]
    assert weights[0].equal(weights[1])
    assert not weights[0].allclose(weights[2], atol=0.01)
