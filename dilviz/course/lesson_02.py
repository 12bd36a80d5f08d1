"""The exercises of lesson 02, the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, NotYet, Wrong, call, compare, exercise, fresh
from dilviz.course.loss_slips import LOSS_SLIPS, POINT_SLIPS, shipped_loss, weighed
from dilviz.course.pads import AskingPad
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.diffusion import NoiseSchedule
from dilviz.show.base import rounded
from dilviz.show.mixture import Mixture
from dilviz.show.pad import dots, path
from dilviz.show.taught import TaughtExplorer

# --- predict ---------------------------------------------------------------------------------------------------------
MARKED = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])  # the x_t that are asked about
CLOSE, ASIDE = 0.2, 0.2  # how far off in height, and how far beside its line, a point may be
DATA = Mixture()


class BestAnswerPad(AskingPad):
    """A pad with five lines on it, one an x_t: how high is the best answer on each?"""

    questions = (0.25, 0.65, 0.5)  # levels of alpha_bar, so far apart that the answer to one is wrong at the next

    def __init__(self) -> None:
        super().__init__(
            background=[
                *(path("data", [[x, -1.9], [x, 1.9]]) for x in MARKED.tolist()),
                *(path("data", [[-1.9, y], [1.9, y]]) for y in (-1, 0, 1)),
            ],
            max_points=len(MARKED), x_range=[-2, 2], y_range=[-2, 2], y_label="best answer; lines at −1, 0, 1",
        )  # fmt: skip

    def pose(self, question: float) -> None:
        """Ask at a noise level.

        Args:
            question: an alpha_bar.
        """
        self.alpha_bar = question
        self.x_label = f"xₜ at ᾱ = {question}; lines at −1.5, −0.5, 0, 0.5, 1.5"
        self.label = f"ᾱ = {question}: drop a point on each of the five lines, as high as the best answer there."


def best_answer_pad() -> BestAnswerPad:
    """The pad of lesson 02's prediction.

    Returns:
        The pad; drop one point on each line.
    """
    return BestAnswerPad()


@exercise("02.predict", minutes=3)
def judge_best_answers(pad: Any) -> str:
    """Five points near E[x_0 | x_t], one on each line.

    Args:
        pad: a BestAnswerPad, with the learner's points.

    Returns:
        What the learner reads.

    Raises:
        NotYet: another number of points, or not one on each line.
        Wrong: too far off, or no pad.
    """
    pad = BestAnswerPad.judged(pad, len(MARKED))
    points = pad.predicted()
    points = points[points[:, 0].argsort()]
    if np.abs(points[:, 0] - MARKED).max() > ASIDE:
        raise NotYet("one point on each of the five dotted lines is asked for; drag those that stand beside one.")
    everywhere = torch.linspace(-2, 2, 81, dtype=torch.float64)
    best = DATA.denoised(torch.from_numpy(MARKED), pad.alpha_bar).numpy()
    curve = torch.stack([everywhere, DATA.denoised(everywhere, pad.alpha_bar)], 1).tolist()
    gaps = np.abs(points[:, 1] - best)
    said = f"distances {', '.join(rounded(gap) for gap in gaps)}"
    pad.reveal(path("diffusion", curve), dots("diffusion", np.stack([MARKED, best], 1).tolist()), caption=said)
    if gaps.max() <= CLOSE:
        return f"{said}. Where both answers fit, the best one lies between them; where one fits, it is nearly that one."
    pad.ask_again()
    again = "The truth lies over your points now. Press Clear: the next noise level is another one."
    raise Wrong(f"{_misjudged(points[:, 1], best, pad.alpha_bar) or f'{CLOSE} is close enough'} ({said}). {again}")


def _misjudged(heights: np.ndarray, best: np.ndarray, alpha_bar: float) -> str:
    """The one idea that explains all five heights much better than the truth does, or nothing."""
    ideas = {
        "you answered with xₜ itself; that leaves the noise in": MARKED,
        "you divided xₜ by √ᾱ; that scales it back, but leaves the noise in": MARKED / np.sqrt(alpha_bar),
        "you chose a side wherever xₜ leans to one; near the middle the other side is still possible": np.sign(MARKED),
        "you answered 0 everywhere, the average of the data; but xₜ does tell something": 0 * MARKED,
        "you chose a side, and its shrunken place, √ᾱ; x₀ itself lies at −1 or 1, and near the middle both may be": (
            np.sqrt(alpha_bar) * np.sign(MARKED)
        ),
        "that is √ᾱ times the best answer; it lies where the data is, not where the shrunken data is": (
            np.sqrt(alpha_bar) * best
        ),
        "left and right are swapped": -best,
        "you answered with √ᾱ times xₜ; that leaves the noise in, and shrinks the data once more": (
            np.sqrt(alpha_bar) * MARKED
        ),
    }
    enough = min(0.08, np.abs(heights - best).max() / 3)
    return next(
        (says for says, values in ideas.items() if np.abs(heights - values.clip(-1.9, 1.9)).max() <= enough), ""
    )


# --- complete --------------------------------------------------------------------------------------------------------
@exercise("02.complete", minutes=6)
def judge_loss(my_loss: Any) -> str:
    """A function my_loss(denoiser, schedule, x0, noise, t, prediction_type) -> the mean squared error.

    Args:
        my_loss: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly, or holds no gradient.
        NotYet: it returns nothing, or it is the course's own.
    """
    if my_loss is shipped_loss:
        raise NotYet("that is the course's own loss; write yours.")
    generator, cases = fresh(), []
    for count, kind in ((64, "epsilon"), (32, "sample"), (48, "v_prediction"), (96, "epsilon"), (24, "sample")):
        schedule = NoiseSchedule(int(torch.randint(20, 60, (), generator=generator)))
        x0, noise = torch.randn(2, count, 3, 2, generator=generator).unbind()
        t = torch.randint(len(schedule), (count,), generator=generator)
        inputs = (_some_denoiser(generator), schedule, x0, noise, t, kind)
        cases.append(Case(f"{kind}, {count} rows", inputs, shipped_loss(*inputs)))
    suspects = {says: [slip(*case.inputs) for case in cases] for says, slip in LOSS_SLIPS.items()}
    compare(my_loss, cases, suspects)
    learned = torch.ones((), requires_grad=True)
    value = my_loss(lambda xt, t: learned * xt, *cases[0].inputs[1:])
    if not (isinstance(value, Tensor) and value.requires_grad):
        raise Wrong("the number is right, but no gradient reaches the network: keep tensors, no `.item()` or `detach`.")
    return "one loss, three targets. It needs no chain: one noise, one t for each row, one look."


def _some_denoiser(generator: torch.Generator) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of x_t and t that no target equals."""
    a, b, c = (0.3 + torch.rand(3, generator=generator)).tolist()
    return lambda xt, t: a * torch.sin(2 * xt) - b * xt + c * torch.cos(0.3 * t.float()).reshape(-1, 1, 1)


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "fresh_noise"
LINEUP = ("fresh_noise", "lost_square_root", "unscaled_estimate", "wrong_sign")


