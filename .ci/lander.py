"""With two landings to learn from, is it diffusion that costs, or the chunk? `make assets ARGS=lander`, ten minutes.

Diffusion and regression, each trained to predict seven actions from now on or one, do four of them a look or one.
"""

from dilviz.imitation import rollout
from dilviz.imitation.learners import WEIGHTS, load_policy
from dilviz.tasks import TASKS

DEMOS = 2
# name -> horizons of the training, and the numbers of actions that are done of a plan
CHUNKS = {
    "chunk": ({"pred_horizon": 8, "action_horizon": 4}, (4, 1)),
    "single": ({"pred_horizon": 2, "action_horizon": 1}, (1,)),
}


def rows(trained, train_seeds, seeds):
    """One a learner, training and action horizon."""
    for policy in ("diffusion", "cloning"):
        for horizons, acted in CHUNKS.values():
            for train_seed in train_seeds:
                folder, _ = trained("lander", policy, seed=train_seed, demos=DEMOS, **horizons)
                learned = load_policy(folder / WEIGHTS)
                for learned.action_horizon in acted:
                    walks = rollout(learned, TASKS["lander"], seeds)
                    yield {
                        "policy": policy, "predicted": horizons["pred_horizon"] - 1,
                        "done": learned.action_horizon, "demos": DEMOS, "train_seed": train_seed, "n": len(walks),
                        "successes": int(walks.success.sum()), "success_rate": float(walks.success.mean()),
                        "return_mean": round(float(walks.returns.mean()), 2),
                    }  # fmt: skip
