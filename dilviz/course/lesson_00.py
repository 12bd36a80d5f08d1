"""The exercises of lesson 00, start here."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, NotYet, Wrong, call, compare, exercise, fresh
from dilviz.course.pads import AskingPad
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.envs.fork import FORK, GOAL_RADIUS
from dilviz.show.base import rounded
from dilviz.show.datasets import resampled
from dilviz.show.fork import GOAL_X, GOAL_Y, TREE_X, TREE_Y, walks_from
from dilviz.show.pad import disc, dots, path
from dilviz.show.walks import WalksExplorer
from dilviz.tasks import TASKS, shipped

# --- predict ---------------------------------------------------------------------------------------------------------
CLOSE, CLOSE_END = 0.03, 0.08  # of the whole walk on average, and of its end


class WalkPad(AskingPad):
    """A pad with the fork on it: where does the cloned agent walk?"""

    questions = (0.46, 0.54, 0.5)  # x of the start

    def __init__(self) -> None:
        super().__init__(mode="strokes", x_range=[0.05, 0.95], y_range=[0.0, 1.0], height=420, width=420)

    def pose(self, question: float) -> None:
        """Ask for the walk from a start.

        Args:
            question: its x.
        """
        self.start = question
        self.background = [
            disc("tree", TREE_X, TREE_Y, float(FORK.radius)),
            disc("expert", GOAL_X, GOAL_Y, GOAL_RADIUS),
            dots("cloning", [[question, float(FORK.start[1])]]),
        ]
        self.label = (
            f"Draw the cloned agent's walk, from the orange mark at x = {question} to where it ends: one stroke."
        )


def walk_pad() -> WalkPad:
    """The pad of lesson 00's prediction.

    Returns:
        The pad; draw one stroke.
    """
    return WalkPad()


@exercise("00.predict", minutes=3)
def judge_walk(pad: Any) -> str:
    """One stroke near the walk of the cloned policy.

    Args:
        pad: a WalkPad, with the learner's stroke.

    Returns:
        What the learner reads.

    Raises:
        NotYet: no stroke, or several.
        Wrong: too far off, or no pad.
    """
    pad = WalkPad.judged(pad, 1)
    (drawn,) = pad.drawn()
    if len(drawn) < 2 or np.ptp(drawn, axis=0).max() < 0.01:
        raise NotYet("that is a dot; draw a line from the orange mark to where the walk ends.")
    walk = walks_from(shipped("fork", "cloning"), pad.start, [0]).path(0)
    gap = float(np.linalg.norm(resampled(drawn) - resampled(walk), axis=1).mean())
    said = f"mean distance {rounded(gap)} (yours has the longer dashes)"
    pad.reveal(path("cloning", walk.tolist()), caption=said)
    if gap <= CLOSE and np.linalg.norm(drawn[-1] - walk[-1]) <= CLOSE_END:
        return f"{said}. It leans a little to the side where it stands, too little and too late: into the tree."
    pad.ask_again()
    again = "The truth lies over your stroke now. Press Clear: the next start is another one."
    raise Wrong(f"{_misjudged(drawn, walk)} ({said}; {CLOSE} is close enough, and {CLOSE_END} at its end). {again}")


def _misjudged(drawn: np.ndarray, walk: np.ndarray) -> str:
    drawn = resampled(drawn, 64)
    past = np.abs(drawn[:, 1] - FORK.tree[1]) < 0.1  # beside the tree, or in it
    around = past.any() and (np.abs(drawn[past, 0] - FORK.tree[0]) > FORK.radius).all()
    if around:
        return "that is how the experts walk, and the policy that samples; cloning gives the average of both ways"
    if past.any():
        return "straight on is right, but nobody walks through the tree: the walk ends where it begins"
    if drawn[-1, 1] < 0.2:
        return "your stroke stops before the tree, but the agent goes on"
    return f"it ends at x = {rounded(walk[-1, 0])}, y = {rounded(walk[-1, 1])}"


# --- complete --------------------------------------------------------------------------------------------------------
SLIPS = {
    "that is the middle one of the answers, the median; the squared error has its least value elsewhere.": (
        lambda answers: answers.median(0).values
    ),
    "that is the first answer; all of them count.": lambda answers: answers[0],
    "that is the answer nearest to the average; the average itself has a smaller error.": (
        lambda answers: answers[(answers - answers.mean(0)).norm(dim=1).argmin()]
    ),
    "that is the sum of the answers; divide by how many they are.": lambda answers: answers.sum(0),
    "that is halfway between the extremes; it does not see how many answers lie on each side.": (
        lambda answers: (answers.amax(0) + answers.amin(0)) / 2
    ),
    "that is the average over everything; each number of the answer has an average of its own.": (
        lambda answers: answers.mean().expand(answers.shape[1])
    ),
}


@exercise("00.complete", minutes=3)
def judge_best_guess(best_guess: Any) -> str:
    """A function best_guess(answers) -> the single answer of the least mean squared error.

    Args:
        best_guess: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for count, dim in ((5, 2), (9, 1), (40, 2), (7, 3)):
        answers = torch.randn(count, dim, generator=generator) * 0.2
        answers[: 1 + count // 3] += 2  # a good third of the experts does something else
        cases.append(Case(f"{count} answers of {dim} numbers", (answers,), answers.mean(0)))
    suspects = {says: [slip(*case.inputs) for case in cases] for says, slip in SLIPS.items()}
    compare(best_guess, cases, suspects)
    return "the average. A network that is trained on the squared error can do no better, however large it is."


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "no_noise"
LINEUP = ("clip_too_tight", "no_noise", "no_time_embedding", "unscaled_data")


def mystery_explorer() -> WalksExplorer:
    """Walks of a broken policy, and suspects that can be planted beside them.

    Returns:
        The explorer.
    """
    return WalksExplorer(planted(LINEUP), BUGS[MYSTERY].planted)


def _clue(answer: str) -> str:
    explorer = mystery_explorer()
    explorer.assign(bug=answer)
    return (
        f"with {answer} walkers of one seed are {rounded(explorer.data.gap)} apart on average in the two scenes. "
        "Plant it and compare: in which way do all of the mystery's walks agree?"
    )


suspect_exercise(
    "00.debug",
    4,
    MYSTERY,
    LINEUP,
    _clue,
    "every walk started from zeros in place of noise, and noise is the only thing that differs between seeds.",
)


# --- transfer --------------------------------------------------------------------------------------------------------
@exercise("00.transfer", minutes=6)
def judge_needs(needs_diffusion: Any) -> str:
    """A function needs_diffusion(answers) -> bool: is the average of these answers no answer at all?

    Args:
        needs_diffusion: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it misjudges some experts.
        NotYet: it returns nothing.
    """
    for says, answers, right in _experts():
        said = call(needs_diffusion, answers)
        if said.numel() != 1:
            raise Wrong(f"the shape is {tuple(said.shape)} where one True or False is expected ({says}).")
        if bool(said) != right:
            off = answers - answers.mean(0)
            raise Wrong(
                f"{says}: your function says {bool(said)}. There the average lies {rounded(off.norm(dim=1).min())} "
                f"from the nearest answer, and {rounded(off.norm(dim=1).mean())} from an answer on average."
            )
    return "you can now say before any training where cloning will do, and where its answer is nobody's."


def _experts() -> list[tuple[str, Tensor, bool]]:
    """Answers (n, 2) of several experts to one look each, and whether their average is no good answer."""
    generator = fresh()
    blob = 0.1 * torch.randn(60, 2, generator=generator)
    angles = 2 * torch.pi * torch.rand(80, generator=generator)
    apart = torch.where(torch.arange(60) % 10 < 3, -1.0, 1.0)[:, None] * torch.tensor([0.6, 0.3])
    ways = torch.where(torch.arange(60) % 2 > 0, -0.5, 0.5)[:, None] * torch.tensor([0.3, 1.0])
    walks = TASKS["fork"].demonstrations(60)
    first, late = walks.starts + 3, walks.episode_ends - 3
    pressed = torch.tensor([0.5, -0.25]).expand(32, 2).clone()
    ring = torch.stack([angles.cos(), angles.sin()], 1)
    small, large = (size * (1 + float(torch.rand((), generator=generator))) for size in (0.02, 30))
    cases = [
        ("the fork's experts at the start", torch.from_numpy(walks.actions[first]), True),
        ("the fork's left-goers alone", torch.from_numpy(walks.actions[first[walks.mode == "left"]]), False),
        ("the lander's controller, asked 32 times", pressed, False),
        ("one expert with an unsteady hand", large * (blob + torch.tensor([0.5, 0.2])), False),
        ("seven go one way and three the other, in small units", small * (apart + 0.2 * blob), True),
        ("all directions but none in the middle", large * ring, True),
        ("one expert around zero", large * blob, False),
        ("two ways, both far from zero", large * (ways + torch.tensor([4.0, 1.0]) + 0.2 * blob), True),
        ("the right-goers, close to the goal", torch.from_numpy(walks.actions[late[walks.mode == "right"]]), False),
    ]
    order = torch.randperm(len(cases), generator=generator).tolist()
    return [cases[i] for i in order]
