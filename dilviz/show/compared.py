"""Curves of a comparison: how much each learner makes of how many demonstrations."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.show import theme
from dilviz.show.answers import look_of
from dilviz.show.base import Explorer
from dilviz.show.measured import (
    ALL,
    GOOD,
    MEASURES,
    SUCCESS,
    ComparedData,
    compared_data,
    compared_rows,
    describe_compared,
)
from dilviz.show.schedules import apart

HEIGHT = 430
NAME_GAP = 0.05  # between two names, as a share of the y axis
FAINT, NAME_FAINT = 0.35, 0.6  # opacity of those that are not looked at
# dash and mark of those that share a colour with "diffusion" or "cloning"
LOOKS = {
    "mdn": ("dashdot", "diamond"),
    "mdn-onestep": ("dot", "diamond-open"),
    "lookup": ("longdash", "triangle-up"),
    "diffusion-unet": ("longdashdot", "circle-open"),
    "cloning-onestep": ("dot", "square-open"),
    "dagger": ("solid", "triangle-down"),
}


def compared_figure(data: ComparedData) -> go.Figure:
    """A line a learner over the demonstrations, with its intervals, and its name at its end.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    spread = _spread(data)
    beside = dict(zip(data.curves, 10 ** np.linspace(-spread / 2, spread / 2, len(data.curves)), strict=True))
    heights = _name_heights(data)
    traces = [
        trace
        for name in data.curves
        for trace in (_line(data, name, beside[name]), _name(data, name, beside[name], 10**spread, heights[name]))
    ]
    return go.Figure([*traces, _rings(data, beside)], _layout(data, spread))


def _rings(data: ComparedData, beside: dict[str, float]) -> go.Scatter:
    """A ring around each point of the learner that is looked at; where none is, around the best of each count."""
    rings = []
    for count in data.counts:
        there = {name: c.mean[c.demos == count][0] for name, c in data.curves.items() if count in c.demos}
        best = min(there, key=there.__getitem__) if MEASURES[data.measure].less else max(there, key=there.__getitem__)
        name = best if data.learner == ALL else data.learner
        rings.append((count * beside[name], there.get(name, np.nan)))
    x, y = zip(*rings, strict=True)
    trace = theme.points("prediction", x, y, "ringed", size=16, hoverinfo="skip")
    trace.marker.line.width = 2.5
    return trace


def _spread(data: ComparedData) -> float:
    """How far the points of one number of demonstrations lie apart, in powers of ten."""
    places = np.log10(data.counts)
    return float(min([0.09 * (np.ptp(places) or 1), *(0.5 * np.diff(places))]))


def _weight(data: ComparedData, name: str) -> tuple[float, float]:
    """Opacity and width of a learner, the latter as a multiple."""
    return (1.0, 1.0) if data.learner == ALL else (1.0, 1.7) if data.learner == name else (FAINT, 1.0)


def _line(data: ComparedData, name: str, beside: float) -> go.Scatter:
    curve, unit, (opacity, width) = data.curves[name], MEASURES[data.measure].unit, _weight(data, name)
    look = _look(name, 7 * width, 2 * width)
    look["error_y"] = {"array": curve.high - curve.mean, "arrayminus": curve.mean - curve.low}
    look["error_y"] |= {"thickness": 1.3 * width, "width": 0}
    words = [f"{name}, {count} demonstrations: {curve.said(k, unit)}" for k, count in enumerate(curve.demos)]
    look |= {"mode": "lines+markers", "hovertext": words, "hoverinfo": "text", "opacity": opacity}
    return theme.line(look_of(name), curve.demos * beside, curve.mean, **look, name=name)


def _look(name: str, size: Any, width: float) -> dict[str, Any]:
    """The learner's own dash and mark, in the colour of its role."""
    role = theme.ROLES[look_of(name)]
    dash, symbol = LOOKS.get(name, (role.dash, role.symbol))
    edge = {"width": 1.5, "color": role.color}
    mark = {"symbol": symbol, "size": size, "color": role.color, "opacity": 1, "line": edge}
    return {"line": {"color": role.color, "dash": dash, "width": width}, "marker": mark}


