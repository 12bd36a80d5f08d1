"""A denoiser that lacks its `forward`, and how one is looked through: does it see all that it is given, row by row?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dilviz.course.check import Wrong, call
from dilviz.diffusion.denoisers import TIME_DIM, linear_layer, time_embedding


class Layers(nn.Module):
    """The layers of a denoiser that still lacks its `forward`.

    Args:
        horizon: length of the sequence.
        dim: numbers per element.
        cond_dim: numbers in the condition.
        width: units of a hidden layer.
        prediction_type: what the output is to be.
        seed: of the first weights.
    """

    def __init__(
        self, horizon: int, dim: int, cond_dim: int, width: int = 128, prediction_type: str = "sample", seed: int = 0
    ) -> None:
        super().__init__()
        self.horizon, self.dim, self.cond_dim, self.prediction_type = horizon, dim, cond_dim, prediction_type
        generator = torch.Generator().manual_seed(seed)
        sizes = [horizon * dim + TIME_DIM + cond_dim, width, width, width, horizon * dim]
        linear = [linear_layer(a, b, generator) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*[part for layer in linear for part in (layer, nn.SiLU())][:-1])


def look_through(forward: Any, net: Layers, xt: Tensor, t: Tensor, cond: Tensor) -> None:
    """Refuse a forward that does not depend on all of its inputs, or in which rows depend on each other.

    Args:
        forward: what the learner wrote, called as `forward(net, xt, t, cond)`.
        net: with the layers.
        xt: (B, horizon, dim), B at least 2.
        t: (B,) times below 50.
        cond: (B, cond_dim).

    Raises:
        Wrong: it does so, or its answer is not shaped like xt.
        NotYet: it returns nothing.
    """
    answer = call(forward, net, xt, t, cond)
    if answer.shape == (len(xt), xt[0].numel()) != xt.shape:
        raise Wrong(f"the answer is flat, {tuple(answer.shape)}; bring it back to the shape of xt, {tuple(xt.shape)}.")
    if answer.shape != xt.shape:
        raise Wrong(f"the shape is {tuple(answer.shape)} where {tuple(xt.shape)} is expected, that of xt.")
    if not answer.isfinite().all():
        raise Wrong("the answer holds values that are no finite number.")
    if not _alike(answer, call(forward, net, xt, t, cond)):
        raise Wrong("your function answers differently when it is called twice; it may draw nothing of its own.")
    other = Layers(net.horizon, net.dim, net.cond_dim, seed=1001)
    if _alike(answer, call(forward, other, xt, t, cond)):
        raise Wrong("with other weights in self.layers the answer is the same; send the input through self.layers.")
    for name, changed in _changed(xt, t, cond):
        row = call(forward, net, *changed)
        if _alike(answer[0], row[0]):
            raise Wrong(f"the answer stays the same when {name} changes; it has to enter the network.")
        if not _alike(answer[1:], row[1:]):
            raise Wrong(f"when {name} of row 0 changes, other rows change, too; each row is denoised by itself.")
    _check_inputs(forward, net, xt, t, cond)


def _check_inputs(forward: Any, net: Layers, xt: Tensor, t: Tensor, cond: Tensor) -> None:
    """Refuse a forward that does not show its layers the waves of t, or through which no gradient comes back."""
    shown: list[Tensor] = []
    hook = net.layers.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    answer = forward(net, xt.clone(), t.clone(), cond.clone())
    hook.remove()
    rows = torch.cat([part.reshape(-1, part.shape[-1]) for part in shown])  # at once or one by one, in any order
    gaps = (rows[:, :, None] - time_embedding(t)[:, None]).abs().amax(0)  # (numbers shown, waves)
    if gaps.amin(0).max() > 1e-4:
        raise Wrong("self.layers is not shown the waves of t; put time_embedding(t) beside x_t and cond.")
    if not (isinstance(answer, Tensor) and answer.requires_grad):
        raise Wrong("the answer is right, but no gradient comes back through it: no `detach`, no `no_grad`.")


def _changed(xt: Tensor, t: Tensor, cond: Tensor) -> list[tuple[str, tuple[Tensor, Tensor, Tensor]]]:
    """The inputs with one number of row 0 changed, in turn each."""
    found = [("t", (xt, torch.cat([(t[:1] + 20) % 50, t[1:]]), cond))]
    for place in np.ndindex(*xt.shape[1:]):
        moved = xt.clone()
        moved[0][place] += 1
        found.append((f"xt[0, {place[0]}, {place[1]}]", (moved, t, cond)))
    for k in range(cond.shape[1]):
        moved = cond.clone()
        moved[0, k] += 1
        found.append((f"cond[0, {k}]", (xt, t, moved)))
    return found


def _alike(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= 1e-5)
