"""The temporal U-Net: its function and gradients by hand, what it depends on; training and sampling take it."""

import copy
import json
import math
import pickle

import pytest
import torch

from dilviz.course.bugs import BUGS
from dilviz.diffusion import SAMPLERS, NoiseSchedule, TemporalUNet, Trace, fit
from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_checkpoint
from dilviz.diffusion.denoisers import time_embedding
from dilviz.diffusion.loop import Loop
from dilviz.errors import InputError

SHAPES = {
    "three levels": {"horizon": 20, "widths": (6, 9, 15), "kernel_size": 3, "groups": 3},
    "two levels": {"horizon": 22, "widths": (21, 14), "kernel_size": 5, "groups": 7},
    "one level": {"horizon": 7, "widths": (10,), "kernel_size": 5, "groups": 5},
    "no condition": {"horizon": 6, "widths": (4, 10), "kernel_size": 1, "groups": 2, "cond_dim": 0},
}


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def network(**changed):
    small = {"horizon": 20, "dim": 3, "cond_dim": 5, "widths": (6, 9, 15), "kernel_size": 3, "groups": 3}
    return TemporalUNet(**small | changed)


# The same function in plain tensor operations; p holds the weights by name


def mish(x):
    return x * torch.tanh(torch.log1p(torch.exp(x)))


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def convolution(p, name, x, stride=1, padding=0):
    weight = p[f"{name}.weight"]  # (outputs, inputs, kernel)
    edge = x.new_zeros(*x.shape[:2], padding)
    views = torch.cat([edge, x, edge], dim=2).unfold(2, weight.shape[2], stride)  # (B, inputs, steps, kernel)
    return torch.einsum("bisk,oik->bos", views, weight) + p[f"{name}.bias"][:, None]


def twice_as_many(p, name, x):
    """A transposed convolution of stride 2: step s writes to steps 2 s - 1 to 2 s + 2, what falls outside is cut."""
    weight, steps = p[f"{name}.weight"], x.shape[2]  # (inputs, outputs, 4)
    out = x.new_zeros(len(x), weight.shape[1], 2 * steps + 2)
    for s in range(steps):
        out[:, :, 2 * s : 2 * s + 4] += torch.einsum("bi,iok->bok", x[:, :, s], weight)
    return out[:, :, 1:-1] + p[f"{name}.bias"][:, None]


def normed(p, name, x, groups):
    shares = []
    for g in x.chunk(groups, dim=1):  # (B, channels of the group, steps)
        mean = g.mean((1, 2), keepdim=True)
        shares.append((g - mean) / ((g - mean).square().mean((1, 2), keepdim=True) + 1e-5).sqrt())
    return torch.cat(shares, dim=1) * p[f"{name}.weight"][:, None] + p[f"{name}.bias"][:, None]


def block(p, name, x, context, groups):
    half = p[f"{name}.first.weight"].shape[2] // 2
    film = linear(p, f"{name}.film", mish(context))
    scale, shift = film[:, : film.shape[1] // 2, None], film[:, film.shape[1] // 2 :, None]
    h = mish(normed(p, f"{name}.first_norm", convolution(p, f"{name}.first", x, padding=half), groups))
    h = h * (1 + scale) + shift
    h = mish(normed(p, f"{name}.second_norm", convolution(p, f"{name}.second", h, padding=half), groups))
    return h + convolution(p, f"{name}.past", x)


def by_hand(p, xt, t, cond, levels, groups):
    time = time_embedding(t).to(xt.dtype)  # which has tests of its own
    time = linear(p, "time.2", mish(linear(p, "time.0", time)))
    context = time if cond is None else torch.cat([time, cond], dim=1)
    h, seen = xt.mT, []
    for k in range(levels - 1):
        h = block(p, f"down.{k}", h, context, groups)
        seen.append(h)
        h = convolution(p, f"shrink.{k}", h, stride=2, padding=1)
    h = block(p, "middle", h, context, groups)
    for k in range(levels - 1):
        h = block(p, f"up.{k}", torch.cat([twice_as_many(p, f"stretch.{k}", h), seen[-1 - k]], dim=1), context, groups)
    return convolution(p, "last", h).mT


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_answer_and_all_its_gradients_are_those_worked_out_by_hand(shape):
    denoiser = network(**shape).double()
    with torch.no_grad():  # norms begin as ones and zeros, which hide a mistake
        for k, parameter in enumerate(denoiser.parameters()):
            parameter.add_(randn(*parameter.shape, seed=k, dtype=torch.float64), alpha=0.1)
    xt = randn(7, denoiser.horizon, 3, dtype=torch.float64).requires_grad_()
    cond = randn(7, 5, seed=1, dtype=torch.float64).requires_grad_() if denoiser.cond_dim else None
    t, weights = torch.arange(7.0).double() * 6.5, randn(7, denoiser.horizon, 3, seed=2, dtype=torch.float64)
    p = {name: value.detach().clone().requires_grad_() for name, value in denoiser.named_parameters()}
    answer, expected = denoiser(xt, t, cond), by_hand(p, xt, t, cond, len(shape["widths"]), shape["groups"])
    assert torch.allclose(answer, expected, atol=1e-10)
    inputs = [xt] if cond is None else [xt, cond]
    got = torch.autograd.grad((weights * answer).sum(), [*denoiser.parameters(), *inputs])
    wanted = torch.autograd.grad((weights * expected).sum(), [*p.values(), *inputs])
    for name, a, b in zip([*p, "xt", "cond"], got, wanted, strict=False):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-9), name
        assert a.abs().max() > 1e-6, f"{name} is not used"


