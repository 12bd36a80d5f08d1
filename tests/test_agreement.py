"""Both sides of an equation: agree, say so in one line, and stop where they do not; and lesson 02 held by it."""

import re

import numpy as np
import pytest
import torch
from nbclient.exceptions import CellExecutionError

from dilviz.course import agree, agreement, sides
from dilviz.errors import InputError
from tests.lessons import LESSONS, read, run, running


@pytest.fixture(autouse=True)
def _empty_table(monkeypatch):
    monkeypatch.setattr(agreement, "_ROWS", {})


def test_two_sides_that_agree_are_printed_in_one_line(capsys):
    agree("half of pi", torch.tensor(1.5708), np.float64(1.57))
    assert capsys.readouterr().out == "half of pi: 1.571 = 1.57, 0.0509 % apart\n"
    agree("the same", 0.1 + 0.2, 0.3)
    assert capsys.readouterr().out == "the same: 0.3 = 0.3, < 0.001 % apart\n"


@pytest.mark.parametrize(
    ("left", "right", "options", "says"),
    [
        (2.0, 2.02, {}, "x: the two sides differ, 2 against 2.02; that is 0.99 %, where 0.5 % is allowed."),
        (-2.0, 2.0, {}, "the two sides differ"),
        (1.0, 1.002, {"tolerance": 0.001}, "that is 0.2 %, where 0.1 % is allowed"),
        (1.0, 1.0041, {"error": 0.001}, "where 0.398 % is allowed"),
        (1.0, 1.0, {"error": 0.0026}, "an interval so wide checks nothing. Take more draws."),
        (1.0, 1.0, {"error": 0.0}, "the standard error is < 0.001 % of the value"),
        (1.0, 1.0, {"error": float("nan")}, "checks nothing"),
        (0.0, 0.0, {}, "both sides are 0"),
        (float("nan"), 1.0, {}, "a side is no finite number"),
        (1.0, float("inf"), {}, "a side is no finite number"),
        (0.0, 1e-9, {}, "the two sides differ"),
    ],
)
def test_sides_that_differ_or_that_check_nothing_stop_the_cell(left, right, options, says):
    with pytest.raises(AssertionError, match=re.escape(says)):
        agree("x", left, right, **options)


def test_a_side_with_chance_in_it_may_be_four_standard_errors_away():
    agree("near", 1.0, 1.0039, error=0.001)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 0.006, 1.0])
def test_a_tolerance_that_would_let_a_hundredth_pass_is_refused(tolerance):
    with pytest.raises(InputError, match=r"at most 0\.005"):
        agree("x", 1.0, 1.0, tolerance=tolerance)


def test_the_table_holds_what_has_been_checked_last_under_each_name(capsys):
    sides()
    agree("first", 2.0, 2.0)
    agree("the second", 1.0, 1.001, error=0.002)
    agree("first", 3.0, 3.0)
    with pytest.raises(AssertionError):
        agree("third", 1.0, 2.0)
    with pytest.raises(AssertionError):
        agree("the second", 1.0, 2.0)
    capsys.readouterr()
    agree("the second", 1.0, 1.001, error=0.002)
    capsys.readouterr()
    sides()
    assert capsys.readouterr().out.splitlines() == [
        "first",
        "        3         3  < 0.001 %  (to 0.5 %)",
        "the second",
        "        1     1.001   0.0999 %  (to 0.799 %, 4 s.e.)",
    ]


def test_an_empty_table_says_so(capsys):
    sides()
    assert capsys.readouterr().out == "nothing has been compared so far; run the cells above.\n"


# Lesson 02

LOSS = next(path for path in LESSONS if path.stem.startswith("02"))
CALL = re.compile(r"^ *agree\(", re.MULTILINE)
WRAPPED = """
whole_agree, calls, broken, factor = agree, 0, 0, 1.0
def agree(name, left, right, **options):
    global calls
    calls += 1
    whole_agree(name, left, right * (factor if calls == broken else 1), **options)
"""


def test_every_check_of_lesson_02_turns_red_when_a_side_is_wrong_by_a_hundredth():
    notebook, found = read(LOSS), 0
    cells = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    last = max(index for index in cells if CALL.search(notebook.cells[index].source))
    with running(notebook) as client:
        for index in cells:
            if index > last:
                break
            source = notebook.cells[index].source
            for k in range(1, 1 + len(CALL.findall(source))):
                for factor in (0.99, 1.01):
                    with pytest.raises(CellExecutionError, match="the two sides differ"):
                        run(client, index, f"calls, broken, factor = 0, {k}, {factor}\n{source}")
                found += 1
            said = run(client, index, source + (WRAPPED if index == cells[0] else "\ncalls = broken = 0"))
            assert said.count(" apart\n") >= len(CALL.findall(source))
    assert found >= 9
