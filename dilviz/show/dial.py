"""Steps, latency, success: what a decision costs on this machine, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.diffusion import SAMPLERS
from dilviz.envs.fork import FORK
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy, Episodes, rollout
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.intervals import wilson
from dilviz.imitation.rollout import latency_ms
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.fork import SCENE, VIEW_X, VIEW_Y, diffusion_policy
from dilviz.tasks import TASKS, shipped

STEPS = (1, 2, 3, 5, 10, 20, 50)
SPACED = ("trailing", "leading")
WALKS, DRAWN, REPEATS = 100, 40, 40  # episodes of each point; walks in the scene; decisions that are timed
SHORTEST, LONGEST = 0.04, 20.0  # ms, of the axis
LOOKS = {"ddim": ("solid", "circle"), "ddpm": ("dash", "square"), "dpm_solver": ("dot", "diamond")}


@dataclass(frozen=True)
class Point:
    """One way to decide, as it was measured.

    Args:
        ms: the median time of a decision for one agent, in milliseconds.
        walks: WALKS episodes at the fork.
    """

    ms: float
    walks: Episodes

    @property
    def arrive(self) -> float:
        """Per cent of the walks that arrive."""
        return 100 * float(self.walks.success.mean())


def measured(policy: ChunkPolicy) -> Point:
    """Time a policy on this machine, and let it walk.

    Args:
        policy: of the fork.

    Returns:
        The point.
    """
    ms, _ = latency_ms(policy, FORK.start.astype(np.float32), REPEATS)
    return Point(ms, rollout(policy, TASKS["fork"], range(WALKS)))


def dial_points(policy: DiffusionPolicy) -> dict[tuple[str, str, int], Point]:
    """Every sampler, spacing and number of steps.

    Args:
        policy: of the fork; it is left as it is.

    Returns:
        (sampler, spacing, steps) -> its point.
    """
    own = copy(policy)
    steps = [n for n in STEPS if n <= len(policy.schedule)]
    return {
        (sampler, spacing, n): measured(own.use(sampler, n, timestep_spacing=spacing))
        for sampler in SAMPLERS
        for spacing in SPACED
        for n in steps
    }


@dataclass(frozen=True)
class DialData:
    """What the picture shows.

    Args:
        points: as `dial_points` gives them.
        others: name -> point, of learners that make one pass or none.
        chosen: (sampler, spacing, steps), one of `points`.
    """

    points: Mapping[tuple[str, str, int], Point]
    others: Mapping[str, Point]
    chosen: tuple[str, str, int]

    @property
    def point(self) -> Point:
        """The one that is chosen."""
        return self.points[self.chosen]

    def line(self, sampler: str) -> dict[int, Point]:
        """All numbers of steps of a sampler, with the spacing that is chosen.

        Args:
            sampler: its name.

        Returns:
            steps -> point.
        """
        spacing = self.chosen[1]
        return {n: point for (name, by, n), point in self.points.items() if (name, by) == (sampler, spacing)}


def dial_data(
    points: Mapping[tuple[str, str, int], Point], others: Mapping[str, Point], sampler: str, spacing: str, steps: int
) -> DialData:
    """Choose one of the points.

    Args:
        points: as `dial_points` gives them.
        others: name -> point of other learners.
        sampler: "ddim", "ddpm" or "dpm_solver".
        spacing: "trailing" or "leading".
        steps: network passes a chunk.

    Returns:
        What the picture shows.

    Raises:
        InputError: that has not been measured.
    """
    if (sampler, spacing, steps) not in points:
        raise InputError(f"{sampler} with {steps} steps, {spacing}, has not been measured; take {_offered(points)}.")
    return DialData(points, others, (sampler, spacing, steps))


def _offered(points: Mapping[tuple[str, str, int], Point]) -> str:
    parts = (dict.fromkeys(str(key[k]) for key in points) for k in range(3))
    return "; ".join(", ".join(part) for part in parts)


def dial_figure(data: DialData) -> go.Figure:
    """At the left arrivals over the time of a decision, at the right walks with what is chosen.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    walks = data.point.walks
    lost = np.where(walks.success[:DRAWN, None], np.nan, walks.last[:DRAWN])
    scene = {"xaxis": "x2", "yaxis": "y2"}
    ring = theme.points("prediction", [data.point.ms], [data.point.arrive], "chosen", size=17)
    ring.marker.line.width = 3
    traces = [
        *(_line(data, sampler) for sampler in LOOKS),
        *(_other(name, point) for name, point in data.others.items()),
        ring,
        theme.paths("diffusion", map(walks.path, range(DRAWN)), opacity=0.85, line_width=1.3).update(scene),
        theme.points("cloning", lost[:, 0], lost[:, 1], "failed", size=8).update(scene | {"marker_symbol": "x"}),
    ]
    return go.Figure(traces, _layout())