def test_the_answer_depends_on_the_time():
    denoiser, xt, cond = network(), randn(7, 20, 3), randn(7, 5, seed=1)
    answers = torch.stack([denoiser(xt, torch.full((7,), t), cond) for t in (0, 1, 2, 17, 18, 499, 998, 999)])
    for i in range(len(answers)):
        for j in range(i):
            assert (answers[i] - answers[j]).abs().max() > 1e-4, "two times give the same answer"


def test_the_bug_of_the_course_takes_its_time_away():
    denoiser, xt, cond = network(), randn(7, 20, 3), randn(7, 5, seed=1)
    with BUGS["no_time_embedding"].planted():
        assert torch.equal(*(denoiser(xt, torch.full((7,), t), cond) for t in (3, 41)))


def test_every_step_of_the_answer_depends_on_every_number_of_data_and_condition():
    denoiser, xt, cond = network(), randn(1, 20, 3).requires_grad_(), randn(1, 5, seed=1).requires_grad_()
    answer = denoiser(xt, torch.tensor([3]), cond)
    for step in (0, 10, 19):
        on_x, on_cond = torch.autograd.grad(answer[0, step].square().sum(), [xt, cond], retain_graph=True)
        assert (on_x.abs() > 1e-9).all() and (on_cond.abs() > 1e-8).all()


def test_a_row_does_not_depend_on_its_neighbours_and_an_empty_batch_is_answered():
    denoiser, xt, cond, t = network(), randn(7, 20, 3), randn(7, 5, seed=1), torch.arange(7)
    alone = torch.cat([denoiser(xt[i : i + 1], t[i : i + 1], cond[i : i + 1]) for i in range(7)])
    assert torch.allclose(denoiser(xt, t, cond), alone, atol=1e-5)
    assert denoiser(xt[:0], t[:0], cond[:0]).shape == (0, 20, 3)


def test_first_weights_come_from_the_seed_and_are_spread_as_torch_spreads_them():
    with torch.random.fork_rng():
        torch.manual_seed(11)
        before = torch.get_rng_state()
        denoiser = network(seed=11)
        assert torch.equal(torch.get_rng_state(), before)
        first = torch.nn.Linear(32, 128)  # the generator's first draws, by torch's own rule
    assert torch.equal(denoiser.time[0].weight, first.weight) and torch.equal(denoiser.time[0].bias, first.bias)
    layers = [m for m in denoiser.modules() if isinstance(m, torch.nn.Conv1d | torch.nn.ConvTranspose1d)]
    for ours in layers:
        sizes = ours.in_channels, ours.out_channels, ours.kernel_size[0]
        bound = type(ours)(*sizes).weight[0].numel() ** -0.5
        assert ours.weight.abs().max() <= bound and ours.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.3)
    assert torch.equal(network(seed=11).last.weight, denoiser.last.weight)
    assert not torch.equal(network(seed=12).last.weight, denoiser.last.weight)


