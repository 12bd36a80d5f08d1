"""`make lessons`: executed in place, text outputs alone, the same bytes the second time."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

SCRIPT = Path(__file__).resolve().parent.parent / ".ci" / "lessons.py"
CELLS = (
    "import os, time\nprint('a', flush=True)\ntime.sleep(0.2)\nprint('b')\nos.environ['OMP_NUM_THREADS']",
    "",
    "import ipywidgets\nipywidgets.IntSlider(3)",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "from tqdm.auto import tqdm\nsum(tqdm(range(3)))",
    "home = os.environ['DILVIZ_HOME']\nopen(os.path.join(home, 'progress'), 'x').close()\nos.listdir(home)",
)


@pytest.fixture
def lesson(tmp_path):
    def write(*sources: str) -> Path:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A lesson"), *cells])
        notebook.metadata = {"widgets": {"of": "another run"}, "language_info": {"name": "python", "version": "3.9"}}
        path = tmp_path / "01 lesson.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def run(path: Path) -> subprocess.CompletedProcess:
    # A learner's own progress must not show in a lesson.
    environment = {**os.environ, "DILVIZ_HOME": str(path.parent)}
    return subprocess.run([sys.executable, str(SCRIPT), str(path)], env=environment, capture_output=True, text=True)


def test_twice_gives_the_same_bytes_and_text_alone(lesson):
    path = lesson(*CELLS)
    ids = [cell.id for cell in nbformat.read(path, 4).cells]
    assert run(path).returncode == 0
    first = path.read_bytes()
    assert run(path).returncode == 0
    assert path.read_bytes() == first

    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ids
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, None, 2, 3, 4, 5]
    assert all(list(out.data) == ["text/plain"] for cell in code for out in cell.outputs if "data" in out)
    assert code[0].outputs[0] == {"name": "stdout", "output_type": "stream", "text": "a\nb\n"}
    assert code[0].outputs[1].data["text/plain"] == "'1'"
    assert code[3].outputs[0].data["text/plain"] == "<Figure size 640x480 with 1 Axes>"
    assert code[5].outputs[0].data["text/plain"] == "['progress']"


def test_a_cell_that_raises_leaves_the_file_as_it_was(lesson):
    path = lesson("1 + 1", "1 / 0")
    before = path.read_bytes()
    done = run(path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"{path}: left as it was, a cell raised ZeroDivisionError: division by zero"
    assert path.read_bytes() == before
    assert [other.name for other in path.parent.iterdir()] == [path.name]
