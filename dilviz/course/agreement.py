"""Both sides of an equation, each computed by a route of its own: they agree, or the cell stops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dilviz.errors import InputError
from dilviz.show.base import rounded

WIDEST = 0.005  # relative: a wider tolerance would let pass what is wrong by a hundredth
STANDARD_ERRORS, WIDEST_ERROR = 4, 0.0025  # of a Monte Carlo side; and how large its standard error may be, relative


@dataclass(frozen=True)
class _Row:
    name: str
    left: float
    right: float
    error: float | None
    tolerance: float

    @property
    def size(self) -> float:
        return max(abs(self.left), abs(self.right))

    @property
    def apart(self) -> float:
        return abs(self.left - self.right) / self.size

    @property
    def allowed(self) -> float:
        return self.tolerance if self.error is None else STANDARD_ERRORS * self.error / self.size


_ROWS: dict[str, _Row] = {}


def agree(name: str, left: Any, right: Any, tolerance: float = WIDEST, error: Any = None) -> None:
    """Print both sides of an equation and how far they are apart; stop where they do not agree.

    Args:
        name: what is compared, in a few words.
        left: the one side, a real number or what `float` takes.
        right: the other side, computed by another route.
        tolerance: relative, above 0, at most 0.005.
        error: standard error of a side that is a mean over random draws: four of it replace the tolerance.

    Raises:
        AssertionError: the sides differ, are no finite numbers, are both 0, or the standard error is more than 0.25 %
            of them, so that nothing would be checked.
        InputError: a tolerance out of range.
    """
    if not 0 < tolerance <= WIDEST:
        raise InputError(f"tolerance is {tolerance}; give more than 0 and at most {WIDEST}.")
    row = _Row(name, float(left), float(right), None if error is None else float(error), tolerance)
    _ROWS.pop(name, None)
    _demand(math.isfinite(row.left) and math.isfinite(row.right), f"{name}: a side is no finite number.")
    _demand(row.size > 0, f"{name}: both sides are 0, so that nothing is compared.")
    if row.error is not None:
        share = row.error / row.size
        _demand(
            0 < share <= WIDEST_ERROR,
            f"{name}: the standard error is {_percent(share)} of the value, where more than 0 and at most "
            f"{_percent(WIDEST_ERROR)} is asked for: an interval so wide checks nothing. Take more draws.",
        )
    _demand(
        row.apart <= row.allowed,
        f"{name}: the two sides differ, {rounded(row.left)} against {rounded(row.right)}; that is "
        f"{_percent(row.apart)}, where {_percent(row.allowed)} is allowed.",
    )
    _ROWS[name] = row
    print(f"{name}: {row.left:.4g} = {row.right:.4g}, {_percent(row.apart)} apart")


def sides() -> None:
    """Print all equations that have been checked since this kernel started: both sides, the gap, what is allowed."""
    if not _ROWS:
        print("nothing has been compared so far; run the cells above.")
        return
    for row in _ROWS.values():  # two lines each: a narrow page has room for 40 characters
        print(row.name)
        numbers = f"{row.left:>9.4g} {row.right:>9.4g} {_percent(row.apart):>10}"
        print(f"{numbers}  (to {_percent(row.allowed)}{'' if row.error is None else ', 4 s.e.'})")


def _demand(held: bool, otherwise: str) -> None:
    if not held:
        raise AssertionError(otherwise)  # not `assert`: it must hold under `python -O`, too


def _percent(share: float) -> str:
    """In per cent; below a thousandth of one the digits would be those of the machine."""
    return "< 0.001 %" if share < 1e-5 else f"{rounded(100 * share)} %"
