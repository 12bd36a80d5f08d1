"""A Plotly figure as a widget, drawn in place, and the button that plays it; a page loads Plotly once.

Plotly's own FigureWidget sends its library of 5 MB with every figure and draws every message that it is sent, so a
lesson of six figures is slow to start and a slow browser runs behind a fast hand.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import anywidget
import ipywidgets
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs

from dilviz.show import theme


class _Library(ipywidgets.Widget):
    source = traitlets.Unicode().tag(sync=True)


@cache
def _library() -> _Library:
    return _Library(source=get_plotlyjs())


class Plot(anywidget.AnyWidget):
    """A figure and the sentence below it, which is the figure's name for a screen reader, too.

    Args:
        figure: what is drawn.
        caption: one sentence that says what it shows.
    """

    _esm = Path(__file__).with_name("plot.js")
    _css = theme.CSS
    library = traitlets.Instance(_Library).tag(sync=True, **ipywidgets.widget_serialization)
    figure = traitlets.Dict().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)

    def __init__(self, figure: go.Figure, caption: str) -> None:
        super().__init__(library=_library(), figure=figure.to_dict(), caption=caption)

    def show(self, figure: go.Figure, caption: str) -> None:
        """Draw another figure in the same place.

        Args:
            figure: of the same traces as the first one.
            caption: its sentence.
        """
        with self.hold_sync():
            self.figure, self.caption = figure.to_dict(), caption


class PlayButton(anywidget.AnyWidget):
    """A button that moves a slider to its end.

    Args:
        slider: a widget with `value`, `min`, `max` and `step`.
        interval: milliseconds a step.
    """

    _esm = Path(__file__).with_name("play.js")
    slider = traitlets.Instance(ipywidgets.Widget).tag(sync=True, **ipywidgets.widget_serialization)
    interval = traitlets.Int(100, min=1).tag(sync=True)

    def __init__(self, slider: ipywidgets.Widget, interval: int = 100) -> None:
        super().__init__(slider=slider, interval=interval)
