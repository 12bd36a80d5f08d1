"""The picture language: which colour, dash and marker each role has, and a quiet Plotly layout.

A line or mark has one colour, readable on white and on JupyterLab's dark. No colour of text is, so text follows
the page's variables through `theme.css`; the colour of text given here is for stills, which are white.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

CSS = Path(__file__).with_name("theme.css")
TEXT = "#1f1f1f"
GRID = "rgba(128, 128, 128, 0.25)"
_CLEAR = "rgba(0, 0, 0, 0)"
_AXIS = {
    "gridcolor": GRID,
    "zeroline": False,
    "fixedrange": True,  # a drag scrolls the page; a picture that is zoomed by mistake is lost
    "title": {"font": {"size": 13}, "standoff": 8},
    "ticklabelstandoff": 4,  # or the two zeros meet in the corner
}
QUIET = go.layout.Template(
    layout={
        "font": {"size": 13, "color": TEXT, "family": "system-ui, sans-serif"},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


@dataclass(frozen=True)
class Role:
    """How one kind of thing looks.

    Args:
        color: "#RRGGBB", of lines and marks.
        dash: of its lines, as Plotly names it.
        width: of its lines, in pixels.
        symbol: of its marks, as Plotly names it.
    """

    color: str
    dash: str
    width: float
    symbol: str

    @property
    def fill(self) -> str:
        """The colour at a fifth, for areas."""
        return f"{self.color}33"


ROLES = {
    "diffusion": Role("#0072B2", "solid", 2.5, "circle"),
    "cloning": Role("#D55E00", "dash", 2.5, "square"),
    "expert": Role("#808080", "dot", 1.5, "circle"),
    "data": Role("#808080", "dot", 1.5, "circle"),
    "noise": Role("#9467BD", "dashdot", 2.0, "diamond"),
    "tree": Role("#009E73", "solid", 1.5, "circle"),
    "prediction": Role("#B8860B", "longdash", 2.0, "circle-open"),
}


def line(role: str, x: Any, y: Any, label: str = "", at: Any = -1, **kwargs: Any) -> go.Scatter:
    """A line in a role's look, named where it can be read.

    Args:
        role: a name in ROLES.
        x: (n,) in data units; NaN breaks the line.
        y: (n,) in data units.
        label: words beside the line; at its end they need room in the layout's right margin.
        at: index of the point that carries the label.
        kwargs: other properties of the trace.

    Returns:
        one trace.
    """
    look = ROLES[role]
    trace: dict[str, Any] = {"name": label or role, "mode": "lines", "cliponaxis": False}
    trace["line"] = {"color": look.color, "dash": look.dash, "width": look.width}
    if label:
        words = [""] * len(x)
        words[at] = label
        trace |= {"mode": "lines+text", "text": words, "textposition": "middle right"}
    return go.Scatter(trace | {"x": x, "y": y} | kwargs)


def paths(role: str, polylines: Iterable[Any], label: str = "", **kwargs: Any) -> go.Scatter:
    """Many polylines as one trace.

    Args:
        role: a name in ROLES.
        polylines: arrays (n, 2) of x and y in data units.
        label: the trace's name.
        kwargs: other properties of the trace.

    Returns:
        one trace, its polylines parted by NaN.
    """
    gap = np.full((1, 2), np.nan)
    joined = np.concatenate([gap, *(part for p in polylines for part in (np.asarray(p, float), gap))])
    return line(role, joined[1:, 0], joined[1:, 1], **({"name": label or role} | kwargs))


def points(role: str, x: Any, y: Any, label: str = "", size: float = 6, **kwargs: Any) -> go.Scatter:
    """Marks in a role's look.

    Args:
        role: a name in ROLES.
        x: (n,) in data units.
        y: (n,) in data units.
        label: the trace's name.
        size: diameter in pixels.
        kwargs: other properties of the trace.

    Returns:
        one trace.
    """
    look = ROLES[role]
    edge = {"width": 1.5 if look.symbol.endswith("open") else 0}
    trace: dict[str, Any] = {"name": label or role, "mode": "markers", "cliponaxis": False, "x": x, "y": y}
    trace["marker"] = {"color": look.color, "symbol": look.symbol, "size": size, "line": edge}
    return go.Scatter(trace | kwargs)


def disc(role: str, x: float, y: float, radius: float) -> dict[str, Any]:
    """A filled disc, such as the tree.

    Args:
        role: a name in ROLES.
        x: centre, in data units.
        y: centre, in data units.
        radius: in data units.

    Returns:
        a shape for `layout(shapes=[…])`.
    """
    look = ROLES[role]
    box = {"x0": x - radius, "x1": x + radius, "y0": y - radius, "y1": y + radius}
    return box | {"type": "circle", "layer": "below", "fillcolor": look.fill, "line_color": look.color}


def layout(
    *, x: Any = None, y: Any = None, axes: bool = True, equal: bool = False, height: int = 360, **kwargs: Any
) -> go.Layout:
    """A quiet layout: transparent paper, no frame, no legend, one scale of type, axes that stand still.

    Args:
        x: (low, high) of the x axis in data units; without it the axis jumps when the data changes.
        y: (low, high) of the y axis.
        axes: False hides ticks and grid, for a scene in which no number is read.
        equal: one unit is as long in x as in y.
        height: in pixels; the width is the page's.
        kwargs: other properties of the layout, such as `xaxis_title`, `shapes`, `margin_r`.

    Returns:
        a layout for `go.Figure(traces, layout(…))`.
    """
    axis: dict[str, Any] = {} if axes else {"showgrid": False, "showticklabels": False}
    axis |= {"constrain": "domain"} if equal else {}
    edges = {"l": 56, "r": 16, "t": 16, "b": 44} if axes else {"l": 8, "r": 8, "t": 8, "b": 8}
    quiet = go.Layout(template=QUIET, height=height, margin=edges, yaxis_scaleanchor="x" if equal else None)
    return quiet.update(xaxis=axis | {"range": x}, yaxis=axis | {"range": y}).update(**kwargs)
