"""The exercises of lesson 05, behavioral cloning."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, NotYet, Wrong, call, compare, exercise, fresh
from dilviz.course.pads import AskingPad
from dilviz.course.slips_05 import LOOKUPS, SLIPS, written_lookup, written_mixture_loss
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.diffusion.noise import Generators
from dilviz.diffusion.training import without_bars
from dilviz.envs.fork import FORK, GOAL_RADIUS
from dilviz.imitation import CloningPolicy, Episodes, Windows, rollout, train_cloning
from dilviz.imitation.dagger import train_dagger
from dilviz.show.fork import GOAL_X, GOAL_Y, TREE_X, TREE_Y, FromStarts
from dilviz.show.pad import disc, dots, path
from dilviz.show.pushed import PushedExplorer
from dilviz.show.walks import WalksExplorer
from dilviz.tasks import TASKS, shipped


class OneStep:
    """A plain network as a policy: one observation, one action.

    Args:
        network: (B, 1, obs_dim) -> (B, 1, act_dim), in the environment's units.
    """

    obs_horizon = 1

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @torch.no_grad()
    def act(self, observations: Tensor, generator: Generators = None) -> Tensor:
        """What the network says.

        Args:
            observations: (B, 1, obs_dim).
            generator: nothing is drawn.

        Returns:
            (B, 1, act_dim).
        """
        return self.network(observations)


# --- predict ---------------------------------------------------------------------------------------------------------
CLOSE = 0.07  # of a mark
FEW, STEPS, WIDTH = 20, 3000, 128


@cache
def reacting() -> tuple[Episodes, CloningPolicy, CloningPolicy]:
    """Twenty walks of the expert that reacts, and who learned from as many episodes, one action at a time.

    Returns:
        The walks, a cloned policy, and one by DAgger.
    """
    task = TASKS["fork"]
    walks = replace(task, expert=task.answers).demonstrations(FEW)
    options: dict[str, Any] = {"action_horizon": 1, "width": WIDTH, "steps": STEPS, "device": "cpu"}
    windows = Windows(walks, 2, 2, 1)
    with without_bars():
        return walks, train_cloning(windows, **options)[0], train_dagger(windows, task=task, **options)[0]


def pushed_explorer() -> PushedExplorer:
    """Where the cloned policy, the one that could ask, and the expert itself arrive from.

    Returns:
        The explorer.
    """
    known, cloned, asked = reacting()
    return PushedExplorer({"cloning": cloned, "DAgger": asked, "expert": TASKS["fork"].answers()}, known)


class PushedPad(AskingPad):
    """A pad with five starts: from which of them does the clone fail?"""

    questions = (
        ((0.1, 0.1), (0.9, 0.4), (0.05, 0.95), (0.15, 0.65), (0.95, 0.85)),
        ((0.9, 0.1), (0.1, 0.4), (0.3, 0.95), (0.95, 0.95), (0.15, 0.65)),
        ((0.05, 0.85), (0.9, 0.4), (0.7, 0.95), (0.1, 0.1), (0.9, 0.1)),
    )

    def __init__(self) -> None:
        super().__init__(max_points=5)

    def pose(self, question: tuple[tuple[float, float], ...]) -> None:
        """Ask about five starts.

        Args:
            question: where each is.
        """
        self.starts = np.array(question)
        known = reacting()[0]
        self.background = [
            disc("tree", TREE_X, TREE_Y, float(FORK.radius)),
            disc("expert", GOAL_X, GOAL_Y, GOAL_RADIUS),
            *(path("data", known.path(i).tolist()) for i in range(len(known))),
            dots("cloning", self.starts.tolist()),
        ]
        self.label = "Drop a point on each orange mark from which the cloned agent does not arrive."


def pushed_pad() -> PushedPad:
    """The pad of lesson 05's prediction.

    Returns:
        The pad; drop a point on each start from which the clone fails.
    """
    return PushedPad()


@exercise("05.predict", minutes=4)
def judge_pushed(pad: Any) -> str:
    """A point on each start from which the cloned policy fails.

    Args:
        pad: a PushedPad, with the learner's points.

    Returns:
        What the learner reads.

    Raises:
        NotYet: no point, or the truth is on the pad.
        Wrong: other starts, or no pad.
    """
    if isinstance(pad, PushedPad) and not pad.points:
        raise NotYet("drop a point on each start from which it fails; then run this cell again.")
    pad = PushedPad.judged(pad, len(getattr(pad, "points", ())))
    gaps = np.linalg.norm(pad.predicted()[:, None] - pad.starts, axis=-1)  # (points, starts)
    if (gaps.min(1) > CLOSE).any():
        raise NotYet("one of your points lies beside all marks; put each upon an orange mark, or press Clear.")
    said = (gaps <= CLOSE).any(0)
    walks = rollout(reacting()[1], FromStarts(pad.starts), range(len(pad.starts)))
    fails = ~walks.success
    pad.reveal(*(path("cloning", walks.path(i).tolist()) for i in range(len(walks))))
    if (said == fails).all():
        return (
            "these. Below and beside the tree it is soon where experts have been; behind the goal no expert ever "
            "came from, and nothing tells the clone what to do."
        )
    pad.ask_again()
    again = "Its walks lie on the pad now. Press Clear: the next starts are others."
    if said.all():
        raise Wrong(f"not from all of them: it arrives from {int((~fails).sum())} of five. {again}")
    missed, wrong = int((fails & ~said).sum()), int((said & ~fails).sum())
    parts = [f"from {missed} that you left out it fails"] * (missed > 0)
    parts += [f"from {wrong} that you marked it arrives"] * (wrong > 0)
    raise Wrong(f"{' and '.join(parts)}. Ask for each: on its way, where is the nearest dotted line? {again}")


# --- complete --------------------------------------------------------------------------------------------------------
@exercise("05.complete", minutes=7)
def judge_mixture_loss(mixture_loss: Any) -> str:
    """A function mixture_loss(log_weight, mean, std, target) -> mean of −log p.

    Args:
        mixture_loss: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for rows, components, numbers in ((5, 3, 4), (2, 8, 1), (7, 2, 14), (4, 1, 2)):
        shape = (rows, components, numbers)
        log_weight = torch.randn(rows, components, generator=generator, dtype=torch.float64).log_softmax(1)
        mean, spread = torch.randn(2, *shape, generator=generator, dtype=torch.float64).unbind()
        target = torch.randn(rows, numbers, generator=generator, dtype=torch.float64)
        inputs = (log_weight, mean, 0.3 + spread.abs(), target)
        says = f"{rows} rows, {components} components, {numbers} numbers"
        cases.append(Case(says, inputs, written_mixture_loss(*inputs)))
    suspects = {says: [slip(*case.inputs) for case in cases] for says, slip in SLIPS.items()}
    compare(mixture_loss, cases, suspects)
    log_weight, mean, std, target = cases[0].inputs
    value = mixture_loss(log_weight, mean.clone().requires_grad_(), std, target)
    if not (isinstance(value, Tensor) and value.requires_grad):
        raise Wrong("the number is right, but no gradient reaches the network: keep tensors, no `.item()` or `detach`.")
    if not torch.isfinite(call(mixture_loss, log_weight, mean, std, target + 60)).all():
        raise Wrong("for a target far from all means every exp(…) becomes 0; let `logsumexp` do exp, sum and log.")
    return "the likelihood of a mixture. On it the mixture density network of this lesson was trained."


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "mean_of_mixture"
LINEUP = ("always_the_heaviest", "equal_weights", "mean_of_mixture", "one_action_late")
CLUES = {
    "always_the_heaviest": "all walks are alike, as in the mystery, but they arrive, and the mystery's do not",
    "equal_weights": "no two of its walks are alike; all of the mystery's are",
    "one_action_late": "its walks go left and right, for it still draws; the mystery draws nothing",
}


