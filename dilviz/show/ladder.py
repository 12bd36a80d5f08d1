"""From the textbook's training step to `fit`, a rung at a time: what each change is worth, and its lines of code."""

from __future__ import annotations

import html
import inspect
import json
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.assets import asset
from dilviz.diffusion import loop as fit_loop
from dilviz.errors import InputError
from dilviz.show import rungs, theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.ladder_timing import FLOOR, RUNGS, machine_name, time_rungs

NEEDS_CUDA = "needs CUDA; not measured here"
CODE = "white-space: pre; overflow: auto; max-height: 24em; font-size: 12px; line-height: 1.4; margin: 4px 0"


@dataclass(frozen=True)
class LadderData:
    """Microseconds a step.

    Args:
        stored: rung -> microseconds when the course was made, `FLOOR` among them; NaN where it was not measured.
        now: the same on this machine; empty before it was timed.
        rung: the one that is looked at.
        where: the machine of the stored figures, in words.
    """

    stored: dict[str, float]
    now: dict[str, float]
    rung: str
    where: str


@cache
def _stored() -> tuple[dict[str, float], str]:
    content = json.loads(asset("results", "fit_ladder.json").read_text(encoding="utf-8"))
    figures = {name: np.nan if us is None else us for name, us in content["us_per_step"].items()}
    return figures, f"{content['machine']}, one thread, torch {content['torch']}; {content['command']}"


def code(rung: str) -> str:
    """What a rung changes.

    Args:
        rung: a name in RUNGS.

    Returns:
        Its lines of Python.

    Raises:
        InputError: no such rung.
    """
    if rung not in RUNGS:
        raise InputError(f"rung {rung!r} is unknown; take one of {', '.join(RUNGS)}.")
    kind = RUNGS[rung]
    if kind is rungs.Textbook:
        return "\n".join(_source(getattr(kind, name)) for name in ("step", "_batch", "_update", "_average", "_log"))
    if kind is rungs.Fit:
        return "\n".join(_source(part) for part in (fit_loop.Loop.one_step, fit_loop.Loop._clip))
    if kind is rungs.MixedPrecision:
        lines = _source(fit_loop.Loop.one_step).splitlines()
        at = next(k for k, line in enumerate(lines) if "torch.autocast" in line)
        return textwrap.dedent("\n".join(lines[at - 1 : at + 3]))
    return _source(fit_loop._capture if kind is rungs.CudaGraph else kind)


def _source(what: Any) -> str:
    return textwrap.dedent(inspect.getsource(what)).rstrip() + "\n"


def ladder_data(rung: str, now: dict[str, float] | None = None) -> LadderData:
    """The stored figures, and those of this machine.

    Args:
        rung: a name in RUNGS.
        now: as `time_rungs` gives it; None before it was called.

    Returns:
        What the picture shows.
    """
    figures, where = _stored()
    return LadderData(figures, now or {}, rung, where)


def ladder_figure(data: LadderData) -> go.Figure:
    """A rung a row, the textbook's at the top: its name, the stored bar, and below it the bar of this machine.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    # Room for a slower machine, so that the axis stands still when it is timed.
    most = max(1.6 * np.nanmax([*data.stored.values()]), 1.3 * max(data.now.values(), default=0))
    traces = [
        _bars(data.stored, "data", -0.18, data.rung, "stored"),
        _bars(data.now, "diffusion", 0.1, data.rung, "here"),
        _unmeasured(data),
        _names(data.rung),
        _floor(data.stored, "data"),
        _floor(data.now, "diffusion"),
    ]
    layout = theme.layout(x=(0, most), y=(len(RUNGS) - 0.4, -1.2), height=600, margin_l=12)
    layout.xaxis.update(title="microseconds a step")
    layout.yaxis.update(showticklabels=False, showgrid=False)
    return go.Figure(traces, layout)


def _bars(figures: dict[str, float], role: str, offset: float, chosen: str, label: str) -> go.Bar:
    values = [figures.get(name, np.nan) for name in RUNGS]
    words = ["" if np.isnan(us) else f"{us:,.0f}" for us in values]
    words[0] += f" {label}" * bool(words[0])
    return go.Bar(
        y=np.arange(len(RUNGS)), x=np.array(values), orientation="h", width=0.26, offset=offset, name=label,
        marker={"color": theme.ROLES[role].color, "opacity": [1.0 if name == chosen else 0.5 for name in RUNGS]},
        textposition="outside", cliponaxis=False, text=words,
    )  # fmt: skip


def _unmeasured(data: LadderData) -> go.Scatter:
    none = [k for k, name in enumerate(RUNGS) if np.isnan(data.stored[name]) and name not in data.now]
    words = [f" {NEEDS_CUDA}"] * len(none)
    return go.Scatter(x=[0.0] * len(none), y=none, text=words, mode="text", textposition="middle right")


def _names(chosen: str) -> go.Scatter:
    words = [f" <b>{name}</b>" if name == chosen else f" {name}" for name in RUNGS]
    x, y = np.zeros(len(RUNGS)), np.arange(len(RUNGS)) - 0.36
    return go.Scatter(x=x, y=y, text=words, mode="text", textposition="middle right", cliponaxis=False)


def _floor(figures: dict[str, float], role: str) -> go.Scatter:
    """A line across all bars; the stored one has its name above the first rung."""
    at = figures.get(FLOOR, np.nan)
    label = f" {FLOOR}" if role == "data" else ""
    ends = [len(RUNGS) - 2.5, -0.85]
    return theme.line(role, np.array([at, at]), ends, label, line_dash="dot", line_width=1.5)


def describe_ladder(data: LadderData) -> str:
    """The chosen rung's stored figure in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    us, floor = data.stored[data.rung], data.stored[FLOOR]
    figure = (
        f"{us:,.0f} µs a step, {rounded(us / floor)} times {FLOOR} ({floor:,.0f} µs)"
        if np.isfinite(us)
        else f"{NEEDS_CUDA}"
    )
    return f"Rung {data.rung}: {figure}. Stored figures: {data.where}."


