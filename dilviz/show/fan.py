"""The fan: what 64 noises become for one condition, and at which denoising step each commits to a side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from dilviz.diffusion import draw_noise
from dilviz.diffusion.samplers import Trace
from dilviz.envs.fork import FORK, MAX_STEP, places_ahead
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy
from dilviz.show import theme
from dilviz.show.answers import fork_demonstrations
from dilviz.show.base import Explorer, rounded
from dilviz.show.fork import SCENE, VIEW_X, VIEW_Y, diffusion_policy

NOISES, DEMONSTRATIONS, MOST = 64, 30, 0.9
STOOD_STILL = "stood still"
CAME = (STOOD_STILL, *range(180, -1, -15))  # or on which heading, at full speed: 180 to the left, 90 up, 0 to the right
CHUNK, ESTIMATE = "the noisy chunks", "the network's estimates"
SIDES = {  # as words, as a dash, as a mark
    -1: ("left", "solid", "triangle-left"),
    0: ("ahead", "dash", "triangle-up"),
    1: ("right", "dot", "triangle-right"),
}
WIDEST = 0.24  # of the axis of sides: no plan reaches farther than its steps


@dataclass(frozen=True)
class FanData:
    """Plans for one condition, after each number of denoising steps.

    Args:
        seen: (obs_horizon, 2) the places that are the condition, the agent's own last.
        plans: (n + 1, NOISES, m, 2) the places to which each plan leads, the agent's own first; after 0 to n steps.
        sides: (NOISES,) -1, 0 or 1: whether the finished plan ends left of the agent, ahead or right of it.
        sure: the number of steps from which on MOST of the network's estimates lie on their final side.
        agree: the share of what is shown, after the steps that are done, that lies on its final side.
        done: steps that are done, 0 to n.
        shown: CHUNK or ESTIMATE.
    """

    seen: np.ndarray
    plans: np.ndarray
    sides: np.ndarray
    sure: int
    agree: float
    done: int
    shown: str

    @property
    def steps(self) -> int:
        """Denoising steps in all."""
        return len(self.plans) - 1

    @property
    def sideways(self) -> np.ndarray:
        """How far right of the agent each plan ends: (n + 1, NOISES)."""
        return self.plans[:, :, -1, 0] - self.seen[-1, 0]


def fan_data(
    policy: DiffusionPolicy,
    x: float = 0.5,
    y: float = 0.1,
    came_from: str | float = STOOD_STILL,
    shown: str = ESTIMATE,
    done: int | None = None,
) -> FanData:
    """Denoise 64 noises for one condition, and keep every step; a policy's steering is left out.

    Args:
        policy: of the fork.
        x: of the agent.
        y: of the agent.
        came_from: STOOD_STILL, or the heading of its last step, in degrees: 180 to the left, 90 up, 0 to the right.
        shown: CHUNK, x_t itself; or ESTIMATE, what the network takes it for.
        done: denoising steps that are done; None for all.

    Returns:
        What the picture shows.

    Raises:
        InputError: a policy of another task, a place in the tree, or a choice that there is not.
    """
    if shown not in (CHUNK, ESTIMATE):
        raise InputError(f"shown is {shown!r}; take one of {CHUNK}, {ESTIMATE}.")
    steps = len(policy.timesteps)
    done = steps if done is None else done
    if done not in range(steps + 1):
        raise InputError(f"done is {done}; give a whole number from 0 to {steps}, the policy's denoising steps.")
    seen = _seen(policy, x, y, came_from)
    trace = _denoised(policy, seen)
    # After the last step there is nothing left to estimate: the sample is what it is.
    chunks, estimates = (_plans(policy, seen, part) for part in (trace.x, torch.cat([trace.x0, trace.x[-1:]])))
    sides = _side(estimates - seen[-1])
    unsure = (sides == sides[-1]).mean(1) < MOST
    sure = int(np.flatnonzero(unsure).max(initial=-1)) + 1
    plans = chunks if shown == CHUNK else estimates
    agree = float((_side(plans[done] - seen[-1]) == sides[-1]).mean())
    return FanData(seen, plans, sides[-1], sure, agree, done, shown)


def _seen(policy: DiffusionPolicy, x: float, y: float, came_from: str | float) -> np.ndarray:
    """The places that the agent has come by, (obs_horizon, 2): straight on its heading, or the same all the time."""
    place = np.array([x, y]).round(4)  # a slider's numbers carry dust
    if np.linalg.norm(place - FORK.tree) <= FORK.radius:
        raise InputError(f"the agent ({rounded(x)}, {rounded(y)}) stands in the tree; move it out.")
    if isinstance(came_from, str) and came_from != STOOD_STILL:
        raise InputError(
            f"came_from is {came_from!r}; give {STOOD_STILL!r} or a heading in degrees, such as 90 for up."
        )
    heading = None if isinstance(came_from, str) else np.deg2rad(came_from)
    step = np.zeros(2) if heading is None else MAX_STEP * np.array([np.cos(heading), np.sin(heading)])
    return place - np.arange(policy.obs_horizon)[::-1, None] * step


def _denoised(policy: DiffusionPolicy, seen: np.ndarray) -> Trace:
    """Every step of what `policy.sample` does with a generator seeded 0."""
    cond = policy.condition(_alike(seen))
    generator = torch.Generator().manual_seed(0)
    noise = draw_noise((NOISES, policy.denoiser.horizon, policy.denoiser.dim), generator, cond.device)
    trace = policy.method(
        policy.denoiser, policy.schedule, noise, cond=cond, timesteps=policy.timesteps, generator=generator, trace=True,
        **policy.sampler_options,
    )  # fmt: skip
    assert isinstance(trace, Trace)  # it was asked for
    return trace


def _alike(seen: np.ndarray) -> Tensor:
    return torch.from_numpy(seen).float().expand(NOISES, -1, -1)


def _plans(policy: DiffusionPolicy, seen: np.ndarray, chunks: Tensor) -> np.ndarray:
    """Where chunks (k, NOISES, pred_horizon, 2) lead from the newest observation on, that place first."""
    actions = policy.action_scale.unscale(chunks.cpu())[:, :, policy.obs_horizon - 1 :]
    places = np.stack([places_ahead(part, _alike(seen)).numpy() for part in actions])
    return np.concatenate([np.broadcast_to(seen[-1], (*places.shape[:2], 1, 2)), places], axis=2)


def _side(plans: np.ndarray) -> np.ndarray:
    """-1, 0 or 1 for each plan, (…, m, 2) relative to the agent; less than one step's length to a side is ahead."""
    sideways = plans[..., -1, 0]
    return (np.sign(sideways) * (np.abs(sideways) >= MAX_STEP)).astype(int)


