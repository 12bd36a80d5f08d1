"""All learners on one scene: how each walks, and what each would do at a place of one's choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.envs.fork import MAX_STEP
from dilviz.errors import InputError
from dilviz.imitation import Episodes, Windows, rollout
from dilviz.imitation.lookup import remember
from dilviz.imitation.rollout import Policy
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded
from dilviz.show.fork import SCENE, VIEW_X, VIEW_Y
from dilviz.tasks import TASKS, shipped

WALKERS, DRAWS, NEAR = 48, 200, 0.03
HELD = ("cloning", "cloning-onestep", "mdn", "dagger", "diffusion")  # trained on the same 400 walks, and shipped
BY_REGRESSION = ("cloning", "cloning-onestep", "dagger")


@cache
def fork_demonstrations() -> Episodes:
    """The walks that the fork's policies learned from.

    Returns:
        400 episodes, half on each side.
    """
    task = TASKS["fork"]
    return task.demonstrations(task.recipe.demos)


@cache
def fork_learners() -> dict[str, Policy]:
    """The expert, and a policy of each kind that has seen the same walks.

    Returns:
        name -> policy.

    Raises:
        InputError: the folder of assets is not found.
    """
    recipe = TASKS["fork"].recipe
    horizons = recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon
    lookup, _ = remember(Windows(fork_demonstrations(), *horizons), action_horizon=recipe.action_horizon)
    policies = {name: shipped("fork", name) for name in HELD}
    diffusion = policies.pop("diffusion")
    return {**policies, "lookup": lookup, "diffusion": diffusion, "expert": TASKS["fork"].expert()}


def look_of(learner: str) -> str:
    """In which look a learner is drawn: what regresses looks like cloning, what draws or remembers like diffusion.

    Args:
        learner: its name.

    Returns:
        A name in `theme.ROLES`.
    """
    return "expert" if learner == "expert" else "cloning" if learner.startswith(BY_REGRESSION) else "diffusion"


@dataclass(frozen=True)
class AnswersData:
    """Walks of a learner, and first actions at one place.

    Args:
        learner: its name.
        walks: one episode a walker.
        place: (2,) where it is asked.
        answers: (DRAWS, 2) what it would do there.
        experts: (n, 2) what the experts did near there.
        shown: some of the experts' walks.
    """

    learner: str
    walks: Episodes
    place: np.ndarray
    answers: np.ndarray
    experts: np.ndarray
    shown: Episodes


def answers_data(
    policies: Mapping[str, Policy], demonstrations: Episodes, learner: str, x: float, y: float
) -> AnswersData:
    """Let a learner walk, and ask it at a place.

    Args:
        policies: name -> policy of the fork.
        demonstrations: what they learned from.
        learner: a name among them.
        x: of the place.
        y: of the place; it is as if the agent had come from straight below.

    Returns:
        What the picture shows.

    Raises:
        InputError: no such learner.
    """
    if learner not in policies:
        raise InputError(f"learner {learner!r} is unknown; take one of {', '.join(policies)}.")
    policy, place = policies[learner], np.array([x, y]).round(4)  # a slider's numbers carry dust
    came = np.stack([place - [0, MAX_STEP], place])[-policy.obs_horizon :]
    looks = torch.from_numpy(np.repeat(came[None], DRAWS, axis=0)).float()
    answers = policy.act(looks, torch.Generator().manual_seed(0))[:, 0].numpy()
    near = np.linalg.norm(demonstrations.observations - place, axis=1) < NEAR
    walks = _walks(policy)  # type: ignore[arg-type]  # it is hashed by what it is, not by what it says
    return AnswersData(learner, walks, place, answers, demonstrations.actions[near], demonstrations.only(np.arange(60)))


@cache
def _walks(policy: Any) -> Episodes:
    return rollout(policy, TASKS["fork"], range(WALKERS))


def answers_figure(data: AnswersData) -> go.Figure:
    """The scene at the left; at the right the disc of actions, with what experts did and what the learner answers.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    role, right = look_of(data.learner), {"xaxis": "x2", "yaxis": "y2"}
    lost = np.where(data.walks.success[:, None], np.nan, data.walks.last)
    many = np.stack([np.zeros_like(data.answers), data.answers], axis=1)
    # An array throughout: in a list NaN would be sent as JSON, which has none.
    mean = data.experts.mean(0) if len(data.experts) else np.full(2, np.nan)
    traces = [
        theme.paths("data", map(data.shown.path, range(len(data.shown))), opacity=0.35),
        theme.paths(role, map(data.walks.path, range(WALKERS)), data.learner, opacity=0.6, line_width=1.5),
        theme.points("cloning", lost[:, 0], lost[:, 1], "failed", size=9).update(marker_symbol="x"),
        theme.points("prediction", [data.place[0]], [data.place[1]], "asked here", size=16).update(marker_line_width=3),
        theme.points("data", data.experts[:, 0], data.experts[:, 1], "experts", size=5, opacity=0.5).update(right),
        theme.paths(role, many, opacity=0.25, line_dash="solid", line_width=1.5).update(right),
        theme.points(role, data.answers[:, 0], data.answers[:, 1], "answers", size=6).update(right),
        theme.points("cloning", mean[:1], mean[1:], "average", size=13).update(
            marker_symbol="cross-thin-open", **right
        ),
    ]
    return go.Figure(traces, _layout(data))


