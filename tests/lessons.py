"""What the tests know of a lesson: its cells, its folded solutions, and how to run it with other answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
APPENDICES = sorted((ROOT / "notebooks" / "appendix").glob("*.ipynb"))
ENCRYPTED = Config(KernelManager={"transport_encryption": "auto"})  # or every kernel warns
CHECK = re.compile(r'^check\("(\d\d\.\w+)", .*\)$', re.MULTILINE)
FOLDED_SOLUTION = re.compile(r"<summary>Solution</summary>\s*```python\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Answerable:
    """An exercise cell, and the solution that is folded into the text above it."""

    name: str
    index: int
    check: str
    solution: str


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def answerable(notebook: NotebookNode) -> list[Answerable]:
    """The exercises of a lesson; each takes the last solution folded above it."""
    found, solution = [], ""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            folded = FOLDED_SOLUTION.findall(cell.source)
            solution = folded[-1] if folded else solution
        elif match := CHECK.search(cell.source):
            found.append(Answerable(match[1], index, match[0], solution))
    return found


def text_of(cell: NotebookNode) -> str:
    """All text that a cell has printed or shown."""
    streams = [o.text for o in cell.outputs if o.output_type == "stream"]
    shown = [o.data.get("text/plain", "") for o in cell.outputs if "data" in o]
    return "\n".join([*streams, *shown])


@contextmanager
def running(notebook: NotebookNode) -> Iterator[NotebookClient]:
    """A fresh kernel for the cells of a notebook."""
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", config=ENCRYPTED)
    with client.setup_kernel(cwd=str(ROOT / "notebooks")):
        yield client


def run(client: NotebookClient, index: int, source: str | None = None) -> str:
    """Run one cell, with other source where given; a fresh copy, so that the notebook stays as it is."""
    cell = nbformat.from_dict(client.nb.cells[index])
    if source is not None:
        cell.source = source
    client.nb.cells[index] = client.execute_cell(cell, index)
    return text_of(client.nb.cells[index])
