"""Lesson 06's answers, and what each common mistake makes of them.

Read on only when you have solved the exercises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# Receding horizon: plan, world, first observation, obs_horizon, action_horizon, steps -> what was observed

Plan = Callable[[Tensor], Tensor]
World = Callable[[Tensor, Tensor], Tensor]
Receding = Callable[[Plan, World, Tensor, int, int, int], Any]


def written_receding(
    plan: Plan, world: World, first: Tensor, obs_horizon: int, action_horizon: int, steps: int
) -> Tensor:
    """Look, plan, do the first actions, look again.

    Args:
        plan: from the last observations (obs_horizon, obs_dim), the newest last, to a chunk (pred_horizon, act_dim)
            that begins at the oldest of them.
        world: from an observation (obs_dim,) and an action (act_dim,) to the next observation.
        first: (obs_dim,), which stands in for those before it.
        obs_horizon: observations that a plan sees.
        action_horizon: actions that are done of each plan.
        steps: at least so many, to the end of the last plan.

    Returns:
        (obs_horizon + steps or a few more, obs_dim), all that was observed.
    """
    return _receding(plan, world, first, obs_horizon, action_horizon, steps)


def _receding(
    plan: Plan,
    world: World,
    first: Tensor,
    obs_horizon: int,
    action_horizon: int,
    steps: int,
    *,
    begins: int = 0,
    done: int = 0,
    look: Callable[[Tensor], Tensor] = lambda seen: seen,
    order: Callable[[Tensor], Tensor] = lambda actions: actions,
    blind: bool = False,
) -> Tensor:
    """With slips: a chunk that begins elsewhere, more or fewer actions, another look, another order, one plan only."""
    seen = [first] * obs_horizon
    chunk = None
    while len(seen) < obs_horizon + steps:
        if chunk is None or not blind:
            chunk = plan(look(torch.stack(seen[-obs_horizon:])))
        now = max(obs_horizon - 1 + begins, 0)
        for action in order(chunk[now : now + action_horizon + done]):
            seen.append(world(seen[-1], action))
    return torch.stack(seen)


def _whole(plan: Plan, world: World, first: Tensor, obs_horizon: int, action_horizon: int, steps: int) -> Tensor:
    seen = [first] * obs_horizon
    while len(seen) < obs_horizon + steps:
        for action in plan(torch.stack(seen[-obs_horizon:])):
            seen.append(world(seen[-1], action))
    return torch.stack(seen)


def _unmoved(plan: Plan, world: World, first: Tensor, obs_horizon: int, action_horizon: int, steps: int) -> Tensor:
    seen = [first] * obs_horizon
    while len(seen) < obs_horizon + steps:
        here = seen[-1]
        for action in plan(torch.stack(seen[-obs_horizon:]))[obs_horizon - 1 :][:action_horizon]:
            seen.append(world(here, action))
    return torch.stack(seen)


def _slip(**how: Any) -> Receding:
    return lambda *inputs: _receding(*inputs, **how)


RECEDINGS: dict[str, Receding] = {
    "the chunk begins at the oldest observation: its first obs_horizon − 1 actions are past; do those after them.": (
        lambda plan, world, first, obs, act, steps: _receding(plan, world, first, obs, act, steps, begins=1 - obs)
    ),
    "that is one action too late: the one that belongs to the newest observation has index obs_horizon − 1.": (
        _slip(begins=1)
    ),
    "that is one action more than action_horizon before the next look.": _slip(done=1),
    "that is one action fewer than action_horizon before the next look.": _slip(done=-1),
    "the observations come newest first; the newest is the last.": _slip(look=lambda seen: seen.flip(0)),
    "the plan sees the newest observation over and over; it wants the last obs_horizon of them.": (
        _slip(look=lambda seen: seen[-1:].expand_as(seen))
    ),
    "the actions are done in the wrong order, the last one first.": _slip(order=lambda actions: actions.flip(0)),
    "every plan is the first one again: after action_horizon actions a new one is due, from the last observations.": (
        _slip(blind=True)
    ),
    "the whole chunk is done; action_horizon of its actions are due, and then a new look.": _whole,
    "every action is done from where the plan was made; each begins where the one before has led.": _unmoved,
}
