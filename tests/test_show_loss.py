"""Lesson 02 without a browser: a mixture of which all is known, the loss explorer, and what a loss teaches."""

import math

import numpy as np
import pytest
import torch

from dilviz.course.bugs import BUGS
from dilviz.diffusion import ExactDenoiser, NoiseSchedule
from dilviz.errors import InputError
from dilviz.show.loss import ANSWERS, LossExplorer, loss_data, loss_figure, loss_weights
from dilviz.show.mixture import GRID, Mixture, integral, kl, normal
from dilviz.show.taught import CENTRES, TaughtExplorer, taught_data

THREE = Mixture((-1.1, 0.3, 0.8), (0.2, 0.5, 0.3), 0.17)
LEVELS = [0.02, 0.4, 0.97]
X = torch.linspace(-2.3, 2.1, 13, dtype=torch.float64)
each_level = pytest.mark.parametrize("level", LEVELS)


# The mixture: every closed form against a sum over a grid, or against the library


@each_level
def test_the_density_is_what_noise_makes_of_the_data(level):
    spread = normal(X[:, None], math.sqrt(level) * GRID, 1 - level) * THREE.density(GRID)
    torch.testing.assert_close(THREE.density(X, level), integral(spread))


@each_level
def test_the_score_is_the_slope_of_the_log_density(level):
    x = X.clone().requires_grad_()
    THREE.density(x, level).log().sum().backward()
    torch.testing.assert_close(THREE.score(X, level), x.grad)


@pytest.mark.parametrize("t", [0, 7, 18])
def test_the_best_denoiser_is_the_librarys_exact_one(t):
    schedule = NoiseSchedule(19)
    means, weights = torch.tensor(THREE.means).reshape(-1, 1, 1).double(), torch.tensor(THREE.weights)
    exact = ExactDenoiser(schedule, means, weights, THREE.std)(X.reshape(-1, 1, 1), torch.tensor(t)).flatten()
    torch.testing.assert_close(THREE.denoised(X, schedule.alpha_bar(t)), exact, rtol=1e-6, atol=1e-6)
    from_mixture = THREE.denoiser(schedule, "epsilon")(X.reshape(-1, 1, 1), torch.tensor(t)).flatten()
    torch.testing.assert_close(from_mixture, schedule.to_epsilon(exact, X, t, "sample"), rtol=1e-5, atol=1e-5)


@each_level
@pytest.mark.parametrize("xt", [-0.9, 0.2])
def test_the_posterior_is_a_density_and_its_mean_the_best_denoiser(level, xt):
    posterior = THREE.posterior(GRID, xt, level)
    assert integral(posterior).item() == pytest.approx(1)
    seen = torch.tensor(xt, dtype=torch.float64)
    assert integral(GRID * posterior).item() == pytest.approx(THREE.denoised(seen, level).item())


def test_steps_back_from_noised_data_give_data_that_is_noised_less():
    back = torch.stack([THREE.reverse(X, float(xt), 0.6, 0.5) for xt in GRID[::8]], dim=-1)  # (13, n)
    torch.testing.assert_close(integral(back * THREE.density(GRID[::8], 0.5), GRID[::8]), THREE.density(X, 0.6))


def test_a_step_back_goes_to_clean_data_too():
    torch.testing.assert_close(THREE.reverse(X, 0.3, 1.0, 0.5), THREE.posterior(X, 0.3, 0.5))


@each_level
def test_an_expectation_follows_the_law_of_the_variance(level):
    generator = torch.Generator().manual_seed(0)
    drawn = THREE.sample(500_000, generator)
    squared = THREE.expected(lambda x0, noise, xt: xt**2, level)
    assert squared.item() == pytest.approx(level * drawn.square().mean().item() + 1 - level, rel=4e-3)
    assert THREE.expected(lambda x0, noise, xt: xt * noise, level).item() == pytest.approx(math.sqrt(1 - level))


def test_no_answer_has_a_smaller_error_than_the_best_one():
    least = THREE.least_error(0.4)
    for change in (lambda x: x + 0.03, lambda x: 0.97 * x):
        assert THREE.expected(lambda x0, noise, xt, c=change: (x0 - c(THREE.denoised(xt, 0.4))) ** 2, 0.4) > least


def test_the_bound_lies_above_the_entropy_and_comes_down_to_it():
    gaps = []
    for T in (11, 22, 44):
        even = NoiseSchedule.from_alphas_cumprod(torch.linspace(7, -7, T, dtype=torch.float64).sigmoid())
        gaps.append(float(sum(THREE.bound(even)) - THREE.entropy()))
    assert 0 < gaps[2] < 0.6 * gaps[1] < 0.36 * gaps[0]


def test_the_way_back_is_the_posterior_with_the_best_guess_and_ends_in_that_guess():
    schedule = NoiseSchedule(19)
    mean, variance = THREE.way_back(schedule, X, 5)
    wanted = schedule.posterior(X, THREE.denoised(X, schedule.alpha_bar(5)), 5, 4)
    torch.testing.assert_close((mean, variance), wanted)
    mean, variance = THREE.way_back(schedule, X, 0)
    torch.testing.assert_close(mean, THREE.denoised(X, schedule.alpha_bar(0)))
    assert variance == THREE.least_error(schedule.alpha_bar(0))


