"""Mistakes in how a diffusion policy acts: what it sees, and what of its chunk it does.

Read on only when you have found the bug of lesson 06.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dilviz.course.bug import Bug
from dilviz.imitation import DiffusionPolicy
from dilviz.imitation.chunks import ChunkPolicy

_act, _condition = DiffusionPolicy.act, ChunkPolicy.condition


@torch.no_grad()
def _backwards(self: DiffusionPolicy, *args: Any, **options: Any) -> Tensor:
    return _act(self, *args, **options).flip(1)  # wanted: the first action first


@torch.no_grad()
def _early(self: DiffusionPolicy, observations: Tensor, generator: Any = None, late: int = 0, **memory: Any) -> Tensor:
    return _act(self, observations, generator, late - 1, **memory)  # wanted: from the newest observation on


def _newest_first(self: ChunkPolicy, observations: Tensor) -> Tensor:
    return _condition(self, observations.flip(1))  # wanted: the newest last


def _newest_alone(self: ChunkPolicy, observations: Tensor) -> Tensor:
    return _condition(self, observations[:, -1:].expand_as(observations))  # wanted: the older ones, too


_CHUNK = "test_policies.py::test_a_diffusion_policy_does_its_chunk_from_the_newest_observation_on"
_COND = "test_policies.py::test_the_condition_is_what_was_seen_last_oldest_first"

ACTING_BUGS = (
    Bug(
        "chunk_backwards",
        "a chunk whose actions are done in the wrong order",
        "The last action of each piece of a plan is done first, so that the walk bends the wrong way between two looks "
        "and jumps back at each.",
        _CHUNK,
        ((DiffusionPolicy, "act", _backwards),),
    ),
    Bug(
        "one_action_early",
        "a chunk that begins one action early",
        "An action that is past is done again at each look, so that every action comes a step too late; walks arrive, "
        "but they take longer.",
        _CHUNK,
        ((DiffusionPolicy, "act", _early),),
    ),
    Bug(
        "newest_first",
        "observations in the wrong order",
        "The policy takes the older observation for the newer one, so that it believes to be walking backward, and "
        "turns round at its looks.",
        _COND,
        ((ChunkPolicy, "condition", _newest_first),),
    ),
    Bug(
        "newest_alone",
        "the newest observation in place of the last two",
        "The policy sees where it is and not where it came from, so that it believes to stand still.",
        _COND,
        ((ChunkPolicy, "condition", _newest_alone),),
    ),
)
