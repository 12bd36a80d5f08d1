"""One step of training after the other: whose batch, whose gradient, whose weights."""

import torch

from dilviz.diffusion import MLPDenoiser, NoiseSchedule
from dilviz.diffusion.loop import Loop
from dilviz.diffusion.recipe import training_recipe

CPU = torch.device("cpu")


def a_loop(**numbers):
    generator = torch.Generator().manual_seed(3)
    data = torch.rand(23, 3, 2, generator=generator) * 2 - 1
    denoiser, schedule = MLPDenoiser(3, 2, width=17), NoiseSchedule(11)
    asked = {"steps": 60, "batch_size": 29, "lr": 1e-3, "warmup": 0, "ema_decay": 0.9, "seed": 0} | numbers
    recipe = training_recipe(denoiser, schedule, data, None, CPU, timestep_sampling="uniform", **asked)
    return Loop(denoiser.train(), schedule, data, None, recipe, CPU)


def test_a_step_goes_along_the_gradient_of_its_own_batch_alone():
    loop = a_loop(lr=1e-12)  # the weights stay, so all gradients are of one size
    sizes = []
    for _ in range(40):
        loop.advance()
        sizes.append(float(loop.gradient.norm()))
    assert max(sizes[20:]) < 3 * sizes[0]


def test_every_step_draws_a_batch_of_its_own():
    loop = a_loop()
    (rows, noise, t), (other_rows, other_noise, other_t) = loop.draw(), loop.draw()
    assert not torch.equal(rows, other_rows)
    assert not torch.equal(noise, other_noise)
    assert not torch.equal(t, other_t)


def test_the_denoiser_comes_back_with_weights_that_have_moved():
    loop = a_loop()
    before = loop.ema.clone()
    for _ in range(13):
        loop.advance()
    loop.finish(CPU)
    after = torch.cat([p.detach().flatten() for p in loop.denoiser.parameters()])
    assert (after - before).abs().max() > 1e-4
    torch.testing.assert_close(after, loop.ema)
