"""The diffusion policy: see the last observations, sample a chunk of actions, do the first few, look again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dilviz.diffusion import SAMPLERS, History, MLPDenoiser, NoiseSchedule, draw_noise, fit
from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_checkpoint
from dilviz.diffusion.samplers import Generators
from dilviz.errors import InputError
from dilviz.imitation.episodes import Windows, check_horizons
from dilviz.imitation.scaling import MinMax


class DiffusionPolicy:
    """Acts by sampling action chunks that are conditioned on observations.

    Args:
        denoiser: of chunks (B, pred_horizon, act_dim), cond_dim = obs_horizon · obs_dim.
        schedule: the noise that it was trained on.
        observation_scale: min-max of the observations that it was trained on.
        action_scale: likewise of the actions.
        obs_horizon: observations that it sees, the newest last.
        action_horizon: actions that it gives at a time.
        sampler: "ddpm", "ddim" or "dpm_solver".
        num_inference_steps: network passes a chunk.

    Raises:
        InputError: horizons, or scales that do not fit the denoiser, or an unknown sampler.

    Source:
        Chi et al. 2023 (arXiv 2303.04137).
    """

    def __init__(
        self,
        denoiser: MLPDenoiser,
        schedule: NoiseSchedule,
        observation_scale: MinMax,
        action_scale: MinMax,
        obs_horizon: int,
        action_horizon: int,
        sampler: str = "ddim",
        num_inference_steps: int = 10,
    ) -> None:
        check_horizons(obs_horizon, denoiser.horizon, action_horizon)
        _check_scale("observation", observation_scale, denoiser.cond_dim / obs_horizon)
        _check_scale("action", action_scale, denoiser.dim)
        self.denoiser, self.schedule = denoiser, schedule
        self.observation_scale, self.action_scale = observation_scale, action_scale
        self.obs_horizon, self.action_horizon = obs_horizon, action_horizon
        self.sampler_options: dict[str, Any] = {}
        self.use(sampler, num_inference_steps)

    def use(self, sampler: str, num_inference_steps: int, **options: Any) -> DiffusionPolicy:
        """Choose how it samples from now on.

        Args:
            sampler: "ddpm", "ddim" or "dpm_solver".
            num_inference_steps: network passes a chunk, 1 to T.
            options: of the sampler, such as eta of "ddim", 0 to 1.

        Returns:
            Itself.

        Raises:
            InputError: an unknown sampler, steps or eta out of range, or eta for a sampler that has none.
        """
        if sampler not in SAMPLERS:
            raise InputError(f"sampler {sampler!r} is unknown; take one of {', '.join(SAMPLERS)}.")
        if not 1 <= num_inference_steps <= len(self.schedule):
            raise InputError(f"num_inference_steps is {num_inference_steps}; give 1 to {len(self.schedule)}.")
        if "eta" in options and sampler != "ddim":
            raise InputError(f"eta belongs to the sampler ddim, not to {sampler}; leave one of the two out.")
        if not 0 <= options.get("eta", 0) <= 1:
            raise InputError(f"eta is {options['eta']}; give a number from 0 (deterministic) to 1 (as random as DDPM).")
        self.sampler, self.num_inference_steps, self.sampler_options = sampler, num_inference_steps, options
        return self

    @torch.no_grad()
    def act(self, observations: Tensor, generator: Generators = None) -> Tensor:
        """Sample what to do next.

        Args:
            observations: (B, obs_horizon, obs_dim) in the environment's units, the newest last.
            generator: one, or a list of one a row; None is a fresh one seeded 0.

        Returns:
            (B, action_horizon, act_dim) in the environment's units, where the denoiser lives.

        Raises:
            InputError: observations of another shape.
        """
        device = self.denoiser.first.weight.device
        cond = self._condition(observations.to(device))
        shape = (len(cond), self.denoiser.horizon, self.denoiser.dim)
        noise = draw_noise(shape, generator, device)
        chunk = SAMPLERS[self.sampler](
            self.denoiser, self.schedule, noise, self.num_inference_steps, cond=cond, generator=generator,
            **self.sampler_options,
        )  # fmt: skip
        assert isinstance(chunk, Tensor)  # no trace was asked for
        now = self.obs_horizon - 1  # the chunk begins at the oldest observation; what is past is not done again
        return self.action_scale.to(device).unscale(chunk[:, now : now + self.action_horizon])

    def _condition(self, observations: Tensor) -> Tensor:
        expected = (self.obs_horizon, len(self.observation_scale.low))
        if observations.ndim != 3 or observations.shape[1:] != expected:
            raise InputError(
                f"observations have shape {tuple(observations.shape)}; "
                f"this policy takes (B, {expected[0]}, {expected[1]})."
            )
        return self.observation_scale.to(observations.device).scale(observations.float()).flatten(1)

    def save(self, path: str | Path, recipe: dict) -> None:
        """Write weights, scales and schedule in one safetensors file.

        Args:
            path: the file.
            recipe: plain values that say how it was made; kept in the header.

        Raises:
            InputError: the file cannot be written.
        """
        tensors = {f"denoiser.{name}": tensor for name, tensor in self.denoiser.state_dict().items()}
        for name, scale in (("observation", self.observation_scale), ("action", self.action_scale)):
            tensors |= {f"{name}.low": scale.low, f"{name}.high": scale.high}
        tensors["alphas_cumprod"] = self.schedule.alphas_cumprod
        own = {
            "policy": "diffusion", "denoiser": self.denoiser.config, "obs_horizon": self.obs_horizon,
            "action_horizon": self.action_horizon, "sampler": self.sampler,
            "num_inference_steps": self.num_inference_steps,
        }  # fmt: skip
        write_checkpoint(path, tensors, recipe | own)

    @classmethod
    def load(cls, path: str | Path) -> DiffusionPolicy:
        """Read what `save` has written.

        Args:
            path: the file.

        Returns:
            The same policy, on the CPU.

        Raises:
            InputError: no such file, or not a whole diffusion policy.
        """
        recipe, tensors = read_recipe(path), read_checkpoint(path)
        if recipe.get("policy") != "diffusion":
            raise InputError(f"{path} holds a policy of kind {recipe.get('policy')!r}, not a diffusion policy.")
        try:
            return cls._restored(recipe, tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            says = " ".join(str(error).split())  # torch says it in several lines
            raise InputError(
                f"{path} is damaged or no whole diffusion policy ({type(error).__name__}: {says}); train it anew."
            ) from error

    @classmethod
    def _restored(cls, recipe: dict, tensors: dict[str, Tensor]) -> DiffusionPolicy:
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise InputError(f"{name} has a value that is not finite")
        denoiser = MLPDenoiser(**recipe["denoiser"])
        weights = {n.removeprefix("denoiser."): t for n, t in tensors.items() if n.startswith("denoiser.")}
        denoiser.load_state_dict(weights)
        return cls(
            denoiser.eval(),
            NoiseSchedule.from_alphas_cumprod(tensors["alphas_cumprod"]),
            MinMax(tensors["observation.low"], tensors["observation.high"]),
            MinMax(tensors["action.low"], tensors["action.high"]),
            obs_horizon=recipe["obs_horizon"],
            action_horizon=recipe["action_horizon"],
            sampler=recipe["sampler"],
            num_inference_steps=recipe["num_inference_steps"],
        )


def _check_scale(name: str, scale: MinMax, dim: float) -> None:
    if not scale.low.shape == scale.high.shape == (dim,):
        raise InputError(
            f"the {name} scale has shapes {tuple(scale.low.shape)} and {tuple(scale.high.shape)}, but the denoiser's "
            f"{name}s have {dim:g} numbers; give the scale of the data that it was trained on."
        )


def train_diffusion_policy(
    windows: Windows,
    *,
    action_horizon: int,
    num_train_timesteps: int = 50,
    num_inference_steps: int = 10,
    width: int = 256,
    depth: int = 3,
    prediction_type: str = "sample",
    **training: Any,
) -> tuple[DiffusionPolicy, History]:
    """Train a diffusion policy on windows of demonstrations.

    Args:
        windows: of the demonstrations.
        action_horizon: actions that the policy gives at a time.
        num_train_timesteps: T of the (cosine) schedule.
        num_inference_steps: network passes a chunk, when it acts.
        width: units of a hidden layer.
        depth: hidden layers.
        prediction_type: "epsilon", "sample" or "v_prediction".
        training: handed to `fit`: steps, seed, batch_size, checkpoint, …

    Returns:
        The policy, and what `fit` did.

    Raises:
        InputError: as `fit`.
    """
    observations, actions = windows.observations(), windows.actions()
    observation_scale, action_scale = MinMax.of(observations), MinMax.of(actions)
    denoiser = MLPDenoiser(
        windows.pred_horizon, actions.shape[-1], windows.obs_horizon * observations.shape[-1], width, depth,
        prediction_type, seed=training.get("seed", 0),
    )  # fmt: skip
    schedule = NoiseSchedule(num_train_timesteps)
    policy = DiffusionPolicy(
        denoiser, schedule, observation_scale, action_scale, windows.obs_horizon, action_horizon,
        num_inference_steps=num_inference_steps,
    )  # fmt: skip
    history = fit(denoiser, schedule, action_scale.scale(actions), policy._condition(observations), **training)
    return policy, history
