"""The pad of lesson 06: how many arrive, with how many actions a look?"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cache

from dilviz.course.pads import AskingPad
from dilviz.imitation import rollout
from dilviz.show.live.horizon import horizon_policy
from dilviz.show.pad import path
from dilviz.tasks import TASKS

WALKS = 200


@dataclass(frozen=True)
class World:
    """In what circumstances a policy acts.

    Args:
        says: them, in a few words.
        acted: the action horizons that are asked about.
        why: what comes of them, in a sentence.
        obs: the observation horizon.
        delay: steps that a decision takes.
        wind: how far a step is blown off.
    """

    says: str
    acted: tuple[int, ...]
    why: str
    obs: int = 2
    delay: int = 0
    wind: float = 0.0

    def arrive(self, acted: int) -> float:
        """How many arrive.

        Args:
            acted: the action horizon.

        Returns:
            Per cent of WALKS.
        """
        return counted(self.obs, acted, self.delay, self.wind)


@cache
def counted(obs: int, acted: int, delay: int, wind: float) -> float:
    """How many of the fork's walks arrive.

    Args:
        obs: the observation horizon.
        acted: the action horizon.
        delay: steps that a decision takes.
        wind: how far a step is blown off.

    Returns:
        Per cent of WALKS.
    """
    policy = copy(horizon_policy(obs))
    policy.action_horizon = acted
    task = replace(TASKS["fork"], options={"wind": wind})
    walks = rollout(policy.wait(delay), task, range(WALKS))
    return 100 * float(walks.success.mean())


_LATE = (
    "with few actions a look, each decision is made before the last one can be seen, and the two may be for different "
    "sides; with eight or twelve, what the last one led to is seen before the next."
)
_WORLDS = (
    World("decisions take 4 steps", (1, 4, 8, 12), _LATE, delay=4),
    World(
        "wind 0.02, decisions take no time",
        (1, 4, 8, 16),
        "whoever looks seldom finds out late where the wind has put it; and looking at every step is hardly better "
        "than at every fourth.",
        wind=0.02,
    ),
    World(
        "3 observations, decisions take 4 steps",
        (1, 4, 8, 12),
        f"{_LATE[:-1]}. And who dithers sees, in three places more than in two, what no expert has shown.",
        obs=3,
        delay=4,
    ),
)


class HorizonPad(AskingPad):
    """A pad with four action horizons: how many of 100 walks arrive with each?"""

    questions = _WORLDS

    def __init__(self) -> None:
        super().__init__(
            max_points=4, x_range=[0.0, 17.0], y_range=[0.0, 100.0], equal=False, width=520, height=280,
            y_label="arrive, %",
        )  # fmt: skip

    def pose(self, question: World) -> None:
        """Ask about four action horizons.

        Args:
            question: in what circumstances.
        """
        self.world = question
        self.background = [path("data", [[x, 0.0], [x, 100.0]]) for x in question.acted]
        self.x_label = f"{', '.join(map(str, question.acted))} actions a look; {question.says}"
        self.label = f"How many arrive? Drop a point on each of the four lines: {self.x_label}."
