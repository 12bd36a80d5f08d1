"""The explorers of lesson 01 without a browser: their data, what they refuse, and how their controls move together."""

import numpy as np
import pytest

from dilviz.diffusion import NoiseSchedule
from dilviz.errors import InputError
from dilviz.show.datasets import DATASETS, dataset
from dilviz.show.noising import NoisingExplorer, left_at_the_end, make_schedule, noising_data
from dilviz.show.schedules import ScheduleExplorer
from dilviz.show.variance import VarianceExplorer, variance_data


@pytest.mark.parametrize("name", [name for name in DATASETS if name.startswith("fork")] + ["lander: landings"])
def test_what_is_done_to_data_does_not_reach_the_next_who_asks(name):
    dataset(name).x0.zero_()
    assert dataset(name).x0.abs().max() > 0.5


def test_what_is_done_to_the_law_does_not_reach_the_next_picture():
    variance_data("this course", 3).law[:] = 7
    assert (variance_data("this course", 3).law < 2).all()


def test_reset_and_assign_bring_back_a_time_that_a_small_t_does_not_have():
    explorer = NoisingExplorer(t=40)
    explorer.T.value = 10
    assert explorer.t.value == 9
    explorer.reset()
    assert explorer.state() == explorer.initial
    assert explorer.data.t == 40
    explorer.assign(t=900, T=1000)
    assert (explorer.t.value, explorer.data.t) == (900, 900)


def test_a_value_that_is_refused_leaves_the_picture_with_its_controls():
    explorer = NoisingExplorer()
    with pytest.raises(InputError, match=r"T does not take 7; take one of 10, 20, .*1000\.$"):
        explorer.assign(t=5, T=7)
    assert explorer.t.value == explorer.data.t == 5
    with pytest.raises(InputError, match=r"t does not take 'late'; give one like 5\.$"):
        explorer.assign(t="late")


def test_scaled_betas_are_capped():
    assert make_schedule(10, "linear", rescale=True).betas[0].item() == pytest.approx(0.01)
    np.testing.assert_allclose(make_schedule(1, "linear", rescale=True).betas, [0.1])
    np.testing.assert_allclose(make_schedule(2, "linear", rescale=True).betas, [0.05, 0.999])


def test_too_much_that_is_left_is_a_warning():
    assert left_at_the_end(0.001) == "At the last step ᾱ = 0.001 is left."
    assert left_at_the_end(0.2) == "At the last step ᾱ = 0.2 is left. ⚠ Too much: the last step is not noise yet."


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: NoisingExplorer("zork"), "data 'zork' is unknown; take one of fork: walks"),
        (lambda: NoisingExplorer(t=50), r"t is 50; give -1 \(clean\) to 49"),
        (lambda: NoisingExplorer(t="now"), r"t is 'now'; give -1 \(clean\) to 49"),
        (lambda: NoisingExplorer(schedule=NoiseSchedule(5), t=5), r"t is 5; give -1 \(clean\) to 4"),
        (lambda: noising_data(NoiseSchedule(5), dataset("fork: walks"), 5, 0), "t = 5 is no time"),
        (lambda: ScheduleExplorer(7), "T is 7; take one of 10, 20"),
        (lambda: VarianceExplorer(("x",)), "reading 'x' is unknown; take one of this course"),
        (lambda: VarianceExplorer(("this course", "x")), "reading 'x' is unknown"),
        (lambda: VarianceExplorer(()), "readings is empty; give at least one of this course"),
        (lambda: VarianceExplorer(T=0), "num_train_timesteps is 0"),
        (lambda: variance_data("x", 3), "reading 'x' is unknown"),
        (lambda: variance_data("this course", 99), "t = 99 is no time of this picture; give 0 to 49"),
        (lambda: variance_data("this course", -1), "t = -1 is no time of this picture"),
        (lambda: make_schedule(0, "linear", rescale=True), "num_train_timesteps is 0"),
        (lambda: make_schedule(-3, "linear", rescale=True), "num_train_timesteps is -3"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
