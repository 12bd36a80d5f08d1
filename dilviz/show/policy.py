"""A diffusion policy and a cloned one meet the same fork."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.diffusion import SAMPLERS, Trace, draw_noise
from dilviz.envs.fork import MAX_STEP
from dilviz.imitation import CloningPolicy, DiffusionPolicy, Episodes
from dilviz.show import theme
from dilviz.show.base import Explorer
from dilviz.show.fork import GOAL_X, SCENE, TREE_X, VIEW_X, VIEW_Y, fork_policies, walks_from

WALKERS = 24  # from one start: the chosen one and its neighbours by seed
LOOKS, STAGES = 10, 11  # looks of a walk that the time slider covers, and pictures of the noise coming off at each
FIRST = {"seed": 3, "start": 0.5, "steps": 10, "time": 6}  # a chunk halfway out of the noise: the first picture


@dataclass(frozen=True)
class ForkData:
    """What the fork's picture shows. Places are in the scene's units.

    Args:
        walks: of all walkers, each (n + 1, 2), the chosen one first.
        outcomes: "left", "right" or "" (crashed or late) of each.
        walked: (m, 2), what the chosen one has walked by now.
        fan: (WALKERS, 1 + k, 2), the chunks that might come, as they are at this stage: the chosen one first.
        history: (stages so far, 1 + k, 2), the chosen chunk at each stage up to this one.
        noise: (S + 1,) how far from clean each stage is, 1 to 0.
        sideways: (S + 1, WALKERS) how far to the right of the walker each chunk ends, at each stage.
        stage: 0 (pure noise) to S (clean).
        cloned: (n + 1, 2), the walk of the cloned policy from the same start.
        cloned_ok: whether that arrived.
        cloned_sideways: how far to the right cloning's chunk would end, seen from where the chosen one stands.
        seed: of the chosen walker.
        look: which look of its walk this is, from 0.
    """

    walks: list[np.ndarray]
    outcomes: list[str]
    walked: np.ndarray
    fan: np.ndarray
    history: np.ndarray
    noise: np.ndarray
    sideways: np.ndarray
    stage: int
    cloned: np.ndarray
    cloned_ok: bool
    cloned_sideways: float
    seed: int
    look: int


Walked = Callable[[float, int, int], tuple[Episodes, Episodes]]


def walkers(diffusion: DiffusionPolicy, cloning: CloningPolicy) -> Walked:
    """Both policies as a function of start, seed and denoising steps; it remembers what it has walked.

    Args:
        diffusion: a policy of the fork; it is left as it is.
        cloning: likewise.

    Returns:
        A function: the walks of WALKERS seeds of the first, and the walk of the second.
    """

    @lru_cache(maxsize=64)  # the time slider does not walk anew
    def walked(start: float, seed: int, steps: int) -> tuple[Episodes, Episodes]:
        sampled = copy(diffusion).use("ddim", steps)
        return walks_from(sampled, start, range(seed, seed + WALKERS)), walks_from(cloning, start, [0])

    return walked


def fork_data(
    diffusion: DiffusionPolicy, cloning: CloningPolicy, state: dict, walked: Walked | None = None
) -> ForkData:
    """Let all walk from one start, and look into the chosen walker's head.

    Args:
        diffusion: a policy of the fork.
        cloning: likewise.
        state: "seed", "start" (an x), "steps" (denoising steps), "time" (0 to LOOKS · STAGES - 1: look and stage).
        walked: from `walkers`, where several pictures are drawn.

    Returns:
        What the picture shows.
    """
    seed, steps = state["seed"], state["steps"]
    walks, cloned = (walked or walkers(diffusion, cloning))(state["start"], seed, steps)
    look, part = divmod(state["time"], STAGES)
    path = walks.path(0)
    last = (len(path) - 2) // diffusion.action_horizon
    look, part = (look, part) if look <= last else (last, STAGES - 1)
    stage = round(part / (STAGES - 1) * steps)
    at = look * diffusion.action_horizon
    seen = path[[max(at - 1, 0), at]]
    paths = _thoughts(diffusion, seen, seed, look, steps)  # (S + 1, WALKERS, 1 + k, 2)
    answer = cloning.act(torch.from_numpy(seen)[None]).numpy()
    return ForkData(
        walks=[walks.path(i) for i in range(WALKERS)],
        outcomes=list(walks.mode),
        walked=path if (look, stage) == (last, steps) else path[: at + 1],
        fan=paths[stage],
        history=paths[: stage + 1, 0],
        noise=np.linspace(1, 0, steps + 1),
        sideways=paths[:, :, -1, 0] - seen[-1, 0],
        stage=stage,
        cloned=cloned.path(0),
        cloned_ok=bool(cloned.success[0]),
        cloned_sideways=float(_places(seen[-1], answer)[0, -1, 0] - seen[-1, 0]),
        seed=seed,
        look=look,
    )


def _thoughts(policy: DiffusionPolicy, seen: np.ndarray, seed: int, look: int, steps: int) -> np.ndarray:
    """Chunks at every stage of their denoising, as places: the one that the walker follows, and others it might have.

    The walker's noise at its k-th look is the k-th draw of its own generator: the picture shows what `rollout` did.
    """
    cond = policy.condition(torch.from_numpy(seen)[None]).expand(WALKERS, -1)
    shape = (WALKERS, policy.denoiser.horizon, policy.denoiser.dim)
    generators = [torch.Generator().manual_seed(seed + i) for i in range(WALKERS)]
    for _ in range(look + 1):
        noise = draw_noise(shape, generators)
    trace = SAMPLERS["ddim"](policy.denoiser, policy.schedule, noise, steps, cond=cond, trace=True)
    assert isinstance(trace, Trace)
    now = policy.obs_horizon - 1
    actions = policy.action_scale.unscale(trace.x[:, :, now:])
    return _places(seen[-1], actions.numpy())


def _places(position: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Where actions (…, k, 2) lead from a place: (…, 1 + k, 2), as if nothing stood in the way."""
    length = np.maximum(np.linalg.norm(actions, axis=-1, keepdims=True), 1.0)
    steps = MAX_STEP * actions / length
    return position + np.concatenate([np.zeros_like(steps[..., :1, :]), steps.cumsum(-2)], axis=-2)


