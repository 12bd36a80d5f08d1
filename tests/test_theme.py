"""The picture language is readable: contrasts by WCAG 2.2, on white and in JupyterLab's own themes."""

import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from jupyterlab.commands import get_app_dir

from dilviz.show import theme

THEMES = Path(get_app_dir(), "themes", "@jupyterlab")
GROUNDS = ["--jp-layout-color0", "--jp-layout-color1"]  # what a notebook and its outputs stand on
NAMED = {"white": "#ffffff", "black": "#000000"}


def variables(name):
    """The CSS variables of an installed JupyterLab theme."""
    text = (THEMES / f"theme-{name}-extension" / "index.css").read_text(encoding="utf-8")
    return dict(re.findall(r"(--jp-[\w-]+):([^;}]+)", text))


def channels(value, ground=(0, 0, 0)):
    """The red, green and blue (0 to 255) of a CSS colour, laid over the ground."""
    value = re.sub(r"var\([^,]+,(.+)\)", r"\1", value.strip())
    value = NAMED.get(value, value)
    if value.startswith("rgba"):
        *rgb, alpha = (float(part) for part in value[5:-1].split(","))
        return alpha * np.array(rgb) + (1 - alpha) * np.array(ground)
    digits = value[1:] if len(value) == 7 else "".join(2 * digit for digit in value[1:])
    return np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)], float)


def luminance(rgb):
    """WCAG 2.2: relative luminance."""
    c = np.asarray(rgb) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(foreground, background):
    """WCAG 2.2: contrast ratio of two CSS colours."""
    ground = channels(background)
    dark, light = sorted((luminance(channels(foreground, ground)), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def test_the_ruler_measures_what_wcag_says():
    assert contrast("#000000", "white") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert contrast("rgba(0,0,0,.5)", "white") == pytest.approx(contrast("#808080", "white"), abs=0.03)


@pytest.mark.parametrize("role", theme.ROLES)
@pytest.mark.parametrize("ground", ["white", *GROUNDS])
def test_lines_and_marks_stand_out(role, ground):
    ground = variables("dark").get(ground, ground)
    assert contrast(theme.ROLES[role].color, ground) >= 3


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_is_readable_in_jupyterlab(name, ground):
    """The variable is the one that theme.css gives to all text."""
    text = re.search(r"--dilviz-text: var\((--jp-[\w-]+)", theme.CSS.read_text()).group(1)
    assert contrast(variables(name)[text], variables(name)[ground]) >= 4.5


def test_text_has_no_colour_of_its_own():
    rules = re.findall(r"(?<![\w-])(?:color|fill): ([^;!]+)", theme.CSS.read_text())
    assert rules
    assert {rule.strip() for rule in rules} <= {"var(--dilviz-text)", "var(--dilviz-paper)"}


def test_text_of_stills_is_readable_on_white():
    assert contrast(theme.TEXT, "white") >= 4.5


def test_series_differ_by_more_than_colour():
    """Expert and data are one thing, the tree is an area; every other pair differs by dash and by marker."""
    series = [theme.ROLES[name] for name in ("diffusion", "cloning", "data", "noise", "prediction")]
    assert len({role.dash for role in series}) == len(series)
    assert len({role.symbol for role in series if role.symbol != "circle"}) == 3


def test_traces_carry_their_role():
    line = theme.line("cloning", [0, 1, 2], [1, 2, 3], label="cloned", at=1)
    assert (line.line.color, line.line.dash, list(line.text)) == ("#D55E00", "dash", ["", "cloned", ""])
    marks = theme.points("prediction", [0], [1])
    assert (marks.mode, marks.marker.symbol, marks.marker.color) == ("markers", "circle-open", "#B8860B")


def test_paths_are_parted():
    trace = theme.paths("expert", [np.zeros((2, 2)), np.ones((3, 2))])
    np.testing.assert_array_equal(trace.x, [0, 0, np.nan, 1, 1, 1, np.nan])


def test_a_layout_stands_still_and_is_quiet():
    figure = go.Figure(
        [], theme.layout(x=(0, 2), y=(0, 1), equal=True, axes=False, shapes=[theme.disc("tree", 1, 0, 0.5)])
    )
    layout = figure.layout
    assert layout.xaxis.range == (0, 2)
    assert layout.yaxis.scaleanchor == "x"
    assert layout.template.layout.showlegend is False
    assert not layout.xaxis.showticklabels
    assert layout.shapes[0].x1 == 1.5


def test_a_layout_takes_other_properties():
    layout = theme.layout(xaxis_title="t", margin_r=80)
    assert (layout.xaxis.title.text, layout.margin.r, layout.margin.l) == ("t", 80, 56)
