"""The exercises of lesson 04, sampling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, Wrong, compare, exercise, fresh
from dilviz.course.pads import AskingPad
from dilviz.course.slips_04 import GRIDS, SLIPS, uniform_timesteps, written_ddim_step
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.diffusion import NoiseSchedule, Sampler, Trace, ddim, dpm_solver, sampler_from_step
from dilviz.imitation import rollout
from dilviz.imitation.rollout import Policy
from dilviz.show.base import rounded
from dilviz.show.live.denoising import MIXTURES, REACH, SCHEDULE
from dilviz.show.pad import disc, dots, path
from dilviz.show.sampling import SamplingExplorer
from dilviz.tasks import TASKS

# --- predict ---------------------------------------------------------------------------------------------------------
KNOWN = MIXTURES["uneven heaps"]
CLOSE = 0.45  # a mistake is named where it explains all points so well
IN_HEAP = 0.55  # how far from its middle a heap reaches for certain; heaps are more than 2 apart


class EndsPad(AskingPad):
    """A pad with four starts: where does DDIM bring each?"""

    questions = (
        ((-0.6, 0.8), (0.7, 0.5), (0.1, 2.0), (1.2, -1.4)),
        ((0.5, 1.6), (0.9, 1.8), (0.1, 0.5), (0.8, 0.4)),  # two end on top
        ((-0.3, 0.9), (0.9, 0.9), (0.2, -1.1), (1.5, 0.2)),  # none does
    )

    def __init__(self) -> None:
        super().__init__(max_points=4, x_range=[-REACH, REACH], y_range=[-REACH, REACH])

    def pose(self, question: tuple[tuple[float, float], ...]) -> None:
        """Ask about four starts.

        Args:
            question: where each starts.
        """
        self.starts = np.array(question)
        heaps = [disc("data", x, y, 2 * KNOWN.std) for x, y in KNOWN.means]
        self.background = [*heaps, dots("noise", self.starts.tolist())]
        self.label = "Each violet mark is a start. Where does DDIM bring it? Drop four points, in any order."


def ends_pad() -> EndsPad:
    """The pad of lesson 04's prediction.

    Returns:
        The pad; drop one point for each violet start.
    """
    return EndsPad()


def ways_from(starts: np.ndarray) -> np.ndarray:
    """Where DDIM leads, in 100 steps with the exact denoiser.

    Args:
        starts: (N, 2).

    Returns:
        (101, N, 2), the starts first.
    """
    trace = ddim(KNOWN.denoiser(), SCHEDULE, torch.from_numpy(starts)[:, None], 100, clip=None, trace=True)
    assert isinstance(trace, Trace)  # as asked for
    return trace.x[:, :, 0].numpy()


@exercise("04.predict", minutes=3)
def judge_ends(pad: Any) -> str:
    """Four points near the ends of the four ways, in any order.

    Args:
        pad: an EndsPad, with the learner's points.

    Returns:
        What the learner reads.

    Raises:
        NotYet: another number of points.
        Wrong: too far off, or no pad.
    """
    pad = EndsPad.judged(pad, 4)
    guessed, starts = pad.predicted(), pad.starts
    ways = ways_from(starts)
    gaps, order = _gaps(guessed, ways[-1])
    said = f"distances from the true ends {', '.join(rounded(gap) for gap in gaps)}"
    lines = [path("diffusion", way.tolist()) for way in ways.transpose(1, 0, 2)]
    pad.reveal(dots("diffusion", ways[-1][order].tolist()), *lines, join=True, caption=said)
    there = (_heaps(guessed) & _heaps(ways[-1])).total()
    if there == len(starts):
        return f"{said}. A heap draws from its share of the noise: the heaviest from the widest ground."
    pad.ask_again()
    again = "The ways lie over your points now. Press Clear: the next starts are others."
    nearest = KNOWN.means[np.linalg.norm(starts[:, None] - KNOWN.means, axis=-1).argmin(1)]
    for place, mistake in (
        (
            nearest,
            "you sent each to the heap nearest to its start; but a heavy heap draws from farther than a light one",
        ),
        (starts, "you left them where they start"),
        (np.tile(KNOWN.weights @ KNOWN.means, (4, 1)), "all four in the mean of the data: no data lies there"),
        (np.tile(KNOWN.means[0], (4, 1)), "you sent all to the heaviest heap; it gets six of ten, not all"),
    ):
        if _gaps(guessed, place)[0].max() <= CLOSE:
            raise Wrong(f"{mistake}. {again}")
    raise Wrong(f"{there} of the four points lie in a heap where a start ends ({said}). {again}")


def _heaps(places: np.ndarray) -> Counter[int]:
    """How many places lie in each heap."""
    distances = np.linalg.norm(places[:, None] - KNOWN.means, axis=-1)
    return Counter(distances.argmin(1)[distances.min(1) <= IN_HEAP].tolist())


def _gaps(guessed: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each guess to a place of its own, and which place that is."""
    distances = np.linalg.norm(guessed[:, None] - places, axis=-1)
    rows, order = linear_sum_assignment(distances)
    return distances[rows, order], order


