"""The exercises of lesson 01, forward noising."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, NotYet, Wrong, call, compare, exercise, fresh
from dilviz.diffusion import NoiseSchedule
from dilviz.show.base import rounded
from dilviz.show.pad import DrawingPad, disc, dots
from dilviz.show.variance import VarianceExplorer

# --- predict ---------------------------------------------------------------------------------------------------------
MARKED = np.array([[-0.8, 0.0], [0.8, 0.0], [0.0, 0.9]])
LEFT = 0.25  # alpha_bar in the prediction


def prediction_pad() -> DrawingPad:
    """A pad with three marked places, for the prediction of lesson 01.

    Returns:
        The pad; drop one point for each place.
    """
    return DrawingPad(
        label=f"Where is the middle of each cloud when ᾱ = {LEFT}? Drop three points.",
        background=[disc("tree", 0.0, 0.0, 0.5), dots("data", MARKED.tolist())],
        max_points=3,
        x_range=[-1.5, 1.5],
        y_range=[-1.5, 1.5],
    )


@exercise("01.predict", minutes=3)
def judge_prediction(pad: DrawingPad) -> str:
    """Three points near the means √ᾱ x_0, in any order.

    Args:
        pad: of `prediction_pad`, with the learner's points.

    Returns:
        What the learner reads.

    Raises:
        NotYet: fewer than three points.
        Wrong: too far off.
    """
    guessed = pad.predicted()
    if len(guessed) < len(MARKED):
        raise NotYet(f"drop {len(MARKED) - len(guessed)} more points on the pad, then run this cell again.")
    means = np.sqrt(LEFT) * MARKED
    distance, order = _distance(guessed, means)
    cloud = _clouds(means)
    pad.reveal(
        dots("expert", means[order].tolist()), dots("noise", cloud), join=True, caption=f"mean distance {distance:.2f}"
    )
    if distance <= 0.12:
        return (
            f"mean distance {rounded(distance)}. The middle of x_t is √ᾱ x_0: the data shrinks while the noise grows."
        )
    for factor, mistake in ((1.0, "you left them where the data is"), (LEFT, "you shrank by ᾱ; the factor is √ᾱ")):
        if _distance(guessed, factor * MARKED)[0] <= 0.05:
            raise Wrong(f"{mistake}. Mean distance {rounded(distance)}; look at the pad, clear it, and try again.")
    raise Wrong(f"mean distance {rounded(distance)}; the truth lies over your points now. Clear the pad and try again.")


def _distance(guessed: np.ndarray, means: np.ndarray) -> tuple[float, np.ndarray]:
    gaps = np.linalg.norm(guessed[:, None] - means, axis=-1)
    rows, order = linear_sum_assignment(gaps)
    return float(gaps[rows, order].mean()), order


def _clouds(means: np.ndarray) -> list[list[float]]:
    noise = np.random.default_rng(0).standard_normal((len(means), 40, 2))
    cloud = (means[:, None] + np.sqrt(1 - LEFT) * noise).reshape(-1, 2)
    return cloud[np.abs(cloud).max(1) < 1.5].tolist()


# --- complete --------------------------------------------------------------------------------------------------------
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
    generator, cases, tried = fresh(), [], []
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        T = int(torch.randint(20, 60, (), generator=generator))
        betas = 0.002 + 0.15 * torch.rand(T, generator=generator, dtype=torch.float64)
        x0, noise = torch.randn(2, 7, 3, generator=generator).unbind()
        t, schedule = round(share * (T - 1)), NoiseSchedule.from_alphas_cumprod((1 - betas).cumprod(0))
        tried.append((schedule, x0, noise, t))
        cases.append(Case(f"t = {t} of 0 … {T - 1}", (x0, noise, t, betas), schedule.add_noise(x0, noise, t)))
    compare(noised, cases, suspects(tried))
    return "right at the first step, at the last, and between; on fresh data and fresh betas."


def suspects(tried: list[tuple[NoiseSchedule, Tensor, Tensor, int]]) -> dict[str, list[Tensor]]:
    """What each planted bug makes of some inputs, where that differs from the right answer.

    Args:
        tried: schedule, x_0, noise and t of each input.

    Returns:
        Name in BUGS -> x_t, input by input.
    """
    right = [schedule.add_noise(x0, noise, t) for schedule, x0, noise, t in tried]
    found = {}
    for name, bug in BUGS.items():
        with bug.planted():
            wrong = [schedule.add_noise(x0, noise, t) for schedule, x0, noise, t in tried]
        if any(not torch.equal(a, b) for a, b in zip(right, wrong, strict=True)):
            found[name] = wrong
    return found


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "lost_square_root"
LINEUP = ("alpha_for_alpha_bar", "lost_square_root", "wrong_sign", "t_off_by_one")


def mystery_explorer() -> VarianceExplorer:
    """The variance under a planted bug, dashed, and suspects that can be planted beside it.

    Returns:
        The explorer.
    """
    lineup = tuple((name, BUGS[name].planted) for name in LINEUP)
    return VarianceExplorer(("this course",), bugs=lineup, mystery=BUGS[MYSTERY].planted)


@exercise("01.debug", minutes=5)
def judge_suspect(answer: Any) -> str:
    """The name of the planted bug.

    Args:
        answer: one of the names in LINEUP.

    Returns:
        What the learner reads.

    Raises:
        NotYet: no name so far.
        Wrong: another name.
    """
    if answer is None or answer is ... or answer == "":
        raise NotYet("write the suspect's name as soon as the picture has convinced you.")
    if answer not in LINEUP:
        raise Wrong(f"{answer!r} is not among the suspects: {', '.join(LINEUP)}.")
    explorer = mystery_explorer()
    if answer != MYSTERY:
        explorer.assign(bug=answer)
        gap = np.abs(explorer.data.measured - explorer.data.mystery)
        t = int(gap.argmax())
        raise Wrong(
            f"with {answer} the variance at t = {t} is {rounded(explorer.data.measured[t])}, but the mystery has "
            f"{rounded(explorer.data.mystery[t])} there. Plant it in the picture and compare the two curves."
        )
    return BUGS[MYSTERY].says


# --- transfer --------------------------------------------------------------------------------------------------------
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
            raise Wrong(f"for T = {T} the shape is {tuple(table.shape)}; one number a step is awaited, ({T},).")
        if not (torch.isfinite(table).all() and (table > 0).all() and (table < 1).all()):
            raise Wrong(f"for T = {T} some ᾱ is not strictly between 0 and 1.")
        if not (table.diff() < 0).all():
            raise Wrong(f"for T = {T} ᾱ does not fall at step {int((table.diff() >= 0).nonzero()[0]) + 1}.")
        if table[-1] > 0.01:
            raise Wrong(f"for T = {T} ᾱ = {rounded(table[-1])} is left at the last step; 0.01 is the most.")
        jump = torch.cat([1 - table[:1], -table.diff()]).max()
        if jump > 6 / T:
            raise Wrong(
                f"for T = {T} one step takes {rounded(jump)} of ᾱ at once; take at most 6 / T = {rounded(6 / T)}."
            )
    return f"it reaches noise smoothly for T = {', '.join(map(str, sorted(lengths)))}."