def _line(data: DialData, sampler: str) -> go.Scatter:
    """A sampler's points: the chosen one's with their numbers of steps and with Wilson's intervals."""
    line, chosen, (dash, symbol) = data.line(sampler), sampler == data.chosen[0], LOOKS[sampler]
    ms, arrive = [point.ms for point in line.values()], [point.arrive for point in line.values()]
    bounds = np.array([wilson(int(point.walks.success.sum()), WALKS) for point in line.values()]) * 100
    words = [str(n) if chosen and n != 3 else "" for n in line]  # 3 would touch its neighbours
    trace = theme.line("diffusion", ms, arrive, name=sampler, line_dash=dash, line_width=3 if chosen else 1.5)
    return trace.update(
        mode="lines+markers+text", text=words, textposition="top center", opacity=1 if chosen else 0.5,
        marker={"symbol": symbol, "size": 8, "color": theme.ROLES["diffusion"].color},
        error_y={
            "array": bounds[:, 1] - arrive, "arrayminus": arrive - bounds[:, 0], "visible": chosen, "thickness": 1.2,
            "width": 3,
        },
    )  # fmt: skip


def _other(name: str, point: Point) -> go.Scatter:
    role = "cloning" if name.startswith("cloning") else "expert"
    mark = theme.points(role, [point.ms], [point.arrive], name, size=11)
    return mark.update(mode="markers+text", text=[name], textposition="middle left", marker_symbol="cross")


def _layout() -> go.Layout:
    layout = theme.layout(x=np.log10([SHORTEST, LONGEST]).tolist(), y=(-8, 114), height=400)
    layout.xaxis.update(
        type="log", domain=(0, 0.52), tickvals=[0.1, 1, 10], title="milliseconds a decision, on this machine"
    )
    layout.yaxis.update(tickvals=[0, 25, 50, 75, 100], title="arrive, %")
    still = theme.layout(x=VIEW_X, y=VIEW_Y, equal=True, axes=False)
    layout.xaxis2 = {**still.xaxis.to_plotly_json(), "domain": (0.58, 1), "anchor": "y2", "zeroline": False}
    layout.yaxis2 = {**still.yaxis.to_plotly_json(), "anchor": "x2", "scaleanchor": "x2", "zeroline": False}
    layout.shapes = [shape | {"xref": "x2", "yref": "y2"} for shape in SCENE]
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.56, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.46]}
    layout.meta = {"narrow": stacked | {"height": 760}}
    return layout


def describe_dial(data: DialData) -> str:
    """The picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    sampler, spacing, n = data.chosen
    one, ten = data.point, data.line(sampler)[10]
    passes = f"{n} pass{'es' if n > 1 else ''}"
    than = f", {rounded(ten.ms / one.ms)} times as fast as with 10" if n != 10 else ""
    return (
        f"{sampler}, {passes}, {spacing}: {one.arrive:.0f} of {WALKS} arrive; a decision takes {rounded(one.ms)} ms"
        f"{than}. Lines: ddim solid, ddpm dashed, dpm_solver dotted; numbers are passes, bars 95 % intervals."
    )


class DialExplorer(Explorer):
    """Turn the number of steps: what does a decision cost on this machine, and what comes of it?

    Args:
        policy: a diffusion policy of the fork; None for the one that comes with the course.
    """

    def __init__(self, policy: DiffusionPolicy | None = None) -> None:
        points = dial_points(diffusion_policy(policy))
        others = {name: measured(shipped("fork", name)) for name in ("cloning", "mdn")}
        options = [n for n in STEPS if ("ddim", "trailing", n) in points]
        controls = {
            "steps": ipywidgets.SelectionSlider(options=options, value=10),
            "sampler": ipywidgets.Dropdown(options=list(SAMPLERS), value="ddim"),
            "spacing": ipywidgets.Dropdown(options=list(SPACED), value="trailing"),
        }

        def compute(state: dict) -> DialData:
            return dial_data(points, others, **state)

        super().__init__(controls, compute, dial_figure, describe_dial, reset=True)

    def __repr__(self) -> str:
        """One line, without what was measured: that is this machine's."""
        return f"DialExplorer(sampler={self.sampler.value!r}, steps={self.steps.value}, spacing={self.spacing.value!r})"
