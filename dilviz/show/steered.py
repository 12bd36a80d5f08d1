"""Steering: walks of a policy that is pushed toward a point, or away from a disc, beside its walks without that."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from dilviz.envs.fork import places_ahead
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy, Episodes, rollout
from dilviz.imitation.steering import Cost, away_from, toward
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.fork import diffusion_policy, two_scenes, walks_scene
from dilviz.tasks import TASKS

TOWARD, AWAY = "toward a point", "away from a disc"
WALKERS, RADIUS = 20, 0.15
PASSES = 4  # a chunk: a pass with gradients takes long, and the picture is to keep up with a hand
STRENGTHS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


@dataclass(frozen=True)
class SteerData:
    """Walks of a policy that is steered, and of the same one that is not, from the same starts and noise.

    Args:
        steered: the ones.
        plain: the others.
        how: TOWARD or AWAY.
        point: (2,) the point, or the middle of the disc.
        strength: of the cost.
    """

    steered: Episodes
    plain: Episodes
    how: str
    point: np.ndarray
    strength: float

    def nearest(self, walks: Episodes) -> np.ndarray:
        """How near to the point each walk comes.

        Args:
            walks: n of them.

        Returns:
            (n,) distances.
        """
        return np.array([np.linalg.norm(walks.path(i) - self.point, axis=1).min() for i in range(len(walks))])


def steer_data(
    policy: DiffusionPolicy,
    how: str = TOWARD,
    x: float = 0.2,
    y: float = 0.5,
    strength: float = 30,
    plain: Episodes | None = None,
    walkers: int = WALKERS,
) -> SteerData:
    """Let a policy walk while it is steered. It is steered in a copy; what it is itself steered by is left out.

    Args:
        policy: of the fork; it takes PASSES denoising passes a chunk.
        how: TOWARD or AWAY (from a disc of RADIUS).
        x: of the point or the disc's middle, 0 to 1.
        y: likewise.
        strength: of the cost, 0 or more.
        plain: its walks without steering, where they are known.
        walkers: how many walk.

    Returns:
        What the picture shows.

    Raises:
        InputError: another way to steer, a place out of the square, or a strength below 0.
    """
    point = np.array([x, y]).round(4)  # a slider's numbers carry dust
    if not ((point >= 0) & (point <= 1)).all():
        raise InputError(f"the place ({rounded(x)}, {rounded(y)}) is out of the square; give two numbers from 0 to 1.")
    if not 0 <= strength < np.inf:
        raise InputError(f"strength is {strength}; give 0 (not steered) or more.")
    steered = _walks(policy, _cost(how, point, strength), walkers)
    return SteerData(steered, plain or _walks(policy, None, walkers), how, point, strength)


def _cost(how: str, point: np.ndarray, strength: float) -> Cost:
    if how not in (TOWARD, AWAY):
        raise InputError(f"how is {how!r}; take one of {TOWARD}, {AWAY}.")
    place = point.tolist()
    if how == TOWARD:
        return toward(place, places_ahead, strength)
    return away_from(place, RADIUS, places_ahead, strength)


def _walks(policy: DiffusionPolicy, cost: Cost | None, walkers: int) -> Episodes:
    walker = copy.copy(policy).use(policy.sampler, PASSES, **policy.sampler_options)
    return rollout(walker.steer(cost), TASKS["fork"], range(walkers))


def steer_figure(data: SteerData) -> go.Figure:
    """The steered walks, and the same ones without steering.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    x, y = data.point if data.how == TOWARD else np.full(2, np.nan)
    goal = theme.points("prediction", np.array([x]), np.array([y]), data.how, size=16)
    traces = [
        *walks_scene(data.steered, "steered"),
        *walks_scene(data.plain, "not steered", "2"),
        *(go.Scatter(goal).update(xaxis=f"x{k}", yaxis=f"y{k}", marker_line_width=3) for k in ("", "2")),
    ]
    words = "disc" if data.how == AWAY else ""
    middle = go.Scatter(x=data.point[:1], y=data.point[1:], text=[words], mode="text", name="disc")
    traces += [go.Scatter(middle).update(xaxis=f"x{k}", yaxis=f"y{k}") for k in ("", "2")]
    discs = []
    if data.how == AWAY:  # not another tree: who crosses it does not crash
        own = theme.disc("prediction", data.point[0], data.point[1], RADIUS)
        discs = [own | {"line": {"color": own.pop("line_color"), "dash": "dash"}}]
    return go.Figure(traces, two_scenes(*discs, x=(0, 1)))


