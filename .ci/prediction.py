"""Why it matters what the network predicts, measured on the fork: `make assets ARGS=prediction`, a quarter of an hour.

Three outputs are trained with three losses. In each loss an error of the network counts by the error in x_0 that it
comes to, times a factor: 1 (x_0's own loss), 1 / (1 - alpha_bar) (v's) or alpha_bar / (1 - alpha_bar) (epsilon's). Then
how they sample is changed: steps, clipping, and two networks that share the noise levels between them.
"""

import numpy as np
import torch
from torch import nn

from dilviz.diffusion import MLPDenoiser, NoiseSchedule
from dilviz.diffusion.loop import Loop
from dilviz.diffusion.recipe import training_recipe
from dilviz.imitation import DiffusionPolicy, Windows, rollout
from dilviz.imitation.chunks import scales_of
from dilviz.imitation.learners import WEIGHTS, load_policy
from dilviz.show.prediction import x0_errors
from dilviz.tasks import TASKS

TYPES = ("sample", "v_prediction", "epsilon")
MOST = 10  # the largest weight of the loss where epsilon's network has x_0's loss: without a bound it is a million
HANDOVERS = (44, 34, 24, 14)
TASK = TASKS["fork"]


def weights(output, loss):
    """The weight of each t in the mean squared error of this output that makes it that loss, (T,)."""
    alpha_bar = NoiseSchedule(TASK.recipe.num_train_timesteps).alphas_cumprod
    counts = {"sample": 1 + 0 * alpha_bar, "v_prediction": 1 / (1 - alpha_bar), "epsilon": alpha_bar / (1 - alpha_bar)}
    return counts[loss] / counts[output]


class Scaled(nn.Module):
    """A network whose answers are multiplied by the root of the loss's weight, as its targets are."""

    def __init__(self, inner, scale):
        super().__init__()
        self.inner, self.prediction_type = inner, inner.prediction_type
        self.register_buffer("scale", scale)

    def forward(self, xt, t, cond=None):
        return self.inner(xt, t, cond) * self.scale[t].view(-1, 1, 1)


def train_weighted(path, output, weight, seed):
    """As `dilviz train fork --prediction-type OUTPUT --seed SEED`, with a weight for each t in its loss."""
    recipe, cpu = TASK.recipe, torch.device("cpu")
    windows = Windows(TASK.demonstrations(recipe.demos), recipe.obs_horizon, recipe.pred_horizon, recipe.action_horizon)
    observations, actions = scales_of(windows)
    cond_dim = recipe.obs_horizon * TASK.observation_dim
    inner = MLPDenoiser(recipe.pred_horizon, 2, cond_dim, recipe.width, recipe.depth, output, seed=seed)
    schedule = NoiseSchedule(recipe.num_train_timesteps)
    policy = DiffusionPolicy(inner, schedule, observations, actions, recipe.obs_horizon, recipe.action_horizon)
    scale = weight.sqrt().float()
    x0, cond = actions.scale(windows.actions()), policy.condition(windows.observations())
    options = {"steps": recipe.steps, "batch_size": 256, "lr": 1e-3, "warmup": 100, "ema_decay": 0.999, "seed": seed}
    denoiser = Scaled(inner, scale)
    asked = training_recipe(denoiser, schedule, x0, cond, cpu, timestep_sampling="uniform", **options)
    loop = Loop(denoiser, schedule, x0, cond, asked, cpu)
    loop.table[:, 2:] *= scale[:, None]  # the targets
    for _ in range(recipe.steps):
        loop.advance()
    loop.finish(cpu)
    policy.save(path, {"task": "fork", "seed": seed})


class Study:
    """The policies, trained where they are not there yet, and what is counted with them."""

    def __init__(self, trained, folder, seeds, episodes):
        self.trained, self.folder, self.seeds, self.episodes = trained, folder, seeds, episodes

    def policy(self, output, loss, seed, most=np.inf):
        if output == loss:
            return load_policy(self.trained("fork", "diffusion", seed=seed, prediction_type=output)[0] / WEIGHTS)
        path = self.folder / f"fork-{output}-by-the-loss-of-{loss}-at-most-{most}-seed{seed}.safetensors"
        if not path.exists():
            train_weighted(path, output, weights(output, loss).clamp(max=most), seed)
        return load_policy(path)

    def count(self, policy, **about):
        walks = rollout(policy, TASK, self.episodes)
        modes = {mode: int((walks.mode == mode).sum()) for mode in TASK.modes}
        print(about, f"{walks.success.mean():.1%}", flush=True)
        counts = {"n": len(walks), "successes": int(walks.success.sum()), "success_rate": float(walks.success.mean())}
        return about | counts | {"modes": modes}

    def steps(self):
        """Success at 10 and 50 steps, with clipping and without."""
        for output in TYPES:
            for number, clip in ((10, True), (10, False), (50, True), (50, False)):
                for seed in self.seeds:
                    policy = self.policy(output, output, seed).use("ddim", number, clip=1.0 if clip else None)
                    yield self.count(policy, prediction_type=output, steps=number, clip=clip, seed=seed)

    def losses(self):
        """Success of every output with every loss; epsilon's network bears no other than its own without a bound."""
        for output in TYPES:
            for loss in TYPES:
                if output == "epsilon" and loss == "v_prediction":
                    continue
                most = MOST if (output, loss) == ("epsilon", "sample") else np.inf
                for seed in self.seeds:
                    policy = self.policy(output, loss, seed, most)
                    errors = [round(float(e), 5) for e in x0_errors(policy, clip=True)]
                    bounded = f", at most {most}" if np.isfinite(most) else ""
                    yield self.count(policy, output=output, loss=loss + bounded, seed=seed) | {"x0_errors": errors}

    def handovers(self):
        """Success where one network answers at t of at least t*, the noisier part of the way, and the other below."""
        for early, late in (("sample", "epsilon"), ("epsilon", "sample")):
            for t in HANDOVERS:
                for seed in self.seeds:
                    both = [self.policy(output, output, seed) for output in (early, late)]
                    yield self.count(handed_over(*both, t), early=early, late=late, t=t, seed=seed)


class Handover:
    """One denoiser at t of at least `t_star`, another below; it answers x_0."""

    prediction_type = "sample"

    def __init__(self, early, late, schedule, t_star):
        self.early, self.late, self.schedule, self.t_star = early, late, schedule, t_star
        self.horizon, self.dim = late.horizon, late.dim

    def __call__(self, xt, t, cond=None):
        denoiser = self.early if t[0] >= self.t_star else self.late
        return self.schedule.to_x0(denoiser(xt, t, cond), xt, t, denoiser.prediction_type)


def handed_over(early, late, t_star):
    """The late policy, with the early one's network for the noisier part."""
    late.denoiser = Handover(early.denoiser, late.denoiser, late.schedule, t_star)
    return late


def tables(trained, folder, seeds, episodes):
    """name -> the rows of a comparison."""
    study = Study(trained, folder, seeds, episodes)
    return {
        "fork_prediction_steps": study.steps,
        "fork_prediction_losses": study.losses,
        "fork_prediction_handover": study.handovers,
    }