class FitLadder(Explorer):
    """One training step, from the textbook's loop to `fit`: read each change, and time all of them here.

    Args:
        seconds: about how long a timing takes.
    """

    def __init__(self, seconds: float = 7.0) -> None:
        self.now: dict[str, float] = {}
        self.seconds = seconds
        controls = {"rung": ipywidgets.Dropdown(options=list(RUNGS), value=next(iter(RUNGS)))}
        super().__init__(
            controls, lambda state: ladder_data(state["rung"], self.now), ladder_figure, describe_ladder, reset=True
        )
        self.button = ipywidgets.Button(description="Time it on this machine", layout={"width": "auto"})
        self.button.on_click(lambda _: self.time())
        self.progress = ipywidgets.FloatProgress(min=0, max=1, layout={"width": "120px", "visibility": "hidden"})
        self.measured, self.source = ipywidgets.HTML(), ipywidgets.HTML()
        self.children[0].children += (self.button, self.progress)
        self.children += (self.measured, self.source)
        self.rung.observe(lambda _: self._show_code(), "value")
        self._show_code()

    @staticmethod
    def code(rung: str) -> str:
        """What a rung changes, as text.

        Args:
            rung: a name in RUNGS.

        Returns:
            Its lines of Python.

        Raises:
            InputError: no such rung.
        """
        return code(rung)

    def time(self) -> None:
        """Time all rungs in this kernel, now; bars and a progress bar follow."""
        self.button.disabled, self.progress.layout.visibility = True, "visible"
        drawn = [0.0]

        def progress(share: float, figures: dict[str, float]) -> None:
            self.progress.value = share
            if share - drawn[0] > 0.1:
                drawn[0] = share
                self._draw(figures)

        try:
            self._draw(time_rungs(self.seconds, progress))
        finally:
            self.button.disabled, self.progress.layout.visibility = False, "hidden"
        last = [name for name in RUNGS if name in self.now][-1]
        first, end, floor = self.now["0 the textbook's loop"], self.now[last], self.now[FLOOR]
        self.measured.value = (
            f"Here, {html.escape(machine_name())}, one thread, torch {torch.__version__.partition('+')[0]}: from "
            f"{first:,.0f} to {end:,.0f} µs a step; {FLOOR} takes {floor:,.0f} µs."
        )

    def reset(self) -> None:
        """Back to the first rung and the stored figures."""
        super().reset()
        self.measured.value = ""
        self._draw({})

    def _draw(self, now: dict[str, float]) -> None:
        self.now = now
        self.data = ladder_data(self.rung.value, now)
        self.figure = ladder_figure(self.data)
        self.plot.show(self.figure, describe_ladder(self.data))

    def _show_code(self) -> None:
        lines = html.escape(code(self.rung.value))
        self.source.value = f'<pre style="{CODE}">{lines}</pre>'


STILLS = {"03_ladder": lambda: ladder_figure(ladder_data("6 fit, as it stands"))}
