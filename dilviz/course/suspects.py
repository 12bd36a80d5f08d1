"""Debug exercises: which of these mistakes was made?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dilviz.course.bugs import BUGS
from dilviz.course.check import Wrong, exercise, one_of
from dilviz.show.base import Bug


def planted(lineup: Sequence[str]) -> tuple[Bug, ...]:
    """Suspects that an explorer can plant.

    Args:
        lineup: names in BUGS.

    Returns:
        As an explorer takes them.
    """
    return tuple((name, BUGS[name].planted) for name in lineup)


def suspect_exercise(
    name: str, minutes: int, mystery: str, lineup: Sequence[str], clue: Callable[[str], str], solved: str
) -> None:
    """Register an exercise whose answer is the name of the mistake that was made.

    Args:
        name: "01.debug": lesson and kind.
        minutes: that it takes.
        mystery: the one that was made.
        lineup: the names that can be answered, `mystery` among them.
        clue: called with another name of these; says by what the mystery differs from it.
        solved: what the learner reads when it is found.
    """

    @exercise(name, minutes)
    def judge_suspect(answer: Any) -> str:
        answer = one_of(lineup, answer)
        if answer != mystery:
            raise Wrong(clue(answer))
        return solved
