"""Landings as a still: what a page shows that has no player."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dilviz.show import theme
from dilviz.show.landing import FLAG, HIGH, HULL, LOW, STEPS_PER_SECOND, WORLD, Landing, Track, feet, landing_data
from dilviz.tasks import TASKS, shipped

LEGS = [(np.nan, np.nan), (-13, -6), (-27, -17), (np.nan, np.nan), (13, -6), (27, -17)]


def landing_figure(data: Landing) -> go.Figure:
    """The whole trails, with a mark each second: what a page shows that has no player.

    Args:
        data: made by `landing_data`.

    Returns:
        The figure.
    """
    ground = np.array(data.ground) * WORLD
    soil = np.array([[ground[0, 0], LOW], *ground, [ground[-1, 0], LOW]])
    traces = [theme.line("expert", *soil.T, line_width=0, fill="toself", fillcolor=theme.ROLES["expert"].fill)]
    traces += [_flag(*foot) for foot in feet(data)]
    for track in data.tracks:
        path = np.array(track.states)[:, :2] * WORLD
        x, y = path[::STEPS_PER_SECOND].T
        traces += [_lander(track), theme.line(track.role, *path.T), theme.points(track.role, x, y, size=7)]
    layout = theme.layout(x=(-WORLD[0], WORLD[0]), y=(LOW, HIGH), axes=False, equal=True, height=420)
    layout.annotations = [
        _label(track, k / len(data.tracks), -1 if k % 2 else 1) for k, track in enumerate(data.tracks)
    ]
    return go.Figure(traces, layout)


def _flag(x: float, y: float) -> go.Scatter:
    right, up = FLAG.T
    return theme.line("expert", x + right, y + up, line_color=theme.TEXT, line_dash="solid")


def _lander(track: Track) -> go.Scatter:
    """Where it came to rest."""
    x, y, _, _, angle, *_ = track.states[-1]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    u, v = turn @ np.array([*HULL, *LEGS]).T + WORLD[:, None] * [[x], [y]]
    return theme.line(track.role, u, v, line_dash="solid", fill="toself", fillcolor=theme.ROLES[track.role].fill)


def _label(track: Track, part: float, side: int) -> dict[str, Any]:
    """Words beside the trail, each at a height of its own."""
    path = np.array(track.states)[:, :2] * WORLD
    x, y = path[np.abs(path[:, 1] - 240 + 180 * part).argmin()]
    place = {"x": x, "y": y, "ax": side * 60, "ay": 0, "xanchor": "left" if side > 0 else "right"}
    line = {"showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": theme.ROLES[track.role].color}
    return place | line | {"text": f"{track.role}: {track.says}"}


def landing_still() -> go.Figure:
    """The expert and the shipped policies on one moon.

    Returns:
        The figure.
    """
    learners = {name: shipped("lander", name) for name in ("diffusion", "cloning")}
    return landing_figure(landing_data(0, {"expert": TASKS["lander"].expert(), **learners}))


STILLS = {"00_landing": landing_still}