def mystery_explorer() -> WalksExplorer:
    """Walks of a broken mixture, and suspects that can be planted beside them.

    Returns:
        The explorer.
    """
    suspects = planted(LINEUP)
    return WalksExplorer(suspects, BUGS[MYSTERY].planted, shipped("fork", "mdn"))


suspect_exercise(
    "05.debug",
    3,
    MYSTERY,
    LINEUP,
    lambda answer: f"plant {answer} and compare: {CLUES[answer]}.",
    "the mean of the mixture was done in place of one of its components: regression again, by another door.",
)


# --- transfer --------------------------------------------------------------------------------------------------------
@exercise("05.transfer", minutes=6)
def judge_lookup(my_lookup: Any) -> str:
    """A function my_lookup(look, seen, chunks) -> the chunk of the nearest demonstration.

    Args:
        my_lookup: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    generator, cases = fresh(), []
    for says, units in (
        ("kelvins and radians", (15.0, 0.1)),
        ("numbers of one size", (1.0, 1.0, 1.0)),
        ("millivolts and kilometres", (0.001, 40.0, 2.0)),
    ):
        for _ in range(12):
            size, n = torch.tensor(units), len(units)
            off = torch.tensor([20.0, 0.0, 3.0])[:n]  # kelvins are never near 0
            seen = torch.rand(60, n, generator=generator)
            seen[:, 0] **= 12  # most of them close together, so that range and standard deviation differ
            seen = (seen + off) * size
            look = (torch.rand(n, generator=generator) + off) * size
            chunks = torch.randn(60, 4, 2, generator=generator)
            cases.append(Case(says, (look, seen, chunks), written_lookup(look, seen, chunks)))
    compare(my_lookup, cases, {says: [slip(*case.inputs) for case in cases] for says, slip in LOOKUPS.items()})
    return (
        "nothing is trained, nothing is averaged, and at the fork it arrives: a memory is a strong opponent where "
        "demonstrations are many and the world is small."
    )
