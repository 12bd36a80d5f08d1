"""Pages beside the lessons: small, run once in order, text alone, and told of in the README."""

import re

import pytest

from tests.lessons import APPENDICES, ROOT, read

each_appendix = pytest.mark.parametrize("path", APPENDICES, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_one():
    assert [path.stem for path in APPENDICES] == ["flow_matching"]


@each_appendix
def test_it_is_small_and_says_what_for_how_long_and_what_it_needs(path):
    notebook = read(path)
    assert len(notebook.cells) <= 20
    assert all(len(cell.source.splitlines()) <= 12 for cell in code(notebook))
    for word in ("# Appendix · ", "**You will be able to**", "**Time**", "**Needs**"):
        assert word in notebook.cells[0].source
    assert "start_appendix()" in code(notebook)[0].source
    assert not any(re.search(r"plotly|matplotlib|ipywidgets|IPython|%pip|!pip", cell.source) for cell in code(notebook))


@each_appendix
def test_its_outputs_are_text_that_is_folded_and_every_cell_was_run_once(path):
    cells = code(read(path))
    assert path.stat().st_size <= 80_000
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert cell.metadata["jupyter"] == {"outputs_hidden": True}
        for output in cell.outputs:
            assert output.output_type != "error"
            assert set(output.get("data", {})) <= {"text/plain"}


@each_appendix
def test_its_picture_is_in_the_repository(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    pictures = re.findall(r"!\[(Still: [^]]+)\]\(([^)]+)\)", text)
    assert pictures
    assert all((path.parent / place).is_file() for _, place in pictures)


@each_appendix
def test_what_depends_on_a_training_is_held_by_an_assertion_and_not_by_its_digits(path):
    excused = [cell for cell in code(read(path)) if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert excused
    assert all("assert" in cell.source for cell in excused)


@each_appendix
def test_the_readme_leads_to_it(path):
    assert f"]({path.relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text(encoding="utf-8")
