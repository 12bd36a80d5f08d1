"""On an NVIDIA GPU: the captured step against the plain one, resuming, and samplers that never wait."""

import pytest
import torch

from dilviz.diffusion import SAMPLERS, MLPDenoiser, NoiseSchedule, ddim, draw_noise, fit, training_steps
from dilviz.diffusion.checkpoint import read_checkpoint
from dilviz.diffusion.loop import Loop
from dilviz.errors import InputError

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="the captured training step needs CUDA")

SCHEDULE = NoiseSchedule(47)
DATA = torch.rand((101, 7, 3), generator=torch.Generator().manual_seed(0)) * 2 - 1
COND = torch.rand((101, 5), generator=torch.Generator().manual_seed(1)) * 2 - 1
RECIPE = {"steps": 130, "batch_size": 13, "warmup": 11, "device": "cuda"}


def network(**changed):
    return MLPDenoiser(7, 3, 5, width=29, depth=2, **changed)


def weights(denoiser):
    return torch.cat([p.detach().flatten().cpu() for p in denoiser.parameters()])


def loop(timestep_sampling="uniform", prediction_type="sample"):
    names = {"timestep_sampling": timestep_sampling, "prediction_type": prediction_type}
    recipe = RECIPE | {"lr": 1e-3, "ema_decay": 0.9, "seed": 5} | names
    denoiser = network(prediction_type=prediction_type).cuda().train()
    return Loop(denoiser, SCHEDULE, DATA, COND, recipe, torch.device("cuda"))


@pytest.fixture
def forbid_waiting():
    """From the call on, whatever makes the host wait for the GPU raises."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


def test_capturing_a_step_changes_nothing():
    training = loop()
    training.advance()
    before = training.state([])
    training.capture()
    for name, tensor in training.state([]).items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("timestep_sampling", ["uniform", "antithetic", "stratified"])
def test_captured_steps_do_what_plain_steps_do(timestep_sampling, prediction_type):
    plain, captured = loop(timestep_sampling, prediction_type), loop(timestep_sampling, prediction_type)
    captured.capture()
    for _ in range(20):
        plain.advance()
        captured.advance()
    one, other = plain.state([]), captured.state([])
    assert torch.equal(one["generator"], other["generator"])
    assert one["step"] == other["step"] == 20
    for name in ("weights", "ema", "exp_avg", "loss_sum"):
        assert torch.allclose(one[name], other[name], rtol=1e-3, atol=1e-5), name


def test_a_captured_loop_goes_on_from_a_state_that_is_loaded_into_it():
    one, other = loop(), loop()
    one.capture()
    other.capture()
    for _ in range(7):
        one.advance()
    other.load(one.state([]))
    for _ in range(7):
        one.advance()
        other.advance()
    for name, tensor in one.state([]).items():
        assert torch.allclose(tensor.double(), other.state([])[name].double(), rtol=1e-3, atol=1e-5), name


def test_a_captured_step_waits_for_nothing(forbid_waiting):
    training = loop()
    training.capture()
    training.advance()
    forbid_waiting()
    for _ in range(5):
        training.advance()


def test_a_training_on_the_gpu_learns_and_gives_the_denoiser_back(tmp_path):
    denoiser = network()
    history = fit(denoiser, SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", **RECIPE | {"steps": 600})
    assert history.loss < history.records[0].loss
    assert {p.device.type for p in denoiser.parameters()} == {"cpu"}
    assert torch.equal(weights(denoiser), read_checkpoint(tmp_path / "c")["ema"])


def test_a_resumed_training_ends_where_an_uninterrupted_one_ends(tmp_path):
    whole, parts = network(), network()
    asked = RECIPE | {"checkpoint": tmp_path / "c", "checkpoint_every": 37}
    history = fit(whole, SCHEDULE, DATA, COND, **RECIPE)
    steps = training_steps(parts, SCHEDULE, DATA, COND, **asked)
    next(steps)
    steps.close()
    resumed = fit(parts, SCHEDULE, DATA, COND, resume=True, **asked)
    assert resumed.resumed_from == 37
    assert [r.loss for r in resumed.records] == pytest.approx([r.loss for r in history.records], rel=1e-3)
    assert torch.allclose(weights(parts), weights(whole), rtol=1e-3, atol=1e-5)


def test_a_checkpoint_of_the_cpu_is_not_resumed_on_the_gpu(tmp_path):
    fit(network(), SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", **RECIPE | {"device": "cpu"})
    with pytest.raises(InputError, match="was made with device = cpu, but device = cuda"):
        fit(network(), SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", resume=True, **RECIPE)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_a_sampler_gives_on_the_gpu_what_it_gives_on_the_cpu(sampler):
    denoiser, noise = network(), draw_noise((11, 7, 3))
    here = sampler(denoiser, SCHEDULE, noise, 7, cond=COND[:11])
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(draw_noise((11, 7, 3), generator), noise)
    there = sampler(denoiser.cuda(), SCHEDULE.to("cuda"), noise.cuda(), 7, cond=COND[:11].cuda(), generator=generator)
    assert torch.allclose(there.cpu(), here, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_the_loop_of_a_sampler_waits_for_nothing(sampler, forbid_waiting):
    class Watched(MLPDenoiser):
        def prepare(self, timesteps, cond=None):
            prepared = super().prepare(timesteps, cond)
            forbid_waiting()
            return prepared

    noise = draw_noise((11, 7, 3), device="cuda")
    sampler(Watched(7, 3, 5, width=29).cuda(), SCHEDULE, noise, 7, cond=COND[:11].cuda())


def test_the_default_noise_is_drawn_on_the_gpu():
    noise = draw_noise((11, 7, 3), device="cuda")
    assert noise.is_cuda
    sampled = ddim(network().cuda(), SCHEDULE, noise, 7, cond=COND[:11].cuda(), eta=0.7)
    assert torch.equal(sampled, ddim(network().cuda(), SCHEDULE, noise, 7, cond=COND[:11].cuda(), eta=0.7))
