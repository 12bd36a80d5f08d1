"""Flow matching: the velocity by two routes, its tie to diffusion, and what the picture shows."""

import numpy as np
import pytest
import torch

from dilviz.diffusion import ExactDenoiser, NoiseSchedule, ddim
from dilviz.errors import InputError
from dilviz.show.flow import DATA, FLOW, PAIRS, STEPS, FlowExplorer, describe_flow, euler, exact_velocity, flow_data
from dilviz.show.live.denoising import MIXTURES


def noise(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 2))


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("u", [0.13, 0.5, 0.87])
def test_the_velocity_is_the_best_denoisers_answer_in_other_coordinates(data, u):
    mixture = MIXTURES[data]
    schedule = NoiseSchedule.from_alphas_cumprod(torch.tensor([u**2 / (u**2 + (1 - u) ** 2)], dtype=torch.float64))
    means, weights = torch.from_numpy(mixture.means), torch.from_numpy(mixture.weights)
    exact = ExactDenoiser(schedule, means[:, None], weights, mixture.std)
    x = noise(53)
    scaled = torch.from_numpy(x / np.hypot(u, 1 - u))[:, None]
    x0 = exact(scaled, torch.tensor([0]))[:, 0].numpy()
    np.testing.assert_allclose(exact_velocity(mixture, x, u), (x0 - x) / (1 - u), atol=1e-9)


def test_the_velocity_is_the_mean_over_pairs_that_pass_there():
    mixture, u, rng = MIXTURES["two heaps"], 0.4, np.random.default_rng(3)
    count = 400_000
    x0 = mixture.means[rng.integers(0, 2, count)] + mixture.std * rng.standard_normal((count, 2))
    start = rng.standard_normal((count, 2))
    x, velocity = (1 - u) * start + u * x0, x0 - start
    for place in ([0.3, 0.2], [-0.6, -0.3]):
        near = np.linalg.norm(x - place, axis=1) < 0.06
        mean, error = velocity[near].mean(0), velocity[near].std(0) / np.sqrt(near.sum())
        off = np.abs(mean - exact_velocity(mixture, np.array([place]), u)[0])
        assert (off < 4 * error + 0.02).all()


def test_a_step_of_euler_is_a_step_of_ddim():
    mixture, steps = MIXTURES["two moons"], 10
    u = np.arange(1, steps) / steps  # u = 0 has no signal at all, so the diffusion begins one step later
    schedule = NoiseSchedule.from_alphas_cumprod(torch.from_numpy(u**2 / (u**2 + (1 - u) ** 2)).flip(0))
    means, weights = torch.from_numpy(mixture.means), torch.from_numpy(mixture.weights)
    exact = ExactDenoiser(schedule, means[:, None], weights, mixture.std)
    places = euler(mixture, noise(53), steps)
    scaled = torch.from_numpy(places[:, 1] / np.hypot(u[0], 1 - u[0]))[:, None]
    samples = ddim(exact, schedule, scaled, steps - 1, clip=None)[:, 0].numpy()
    np.testing.assert_allclose(samples, places[:, -1], atol=1e-9)


def test_one_step_from_pure_noise_ends_in_the_mean_of_the_data():
    mixture = MIXTURES["two moons"]
    ends = euler(mixture, noise(7), 1)[:, -1]
    np.testing.assert_allclose(ends, np.tile(mixture.weights @ mixture.means, (7, 1)), atol=1e-9)


def test_more_steps_bring_more_of_them_to_the_data_and_the_same_ends_in_both_coordinates():
    on = [flow_data(steps, FLOW, "two moons").on for steps in STEPS]
    assert on[0] == 0 and on[-1] == 80 and on == sorted(on)
    data = flow_data(5)
    np.testing.assert_allclose(data.ways[:, [0, -1]], data.scaled[:, [0, -1]])
    assert np.abs(data.ways - data.scaled).max() > 0.3


def test_pairs_are_straight_and_cross_and_the_flow_bends_and_does_not():
    pairs, flow = flow_data(50, PAIRS), flow_data(50, FLOW)
    middle = pairs.ways[:, pairs.ways.shape[1] // 2]
    np.testing.assert_allclose(middle, (pairs.ways[:, 0] + pairs.ways[:, -1]) / 2, atol=1e-9)
    lengths = np.linalg.norm(np.diff(flow.ways, axis=1), axis=2).sum()
    assert lengths > 1.2 * np.linalg.norm(flow.ways[:, -1] - flow.ways[:, 0], axis=1).sum()
    # Two heaps lie left and right of a line that no way of the flow crosses, by symmetry.
    crossed = [(np.sign(one.ways[:, 0, 0]) != np.sign(one.ways[:, -1, 0])).sum() for one in (pairs, flow)]
    assert crossed[0] > 20 and crossed[1] == 0


def test_what_is_not_offered_is_refused_and_the_words_count():
    for choice in ({"steps": 7}, {"shown": "both"}, {"data": "one heap"}):
        (name,) = choice
        with pytest.raises(InputError, match=f"{name} is .*; take one of"):
            flow_data(**choice)
    assert "0 of 80 points end on the data" in describe_flow(flow_data(1))
    assert "ways cross" in describe_flow(flow_data(1, PAIRS))


def test_every_control_moves_the_picture_and_reset_restores_it():
    explorer = FlowExplorer()
    first, words = explorer.plot.figure, repr(explorer)
    for name, control in explorer.controls.items():
        control.value = next(value for value in control.options if value != control.value)
        assert str(explorer.plot.figure) != str(first), name
        explorer.reset()
        assert repr(explorer) == words
