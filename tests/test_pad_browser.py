"""The drawing pad in a real JupyterLab: drawn on by mouse, touch and keys, read and set from Python."""

import json

import nbformat
import pytest
from browser import Lab

PADS = {  # name -> arguments; each is a pad of its own with the name as its label
    "mouse": "max_points=3",
    "drag": "mode='strokes'",
    "touch": "mode='strokes'",
    "tap": "",
    "keys": "",
    "penkeys": "mode='strokes'",
    "python": "background=[disc('tree', 0.5, 0.5, 0.25), path('expert', [[0, 0], [0, 1]])]",
    "wide": "x_range=(0, 999), y_range=(0, 1), equal=False, x_label='t', y_label='alpha_bar', width=300",
    "twice": "",
}
SET_UP = "from dilviz.show.pad import DrawingPad, disc, dots, path"
ASK = """async (code) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({ code });
  let answer = "";
  asked.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") answer += content.text;
    if (header.msg_type === "error") answer += `${content.ename}: ${content.evalue}`;
  };
  await asked.done;
  return answer.trim();
}"""


@pytest.fixture(scope="module")
def notebook(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("pads")
    cells = [f"{name} = DrawingPad(label={name!r}, height=200, {rest})\n{name}" for name, rest in PADS.items()]
    cells = [nbformat.v4.new_code_cell(source) for source in (SET_UP, *cells, "twice")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "pads.ipynb")
    with Lab(root) as lab:
        notebook = lab.open(browser, "pads.ipynb", height=4000)
        notebook.run_all()
        yield notebook
        assert notebook.errors() == []


class Pad:
    """One pad on the page, and what the kernel knows of it."""

    def __init__(self, notebook, name, view=0):
        self.page, self.name = notebook.page, name
        self.svg = self.page.get_by_role("application", name=name, exact=True).nth(view)
        self.svg.scroll_into_view_if_needed()
        self.root = self.page.locator(".dilviz-pad", has=self.svg)
        self.box = self.svg.bounding_box()

    def place(self, x, y):
        """Where a data point lies on the page, by the pad's own look: a square of 180 in the middle."""
        middle = (self.box["x"] + self.box["width"] / 2, self.box["y"] + self.box["height"] / 2)
        scale = 180 * (self.box["height"] - 2) / 200
        return middle[0] + (x - 0.5) * scale, middle[1] - (y - 0.5) * scale

    def ask(self, code):
        return self.page.evaluate(ASK, code)

    def wait(self, expression, wanted):
        """Waits until the kernel says so."""
        code = f"import json; print(json.dumps({expression}))"
        until = f"async ([code, wanted]) => (await ({ASK})(code)) === wanted"
        self.page.wait_for_function(until, arg=[code, json.dumps(wanted)])

    def wait_count(self, selector, count):
        until = "([svg, selector, count]) => svg.querySelectorAll(selector).length === count"
        self.page.wait_for_function(until, arg=[self.svg.element_handle(), selector, count])

    def wait_words(self, words):
        self.root.get_by_text(words).wait_for()

    def points(self):
        return json.loads(self.ask(f"import json; print(json.dumps({self.name}.points))"))

    def strokes(self):
        return json.loads(self.ask(f"import json; print(json.dumps({self.name}.strokes))"))


def test_the_mouse_drops_points(notebook):
    pad = Pad(notebook, "mouse")
    for count, (x, y) in enumerate([(0.25, 0.75), (0.5, 0.1), (1.2, 0.5)], start=1):
        pad.page.mouse.click(*pad.place(x, y))
        pad.wait("len(mouse.points)", count)
    assert pad.points() == [pytest.approx(p, abs=0.01) for p in ([0.25, 0.75], [0.5, 0.1], [1, 0.5])]
    pad.wait_count(".drawing path", 3)
    pad.page.mouse.click(*pad.place(0.1, 0.1))
    pad.wait_words("All 3 points are placed")
    pad.root.get_by_role("button", name="Undo").click()
    pad.wait("len(mouse.points)", 2)
    pad.root.get_by_role("button", name="Clear").click()
    pad.wait("mouse.points", [])
    pad.wait_count(".drawing path", 0)


def test_a_drag_draws_a_stroke_of_few_points(notebook):
    pad = Pad(notebook, "drag")
    mouse = pad.page.mouse
    mouse.move(*pad.place(0.1, 0.1))
    mouse.down()
    mouse.move(*pad.place(0.1, 0.9), steps=60)
    mouse.move(*pad.place(0.9, 0.9), steps=60)
    pad.wait_count(".drawing polyline", 1)  # seen while it is drawn
    mouse.up()
    pad.wait("len(drag.strokes)", 1)
    (stroke,) = pad.strokes()
    assert stroke[0] == pytest.approx([0.1, 0.1], abs=0.01)
    assert stroke[-1] == pytest.approx([0.9, 0.9], abs=0.01)
    assert min(abs(x - 0.1) + abs(y - 0.9) for x, y in stroke) < 0.02
    assert 3 <= len(stroke) <= 8


def test_a_finger_draws_and_does_not_scroll(notebook):
    pad = Pad(notebook, "touch")
    finger = pad.page.context.new_cdp_session(pad.page)

    def touch(kind, *places):
        touches = [dict(zip("xy", pad.place(*place), strict=True)) for place in places]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", (0.2, 0.2))
    for step in range(1, 21):
        touch("touchMove", (0.2 + 0.03 * step, 0.2 + 0.03 * step))
    touch("touchEnd")
    pad.wait("len(touch.strokes)", 1)
    (stroke,) = pad.strokes()
    assert (stroke[0], stroke[-1]) == (pytest.approx([0.2, 0.2], abs=0.01), pytest.approx([0.8, 0.8], abs=0.01))
    assert pad.svg.bounding_box() == pad.box


def test_a_tap_drops_a_point(notebook):
    pad = Pad(notebook, "tap")
    finger = pad.page.context.new_cdp_session(pad.page)
    x, y = pad.place(0.3, 0.6)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    pad.wait("len(tap.points)", 1)
    assert pad.points() == [pytest.approx([0.3, 0.6], abs=0.01)]


def test_keys_drop_points_and_the_notebook_does_not_take_them(notebook):
    pad = Pad(notebook, "keys")
    cells = len(notebook.cells())
    pad.svg.focus()
    pad.svg.press("Enter")
    for _ in range(6):
        pad.svg.press("ArrowRight")
    pad.svg.press("Shift+ArrowUp")
    pad.svg.press("Space")
    pad.wait("len(keys.points)", 2)
    assert pad.points() == [pytest.approx([0.5, 0.5]), pytest.approx([0.5 + 30 / 180, 0.5 + 25 / 180], abs=1e-4)]
    pad.wait_words("Point 2 at 0.667, 0.639")
    pad.svg.press("Backspace")
    pad.wait("len(keys.points)", 1)
    for key in "dda":  # in JupyterLab: delete the cell, insert one
        pad.svg.press(key)
    assert len(notebook.cells()) == cells
    assert pad.svg.evaluate("svg => svg === document.activeElement")


def test_keys_draw_a_stroke_and_escape_cancels_one(notebook):
    pad = Pad(notebook, "penkeys")
    pad.svg.focus()
    for key in ("Enter", "Shift+ArrowLeft", "Shift+ArrowDown", "Enter"):
        pad.svg.press(key)
    pad.wait("len(penkeys.strokes)", 1)
    step = 25 / 180
    assert [
        pytest.approx(p, abs=1e-4) for p in ([0.5, 0.5], [0.5 - step, 0.5], [0.5 - step, 0.5 - step])
    ] == pad.strokes()[0]
    for key in ("Enter", "ArrowUp", "Escape"):
        pad.svg.press(key)
    pad.wait_words("Stroke cancelled")
    for key in ("Enter", "Enter"):
        pad.svg.press(key)
    pad.wait_words("A stroke needs two ends")
    assert len(pad.strokes()) == 1


def test_python_sets_what_is_seen(notebook):
    pad = Pad(notebook, "python")
    pad.wait_count(".scene ellipse, .scene polyline", 2)
    pad.ask("python.points = [[0.2, 0.2], [0.8, 0.8]]; python.strokes = [[[0, 0], [1, 1], [0, 1]]]")
    pad.wait_count(".drawing path", 2)
    pad.wait_count(".drawing polyline", 1)
    pad.wait_words("2 points, 1 stroke")
    assert pad.svg.locator(".drawing path").first.get_attribute("stroke") == "#B8860B"
    assert "Error: points takes finite" in pad.ask("python.points = [[float('nan'), 0]]")
    pad.wait_count(".drawing path", 2)


def test_the_truth_is_laid_over_and_lifted_by_a_new_point(notebook):
    pad = Pad(notebook, "python")
    pad.ask("python.points = [[0.2, 0.2], [0.8, 0.8]]")
    pad.ask("python.reveal(dots('noise', [[0.2, 0.5], [0.8, 0.5]]), join=True, caption='mean distance 0.3')")
    pad.wait_count(".truth path", 2)
    pad.wait_count(".truth .join", 2)
    pad.wait_words("mean distance 0.3")
    pad.page.mouse.click(*pad.place(0.5, 0.9))
    pad.wait("len(python.points)", 3)
    pad.wait_count(".truth *", 0)
    pad.root.get_by_text("mean distance 0.3").wait_for(state="detached")


def test_a_curve_is_drawn_on_axes_of_its_own(notebook):
    pad = Pad(notebook, "wide")
    assert pad.svg.locator("text").all_text_contents() == ["0", "t", "999", "0", "alpha_bar", "1"]
    right = pad.box["x"] + pad.box["width"] - 1 - 10
    pad.page.mouse.click(right, pad.box["y"] + 1 + 10)
    pad.wait("len(wide.points)", 1)
    assert pad.points() == [pytest.approx([999, 1], rel=0.01)]


def test_two_views_show_one_drawing(notebook):
    first, second = Pad(notebook, "twice"), Pad(notebook, "twice", view=1)
    second.page.mouse.click(*second.place(0.5, 0.5))
    first.wait_count(".drawing path", 1)
    second.wait_count(".drawing path", 1)
    first.wait("len(twice.points)", 1)


def test_a_drawing_saved_in_the_kernel_loads_again(notebook, tmp_path):
    pad = Pad(notebook, "keys")
    pad.svg.press("Enter")
    file = str(tmp_path / "drawing.json")
    pad.ask(f"keys.save({file!r}); saved = keys.points; keys.points = []")
    pad.wait_count(".drawing path", 0)
    pad.ask(f"keys.points = DrawingPad.load({file!r}).points")
    pad.wait("keys.points == saved and len(saved) > 0", True)
    pad.wait_count(".drawing path", len(pad.points()))


def test_the_pad_has_a_name_instructions_and_a_voice(notebook):
    pad = Pad(notebook, "mouse")
    assert pad.svg.get_attribute("tabindex") == "0"
    help_id = pad.svg.get_attribute("aria-describedby")
    assert "By keyboard" in pad.page.locator(f"#{help_id}").inner_text()
    assert pad.root.get_by_role("status").count() == 2
