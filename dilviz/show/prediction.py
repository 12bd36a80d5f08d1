"""What to predict: x_0, the velocity or the noise, by three policies of one recipe that walk the fork."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from dilviz.diffusion import inference_timesteps
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy, Episodes, Windows, rollout
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.fork import SCENE
from dilviz.show.schedules import apart
from dilviz.tasks import FIRST, TASKS, shipped

# What the network answers -> the shipped policy, and how its line is dashed.
POLICIES = {"sample": "diffusion", "v_prediction": "diffusion-v", "epsilon": "diffusion-epsilon"}
DASHES = dict(zip(POLICIES, ("solid", "dash", "dot"), strict=True))
WALKERS, SEEDS = 48, 100
HELD_OUT = range(FIRST + 1_000_000, FIRST + 1_000_040)  # seeds of demonstrations that nobody was trained on
ERRORS = (0.03, 3.0)  # what the axis holds: the unclipped estimate from epsilon leaves it near pure noise


@cache
def _held_out() -> Windows:
    """Every third window of new demonstrations, for the fork's horizons."""
    task, recipe = TASKS["fork"], TASKS["fork"].recipe
    walks = rollout(task.expert(), task, HELD_OUT)
    return Windows(
        walks.only(np.flatnonzero(walks.success)), recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon
    )


def x0_errors(policy: DiffusionPolicy, clip: bool) -> np.ndarray:
    """How far the estimate of x_0 is off at each t, on demonstrations of the fork that were not trained on.

    Args:
        policy: of the fork.
        clip: whether the estimate is clipped to [-1, 1], as samplers do.

    Returns:
        (T,) the root of the mean squared error of a number of the scaled chunk.
    """
    estimates, x0 = _estimates(policy)
    shown = estimates.clamp(-1, 1) if clip else estimates
    return (shown - x0).square().mean((1, 2, 3)).sqrt().numpy()


def _estimates(policy: DiffusionPolicy) -> tuple[Tensor, Tensor]:
    """Of x_0 at every t, (T, N, pred_horizon, act_dim), and x_0 itself, (N, …)."""
    windows, schedule = _held_out(), policy.schedule
    x0 = policy.action_scale.scale(windows.actions())[::3]
    cond = policy.condition(windows.observations())[::3]
    noise, found = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)), []
    for t in range(len(schedule)):  # the same noise at all of them, or the curve is ragged
        times = torch.full((len(x0),), t)
        xt = schedule.add_noise(x0, noise, t)
        with torch.no_grad():
            output = policy.denoiser(xt, times, cond)
        found.append(schedule.to_x0(output, xt, times, policy.denoiser.prediction_type))
    return torch.stack(found), x0


@cache
def prediction_policies() -> dict[str, DiffusionPolicy]:
    """The three policies of the fork: one recipe, one training seed, three things to predict.

    Returns:
        prediction type -> policy.

    Raises:
        InputError: the folder of assets is not found.
    """
    return {kind: _shipped(name) for kind, name in POLICIES.items()}


def _shipped(name: str) -> DiffusionPolicy:
    policy = shipped("fork", name)
    assert isinstance(policy, DiffusionPolicy)  # as its name says
    return policy


@cache
def _errors(clip: bool) -> dict[str, np.ndarray]:
    return {kind: x0_errors(policy, clip) for kind, policy in prediction_policies().items()}


@dataclass(frozen=True)
class PredictionData:
    """Walks of one policy, and the errors of all three.

    Args:
        predicts: what the walkers' network answers.
        walks: one episode a walker.
        errors: prediction type -> (T,) error of the estimate of x_0.
        asked: (n,) the times at which the sampler asks the network.
    """

    predicts: str
    walks: Episodes
    errors: dict[str, np.ndarray]
    asked: np.ndarray


def prediction_data(predicts: str, steps: int, clip: bool, seed: int) -> PredictionData:
    """Let one of the three policies walk.

    Args:
        predicts: "sample", "v_prediction" or "epsilon".
        steps: network passes a chunk, 1 to T.
        clip: whether the estimate of x_0 is clipped to [-1, 1] at every step.
        seed: of the first walker; the others follow.

    Returns:
        What the picture shows.

    Raises:
        InputError: another prediction type, or steps out of range.
    """
    if predicts not in POLICIES:
        raise InputError(f"predicts is {predicts!r}; take one of {', '.join(POLICIES)}.")
    policy = prediction_policies()[predicts].use("ddim", steps, clip=1.0 if clip else None)
    walks = rollout(policy, TASKS["fork"], range(seed, seed + WALKERS))
    asked = inference_timesteps(policy.schedule, steps).long().numpy()
    return PredictionData(predicts, walks, _errors(clip), asked)


