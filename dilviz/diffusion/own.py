"""A step that somebody else wrote, as a sampler: its coefficients are found by asking it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dilviz.diffusion.samplers import Sampler, Update
from dilviz.errors import InputError

Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_SHAPE = (3, 2, 5)  # of what the step is asked with: rows, horizon, numbers
_TRIED = torch.tensor([0.01, 0.4, 0.9, 1.0], dtype=torch.float64)  # alpha_bar on a way to clean


def sampler_from_step(step: Step) -> Sampler:
    """A sampler whose every step is `step`, which must be a x_t + b x_0 with a and b of its own choice.

    Args:
        step: called as `step(xt, x0, alpha_bar_t, alpha_bar_s)` with xt and x0 (B, horizon, dim) float64, the estimate
            of x_0 among them, and alpha_bar at the step's two ends as tensors of one number; it gives x_s, like xt. At
            the last step alpha_bar_s is 1.

    Returns:
        The sampler, named "yours".

    Raises:
        InputError: here or when it samples: a step that gives no tensor of that shape, that is not finite, or not
            linear in xt and x0 (such as one that draws noise).
    """

    def yours_update(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> Update:
        found = [_coefficients(step, t, s) for t, s in zip(alpha_bar_t.double(), alpha_bar_s.double(), strict=True)]
        xt, x0 = torch.tensor(found, dtype=torch.float64).unbind(1)
        return Update(xt, x0, torch.zeros_like(xt), torch.zeros_like(xt))

    yours_update(_TRIED[:-1], _TRIED[1:])
    return Sampler(yours_update)


def _coefficients(step: Step, alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> tuple[float, float]:
    """What stands before x_t and x_0, and whether that is all there is."""
    one, nought = torch.ones(_SHAPE, dtype=torch.float64), torch.zeros(_SHAPE, dtype=torch.float64)
    a, b = _asked(step, one, nought, alpha_bar_t, alpha_bar_s), _asked(step, nought, one, alpha_bar_t, alpha_bar_s)
    generator = torch.Generator().manual_seed(0)
    xt, x0 = torch.randn((2, *_SHAPE), dtype=torch.float64, generator=generator)
    mixed, wanted = _asked(step, xt, x0, alpha_bar_t, alpha_bar_s), a * xt + b * x0
    scale = 1 + a.abs().max() + b.abs().max()
    if not torch.allclose(mixed, wanted, rtol=0, atol=1e-5 * float(scale)):
        raise InputError(
            f"your step is not a · xt + b · x0 with two numbers a and b: {_where(alpha_bar_t, alpha_bar_s)} it is "
            f"{float((mixed - wanted).abs().max()):.2g} away from that. No square of x, no fresh noise, nothing added."
        )
    return float(a.flatten()[0]), float(b.flatten()[0])


def _asked(step: Step, xt: Tensor, x0: Tensor, alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> Tensor:
    answer: Any = step(xt.clone(), x0.clone(), alpha_bar_t.clone(), alpha_bar_s.clone())  # it may work in place
    if not isinstance(answer, Tensor) or answer.shape != xt.shape:
        got = f"a tensor of shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
        raise InputError(f"your step gives {got}; it must return x_s, a tensor of the shape of xt {tuple(xt.shape)}.")
    if not answer.isfinite().all():
        raise InputError(
            f"your step gives a number that is not finite {_where(alpha_bar_t, alpha_bar_s)}: is something divided by "
            "zero, or a root taken of less than zero?"
        )
    return answer.double()


def _where(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> str:
    return f"from alpha_bar_t = {float(alpha_bar_t):.3g} to alpha_bar_s = {float(alpha_bar_s):.3g}"
