"""The explorer without a browser: one way from a control to the picture."""

import contextlib
import math

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded


class Curve(Explorer):
    """y = x to the power of n, plus an offset; counts how often its data is computed."""

    def __init__(self, **options):
        self.calls = []
        n, offset = ipywidgets.IntSlider(1, 0, 7), ipywidgets.FloatSlider(0.5, min=-1, max=1)
        controls = {"n": n, "offset": offset, "kind": ipywidgets.Dropdown(options=["up", "down"])}
        super().__init__(controls, self.compute, self.picture, self.describe, **options)

    @staticmethod
    def describe(data):
        return f"3 points, the last at {rounded(data[-1])}"

    def compute(self, state):
        self.calls.append(state)
        if state["n"] == 7:
            raise InputError("n is 7; take another")
        return np.array([0.0, 1.0, 2.0]) ** state["n"] + state["offset"]

    @staticmethod
    def picture(data):
        return go.Figure([theme.line("diffusion", [0, 1, 2], data)], theme.layout(x=(0, 2), y=(0, 200)))


def test_the_state_is_plain_and_in_order():
    assert list(Curve().state().items()) == [("n", 1), ("offset", 0.5), ("kind", "up")]


def test_assigning_a_value_redraws_and_back_again_restores():
    explorer = Curve()
    plot, before = explorer.plot, explorer.plot.figure
    explorer.n.value = 3
    assert explorer.plot is plot
    np.testing.assert_allclose(explorer.data, [0.5, 1.5, 8.5])
    assert explorer.plot.figure != before
    assert explorer.figure.data[0].y[-1] == 8.5
    explorer.n.value = 1
    assert explorer.plot.figure == before


def test_the_browser_is_sent_the_figure_and_its_sentence():
    explorer = Curve()
    explorer.n.value = 2
    assert explorer.plot.figure == explorer.figure.to_dict()
    assert explorer.plot.caption == "3 points, the last at 4.5"


def test_data_is_computed_once_a_change():
    explorer = Curve(reset=True)
    explorer.n.value = 3
    explorer.n.value = 3
    assert [call["n"] for call in explorer.calls] == [1, 3]
    explorer.assign(n=2, offset=0.25, kind="down")
    assert explorer.calls[2:] == [{"n": 2, "offset": 0.25, "kind": "down"}]
    explorer.reset_button.click()
    assert explorer.calls[3:] == [{"n": 1, "offset": 0.5, "kind": "up"}]
    explorer.reset()
    assert len(explorer.calls) == 4


def bounded(states):
    """An index into something, and its size: an explorer in which one control bounds another."""
    size, index = ipywidgets.SelectionSlider(options=[4, 9, 99], value=9), ipywidgets.IntSlider(8, 0, 8)
    ipywidgets.dlink((size, "value"), (index, "max"), lambda n: n - 1)
    controls = {"index": index, "size": size}
    return Explorer(controls, lambda state: states.append(state), lambda _: go.Figure(), lambda _: "nothing")


def test_a_bound_linked_first_is_drawn_once():
    states = []
    bounded(states).size.value = 4
    assert states[1:] == [{"index": 3, "size": 4}]


def test_reset_and_assign_bring_back_what_a_bound_had_cut():
    explorer = bounded([])
    explorer.size.value = 4
    explorer.reset()
    assert explorer.state() == explorer.initial == {"index": 8, "size": 9}
    explorer.assign(index=90, size=99)
    assert explorer.index.value == 90


def test_a_value_that_is_refused_leaves_the_picture_with_its_controls():
    states = []
    explorer = bounded(states)
    with pytest.raises(InputError, match=r"^size does not take 7; take one of 4, 9, 99\.$"):
        explorer.assign(index=5, size=7)
    assert explorer.index.value == states[-1]["index"] == 5
    with pytest.raises(InputError, match=r"^index does not take 'late'; give one like 5\.$"):
        explorer.assign(index="late")


