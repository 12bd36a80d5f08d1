"""What the horizons do at the fork: `make assets ARGS=horizons`, some minutes.

Diffusion policies that see one to three observations and predict far ahead act with action horizons from 1 to 16: in
still air, in wind, and with decisions that take four steps. Then some that were trained to predict less.
"""

import dataclasses

from dilviz.imitation import rollout
from dilviz.imitation.learners import WEIGHTS, load_policy
from dilviz.imitation.measures import turning
from dilviz.tasks import TASKS

SEEN = (1, 2, 3)
AHEAD, WIDTH = 16, 96  # actions from now on; units of a layer: three such networks fit into one page
ACTED = (1, 2, 4, 8, 12, 16)
WORLDS = ({"wind": 0.0, "delay": 0}, {"wind": 0.01, "delay": 0}, {"wind": 0.02, "delay": 0}, {"wind": 0.0, "delay": 4})
SHORTER = (1, 2, 4, 8)  # actions from now on


def options(seen, ahead=AHEAD):
    """Of `dilviz train fork`; as many windows at an episode's end as its last action needs."""
    return {"obs_horizon": seen, "pred_horizon": seen - 1 + ahead, "action_horizon": ahead, "width": WIDTH}


def rows(trained, train_seeds, seeds):
    """One a training, action horizon and world."""
    for ahead, seen in [*((AHEAD, seen) for seen in SEEN), *((ahead, 2) for ahead in SHORTER)]:
        for seed in train_seeds:
            policy = load_policy(trained("fork", "diffusion", seed=seed, **options(seen, ahead))[0] / WEIGHTS)
            for world in WORLDS:
                for acted in ACTED if ahead == AHEAD else ACTED[:1]:
                    if acted + world["delay"] <= ahead:
                        yield row(policy, acted, seed, seeds, **world)


def row(policy, acted, train_seed, seeds, wind, delay):
    policy.action_horizon = acted
    policy.wait(delay)
    walks = rollout(policy, dataclasses.replace(TASKS["fork"], options={"wind": wind}), seeds)
    successes = int(walks.success.sum())
    return {
        "obs_horizon": policy.obs_horizon, "pred_horizon": policy.pred_horizon, "action_horizon": acted,
        "wind": wind, "delay": delay, "train_seed": train_seed, "n": len(walks), "successes": successes,
        "success_rate": successes / len(walks), "turning": round(turning(walks), 2),
    }  # fmt: skip