def test_it_is_built_again_from_its_configuration_and_its_file(tmp_path):
    denoiser, inputs = network(prediction_type="v_prediction"), (randn(7, 20, 3), torch.arange(7), randn(7, 5, seed=1))
    write_checkpoint(tmp_path / "unet.safetensors", denoiser.state_dict(), {"network": denoiser.config})
    twin = TemporalUNet(**read_recipe(tmp_path / "unet.safetensors")["network"])
    twin.load_state_dict(read_checkpoint(tmp_path / "unet.safetensors"))
    assert json.loads(json.dumps(twin.config)) == denoiser.config
    for copied in (twin, copy.deepcopy(denoiser), pickle.loads(pickle.dumps(denoiser))):
        assert copied.prediction_type == "v_prediction"
        assert torch.equal(copied(*inputs), denoiser(*inputs))


def two_waves():
    """Waves of either sign, (1000, 12, 2): two answers, to be kept apart."""
    s = torch.linspace(0, math.pi, 12)
    sign = torch.tensor([1.0, -1.0]).repeat(500)[:, None, None]
    return 0.8 * sign * torch.stack([s.sin(), s.cos()], dim=1)


def test_training_takes_it_and_the_samples_are_of_both_kinds():
    denoiser, schedule = TemporalUNet(12, 2, widths=(8, 16), kernel_size=3, groups=4), NoiseSchedule(50)
    history = fit(denoiser, schedule, two_waves(), steps=250, batch_size=64, lr=3e-3, seed=0, device="cpu")
    assert history.loss < 0.5 * history.records[0].loss
    start = randn(64, 12, 2, seed=3)
    for name, sampler in SAMPLERS.items():
        x = sampler(denoiser, schedule, start, 10)
        sides = x[:, 3:9, 0].mean(1)
        assert ((x.sign() * two_waves()[0].sign())[:, 3:9, 0].mean(1).abs() == 1).float().mean() > 0.95, name
        assert 0.2 < (sides > 0).float().mean() < 0.8 and sides.abs().mean() > 0.5, name


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_neither_a_step_of_training_nor_a_sampler_waits_for_the_device(prediction_type):
    meta, schedule = torch.device("meta"), NoiseSchedule(47)
    denoiser = network(prediction_type=prediction_type).to(meta)
    recipe = {
        "steps": 11, "batch_size": 13, "lr": 1e-3, "warmup": 2, "ema_decay": 0.9, "seed": 0,
        "timestep_sampling": "uniform", "prediction_type": prediction_type,
    }  # fmt: skip
    Loop(denoiser.train(), schedule, torch.empty(101, 20, 3), torch.empty(101, 5), recipe, meta).advance()
    for sampler in SAMPLERS.values():
        noise, cond = torch.empty(2, 20, 3, device=meta), torch.empty(2, 5, device=meta)
        traced = sampler(denoiser, schedule, noise, 6, cond=cond, trace=True)
        assert isinstance(traced, Trace) and traced.x.shape == (7, 2, 20, 3)


T3 = torch.tensor([1, 2, 3])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: network(horizon=22),
            "22, which cannot be halved 2 times for 3 widths; give a multiple of 4",
        ),
        (lambda: network(horizon=0), "horizon is 0; it is too small"),
        (lambda: network(widths=()), r"widths are \(\); give at least one, each a multiple of groups, 3"),
        (lambda: network(widths=(6, 8)), r"widths are \(6, 8\); give at least one, each a multiple of groups, 3"),
        (lambda: network(kernel_size=4), "kernel_size is 4; give an odd number"),
        (lambda: network(groups=0), "groups is 0; it is too small"),
        (lambda: network(cond_dim=-1), "cond_dim is -1; it is too small"),
        (lambda: network(prediction_type="x0"), "prediction_type 'x0' is unknown"),
        (lambda: network()(randn(3, 3, 20), T3, randn(3, 5)), r"xt has shape \(3, 3, 20\); this denoiser takes"),
        (lambda: network()(randn(3, 20, 3), T3[:1], randn(3, 5)), r"t has shape \(1,\); give one time for each"),
        (lambda: network()(randn(3, 20, 3), T3), "cond has 0 numbers a row; this denoiser was built with cond_dim 5"),
        (lambda: network()(randn(3, 20, 3), T3, randn(2, 5)), r"cond has shape \(2, 5\); give one row for each"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()
