"""The fork, live: drag the tree, and diffusion policies denoise their way round it in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import traitlets

from dilviz.diffusion import CounterGenerator
from dilviz.envs.fork import GOAL_RADIUS, MAX_STEP, MAX_STEPS, MOVING, MOVING_SPREAD, Scene
from dilviz.envs.fork_env import PLACES, ForkEnv
from dilviz.errors import InputError
from dilviz.imitation import CloningPolicy, DiffusionPolicy, Episodes, rollout
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.rollout import Policy
from dilviz.show.live.live import SWITCH, Bound, Live
from dilviz.show.live.svg import Ways, fork_svg
from dilviz.show.live.weights import pack_policy, rounded_policy
from dilviz.tasks import TASKS, shipped

STILL = 12  # walks in a page without scripts
STEPS = range(1, 21)  # of denoising, that the slider offers
RULES = {"max_step": MAX_STEP, "max_steps": MAX_STEPS, "goal_radius": GOAL_RADIUS}
PLACE = Bound(0, 1, count=2)


class LiveFork(Live):
    """Agents that think and walk: a diffusion policy, and a cloned one beside it.

    Args:
        diffusion: a policy of the fork, whose scene may move or not; None for the one that comes with the course.
        cloning: likewise.
        state: where to begin: `start`, `goal`, `tree` (two numbers each), `radius`, `seed`, `steps` (of denoising),
            `agents`, `cloning_shown`.

    Raises:
        InputError: policies of another scene, or of two different ones; a state that cannot be.
    """

    demo = "fork"
    title = "Round a tree: a diffusion policy, live"
    says = (
        "A diffusion policy plans its way round a tree by taking noise off a chunk of actions. "
        "With JavaScript you can drag the tree and watch it plan anew."
    )
    BOUNDS: ClassVar = {
        "start": PLACE,
        "goal": PLACE,
        "tree": PLACE,
        "radius": Bound(0.05, 0.3),
        "seed": Bound(0, 9_999, whole=True),
        "steps": Bound(STEPS[0], STEPS[-1], whole=True),
        "agents": Bound(options=(1, 16, 64)),
        "cloning_shown": SWITCH,
    }

    start = traitlets.Tuple((0.5, 0.09)).tag(sync=True)
    goal = traitlets.Tuple((0.5, 0.91)).tag(sync=True)
    tree = traitlets.Tuple((0.5, 0.5)).tag(sync=True)
    radius = traitlets.Float(0.17).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    steps = traitlets.Int(10).tag(sync=True)
    agents = traitlets.Int(64).tag(sync=True)
    cloning_shown = traitlets.Bool(True).tag(sync=True)
    score = traitlets.Dict(help="how the last wave ended: left, right, failed, cloning").tag(sync=True)
    diffusion = traitlets.Dict().tag(sync=True)
    cloning = traitlets.Dict().tag(sync=True)
    rules = traitlets.Dict(RULES).tag(sync=True)
    moving = traitlets.Bool(True, help="whether policies see the scene").tag(sync=True)
    trained = traitlets.Dict(help="from where to where things stood in training").tag(sync=True)

    def __init__(
        self, diffusion: DiffusionPolicy | None = None, cloning: CloningPolicy | None = None, **state: Any
    ) -> None:
        for name, policy, kind in (("diffusion", diffusion, DiffusionPolicy), ("cloning", cloning, CloningPolicy)):
            if policy is not None and not isinstance(policy, kind):
                raise InputError(f"{name} is {policy!r}; give a {kind.__name__}, or None for the course's own.")
        given = [scene_of(policy) for policy in (diffusion, cloning) if policy is not None]
        if len(set(given)) > 1:
            raise InputError("one policy is of fork and one of fork-moving; give two of the same task.")
        task = given[0] if given else "fork-moving"
        self.moving = task == "fork-moving"
        planner, cloner = diffusion or shipped(task, "diffusion"), cloning or shipped(task, "cloning")
        assert isinstance(planner, DiffusionPolicy)  # as its name says
        most = min(max(STEPS[-1], planner.num_inference_steps), len(planner.schedule))
        self.__dict__["BOUNDS"] = self.BOUNDS | {"steps": Bound(1, most, whole=True)}  # of this object alone
        middle = MOVING if self.moving else ForkEnv().scenes
        world = {name: tuple(np.asarray(getattr(middle, name)).tolist()) for name in ("start", "goal", "tree")}
        super().__init__(**world | {"radius": float(middle.radius), "steps": planner.num_inference_steps} | state)
        self.task, self.policies = task, (planner, cloner)
        self.diffusion, self.cloning = pack_policy(planner, range(1, most + 1)), pack_policy(cloner, ())
        self.trained = _trained(MOVING, MOVING_SPREAD)

    def walks(self, count: int, policy: Policy | None = None) -> Episodes:
        """What agents do in the present scene, walked by Python: in the browser they do the same.

        Args:
            count: of agents; the first has the seed that is shown, the others those after it.
            policy: who walks; None for the diffusion policy, of weights as a page has them and with the present steps.

        Returns:
            One episode an agent.

        Raises:
            InputError: no agent.
        """
        if not isinstance(count, int) or count < 1:
            raise InputError(f"count is {count!r}; give a whole number of agents, 1 or more.")
        if policy is None:
            policy = rounded_policy(self.policies[0])
            assert isinstance(policy, DiffusionPolicy)  # the first of the two is
            policy.use(policy.sampler, self.steps, **policy.sampler_options)
        return self._walked(policy, range(self.seed, self.seed + count))

    def _walked(self, policy: Policy, seeds: Sequence[int]) -> Episodes:
        world = {name: getattr(self, name) for name in PLACES}
        task = TASKS[self.task]
        return rollout(policy, replace(task, options={**task.options, **world, "exact": True}), seeds, CounterGenerator)

    def still(self) -> str:
        """Walks of both policies in the present scene.

        Returns:
            An <svg> element, with no style of its own.
        """
        walks, clone = self.walks(STILL), self._walked(rounded_policy(self.policies[1]), [0])
        planned = Ways("diffusion", [walks.path(i) for i in range(STILL)])
        cloned = Ways("cloning", [clone.path(0)], width=3, dash="8 5")
        return fork_svg(self.title, self.tree, self.radius, self.goal, planned, cloned)


def scene_of(policy: ChunkPolicy) -> str:
    """The task whose scene a policy was trained on.

    Args:
        policy: any.

    Returns:
        "fork" or "fork-moving".

    Raises:
        InputError: neither.
    """
    seen, done = len(policy.observation_scale.low), len(policy.action_scale.low)
    if done != 2 or seen not in (2, 7):
        raise InputError(
            f"the policy sees {seen} numbers and gives {done}; that is no policy of fork or fork-moving: "
            "train one by `dilviz train fork-moving`."
        )
    return "fork" if seen == 2 else "fork-moving"


def _trained(middle: Scene, spread: Scene) -> dict[str, list[list[float]]]:
    ranges = {}
    for name in ("tree", "radius", "goal", "start"):
        at, by = np.atleast_1d(getattr(middle, name)), np.atleast_1d(getattr(spread, name))
        ranges[name] = np.stack([at - by, at + by], axis=1).round(6).tolist()
    return ranges
