"""The ladder: every rung is the same mathematics, its code is what runs, and a timing moves bars, not words."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from dilviz.assets import asset
from dilviz.diffusion import MLPDenoiser, NoiseSchedule, fit
from dilviz.errors import InputError
from dilviz.show import ladder_timing, rungs
from dilviz.show.ladder import NEEDS_CUDA, FitLadder, code, ladder_data, ladder_figure
from dilviz.show.ladder_timing import FLOOR, ON_CUDA, RUNGS, steppers, time_rungs

CPU = torch.device("cpu")
SCHEDULE = NoiseSchedule(47)
RECIPE = {
    "steps": 211, "batch_size": 13, "lr": 3e-3, "warmup": 2, "ema_decay": 0.9, "seed": 5,
    "timestep_sampling": "uniform", "prediction_type": "sample",
}  # fmt: skip
KINDS = [kind for name, kind in RUNGS.items() if name not in ON_CUDA]


def data():
    """(101, 7, 3) and (101, 5), large enough that gradients are clipped."""
    generator = torch.Generator().manual_seed(0)
    return 9 * torch.randn(101, 7, 3, generator=generator), torch.randn(101, 5, generator=generator)


def made(kind):
    return kind(MLPDenoiser(7, 3, 5, width=29, depth=2), SCHEDULE, *data(), dict(RECIPE), CPU)


def climbed(kind, steps):
    stepper = made(kind)
    for _ in range(steps):
        stepper.step()
    return stepper


@pytest.mark.parametrize("kind", KINDS)
def test_a_rung_comes_to_the_same_weights_as_fit(kind):
    recipe = {name: value for name, value in RECIPE.items() if name not in ("prediction_type",)}
    denoiser = MLPDenoiser(7, 3, 5, width=29, depth=2)
    before = torch.cat([p.detach().flatten() for p in denoiser.parameters()])
    fit(denoiser, SCHEDULE, *data(), device="cpu", **recipe | {"steps": RECIPE["steps"]})
    fitted = torch.cat([p.detach().flatten() for p in denoiser.parameters()])
    assert (climbed(kind, RECIPE["steps"]).averaged() - fitted).abs().max() < 1e-5
    assert (fitted - before).abs().max() > 0.05


class WithoutClipping(rungs.FlatBuffers):
    def _update(self, loss):
        self.gradient.zero_()
        loss.backward()
        self.optimizer.step()


class WithoutWeightOfTime(rungs.Textbook):
    def _average(self, weight):
        super()._average(1 - self.recipe["ema_decay"])


@pytest.mark.parametrize("wrong", [WithoutClipping, WithoutWeightOfTime])
def test_a_rung_that_leaves_something_out_is_found(wrong):
    assert (climbed(wrong, 20).averaged() - climbed(rungs.Textbook, 20).averaged()).abs().max() > 1e-3


def test_the_loss_that_is_read_every_fifty_steps_is_the_mean_of_those_read_at_each():
    each, summed = climbed(rungs.Textbook, 100).losses[1:], climbed(rungs.NoWaiting, 100).losses[1:]
    assert summed == pytest.approx([np.mean(each[:50]), np.mean(each[50:])], rel=1e-5)


def test_no_rung_draws_from_the_global_generator():
    before = torch.get_rng_state()
    for kind in KINDS:
        climbed(kind, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_floor_changes_no_weight():
    floor = made(rungs.ForwardAndBackward)
    before = [p.detach().clone() for p in floor.denoiser.parameters()]
    floor.step()
    assert all(torch.equal(a, b) for a, b in zip(before, floor.denoiser.parameters(), strict=True))
    assert all(p.grad.abs().max() > 0 for p in floor.denoiser.parameters())


def test_each_rung_is_the_one_before_with_some_methods_replaced():
    for before, after in pairwise(KINDS[:-1]):
        assert after.__base__ is before
        changed = [name for name in vars(after) if callable(getattr(after, name)) and not name.startswith("__")]
        assert 1 <= len(changed) <= 4, after


@pytest.mark.parametrize(
    ("rung", "line"),
    [
        ("0 the textbook's loop", "self.losses.append(loss.item())"),
        ("1 data on the device", "self.data[index]"),
        ("2 no waiting for the loss", "self.loss_sum += loss.detach()"),
        ("3 one gather, one table", "self.table.index_select(0, t)"),
        ("4 fused AdamW", "fused=True"),
        ("5 flat buffers", "self.average.lerp_(self.flat, weight)"),
        ("6 fit, as it stands", "self.optimizer.grad_scale = divisor"),
        ("7 mixed precision", "torch.autocast"),
        ("8 CUDA graph", "torch.cuda.CUDAGraph()"),
    ],
)
def test_the_code_of_a_rung_can_be_read_and_is_python(rung, line):
    text = FitLadder.code(rung)
    assert line in text and len(text.splitlines()) <= 55
    compile(text.replace("super()", "object()"), rung, "exec")


def test_a_rung_that_is_none_is_refused():
    with pytest.raises(InputError, match="rung '9' is unknown; take one of 0 the textbook's loop"):
        code("9")


def test_a_timing_times_what_this_machine_can_run_and_leaves_the_threads_as_they_were(monkeypatch):
    monkeypatch.setenv("DILVIZ_DEVICE", "cpu")
    threads, seen = torch.get_num_threads(), []
    figures = time_rungs(0.01, lambda share, so_far: seen.append((share, dict(so_far))))
    assert figures.keys() == {*RUNGS, FLOOR} - set(ON_CUDA) == steppers(CPU).keys()
    assert all(us > 0 for us in figures.values())
    assert seen[-1][1] == figures and all(0 <= share <= 1 for share, _ in seen)
    assert torch.get_num_threads() == threads


def invented(seconds, progress=None):
    figures = {name: 1000.0 * (k + 1) for k, name in enumerate([FLOOR, *RUNGS]) if name not in ON_CUDA}
    if progress:
        progress(1.0, figures)
    return figures


def test_timing_moves_the_bars_and_not_the_text_output_and_reset_takes_them_away(monkeypatch):
    monkeypatch.setattr("dilviz.show.ladder.time_rungs", invented)
    widget = FitLadder()
    first, words = widget.plot.figure, repr(widget)
    assert np.isnan(widget.figure.data[1].x).all()
    widget.button.click()
    assert widget.figure.data[1].x[:3].tolist() == [2000, 3000, 4000]
    assert "from 2,000 to 8,000 µs a step; forward and backward alone takes 1,000 µs" in widget.measured.value
    assert repr(widget) == words and not widget.button.disabled
    widget.rung.value = "5 flat buffers"
    assert widget.figure.data[1].x[0] == 2000 and "self.average.lerp_" in widget.source.value
    widget.reset_button.click()
    np.testing.assert_equal(widget.plot.figure, first)
    assert widget.measured.value == "" and "loss.item()" in widget.source.value


def test_a_timing_that_is_interrupted_gives_the_button_back(monkeypatch):
    def stopped(seconds, progress=None):
        raise KeyboardInterrupt

    monkeypatch.setattr("dilviz.show.ladder.time_rungs", stopped)
    widget = FitLadder()
    with pytest.raises(KeyboardInterrupt):
        widget.time()
    assert not widget.button.disabled and widget.progress.layout.visibility == "hidden"


def test_what_was_not_measured_says_so():
    file = json.loads(asset("results", "fit_ladder.json").read_text())
    assert file["us_per_step"].keys() == {*RUNGS, FLOOR} and file["command"] == "make assets ARGS=ladder"
    missing = [name for name, us in file["us_per_step"].items() if us is None]
    shown = ladder_figure(ladder_data(ON_CUDA[0]))
    assert [NEEDS_CUDA in words for words in shown.data[2].text] == [True] * len(missing)
    widget = FitLadder()
    for rung in RUNGS:
        widget.rung.value = rung
        assert (NEEDS_CUDA in repr(widget)) == (rung in missing)


def test_a_slower_machine_has_room():
    slow = dict.fromkeys((*RUNGS, FLOOR), 50_000.0)
    figure = ladder_figure(ladder_data(next(iter(RUNGS)), slow))
    assert figure.layout.xaxis.range[1] > 50_000
    alike = {name: us * 1.2 for name, us in ladder_data(next(iter(RUNGS))).stored.items() if us == us}
    assert (
        ladder_figure(ladder_data(next(iter(RUNGS)), alike)).layout.xaxis.range
        == ladder_figure(ladder_data(next(iter(RUNGS)))).layout.xaxis.range
    )


def test_the_stored_file_is_written_by_the_same_timing(monkeypatch):
    monkeypatch.setattr(ladder_timing, "time_rungs", invented)
    content = ladder_timing.stored()
    assert content["us_per_step"][FLOOR] == 1000 and content["us_per_step"][ON_CUDA[0]] is None
    assert content["machine"] and content["threads"] == 1
