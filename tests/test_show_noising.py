"""The explorers of lesson 01 without a browser: their data, what they refuse, and how their controls move together."""

import numpy as np
import pytest

from dilviz.diffusion import NoiseSchedule
from dilviz.errors import InputError
from dilviz.show.datasets import DATASETS, dataset
from dilviz.show.noising import make_schedule, noised, shown
from dilviz.show.schedules import ScheduleExplorer
from dilviz.show.variance import VarianceExplorer, variance_data


@pytest.mark.parametrize("name", [name for name in DATASETS if name.startswith("fork")] + ["lander: landings"])
def test_what_is_done_to_data_does_not_reach_the_next_who_asks(name):
    dataset(name).x0.zero_()
    assert dataset(name).x0.abs().max() > 0.5


def test_what_is_done_to_the_law_does_not_reach_the_next_picture():
    variance_data("this course", 3).law[:] = 7
    assert (variance_data("this course", 3).law < 2).all()


def test_scaled_betas_are_capped():
    assert make_schedule(10, "linear", rescale=True).betas[0].item() == pytest.approx(0.01)
    np.testing.assert_allclose(make_schedule(1, "linear", rescale=True).betas, [0.1])
    np.testing.assert_allclose(make_schedule(2, "linear", rescale=True).betas, [0.05, 0.999])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: noised(NoiseSchedule(5), shown("fork: walks"), 5, 0), "t = 5 is no time"),
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
