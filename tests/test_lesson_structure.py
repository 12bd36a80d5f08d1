"""Every lesson has the same rooms, is small, and holds nothing that can rot."""

import json
import re

import pytest

from tests.lessons import LESSONS, ROOT, answerable, read

ROOMS = [
    "## See it",
    "## Predict, then slide",
    "## The mathematics",
    "## The code",
    "## Exercises",
    "## Recap",
    "## Read on",
]
KINDS = ["predict", "complete", "debug", "transfer"]
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_there_are_lessons():
    assert LESSONS


@each_lesson
def test_the_first_cell_says_what_for_how_long_and_what_it_needs(path):
    first = read(path).cells[0].source
    assert first.startswith(f"# {path.stem[:2]} · ")
    for word in ("**You will be able to**", "**Time**", "**Needs**"):
        assert word in first


@each_lesson
def test_the_rooms_stand_in_order(path):
    text = prose(read(path))
    places = [text.find(f"\n{room}\n") for room in ROOMS]
    assert -1 not in places, f"missing: {ROOMS[places.index(-1)]}"
    assert places == sorted(places)
    assert "**Recall.**" in text


@each_lesson
def test_one_cell_sets_up_and_no_cell_plots(path):
    cells = code(read(path))
    number = path.stem[:2]
    assert f'start("{number}")' in cells[0].source
    for cell in cells:
        assert not re.search(r"plotly|matplotlib|ipywidgets|IPython|%pip|!pip", cell.source), cell.source
        assert "start(" not in cell.source or cell is cells[0]


@each_lesson
def test_it_is_small(path):
    notebook = read(path)
    exercises = {found.index for found in answerable(notebook)}
    assert len(notebook.cells) <= 30
    assert sum(len(cell.source.splitlines()) for cell in code(notebook)) <= 200
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and index not in exercises:
            assert len(cell.source.splitlines()) <= 12, cell.source
    assert int(re.search(r"\*\*Time\*\* (\d+) minutes", notebook.cells[0].source)[1]) <= 45


@each_lesson
def test_prose_stands_before_nearly_every_code_cell(path):
    cells = read(path).cells
    after_prose = [cells[i - 1].cell_type == "markdown" for i, cell in enumerate(cells) if cell.cell_type == "code"]
    assert sum(after_prose) >= 0.75 * len(after_prose)


@each_lesson
def test_there_is_one_exercise_of_each_kind_with_three_hints_and_a_solution(path):
    notebook = read(path)
    found = answerable(notebook)
    assert [one.name for one in found] == [f"{path.stem[:2]}.{kind}" for kind in KINDS]
    text = prose(notebook)
    for step in ("Hint 1: a nudge", "Hint 2: the formula", "Hint 3: the first line", "Solution"):
        assert text.count(f"<summary>{step}</summary>") == len(KINDS), step
    assert all(one.solution for one in found)
    complete = next(one for one in found if one.name.endswith("complete"))
    assert len(complete.solution.splitlines()) <= 1 + 5


@each_lesson
def test_outputs_are_text_and_every_cell_was_run_once_in_order(path):
    notebook = read(path)
    assert path.stat().st_size <= 80_000
    assert "widgets" not in notebook.metadata
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    for cell in code(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert set(output.get("data", {})) <= {"text/plain"}


@each_lesson
def test_at_most_three_cells_are_excused_from_comparison_and_none_that_checks_a_number(path):
    excused = [cell for cell in code(read(path)) if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert len(excused) <= 3
    assert not any("assert" in cell.source or "print" in cell.source for cell in excused)
    assert not any("NBVAL" in cell.source for cell in code(read(path)))


@each_lesson
def test_every_picture_is_in_the_repository(path):
    text = prose(read(path))
    pictures = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", text)
    assert pictures, "a front end without widgets shows nothing"
    for words, place in pictures:
        assert words.startswith("Still: ")
        assert (path.parent / place).is_file(), place
    assert not re.search(r"<img|https?://[^ )]+\.(png|jpe?g|gif|svg|csv|npz)", text)


@each_lesson
def test_nothing_of_the_machine_is_in_the_file(path):
    text = json.dumps(json.loads(path.read_text()))
    assert str(ROOT) not in text
    assert not re.search(r"/tmp/|/home/|/root/|/Users/|\\Users\\", text)


@each_lesson
def test_outputs_are_folded_until_the_learner_runs_their_cell(path):
    for cell in code(read(path)):
        assert cell.metadata["jupyter"] == {"outputs_hidden": True}
