"""Lesson 05's answers, and what each common mistake makes of them.

Read on only when you have solved the exercises.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

# The likelihood of a mixture

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _far(mean: Tensor, std: Tensor, target: Tensor) -> Tensor:
    return (target[:, None] - mean) / std


def _log_p(mean: Tensor, std: Tensor, target: Tensor) -> Tensor:
    return -(_far(mean, std, target) ** 2 / 2 + std.log() + math.log(2 * math.pi) / 2).sum(2)


def written_mixture_loss(log_weight: Tensor, mean: Tensor, std: Tensor, target: Tensor) -> Tensor:
    """The negative log-likelihood of a mixture of Gaussians.

    Args:
        log_weight: (B, K) logarithms of weights that sum to 1.
        mean: (B, K, n).
        std: (B, K, n), above 0.
        target: (B, n).

    Returns:
        (), the mean over the rows, in nats.
    """
    return -(log_weight + _log_p(mean, std, target)).logsumexp(1).mean()


SLIPS: dict[str, Loss] = {
    "the sign is the other one: a loss falls where the data becomes likelier.": (
        lambda w, m, s, x: -written_mixture_loss(w, m, s, x)
    ),
    "the weights are left out: add log_weight to the logarithm of each component.": (
        lambda w, m, s, x: -_log_p(m, s, x).logsumexp(1).mean()
    ),
    "you average the logarithms of the components by their weights; the logarithm is of the weighted sum.": (
        lambda w, m, s, x: -(w.exp() * _log_p(m, s, x)).sum(1).mean()
    ),
    "that counts the best component alone; the likelihood is the sum of all, logsumexp.": (
        lambda w, m, s, x: -(w + _log_p(m, s, x)).amax(1).mean()
    ),
    "log std is left out; without it a wider component is never worse.": (
        lambda w, m, s, x: -(w + _log_p(m, s, x) + s.log().sum(2)).logsumexp(1).mean()
    ),
    "½ log 2π is left out. It moves no weight of the network, but then it is no likelihood; add it for each number.": (
        lambda w, m, s, x: -(w + _log_p(m, s, x) + m.shape[2] * math.log(2 * math.pi) / 2).logsumexp(1).mean()
    ),
    "log 2π comes whole; with the factor ½ it is the Gaussian's.": (
        lambda w, m, s, x: -(w + _log_p(m, s, x) - m.shape[2] * math.log(2 * math.pi) / 2).logsumexp(1).mean()
    ),
    "the factor ½ of the square is missing.": (
        lambda w, m, s, x: -(w + _log_p(m, s, x) - (_far(m, s, x) ** 2 / 2).sum(2)).logsumexp(1).mean()
    ),
    "the numbers of a chunk are averaged where they should be summed: independent densities multiply.": (
        lambda w, m, s, x: -(w + _log_p(m, s, x) / m.shape[2]).logsumexp(1).mean()
    ),
    "that is the sum over the rows; take the mean.": (lambda w, m, s, x: len(x) * written_mixture_loss(w, m, s, x)),
    "the distance is divided by the variance; std is its root.": (
        lambda w, m, s, x: -(
            w + _log_p(m, s, x) + (_far(m, s, x) ** 2 / 2 - (_far(m, s, x) / s) ** 2 / 2).sum(2)
        ).logsumexp(1).mean()
    ),
    "log_weight is a logarithm already; do not take it again, and do not multiply with it.": (
        lambda w, m, s, x: -(w * _log_p(m, s, x)).logsumexp(1).mean()
    ),
}  # fmt: skip


# Look-up

Lookup = Callable[[Tensor, Tensor, Tensor], Tensor]


def _scaled(look: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    low, high = seen.amin(0), seen.amax(0)
    return (look - low) / (high - low), (seen - low) / (high - low)


def written_lookup(look: Tensor, seen: Tensor, chunks: Tensor) -> Tensor:
    """The chunk that followed the nearest observation, each number in the scale of its data.

    Args:
        look: (obs_dim,), in units of its own.
        seen: (N, obs_dim), likewise.
        chunks: (N, horizon, act_dim), what was done then.

    Returns:
        (horizon, act_dim), one of them.
    """
    look, seen = _scaled(look, seen)
    return chunks[(seen - look).norm(dim=1).argmin()]


def _nearest(look: Tensor, seen: Tensor, count: int) -> Tensor:
    look, seen = _scaled(look, seen)
    return (seen - look).norm(dim=1).argsort()[:count]


LOOKUPS: dict[str, Lookup] = {
    "distances are taken in the data's own units, so a large unit drowns a small one; scale each to its range "
    "first.": lambda look, seen, chunks: chunks[(seen - look).norm(dim=1).argmin()],
    "that is the chunk of the farthest observation; take argmin.": (
        lambda look, seen, chunks: chunks[_nearest(look, seen, len(seen))[-1]]
    ),
    "that is the average of several neighbours' chunks: where two ways are good, their average is none.": (
        lambda look, seen, chunks: chunks[_nearest(look, seen, 5)].mean(0)
    ),
    "that is the average of all chunks; only the nearest counts.": lambda look, seen, chunks: chunks.mean(0),
    "that is the second nearest; sorted from near to far, the first has index 0.": (
        lambda look, seen, chunks: chunks[_nearest(look, seen, 2)[1]]
    ),
    "you divide by the largest number; the range is high − low, and what is never near 0 needs low taken off.": (
        lambda look, seen, chunks: chunks[((seen - look) / seen.abs().amax(0)).norm(dim=1).argmin()]
    ),
    "you scale by the standard deviation; here the range is asked for, high − low.": (
        lambda look, seen, chunks: chunks[((seen - look) / seen.std(0)).norm(dim=1).argmin()]
    ),
    "that is the average of the three nearest: where two ways are good, their average is none.": (
        lambda look, seen, chunks: chunks[_nearest(look, seen, 3)].mean(0)
    ),
    "distances are sums of absolute differences; the Euclidean one is asked for.": (
        lambda look, seen, chunks: chunks[(_scaled(look, seen)[1] - _scaled(look, seen)[0]).abs().sum(1).argmin()]
    ),
    "`seen` is scaled, but not `look`; scale both alike.": (
        lambda look, seen, chunks: chunks[(_scaled(look, seen)[1] - look).norm(dim=1).argmin()]
    ),
    "that is the observation that was nearest; return what was done then, its chunk.": (
        lambda look, seen, chunks: seen[_nearest(look, seen, 1)[0]]
    ),
}
