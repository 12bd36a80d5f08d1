"""The diffusion policy: see the last observations, sample a chunk of actions, do the first few, look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from dilviz.diffusion import (
    SAMPLERS,
    History,
    MLPDenoiser,
    NoiseSchedule,
    Sampler,
    TemporalUNet,
    draw_noise,
    fit,
    inference_timesteps,
)
from dilviz.diffusion.noise import Generators
from dilviz.errors import InputError
from dilviz.imitation.chunks import ChunkPolicy, saved_scales, scales_of
from dilviz.imitation.episodes import Windows
from dilviz.imitation.scaling import MinMax
from dilviz.imitation.steering import Cost, steered


class DiffusionPolicy(ChunkPolicy):
    """Acts by sampling action chunks that are conditioned on observations.

    Args:
        denoiser: of chunks (B, pred_horizon, act_dim), cond_dim = obs_horizon · obs_dim.
        schedule: the noise that it was trained on.
        observation_scale: min-max of the observations that it was trained on.
        action_scale: likewise of the actions.
        obs_horizon: observations that it sees, the newest last.
        action_horizon: actions that it gives at a time.
        sampler: "ddpm", "ddim", "dpm_solver" or a Sampler of one's own.
        num_inference_steps: network passes a chunk.

    Raises:
        InputError: horizons, or scales that do not fit the denoiser, or an unknown sampler.

    Source:
        Chi et al. 2023 (arXiv 2303.04137).
    """

    kind = "diffusion"

    def __init__(
        self,
        denoiser: MLPDenoiser | TemporalUNet,
        schedule: NoiseSchedule,
        observation_scale: MinMax,
        action_scale: MinMax,
        obs_horizon: int,
        action_horizon: int,
        sampler: str | Sampler = "ddim",
        num_inference_steps: int = 10,
    ) -> None:
        super().__init__(
            denoiser, denoiser.cond_dim, denoiser.dim, observation_scale, action_scale, obs_horizon, denoiser.horizon,
            action_horizon,
        )  # fmt: skip
        self.denoiser, self.schedule = denoiser, schedule
        self.cost: Cost | None = None
        self.use(sampler, num_inference_steps)

    def steer(self, cost: Cost | None) -> Self:
        """Prefer chunks that cost little, from now on; nothing is trained for it.

        Args:
            cost: called with actions (B, n, act_dim), from the newest observation on, and observations
                (B, obs_horizon, obs_dim), both in the environment's units; returns (B,), through which gradients run.
                Twice the cost steers twice as hard. None: no more.

        Returns:
            Itself.
        """
        self.cost = cost
        return self

    def _cost_of(self, observations: Tensor) -> Callable[[Tensor], Tensor]:
        cost, scale = self.cost, self.action_scale.to(self.device)
        assert cost is not None
        seen = observations.to(self.device)
        return lambda chunk: cost(scale.unscale(chunk[:, self.obs_horizon - 1 :]), seen)

    def use(
        self, sampler: str | Sampler, num_inference_steps: int, warm_start: float | None = None, **options: Any
    ) -> Self:
        """Choose how it samples from now on.

        Args:
            sampler: "ddpm", "ddim", "dpm_solver" or a Sampler of one's own, which `save` then refuses.
            num_inference_steps: network passes a chunk, 1 to T.
            warm_start: how far to noise the last chunk of the same episode, shifted to now, to start from it instead
                of from pure noise: 0 (the last pass alone) to 1 (all of them). Only the passes below that noise are
                made. None: always from pure noise.
            options: of the sampler: eta of "ddim", 0 to 1; timestep_spacing, "trailing" where none is given.

        Returns:
            Itself.

        Raises:
            InputError: an unknown sampler or spacing; steps, warm start or eta out of range, or eta for a sampler that
                has none.
        """
        names = [name for name, known in SAMPLERS.items() if sampler in (name, known)]
        if not names and not isinstance(sampler, Sampler):
            raise InputError(f"sampler {sampler!r} is unknown; take one of {', '.join(SAMPLERS)}.")
        sampler = names[0] if names else sampler
        if not 1 <= num_inference_steps <= len(self.schedule):
            raise InputError(f"num_inference_steps is {num_inference_steps}; give 1 to {len(self.schedule)}.")
        if "eta" in options and sampler != "ddim":
            raise InputError(f"eta belongs to the sampler ddim, not to {sampler}; leave one of the two out.")
        if not 0 <= options.get("eta", 0) <= 1:
            raise InputError(f"eta is {options['eta']}; give a number from 0 (deterministic) to 1 (as random as DDPM).")
        spacing = options.get("timestep_spacing", "trailing")
        timesteps = inference_timesteps(self.schedule, num_inference_steps, timestep_spacing=spacing)
        if warm_start is not None and not 0 <= warm_start <= 1:
            raise InputError(f"warm_start is {warm_start}; give a number from 0 to 1, or None for none.")
        self.sampler, self.num_inference_steps, self.sampler_options = sampler, num_inference_steps, options
        self.warm_start, self.timesteps = warm_start, timesteps
        return self

    @property
    def method(self) -> Sampler:
        """How it samples."""
        return SAMPLERS[self.sampler] if isinstance(self.sampler, str) else self.sampler

    @property
    def remembers(self) -> bool:
        """Whether `act` wants a memory for each row: it keeps the last chunk there for a warm start."""
        return self.warm_start is not None

    @torch.no_grad()
    def act(
        self,
        observations: Tensor,
        generator: Generators = None,
        late: int = 0,
        memory: Sequence[dict] | None = None,
    ) -> Tensor:
        """Sample what to do next.

        Args:
            observations: (B, obs_horizon, obs_dim) in the environment's units, the newest last.
            generator: one, or a list of one a row; None is a fresh one seeded 0.
            late: steps that have passed since the newest observation; their actions are left out.
            memory: one dictionary a row, the same through an episode; for a warm start.

        Returns:
            (B, action_horizon, act_dim) in the environment's units, where the denoiser lives.

        Raises:
            InputError: observations of another shape.
        """
        seen = {} if self.cost is None else {"observations": observations}
        chunk = self.sample(self.condition(observations), generator, self._shifted(memory), **seen)
        for row, one in zip(memory or (), chunk, strict=False):
            row["chunk"] = one
        # The chunk begins at the oldest observation; what is past is not done again.
        now = self.obs_horizon - 1 + late
        return self.action_scale.to(chunk.device).unscale(chunk[:, now : now + self.action_horizon])

    def _shifted(self, memory: Sequence[dict] | None) -> Tensor | None:
        """What is left of each row's last chunk; its last action stands in for those not yet predicted."""
        if self.warm_start is None or not memory or not all("chunk" in row for row in memory):
            return None
        last, done = torch.stack([row["chunk"] for row in memory]), self.action_horizon
        return torch.cat([last[:, done:], last[:, -1:].expand(-1, done, -1)], dim=1)

    def sample(
        self,
        cond: Tensor,
        generator: Generators = None,
        near: Tensor | None = None,
        observations: Tensor | None = None,
    ) -> Tensor:
        """Sample whole chunks.

        Args:
            cond: (B, obs_horizon · obs_dim), as `condition` gives it.
            generator: one, or a list of one a row; None is a fresh one seeded 0.
            near: (B, pred_horizon, act_dim) chunks from which a warm start begins.
            observations: (B, obs_horizon, obs_dim) in the environment's units, where it is steered.

        Returns:
            (B, pred_horizon, act_dim), scaled to [-1, 1], from the oldest observation on.
        """
        noise = draw_noise((len(cond), self.denoiser.horizon, self.denoiser.dim), generator, cond.device)
        timesteps = self.timesteps
        if near is not None:
            assert self.warm_start is not None
            below = timesteps[timesteps <= self.warm_start * (len(self.schedule) - 1)]
            timesteps = below if len(below) else timesteps[-1:]
            noise = self.schedule.add_noise(near, noise, int(timesteps[0]))
        denoiser = self.denoiser
        if self.cost is not None and observations is not None:
            denoiser = steered(self.denoiser, self.schedule, self._cost_of(observations))
        chunk = self.method(
            denoiser, self.schedule, noise, cond=cond, timesteps=timesteps, generator=generator,
            **self.sampler_options,
        )  # fmt: skip
        assert isinstance(chunk, Tensor)  # no trace was asked for
        return chunk

    def _more(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        if not isinstance(self.sampler, str):
            raise InputError(
                "a sampler of your own is code, which the file does not hold; choose a shipped one by `use`, then save."
            )
        plain = {
            "sampler": self.sampler,
            "num_inference_steps": self.num_inference_steps,
            "warm_start": self.warm_start,
            "sampler_options": self.sampler_options,
        }
        return {"alphas_cumprod": self.schedule.alphas_cumprod}, plain

    @classmethod
    def _restored(cls, recipe: dict, tensors: dict[str, Tensor]) -> Self:
        schedule = NoiseSchedule.from_alphas_cumprod(tensors["alphas_cumprod"])
        horizons = recipe["obs_horizon"], recipe["action_horizon"]
        network = TemporalUNet if "widths" in recipe["network"] else MLPDenoiser
        policy = cls(network(**recipe["network"]), schedule, *saved_scales(tensors), *horizons)
        options = recipe.get("sampler_options", {})
        return policy.use(recipe["sampler"], recipe["num_inference_steps"], recipe.get("warm_start"), **options)


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
    denoiser = MLPDenoiser(*_sizes(windows), width, depth, prediction_type, seed=training.get("seed", 0))
    schedule = NoiseSchedule(num_train_timesteps)
    return _trained(denoiser, schedule, windows, action_horizon, num_inference_steps, training)


def train_diffusion_unet(
    windows: Windows,
    *,
    action_horizon: int,
    num_train_timesteps: int = 50,
    num_inference_steps: int = 10,
    widths: Sequence[int] = (32, 64),
    prediction_type: str = "sample",
    **training: Any,
) -> tuple[DiffusionPolicy, History]:
    """Train a diffusion policy whose network convolves along the chunk.

    Args:
        windows: of the demonstrations; pred_horizon is halved once between two widths.
        action_horizon: as in `train_diffusion_policy`.
        num_train_timesteps: as in `train_diffusion_policy`.
        num_inference_steps: as in `train_diffusion_policy`.
        widths: channels of each level of the U-Net.
        prediction_type: as in `train_diffusion_policy`.
        training: handed to `fit`.

    Returns:
        The policy, and what `fit` did.

    Raises:
        InputError: as `fit`, or a pred_horizon that cannot be halved.
    """
    denoiser = TemporalUNet(
        *_sizes(windows), widths=widths, prediction_type=prediction_type, seed=training.get("seed", 0)
    )
    schedule = NoiseSchedule(num_train_timesteps)
    return _trained(denoiser, schedule, windows, action_horizon, num_inference_steps, training)


def _sizes(windows: Windows) -> tuple[int, int, int]:
    """Horizon, numbers in an action, numbers in the condition."""
    observations, actions = windows.observations(), windows.actions()
    return windows.pred_horizon, actions.shape[-1], windows.obs_horizon * observations.shape[-1]


def _trained(
    denoiser: MLPDenoiser | TemporalUNet,
    schedule: NoiseSchedule,
    windows: Windows,
    action_horizon: int,
    num_inference_steps: int,
    training: dict[str, Any],
) -> tuple[DiffusionPolicy, History]:
    scales = scales_of(windows)
    policy = DiffusionPolicy(
        denoiser, schedule, *scales, windows.obs_horizon, action_horizon, num_inference_steps=num_inference_steps
    )
    chunks, seen = policy.action_scale.scale(windows.actions()), policy.condition(windows.observations())
    return policy, fit(denoiser, schedule, chunks, seen, **training)
