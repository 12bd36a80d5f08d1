"""Steps against error: what each sampler makes of a number of network passes, held to the exact answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.schedules import apart
from dilviz.show.solver_errors import (
    DATA,
    DISTRIBUTION,
    FITTED,
    GRIDS,
    METHODS,
    PARTICLES,
    PASSES,
    PATH,
    PATHS,
    SCHEDULES,
    UNIFORM,
    ends_of,
    errors_of,
    exact_ends,
    fitted_slope,
    floor_of,
)

SHOWN = 150  # particles in the scene
VIEW = (-2.3, 2.3)
NAMES_AT = 215.0  # passes: where the names of the lines stand, beyond the last point
# log10 of the errors that are seen
HEIGHTS = {PATH: (-4.6, 0.4), DISTRIBUTION: (-2.3, 0.05)}
TITLES = {PATH: "distance to the exact solution", DISTRIBUTION: "distance of the cloud to the data"}
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "true data": ("data", {"marker_size": 3}),
    "DDIM": ("diffusion", {}),
    "2M": ("tree", {"marker_symbol": "square", "line_width": 2.5}),
    "DDPM": ("noise", {}),
    "DDIM, η = 0.5": ("noise", {"line_dash": "dot", "marker_symbol": "diamond-open"}),
}


@dataclass(frozen=True)
class SolverData:
    """Errors of all samplers at all numbers of passes, and one sampler's particles at one of them.

    Args:
        errors: sampler -> error at each number in PASSES; NaN where there is none.
        floor: what the true data's own draws have; NaN for the path.
        measure: PATH or DISTRIBUTION.
        method: whose particles are shown.
        passes: with how many passes.
        ends: (SHOWN, 2) where it takes them.
        exact: (SHOWN, 2) where the exact solution takes them.
        fixed: whether the grid is of two noise levels alone, so that the schedule plays no part.
    """

    errors: dict[str, np.ndarray]
    floor: float
    measure: str
    method: str
    passes: int
    ends: np.ndarray
    exact: np.ndarray
    fixed: bool

    @property
    def error(self) -> float:
        """Of the sampler that is shown, at this number of passes."""
        return float(self.errors[self.method][PASSES.index(self.passes)])


def solver_data(
    grid: str = GRIDS[0],
    schedule: str = SCHEDULES[0],
    mixture: str = DATA[0],
    measure: str = PATH,
    sampler: str = "DDIM",
    passes: int = 20,
) -> SolverData:
    """Run every sampler with every number of passes; what was run once is kept.

    Args:
        grid: where the steps lie: one of GRIDS.
        schedule: of the betas: one of SCHEDULES.
        mixture: the data: one of DATA.
        measure: PATH or DISTRIBUTION.
        sampler: whose particles are shown: one of METHODS.
        passes: one of PASSES.

    Returns:
        What the picture shows.

    Raises:
        InputError: a choice that is not among them.
    """
    given = {"grid": grid, "schedule": schedule, "mixture": mixture, "measure": measure, "sampler": sampler}
    offered: dict[str, tuple] = {"grid": GRIDS, "schedule": SCHEDULES, "mixture": DATA, "measure": tuple(HEIGHTS)}
    offered |= {"sampler": tuple(METHODS), "passes": PASSES}
    for name, value in (given | {"passes": passes}).items():
        if value not in offered[name]:
            raise InputError(f"{name} is {value!r}; take one of {', '.join(map(str, offered[name]))}.")
    errors = {name: errors_of(measure, name, grid, schedule, mixture).copy() for name in METHODS}
    floor = floor_of(grid, mixture) if measure == DISTRIBUTION else float("nan")
    ends = ends_of(sampler, grid, schedule, mixture, passes)[:SHOWN]
    exact = exact_ends(grid, schedule, mixture)[:SHOWN]
    return SolverData(errors, floor, measure, sampler, passes, ends, exact, grid == UNIFORM)


def solver_figure(data: SolverData) -> go.Figure:
    """Errors over passes at the left, on logarithmic axes; particles at the right.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    low, high = HEIGHTS[data.measure]
    rows = {"true data": np.full(len(PASSES), data.floor)} | data.errors
    last = np.array([errors[-1] for errors in rows.values()])
    heights, there = np.full(len(rows), np.nan), ~np.isnan(last)
    heights[there] = 10 ** apart(np.log10(last[there]), gap=0.075 * (high - low))
    lines = [
        _line(name, errors, height, data.measure) for (name, errors), height in zip(rows.items(), heights, strict=True)
    ]
    mark = _marks(data.method, [data.passes], np.array([data.error]), size=14)
    return go.Figure([*lines, mark, *_scene(data)], _layout(data.measure))


