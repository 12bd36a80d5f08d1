"""The explorer in a real JupyterLab: every control moves the picture, and the last state stands."""

import nbformat
import pytest
from browser import Lab

CELL = '''
import ipywidgets
import numpy as np
import plotly.graph_objects as go
from dilviz.show import theme
from dilviz.show.base import Explorer

class Ramp(Explorer):
    """y = n times x, the other way round if kind is down."""

    def __init__(self):
        n = ipywidgets.IntSlider(10, 0, 100)
        kind = ipywidgets.Dropdown(options=["up", "down"])
        controls = {"n": n, "kind": kind}
        super().__init__(controls, self.compute, self.picture, self.describe, play="n", reset=True)

    def compute(self, state):
        y = state["n"] * np.linspace(0.0, 1.0, 11)
        return y if state["kind"] == "up" else -y

    @staticmethod
    def picture(y):
        return go.Figure([theme.line("diffusion", np.arange(11), y)], theme.layout(x=(0, 10), y=(-100, 100)))

    @staticmethod
    def describe(y):
        return f"a ramp to {y[-1]:.0f}"

ramp = Ramp()
ramp
'''
LAST = "([value]) => document.querySelector('.js-plotly-plot')._fullData[0].y[10] === value"


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("explorers")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in (CELL, "ramp.n.value = 30", "print(ramp)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "ramp.ipynb")
    with Lab(root) as lab:
        notebook = lab.open(browser, "ramp.ipynb", height=1600)
        notebook.run_all()
        notebook.wait_figures(1)
        yield notebook
        assert notebook.errors() == []


@pytest.fixture
def notebook(opened):
    """The open notebook, its ramp in the first state."""
    opened.page.get_by_role("button", name="Reset").click()
    wait_last(opened, 10)
    return opened


def wait_last(notebook, value):
    """Waits until the curve ends at a value."""
    notebook.page.wait_for_function(LAST, arg=[value])


def test_a_value_assigned_in_a_cell_is_drawn(opened):
    wait_last(opened, 30)
    assert opened.text(0) == "Ramp(n=10, kind='up'): a ramp to 10"
    assert opened.text(2).strip() == "Ramp(n=30, kind='up'): a ramp to 30"


def test_keys_move_the_picture_and_back_again_restores_it(notebook):
    before = notebook.figures()
    notebook.press("n", "PageUp")
    after = notebook.wait_changed(before)
    assert max(abs(a - b) for a, b in zip(before[0][0], after[0][0], strict=True)) > 0.05 * max(before[0][0])
    notebook.press("n", "PageDown")
    notebook.wait_equal(before)


def test_a_menu_moves_the_picture(notebook):
    notebook.page.get_by_label("kind").select_option("down")
    wait_last(notebook, -10)


def test_the_picture_says_what_it_shows(notebook):
    notebook.page.get_by_role("img", name="a ramp to 10").wait_for()
    notebook.press("n", "End")
    notebook.page.get_by_role("img", name="a ramp to 100").wait_for()
    assert notebook.page.locator("figcaption").inner_text() == "a ramp to 100"


def test_controls_have_names(notebook):
    for role, name in [("slider", "n"), ("combobox", "kind"), ("button", "Play"), ("button", "Reset")]:
        assert notebook.page.get_by_role(role, name=name, exact=True).count() == 1


def test_play_moves_the_slider(notebook):
    notebook.page.get_by_role("button", name="Play").click()
    notebook.page.wait_for_function("() => document.querySelector('.js-plotly-plot')._fullData[0].y[10] >= 13")
    notebook.page.get_by_role("button", name="Pause").click()
    notebook.page.get_by_role("button", name="Play").wait_for()


def test_play_stops_at_the_end_and_begins_anew(notebook):
    notebook.press("n", "End", "ArrowLeft")
    wait_last(notebook, 99)
    notebook.page.get_by_role("button", name="Play").click()
    wait_last(notebook, 100)
    notebook.page.get_by_role("button", name="Play").click()
    notebook.page.wait_for_function("() => document.querySelector('.js-plotly-plot')._fullData[0].y[10] < 50")
    notebook.page.get_by_role("button", name="Pause").click()


def test_after_a_long_drag_the_last_state_stands(notebook):
    handle, mouse = notebook.slider("n"), notebook.page.mouse
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    for step in range(120):
        mouse.move(x + 60 * (step % 2) + step / 4, y)
    mouse.move(x + 400, y)
    mouse.up()
    wait_last(notebook, 100)
    assert handle.get_attribute("aria-valuenow") == "100.0"


def test_the_picture_fits_the_page(notebook):
    edges = "[...document.querySelectorAll('figure, figure svg')].map(s => s.getBoundingClientRect().right)"
    assert max(notebook.page.evaluate(edges)) > 768
    notebook.page.set_viewport_size({"width": 768, "height": 1600})
    notebook.page.wait_for_function(f"() => Math.max(...{edges}) <= innerWidth")


def test_text_follows_the_theme(notebook):
    fill = "() => getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill"
    light = notebook.page.evaluate(fill)
    notebook.page.evaluate("() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    notebook.page.wait_for_function(f"() => ({fill})().startsWith('rgba(255, 255, 255')")  # by way of others
    assert light.startswith("rgba(0, 0, 0")
