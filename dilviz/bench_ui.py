"""How quickly the course answers a hand, in a real JupyterLab and a real Chromium: `dilviz bench ui`.

Every explorer: from the press of a key to the picture that follows it. Every live demo: how many pictures a second it
draws while it plays. It needs the repository: the tests' browser drives it.
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
PRESSES, WARM_UP, DRAG_MS, PLAYED_S = 20, 3, 1000, 3
REDRAW_BAR, REDRAW_BAR_P95, SETTLE_BAR, FRAMES_BAR = 100.0, 250.0, 300.0, 30.0
# The explorers of the lessons: class -> module, and the expression that makes one as a lesson does.
EXPLORERS = {
    "VarianceExplorer": ("dilviz.show.variance", "VarianceExplorer()"),  # the one that is dragged, too
    "ScheduleExplorer": ("dilviz.show.schedules", "ScheduleExplorer()"),
    "WalksExplorer": ("dilviz.course.lesson_00", "mystery_explorer()"),
    "LossExplorer": ("dilviz.show.loss", "LossExplorer()"),
    "TaughtExplorer": ("dilviz.course.lesson_02", "mystery_explorer()"),
    "TrainingExplorer": ("dilviz.show.training", "TrainingExplorer()"),
    "EmbeddingExplorer": ("dilviz.show.embedding", "EmbeddingExplorer()"),
    "DriveExplorer": ("dilviz.show.drive", "DriveExplorer()"),
    "FitLadder": ("dilviz.show.ladder", "FitLadder()"),
    "PredictionTypeExplorer": ("dilviz.show.prediction", "PredictionTypeExplorer()"),
    "SolverExplorer": ("dilviz.show.solvers", "SolverExplorer()"),
    "FlowExplorer": ("dilviz.show.flow", "FlowExplorer()"),
    "SamplingExplorer": ("dilviz.course.lesson_04", "mystery_explorer()"),
    "AnswersExplorer": ("dilviz.show.answers", "AnswersExplorer()"),
    "PushedExplorer": ("dilviz.course.lesson_05", "pushed_explorer()"),
    "DrawnExplorer": ("dilviz.show.drawn", "drawn_example()"),
    "FanExplorer": ("dilviz.show.fan", "FanExplorer()"),
    "SteerExplorer": ("dilviz.show.steered", "SteerExplorer()"),
    "DialExplorer": ("dilviz.show.dial", "DialExplorer()"),
    "ComparedExplorer": ("dilviz.show.compared", "ComparedExplorer()"),
}

# In the page, from now on: the explorer of a cell, its picture, and what its first slider (or choice) is moved by.
HAND = """(cell) => {
  const explorer = document.querySelector(`[data-cell="${cell}"] .dilviz-explorer`);
  const plot = explorer.querySelector(".js-plotly-plot");
  const handle = explorer.querySelector(".noUi-handle");
  const choice = explorer.querySelector("select");
  const value = (which) => Number(handle.getAttribute(`aria-value${which}`));
  const first = handle && value("now") === value("max") ? 1 : 0; // from the end it goes back first
  const start = choice?.selectedIndex;
  window.move = (i) => {
    if (handle) {
      const key = (i + first) % 2 ? "PageDown" : "PageUp"; // five steps: one may be too small to be seen
      handle.dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true }));
    } else {
      choice.selectedIndex = i % 2 ? start : (start + 1) % choice.length;
      choice.dispatchEvent(new Event("change", { bubbles: true }));
    }
  };
  window.drawn = () => new Promise((resolve, reject) => {
    plot.once("plotly_afterplot", () => resolve(performance.now()));
    const name = plot.closest("[data-cell]").dataset.cell;
    setTimeout(reject, 20000, new Error(`a press in cell ${name} draws nothing`));
  });
}"""
# The time from a press to the picture that follows it: Plotly says when it has drawn.
PRESS = """async (i) => {
  const drawn = window.drawn();
  const pressed = performance.now();
  window.move(i);
  return (await drawn) - pressed;
}"""
SHOW = """async (cell) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = cell;
  await notebook.scrollToItem(cell, "start");
  notebook.widgets[cell].node.setAttribute("data-cell", cell);
}"""
DRAWN = """(cell) => {
  const plot = document.querySelector(`[data-cell="${cell}"] .dilviz-explorer .js-plotly-plot`);
  return Boolean(plot?._fullData?.length);
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
# Before the page's own script: whatever draws on a canvas leaves word of it.
WATCH = """() => {
  window.painted = false;
  for (const name of ["clearRect", "fillRect", "fill", "stroke", "drawImage", "putImageData"]) {
    const plain = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...parts) {
      window.painted = true;
      return plain.apply(this, parts);
    };
  }
}"""
# Plays; the time of each frame in which something was drawn, and how many frames there were: one may lack a picture.
PLAY = """(seconds) => new Promise((resolve) => {
  const button = document.querySelector(".dilviz-live .transport .play");
  if (button.getAttribute("aria-label") === "Play") button.click();
  const [times, start] = [[], performance.now()];
  let frames = 0;
  const beat = (now) => {
    frames += 1;
    if (window.painted) times.push(now);
    window.painted = false;
    if (now - start < 1000 * seconds) requestAnimationFrame(beat);
    else resolve({ times, frames });
  };
  requestAnimationFrame(beat);
})"""


def slider_to_redraw() -> list[dict[str, Any]]:
    """Press a control of each explorer 20 times, to and fro, and drag one for a second.

    Returns:
        Rows as in `dilviz.bench.bench`, times in ms; bar is for the median, bar_p95 for the 95th percentile.

    Raises:
        MissingExtra: Playwright, a browser or the repository's tests are not there.
    """
    browser = harness()
    with tempfile.TemporaryDirectory() as folder, browser.chromium() as chromium, browser.Lab(Path(folder)) as lab:
        write_notebook(Path(folder, "bench.ipynb"))
        page = lab.open(chromium, "bench.ipynb")
        page.run_all()
        if errors := page.errors():
            raise RuntimeError(f"an explorer cannot be shown: {errors[0]}")
        rows = [redraw_row(name, _pressed(page, cell)) for cell, name in enumerate(EXPLORERS)]
        page.page.evaluate(SHOW, 0)
        settled = page.page.evaluate(DRAG, [DRAG_MS, 0, 45])
        page.close()
    return [*rows, _row("ui drag to last state", settled, settled, SETTLE_BAR, settled <= SETTLE_BAR)]


def _pressed(page: Any, cell: int) -> list[float]:
    page.page.evaluate(SHOW, cell)  # cells out of view are not drawn
    page.page.wait_for_function(DRAWN, arg=cell)
    page.wait_idle()
    page.page.evaluate(HAND, cell)
    times = []
    for i in range(WARM_UP + PRESSES):
        times.append(page.page.evaluate(PRESS, i))
        page.wait_idle()
    return times[WARM_UP:]


def animations() -> list[dict[str, Any]]:
    """Play each live demo for three seconds in a page of its own, and count the pictures that it draws.

    Returns:
        Rows as in `dilviz.bench.bench`; p50 is pictures a second, p95 the same in the slowest twentieth; bar is the
        least that p50 may be.

    Raises:
        MissingExtra: Playwright, a browser or the repository's tests are not there.
    """
    from dilviz.show.embed import DEMOS, make_demo, page

    with tempfile.TemporaryDirectory() as folder, harness().chromium() as browser:
        file, rows = Path(folder, "demo.html"), []
        for name in DEMOS:
            file.write_bytes(page(make_demo(name)))
            rows.append(frames_row(name, played(browser, file)["times"]))
    return rows


def played(browser: Any, file: Path) -> dict[str, Any]:
    """Open a demo's page, and let it play.

    Args:
        browser: Playwright's.
        file: the page.

    Returns:
        times: ms of each frame in which the demo has drawn; frames: how many the browser gave it.
    """
    # Past the page's policy, which forbids the `eval` by which Playwright waits; the demo runs as it always does.
    context = browser.new_context(viewport={"width": 960, "height": 800}, offline=True, bypass_csp=True)
    page = context.new_page()
    page.add_init_script(f"({WATCH})()")
    page.goto(file.as_uri())
    page.wait_for_function("() => performance.getEntriesByName('dilviz:ready').length")
    found = page.evaluate(PLAY, PLAYED_S)
    context.close()
    return found


def redraw_row(name: str, times: list[float]) -> dict[str, Any]:
    """What an explorer has taken, beside its two bars.

    Args:
        name: of the explorer.
        times: ms from a press to the picture.

    Returns:
        A row as in `dilviz.bench.bench`; ok where the median and the 95th percentile keep their bars.
    """
    p50, p95 = (float(q) for q in np.percentile(times, [50, 95]))
    ok = p50 <= REDRAW_BAR and p95 <= REDRAW_BAR_P95
    return _row(f"ui redraw {name}", p50, p95, REDRAW_BAR, ok) | {"bar_p95": REDRAW_BAR_P95}


def frames_row(name: str, times: list[float]) -> dict[str, Any]:
    """How smoothly a demo has played.

    Args:
        name: of the demo.
        times: ms at which it has drawn a picture, at least two.

    Returns:
        A row as in `dilviz.bench.bench`.

    Raises:
        RuntimeError: it has drawn no two pictures.
    """
    if len(times) < 2:
        raise RuntimeError(f"the demo {name} plays, and draws nothing")
    rate = 1000 * (len(times) - 1) / (times[-1] - times[0])
    slowest = 1000 / float(np.percentile(np.diff(times), 95))
    return _row(f"ui frames {name}", rate, slowest, FRAMES_BAR, round(rate) >= FRAMES_BAR)


def _row(name: str, p50: float, p95: float, bar: float, ok: bool) -> dict[str, Any]:
    row = {"name": name, "batch": None, "ratio": None, "ratio_diffusers": None, "p50": p50, "p95": p95, "bar": bar}
    return row | {"ok": ok}


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


def write_notebook(path: Path) -> None:
    """A notebook with one cell an explorer.

    Args:
        path: of the file to write.
    """
    import nbformat

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(cell_of(*made)) for made in EXPLORERS.values()]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def cell_of(module: str, expression: str) -> str:
    """The cell that shows an explorer.

    Args:
        module: where the expression's first name is from.
        expression: that makes the explorer.

    Returns:
        Its source.
    """
    return f"from {module} import {expression.partition('(')[0]}\n{expression}"