def test_the_divergence_of_two_gaussians():
    p, q = normal(GRID, 0.4, 0.7), normal(GRID, -0.3, 1.1)
    wanted = math.log(1.1 / 0.7) / 2 + (0.7 + 0.7**2) / 2.2 - 0.5
    assert kl(p, q).item() == pytest.approx(wanted, rel=1e-4)  # the grid ends at 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (((0.0, 1.0), (1.0,), 0.2), "one positive weight a mean"),
        (((0.0, 1.0), (1.0, 0.0), 0.2), "one positive weight a mean"),
        (((0.0,), (1.0,), 0.0), "a std above 0"),
        (((0.0, 1.0), (0.5, 0.6), 0.2), "the weights sum to 1.1"),
        (((), (), 0.2), "one positive weight"),
    ],
)
def test_what_is_no_mixture_is_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        Mixture(*arguments)


# The loss explorer


@pytest.mark.parametrize(("xt", "t", "right"), [(0.3, 16, 0.5), (-1.7, 0, 0.95), (2.0, 49, 0.05)])
def test_the_bottom_of_the_landscape_is_the_posterior_mean_and_the_arrow_ends_at_its_place(xt, t, right):
    data = loss_data(xt, t, right)
    mixture = Mixture((-1.0, 1.0), (1 - right, right), 0.2)
    mean = mixture.denoised(torch.tensor(xt, dtype=torch.float64), data.alpha_bar).item()
    assert data.mean == pytest.approx(mean, abs=1e-6)
    assert abs(ANSWERS[data.error.argmin()].item() - mean) <= (ANSWERS[1] - ANSWERS[0]).item()
    posterior = mixture.posterior(GRID, xt, data.alpha_bar)
    np.testing.assert_allclose(data.error[7], integral((GRID - ANSWERS[7]) ** 2 * posterior), rtol=1e-6)
    assert data.tip == pytest.approx(math.sqrt(data.alpha_bar) * mean, abs=1e-6)


@pytest.mark.parametrize("t", [0, 11, 22])
def test_the_weights_are_those_of_the_schedules_conversions(t):
    schedule, (truth, guess, noise) = NoiseSchedule(23), torch.tensor([0.3, -0.45, 0.8], dtype=torch.float64)
    xt = schedule.add_noise(truth, noise, t)
    believed = schedule.to_epsilon(guess, xt, t, "sample")
    in_x0 = (guess - truth) ** 2
    in_v = (schedule.velocity(guess, believed, t) - schedule.velocity(truth, noise, t)) ** 2
    weights = {name: weight[t] for name, weight in loss_weights(23).items()}
    assert weights["epsilon"] == pytest.approx(((believed - noise) ** 2 / in_x0).item())
    assert weights["sample"] == 1
    assert weights["v_prediction"] == pytest.approx((in_v / in_x0).item())


def test_its_controls_move_it_and_reset_brings_it_back():
    explorer = LossExplorer()
    first = explorer.plot.figure
    for change in ({"t": 3}, {"xt": -0.7}, {"right": 0.9}):
        explorer.assign(**change)
        assert explorer.plot.figure != first
        explorer.reset()
        assert explorer.plot.figure == first
    explorer.assign(xt=1.2000000000000002, right=0.5000000000000001)  # as a browser sends them
    assert explorer.plot.figure == first
    explorer.assign(t=16, xt=0.3)
    assert repr(explorer).startswith("LossExplorer(t=16, xt=0.3, right=0.5): ᾱ = 0.734, xₜ = 0.3: the best answer")


def test_the_axes_stand_still():
    a, b = (loss_figure(loss_data(*state)).layout for state in ((0.3, 0, 0.5), (-1.9, 49, 0.05)))
    assert a == b


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: loss_data(0.0, 50, 0.5), "t = 50 is no time of this picture; give 0 to 49"),
        (lambda: loss_data(0.0, -1, 0.5), "t = -1 is no time"),
        (lambda: loss_data(0.0, 5, 1.0), "right is 1.0; give a share"),
        (lambda: LossExplorer(1), "T is 1; give at least 2"),
        (lambda: taught_data(2), "t = 2 is no time of this picture; give 5 to 40"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()


# What a loss teaches


def test_the_average_of_the_target_is_the_best_answer():
    for t in (5, 17, 30):
        data = taught_data(t)
        assert np.nanmax(np.abs(data.yours - data.exact)) < 0.12, t
        assert np.isfinite(data.yours).sum() > 25


def test_a_target_with_noise_of_its_own_teaches_to_answer_zero():
    with BUGS["fresh_noise"].planted():
        data = taught_data(30)
    straight = CENTRES.numpy() / np.sqrt(NoiseSchedule(50).alpha_bar(30).item())
    assert np.nanmax(np.abs(data.yours - straight)) < 0.15


def test_planting_the_mysterys_bug_lays_yours_on_the_mystery_and_no_other_does():
    names = ("fresh_noise", "lost_square_root", "unscaled_estimate", "wrong_sign")
    lineup = tuple((name, BUGS[name].planted) for name in names)
    for mystery in names:
        explorer = TaughtExplorer(lineup, BUGS[mystery].planted)
        for t in (10, 25, 40):
            for name in names:
                explorer.assign(t=t, bug=name)
                assert (explorer.data.gap < 1e-9) == (name == mystery), (mystery, name, t)
                assert explorer.data.gap < 1e-9 or explorer.data.gap > 0.15, (mystery, name, t)
