"""What `dilviz compare` has measured: each learner's figures over the number of demonstrations, and in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dilviz.assets import asset
from dilviz.errors import InputError
from dilviz.imitation.intervals import student_mean
from dilviz.imitation.rows import groups_of
from dilviz.show.base import rounded

ALL = "all"
GOOD = 95.0  # per cent: who succeeds as often has learned the task


@dataclass(frozen=True)
class Measure:
    """One of the figures of a row.

    Args:
        key: of the row.
        title: of the axis.
        unit: behind a number.
        ends: words for the learner that is best in it, and for the worst.
        scale: what a row's number is multiplied by.
        bounds: which numbers there are; an interval ends there.
        log: whether the axis is logarithmic.
        less: whether less is better.
    """

    key: str
    title: str
    unit: str = ""
    ends: tuple[str, str] = ("best", "worst")
    scale: float = 1.0
    bounds: tuple[float, float] = (-np.inf, np.inf)
    log: bool = False
    less: bool = False


SUCCESS = "success"
MEASURES = {
    SUCCESS: Measure("success_rate", "episodes that succeed, %", " %", scale=100.0, bounds=(0.0, 100.0)),
    "mean return": Measure("return_mean", "mean return of an episode"),
    "ms a chunk": Measure(
        "latency_ms",
        "ms a chunk, one CPU thread",
        " ms",
        ("quickest", "slowest"),
        bounds=(0.0, np.inf),
        log=True,
        less=True,
    ),
}


@dataclass(frozen=True)
class Curve:
    """A learner's figures.

    Args:
        demos: (n,) numbers of demonstrations, rising.
        mean: (n,) over the training seeds.
        low: (n,) of the 95 % interval over the training seeds.
        high: (n,) of the same; as `low` where there is one seed only.
    """

    demos: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def said(self, k: int, unit: str) -> str:
        """A figure in words.

        Args:
            k: which of the n.
            unit: behind the number.

        Returns:
            Such as "58.8 % (51 to 66.6)"; without brackets where there is no interval.
        """
        mean, low, high = rounded(self.mean[k]), rounded(self.low[k]), rounded(self.high[k])
        return f"{mean}{unit}" + (f" ({low} to {high})" if low != high else "")


@dataclass(frozen=True)
class ComparedData:
    """One measure of all learners.

    Args:
        measure: a name in MEASURES.
        curves: learner -> its figures.
        learner: the one that is looked at, or ALL.
    """

    measure: str
    curves: dict[str, Curve]
    learner: str

    @property
    def counts(self) -> np.ndarray:
        """(n,) all numbers of demonstrations, rising."""
        return np.unique(np.concatenate([curve.demos for curve in self.curves.values()]))


def compared_rows(name: str) -> list[dict[str, Any]]:
    """Read what `dilviz compare` has measured.

    Args:
        name: of the file in assets/results.

    Returns:
        Its rows, one a training.

    Raises:
        InputError: no such file, or one of another kind.
    """
    rows = json.loads(asset("results", f"{name}.json").read_text(encoding="utf-8")).get("rows", [])
    needed = {"policy", "demos", *(measure.key for measure in MEASURES.values())}
    if not rows or any(needed - row.keys() for row in rows):
        raise InputError(f"results/{name}.json holds no rows of dilviz compare; take one that does: compare_fork.")
    return rows


def compared_data(rows: Sequence[dict], measure: str = SUCCESS, learner: str = ALL) -> ComparedData:
    """Means and intervals over the training seeds.

    Args:
        rows: as `dilviz compare` gives them.
        measure: a name in MEASURES.
        learner: one of the rows', or ALL.

    Returns:
        What the picture shows.

    Raises:
        InputError: no such measure or learner.
    """
    learners = list(dict.fromkeys(row["policy"] for row in rows))
    for what, value, offered in (("measure", measure, [*MEASURES]), ("learner", learner, [ALL, *learners])):
        if value not in offered:
            raise InputError(f"{what} {value!r} is unknown; take one of {', '.join(offered)}.")
    groups = groups_of(rows)
    curves = {
        name: _curve({demos: group for (demos, policy), group in groups.items() if policy == name}, MEASURES[measure])
        for name in learners
    }
    return ComparedData(measure, curves, learner)


def _curve(groups: dict[int, list[dict]], measure: Measure) -> Curve:
    demos = sorted(groups)
    values = [measure.scale * np.array([row[measure.key] for row in groups[count]]) for count in demos]
    low, high = np.clip([student_mean(each) for each in values], *measure.bounds).T
    return Curve(np.array(demos), np.array([each.mean() for each in values]), low, high)


def reached(curve: Curve) -> int | None:
    """With how many demonstrations a learner succeeds in GOOD per cent of the episodes.

    Args:
        curve: its success, in per cent.

    Returns:
        The fewest that were tried with such a mean; None where there are none.
    """
    good = curve.demos[curve.mean >= GOOD]
    return int(good[0]) if len(good) else None


def describe_compared(data: ComparedData) -> str:
    """The figures at the fewest and at the most demonstrations, and who succeeds from how many on.

    Args:
        data: what the picture shows.

    Returns:
        The sentences.
    """
    shown = data.curves if data.learner == ALL else {data.learner: data.curves[data.learner]}
    said = _all(data) if data.learner == ALL else _one(data, data.curves[data.learner])
    sure = any((curve.low < curve.high).any() for curve in shown.values())
    bars = " Bars and brackets: 95 % intervals over training seeds; rings: the best, or the learner that is chosen."
    return said + bars * sure


def _one(data: ComparedData, curve: Curve) -> str:
    unit = MEASURES[data.measure].unit
    figures = ", ".join(f"{curve.said(k, unit)} with {curve.demos[k]}" for k in sorted({0, len(curve.demos) - 1}))
    count = reached(curve)
    good = f" It reaches {GOOD:g} % with {count}." if count else f" It never reaches {GOOD:g} %."
    return f"{data.learner}: {figures} demonstrations." + good * (data.measure == SUCCESS)


def _all(data: ComparedData) -> str:
    ends = " ".join(f"{count} demonstrations: {_ends(data, count)}." for count in np.unique(data.counts[[0, -1]]))
    return ends + _who_reaches(data) * (data.measure == SUCCESS)


def _ends(data: ComparedData, count: int) -> str:
    """The best and the worst learner with so many demonstrations; those of the same figures are named together."""
    measure = MEASURES[data.measure]
    alike: dict[tuple[float, str], list[str]] = {}
    for name, curve in data.curves.items():
        for k in np.flatnonzero(curve.demos == count).tolist():
            alike.setdefault((curve.mean[k], curve.said(k, measure.unit)), []).append(name)
    order = sorted(alike, key=lambda figures: figures[0], reverse=not measure.less)
    chosen = zip(measure.ends, dict.fromkeys([order[0], order[-1]]), strict=False)  # one where all are alike
    return "; ".join(f"{word} {_listed(alike[figures])}, {figures[1]}" for word, figures in chosen)


def _listed(names: Iterable[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _who_reaches(data: ComparedData) -> str:
    by: dict[int | None, list[str]] = {count: [] for count in [*data.counts.tolist(), None]}
    for name, curve in data.curves.items():
        count = reached(curve)
        fewer = count is not None and count == curve.demos[0] > data.counts[0]
        by[count].append(f"{name} (not tried with fewer)" if fewer else name)
    never = by.pop(None)
    parts = [f"{_listed(names)} with {count}" for count, names in by.items() if names]
    if not parts:
        return f" Nobody reaches {GOOD:g} %."
    parts += [f"{_listed(never)} never"] if never else []
    return f" {GOOD:g} % are reached by {'; by '.join(parts)}."
