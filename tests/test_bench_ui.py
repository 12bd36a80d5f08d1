"""What `dilviz bench ui` measures: every explorer of the course, by bars that can be missed. No time is asserted."""

import importlib
import pkgutil
import re

import pytest

from dilviz import bench_ui, course, show
from dilviz.bench_ui import EXPLORERS, cell_of, frames_row, redraw_row
from dilviz.show.base import Explorer
from dilviz.show.embed import DEMOS, make_demo, page
from tests.lessons import LESSONS, read, text_of

LINE = re.compile(r"^(\w+)\(", re.MULTILINE)  # how an explorer's text output begins


def kinds(explorer=Explorer):
    """The names of all explorers that the package has."""
    found = {kind.__name__ for kind in explorer.__subclasses__() if kind.__module__.startswith("dilviz.")}
    return found.union(*map(kinds, explorer.__subclasses__()))


def shown(texts):
    """The explorers that are shown. (Landings are a live demo, the player.)"""
    for part in (show, course):
        for module in pkgutil.iter_modules(part.__path__, f"{part.__name__}."):
            importlib.import_module(module.name)
    return {name for text in texts for name in LINE.findall(text)} & kinds()


def lacking(texts):
    """The explorers shown that the table lacks."""
    return shown(texts) - EXPLORERS.keys()


def test_every_explorer_that_a_lesson_shows_is_in_the_table():
    texts = [text_of(cell) for path in LESSONS for cell in read(path).cells if cell.cell_type == "code"]
    assert shown(texts) >= {"VarianceExplorer", "ScheduleExplorer", "WalksExplorer"}
    assert lacking(texts) == set()


def test_one_that_the_table_lacks_is_found(monkeypatch):
    texts = ["x\nVarianceExplorer(t=1): a picture", "ScheduleExplorer(T=1)", "LandingExplorer(seed=0)", "print(3)"]
    assert lacking(texts) == set()
    monkeypatch.delitem(EXPLORERS, "VarianceExplorer")
    assert lacking(texts) == {"VarianceExplorer"}


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_entry_makes_its_explorer(name):
    module, expression = EXPLORERS[name]
    names = vars(importlib.import_module(module))
    made = eval(expression, dict(names))
    assert isinstance(made, Explorer) and type(made).__name__ == name
    assert LINE.match(repr(made))[1] == name
    assert cell_of(module, expression).splitlines()[-1] == expression
    compile(cell_of(module, expression), "cell", "exec")


@pytest.mark.parametrize(
    ("times", "ok"),
    [
        ([40.0] * 20, True),
        ([40.0] * 9 + [101.0] * 11, False),  # the median
        ([40.0] * 17 + [260.0] * 3, False),  # the 95th percentile
        ([90.0] * 18 + [240.0] * 2, True),
    ],
)
def test_an_explorer_keeps_both_bars_or_misses(times, ok):
    row = redraw_row("VarianceExplorer", times)
    assert row["ok"] is ok
    assert (row["bar"], row["bar_p95"]) == (100, 250)
    assert row.keys() >= {"name", "batch", "ratio", "ratio_diffusers", "p50", "p95", "bar", "ok"}


def test_frames_are_counted_by_their_distance():
    times = [1000 * k / 50 for k in range(101)]
    assert frames_row("fork", times) | {"p50": 50, "p95": 50} == frames_row("fork", times) | {"ok": True}
    halted = times[:90] + [time + 500 for time in times[90:]]
    assert frames_row("fork", halted)["p50"] == pytest.approx(100 / 2.5)
    slow = frames_row("fork", [1000 * k / 25 for k in range(60)])
    assert (slow["p50"], slow["ok"], slow["bar"]) == (pytest.approx(25), False, 30)


def test_a_demo_that_draws_nothing_is_no_fast_one():
    with pytest.raises(RuntimeError, match="the demo fork plays, and draws nothing"):
        frames_row("fork", [3.0])


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_draws_in_every_frame_that_it_is_given(name, browser, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_ui, "PLAYED_S", 1)
    file = tmp_path / "demo.html"
    file.write_bytes(page(make_demo(name)))
    found = bench_ui.played(browser, file)
    assert len(found["times"]) >= found["frames"] - 3  # the first ones, before play is heard
