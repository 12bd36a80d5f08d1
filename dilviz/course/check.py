"""Checks of exercises: *solved*, what is wrong, or *not yet*. A check never raises, and guesses no cause."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dilviz.course import progress
from dilviz.errors import InputError
from dilviz.show.base import rounded


class Wrong(Exception):
    """An answer that is not right; the message says in what."""


class NotYet(Exception):
    """No answer so far; the message says what is awaited."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        name: "01.complete": lesson and kind.
        minutes: that it takes.
        judge: called with the answer; raises Wrong or NotYet, else returns what the learner reads when it is solved.
    """

    name: str
    minutes: int
    judge: Callable[[Any], str]


_EXERCISES: dict[str, Exercise] = {}
_SOLVED_NOW: set[str] = set()


def exercise(name: str, minutes: int) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    """Register the judge of an exercise.

    Args:
        name: "01.complete": lesson and kind.
        minutes: that it takes.

    Returns:
        A decorator of the judge.
    """

    def register(judge: Callable[[Any], str]) -> Callable[[Any], str]:
        _EXERCISES[name] = Exercise(name, minutes, judge)
        return judge

    return register


def exercises(lesson: str) -> list[Exercise]:
    """The exercises of a lesson.

    Args:
        lesson: "01".

    Returns:
        In the order of the lesson.
    """
    return [found for name, found in _EXERCISES.items() if name.startswith(f"{lesson}.")]


def check(name: str, answer: Any) -> None:
    """Say whether an answer is right. Prints one of *solved*, what is wrong, or *not yet*; never raises.

    Args:
        name: of the exercise.
        answer: a function, a value, or a drawing pad, as the exercise says.
    """
    verdict, message = judge(name, answer)
    _SOLVED_NOW.discard(name)
    if verdict == "Solved":
        _SOLVED_NOW.add(name)
        try:
            progress.remember(name)
        except InputError as error:
            message = f"{message} (Your progress could not be kept: {error})"
    print(f"{verdict}: {message}")


def judge(name: str, answer: Any) -> tuple[str, str]:
    """The verdict on an answer, without printing.

    Args:
        name: of the exercise.
        answer: as in `check`.

    Returns:
        "Solved", "Not solved" or "Not yet", and a sentence.
    """
    if not _EXERCISES:
        return "Not yet", "no lesson has begun in this kernel; run the first cell, the one with `start`."
    if not isinstance(name, str) or name not in _EXERCISES:
        return "Not yet", f"there is no exercise {name!r}; there are {', '.join(_EXERCISES)}."
    try:
        return "Solved", _EXERCISES[name].judge(answer)
    except Wrong as wrong:
        return "Not solved", str(wrong)
    except NotYet as awaited:
        return "Not yet", str(awaited)
    except KeyboardInterrupt:
        return "Not yet", "the check was interrupted; run the cell again."
    except BaseException as error:  # `exit()` in an answer must not end the lesson either
        return "Not solved", _where(error)


def _where(error: BaseException) -> str:
    """An error of the learner's code, with the line of theirs at which it came about."""
    theirs = [
        f for f in traceback.extract_tb(error.__traceback__) if "dilviz" not in f.filename and "torch" not in f.filename
    ]
    line = f" at your line `{theirs[-1].line}`" if theirs and theirs[-1].line else ""
    try:
        words = str(error).strip().splitlines()[0][:200]
    except Exception:  # an error that cannot even say what it is, or says nothing
        words = "no more is said"
    return f"your answer stopped with {type(error).__name__}{line}: {words}"


def is_solved(name: str) -> bool:
    """Whether an exercise has been solved since this kernel started: whether an answer can be built upon.

    Args:
        name: of the exercise.

    Returns:
        True after its check has said *solved*.
    """
    return name in _SOLVED_NOW


def fresh() -> torch.Generator:
    """A generator that no earlier check has used: an answer learnt by heart does not pass.

    Returns:
        The generator, seeded from the system.
    """
    generator = torch.Generator()
    generator.seed()
    return generator