# --- complete --------------------------------------------------------------------------------------------------------
@exercise("04.complete", minutes=6)
def judge_step(ddim_step: Any) -> str:
    """A function ddim_step(xt, x0, alpha_bar_t, alpha_bar_s) -> x_s.

    Args:
        ddim_step: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for to_clean in (False, False, False, True):
        low, high = (0.05 + 0.9 * torch.rand(2, generator=generator, dtype=torch.float64)).sort().values
        t, s = 0.9 * low, torch.ones_like(high) if to_clean else high
        xt, x0 = torch.randn(2, 5, 3, 2, generator=generator, dtype=torch.float64).unbind()
        says = f"ᾱ_t = {rounded(t)}, ᾱ_s = {rounded(s)}"
        cases.append(Case(says, (xt, x0, t, s), written_ddim_step(xt, x0, t, s)))
    # The way to clean comes last: with ᾱ_s = 1 some mistakes divide by 0, and others do no harm.
    for some in (cases[:-1], cases):
        compare(ddim_step, some, {says: [slip(*case.inputs) for case in some] for says, slip in SLIPS.items()})
    sampler_from_step(ddim_step)  # it is about to drive: what that refuses is said here
    return "right on fresh inputs, and on the last step, which ends at x_0. Your step drives in the next cell."


def sampler_of(ddim_step: Any, solved: bool) -> tuple[Sampler, str]:
    """The learner's step as a sampler, or the shipped one where there is none yet.

    Args:
        ddim_step: what the learner wrote.
        solved: whether its check has passed.

    Returns:
        The sampler, and words for whose it is.
    """
    if solved:
        return sampler_from_step(ddim_step), "your step"
    return ddim, "shipped (not yours)"


def arrivals(policy: Policy, count: int = 500) -> tuple[float, float]:
    """How many get round the tree.

    Args:
        policy: of the fork.
        count: of walks.

    Returns:
        The share that arrives, of all and of those who start in the middle, within 0.01 of it.
    """
    walks = rollout(policy, TASKS["fork"], range(count))
    middle = np.abs(walks.observations[walks.starts, 0] - 0.5) < 0.01
    return float(walks.success.mean()), float(walks.success[middle].mean())


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "noise_at_last_step"
LINEUP = ("clip_too_tight", "doubled_variance", "linear_schedule_too_short", "noise_at_last_step", "wrong_sign")
CLUES = {
    "clip_too_tight": "its samples stop at half of the data's range, with every sampler; the mystery's DDIM is well",
    "doubled_variance": "with DDPM and one step it is well, and with ten its rings are nearly as full as they "
    "should be; the mystery's are not. Look at 1 and at 10 steps",
    "linear_schedule_too_short": "with one step its DDIM does not come to the middle; the mystery's does",
    "wrong_sign": "its samples run to the corners, with every sampler; the mystery's DDIM is well",
}


def mystery_explorer() -> SamplingExplorer:
    """Samples under a planted bug, and suspects that can be planted beside it.

    Returns:
        The explorer.
    """
    return SamplingExplorer(planted(LINEUP), BUGS[MYSTERY].planted)


suspect_exercise(
    "04.debug",
    5,
    MYSTERY,
    LINEUP,
    lambda answer: f"plant {answer} and compare at several settings: {CLUES[answer]}.",
    (
        "the step to clean added noise, as wide as what was left to take off. More steps leave less of it, one step "
        "leaves nothing but noise, and DDIM adds none anywhere."
    ),
)


# --- transfer --------------------------------------------------------------------------------------------------------
@exercise("04.transfer", minutes=7)
def judge_timesteps(my_timesteps: Any) -> str:
    """A function my_timesteps(schedule, n) -> n times, evenly spaced in log-SNR.

    Args:
        my_timesteps: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: the times are others for some schedule or n.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for name in ("squaredcos_cap_v2", "linear", "sigmoid", "your own"):
        T, n = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((40, 300), (5, 30)))
        betas = 0.002 + 0.05 * torch.rand(T, generator=generator, dtype=torch.float64)
        own = NoiseSchedule.from_alphas_cumprod((1 - betas).cumprod(0))
        schedule = own if name == "your own" else NoiseSchedule(T, name)
        named = "a fresh schedule" if name == "your own" else name
        cases.append(Case(f"{named}, T = {T}, n = {n}", (schedule, n), uniform_timesteps(schedule, n)))
    compare(my_timesteps, cases, {says: [grid(*c.inputs) for c in cases] for says, grid in GRIDS.items()}, 1e-2)
    falls = {sampler: _fall(sampler, my_timesteps) for sampler in (ddim, dpm_solver)}
    return (
        "evenly spaced on fresh schedules. On it, twice the steps make DDIM's error "
        f"{rounded(round(falls[ddim], 1))} times smaller and 2M's {rounded(round(falls[dpm_solver], 1))} times."
    )


def _fall(sampler: Sampler, my_timesteps: Callable[[NoiseSchedule, int], Any]) -> float:
    """How much smaller an error becomes with twice the steps: 40 and 80 of them, on the learner's grid."""
    once, twice = ((_ends(sampler, my_timesteps(SCHEDULE, n)) - _truth()).norm(dim=-1).mean() for n in (41, 81))
    return float(once / twice)


@cache
def _truth() -> Tensor:
    return _ends(dpm_solver, uniform_timesteps(SCHEDULE, 1281))


def _ends(sampler: Sampler, times: Any) -> Tensor:
    start = torch.randn(64, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = sampler(MIXTURES["ways round the tree"].denoiser(), SCHEDULE, start, timesteps=times, clip=None)
    assert isinstance(ends, Tensor)  # no trace was asked for
    return ends
