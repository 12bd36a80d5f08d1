"""The right answers of lesson 02's two functions, and what typical slips answer in their place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dilviz.diffusion import NoiseSchedule

_Loss = Callable[..., Tensor]


def shipped_loss(
    denoiser: Callable[[Tensor, Tensor], Tensor], schedule: NoiseSchedule, x0: Tensor, noise: Tensor, t: Tensor,
    prediction_type: str,
) -> Tensor:  # fmt: skip
    """The simple loss: noise the data, ask, take the mean squared error.

    Args:
        denoiser: called as denoiser(xt, t).
        schedule: the noise.
        x0: (B, …) clean data.
        noise: like x0.
        t: (B,) times.
        prediction_type: what the denoiser answers: "epsilon", "sample" or "v_prediction".

    Returns:
        The loss, a single number of shape ().
    """
    return _squared(denoiser(schedule.add_noise(x0, noise, t), t), _target(schedule, x0, noise, t, prediction_type))


def _squared(a: Tensor, b: Tensor) -> Tensor:
    return ((a - b) ** 2).mean()


def _target(schedule: NoiseSchedule, x0: Tensor, noise: Tensor, t: Tensor, prediction_type: str) -> Tensor:
    return {"epsilon": noise, "sample": x0, "v_prediction": schedule.velocity(x0, noise, t)}[prediction_type]


def _in_x0(d: Callable, s: NoiseSchedule, x0: Tensor, n: Tensor, t: Tensor, kind: str) -> Tensor:
    xt = s.add_noise(x0, n, t)
    return _squared(s.to_x0(d(xt, t), xt, t, kind), x0)


def _lost_roots(s: NoiseSchedule, x0: Tensor, n: Tensor, t: Tensor) -> Tensor:
    alpha_bar = s.alpha_bar(t).to(x0.dtype).reshape(-1, 1, 1)
    return alpha_bar * x0 + (1 - alpha_bar) * n


LOSS_SLIPS: dict[str, _Loss] = {
    "only v_prediction is wrong: x0 and noise have changed places in v; it is √ᾱ ε − √(1−ᾱ) x0.": (
        lambda d, s, x0, n, t, kind: (
            _squared(d(s.add_noise(x0, n, t), t), s.velocity(n, x0, t))
            if kind == "v_prediction"
            else shipped_loss(d, s, x0, n, t, kind)
        )
    ),
    "only v_prediction is wrong: your v has the other sign; it is √ᾱ ε − √(1−ᾱ) x0.": (
        lambda d, s, x0, n, t, kind: (
            _squared(d(s.add_noise(x0, n, t), t), -s.velocity(x0, n, t))
            if kind == "v_prediction"
            else shipped_loss(d, s, x0, n, t, kind)
        )
    ),
    "you compare estimates of x0 whatever the network answers; compare its answer with the target of its kind.": _in_x0,
    "data and noise are mixed with ᾱ and 1−ᾱ; their roots are lost.": (
        lambda d, s, x0, n, t, kind: _squared(d(_lost_roots(s, x0, n, t), t), _target(s, x0, n, t, kind))
    ),
    "you square the mean of the errors, where they cancel; square each, then take the mean.": (
        lambda d, s, x0, n, t, kind: (d(s.add_noise(x0, n, t), t) - _target(s, x0, n, t, kind)).mean() ** 2
    ),
    "that is a sum over the last dimension; take the mean over all numbers.": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, kind) * x0.shape[-1]
    ),
    "that is a sum over all numbers; take the mean, so that the loss does not grow with the batch.": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, kind) * x0.numel()
    ),
    "that is a sum over each row; take the mean over all numbers.": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, kind) * x0[0].numel()
    ),
    "that is half of the mean squared error.": lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, kind) / 2,
    "that is the root of the mean squared error; leave the root out.": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, kind).sqrt()
    ),
    "that is the mean absolute error; its best answer is a median, not E[x₀ | xₜ].": (
        lambda d, s, x0, n, t, kind: (d(s.add_noise(x0, n, t), t) - _target(s, x0, n, t, kind)).abs().mean()
    ),
    "the denoiser is shown the clean x0; show it x_t.": (
        lambda d, s, x0, n, t, kind: _squared(d(x0, t), _target(s, x0, n, t, kind))
    ),
    "the denoiser is shown x0 + noise, whatever t is; step 3 has the measured price. Use schedule.add_noise.": (
        lambda d, s, x0, n, t, kind: _squared(d(x0 + n, t), _target(s, x0, n, t, kind))
    ),
    "your target is the noise for every prediction type.": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, "epsilon")
    ),
    "your target is x0 for every prediction type.": lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, "sample"),
    "your targets of epsilon and sample have changed places: epsilon is the noise, sample is x0.": (
        lambda d, s, x0, n, t, kind: shipped_loss(
            d, s, x0, n, t, {"epsilon": "sample", "sample": "epsilon", "v_prediction": kind}[kind]
        )
    ),
    "your target for v_prediction is x0; it is v, schedule.velocity(x0, noise, t).": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, "sample" if kind == "v_prediction" else kind)
    ),
    "your target for v_prediction is the noise; it is v, schedule.velocity(x0, noise, t).": (
        lambda d, s, x0, n, t, kind: shipped_loss(d, s, x0, n, t, "epsilon" if kind == "v_prediction" else kind)
    ),
    "the square is missing: errors of both signs cancel.": (
        lambda d, s, x0, n, t, kind: (d(s.add_noise(x0, n, t), t) - _target(s, x0, n, t, kind)).mean()
    ),
    "your target is x_t; that the denoiser sees already.": (
        lambda d, s, x0, n, t, kind: _squared(d(s.add_noise(x0, n, t), t), s.add_noise(x0, n, t))
    ),
    "the arguments of add_noise are swapped: first x0, then the noise.": (
        lambda d, s, x0, n, t, kind: _squared(d(s.add_noise(n, x0, t), t), _target(s, x0, n, t, kind))
    ),
    "the denoiser is told time 0 for every row; hand it t.": (
        lambda d, s, x0, n, t, kind: shipped_loss(lambda x, t: d(x, 0 * t), s, x0, n, t, kind)
    ),
}


def weighed(
    xt: Tensor, alpha_bar: float, points: Tensor, weights: Tensor, signal: float | None = None,
    spread: float | None = None, half: float = 0.5,
) -> Tensor:  # fmt: skip
    """E[x_0 | x_t] where the data is a finite set of points; or, with other factors, a slip of it.

    Args:
        xt: (B, dim) noisy data.
        alpha_bar: the level of noise.
        points: (N, dim) the data.
        weights: (N,) how often each occurs; they sum to 1.
        signal: what the points are shrunk by; None for the root of alpha_bar.
        spread: what the squared distance is divided by; None for 1 - alpha_bar.
        half: the factor before it.

    Returns:
        (B, dim).
    """
    signal = alpha_bar**0.5 if signal is None else signal
    spread = 1 - alpha_bar if spread is None else spread
    squared = _squares(xt, signal**2, points)
    return (weights.log() - half * squared / spread).softmax(1) @ points


def _squares(xt: Tensor, alpha_bar: float, points: Tensor) -> Tensor:
    return ((xt[:, None] - alpha_bar**0.5 * points) ** 2).sum(-1)  # (B, N)


def _nearest(xt: Tensor, alpha_bar: float, points: Tensor, weights: Tensor) -> Tensor:
    return points[torch.cdist(xt, alpha_bar**0.5 * points).argmin(1)]


POINT_SLIPS: dict[str, Callable[[Tensor, float, Tensor, Tensor], Tensor]] = {
    "the points are not shrunk: xₜ lies around √ᾱ times a point.": lambda x, a, p, w: weighed(x, a, p, w, signal=1.0),
    "the points are shrunk by ᾱ; it is √ᾱ.": lambda x, a, p, w: weighed(x, a, p, w, signal=a),
    "you divide by √(1−ᾱ); the squared distance goes with the variance, 1−ᾱ.": (
        lambda x, a, p, w: weighed(x, a, p, w, spread=(1 - a) ** 0.5)
    ),
    "you divide by ᾱ; the noise in xₜ has the variance 1−ᾱ.": lambda x, a, p, w: weighed(x, a, p, w, spread=a),
    "the factor ½ before the squared distance is missing.": lambda x, a, p, w: weighed(x, a, p, w, half=1.0),
    "the weights of the points are not used.": lambda x, a, p, w: weighed(x, a, p, torch.ones_like(w)),
    "the weights stand where their logarithm belongs.": lambda x, a, p, w: weighed(x, a, p, w.exp()),
    "that is the nearest point; where several fit, the best answer lies between them.": _nearest,
    "that is the average of the data, whatever xₜ is.": lambda x, a, p, w: (w @ p).expand(len(x), -1),
    "the sign before the squared distance is the other one: the nearer a point, the larger its share.": (
        lambda x, a, p, w: weighed(x, a, p, w, half=-0.5)
    ),
    "softmax runs over the wrong dimension: the shares of one row, over all points, sum to 1.": (
        lambda x, a, p, w: (w.log() - _squares(x, a, p) / (2 * (1 - a))).softmax(0) @ p
    ),
    "the shares do not sum to 1: divide by their sum, or let softmax do it.": (
        lambda x, a, p, w: (w.log() - _squares(x, a, p) / (2 * (1 - a))).exp() @ p
    ),
    "that is the likeliest point; the best answer is an average over all.": (
        lambda x, a, p, w: p[(w.log() - _squares(x, a, p) / (2 * (1 - a))).argmax(1)]
    ),
    "that is √ᾱ times the best answer; average the points themselves.": (
        lambda x, a, p, w: a**0.5 * weighed(x, a, p, w)
    ),
}
