"""Every lesson in a real JupyterLab: it runs without an error, and every control moves the picture and back."""

import re
from itertools import chain

import pytest

from tests.browser import Lab, copy_course
from tests.lessons import APPENDICES, LESSONS, ROOT

PLOTS = re.compile(r"\b(?!Landing|Drawn)\w+Explorer\(")  # these two have tests of their own
LIVE = re.compile(r"\bLive\w+\(")  # so have the live demos
MARK = """async (index) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index, "start");
  notebook.widgets[index].node.setAttribute("data-cell", index);
}"""
ARRAYS = """(index) => {
  const plot = document.querySelector(`[data-cell="${index}"] .js-plotly-plot`);
  return (plot?._fullData || []).map(trace => [Array.from(trace.x || [], Number), Array.from(trace.y || [], Number)]);
}"""
CHANGED = f"([index, before]) => JSON.stringify(({ARRAYS})(index)) !== before"
SAME = f"([index, before]) => JSON.stringify(({ARRAYS})(index)) === before"
DRAWN = f"(index) => ({ARRAYS})(index).length > 0"


class Picture:
    """An explorer in a page: its cell, its arrays, its controls."""

    def __init__(self, lesson, index):
        self.page, self.index = lesson.page, index
        self.page.evaluate(MARK, index)
        self.cell = self.page.locator(f'[data-cell="{index}"]')
        self.page.wait_for_function(DRAWN, arg=index)

    def arrays(self):
        return self.page.evaluate(ARRAYS, self.index)

    def text(self):
        return self.page.evaluate(f"(index) => JSON.stringify(({ARRAYS})(index))", self.index)

    def until(self, what, text):
        self.page.wait_for_function(what, arg=[self.index, text])

    def reset(self):
        self.cell.get_by_role("button", name="Reset").press("Enter")


def moved(before, after):
    """Whether some drawn array has changed by more than 5 % of its range (of its size, where it is one number)."""
    for old, new in zip(chain(*before), chain(*after), strict=True):
        numbers = [(a, b) for a, b in zip(old, new, strict=False) if a is not None and b is not None]
        if len(old) != len(new):
            return True
        if numbers:
            values = [a for a, _ in numbers]
            span = max(values) - min(values) or abs(values[0]) or 1.0
            if max(abs(a - b) for a, b in numbers) > 0.05 * span:
                return True
    return False


def operate(picture, name, act):
    """Do something to a control, see the picture move, reset, see it restored."""
    text = picture.text()
    operate_from_here(picture, name, act)
    picture.reset()
    picture.until(SAME, text)


def operate_from_here(picture, name, act):
    """Do something to a control, and see the picture move."""
    text, before = picture.text(), picture.arrays()
    act()
    picture.until(CHANGED, text)
    picture.page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )
    assert moved(before, picture.arrays()), f"{name} changes next to nothing"


def move_every_control(picture):
    first = picture.text()
    handles = picture.cell.locator(".noUi-handle")
    for k in range(handles.count()):
        handle = handles.nth(k)
        at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        operate(picture, f"slider {k}", lambda handle=handle, at_end=at_end: handle.press("Home" if at_end else "End"))
    choices = picture.cell.locator("select")
    for k in range(choices.count()):
        operate(picture, f"choice {k}", lambda k=k: choices.nth(k).press("ArrowDown"))
    switches = picture.cell.locator("input[type=checkbox]")
    for k in range(switches.count()):
        if switches.nth(k).is_disabled():  # the first choice makes no use of it: take the one before
            text = picture.text()
            choices.last.press("ArrowUp")
            picture.until(CHANGED, text)
        operate_from_here(picture, f"switch {k}", lambda k=k: switches.nth(k).press("Space"))
        picture.reset()
        picture.until(SAME, first)


def play_and_stop(picture):
    buttons = picture.cell.locator(".jupyter-widgets.widget-play button")
    if buttons.count() == 0:
        return
    text = picture.text()
    buttons.first.press("Enter")
    picture.until(CHANGED, text)
    buttons.first.press("Enter")  # pauses
    picture.reset()
    picture.until(SAME, text)


@pytest.mark.parametrize("path", LESSONS + APPENDICES, ids=lambda path: path.stem)
def test_a_lesson_runs_and_every_control_moves_its_picture_and_back(path, browser, tmp_path):
    with Lab(copy_course(tmp_path)) as lab:
        lesson = lab.open(browser, path.relative_to(ROOT).as_posix())
        lesson.run_all()
        assert lesson.errors() == []
        shown = [
            [str(output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])]
            for cell in lesson.cells()
        ]
        explorers = [index for index, texts in enumerate(shown) if any(map(PLOTS.search, texts))]
        assert explorers or any(map(LIVE.search, chain(*shown)))
        for index in explorers:
            picture = Picture(lesson, index)
            move_every_control(picture)
            play_and_stop(picture)
        assert lesson.errors() == []
        lesson.close()
