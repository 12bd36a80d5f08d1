"""The exercises of lesson 03, the network and the loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import NotYet, Wrong, call, exercise, fresh
from dilviz.course.layers import Layers, look_through
from dilviz.course.pads import AskingPad
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.diffusion import ExactDenoiser, NoiseSchedule
from dilviz.show.base import rounded
from dilviz.show.pad import path
from dilviz.show.small_training import LONGEST, Shot, SmallTraining, T, Yardstick, shape
from dilviz.show.training import FORK, TrainingExplorer

# --- predict ---------------------------------------------------------------------------------------------------------
CLOSE = 0.1
DRAWS = 600  # noisy points at each time


@cache
def floor_curve(name: str) -> np.ndarray:
    """The least possible mean squared error in x_0 at every t, as a share of the variance of x_0.

    Args:
        name: of a shape.

    Returns:
        (n, 2), t and the share.
    """
    x0, generator = shape(name), torch.Generator().manual_seed(0)
    schedule, times = NoiseSchedule(T), [*range(0, T, 2), T - 1]
    clean = x0[torch.randint(len(x0), (DRAWS,), generator=generator)]
    noise = torch.randn(clean.shape, generator=generator)
    exact = ExactDenoiser(schedule, x0)
    left = [(exact(schedule.add_noise(clean, noise, t), torch.tensor(t)) - clean).square().mean() for t in times]
    spread = (clean - x0.mean(0)).square().mean()
    return np.array([[t, float(error / spread)] for t, error in zip(times, left, strict=True)])


class FloorPad(AskingPad):
    """A pad for a curve: how far off is the best possible estimate of x_0 at every t?"""

    questions: ClassVar = (FORK, "ring", "two moons")

    def __init__(self) -> None:
        super().__init__(
            mode="strokes", equal=False, height=300, width=520, x_range=[0, T - 1], y_range=[0, 1.1],
            y_label="least error",
            background=[path("expert", [[0, 1], [T - 1, 1]])],
        )  # fmt: skip

    def pose(self, question: str) -> None:
        """Ask for the curve of some data.

        Args:
            question: the name of a shape.
        """
        self.question = question
        self.x_label = f"t, from nearly clean to noise; the data is {question}"
        self.label = (
            f"The data is {question}. How large is the least possible error at every t? Draw it in one stroke, from "
            "edge to edge. Dotted: the error of whoever always answers the mean."
        )


def floor_pad() -> FloorPad:
    """The pad of lesson 03's prediction.

    Returns:
        The pad; draw one stroke.
    """
    return FloorPad()


@exercise("03.predict", minutes=3)
def judge_floor(pad: Any) -> str:
    """One stroke near the error of the exact denoiser.

    Args:
        pad: a FloorPad, with the learner's stroke.

    Returns:
        What the learner reads.

    Raises:
        NotYet: no stroke, several, or one that does not reach across.
        Wrong: too far off, or no pad.
    """
    pad = FloorPad.judged(pad, 1)
    (drawn,) = pad.drawn()
    if len(drawn) < 2 or np.ptp(drawn[:, 0]) < 0.8 * (T - 1):
        raise NotYet("draw from the left edge to the right one, in one stroke; press Clear and begin again.")
    curve = floor_curve(pad.question)
    guessed = np.interp(curve[:, 0], *drawn[np.argsort(drawn[:, 0], kind="stable")].T)
    off = float(np.abs(guessed - curve[:, 1]).mean())
    said = f"mean distance {rounded(off)}"
    pad.reveal(path("diffusion", curve.tolist()), caption=f"{said} (yours is dashed)")
    if off <= CLOSE:
        return f"{said}. No network gets below this curve, however long it trains: what the noise has taken is gone."
    pad.ask_again()
    raise Wrong(
        f"{_misjudged(guessed, curve)} ({said}; {CLOSE} is close enough). The truth lies over your stroke now. Press "
        "Clear: you are asked about other data."
    )


def _misjudged(guessed: np.ndarray, curve: np.ndarray) -> str:
    if np.abs(guessed).max() < 0.1:
        return "an error of 0 at every t would mean that x_t tells x_0 however much noise there is"
    if np.ptp(guessed) < 0.1:
        return "your error is the same at every t, but nearly clean points tell more than noise does"
    if guessed[0] > guessed[-1]:
        return "yours falls with t, but more noise leaves more to guess"
    if guessed[-1] < 0.8:
        return "at the last t nothing of x_0 is left to see, so the best answer is the mean, and its error is 1"
    worst = int(np.abs(guessed - curve[:, 1]).argmax())
    at, share = curve[worst]
    return f"the largest difference is at t = {round(at)}: you say {rounded(guessed[worst])}, it is {rounded(share)}"


# --- complete --------------------------------------------------------------------------------------------------------
@exercise("03.complete", minutes=6)
def judge_forward(forward: Any) -> str:
    """A function forward(self, xt, t, cond) -> answer, of which `self` is some Layers.

    Args:
        forward: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: the answer has another shape, or does not depend on all that it should, row by row.
        NotYet: it returns nothing.
    """
    generator = fresh()
    for horizon, dim, cond_dim, batch in ((7, 3, 5, 11), (1, 2, 4, 2), (3, 2, 1, 13)):
        net = Layers(horizon, dim, cond_dim, seed=int(torch.randint(1000, (), generator=generator)))
        xt = torch.randn(batch, horizon, dim, generator=generator)
        cond = torch.randn(batch, cond_dim, generator=generator)
        t = torch.randperm(50, generator=generator)[:batch]
        look_through(forward, net, xt, t, cond)
    return "it sees x_t, t and cond, each row by itself, for any batch, horizon and size of the condition."


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "same_batch"
LINEUP = ("forgot_zero_grad", "frozen_average", "no_time_embedding", "same_batch")


def mystery_explorer() -> TrainingExplorer:
    """A training with a planted bug, and suspects that can be planted beside it.

    Returns:
        The explorer.
    """
    return TrainingExplorer(bugs=planted(LINEUP), mystery=BUGS[MYSTERY].planted)


@cache
def _ended(bug: str) -> tuple[Shot, float]:
    """The end of a training with a bug, and the share of its samples on the data."""
    with BUGS[bug].planted():
        training = SmallTraining(Yardstick(shape(FORK)))
        shot = training.at(LONGEST)
    return shot, training.yardstick.near(shot.samples)


def _clue(answer: str) -> str:
    (yours, near), (theirs, far) = _ended(answer), _ended(MYSTERY)
    return (
        f"with {answer} the loss ends at {yours.losses[-1]:.2f} and {near:.0%} of the samples lie on the data; in "
        f"the mystery it ends at {theirs.losses[-1]:.2f} and {far:.0%} do. Plant it, play, and compare the losses "
        "with the floor."
    )


suspect_exercise(
    "03.debug",
    5,
    MYSTERY,
    LINEUP,
    _clue,
    (
        "a loss below the floor is impossible on fresh noise, so the noise was not fresh: the network has learned one "
        "batch by heart. A loss that is too good is a bug, too."
    ),
)


# --- transfer --------------------------------------------------------------------------------------------------------
COUNT, REACH = 300, 0.2  # samples asked for; how near counts as there, where the data spans -1 to 1


def _new_data(generator: torch.Generator) -> list[tuple[str, Tensor]]:
    """Data in units of its own: (says, (N, 2))."""
    turn = 2 * torch.pi * torch.rand(400, generator=generator)
    size, place = (float(torch.rand((), generator=generator)) for _ in range(2))
    heaps = torch.tensor([[-1.0, -1.0], [1.0, -0.6], [0.1, 1.0]])[torch.arange(400) % 3]
    heaps = heaps + 0.08 * torch.randn(400, 2, generator=generator)
    ring = torch.stack([turn.cos(), turn.sin()], 1) + 0.05 * torch.randn(400, 2, generator=generator)
    metres, degrees = torch.tensor([300 + 200 * size, 40.0]), torch.tensor([0.02 + 0.02 * size, 0.05])
    return [
        ("three heaps, in hundreds of metres", heaps * metres + torch.tensor([1000 * place, -300.0])),
        ("a ring, in hundredths of a degree", ring * degrees + torch.tensor([11.5, 48.1 + place])),
    ]


@exercise("03.transfer", minutes=6)
def judge_generated(generate: Any) -> str:
    """A function generate(points, count) -> new points like the given ones, in their own units.

    Args:
        generate: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: for some fresh data its points lie off the data, cover a part of it, or are the data.
        NotYet: it returns nothing.
    """
    scores = []
    for says, points in _new_data(fresh()):
        with _backwards() as count:
            samples = call(generate, points, COUNT)
        if samples.shape != (COUNT, 2):
            raise Wrong(f"{says}: the shape is {tuple(samples.shape)}; ({COUNT}, 2) is expected, count points.")
        if not samples.isfinite().all():
            raise Wrong(f"{says}: some of the points are no finite numbers.")
        scores.append(_score(says, points, samples.float()))
        if not count:
            raise Wrong(f"{says}: no network was trained for these, not one gradient was asked for.")
    return f"of the samples {scores[0]:.0%} lie on the heaps and {scores[1]:.0%} on the ring, and no part is left out."


@contextmanager
def _backwards() -> Iterator[list[None]]:
    """An entry for each backward pass within: data with a little noise on it is close to the data, but not learned."""
    passes: list[None] = []
    plain = torch.autograd.backward

    def counted(*inputs: Any, **options: Any) -> None:
        passes.append(None)
        plain(*inputs, **options)

    torch.autograd.backward = counted
    try:
        yield passes
    finally:
        torch.autograd.backward = plain


def _score(says: str, points: Tensor, samples: Tensor) -> float:
    """The share of samples that lie on the data; anything wrong with them is said."""
    low, high = points.amin(0), points.amax(0)
    data, drawn = (2 * ((values - low) / (high - low)).double() - 1 for values in (points, samples))
    gaps = torch.cdist(drawn, data)
    there, covered = float((gaps.amin(1) < REACH).double().mean()), float((gaps.amin(0) < REACH).double().mean())
    if (gaps.amin(1) < 1e-4).double().mean() > 0.5:
        raise Wrong(f"{says}: these are points of the data itself; train a network, and sample new ones.")
    if (samples.abs() <= 1.001).all() and there < 0.5:
        raise Wrong(f"{says}: all your points lie in [-1, 1], but the data does not; scale it there and back.")
    if drawn.std(0).max() < 0.05:
        raise Wrong(f"{says}: beside the extent of the data all your points are nearly the same one.")
    if there < 0.75:
        raise Wrong(
            f"{says}: {there:.0%} of your points lie on the data (nearer than a tenth of its extent), 75% are asked "
            f"for. Your first numbers reach from {_span(samples)}, the data's from {_span(points)}: does each number "
            "fill [-1, 1] when it is trained on, and does the way back undo exactly that?"
        )
    if covered < 0.85:
        raise Wrong(f"{says}: your points are right, but near only {covered:.0%} of the data; the rest is left out.")
    return there


def _span(points: Tensor) -> str:
    return f"{rounded(points[:, 0].min())} to {rounded(points[:, 0].max())}"
