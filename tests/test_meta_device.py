"""The path that a GPU takes, without one: on the device "meta" nothing can be read back, so every wait raises."""

import pytest
import torch

from dilviz.diffusion import SAMPLERS, ExactDenoiser, MLPDenoiser, NoiseSchedule
from dilviz.diffusion.loop import Loop

META = torch.device("meta")
SCHEDULE = NoiseSchedule(47)
every_output = pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])


class Peeking(MLPDenoiser):
    """A network that reads a number back: on a GPU the host would wait for it at every step."""

    def prepare(self, timesteps, cond=None):
        return lambda xt, i: self(xt, timesteps[i].expand(len(xt)), cond)

    def forward(self, xt, t, cond=None):
        return super().forward(xt, t, cond) * xt.mean().item()


def network(kind=MLPDenoiser, **options):
    return kind(7, 3, 5, width=29, **options).to(META)


def loop(denoiser, timestep_sampling="uniform"):
    recipe = {
        "steps": 11, "batch_size": 13, "lr": 1e-3, "warmup": 2, "ema_decay": 0.9, "seed": 0,
        "timestep_sampling": timestep_sampling, "prediction_type": denoiser.prediction_type,
    }  # fmt: skip
    return Loop(denoiser.train(), SCHEDULE, torch.empty(101, 7, 3), torch.empty(101, 5), recipe, META)


def sample(denoiser, sampler, **options):
    noise, cond = torch.empty(2, 7, 3, device=META), torch.empty(2, 5, device=META)
    return sampler(denoiser, SCHEDULE, noise, cond=cond, **options)


@every_output
@pytest.mark.parametrize("timestep_sampling", ["uniform", "antithetic", "stratified"])
def test_a_step_of_training_waits_for_nothing(prediction_type, timestep_sampling):
    training = loop(network(prediction_type=prediction_type), timestep_sampling)
    for _ in range(3):
        training.advance()
    assert training.step == 3
    with pytest.raises(RuntimeError, match="meta"):
        training.record()  # the place that is meant to wait does wait


@every_output
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize(
    "options", [{"num_inference_steps": 6}, {"timesteps": [40, 20.5, 3.25]}], ids=["whole", "fractions"]
)
def test_a_sampler_waits_for_nothing(prediction_type, sampler, options):
    generators = [torch.Generator().manual_seed(i) for i in range(2)]
    sampled = sample(network(prediction_type=prediction_type), sampler, generator=generators, **options)
    assert sampled.shape == (2, 7, 3)
    assert sampled.device == META


@every_output
def test_the_exact_denoiser_waits_for_nothing(prediction_type):
    exact = ExactDenoiser(SCHEDULE, torch.zeros(11, 7, 3), std=0.1, prediction_type=prediction_type)
    exact.schedule = exact.schedule.to(META)
    for name in ("means", "log_weights", "variances"):
        setattr(exact, name, getattr(exact, name).to(META))
    for sampler in SAMPLERS.values():
        assert sample(exact, sampler, timesteps=[40, 20.5], trace=True).x.device == META


def test_a_network_that_reads_a_number_back_is_found_out():
    with pytest.raises(RuntimeError, match="meta"):
        loop(network(Peeking)).advance()
    for sampler in SAMPLERS.values():
        with pytest.raises(RuntimeError, match="meta"):
            sample(network(Peeking), sampler, num_inference_steps=6)