def one_of(options: Sequence[str], answer: Any) -> str:
    """A name among several, however it is spelled: `Lost square root` is `lost_square_root`.

    Args:
        options: the names.
        answer: what the learner wrote.

    Returns:
        The name.

    Raises:
        NotYet: nothing so far.
        Wrong: no such name.
    """
    if answer is None or answer is ... or answer == "":
        raise NotYet("write the suspect's name as soon as the picture has convinced you.")
    letters = {"".join(filter(str.isalnum, option)): option for option in options}
    given = "".join(filter(str.isalnum, str(answer).lower()))
    if given not in letters:
        raise Wrong(f"{answer!r} is not among the suspects: {', '.join(options)}.")
    return letters[given]


def call(function: Any, *inputs: Any) -> Tensor:
    """Call a learner's function on copies of the inputs.

    Args:
        function: what the learner wrote.
        inputs: its arguments.

    Returns:
        What it returned, as a tensor of the same shape.

    Raises:
        NotYet: it returns nothing.
        Wrong: it is no function, or returns no numbers.
    """
    if not callable(function):
        raise Wrong(f"this exercise asks for a function, but got {type(function).__name__}.")
    output = function(*(x.clone() if isinstance(x, Tensor) else x for x in inputs))
    if output is None or output is ...:
        raise NotYet("your function returns nothing so far; write it, and end with `return`.")
    try:
        numbers = torch.as_tensor(output).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise Wrong(f"your function returns {type(output).__name__}, where a tensor is expected.") from error
    if numbers.is_complex() or numbers.layout != torch.strided:
        raise Wrong("your function returns complex or sparse numbers, where plain real ones are expected.")
    return numbers


@dataclass(frozen=True)
class Case:
    """One input of a check, and the right answer.

    Args:
        says: which input it is: "t = 7".
        inputs: of the learner's function.
        right: the answer, of any shape.
    """

    says: str
    inputs: tuple[Any, ...]
    right: Tensor


def compare(function: Any, cases: list[Case], suspects: dict[str, list[Tensor]], tolerance: float = 1e-4) -> None:
    """Hold a learner's function against the right answers, and known mistakes against the wrong ones.

    Args:
        function: what the learner wrote.
        cases: fresh inputs with their right answers.
        suspects: a diagnosis -> what code with that mistake would answer, case by case.
        tolerance: absolute, for data of size one.

    Raises:
        Wrong: an answer differs. A known mistake is named where it explains *every* case; any other is
            reported by size and place.
        NotYet: the function returns nothing.
    """
    answers: list[Tensor] = []
    for case in cases:
        try:
            answers.append(call(function, *case.inputs))
        except NotYet:
            if not answers:
                raise
            raise Wrong(f"your function answers some inputs, but returns nothing for {case.says}.") from None
    for case, answer in zip(cases, answers, strict=True):
        if answer.shape != case.right.shape:
            raise Wrong(
                f"the shape is {tuple(answer.shape)} where {tuple(case.right.shape)} is expected ({case.says})."
            )
        if not torch.isfinite(answer).all():
            raise Wrong(f"the answer holds values that are no finite number ({case.says}).")
    if _differing(answers, [call(function, *case.inputs) for case in cases], tolerance):
        raise Wrong("your function answers differently when it is called twice; it may draw nothing of its own.")
    if not (wrong := _differing(answers, [case.right for case in cases], tolerance)):
        return
    for diagnosis, theirs in suspects.items():
        if not _differing(answers, theirs, tolerance):
            raise Wrong(diagnosis)
    gaps = [(answers[i] - cases[i].right).abs() for i in wrong]
    worst = max(range(len(gaps)), key=lambda k: float(gaps[k].max()))
    place = tuple(int(i) for i in np.unravel_index(int(gaps[worst].argmax()), gaps[worst].shape))
    where = f", entry {list(place)}" if place else ""
    raise Wrong(
        f"{len(wrong)} of {len(cases)} fresh inputs come out wrong; the largest difference is "
        f"{rounded(gaps[worst].max())}, at {cases[wrong[worst]].says}{where}: yours is "
        f"{rounded(answers[wrong[worst]][place])}, right is {rounded(cases[wrong[worst]].right[place])}."
    )


def _differing(answers: list[Tensor], others: Iterable[Tensor], tolerance: float) -> list[int]:
    pairs = enumerate(zip(answers, others, strict=True))
    return [i for i, (a, b) in pairs if a.shape != b.shape or not (a - b).abs().max() <= tolerance]