def fork_figure(data: ForkData) -> go.Figure:
    """The scene at the left; at the right how the chunks' ends part while the noise comes off.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    clean = data.stage == len(data.noise) - 1
    role = "diffusion" if clean else "noise"
    right = {"xaxis": "x2", "yaxis": "y2"}
    x = np.append(np.tile(np.append(data.noise, np.nan), WALKERS), np.nan)
    thin = {"line_width": 1, "line_dash": "solid"}
    traces = [
        theme.paths("diffusion", data.walks[1:], "other seeds", opacity=0.7, line_width=1),
        theme.paths("cloning", [data.cloned], "cloning", line_width=3),
        _end(data),
        theme.paths("noise", data.history, "on the way", opacity=0.45, **thin),
        theme.paths(role, data.fan[1:], "might come", opacity=0.7, **thin),
        theme.paths("diffusion", [data.walked], "chosen walk", line_width=4),
        theme.paths(role, [data.fan[0]], "the chunk", line_width=4, line_dash="solid"),
        theme.points("diffusion", data.walked[-1:, 0], data.walked[-1:, 1], size=11),
        _names(data),
        theme.line("noise", x, np.append(_joined(data.sideways), np.nan), "on the way", opacity=0.5).update(
            thin | right
        ),
        theme.line("diffusion", data.noise, data.sideways[:, 0], line_width=3, **right),
        theme.points(role, np.full(WALKERS, data.noise[data.stage]), data.sideways[data.stage], "now", size=7, **right),
        theme.line("cloning", [0, 1], [data.cloned_sideways] * 2, **right),
        go.Scatter(x=[0.02], y=[data.cloned_sideways - 0.022], text=["cloning"], mode="text").update(
            textposition="middle right", **right
        ),
    ]
    return go.Figure(traces, _layout())


def _joined(columns: np.ndarray) -> np.ndarray:
    gap = np.full((1, columns.shape[1]), np.nan)
    return np.concatenate([columns, gap]).T.ravel()


def _end(data: ForkData) -> go.Scatter:
    mark = theme.points("cloning", data.cloned[-1:, 0], data.cloned[-1:, 1], size=15)
    return mark.update(marker={"symbol": "circle" if data.cloned_ok else "x", "line": {"width": 0}})


def _names(data: ForkData) -> go.Scatter:
    """Words at things; each stands where nothing is drawn."""
    end = "" if data.cloned_ok else "cloning ends here"
    places = [(GOAL_X, 0.99), (TREE_X, 0.56), (TREE_X, 0.32)]
    return go.Scatter(
        x=[p[0] for p in places],
        y=[p[1] for p in places],
        text=["goal", "tree", end],
        mode="text",
        cliponaxis=False,
    )


def _layout() -> go.Layout:
    margins: dict[str, Any] = {"margin_l": 8, "margin_r": 24, "margin_t": 30}
    layout = theme.layout(x=VIEW_X, y=VIEW_Y, equal=True, height=500, shapes=SCENE, **margins)
    layout.xaxis.update(domain=[0, 0.56], showticklabels=False, showgrid=False)
    layout.yaxis.update(showticklabels=False, showgrid=False)
    free = {"zeroline": False, "fixedrange": True, "gridcolor": theme.GRID}
    words = "noise remaining (undone from right to left)"
    layout.xaxis2 = free | {"domain": [0.68, 1], "anchor": "y2", "range": (-0.04, 1.04), "title": words}
    sides = {"tickvals": [-0.15, 0, 0.15], "ticktext": ["left", "ahead", "right"], "title": "where the chunk ends"}
    layout.yaxis2 = free | {"anchor": "x2", "range": (-0.22, 0.22), "domain": [0.1, 0.9]} | sides
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.42, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.32]}
    layout.meta = {"narrow": stacked | {"height": 720, "margin.l": 70}}
    return layout


def describe_fork(data: ForkData) -> str:
    """The fork's picture in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    left, right = data.outcomes.count("left"), data.outcomes.count("right")
    lost = WALKERS - left - right
    return (
        f"{WALKERS} walkers of the diffusion policy, seeds {data.seed} to {data.seed + WALKERS - 1}: "
        f"{left} pass left, {right} right, {lost} fail. "
        f"Cloning {'arrives' if data.cloned_ok else 'runs into the tree'}. "
        f"Seed {data.seed} at its look {data.look + 1}: {data.stage} of {len(data.noise) - 1} denoising steps done."
    )


