"""The explorer of broken samplers: its clues are true, and each suspect can be told from the mystery."""

import numpy as np
import pytest

from dilviz.course.bugs import BUGS
from dilviz.course.lesson_04 import LINEUP, MYSTERY, mystery_explorer
from dilviz.errors import InputError
from dilviz.show.sampling import (
    HEAPS,
    NEAR,
    SAMPLES,
    STD,
    SamplingData,
    SamplingExplorer,
    draw_samples,
    numbers,
    sampling_figure,
)  # fmt: skip


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm_solver"])
def test_a_well_sampler_fills_the_rings_evenly(sampler):
    x = draw_samples(sampler, 50, seed=3)
    assert x.shape == (SAMPLES, 2)
    on_a_heap, in_the_middle, distance = numbers(x)
    assert on_a_heap > 0.97
    assert in_the_middle == pytest.approx(1 / len(HEAPS), abs=0.05)
    assert distance == pytest.approx(STD * 2**0.5, rel=0.4)  # the step to clean leaves DDPM's a little narrow


def test_the_same_seed_gives_the_same_samples_and_another_seed_others():
    assert np.array_equal(draw_samples("ddpm", 7, 2), draw_samples("ddpm", 7, 2))
    assert not np.array_equal(draw_samples("ddpm", 7, 2), draw_samples("ddpm", 7, 3))


def test_a_sampler_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="take one of ddpm"):
        draw_samples("euler", 7, 0)


def gaps(bug, sampler):
    """How unlike the mystery a suspect is, at some steps."""
    explorer = mystery_explorer()
    found = []
    for steps in (1, 10, 20):
        explorer.assign(sampler=sampler, steps=steps, bug=bug)
        found.append(explorer.data.gap)
    return found


def test_the_culprit_agrees_with_the_mystery_at_every_setting():
    for sampler in ("ddpm", "ddim", "dpm_solver"):
        assert gaps(MYSTERY, sampler) == [0, 0, 0]


@pytest.mark.parametrize("bug", [name for name in LINEUP if name != MYSTERY])
def test_every_other_suspect_differs_in_sight_somewhere(bug):
    assert max(max(gaps(bug, sampler)) for sampler in ("ddpm", "ddim")) > 0.2


def test_the_clues_are_true():
    assert gaps("none", "ddim") == [0, 0, 0]  # the mystery's DDIM is well
    assert max(gaps("none", "ddpm")) > 0.4  # its DDPM is not
    for bug in ("clip_too_tight", "linear_schedule_too_short", "wrong_sign"):
        assert max(gaps(bug, "ddim")) > 0.2, bug
    well, many, few = (numbers(draw_samples("ddpm", n, 0)) for n in (1, 20, 5))
    with BUGS["doubled_variance"].planted():
        assert numbers(draw_samples("ddpm", 1, 0)) == well
        assert numbers(draw_samples("ddpm", 10, 0))[0] > 0.7
    with BUGS[MYSTERY].planted():  # more steps leave less noise for the last one
        assert numbers(draw_samples("ddpm", 20, 0))[2] - many[2] < numbers(draw_samples("ddpm", 5, 0))[2] - few[2]
        assert numbers(draw_samples("ddpm", 10, 0))[0] < 0.5


def test_the_mystery_is_never_drawn_with_a_suspect_in_it():
    explorer = mystery_explorer()
    before = explorer.data.mystery.copy()
    for bug in LINEUP:
        explorer.assign(bug=bug, steps=17)
        explorer.reset()
        assert np.array_equal(explorer.data.mystery, before)
    explorer.assign(bug="wrong_sign", steps=13)  # a setting that is first seen with a suspect planted
    with BUGS[MYSTERY].planted():
        assert np.array_equal(explorer.data.mystery, draw_samples("ddpm", 13, 0))


def test_without_a_mystery_both_panels_are_well():
    explorer = SamplingExplorer()
    assert np.array_equal(explorer.data.mystery, explorer.data.yours)


def test_what_flies_out_lies_at_the_edge_and_the_axes_stand_still():
    far = np.array([[9.0, -9.0], [0.0, 0.0]])
    figure = sampling_figure(SamplingData(far, far))
    assert max(figure.data[0].x) == figure.layout.xaxis.range[1]
    near = sampling_figure(SamplingData(far / 100, far / 100))
    assert figure.layout == near.layout


def test_a_ring_holds_99_of_100_of_its_heap():
    x = np.random.default_rng(1).normal(0, STD, (100_003, 2))
    assert (np.linalg.norm(x, axis=1) < NEAR).mean() == pytest.approx(0.989, abs=0.003)


def test_the_sentence_says_both_clouds():
    assert "81 % of the mystery's samples and 98 % of yours" in repr(mystery_explorer())
