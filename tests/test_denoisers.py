"""The network: what it depends on, and its prepared form. The exact denoiser: Bayes' rule by quadrature."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dilviz.diffusion import ExactDenoiser, MLPDenoiser, NoiseSchedule
from dilviz.diffusion.denoisers import time_embedding
from dilviz.errors import InputError


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def network(**changed):
    return MLPDenoiser(**{"horizon": 5, "dim": 3, "cond_dim": 2, "width": 23, "depth": 3} | changed)


# The network


def test_the_answer_depends_on_the_time():
    denoiser, xt, cond = network(), randn(7, 5, 3), randn(7, 2, seed=1)
    answers = torch.stack([denoiser(xt, torch.full((7,), t), cond) for t in (0, 1, 2, 17, 18, 499, 998, 999)])
    for i in range(len(answers)):
        for j in range(i):
            assert (answers[i] - answers[j]).abs().max() > 1e-4, "two times give the same answer"


def test_the_answer_depends_on_every_number_of_data_and_condition():
    denoiser, xt, cond = network(), randn(1, 5, 3).requires_grad_(), randn(1, 2, seed=1).requires_grad_()
    denoiser(xt, torch.tensor([3]), cond).square().sum().backward()
    assert (xt.grad.abs() > 1e-8).all()
    assert (cond.grad.abs() > 1e-8).all()


def test_a_row_does_not_depend_on_its_neighbours():
    denoiser, xt, cond, t = network(), randn(7, 5, 3), randn(7, 2, seed=1), torch.arange(7)
    alone = torch.cat([denoiser(xt[i : i + 1], t[i : i + 1], cond[i : i + 1]) for i in range(7)])
    assert torch.allclose(denoiser(xt, t, cond), alone, atol=1e-6)


def test_the_time_embedding_tells_all_times_apart_and_has_fractions_between():
    whole = time_embedding(torch.arange(1000))
    assert whole.shape == (1000, 32)
    assert whole.abs().max() <= 1
    assert torch.cdist(whole, whole).fill_diagonal_(1).min() > 0.3
    half = time_embedding(torch.tensor([3.5]))
    assert torch.cdist(half, whole[3:5]).max() < torch.dist(whole[3], whole[4])


def test_first_weights_come_from_the_seed_and_are_spread_as_those_of_linear_layers():
    with torch.random.fork_rng():
        torch.manual_seed(11)
        layers = [torch.nn.Linear(15 + 32 + 2, 23), torch.nn.Linear(23, 23), torch.nn.Linear(23, 23)]
    denoiser = network(seed=11)
    for ours, torchs in zip([denoiser.first, *denoiser.hidden], layers, strict=True):
        assert torch.equal(ours.weight, torchs.weight)
        assert torch.equal(ours.bias, torchs.bias)
    assert torch.equal(network(seed=11).last.weight, denoiser.last.weight)
    assert not torch.equal(network(seed=12).last.weight, denoiser.last.weight)


def test_a_network_is_built_again_from_its_configuration():
    denoiser = network(prediction_type="v_prediction")
    twin = MLPDenoiser(**denoiser.config)
    twin.load_state_dict(denoiser.state_dict())
    for copied in (twin, copy.deepcopy(denoiser), pickle.loads(pickle.dumps(denoiser))):
        assert copied.prediction_type == "v_prediction"
        inputs = randn(7, 5, 3), torch.arange(7), randn(7, 2, seed=1)
        assert torch.equal(copied(*inputs), denoiser(*inputs))
    with pytest.raises(AttributeError):
        denoiser.prediction_type = "epsilon"


@pytest.mark.parametrize("cond_dim", [0, 2])
@pytest.mark.parametrize("depth", [1, 3])
@torch.no_grad()
def test_the_prepared_form_is_the_same_function(cond_dim, depth):
    denoiser = network(cond_dim=cond_dim, depth=depth)
    xt, cond = randn(7, 5, 3), randn(7, 2, seed=1) if cond_dim else None
    for times in (torch.tensor([31, 7, 0]), torch.tensor([30.25, 7.5, 0.125])):
        predict, start = denoiser.prepare(times, cond), xt.clone()
        for i in (0, 1, 2, 0):
            plain = denoiser(xt, times[i].expand(7), cond)
            assert (predict(xt, i) - plain).abs().max() < 2e-6
        assert torch.equal(xt, start)


def test_an_empty_batch_gives_an_empty_answer():
    none = torch.zeros(0, 5, 3), torch.zeros(0, dtype=torch.long), torch.zeros(0, 2)
    assert network()(*none).shape == (0, 5, 3)
    assert ExactDenoiser(NoiseSchedule(7), randn(2, 5, 3))(*none).shape == (0, 5, 3)


T3 = torch.tensor([1, 2, 3])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: network(width=0), "width is 0; it is too small"),
        (lambda: network(cond_dim=-1), "cond_dim is -1; it is too small"),
        (lambda: network(prediction_type="x0"), "prediction_type 'x0' is unknown"),
        (
            lambda: network()(randn(3, 3, 5), T3, randn(3, 2)),
            r"xt has shape \(3, 3, 5\); this denoiser takes \(B, 5, 3\)",
        ),
        (
            lambda: network()(randn(3, 5, 3), T3[:1], randn(3, 2)),
            r"t has shape \(1,\); give one time for each of the 3",
        ),
        (lambda: network()(randn(3, 5, 3), torch.tensor(1), randn(3, 2)), r"t has shape \(\)"),
        (lambda: network()(randn(3, 5, 3), T3), "cond has 0 numbers a row; this denoiser was built with cond_dim 2"),
        (lambda: network(cond_dim=0)(randn(3, 5, 3), T3, randn(3, 2)), "cond has 2 numbers a row"),
        (lambda: network().prepare(T3)(randn(3, 5, 3), 0), "cond has 0 numbers a row"),
        (lambda: network().prepare(T3, randn(3, 2))(randn(3, 3, 5), 0), r"xt has shape \(3, 3, 5\)"),
        (lambda: network().prepare(T3, randn(3, 7)), "cond has 7 numbers a row"),
        (
            lambda: network()(randn(3, 5, 3), T3, randn(2, 2)),
            r"cond has shape \(2, 2\); give one row for each of the 3",
        ),
        (lambda: network().prepare(T3, randn(2, 2))(randn(3, 5, 3), 0), r"cond has shape \(2, 2\); give one row"),
        (lambda: network().prepare(T3, randn(1, 2))(randn(3, 5, 3), 0), r"cond has shape \(1, 2\); give one row"),
        (lambda: network()(randn(3, 5, 3), T3, randn(2)), r"cond has shape \(2,\); give one row"),
        (lambda: network()(randn(3, 5, 3), T3, torch.tensor(1.0)), "cond has 0 numbers a row"),
    ],
)
def test_shapes_that_do_not_fit_the_network_are_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()


# The exact denoiser


def by_quadrature(schedule, means, weights, std, xt, t):
    """E[x_0 | x_t] of a mixture on a line, as a plain sum over 400,001 values of x_0."""
    x0 = torch.linspace(-4, 4, 400_001, dtype=torch.float64)
    alpha_bar = schedule.alpha_bar(t)
    prior = (weights / weights.sum() / std * torch.exp(-((x0[:, None] - means) ** 2) / (2 * std**2))).sum(1)
    log_likelihood = -((xt - alpha_bar.sqrt() * x0) ** 2) / (2 * (1 - alpha_bar))
    density = prior * torch.exp(log_likelihood - log_likelihood.max())
    return (density * x0).sum() / density.sum()


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 40), st.floats(-3, 3), st.floats(0.1, 0.9))
def test_the_exact_denoiser_is_bayes_rule(t, xt, share):
    schedule, means, std = NoiseSchedule(41), torch.tensor([-1.0, 0.3, 1.1]).double(), torch.tensor([0.2, 0.1, 0.3])
    weights = torch.tensor([share, 1 - share, 0.4]).double()
    denoiser = ExactDenoiser(schedule, means.reshape(3, 1, 1), weights, std)
    expected = by_quadrature(schedule, means, weights, std.double(), xt, t)
    got = denoiser(torch.tensor([[[xt]]], dtype=torch.float64), t)
    assert got.item() == pytest.approx(expected.item(), abs=1e-7)


def test_with_points_the_exact_denoiser_weighs_them_by_their_likelihood():
    schedule, points, xt = NoiseSchedule(41), randn(7, 5, 3, dtype=torch.float64), randn(2, 5, 3, seed=1).double()
    weights = torch.arange(1.0, 8)
    t = torch.tensor([11, 23.5], dtype=torch.float64)
    got = ExactDenoiser(schedule, points, weights)(xt, t)
    for row in range(2):
        alpha_bar = schedule.alpha_bar(t[row])
        distance = (xt[row] - alpha_bar.sqrt() * points).square().sum((1, 2))
        share = (weights.log() - distance / (2 * (1 - alpha_bar))).softmax(0)
        assert torch.allclose(got[row], (share[:, None, None] * points).sum(0), rtol=1e-12)


def test_in_many_dimensions_each_component_is_weighed_by_its_density_and_shrinks_by_its_width():
    schedule, means, std = NoiseSchedule(41), randn(2, 5, 3).double() / 3, torch.tensor([0.1, 0.5]).double()
    xt, t = randn(11, 5, 3, seed=1).double(), 23
    alpha_bar = schedule.alpha_bar(t)
    width = (alpha_bar * std**2 + 1 - alpha_bar).sqrt().reshape(2, 1, 1)
    log_density = torch.distributions.Normal(alpha_bar.sqrt() * means, width).log_prob(xt[:, None]).sum((2, 3))
    pull = (alpha_bar.sqrt() * std**2).reshape(2, 1, 1) / width**2
    in_component = means + pull * (xt[:, None] - alpha_bar.sqrt() * means)  # (11, 2, 5, 3)
    expected = (log_density.softmax(1)[:, :, None, None] * in_component).sum(1)
    assert torch.allclose(ExactDenoiser(schedule, means, std=std)(xt, t), expected, rtol=1e-6)


def test_at_little_noise_the_exact_denoiser_gives_the_point_and_at_much_noise_the_mean():
    schedule, points = NoiseSchedule(1000), randn(7, 5, 3).double()
    denoiser = ExactDenoiser(schedule, points)
    noise = randn(7, 5, 3, seed=1).double()
    assert torch.allclose(denoiser(schedule.add_noise(points, noise, 0), 0), points, atol=1e-9)
    middle = points.mean(0).expand(7, 5, 3)
    assert torch.allclose(denoiser(schedule.add_noise(points, noise, 999), 999), middle, atol=5e-3)


def test_far_from_all_data_the_exact_denoiser_stays_finite():
    denoiser = ExactDenoiser(NoiseSchedule(1000), randn(7, 5, 3), std=0.0)
    assert denoiser(1e4 * randn(3, 5, 3), torch.tensor([0, 500, 999])).isfinite().all()


def test_the_exact_denoiser_says_the_same_in_all_three_forms():
    schedule, points = NoiseSchedule(1000, "linear"), randn(7, 5, 3)
    xt, t = randn(5, 5, 3, seed=1), torch.tensor([0, 1, 100, 500, 999])
    for dtype, close in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        x = xt.to(dtype)
        says = {kind: ExactDenoiser(schedule, points, std=0.1, prediction_type=kind)(x, t) for kind in
                ("sample", "epsilon", "v_prediction")}  # fmt: skip
        noise = schedule.to_epsilon(says["sample"].double(), x.double(), t, "sample")
        assert says["epsilon"].dtype == dtype
        assert torch.allclose(schedule.to_x0(says["v_prediction"], x, t, "v_prediction"), says["sample"], atol=close)
        assert torch.allclose(says["epsilon"].double(), noise, atol=close if dtype == torch.float64 else 1e-3)


def test_in_float32_the_exact_noise_is_the_exact_noise_rounded_once():
    schedule, points = NoiseSchedule(1000, "linear"), randn(7, 5, 3)
    denoiser = ExactDenoiser(schedule, points, prediction_type="epsilon")
    xt = schedule.add_noise(points, randn(7, 5, 3, seed=1), 0)
    assert torch.equal(denoiser(xt, 0), denoiser(xt.double(), 0).float())


def test_the_exact_denoiser_does_not_mind_how_data_lies_in_memory_nor_its_gradient():
    denoiser = ExactDenoiser(NoiseSchedule(41), randn(7, 5, 3).requires_grad_(), std=0.1)
    xt = randn(3, 5, 2, seed=1).permute(2, 1, 0)
    t = torch.tensor([3, 40])
    assert torch.equal(denoiser(xt, t), denoiser(xt.contiguous(), t))
    assert not denoiser(xt, t).requires_grad
    assert torch.equal(denoiser(xt, 3.0), denoiser(xt, torch.tensor([3, 3])))


EXACT = NoiseSchedule(7), randn(2, 5, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ExactDenoiser(EXACT[0], randn(2, 5)), r"means have shape \(2, 5\)"),
        (lambda: ExactDenoiser(*EXACT, weights=[1.0]), "weights must be 2 positive numbers"),
        (lambda: ExactDenoiser(*EXACT, weights=[1.0, 0.0]), "weights must be 2 positive numbers"),
        (lambda: ExactDenoiser(EXACT[0], EXACT[1] * math.nan), "means have a value that is not finite"),
        (lambda: ExactDenoiser(EXACT[0], EXACT[1] * math.inf), "means have a value that is not finite"),
        (lambda: ExactDenoiser(*EXACT, weights=[1.0, math.inf]), "weights must be 2 positive numbers"),
        (lambda: ExactDenoiser(*EXACT, std=math.inf), "std must be one number or 2"),
        (lambda: ExactDenoiser(*EXACT, std=-0.1), "std must be one number or 2"),
        (lambda: ExactDenoiser(*EXACT, std=math.nan), "std must be one number or 2"),
        (lambda: ExactDenoiser(*EXACT, prediction_type="eps"), "'eps' is unknown"),
        (lambda: ExactDenoiser(*EXACT)(randn(3, 3, 5), 1), r"this denoiser takes \(B, 5, 3\)"),
        (lambda: ExactDenoiser(*EXACT)(randn(3, 5, 3), 7), "t = 7 is no time"),
        (lambda: ExactDenoiser(*EXACT)(randn(3, 5, 3), -1), "At t = -1 the data is clean"),
    ],
)
def test_what_the_exact_denoiser_cannot_answer_is_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()
