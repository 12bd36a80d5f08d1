"""The mathematics of diffusion: a schedule, denoisers, samplers and the training loop. Nothing here draws."""

from dilviz.diffusion.denoisers import ExactDenoiser, MLPDenoiser
from dilviz.diffusion.noise import CounterGenerator
from dilviz.diffusion.samplers import SAMPLERS, Trace, ddim, ddpm, dpm_solver, draw_noise, inference_timesteps
from dilviz.diffusion.schedule import BETA_SCHEDULES, PREDICTION_TYPES, NoiseSchedule
from dilviz.diffusion.training import History, Record, TrainingDiverged, fit, resolve_device, training_steps

__all__ = [
    "BETA_SCHEDULES", "PREDICTION_TYPES", "SAMPLERS", "CounterGenerator", "ExactDenoiser", "History", "MLPDenoiser",
    "NoiseSchedule", "Record", "Trace", "TrainingDiverged", "ddim", "ddpm", "dpm_solver", "draw_noise", "fit",
    "inference_timesteps", "resolve_device", "training_steps",
]  # fmt: skip