def test_reset_restores_the_first_state():
    explorer = Curve(reset=True)
    first = explorer.plot.figure
    explorer.assign(n=4, kind="down")
    assert explorer.plot.figure != first
    explorer.reset_button.click()
    assert explorer.state() == explorer.initial
    assert explorer.plot.figure == first


def test_play_holds_the_slider():
    """The rest happens in the browser."""
    explorer = Curve(play="n", interval=50)
    assert (explorer.play.slider, explorer.play.interval) == (explorer.n, 50)
    assert explorer.play in explorer.children[0].children


def test_a_planted_bug_surrounds_the_data():
    inside = []

    @contextlib.contextmanager
    def half():
        inside.append("in")
        yield
        inside.append("out")

    explorer = Curve(bugs=[("half", half)], reset=True)
    assert explorer.state()["bug"] == "none"
    assert inside == []
    explorer.bug.value = "half"
    assert inside == ["in", "out"]
    assert "bug" not in explorer.calls[-1]
    assert "bug='half'" in repr(explorer)
    explorer.reset()
    assert explorer.bug.value == "none"


def test_one_line_describes_the_state():
    explorer = Curve()
    assert repr(explorer) == "Curve(n=1, offset=0.5, kind='up'): 3 points, the last at 2.5"
    explorer.offset.value = 1 / 3
    assert repr(explorer) == "Curve(n=1, offset=0.333, kind='up'): 3 points, the last at 2.33"


def test_a_front_end_without_widgets_shows_the_whole_line():
    class LongWinded(Curve):
        def __init__(self):
            super().__init__()
            self.plot.caption = "so many words that ipywidgets alone would cut them off " * 3

    explorer = LongWinded()
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer)
    assert len(repr(explorer)) > 160
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_controls_that_do_not_go_together_are_explained_and_the_picture_stays():
    explorer = Curve()
    before = explorer.plot.figure
    explorer.n.value = 7
    assert repr(explorer).endswith("n is 7; take another")
    assert explorer.plot.figure == before
    explorer.n.value = 1
    assert explorer.plot.caption == "3 points, the last at 2.5"


def test_every_control_has_a_label():
    explorer = Curve()
    assert [control.description for control in explorer.controls.values()] == ["n", "offset", "kind"]


@pytest.mark.parametrize("name", ["layout", "state", "data", "children"])
def test_a_taken_name_is_refused(name):
    with pytest.raises(InputError, match=name):
        Explorer({name: ipywidgets.IntSlider()}, lambda s: s, lambda d: go.Figure(), lambda d: "nothing")


def test_an_unknown_control_is_named():
    with pytest.raises(InputError, match=r"'m'.*n, offset, kind"):
        Curve().assign(m=3)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.91349999999, "0.914"), (0.91350001, "0.914"), (-0.0, "0"), (-3e-17, "0"), (1000, "1000"), (12345, "12300"),
     (999.6, "1000"), (-0.000123456, "-0.000123"), (1e-9, "1e-09"), (0.5, "0.5"), (math.inf, "inf"), (math.nan, "nan"),
     (np.float32(0.1), "0.1")],
)  # fmt: skip
def test_rounded(number, text):
    assert rounded(number) == text


@given(st.floats(-1e30, 1e30))
def test_rounded_is_near_and_stable(x):
    text = rounded(x)
    assert float(text) == pytest.approx(x, rel=5.1e-3, abs=1e-12)
    assert rounded(float(text)) == text
    assert text != "-0"


@given(st.integers(100, 999), st.integers(-12, 12), st.floats(-1e-6, 1e-6))
def test_rounded_is_the_same_for_values_that_agree(digits, exponent, noise):
    """A tie in the fourth digit, too, which machines compute a little above or below."""
    exact = float(f"{digits}.5e{exponent}")
    assert rounded(exact * (1 + noise / 10)) == rounded(exact)
