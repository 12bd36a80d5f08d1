"""The exercises of lesson 10, in your blog."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dilviz.course.check import NotYet, Wrong, exercise
from dilviz.course.demos import MISTAKES, NONE, EmbedPanel, arrivals, read_state
from dilviz.course.pads import AskingPad
from dilviz.course.suspects import suspect_exercise
from dilviz.envs.fork_env import PLACES
from dilviz.errors import InputError
from dilviz.imitation.intervals import wilson
from dilviz.show.base import rounded
from dilviz.show.pad import path

WALKS = 40


# --- predict ---------------------------------------------------------------------------------------------------------
CLOSE = 0.1
EACH = 60  # walks at each place of the curve


def _turned(degrees: float) -> dict[str, Any]:
    """The scene with start and goal turned around the middle: at 180 they have changed places."""
    way = 0.41 * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    return {"start": tuple(0.5 - way), "goal": tuple(0.5 + way)}


@dataclass(frozen=True)
class Sweep:
    """One thing of the scene that is moved through a range.

    Args:
        says: what is moved, for the pad.
        low: where it begins.
        high: where it ends.
        trained: the range in the training.
        scene: of a value.
    """

    says: str
    low: float
    high: float
    trained: tuple[float, float]
    scene: Callable[[float], dict[str, Any]]

    def curve(self) -> np.ndarray:
        """The share that arrives, measured.

        Returns:
            (n, 2), the value and the share.
        """
        places = np.linspace(self.low, self.high, 13)
        return np.array([[place, arrivals(EACH, **self.scene(float(place))) / EACH] for place in places])


class SharePad(AskingPad):
    """A pad for a curve: how many arrive, when one thing is moved out of the training?"""

    questions: ClassVar = (
        Sweep("radius of the tree", 0.05, 0.3, (0.12, 0.22), lambda radius: {"radius": radius}),
        Sweep("start and goal turned around the tree, in degrees", 0, 180, (0, 22), _turned),
        Sweep("where the start is, from left to right", 0, 1, (0.3, 0.7), lambda x: {"start": (x, 0.09)}),
    )

    def __init__(self) -> None:
        super().__init__(mode="strokes", equal=False, height=300, width=520, y_label="share that arrives")

    def pose(self, question: Sweep) -> None:
        """Ask for the curve of a sweep.

        Args:
            question: which.
        """
        self.question = question
        self.background = [path("expert", [[x, 0], [x, 1]]) for x in question.trained if x > question.low]
        self.x_range, self.x_label = [question.low, question.high], question.says
        self.label = (
            f"How many arrive? {question.says.capitalize()}: in training {question.trained[0]} to "
            f"{question.trained[1]} (dotted). Draw the curve in one stroke, from edge to edge."
        )


def share_pad() -> SharePad:
    """The pad of lesson 10's prediction.

    Returns:
        The pad; draw one stroke.
    """
    return SharePad()


@exercise("10.predict", minutes=2)
def judge_share(pad: Any) -> str:
    """One stroke near the measured curve.

    Args:
        pad: a SharePad, with the learner's stroke.

    Returns:
        What the learner reads.

    Raises:
        NotYet: no stroke, several, or one that does not reach across.
        Wrong: too far off, or no pad.
    """
    pad = SharePad.judged(pad, 1)
    (drawn,) = pad.drawn()
    sweep = pad.question
    if len(drawn) < 2 or np.ptp(drawn[:, 0]) < 0.8 * (sweep.high - sweep.low):
        raise NotYet("draw from the left edge to the right one, in one stroke; press Clear and begin again.")
    curve = sweep.curve()
    order = np.argsort(drawn[:, 0], kind="stable")
    gaps = np.interp(curve[:, 0], *drawn[order].T) - curve[:, 1]
    off = float(np.abs(gaps).mean())
    said = f"mean distance {rounded(off)}"
    pad.reveal(path("diffusion", curve.tolist()), caption=f"{said} (yours has the longer dashes)")
    if off <= CLOSE:
        return f"{said}. Where a policy fails has to be measured: the edge of its training does not tell."
    pad.ask_again()
    worst = int(np.abs(gaps).argmax())
    at, share = curve[worst]
    raise Wrong(
        f"{said}; {CLOSE} is close enough. The largest is at {rounded(at)}: you say {rounded(share + gaps[worst])}, "
        f"measured is {rounded(share)}. The truth lies over your stroke now. Press Clear: something else is moved next."
    )


# --- complete --------------------------------------------------------------------------------------------------------
def _fresh_states() -> list[dict[str, Any]]:
    draw = np.random.default_rng()

    def place() -> tuple[float, float]:
        x, y = draw.uniform(0.06, 0.94, 2).round(2).tolist()
        return x, y

    seed, other = draw.integers(1, 9_999, 2).tolist()
    return [
        {"seed": seed},
        {"seed": other, "tree": place()},
        {"goal": place(), "cloning_shown": False, "radius": 0.05 + seed % 25 / 100},
        {"start": place(), "agents": 16, "steps": 1 + other % 20, "cloning_shown": True},
    ]


@exercise("10.complete", minutes=3)
def judge_address(address: Any) -> str:
    """A function address(state) -> what stands behind a page's address, so that its demo begins in that state.

    Args:
        address: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: a page would not come to that state.
        NotYet: it returns nothing.
    """
    if not callable(address):
        raise Wrong(f"this exercise asks for a function, but got {type(address).__name__}.")
    for state in _fresh_states():
        text = address(deepcopy(state))
        if text is None or text is ...:
            raise NotYet("your function returns nothing so far; write it, and end with `return`.")
        if not isinstance(text, str):
            raise Wrong(f"your function returns {type(text).__name__}, where text is expected.")
        if not text.startswith("#"):
            raise Wrong(f"for {state} it gives {text!r}; begin with #, or the browser asks for another page.")
        _compare_states(state, text)
    return "a text of your post can lead to any scene of the demo now."


def _compare_states(state: dict[str, Any], text: str) -> None:
    read, told = read_state(text), f"for {state} it gives {text!r}"
    if " " in text:
        raise Wrong(f"{told}; in an address stands no space.")
    for name, value in state.items():
        if name not in read:
            raise Wrong(f"{told}; there the page finds no {name} that makes sense to it.")
        if not np.allclose(read[name], value, atol=1e-3):
            raise Wrong(f"{told}; there the page reads {name} as {read[name]}.")
    if more := sorted(read.keys() - state.keys()):
        raise Wrong(f"{told}; that sets {more[0]}, too, which nobody asked for.")


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "changed_script"
LINEUP = tuple(name for name in MISTAKES if name != NONE)


def mystery_panel() -> EmbedPanel:
    """A post whose demo does not show, and suspects that can be planted beside it.

    Returns:
        The panel.
    """
    return EmbedPanel(MYSTERY)


SHOWS = {
    "no_scripts": "the still picture stands there, with one sentence below it",
    "lost_hash": "the demo runs, but not in the scene that was asked for",
    "too_low": "the demo runs, and most of it is cut off",
}


def _clue(answer: str) -> str:
    return f"with {answer} {SHOWS[answer]}. Plant it, and compare: what is left of the mystery's page?"


suspect_exercise(
    "10.debug",
    2,
    MYSTERY,
    LINEUP,
    _clue,
    (
        "the page allows one script, known by its hash; a changed one does not run. "
        "And where scripts are allowed, the still for those without them is not shown either."
    ),
)


# --- transfer --------------------------------------------------------------------------------------------------------
@exercise("10.transfer", minutes=3)
def judge_limit(answer: Any) -> str:
    """A scene in which the expert arrives and the policy does not, and a caption that says how often.

    Args:
        answer: (scene, caption): one place of the scene by name, and a text.

    Returns:
        What the learner reads.

    Raises:
        NotYet: no scene or no caption so far.
        Wrong: the scene shows no limit of the policy, or the caption is not true.
    """
    scene, caption = answer
    if not scene or scene is ...:
        raise NotYet('choose a scene: the name of one thing and where it is, such as {"tree": (0.4, 0.5)}.')
    if not isinstance(scene, dict):
        raise Wrong(f"the scene is a {type(scene).__name__}; give a dictionary, name and place.")
    if len(scene) != 1 or not set(scene) <= set(PLACES):
        raise Wrong(f"the scene changes {', '.join(map(str, scene))}; change one alone of {', '.join(PLACES)}.")
    try:
        ours, expert = arrivals(WALKS, **scene), arrivals(WALKS, expert=True, **scene)
    except InputError as error:
        raise Wrong(str(error)) from error
    if expert < 0.9 * WALKS:
        raise Wrong(
            f"there the expert arrives in {expert} of {WALKS} walks, too; where hardly anybody can walk, "
            "nothing is said about the policy."
        )
    if ours >= WALKS / 2:
        raise Wrong(f"there the policy arrives in {ours} of {WALKS} walks, which is not less than half.")
    return _judge_caption(caption, ours, expert)


def _judge_caption(caption: Any, ours: int, expert: int) -> str:
    if not isinstance(caption, str) or not caption.strip():
        raise NotYet(f'the scene shows a limit; now write its caption, with "… of {WALKS}" in it.')
    found = re.findall(rf"(\d+) of {WALKS}\b", caption)
    if not found:
        raise Wrong(f'the caption says no "… of {WALKS}"; a number that is not there cannot be looked up.')
    if str(ours) not in found:
        raise Wrong(f"the caption says {found[0]} of {WALKS}; count the walks that arrive again.")
    low, high = wilson(ours, WALKS)
    return (
        f"the policy arrives in {ours} of {WALKS} walks (interval {low:.0%} to {high:.0%}), the expert in {expert}. "
        "The number is true; whether your words say who acts there and what it learned from, you alone can tell."
    )