def describe_steering(data: SteerData) -> str:
    """The picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    place = f"({', '.join(map(rounded, data.point))})"
    return (
        f"Steered {data.how} at {place} with strength {rounded(data.strength)}: {_summary(data, data.steered)}. "
        f"Not steered: {_summary(data, data.plain)}. Each chunk takes {PASSES} denoising passes."
    )


def _summary(data: SteerData, walks: Episodes) -> str:
    arrive, left, right, inside, nearest = _numbers(data, walks)
    passing = f"{inside} enter the disc" if data.how == AWAY else f"half come within {nearest:.2f} of the point"
    return f"{arrive} of {len(walks)} arrive, {left} by the left and {right} by the right, and {passing}"


def _numbers(data: SteerData, walks: Episodes) -> tuple[int, int, int, int, float]:
    """How many arrive, by the left, by the right, how many enter the disc, and the median of how near they come."""
    left, right = (int((walks.mode == side).sum()) for side in ("left", "right"))
    nearest = data.nearest(walks)
    return int(walks.success.sum()), left, right, int((nearest < RADIUS).sum()), float(np.median(nearest))


def steering_table(
    policy: DiffusionPolicy | None = None, how: str = TOWARD, x: float = 0.2, y: float = 0.5, walkers: int = 100
) -> str:
    """What each strength does.

    Args:
        policy: of the fork; None for the one that comes with the course.
        how: TOWARD or AWAY.
        x: as in `steer_data`.
        y: likewise.
        walkers: how many walk at each strength.

    Returns:
        A table as text, in percent of the walkers.

    Raises:
        InputError: as `steer_data`.
    """
    walker = diffusion_policy(policy)
    passing = "enter the disc" if how == AWAY else "nearest (median)"
    lines = [f"strength  arrive  by the left  by the right  {passing}"]
    for strength in STRENGTHS:
        data = steer_data(walker, how, x, y, strength, walkers=walkers)
        *counts, nearest = _numbers(data, data.steered)
        arrive, left, right, inside = (f"{100 * count / walkers:.0f}" for count in counts)
        last = inside if how == AWAY else f"{nearest:.2f}"
        lines.append(f"{strength:>8}{arrive:>8}{left:>13}{right:>14}{last:>{len(passing) + 2}}")
    return "\n".join([*lines, f"(% of {walkers} walks, steered {how}, {PASSES} denoising passes a chunk)"])


class SteerExplorer(Explorer):
    """A push at acting time: a gentle one picks the side, too strong a one leads away from what experts did.

    Args:
        policy: a diffusion policy of the fork; None for the one that comes with the course.
    """

    def __init__(self, policy: DiffusionPolicy | None = None) -> None:
        walker = diffusion_policy(policy)
        plain = _walks(walker, None, WALKERS)
        slider = ipywidgets.FloatSlider
        controls = {
            "how": ipywidgets.Dropdown(options=[TOWARD, AWAY], description="steered"),
            "strength": ipywidgets.SelectionSlider(options=STRENGTHS, value=30),
            "x": slider(min=0.1, max=0.9, step=0.02, value=0.2, readout_format=".2f", description="at x"),
            "y": slider(min=0.1, max=0.9, step=0.02, value=0.5, readout_format=".2f", description="and y"),
        }

        def compute(state: dict) -> SteerData:
            return steer_data(walker, **state, plain=plain)

        super().__init__(controls, compute, steer_figure, describe_steering, reset=True)


STILLS = {"06_steered": lambda: steer_figure(steer_data(diffusion_policy(None)))}