def mystery_explorer() -> TaughtExplorer:
    """What a broken loss teaches, dashed, and suspects that can be planted beside it.

    Returns:
        The explorer.
    """
    return TaughtExplorer(planted(LINEUP), BUGS[MYSTERY].planted)


def _clue(answer: str) -> str:
    explorer = mystery_explorer()
    explorer.assign(bug=answer)
    return (
        f"with {answer} what the loss teaches at t = {explorer.data.t} is up to {rounded(explorer.data.gap)} from "
        "the mystery. Plant it and compare: what kind of line is the mystery, and what is its slope?"
    )


suspect_exercise(
    "02.debug",
    4,
    MYSTERY,
    LINEUP,
    _clue,
    (
        "the noise that was asked for is not the one in xₜ, so nothing about it can be known, and the best answer is "
        "its average, 0: the estimate of x₀ is xₜ / √ᾱ, a straight line. No error, no warning, and a loss of 1."
    ),
)


# --- transfer --------------------------------------------------------------------------------------------------------
@exercise("02.transfer", minutes=6)
def judge_best_of_points(my_denoiser: Any) -> str:
    """A function my_denoiser(xt, alpha_bar, points, weights) -> E[x_0 | x_t] for a finite set of points.

    Args:
        my_denoiser: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for count, dim, alpha_bar in ((5, 2, 0.5), (9, 1, 0.2), (40, 3, 0.8), (7, 2, 0.9), (6, 4, 0.999)):
        points, weights = _some_points(count, dim, generator)
        chosen = points[torch.randint(count, (11,), generator=generator)]
        xt = alpha_bar**0.5 * chosen + (1 - alpha_bar) ** 0.5 * torch.randn(11, dim, generator=generator)
        inputs = (xt, alpha_bar, points, weights)
        cases.append(Case(f"{count} points, ᾱ = {alpha_bar}", inputs, weighed(*inputs)))
    far = (cases[0].inputs[0] + 40.0, 0.9, *cases[0].inputs[2:])
    cases.append(Case("an xₜ far from all points", far, weighed(*far)))
    _reject_no_number(my_denoiser, cases[-1])
    suspects = {says: [slip(*case.inputs) for case in cases] for says, slip in POINT_SLIPS.items()}
    compare(my_denoiser, cases, suspects)
    return "this needs no training at all, and it can give back nothing but mixtures of what it was shown."


def _reject_no_number(answer: Any, case: Case) -> None:
    if torch.isnan(call(answer, *case.inputs)).any():
        raise Wrong(
            "for an xₜ far from all points the answer is no number (NaN): every exp(…) became 0, and 0 / 0 is none. "
            "Let `softmax` do exp and sum; it subtracts the greatest exponent first."
        )


def _some_points(count: int, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    weights = 0.2 + torch.rand(count, generator=generator)
    weights[0] += 0.5 * count  # one occurs far more often than the others
    return torch.randn(count, dim, generator=generator), weights / weights.sum()
