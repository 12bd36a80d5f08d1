"""Steps against error: the order of each sampler, the exact solution by two routes, what the picture shows."""

import numpy as np
import pytest
import torch

from dilviz.diffusion import ExactDenoiser, dpm_solver
from dilviz.errors import InputError
from dilviz.show import solver_errors as errors
from dilviz.show.base import rounded
from dilviz.show.exact_flow import KnownDenoiser, exact_solution
from dilviz.show.live.denoising import MIXTURES, Mixture
from dilviz.show.solver_errors import (
    DATA,
    DISTRIBUTION,
    GRIDS,
    LEVELS,
    METHODS,
    PARTICLES,
    PASSES,
    PATH,
    PATHS,
    SCHEDULES,
    UNIFORM,
    data_quantiles,
    distribution_error,
    ends_of,
    errors_of,
    exact_ends,
    fitted_slope,
    floor_of,
    path_error,
    schedule_of,
    slope_table,
    start,
)
from dilviz.show.solvers import SHOWN, SolverExplorer, describe_solver, solver_data, solver_figure

TREE = DATA[0]


# The exact answer


@pytest.mark.parametrize("data", DATA)
def test_the_prepared_denoiser_is_the_exact_one(data):
    schedule, mixture = schedule_of("linear"), MIXTURES[data]
    exact = ExactDenoiser(
        schedule, torch.from_numpy(mixture.means)[:, None], torch.from_numpy(mixture.weights), mixture.std
    )
    times = torch.tensor([999.0, 700.5, 51.0, 0.0], dtype=torch.float64)
    prepared = KnownDenoiser(schedule, mixture).prepare(times)
    for i, t in enumerate(times):
        torch.testing.assert_close(prepared(start(), i), exact(start(), t), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("data", DATA)
def test_the_exact_solution_is_that_of_a_fine_solve_by_another_method(data):
    schedule = schedule_of("linear")
    times = schedule.timestep_at(torch.linspace(*LEVELS, 4001, dtype=torch.float64))
    denoiser = KnownDenoiser(schedule, MIXTURES[data])
    trace = dpm_solver(denoiser, schedule, start(), timesteps=times, clip=None, trace=True)
    assert path_error(trace.x[-2, :, 0].numpy(), exact_ends(UNIFORM, "linear", data)) < 1e-6


def test_of_a_single_heap_the_solution_is_known_by_heart():
    heap = Mixture(np.array([[0.7, -0.3]]), np.array([1.0]), 0.3)
    x, (first, last) = start()[:, 0].numpy(), (-8.0, 7.0)
    a, b = (1 / (1 + np.exp(-level)) for level in (first, last))  # alpha_bar
    wide = np.sqrt((b * 0.09 + 1 - b) / (a * 0.09 + 1 - a))
    noisy = np.sqrt(b) * heap.means + wide * (x - np.sqrt(a) * heap.means)
    np.testing.assert_allclose(exact_solution(heap, x, (first, last)), noisy, atol=1e-6)
    clean = heap.means + 0.3 / np.sqrt(a * 0.09 + 1 - a) * (x - np.sqrt(a) * heap.means)
    np.testing.assert_allclose(exact_solution(heap, x, (first, np.inf)), clean, atol=1e-6)


# The orders


@pytest.mark.parametrize(("method", "order"), [("DDIM", 1.0), ("2M", 2.0)])
def test_on_the_uniform_grid_the_error_falls_with_the_order_of_the_method(method, order):
    assert fitted_slope(errors_of(PATH, method, UNIFORM, "linear", TREE)) == pytest.approx(order, abs=0.06)


def test_on_the_uniform_grid_the_schedule_plays_no_part():
    both = [errors_of(PATH, "2M", UNIFORM, schedule, TREE) for schedule in SCHEDULES]
    np.testing.assert_allclose(*both, rtol=1e-3)


@pytest.mark.parametrize("grid", GRIDS[:3])
def test_on_the_fields_spacings_the_second_order_is_lost(grid):
    assert 0.8 < fitted_slope(errors_of(PATH, "DDIM", grid, SCHEDULES[0], TREE)) < 1.1
    second = errors_of(PATH, "2M", grid, SCHEDULES[0], TREE)
    assert fitted_slope(second) < 1.7
    local = -np.diff(np.log2(second))
    assert local.max() - local.min() > 0.5


def test_the_slope_of_a_power_is_its_power():
    assert fitted_slope(3 * np.array(PASSES, float) ** -1.37) == pytest.approx(1.37)


def test_the_table_has_a_row_a_grid_and_sampler_with_the_fitted_slope():
    rows = slope_table().splitlines()[1:]
    assert len(rows) == len(GRIDS) * len(PATHS)
    fit = fitted_slope(errors_of(PATH, "2M", "leading", SCHEDULES[0], TREE))
    (row,) = [row for row in rows if row.startswith("leading") and "2M" in row]
    assert f" {fit:.2f} " in row
    assert slope_table("two heaps", "linear") != slope_table()


# In distribution


def test_true_data_is_at_the_floor_and_data_that_is_moved_is_as_far_as_it_was_moved():
    rng, mixture = np.random.default_rng(7), MIXTURES[TREE]
    heaps = rng.choice(len(mixture.weights), PARTICLES, p=mixture.weights)
    draws = mixture.means[heaps] + mixture.std * rng.standard_normal((PARTICLES, 2))
    quantiles, clean = data_quantiles(TREE, np.inf), floor_of("trailing", TREE)
    assert distribution_error(draws, quantiles) < 2.5 * clean
    # Moved by a vector of length 1, a cloud is |cos| of the angle away along a direction: 2 / pi on average.
    assert distribution_error(draws + np.array([0.6, 0.8]), quantiles) == pytest.approx(2 / np.pi, abs=clean)


def test_the_floor_is_that_of_the_noise_level_at_which_the_grid_ends():
    alpha_bar = 1 / (1 + np.exp(-LEVELS[1]))
    shrunken = data_quantiles(TREE, LEVELS[1]).std(0) / data_quantiles(TREE, np.inf).std(0)
    mixture = MIXTURES[TREE]
    across = np.cov(mixture.means.T, aweights=mixture.weights, ddof=0)
    wide = [np.sqrt(a * (np.trace(across) / 2 + mixture.std**2) + 1 - a) for a in (alpha_bar, 1.0)]
    np.testing.assert_allclose(shrunken, wide[0] / wide[1], rtol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_with_many_passes_every_sampler_has_the_datas_distribution(method):
    found = errors_of(DISTRIBUTION, method, "trailing", SCHEDULES[0], TREE)
    floor = floor_of("trailing", TREE)
    assert found[-1] < 2 * floor < found[0] * 2
    assert found[0] > 1.5 * found[-1]


def test_a_random_sampler_has_no_path_and_a_cloud_all_the_same():
    assert np.isnan(errors_of(PATH, "DDPM", "trailing", SCHEDULES[0], TREE)).all()
    ends, exact = ends_of("DDPM", "trailing", SCHEDULES[0], TREE, 160), exact_ends("trailing", SCHEDULES[0], TREE)
    assert path_error(ends, exact) > 50 * path_error(ends_of("2M", "trailing", SCHEDULES[0], TREE, 160), exact)


# The picture


def test_what_is_not_offered_is_refused_in_a_sentence():
    for choice in ({"grid": "even"}, {"schedule": "sigmoid"}, {"mixture": "one heap"}, {"passes": 7}):
        (name,) = choice
        with pytest.raises(InputError, match=f"{name} is .*; take one of"):
            solver_data(**choice)
    with pytest.raises(InputError, match="measure is 'speed'"):
        solver_data(measure="speed")
    with pytest.raises(InputError, match="sampler is 'heun'"):
        solver_data(sampler="heun")


@pytest.mark.parametrize("measure", [PATH, DISTRIBUTION])
@pytest.mark.parametrize("sampler", METHODS)
def test_all_that_is_drawn_of_errors_is_within_the_axes(measure, sampler):
    for grid in (GRIDS[0], UNIFORM):
        for mixture in DATA[:2]:
            figure = solver_figure(solver_data(grid=grid, measure=measure, sampler=sampler, mixture=mixture))
            low, high = figure.layout.yaxis.range
            for trace in figure.data:
                if trace.xaxis != "x2":
                    heights = np.array(trace.y, float)
                    heights = np.log10(heights[~np.isnan(heights)])
                    assert ((low < heights) & (heights < high)).all(), (trace.name, heights)


def test_names_do_not_lie_on_each_other():
    figure = solver_figure(solver_data(measure=DISTRIBUTION))
    named = [trace for trace in figure.data if trace.name in METHODS and trace.mode == "lines+markers+text"]
    heights = sorted(np.log10(trace.y[-1]) for trace in named)
    low, high = figure.layout.yaxis.range
    assert len(heights) == len(METHODS)
    assert np.diff(heights).min() > 0.05 * (high - low)


def test_particles_of_a_method_that_follows_a_path_are_joined_to_where_they_should_be():
    data = solver_data(sampler="2M", passes=5)
    joins = next(trace for trace in solver_figure(data).data if trace.xaxis == "x2" and trace.mode == "lines")
    assert np.isfinite(np.array(joins.x, float)).sum() == 2 * SHOWN
    np.testing.assert_allclose(joins.x[:2], [data.exact[0, 0], data.ends[0, 0]])
    drawn = solver_figure(solver_data(sampler="DDPM", passes=5))
    joins = next(trace for trace in drawn.data if trace.xaxis == "x2" and trace.mode == "lines")
    assert np.isnan(np.array(joins.x, float)).all()


def test_the_words_say_the_error_that_is_marked():
    data = solver_data(sampler="2M", passes=40)
    error = path_error(ends_of("2M", GRIDS[0], SCHEDULES[0], TREE, 40), exact_ends(GRIDS[0], SCHEDULES[0], TREE))
    assert f"With 40 passes 2M ends {rounded(error)} from the exact solution" in describe_solver(data)
    assert "there is no path" in describe_solver(solver_data(sampler="DDPM"))
    assert "the schedule plays no part" in describe_solver(solver_data(grid=UNIFORM))
    assert "the schedule plays no part" not in describe_solver(data)


def test_every_control_moves_the_picture_and_reset_restores_it():
    explorer = SolverExplorer()
    first, words = explorer.plot.figure, repr(explorer)
    for name, control in explorer.controls.items():
        control.value = next(value for value in control.options if value != control.value)
        assert explorer.plot.figure != first, name
        explorer.reset()
        assert repr(explorer) == words


def test_what_was_run_once_is_kept():
    solver_data(passes=20)
    runs = errors.ends_of.cache_info().misses
    for passes in PASSES:
        solver_data(passes=passes)
    assert errors.ends_of.cache_info().misses == runs
