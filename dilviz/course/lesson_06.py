"""The exercises of lesson 06, the diffusion policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dilviz.course.bugs import BUGS
from dilviz.course.check import Case, NotYet, Wrong, call, compare, exercise, fresh
from dilviz.course.horizon_pad import HorizonPad
from dilviz.course.slips_06 import RECEDINGS, written_receding
from dilviz.course.suspects import planted, suspect_exercise
from dilviz.imitation import DiffusionPolicy, Episodes, rollout
from dilviz.show.pad import dots
from dilviz.show.walks import WalksExplorer
from dilviz.tasks import TASKS, shipped

# --- predict ---------------------------------------------------------------------------------------------------------
BESIDE, OFF = 1.0, 16.0  # how far a point may lie beside its line, in actions; the mean error that passes, in %
# Lines whose truths differ by so much are to be told apart, by this part of it; a step that is so large, and so many
# times as large as the others, is to stand out.
CLEAR, PART, LARGE, TIMES = 12.0, 0.3, 20.0, 1.5


def horizon_pad() -> HorizonPad:
    """The pad of lesson 06's prediction.

    Returns:
        The pad; drop a point on each line.
    """
    return HorizonPad()


@exercise("06.predict", minutes=4)
def judge_horizons(pad: Any) -> str:
    """A point for each of four action horizons: how many arrive.

    Args:
        pad: a HorizonPad, with the learner's points.

    Returns:
        What the learner reads.

    Raises:
        NotYet: not a point on each line, or the truth is on the pad.
        Wrong: far off, or the other way round; or no pad.
    """
    pad = HorizonPad.judged(pad, 4)
    x, y = pad.predicted()[np.argsort(pad.predicted()[:, 0])].T
    acted = pad.world.acted
    if (np.abs(x - acted) > BESIDE).any():
        raise NotYet(f"put one point on each of the four lines, at {', '.join(map(str, acted))}; then run this again.")
    truth = np.array([pad.world.arrive(n) for n in acted])
    off, missed = np.abs(y - truth).mean(), _not_told_apart(acted, y, truth)
    pad.reveal(dots("diffusion", [[n, t] for n, t in zip(acted, truth, strict=True)]), join=False)
    says = f"measured: {', '.join(f'{t:.0f} % at {n}' for n, t in zip(acted, truth, strict=True))}"
    if off <= OFF and not missed:
        return f"{says}; yours are off by {off:.0f} on average. The reason: {pad.world.why}"
    pad.ask_again()
    fault = missed or f"yours are off by {off:.0f} on average"
    raise Wrong(f"{fault}. {says.capitalize()}. The reason: {pad.world.why} Press Clear: the next question is another.")


def _not_told_apart(acted: tuple[int, ...], yours: np.ndarray, truth: np.ndarray) -> str:
    """What of the truth the prediction does not show: two lines that clearly differ, or the one large step; or ""."""
    clear = max(CLEAR, np.ptp(truth) / 2)
    pairs = [(i, j) for i in range(len(acted)) for j in range(len(acted)) if truth[i] - truth[j] >= clear]
    wrong = [(i, j) for i, j in pairs if yours[i] - yours[j] < PART * (truth[i] - truth[j])]
    if wrong:
        i, j = max(wrong, key=lambda pair: truth[pair[0]] - truth[pair[1]])
        return f"at {acted[i]} a look clearly more arrive than at {acted[j]}; not so on your pad"
    steps, mine = np.diff(truth), np.diff(yours)
    k = int(np.abs(steps).argmax())
    if abs(steps[k]) >= LARGE and mine[k] * np.sign(steps[k]) < TIMES * np.abs(np.delete(mine, k)).max():
        return (
            f"the one large step lies between {acted[k]} and {acted[k + 1]} a look; on your pad it does not stand out"
        )
    return ""


# --- complete --------------------------------------------------------------------------------------------------------
MOST_LOOKS = 500  # in all calls of a check; the right answer takes a tenth of it


@exercise("06.complete", minutes=7)
def judge_receding(receding: Any) -> str:
    """A function receding(plan, world, seen, obs_horizon, action_horizon, steps) -> all observations, a list.

    Args:
        receding: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it answers some fresh input wrongly.
        NotYet: it returns nothing.
    """
    if not callable(receding):
        raise Wrong(f"this exercise asks for a function, but got {type(receding).__name__}.")
    generator, cases = fresh(), []
    for obs, ahead, act, looks in ((2, 7, 4, 3), (3, 6, 2, 4), (2, 4, 3, 2), (4, 5, 5, 3)):
        plan, world, first = _toy(obs, obs - 1 + ahead, generator)
        inputs = (plan, world, first, obs, act, act * looks)
        says = f"obs_horizon {obs}, action_horizon {act}, {act * looks} steps"
        cases.append(Case(says, inputs, written_receding(*inputs)))

    def theirs(plan: Any, world: Any, first: Tensor, obs_horizon: int, action_horizon: int, steps: int) -> Any:
        answer = receding(plan, world, [first] * obs_horizon, obs_horizon, action_horizon, steps)
        if isinstance(answer, list | tuple) and answer and all(isinstance(one, Tensor) for one in answer):
            answer = torch.stack([*answer])
        return answer

    def cut(*inputs: Any) -> Any:
        answer = theirs(*inputs)
        return answer[: inputs[3] + inputs[5]] if isinstance(answer, Tensor) else answer

    slips = {says: [slip(*c.inputs)[: len(c.right)] for c in cases] for says, slip in RECEDINGS.items()}
    compare(cut, cases, slips)  # first what is wrong in the steps that are asked for, then whether there are more
    for case in cases:
        if (more := len(theirs(*case.inputs)) - len(case.right)) > 0:
            raise Wrong(
                f"the first {len(case.right)} are right, and then {more} more follow ({case.says}): `steps` counts "
                "actions, not looks."
            )
    return "receding horizon: the plan reaches far, what is done of it does not. `rollout` is this, for many at once."


def _toy(obs_horizon: int, pred_horizon: int, generator: torch.Generator) -> tuple[Any, Any, Tensor]:
    """A plan and a world that are functions of what they are given, drawn at random; observations and actions of 2."""
    wide = torch.randn(2 * pred_horizon, 2 * obs_horizon, generator=generator, dtype=torch.float64)
    turn, push = torch.randn(2, 2, 2, generator=generator, dtype=torch.float64)

    looks = 0

    def plan(seen: Tensor) -> Tensor:
        nonlocal looks
        looks += 1
        if looks > MOST_LOOKS:
            raise RuntimeError(f"plan was asked {MOST_LOOKS} times: the loop does not end, a look does no action")
        if not isinstance(seen, Tensor) or seen.shape != (obs_horizon, 2):
            shape = tuple(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
            raise ValueError(f"plan takes the last observations as a tensor ({obs_horizon}, 2) and got {shape}")
        return (wide @ seen.flatten()).tanh().unflatten(0, (pred_horizon, 2))

    def world(observation: Tensor, action: Tensor) -> Tensor:
        if action.shape != (2,):
            raise ValueError(f"world takes one action (2,) and got {tuple(action.shape)}")
        return (turn @ observation + push @ action).tanh()

    return plan, world, torch.randn(2, generator=generator, dtype=torch.float64)


# --- debug -----------------------------------------------------------------------------------------------------------
MYSTERY = "chunk_backwards"
LINEUP = ("chunk_backwards", "newest_alone", "newest_first", "one_action_early")
CLUES = {
    "newest_alone": "its walks are nearly as smooth as a healthy policy's; the mystery's have a kink at each look",
    "newest_first": "its walkers turn round at their looks, and many run into the tree; the mystery's zigzag forward",
    "one_action_early": "its walks are smooth, only a little long; the mystery's have a kink at each look",
}


def mystery_explorer() -> WalksExplorer:
    """Walks of a broken diffusion policy, and suspects that can be planted beside them.

    Returns:
        The explorer.
    """
    suspects = planted(LINEUP)
    return WalksExplorer(suspects, BUGS[MYSTERY].planted)


suspect_exercise(
    "06.debug",
    3,
    MYSTERY,
    LINEUP,
    lambda answer: f"plant {answer} and compare: {CLUES[answer]}.",
    "the actions of each chunk were done last one first: between two looks the walk bends the wrong way.",
)


# --- transfer --------------------------------------------------------------------------------------------------------
SCENES, ENOUGH = 100, 90
ROWS = 7  # on which a cost is tried: an odd number, so that signs do not add up to nought
_TREE_X, _GOAL_X = 2, 5  # what is seen where the scene moves: x, y; tree x, y, radius; goal x, y


def steered_walks(cost: Any, seeds: range = range(SCENES)) -> tuple[Episodes, np.ndarray]:
    """Walks of the moving fork's diffusion policy that is steered by a cost.

    Args:
        cost: as `DiffusionPolicy.steer` takes it; None for none.
        seeds: of the scenes.

    Returns:
        The walks, and for each whether it arrives on the side of the tree where the goal is not.
    """
    policy = shipped("fork-moving", "diffusion")
    assert isinstance(policy, DiffusionPolicy)  # as its name says
    walks = rollout(policy.steer(cost), TASKS["fork-moving"], seeds)
    scene = walks.observations[walks.starts]
    asked = np.where(scene[:, _GOAL_X] > scene[:, _TREE_X], "left", "right")
    return walks, walks.mode == asked


@exercise("06.transfer", minutes=7)
def judge_cost(my_cost: Any) -> str:
    """A function my_cost(actions, seen) that steers past each tree on the side where its goal is not.

    Args:
        my_cost: what the learner wrote.

    Returns:
        What the learner reads.

    Raises:
        Wrong: it cannot steer, or does not lead there.
        NotYet: it returns nothing.
    """
    generator = fresh()
    _check_cost(my_cost, generator)
    first = int(torch.randint(2**20, (), generator=generator))
    walks, asked = steered_walks(my_cost, range(first, first + SCENES))
    arrived, right = int(walks.success.sum()), int((walks.mode == "right").sum())
    if asked.sum() >= ENOUGH:
        return f"{asked.sum()} of {SCENES} fresh scenes, and nothing was trained: the cost reads the scene it is in."
    if arrived < ENOUGH - 10:
        raise Wrong(f"only {arrived} of {SCENES} arrive at all: it pushes off what experts did. Push more gently.")
    if asked.sum() < 3 * (SCENES - ENOUGH):
        raise Wrong(f"{arrived - asked.sum()} of {SCENES} pass on the other side, the goal's: turn the sign round.")
    if max(right, arrived - right) > ENOUGH - 5:
        side = "right" if right > arrived - right else "left"
        raise Wrong(f"nearly all pass {side}, in whatever scene; read tree and goal of each row from `seen`.")
    raise Wrong(
        f"{asked.sum()} of {SCENES} pass where they should, and {arrived} arrive (unsteered it is about half). Is the "
        "side that of each row's own scene? Then push harder, or sooner."
    )


def _check_cost(my_cost: Any, generator: torch.Generator) -> None:
    """Refuse what no sampler can be steered by."""
    seen = torch.rand(ROWS, 2, 7, generator=generator)
    actions = (torch.rand(ROWS, 7, 2, generator=generator) * 2 - 1).requires_grad_()
    cost = call(my_cost, actions, seen)
    if cost.shape != (ROWS,):
        raise Wrong(f"for {ROWS} rows the cost has shape {tuple(cost.shape)}; give one number a row, ({ROWS},).")
    if not torch.isfinite(cost).all():
        raise Wrong("the cost holds values that are no finite number.")
    value = my_cost(actions, seen)
    if not isinstance(value, Tensor):
        raise Wrong(f"the cost is {type(value).__name__}; keep tensors, or no gradient reaches the actions.")
    if not torch.allclose(value, cost, atol=1e-4):
        raise Wrong("your function answers differently when it is called twice; it may draw nothing of its own.")
    slope = torch.autograd.grad(value.sum(), actions, allow_unused=True)[0] if value.requires_grad else None
    if slope is None or not slope.abs().sum() > 0:
        raise Wrong("the cost does not change with the actions, so it steers nowhere: no gradient reaches them.")
    alone = torch.cat([call(my_cost, actions[i : i + 1], seen[i : i + 1]) for i in range(ROWS)])
    if not torch.allclose(alone, cost, atol=1e-4):
        raise Wrong("a row's cost depends on its neighbours; compute each row from its own actions and scene.")