def _name(data: ComparedData, name: str, beside: float, step: float, height: float) -> go.Scatter:
    """A thin line from the last point to the learner's mark and name."""
    curve, (opacity, _) = data.curves[name], _weight(data, name)
    x, y = curve.demos[-1] * np.array([beside, step]), np.array([curve.mean[-1], height])
    look = _look(name, np.array([0, 7]), 0.8)
    look["line"]["dash"] = "solid"
    look |= {"mode": "lines+markers+text", "textposition": "middle right", "opacity": max(opacity, NAME_FAINT)}
    look["text"] = ["", f" <b>{name}</b>" if data.learner == name else f" {name}"]
    return theme.line(look_of(name), x, y, **look, name=f"{name}'s name", hoverinfo="skip")


def _name_heights(data: ComparedData) -> dict[str, float]:
    """Where the names stand: those whose lines end together, one below the other."""
    heights: dict[str, float] = {}
    log = MEASURES[data.measure].log
    gap = NAME_GAP * float(np.ptp(_range(data)))
    for end in data.counts:
        last = {name: curve.mean[-1] for name, curve in data.curves.items() if curve.demos[-1] == end}
        values = np.array([*last.values()])
        placed = 10 ** apart(np.log10(values), gap) if log else apart(values, gap)
        heights |= dict(zip(last, placed, strict=True))
    return heights


def _range(data: ComparedData) -> tuple[float, float]:
    """Of the y axis; of a logarithmic one, in powers of ten."""
    low, high = MEASURES[data.measure].bounds
    if np.isfinite([low, high]).all():
        return low, high
    values = np.concatenate([each for c in data.curves.values() for each in (c.low, c.mean, c.high)])
    values = np.log10(values[values > 0]) if MEASURES[data.measure].log else values
    edge = 0.06 * (np.ptp(values) or 1)
    return float(values.min() - edge), float(values.max() + edge)


def _layout(data: ComparedData, spread: float) -> go.Layout:
    counts, measure = data.counts, MEASURES[data.measure]
    first, last = np.log10(counts[[0, -1]])
    left = spread if len(counts) > 1 else 6 * spread  # one heap of points is not spread over the whole page
    edges = {"l": 64, "r": 128}
    layout = theme.layout(x=(first - left, last + spread), y=_range(data), height=HEIGHT, margin=edges)
    layout.xaxis.update(type="log", title="demonstrations", tickvals=counts, ticktext=[str(n) for n in counts])
    layout.yaxis.title.text = measure.title
    if measure.log:
        ticks = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
        layout.yaxis.update(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    if data.measure == SUCCESS:
        layout.yaxis.tickvals = [0, 20, 40, 60, 80, GOOD, 100]
        grey = {"color": theme.ROLES["expert"].color, "width": 1.5, "dash": "dot"}
        layout.shapes = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": GOOD, "y1": GOOD, "line": grey}]
    layout.meta = {"narrow": {"margin.l": 44, "margin.r": 116, "yaxis.title.text": ""}}
    return layout


class ComparedExplorer(Explorer):
    """How much does each learner make of how many demonstrations?

    Args:
        name: of a file in assets/results that `dilviz compare` has made.

    Raises:
        InputError: no such file, or one of another kind.
    """

    def __init__(self, name: str = "compare_fork") -> None:
        rows = compared_rows(name)
        controls = {
            "measure": ipywidgets.Dropdown(options=list(MEASURES)),
            "learner": ipywidgets.Dropdown(options=[ALL, *dict.fromkeys(row["policy"] for row in rows)]),
        }
        super().__init__(
            controls, lambda state: compared_data(rows, **state), compared_figure, describe_compared, reset=True
        )


STILLS = {"06_compared": lambda: compared_figure(compared_data(compared_rows("compare_lander")))}