def fan_figure(data: FanData) -> go.Figure:
    """The plans in the scene, and at the right how far to a side each ends, step by step.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    noisy = data.shown == CHUNK
    marks = "noise" if noisy and data.done < data.steps else "diffusion"
    known, plans = fork_demonstrations(), data.plans[data.done]
    steps = np.arange(data.done + 1)
    tracks = np.stack([np.broadcast_to(steps, (NOISES, len(steps))), data.sideways[steps].T], axis=-1)
    traces = [
        theme.paths("data", map(known.path, range(DEMONSTRATIONS)), opacity=0.5),
        *_bundles(data.sides, plans, marks, marks, ""),
        theme.paths("diffusion", [data.seen], "came from", line_width=4),
        theme.points("diffusion", data.seen[-1:, 0], data.seen[-1:, 1], "agent", size=11),
        *_bundles(data.sides, tracks, "noise" if noisy else "diffusion", marks, "2"),
    ]
    return go.Figure(traces, _layout(data))


def _bundles(sides: np.ndarray, lines: np.ndarray, role: str, marks: str, panel: str) -> Iterator[go.Scatter]:
    """Lines (NOISES, n, 2), and marks at their ends, in the look of the side on which each plan ends at last."""
    axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
    for side, (name, dash, symbol) in SIDES.items():
        chosen = np.where((sides == side)[:, None, None], lines, np.nan)  # all rows: a trace may not be empty
        yield theme.paths(role, chosen, name, opacity=0.8, line_width=1.2, line_dash=dash).update(axes)
        ends = theme.points(marks, chosen[:, -1, 0], chosen[:, -1, 1], f"ends {name}", size=7)
        yield ends.update(axes | {"marker_symbol": symbol})


def _layout(data: FanData) -> go.Layout:
    steps, what = data.steps, "noisy chunk" if data.shown == CHUNK else "estimate"
    layout = theme.layout(x=VIEW_X, y=VIEW_Y, equal=True, axes=False, height=480, shapes=SCENE)
    layout.margin.b = 52
    layout.xaxis.domain = (0, 0.5)
    ticks = [*range(0, steps, max(steps // 5, 1)), steps]
    words = {0: "0<br>noise", steps: f"{steps}<br>clean"}
    layout.xaxis2 = {
        "domain": (0.62, 1), "anchor": "y2", "range": (1.04 * steps, -0.04 * steps), "tickvals": ticks,
        "ticktext": [words.get(tick, str(tick)) for tick in ticks], "title": {"text": "denoising steps done"},
    }  # fmt: skip
    layout.yaxis2 = {
        "anchor": "x2", "range": (-WIDEST, WIDEST), "tickvals": [-0.2, -0.1, 0, 0.1, 0.2],
        "ticktext": ["left 0.2", "0.1", "ahead", "0.1", "right 0.2"],
    }  # fmt: skip
    layout.annotations = [
        {
            "showarrow": False,
            "xref": "x2 domain",
            "yref": "y2 domain",
            "x": 0.5,
            "y": 1,
            "text": f"where each {what} leads",
        }
    ]
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.5, 1], "xaxis2.domain": [0.2, 1], "yaxis2.domain": [0, 0.42]}
    layout.meta = {"narrow": stacked | {"height": 760}}
    return layout


def describe_fan(data: FanData) -> str:
    """The picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    left, ahead, right = (int((data.sides == side).sum()) for side in SIDES)
    since = f"step {data.sure}" if data.sure else "the pure noise"
    finished = f" Of the estimates it was {MOST:.0%} or more from {since} on." * (data.done == data.steps)
    return (
        f"{NOISES} plans for one condition, after {data.done} of {data.steps} denoising steps: {data.shown}. "
        f"In the end {left} lie left of the agent, {right} right and {ahead} ahead (less than {MAX_STEP} to a side). "
        f"Now {data.agree:.0%} of {data.shown} lie on the side on which they end.{finished}"
    )


class FanExplorer(Explorer):
    """One condition, 64 noises: the plans fan out, and each noise commits to a side while it is denoised.

    Args:
        policy: a diffusion policy of the fork; None for the one that comes with the course.
    """

    def __init__(self, policy: DiffusionPolicy | None = None) -> None:
        walker = diffusion_policy(policy)
        steps = len(walker.timesteps)
        slider = ipywidgets.FloatSlider
        controls = {
            "done": ipywidgets.IntSlider(min=0, max=steps, value=0, description="steps done"),
            "x": slider(min=0.1, max=0.9, step=0.01, value=0.5, readout_format=".2f", description="agent's x"),
            "y": slider(min=0.04, max=0.9, step=0.01, value=0.1, readout_format=".2f", description="and y"),
            "came_from": ipywidgets.SelectionSlider(options=CAME, description="heading"),
            "shown": ipywidgets.Dropdown(options=[ESTIMATE, CHUNK]),
        }

        def compute(state: dict) -> FanData:
            return fan_data(walker, **state)

        super().__init__(controls, compute, fan_figure, describe_fan, play="done", interval=400, reset=True)


STILLS = {"06_fan": lambda: fan_figure(fan_data(diffusion_policy(None), done=4))}
