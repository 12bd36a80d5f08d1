"""The exercises of lesson 01, forward noising."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, Wrong, call, compare, exercise, fresh
from dilviz.course.pads import AskingPad
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.diffusion import NoiseSchedule
from dilviz.show.base import rounded
from dilviz.show.pad import disc, dots
from dilviz.show.variance import VarianceExplorer

# --- predict ---------------------------------------------------------------------------------------------------------
MARKED = np.array([[-0.8, 0.0], [0.8, 0.0], [0.0, 0.9]])
CLOSE = 0.12


class PredictionPad(AskingPad):
    """A pad with three marked places: where is the middle of each one's cloud?"""

    questions = (0.49, 0.09, 0.25)  # levels of alpha_bar

    def __init__(self) -> None:
        super().__init__(
            background=[disc("tree", 0.0, 0.0, 0.5), dots("data", MARKED.tolist())],
            max_points=len(MARKED),
            x_range=[-1.5, 1.5],
            y_range=[-1.5, 1.5],
        )

    def pose(self, question: float) -> None:
        """Ask at a noise level.

        Args:
            question: an alpha_bar.
        """
        self.alpha_bar = question
        self.x_label = f"ᾱ = {question}"
        self.label = f"Where is the middle of each cloud when {self.x_label}? Drop three points."


def prediction_pad() -> PredictionPad:
    """The pad of lesson 01's prediction.

    Returns:
        The pad; drop one point for each marked place.
    """
    return PredictionPad()


@exercise("01.predict", minutes=3)
def judge_prediction(pad: Any) -> str:
    """Three points near the means √ᾱ x_0, in any order.

    Args:
        pad: a PredictionPad, with the learner's points.

    Returns:
        What the learner reads.

    Raises:
        NotYet: another number of points.
        Wrong: too far off, or no pad.
    """
    pad = PredictionPad.judged(pad, len(MARKED))
    guessed, alpha_bar = pad.predicted(), pad.alpha_bar
    means = np.sqrt(alpha_bar) * MARKED
    gaps, order = _gaps(guessed, means)
    said = f"distances {', '.join(rounded(gap) for gap in gaps)}"
    pad.reveal(dots("expert", means[order].tolist()), dots("noise", _clouds(means, alpha_bar)), join=True, caption=said)
    if gaps.max() <= CLOSE:
        return f"{said}. The middle of a cloud is √ᾱ times its place: the data shrinks while the noise grows."
    pad.ask_again()
    again = "The truth lies over your points now. Press Clear: the next noise level is another one."
    for factor, mistake in (
        (1.0, "you left them where the data is, but the data shrinks"),
        (alpha_bar, "you shrank by ᾱ; look at the curve of √ᾱ again"),
        (np.sqrt(1 - alpha_bar), "that is the noise's factor √(1−ᾱ); the data has its own"),
        (0.0, "all three went to the middle; that happens only when no signal is left"),
    ):
        if _gaps(guessed, factor * MARKED)[0].max() <= 0.06:
            raise Wrong(f"{mistake}. {again}")
    raise Wrong(f"{said}; {CLOSE} is close enough. {again}")