def _line(name: str, errors: np.ndarray, height: float, measure: str) -> go.Scatter:
    """A sampler's errors; its name stands beyond them, with a mark of its own."""
    role, more = LOOKS[name]
    shown = theme.ROLES[role]
    # A power is fitted for the path alone: in distribution errors end at the floor of true data.
    power = f": n<sup>−{fitted_slope(errors):.2f}</sup>" if measure == PATH and name in PATHS else ""
    x, y = np.array([*PASSES, np.nan, NAMES_AT]), np.array([*errors, np.nan, height])
    words = [""] * (len(x) - 1) + [f" {name}{power}"]
    line = theme.line(role, x, y, name, mode="lines+markers+text", text=words)
    line.update(marker={"size": 7, "color": shown.color, "symbol": shown.symbol, "line_width": 1.5})
    return line.update(marker_line_color=shown.color, cliponaxis=True, **more)


def _marks(method: str, x: Any, y: Any, size: float, **more: Any) -> go.Scatter:
    role, look = LOOKS[method]
    marks = theme.points(role, x, y, method, size=size, **more)
    return marks.update({key: value for key, value in look.items() if key.startswith("marker")})


def _scene(data: SolverData) -> list[go.Scatter]:
    right = {"xaxis": "x2", "yaxis": "y2"}
    joins = np.stack([data.exact, data.ends], axis=1)
    if METHODS[data.method].random:  # no path: where one ends has nothing to do with where the other does
        joins = np.full_like(joins, np.nan)
    bottom = VIEW[0] + 0.1  # there each kind of mark has its name; names alone are text, which is slow to draw
    exact, ends = np.vstack([data.exact, [bottom, bottom]]), np.vstack([data.ends, [-0.9, bottom]])
    names = [" exact", f" {data.method}, {data.passes} passes"]
    return [
        theme.paths("data", joins, line_width=1, line_dash="solid", opacity=0.8, cliponaxis=True, **right),
        theme.points("data", exact[:, 0], exact[:, 1], "exact", size=4, **right),
        _marks(data.method, ends[:, 0], ends[:, 1], size=5, **right),
        go.Scatter(x=[bottom, -0.9], y=[bottom] * 2, text=names, mode="text", textposition="middle right").update(
            right
        ),
    ]


def _layout(measure: str) -> go.Layout:
    layout = theme.layout(height=430, margin_r=8, margin_l=76)
    log = {"type": "log", "title": "network passes, one a step"}
    layout.xaxis.update(log, domain=[0, 0.52], range=(0.6, 3.15), tickvals=PASSES, ticktext=[str(n) for n in PASSES])
    layout.yaxis.update(type="log", dtick=1, exponentformat="power", range=HEIGHTS[measure], title=TITLES[measure])
    bare = {"zeroline": False, "fixedrange": True, "showgrid": False, "showticklabels": False, "range": VIEW}
    layout.xaxis2 = bare | {"domain": [0.56, 1], "anchor": "y2", "constrain": "domain"}
    layout.yaxis2 = bare | {"anchor": "x2", "scaleanchor": "x2", "constrain": "domain"}
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.5, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.41]}
    layout.meta = {"narrow": stacked | {"height": 720, "xaxis.range": (0.6, 3.8)}}
    return layout


def describe_solver(data: SolverData) -> str:
    """The errors in two sentences.

    Args:
        data: what the picture shows.

    Returns:
        The sentences.
    """
    who = f"With {data.passes} passes {data.method}"
    if data.measure == DISTRIBUTION:
        return (
            f"{who} makes a cloud that is {rounded(data.error)} from the data (sliced Wasserstein-1 distance). As many "
            f"draws of the true data are {rounded(data.floor)} from it on average: below that luck rules."
        )
    falls = " and ".join(f"n^-{fitted_slope(data.errors[name]):.2f} ({name})" for name in PATHS)
    here = f"{who} ends {rounded(data.error)} from the exact solution, on average over {PARTICLES} particles."
    if METHODS[data.method].random:
        here = f"{data.method} draws noise on its way, so there is no path that it could be held to."
    grid = " On this grid the schedule plays no part." if data.fixed else ""
    return f"{here} From {PASSES[FITTED]} to {PASSES[-1]} passes the error falls as {falls}.{grid}"


class SolverExplorer(Explorer):
    """Twice the steps: half the error, a quarter, or neither? 2M is DPM-Solver++(2M).

    Data and denoiser are exact, so that what is seen is the sampler's error alone. All samplers here pass the network
    once a step.
    """

    def __init__(self) -> None:
        controls = {
            "passes": ipywidgets.SelectionSlider(options=PASSES, value=20),
            "grid": ipywidgets.Dropdown(options=GRIDS, description="spacing"),
            "sampler": ipywidgets.Dropdown(options=list(METHODS)),
            "measure": ipywidgets.Dropdown(options=list(HEIGHTS), description="measured"),
            "schedule": ipywidgets.Dropdown(options=SCHEDULES),
            "mixture": ipywidgets.Dropdown(options=DATA, description="data"),
        }
        super().__init__(controls, lambda state: solver_data(**state), solver_figure, describe_solver, reset=True)


STILLS = {"04_solvers": lambda: solver_figure(solver_data(grid=UNIFORM, passes=10))}
