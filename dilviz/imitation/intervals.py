"""How sure a figure is: intervals by SciPy."""

from __future__ import annotations

import numpy as np
from scipy import stats


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a success rate.

    Args:
        successes: how many of n.
        n: how many were tried, at least 1.

    Returns:
        Low and high, in [0, 1].

    Source:
        Wilson 1927, through `scipy.stats.binomtest`.
    """
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap_mean(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean, by resampling with a fixed seed.

    Args:
        values: (n,).

    Returns:
        Low and high; the value itself twice where all are alike.

    Source:
        Efron's bias-corrected bootstrap, through `scipy.stats.bootstrap`.
    """
    if len(values) < 2 or np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(0)
    interval = stats.bootstrap((values,), np.mean, rng=rng, n_resamples=2000).confidence_interval
    return float(interval.low), float(interval.high)


def student_mean(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean over a few trainings, which are taken to vary like a normal.

    Args:
        values: (n,), one a training.

    Returns:
        Low and high; the value itself twice where there is one only, or all are alike.

    Source:
        Student 1908, through `scipy.stats.t`.
    """
    if len(values) < 2 or np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    return float(low), float(high)
