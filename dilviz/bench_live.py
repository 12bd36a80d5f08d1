"""How light and how smooth a live page is, in a real Chromium that draws in software: `dilviz bench live`.

The page is opened from a file, with the network cut; 64 agents denoise and move all the while. It takes five minutes,
since a page that slowly fills the memory shows it no sooner. It needs the repository: the tests' browser drives it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dilviz.bench_ui import WATCH as WATCH_PAINT
from dilviz.bench_ui import harness

BYTES, FIRST_MS, READY_MS, FRAMES, LONGEST_MS, GROWN_MB = 450_000, 300, 500, 60, 100, 1
LOADS, WATCHED_S, DRAGS, MINUTES = 5, 10, 120, 5

# Installed before the page's own script: the first picture is the first frame in which its canvas is not empty.
WATCH = """() => {
  window.seen = { first: 0, tasks: [], frames: [] };
  new PerformanceObserver((list) => window.seen.tasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask", buffered: true });
  const stroke = CanvasRenderingContext2D.prototype.stroke;
  CanvasRenderingContext2D.prototype.stroke = function (...parts) {
    CanvasRenderingContext2D.prototype.stroke = stroke;
    requestAnimationFrame(() => setTimeout(() => { window.seen.first = performance.now(); }));
    return stroke.apply(this, parts);
  };
}"""
# The times of frames in which something was drawn: a page that is given sixty frames may draw in every second alone.
FRAMES_FOR = """(seconds) => new Promise((resolve) => {
  const [times, start] = [[], performance.now()];
  const beat = (now) => {
    if (window.painted) times.push(now);
    window.painted = false;
    if (now - start < 1000 * seconds) requestAnimationFrame(beat);
    else resolve(times);
  };
  requestAnimationFrame(beat);
})"""


def live_page() -> list[dict[str, Any]]:
    """Open the fork's page, watch it, drag its tree, and leave it running.

    Returns:
        Rows as in `dilviz.bench.bench`: bytes, milliseconds, frames a second, megabytes in place of times.

    Raises:
        MissingExtra: Playwright, a browser or the repository's tests are not there.
    """
    from dilviz.show.embed import make_demo, page

    with tempfile.TemporaryDirectory() as folder, harness().chromium() as browser:
        file = Path(folder, "fork.html")
        file.write_bytes(page(make_demo("fork")))
        loads = [_loaded(browser, file) for _ in range(LOADS)]
        watched = _watched(browser, file)
    rate, slowest = watched["rate"]
    return [
        _row("live page, bytes", [load["bytes"] for load in loads], BYTES),
        _row("live first picture, ms", [load["first"] for load in loads], FIRST_MS),
        _row("live interactive, ms", [load["ready"] for load in loads], READY_MS),
        _row("live frames a second", [rate], FRAMES, round(rate) >= FRAMES),
        _row("live slowest frame, ms", [slowest], LONGEST_MS),
        _row("live frames, dragging", [watched["dragged"]], FRAMES, round(watched["dragged"]) >= FRAMES),
        _row("live longest task, ms", [watched["longest"]], LONGEST_MS),
        _row("live memory grown, MB", [watched["grown"]], GROWN_MB),
    ]


def _row(name: str, values: list[float], bar: float, ok: bool | None = None) -> dict[str, Any]:
    p50, p95 = (float(q) for q in np.percentile(values, [50, 95]))
    row = {"name": name, "batch": None, "ratio": None, "ratio_diffusers": None, "p50": p50, "p95": p95, "bar": bar}
    return row | {"ok": p95 <= bar if ok is None else ok}


def _open(browser: Any, file: Path) -> Any:
    page = browser.new_context(viewport={"width": 960, "height": 800}, offline=True).new_page()
    page.add_init_script(f"({WATCH})(); ({WATCH_PAINT})()")
    page.goto(file.as_uri())
    page.wait_for_function("() => window.seen.first && performance.getEntriesByName('dilviz:ready').length")
    return page


def _loaded(browser: Any, file: Path) -> dict[str, float]:
    page = _open(browser, file)
    first, ready = page.evaluate("() => [seen.first, performance.getEntriesByName('dilviz:ready')[0].startTime]")
    page.context.close()
    return {"bytes": file.stat().st_size, "first": first, "ready": max(first, ready)}


def _watched(browser: Any, file: Path) -> dict[str, Any]:
    page = _open(browser, file)
    rate, slowest = _rate(page.evaluate(FRAMES_FOR, WATCHED_S))
    tree = page.get_by_role("button", name="Move tree").bounding_box()
    x, y = tree["x"] + tree["width"] / 2, tree["y"] + tree["height"] / 2
    page.evaluate(f"() => {{ window.dragging = ({FRAMES_FOR})(4); }}")
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(DRAGS):
        page.mouse.move(x + 60 * np.sin(k / 10), y + 20 * np.sin(k / 7))
    page.mouse.up()
    dragged, _ = _rate(page.evaluate("() => window.dragging"))
    before = _heap(page)
    page.wait_for_timeout(60_000 * MINUTES)
    grown = (_heap(page) - before) / 1e6
    longest = max([0, *page.evaluate("() => seen.tasks")])
    return {"rate": (rate, slowest), "dragged": dragged, "grown": grown, "longest": longest}


def _rate(times: list[float]) -> tuple[float, float]:
    """Frames a second, and how long the slowest stood."""
    return 1000 * (len(times) - 1) / (times[-1] - times[0]), max(np.diff(times))


def _heap(page: Any) -> float:
    """Bytes that scripts hold, after the garbage has gone."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"]