def prediction_figure(data: PredictionData) -> go.Figure:
    """Walks at the left, the error in x_0 on the way from noise to clean at the right.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    walks = data.walks
    lost = np.where(walks.success[:, None], np.nan, walks.last)
    right = {"xaxis": "x2", "yaxis": "y2"}
    curve = data.errors[data.predicts]
    traces = [
        theme.paths("diffusion", map(walks.path, range(len(walks))), opacity=0.55, line_width=1.5),
        theme.points("cloning", lost[:, 0], lost[:, 1], "failed", size=9).update(marker_symbol="x"),
        *(_curve(kind, errors, kind == data.predicts).update(right) for kind, errors in data.errors.items()),
        theme.points("diffusion", data.asked, curve[data.asked], size=8, **right).update(cliponaxis=True),
        _names(data.errors).update(right),
    ]
    return go.Figure(traces, _layout(len(curve)))


def _curve(kind: str, errors: np.ndarray, chosen: bool) -> go.Scatter:
    width = 3.5 if chosen else 1.5
    times = np.arange(len(errors))
    role = "diffusion" if chosen else "data"
    return theme.line(role, times, errors, line_dash=DASHES[kind], line_width=width, cliponaxis=True)


def _names(errors: dict[str, np.ndarray]) -> go.Scatter:
    """The lines' names before their noisy ends, none on top of another."""
    ends = np.array([values[-1] for values in errors.values()])
    heights = apart(np.log10(ends.clip(max=0.8 * ERRORS[1])), gap=0.11)
    beside = np.full(len(errors), len(next(iter(errors.values()))) + 0.3)
    return go.Scatter(
        x=beside, y=10**heights, text=list(errors), mode="text", textposition="middle left", cliponaxis=False
    )


def _layout(T: int) -> go.Layout:
    layout = theme.layout(x=(0, 1), y=(0, 1), equal=True, height=430, shapes=SCENE, margin_l=8)
    layout.xaxis.update(domain=[0, 0.43], showticklabels=False, showgrid=False)
    layout.yaxis.update(showticklabels=False, showgrid=False)
    free = {"zeroline": False, "fixedrange": True, "gridcolor": theme.GRID}
    layout.xaxis2 = free | {
        "domain": [0.5, 1],
        "anchor": "y2",
        "range": (T + 12, -1),
        "title": "t, from noise to clean",
    }
    layout.xaxis2.update(tickvals=[0, 10, 20, 30, 40, T - 1])
    layout.yaxis2 = free | {"anchor": "x2", "type": "log", "range": np.log10(ERRORS).tolist()}
    layout.yaxis2.update(title="error of the estimate of x₀", dtick=1, side="right")
    layout.margin.r = 70
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.5, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.44]}
    layout.meta = {"narrow": stacked | {"height": 640, "xaxis2.range": [T + 26, -1]}}
    return layout


def describe_prediction(data: PredictionData) -> str:
    """The walks and the errors in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    left, right = (int((data.walks.mode == side).sum()) for side in ("left", "right"))
    errors = data.errors[data.predicts]
    first, middle = int(data.asked[0]), len(errors) // 2
    return (
        f"It predicts {data.predicts}: of {len(data.walks)} walkers {left} pass left, {right} right and "
        f"{len(data.walks) - left - right} fail. Its estimate of x₀ is off by {rounded(errors[first])} at t = {first} "
        f"and by {rounded(errors[middle])} at t = {middle}."
    )


class PredictionTypeExplorer(Explorer):
    """Three networks of one recipe, told to predict different things: which of them gets past the tree?"""

    def __init__(self) -> None:
        T = len(prediction_policies()["sample"].schedule)
        controls = {
            "predicts": ipywidgets.Dropdown(options=list(POLICIES), value="sample"),
            "steps": ipywidgets.IntSlider(min=1, max=T, value=10, description="inference steps"),
            "clip": ipywidgets.Checkbox(value=True, description="clip x₀ to [−1, 1]", indent=False),
            "seed": ipywidgets.IntSlider(min=0, max=SEEDS - 1, value=0),
        }
        super().__init__(
            controls, lambda state: prediction_data(**state), prediction_figure, describe_prediction, reset=True
        )


STILLS = {"03_prediction": lambda: prediction_figure(prediction_data("epsilon", 10, True, 0))}
