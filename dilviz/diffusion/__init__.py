"""The mathematics of diffusion: a schedule, denoisers, samplers and the training loop. Nothing here draws."""

from dilviz.diffusion.denoisers import MLPDenoiser
from dilviz.diffusion.exact import ExactDenoiser
from dilviz.diffusion.noise import CounterGenerator, draw_noise
from dilviz.diffusion.own import sampler_from_step
from dilviz.diffusion.samplers import SAMPLERS, Sampler, Trace, ddim, ddpm, dpm_solver
from dilviz.diffusion.schedule import BETA_SCHEDULES, PREDICTION_TYPES, NoiseSchedule
from dilviz.diffusion.timesteps import inference_timesteps
from dilviz.diffusion.training import History, Record, TrainingDiverged, fit, resolve_device, training_steps
from dilviz.diffusion.unet import TemporalUNet

__all__ = [
    "BETA_SCHEDULES", "PREDICTION_TYPES", "SAMPLERS", "CounterGenerator", "ExactDenoiser", "History", "MLPDenoiser",
    "NoiseSchedule", "Record", "Sampler", "TemporalUNet", "Trace", "TrainingDiverged", "ddim", "ddpm", "dpm_solver",
    "draw_noise", "fit", "inference_timesteps", "resolve_device", "sampler_from_step", "training_steps",
]  # fmt: skip