def _gaps(guessed: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each guess to a place of its own, and which place that is."""
    distances = np.linalg.norm(guessed[:, None] - means, axis=-1)
    rows, order = linear_sum_assignment(distances)
    return distances[rows, order], order


def _clouds(means: np.ndarray, alpha_bar: float) -> list[list[float]]:
    noise = np.random.default_rng(0).standard_normal((len(means), 40, 2))
    cloud = (means[:, None] + np.sqrt(1 - alpha_bar) * noise).reshape(-1, 2)
    return cloud[np.abs(cloud).max(1) < 1.5].tolist()


# --- complete --------------------------------------------------------------------------------------------------------
def _products(betas: Tensor) -> Tensor:
    return (1 - betas).cumprod(0)


def _mix(alpha_bar: Tensor, x0: Tensor, noise: Tensor) -> Tensor:
    return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise


def _same_noise_in_every_step(x0: Tensor, noise: Tensor, t: int, betas: Tensor) -> Tensor:
    for alpha in (1 - betas)[: t + 1]:
        x0 = _mix(alpha, x0, noise)
    return x0


SLIPS: dict[str, Callable[[Tensor, Tensor, int, Tensor], Tensor]] = {
    "the two factors are swapped: √ᾱ belongs to the data and √(1−ᾱ) to the noise.": (
        lambda x0, noise, t, betas: _mix(1 - _products(betas)[t], x0, noise)
    ),
    "the noise comes with a minus; x_t is data plus noise.": (
        lambda x0, noise, t, betas: _mix(_products(betas)[t], x0, -noise)
    ),
    "your ᾱ is that of the last step, whatever t is.": (
        lambda x0, noise, t, betas: _mix(_products(betas)[-1], x0, noise)
    ),
    "your product stops one step too early: index t of cumprod includes step t.": (
        lambda x0, noise, t, betas: _mix(_products(betas)[t - 1], x0, noise)
    ),
    "your ᾱ is a product of β; it is the product of 1−β.": (
        lambda x0, noise, t, betas: _mix(betas.cumprod(0)[t], x0, noise)
    ),
    "that is the variance-exploding process of step 4, x_0 + σ_t ε; multiply it by √ᾱ.": (
        lambda x0, noise, t, betas: _mix(_products(betas)[t], x0, noise) / _products(betas)[t].sqrt()
    ),
    "you walk the chain with the same noise in every step; the noises of the steps are independent, and only then do "
    "their variances add up to 1−ᾱ.": _same_noise_in_every_step,
}


@exercise("01.complete", minutes=6)
def judge_noised(noised: Any) -> str:
    """A function noised(x0, noise, t, betas) -> x_t.

    Args:
        noised: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        T = int(torch.randint(20, 60, (), generator=generator))
        betas = 0.002 + 0.15 * torch.rand(T, generator=generator, dtype=torch.float64)
        x0, noise = torch.randn(2, 7, 3, generator=generator).unbind()
        t = round(share * (T - 1))
        cases.append(Case(f"t = {t} of 0 … {T - 1}", (x0, noise, t, betas), _jump(x0, noise, t, betas)))
    compare(noised, cases, _suspects([case.inputs for case in cases]))
    return "right at the first step, at the last, and between; on fresh data and fresh betas."


def _jump(x0: Tensor, noise: Tensor, t: int, betas: Tensor) -> Tensor:
    return NoiseSchedule.from_alphas_cumprod(_products(betas)).add_noise(x0, noise, t)


def _suspects(inputs: list[tuple]) -> dict[str, list[Tensor]]:
    """What each planted bug, and each common slip, makes of some inputs: diagnosis -> x_t, input by input."""
    right, found = [_jump(*each) for each in inputs], {}
    for bug in BUGS.values():
        with bug.planted():
            wrong = [_jump(*each) for each in inputs]
        if any(not torch.equal(a, b) for a, b in zip(right, wrong, strict=True)):
            says = bug.says.replace("alpha_bar", "ᾱ")
            found[says[0].lower() + says[1:]] = wrong
    return found | {says: [slip(*each) for each in inputs] for says, slip in SLIPS.items()}


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "lost_square_root"
LINEUP = ("alpha_for_alpha_bar", "lost_square_root", "lost_both_roots", "t_off_by_one")


def mystery_explorer() -> VarianceExplorer:
    """The variance under a planted bug, dashed, and suspects that can be planted beside it.

    Returns:
        The explorer.
    """
    lineup = planted(LINEUP)
    return VarianceExplorer(("this course",), bugs=lineup, mystery=BUGS[MYSTERY].planted)


def _clue(answer: str) -> str:
    explorer = mystery_explorer()
    explorer.assign(bug=answer)
    gap = np.abs(explorer.data.measured - explorer.data.mystery)
    t = int(gap.argmax())
    return (
        f"with {answer} the variance at t = {t} is {rounded(explorer.data.measured[t])}, but the mystery has "
        f"{rounded(explorer.data.mystery[t])} there. Plant it in the picture and compare the two curves."
    )


suspect_exercise(
    "01.debug",
    5,
    MYSTERY,
    LINEUP,
    _clue,
    "the noise got (1−ᾱ) for its factor, so (1−ᾱ)² for its variance, and between the ends that is less than 1−ᾱ.",
)


# --- transfer --------------------------------------------------------------------------------------------------------
TINY = 1e-6  # what rounding to float32 may take


@exercise("01.transfer", minutes=8)
def judge_schedule(my_alphas_cumprod: Any) -> str:
    """A function my_alphas_cumprod(T) -> alpha_bar, a schedule that could train a policy.

    Args:
        my_alphas_cumprod: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: for some T it is no schedule, or none that reaches noise.
        NotYet: it returns nothing.
    """
    generator = fresh()
    lengths = [20, 1000, *torch.randint(30, 400, (3,), generator=generator).tolist()]
    for T in lengths:
        table = call(my_alphas_cumprod, T).double()
        if table.shape != (T,):
            raise Wrong(f"for T = {T} the shape is {tuple(table.shape)}; one number a step is expected, ({T},).")
        if torch.isnan(table).any():
            raise Wrong(f"for T = {T} some ᾱ is no number (NaN).")
        if table[0] >= 1 or table[0] < 0.95 - TINY:
            raise Wrong(f"for T = {T} the first ᾱ is {rounded(table[0])}; begin with 0.95 or more, but below 1.")
        if table[-1] <= 0 or table[-1] > 0.01 + TINY:
            raise Wrong(f"for T = {T} the last ᾱ is {rounded(table[-1])}; end with 0.01 or less, but above 0.")
        if not (table.diff() < 0).all():
            raise Wrong(f"for T = {T} ᾱ does not fall at step {int((table.diff() >= 0).nonzero()[0]) + 1}.")
        if (jump := -table.diff().min()) > 6 / T + TINY:
            raise Wrong(f"for T = {T} one step lowers ᾱ by {rounded(jump)}; 6 / T = {rounded(6 / T)} is the most.")
    return f"it reaches noise smoothly for T = {', '.join(map(str, sorted(lengths)))}."
