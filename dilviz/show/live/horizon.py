"""Receding horizon, live: drag what the policy sees, predicts and does on a tape, and push it while it walks."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import traitlets

from dilviz.diffusion import CounterGenerator
from dilviz.diffusion.noise import uniforms
from dilviz.envs.fork import FORK, SPREAD
from dilviz.imitation import DiffusionPolicy, Episodes, rollout
from dilviz.imitation.episodes import check_horizons
from dilviz.show.fork import FromStarts
from dilviz.show.live.fork import RULES
from dilviz.show.live.live import Bound, Live
from dilviz.show.live.svg import Ways, fork_svg
from dilviz.show.live.weights import pack_policy, rounded_policy
from dilviz.tasks import shipped

SEEN = (1, 2, 3)  # observations; there is a policy for each
STILL = 8  # walks in a page without scripts
STARTS = 2**33  # added to a seed for the draws of its start: no agent's noise has such a seed


@cache
def horizon_policy(obs_horizon: int) -> DiffusionPolicy:
    """The fork's diffusion policy that sees so many observations and predicts sixteen actions from now on.

    Args:
        obs_horizon: in SEEN.

    Returns:
        The policy, the same object at each call.

    Raises:
        InputError: there is none, or the folder of assets is not found.
    """
    policy = shipped("fork", f"diffusion-obs{obs_horizon}")
    assert isinstance(policy, DiffusionPolicy)  # as its name says
    return policy


def start_of(seed: int) -> np.ndarray:
    """Where an agent starts: in the square in which the fork's episodes do.

    Args:
        seed: of the agent.

    Returns:
        (2,).
    """
    return FORK.start + SPREAD.start * (2 * uniforms(STARTS + seed, 2) - 1)


def _ahead(policy: DiffusionPolicy) -> int:
    return policy.pred_horizon - policy.obs_horizon + 1


class LiveHorizon(Live):
    """Agents at the fork that act by receding horizon.

    Of a chunk the first `pred_horizon` actions are used: a policy that was trained to predict no more would in the
    ideal give the same ones.

    Args:
        state: where to begin: `obs_horizon`, `pred_horizon`, `action_horizon`, `delay` (steps that a decision takes),
            `wind` (how far a step is blown off), `agents`, `seed`.

    Raises:
        InputError: a state that cannot be, or more done than predicted.
    """

    demo = "horizon"
    title = "Receding horizon: what a diffusion policy sees, predicts and does, live"
    says = (
        "A diffusion policy looks, plans a chunk of actions, does the first few of them, and looks again. With "
        "JavaScript you can drag how many it sees, predicts and does, and push it while it walks."
    )
    BOUNDS: ClassVar = {
        "obs_horizon": Bound(SEEN[0], SEEN[-1], whole=True),
        "pred_horizon": Bound(1, 18, whole=True),
        "action_horizon": Bound(1, 16, whole=True),
        "delay": Bound(0, 8, whole=True),
        "wind": Bound(0, 0.03),
        "agents": Bound(options=(1, 16, 32)),
        "seed": Bound(0, 9_999, whole=True),
    }

    obs_horizon = traitlets.Int(2).tag(sync=True)
    pred_horizon = traitlets.Int(17).tag(sync=True)
    action_horizon = traitlets.Int(8).tag(sync=True)
    delay = traitlets.Int(0).tag(sync=True)
    wind = traitlets.Float(0.0).tag(sync=True)
    agents = traitlets.Int(1).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    score = traitlets.Dict(help="how the last wave ended: left, right, failed").tag(sync=True)
    measured: Any = traitlets.List(help="what Measure has counted: acted, arrived, of, turn").tag(sync=True)
    policies = traitlets.Dict(help="by number of observations").tag(sync=True)
    steps = traitlets.Int(help="of denoising").tag(sync=True)
    ahead = traitlets.Int(help="actions from now on that are predicted at most").tag(sync=True)
    rules = traitlets.Dict(RULES | {"spread": float(SPREAD.start[0])}).tag(sync=True)
    place = traitlets.Dict(help="the scene").tag(sync=True)

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        check_horizons(self.obs_horizon, self.pred_horizon, self.delay + self.action_horizon)
        policies = {seen: horizon_policy(seen) for seen in SEEN}
        self.steps = policies[SEEN[0]].num_inference_steps
        self.policies = {str(seen): pack_policy(policy, ()) for seen, policy in policies.items()}
        self.ahead = min(map(_ahead, policies.values()))
        places = {name: np.asarray(getattr(FORK, name)).tolist() for name in ("tree", "radius", "goal", "start")}
        self.place = places

    def walks(self, count: int) -> Episodes:
        """What agents do with the present horizons, walked by Python; in still air they do the same in the browser.

        Args:
            count: of agents, at least 1; the first has the seed that is shown, the others those after it.

        Returns:
            One episode an agent.

        Raises:
            InputError: no agent, or more done than predicted.
        """
        policy, seeds = rounded_policy(horizon_policy(self.obs_horizon)), range(self.seed, self.seed + count)
        policy.action_horizon = self.action_horizon
        task = FromStarts(np.array([start_of(seed) for seed in seeds]), self.wind)
        return rollout(policy.wait(self.delay), task, seeds, CounterGenerator)

    def still(self) -> str:
        """Walks with the present horizons.

        Returns:
            An <svg> element, with no style of its own.
        """
        walks = self.walks(STILL)
        ways = Ways("diffusion", [walks.path(i) for i in range(STILL)])
        return fork_svg(self.title, FORK.tree, float(FORK.radius), FORK.goal, ways)