class ForkExplorer(Explorer):
    """One fork, two policies: watch a chunk of actions come out of noise, look by look.

    Args:
        policies: diffusion and cloning; None for those that come with the course.
        seed: of the walker that is chosen at first.
        time: at which it is shown at first, 0 to LOOKS · STAGES - 1.
    """

    def __init__(
        self,
        policies: tuple[DiffusionPolicy, CloningPolicy] | None = None,
        seed: int = 3,
        time: int = 0,
    ) -> None:
        diffusion, cloning = policies or fork_policies()
        walked = walkers(diffusion, cloning)

        def compute(state: dict) -> ForkData:
            return fork_data(diffusion, cloning, state, walked)

        controls = {
            "time": ipywidgets.IntSlider(min=0, max=LOOKS * STAGES - 1, value=time),
            "seed": ipywidgets.IntSlider(min=0, max=99, value=seed),
            "start": ipywidgets.FloatSlider(min=0.45, max=0.55, step=0.01, value=0.5, description="start at x ="),
            "steps": ipywidgets.IntSlider(min=1, max=20, value=10, description="denoising steps"),
        }
        super().__init__(controls, compute, fork_figure, describe_fork, play="time", interval=140, reset=True)


def fork_film() -> list[go.Figure]:
    """A walk, look by look, its chunks coming out of noise.

    Returns:
        The frames.
    """
    policies = fork_policies()
    walked = walkers(*policies)
    times = [look * STAGES + stage for look in range(LOOKS) for stage in (range(11) if look == 0 else (3, 7, 10))]
    times = [0] * 3 + times + [LOOKS * STAGES - 1] * 8
    return [fork_figure(fork_data(*policies, FIRST | {"time": time}, walked)) for time in times]


def _still() -> go.Figure:
    return fork_figure(fork_data(*fork_policies(), FIRST))


STILLS = {"00_fork": _still}
