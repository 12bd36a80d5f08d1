"""How quickly a dragged slider redraws its figure, in a real JupyterLab in a real Chromium: `dilviz bench ui`.

It needs the repository: the tests' browser drives it.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dilviz.errors import MissingExtra

ROOT = Path(__file__).resolve().parent.parent
PRESSES, DRAG_MS = 30, 1000
REDRAW_BAR, SETTLE_BAR = 100.0, 300.0
CELL = """from dilviz.show.variance import VarianceExplorer
VarianceExplorer()"""

# The time from a key to the picture that follows it: Plotly says when it has drawn.
PRESS = """async ([key]) => {
  const plot = document.querySelector(".js-plotly-plot");
  const handle = document.querySelector(".dilviz-explorer .noUi-handle");
  const drawn = new Promise((resolve) => plot.once("plotly_afterplot", () => resolve(performance.now())));
  const options = { key, code: key, keyCode: 39, bubbles: true };
  const pressed = performance.now();
  handle.dispatchEvent(new KeyboardEvent("keydown", options));
  return (await drawn) - pressed;
}"""
# A drag of a second, a step a frame; then the time until the picture of the last value stands.
DRAG = """async ([milliseconds, from, to]) => {
  const plot = document.querySelector(".js-plotly-plot");
  const slider = document.querySelector(".dilviz-explorer .noUi-target").noUiSlider;
  const share = () => plot._fullData[5].x[0];
  const start = performance.now();
  for (let now = start; now - start < milliseconds; now = await new Promise(requestAnimationFrame)) {
    slider.set(Math.round(from + ((to - from) * (now - start)) / milliseconds), true, true);
  }
  slider.set(to, true, true);
  const released = performance.now();
  const wanted = (to + 1) / 50;
  while (Math.abs(share() - wanted) > 1e-6) await new Promise((resolve) => setTimeout(resolve, 2));
  return performance.now() - released;
}"""


def slider_to_redraw() -> list[dict[str, Any]]:
    """Press a slider's key 30 times, then drag it for a second: 500 points, a schedule of 50 steps.

    Returns:
        Two rows as in `dilviz.bench.bench`, times in ms.

    Raises:
        MissingExtra: Playwright, a browser or the repository's tests are not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        _write_notebook(Path(folder, "bench.ipynb"))
        presses, settled = _measure(Path(folder))
    p50, p95 = (float(q) for q in np.percentile(presses, [50, 95]))
    rows = [("ui slider to redraw", p50, p95, REDRAW_BAR), ("ui drag to last state", settled, settled, SETTLE_BAR)]
    return [
        {"name": name, "batch": None, "ratio": None, "ratio_diffusers": None, "p50": low, "p95": high, "bar": bar}
        | {"ok": low <= bar}
        for name, low, high, bar in rows
    ]


def _measure(folder: Path) -> tuple[list[float], float]:
    browser = harness()
    with browser.chromium() as chromium, browser.Lab(folder) as lab:
        page = lab.open(chromium, "bench.ipynb")
        page.run_all()
        page.wait_figures(1)
        page.slider("t").focus()
        presses = []
        for i in range(PRESSES + 3):  # the first three warm up
            presses.append(page.page.evaluate(PRESS, ["ArrowRight" if i % 2 else "ArrowLeft"]))
            page.wait_idle()
        settled = page.page.evaluate(DRAG, [DRAG_MS, 0, 45])
        page.close()
    return presses[3:], settled


def can_drive_a_browser() -> bool:
    """Whether the tests' browser is there.

    Returns:
        True in a clone with the extra `test`.
    """
    try:
        return harness() is not None
    except MissingExtra:
        return False


def harness() -> Any:
    """The module of the tests that drives JupyterLab in a browser.

    Returns:
        The module.

    Raises:
        MissingExtra: it, or Playwright, is not there.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        importlib.import_module("playwright")
        return importlib.import_module("browser")
    except ImportError as error:
        raise MissingExtra(
            f"bench ui needs the repository's tests and Playwright ({error}); run it from a clone after `make test`."
        ) from error
    finally:
        sys.path.pop(0)


def _write_notebook(path: Path) -> None:
    import nbformat

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)], metadata=kernel), path)
