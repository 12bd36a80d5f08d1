"""Mistakes in how a mixture acts: four ways to make one answer of several.

Read on only when you have found the bug of lesson 05.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dilviz.course.bug import Bug
from dilviz.diffusion.noise import Generators
from dilviz.imitation import mixture_density
from dilviz.imitation.mixture_density import MixtureDensityPolicy


def _mean_of_mixture(self: MixtureDensityPolicy, cond: Tensor, generator: Generators) -> Tensor:
    log_weight, mean, _ = self.network.mixture(self.network(None, None, cond))
    chunk = (log_weight.exp()[..., None] * mean).sum(1)  # wanted: the mean of one component
    return chunk.unflatten(1, (self.network.config["horizon"], self.network.config["dim"]))


def _one_action_late(self: MixtureDensityPolicy, cond: Tensor, generator: Generators) -> Tensor:
    actions = _predict(self, cond, generator)
    return torch.cat([actions[:, 1:], actions[:, -1:]], dim=1)  # wanted: from the first one on


def _heaviest(log_weight: Tensor, uniform: Tensor) -> Tensor:
    return log_weight.argmax(1)  # wanted: each as often as its weight says


def _any_component(log_weight: Tensor, uniform: Tensor) -> Tensor:
    return (uniform[:, 0] * log_weight.shape[1]).long().clamp(max=log_weight.shape[1] - 1)


_predict = MixtureDensityPolicy._predict

_EACH_AS_OFTEN = "test_learners.py::test_a_mixture_gives_each_answer_as_often_as_the_expert_did"

MIXTURE_BUGS = (
    Bug(
        "mean_of_mixture",
        "the mean of a mixture in place of a draw",
        "The policy does the weighted mean of all components, so that it answers like regression: between two good "
        "ways, the same on every seed.",
        _EACH_AS_OFTEN,
        ((MixtureDensityPolicy, "_predict", _mean_of_mixture),),
    ),
    Bug(
        "always_the_heaviest",
        "the heaviest component in place of a draw",
        "The policy takes the component of the largest weight, so that from one place it always goes the same way.",
        _EACH_AS_OFTEN,
        ((mixture_density, "picked", _heaviest),),
    ),
    Bug(
        "equal_weights",
        "a draw that ignores the weights",
        "Each component is drawn as often as any other, also one whose weight is next to nothing and whose mean means "
        "nothing, so that walks go astray.",
        _EACH_AS_OFTEN,
        ((mixture_density, "picked", _any_component),),
    ),
    Bug(
        "one_action_late",
        "a chunk that begins one action late",
        "The first action of the chunk is left out, so that every action comes one step too early and walks cut "
        "corners.",
        "test_learners.py::test_the_first_action_of_a_mixture_belongs_to_the_newest_observation",
        ((MixtureDensityPolicy, "_predict", _one_action_late),),
    ),
)