def _layout(data: AnswersData) -> go.Layout:
    layout = theme.layout(x=VIEW_X, y=VIEW_Y, equal=True, axes=False, height=430, shapes=[*SCENE, _speed()])
    layout.xaxis.domain = (0, 0.5)
    flat = {"showgrid": False, "showticklabels": False, "zeroline": False, "fixedrange": True}
    layout.xaxis2 = flat | {"domain": (0.56, 1), "anchor": "y2", "range": (-1.35, 1.35), "constrain": "domain"}
    layout.yaxis2 = flat | {"anchor": "x2", "scaleanchor": "x2", "range": (-1.35, 1.35), "constrain": "domain"}
    said = {"showarrow": False, "xref": "x2", "yref": "y2", "x": 0}
    layout.annotations = [
        said | {"y": 1.28, "text": f"what {data.learner} would do there"},
        said | {"y": -1.25, "text": "grey: what experts did near there; +: their average"},
    ]
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.46, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.42]}
    layout.meta = {"narrow": stacked | {"height": 760}}
    return layout


def _speed() -> dict:
    """The circle of full speed."""
    circle = {"type": "circle", "xref": "x2", "yref": "y2", "x0": -1, "x1": 1, "y0": -1, "y1": 1}
    return circle | {"line": {"color": theme.GRID, "width": 1.5}, "layer": "below"}


def describe_answers(data: AnswersData) -> str:
    """The picture in a sentence.

    Args:
        data: what it shows.

    Returns:
        The sentence.
    """
    left, right = (int((data.walks.mode == side).sum()) for side in ("left", "right"))
    sideways = data.answers[:, 0]
    shares = [(sideways < -0.25).mean(), (np.abs(sideways) <= 0.25).mean(), (sideways > 0.25).mean()]
    place = f"({rounded(data.place[0])}, {rounded(data.place[1])})"
    return (
        f"{data.learner}: of {WALKERS} walkers {left} pass left, {right} right and {WALKERS - left - right} fail. "
        f"Asked at {place} it goes left {shares[0]:.0%}, ahead {shares[1]:.0%}, right {shares[2]:.0%} of the time; "
        f"{len(data.experts)} actions of experts are known from near there."
    )


class AnswersExplorer(Explorer):
    """One scene, all learners: how each walks, and what each would do at a place that you choose.

    Args:
        policies: name -> policy of the fork; None for the expert's and those that come with the course.
        demonstrations: what they learned from; None for the fork's 400 walks.
    """

    def __init__(self, policies: Mapping[str, Policy] | None = None, demonstrations: Episodes | None = None) -> None:
        walkers = fork_learners() if policies is None else policies
        known = fork_demonstrations() if demonstrations is None else demonstrations
        slider = ipywidgets.FloatSlider
        controls = {
            "learner": ipywidgets.Dropdown(options=list(walkers)),
            "x": slider(min=0.3, max=0.7, step=0.01, value=0.5, readout_format=".2f", description="asked at x"),
            "y": slider(min=0.04, max=0.22, step=0.01, value=0.1, readout_format=".2f", description="and y"),
        }

        def compute(state: dict) -> AnswersData:
            return answers_data(walkers, known, **state)

        super().__init__(controls, compute, answers_figure, describe_answers, reset=True)


STILLS = {
    "05_answers": lambda: answers_figure(answers_data(fork_learners(), fork_demonstrations(), "mdn", 0.5, 0.1)),
}
