"""Executes the lessons and writes them back with text outputs alone: `python .ci/lessons.py [PATH...]`.

Run twice, it leaves the same bytes: nothing of the machine, the time or the widgets stays in the file.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
ENCRYPTED = Config(KernelManager={"transport_encryption": "auto"})  # or every kernel warns in the terminal
SECONDS_A_CELL = 300


def kernel_environment(home):
    """One thread, no window, and a data folder of its own, so that no one's progress shows in a lesson."""
    ours = {"OMP_NUM_THREADS": "1", "SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    return {**os.environ, **ours, "DILVIZ_HOME": home, "JUPYTER_PREFER_ENV_PATH": "1"}


def execute(notebook, folder):
    """Runs all cells in a fresh kernel of this Python."""
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_A_CELL,
            kernel_name="python3",
            config=ENCRYPTED,
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,  # where a stream is cut depends on timing
        )
        client.execute(env=kernel_environment(home))


def text_alone(output):
    """The output with nothing but text in it, or None where there is none."""
    if output["output_type"] == "stream":
        return output
    text = output.get("data", {}).get("text/plain")
    if text is None:
        return None
    output["data"], output["metadata"] = {"text/plain": text}, {}
    return output


def strip(notebook):
    """Leaves what a reader and the comparison need, in one order."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            cell.execution_count = count
            cell.metadata["jupyter"] = {"outputs_hidden": True}  # or it answers what the learner is to predict
            cell.outputs = [output for output in map(text_alone, cell.outputs) if output]
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count


def write(notebook, path):
    """Replaces the file in one step, so that an interrupted run leaves the old one."""
    part = path.with_suffix(".part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
    part.replace(path)


def main(paths):
    for path in paths or sorted((ROOT / "notebooks").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in Path(path).parts:
            continue
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(notebook, Path(path).resolve().parent)
        except CellExecutionError as error:
            print(f"{path}: left as it was, a cell raised {error.ename}: {error.evalue}", file=sys.stderr)
            return 1
        strip(notebook)
        write(notebook, Path(path))
        print(f"{path}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
