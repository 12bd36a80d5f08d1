"""Training: it equals the plain loop, stops and goes on exactly, and refuses what it cannot do before it starts."""

import math
import random

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from dilviz.diffusion import (
    SAMPLERS,
    ExactDenoiser,
    MLPDenoiser,
    NoiseSchedule,
    TrainingDiverged,
    ddim,
    draw_noise,
    fit,
    resolve_device,
    training_steps,
)
from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_checkpoint
from dilviz.diffusion.loop import Loop, mixing_table
from dilviz.diffusion.recipe import learning_rate, sample_timesteps
from dilviz.errors import InputError
from dilviz.imitation.scaling import MinMax

SCHEDULE = NoiseSchedule(47)
RECIPE = {"steps": 130, "batch_size": 13, "warmup": 11, "device": "cpu"}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def rows(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed)) * 2 - 1


DATA, COND = rows(101, 7, 3), rows(101, 5, seed=1)


def network(**changed):
    return MLPDenoiser(**{"horizon": 7, "dim": 3, "cond_dim": 5, "width": 29, "depth": 2} | changed)


def weights(denoiser):
    return torch.cat([p.detach().flatten() for p in denoiser.parameters()])


class Stopping(MLPDenoiser):
    """A network at whose n-th step somebody presses Ctrl-C."""

    def __init__(self, at):
        super().__init__(7, 3, 5, width=29, depth=2)
        self.at, self.steps = at, 0

    def forward(self, *inputs):
        self.steps += self.training
        if self.steps == self.at:
            raise KeyboardInterrupt
        return super().forward(*inputs)


# What a step does


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("timestep_sampling", ["uniform", "antithetic", "stratified"])
def test_the_loop_does_what_the_plain_loop_does(prediction_type, timestep_sampling):
    asked = RECIPE | {"steps": 60, "lr": 3e-3, "ema_decay": 0.9, "timestep_sampling": timestep_sampling}
    ours = network(prediction_type=prediction_type)
    history = fit(ours, SCHEDULE, DATA, COND, seed=5, **asked)

    plain, generator = network(prediction_type=prediction_type), seeded(5)
    average = [p.detach().clone() for p in plain.parameters()]
    optimizer, losses = torch.optim.AdamW(plain.parameters(), weight_decay=1e-6, foreach=False), []
    for step in range(60):
        index = torch.randint(101, (13,), generator=generator)
        noise = torch.randn(13, 7, 3, generator=generator)
        t = sample_timesteps(timestep_sampling, 47, 13, lambda f, *args: f(*args, generator=generator))
        x0, xt = DATA[index], SCHEDULE.add_noise(DATA[index], noise, t)
        target = {"epsilon": noise, "sample": x0, "v_prediction": SCHEDULE.velocity(x0, noise, t)}[prediction_type]
        loss = (plain(xt, t, COND[index]) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 12) * (1 + math.cos(math.pi * step / 60)) / 2
        optimizer.step()
        losses.append(loss.item())
        decay = min(0.9, (1 + step) / (10 + step))
        average = [decay * a + (1 - decay) * p.detach() for a, p in zip(average, plain.parameters(), strict=True)]

    for mine, theirs in zip(ours.parameters(), average, strict=True):
        assert (mine - theirs).abs().max() < 2e-5
    assert [r.step for r in history.records] == [50, 60]
    assert [r.loss for r in history.records] == pytest.approx([np.mean(losses[:50]), np.mean(losses[50:])], rel=1e-4)


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_the_table_of_a_step_is_the_schedules_own_algebra(prediction_type):
    x0, noise, t = rows(47, 7, 3).double(), rows(47, 7, 3, seed=1).double(), torch.arange(47)
    signal, sigma, on_x0, on_noise = mixing_table(SCHEDULE, prediction_type).reshape(47, 4, 1, 1).unbind(1)
    xt, target = signal * x0 + sigma * noise, on_x0 * x0 + on_noise * noise
    assert torch.allclose(xt, SCHEDULE.add_noise(x0, noise, t), rtol=1e-12)
    assert torch.allclose(SCHEDULE.to_x0(target, xt, t, prediction_type), x0, atol=1e-9)


@pytest.mark.parametrize("how", ["uniform", "antithetic", "stratified"])
@pytest.mark.parametrize("size", [1, 13, 64])
def test_every_time_is_as_likely_as_any_other(how, size):
    generator, T = seeded(3), 11
    draws = [sample_timesteps(how, T, size, lambda f, *a: f(*a, generator=generator)) for _ in range(26_000 // size)]
    assert {len(t) for t in draws} == {size}
    counts = torch.cat(draws).bincount(minlength=T)
    assert len(counts) == T
    assert chisquare(counts).pvalue > 1e-3


def test_antithetic_times_come_in_pairs_and_stratified_ones_one_in_each_part():
    generator = seeded(3)
    t = sample_timesteps("antithetic", 47, 13, lambda f, *a: f(*a, generator=generator))
    assert (t[:6] + t[7:] == 46).all()
    t = sample_timesteps("stratified", 1000, 10, lambda f, *a: f(*a, generator=generator))
    assert (t // 100).tolist() == list(range(10))


def test_the_rate_rises_over_the_warm_up_and_falls_to_zero_along_a_cosine():
    recipe = {"steps": 1000, "warmup": 99, "lr": 2e-3}
    rates = [learning_rate(step, recipe) for step in range(1000)]
    assert rates[0] == pytest.approx(2e-5)
    assert rates[49] == pytest.approx(1e-3, rel=0.01)
    assert max(rates) == pytest.approx(2e-3, rel=0.03)
    assert rates[500] == pytest.approx(1e-3)
    assert 0 < rates[-1] < 1e-8


# What it learns


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_a_trained_network_comes_near_the_exact_denoiser(prediction_type):
    points, schedule = torch.tensor([[-0.7, 0.5], [0.6, -0.4], [0.5, 0.7]]).unsqueeze(1), NoiseSchedule(23)
    exact = ExactDenoiser(schedule, points, prediction_type=prediction_type)
    denoiser = MLPDenoiser(1, 2, width=64, depth=2, prediction_type=prediction_type)
    t = torch.arange(23).repeat(60)
    x0 = points[torch.randint(3, (len(t),), generator=seeded(1))]
    xt = schedule.add_noise(x0, torch.randn(x0.shape, generator=seeded(2)), t)

    def distance():
        return (denoiser(xt, t) - exact(xt, t)).square().mean().item()

    before = distance()
    asked = {"steps": 1500, "batch_size": 128, "lr": 1e-2, "warmup": 20, "ema_decay": 0.99, "device": "cpu"}
    history = fit(denoiser, schedule, points, **asked)
    assert distance() < 0.03 * before
    # What is left of the loss is what nobody can know: the exact denoiser has it as well.
    assert history.loss < 0.8 * history.records[0].loss
    samples = ddim(denoiser, schedule, draw_noise((101, 1, 2)), 10).flatten(1)
    assert torch.cdist(samples, points.flatten(1)).amin(1).median() < 0.2


def test_data_in_units_of_its_own_is_learned_after_scaling():
    points = torch.tensor([[3.0, 120.0], [9.0, 180.0]]).unsqueeze(1)  # metres, degrees
    scale = MinMax.of(points)
    denoiser, schedule = MLPDenoiser(1, 2, width=32, depth=2), NoiseSchedule(23)
    asked = {"steps": 800, "batch_size": 64, "lr": 1e-2, "warmup": 20, "ema_decay": 0.9, "device": "cpu"}
    fit(denoiser, schedule, scale.scale(points), **asked)
    samples = scale.unscale(ddim(denoiser, schedule, draw_noise((53, 1, 2)), 10)).flatten(1)
    off = ((samples[:, None] - points.flatten(1)) / torch.tensor([6.0, 60.0])).abs().amax(2).amin(1)
    assert off.median() < 0.1, "samples do not lie on the data"


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    results = []
    for seed in (3, 3, 4):
        denoiser = network()
        fit(denoiser, SCHEDULE, DATA, COND, seed=seed, **RECIPE)
        results.append(weights(denoiser))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_data_may_be_of_any_type_lie_anyhow_in_memory_and_want_a_gradient():
    whole = rows(11, 7, 3).mul(10).round() / 8
    wanted = network(cond_dim=0)
    fit(wanted, SCHEDULE, whole, **RECIPE)
    for data in (whole.double(), whole.permute(2, 1, 0).contiguous().permute(2, 1, 0), whole.clone().requires_grad_()):
        denoiser = network(cond_dim=0)
        fit(denoiser, SCHEDULE, data, **RECIPE)
        assert torch.equal(weights(denoiser), weights(wanted))


def test_the_smallest_training_is_one_step_on_one_row_at_one_time():
    denoiser = MLPDenoiser(1, 1, width=1, depth=1)
    history = fit(denoiser, NoiseSchedule(1), torch.zeros(1, 1, 1), steps=1.0, batch_size=np.int64(1), device="cpu")
    assert [r.step for r in history.records] == [1]
    assert weights(denoiser).isfinite().all()


# What stands when it stops


def test_while_a_record_is_held_the_denoiser_carries_the_average_and_looking_changes_nothing(tmp_path):
    unwatched, watched = network(), network()
    fit(unwatched, SCHEDULE, DATA, COND, **RECIPE)
    file = tmp_path / "c"
    for record in training_steps(watched, SCHEDULE, DATA, COND, checkpoint=file, checkpoint_every=50, **RECIPE):
        saved = read_checkpoint(file)
        assert saved["progress"].tolist() == [record.step, record.step]
        assert torch.equal(weights(watched), saved["ema"])
        assert not torch.equal(saved["weights"], saved["ema"])
        assert not watched.training
        ddim(watched, SCHEDULE, draw_noise((2, 7, 3)), 3, cond=COND[:2])
    assert torch.equal(weights(watched), weights(unwatched))


def owns_its_memory(denoiser):
    sizes = [p.untyped_storage().nbytes() == p.numel() * p.element_size() for p in denoiser.parameters()]
    places = {p.untyped_storage().data_ptr() for p in denoiser.parameters()}
    return all(sizes) and len(places) == len(sizes) and all(p.grad is None for p in denoiser.parameters())


def test_stopped_at_a_record_the_denoiser_keeps_the_average_in_memory_of_its_own():
    denoiser = network()
    steps = training_steps(denoiser, SCHEDULE, DATA, COND, **RECIPE)
    next(steps)
    average = weights(denoiser)
    assert not owns_its_memory(denoiser)
    steps.close()
    assert torch.equal(weights(denoiser), average)
    assert owns_its_memory(denoiser)
    assert not denoiser.training


def test_interrupted_within_a_step_the_denoiser_is_whole():
    denoiser = Stopping(at=73)
    with pytest.raises(KeyboardInterrupt):
        fit(denoiser, SCHEDULE, DATA, COND, **RECIPE)
    assert owns_its_memory(denoiser)
    assert not torch.equal(weights(denoiser), weights(network()))


def test_a_training_that_was_never_begun_has_touched_nothing():
    denoiser = network().train()
    training_steps(denoiser, SCHEDULE, DATA, COND, **RECIPE)
    assert torch.equal(weights(denoiser), weights(network()))
    assert owns_its_memory(denoiser)
    assert denoiser.training


def test_a_forgotten_training_does_not_disturb_the_next_one_of_the_same_denoiser():
    denoiser, alone = network(), network()
    forgotten = training_steps(denoiser, SCHEDULE, DATA, COND, **RECIPE)
    next(forgotten)
    denoiser.load_state_dict(network().state_dict())
    fit(alone, SCHEDULE, DATA, COND, **RECIPE)
    second = training_steps(denoiser, SCHEDULE, DATA, COND, **RECIPE)
    next(second)
    forgotten.close()
    for _ in second:
        pass
    assert torch.equal(weights(denoiser), weights(alone))
    assert owns_its_memory(denoiser)


class Normalised(nn.Module):
    """A network with buffers, and with a weight that is not to be trained."""

    prediction_type = "sample"

    def __init__(self):
        super().__init__()
        self.net = network(cond_dim=0)
        self.norm = nn.BatchNorm1d(7)
        self.frozen = nn.Parameter(torch.full((3,), 0.5), requires_grad=False)

    def forward(self, xt, t, cond=None):
        return self.net(self.norm(xt), t) * self.frozen


def test_buffers_are_kept_and_frozen_weights_stay(tmp_path):
    whole, parts, file = Normalised(), Normalised(), tmp_path / "c"
    fit(whole, SCHEDULE, DATA, **RECIPE)
    asked = RECIPE | {"checkpoint": file, "checkpoint_every": 37}
    steps = training_steps(parts, SCHEDULE, DATA, **asked)
    next(steps)
    steps.close()
    parts = Normalised()
    fit(parts, SCHEDULE, DATA, resume=True, **asked)
    for name, value in whole.state_dict().items():
        assert torch.equal(parts.state_dict()[name], value), name
    assert whole.norm.num_batches_tracked == 130
    assert (whole.frozen == 0.5).all()


# Checkpoints


@pytest.mark.parametrize("every", [1, 37, 50, 70])
@pytest.mark.parametrize("stops", [(38,), (51,), (75, 99), (39, 41, 130)])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path, every, stops):
    asked = RECIPE | {"checkpoint_every": every, "seed": 7}
    whole = network()
    history = fit(whole, SCHEDULE, DATA, COND, checkpoint=tmp_path / "whole", **asked)
    parts = tmp_path / "parts"
    for stop in stops:
        again = Stopping(at=stop)
        again.steps = int(read_checkpoint(parts)["progress"][0]) if parts.exists() else 0
        with pytest.raises(KeyboardInterrupt):
            fit(again, SCHEDULE, DATA, COND, checkpoint=parts, resume=True, **asked)
    last = network(seed=99 if parts.exists() else 0)  # first weights matter no more where there is a checkpoint
    resumed = fit(last, SCHEDULE, DATA, COND, checkpoint=parts, resume=True, **asked)
    assert resumed.resumed_from == ((stops[-1] - 1) // every * every or None)
    assert resumed.records == history.records
    assert torch.equal(weights(last), weights(whole))
    one, other = read_checkpoint(tmp_path / "whole"), read_checkpoint(parts)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_a_finished_training_is_resumed_without_a_step(tmp_path):
    first, again = network(), Diverging(at=1)
    history = fit(first, SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", **RECIPE)
    resumed = fit(again, SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", resume=True, **RECIPE)
    assert resumed.records == history.records
    assert resumed.resumed_from == 130
    assert torch.equal(weights(again), weights(first))


def test_without_a_checkpoint_there_resume_starts_from_nothing(tmp_path):
    history = fit(network(), SCHEDULE, DATA, COND, checkpoint=tmp_path / "new" / "c", resume=True, **RECIPE)
    assert history.resumed_from is None
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "c"]
    assert read_recipe(tmp_path / "new" / "c")["steps"] == 130


SQUARE = {"horizon": 3, "dim": 7}  # as many weights, laid out otherwise


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"steps": 131}, "steps = 130, but steps = 131"),
        ({"batch_size": 17}, "batch_size = 13"),
        ({"lr": 2e-3}, "lr = 0.001, but lr = 0.002"),
        ({"warmup": 12}, "warmup"),
        ({"ema_decay": 0.5}, "ema_decay"),
        ({"seed": 1}, "seed = 0"),
        ({"timestep_sampling": "stratified"}, "timestep_sampling = uniform"),
        ({"data": rows(101, 7, 3, seed=9)}, "data"),
        ({"cond": rows(101, 5, seed=9)}, "data"),
        ({"schedule": NoiseSchedule(48)}, "schedule"),
        ({"denoiser": network(width=31)}, "parameters = "),
        ({"denoiser": network(**SQUARE), "data": DATA.reshape(101, 3, 7)}, "data"),
        ({"denoiser": network(prediction_type="epsilon")}, "prediction_type = sample"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_and_left_alone(tmp_path, changed, named):
    file = tmp_path / "c"
    fit(network(), SCHEDULE, DATA, COND, checkpoint=file, **RECIPE)
    before = file.read_bytes()
    asked = {"denoiser": network(), "schedule": SCHEDULE, "data": DATA, "cond": COND} | RECIPE | changed
    words = {"data": "other data", "schedule": "another noise schedule"}.get(named, named)
    with pytest.raises(InputError, match=f"was made with {words}"):
        fit(checkpoint=file, resume=True, **asked)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_weights_of_another_shape_are_told_apart_though_they_are_as_many(tmp_path):
    class Turned(MLPDenoiser):
        def __init__(self):
            super().__init__(7, 3, 5, width=29, depth=2)
            self.first.weight = nn.Parameter(self.first.weight.detach().T.contiguous())

        def forward(self, xt, t, cond=None):
            return xt + self.first.weight.sum()

    fit(network(), SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", **RECIPE)
    with pytest.raises(InputError, match="was made with a network of other shapes"):
        fit(Turned(), SCHEDULE, DATA, COND, checkpoint=tmp_path / "c", resume=True, **RECIPE)


def broken(kind, file):
    fit(network(), SCHEDULE, DATA, COND, checkpoint=file, **RECIPE)
    if kind == "cut short":
        file.write_bytes(file.read_bytes()[:-7])
    elif kind == "cut in its header":
        file.write_bytes(file.read_bytes()[:20])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "foreign":
        from safetensors.torch import save_file

        save_file({"weights": torch.zeros(3)}, str(file))
    elif kind == "a picture":
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))


@pytest.mark.parametrize("kind", ["cut short", "cut in its header", "empty", "foreign", "a picture"])
def test_a_file_that_is_no_whole_checkpoint_is_refused_and_left_alone(tmp_path, kind):
    file = tmp_path / "c"
    broken(kind, file)
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"cannot be read as a checkpoint|is no checkpoint of dilviz") as error:
        fit(network(), SCHEDULE, DATA, COND, checkpoint=file, resume=True, **RECIPE)
    assert "\n" not in str(error.value)
    assert file.read_bytes() == before


def test_a_place_that_cannot_be_written_is_found_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "c", tmp_path / "folder"):
        with pytest.raises(InputError, match="cannot be written"):
            fit(Diverging(at=1), SCHEDULE, DATA, COND, checkpoint=place, **RECIPE)
        with pytest.raises(InputError, match="cannot be written"):
            write_checkpoint(place, {"a": torch.zeros(1)}, {})
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere is no file; name a checkpoint"):
        read_recipe(tmp_path / "nowhere")


def test_reading_a_checkpoint_gives_tensors_that_no_longer_need_the_file(tmp_path):
    write_checkpoint(tmp_path / "c", {"a": rows(3, 2).T, "b": torch.zeros(0)}, {"kind": "test", "lr": 1e-3})
    found = read_checkpoint(tmp_path / "c", {"lr": 1e-3})
    (tmp_path / "c").write_bytes(b"\xff" * (tmp_path / "c").stat().st_size)
    assert torch.equal(found["a"], rows(3, 2).T)


# What is refused, and what goes wrong


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"steps": 0}, "steps is 0; give a whole number of at least 1"),
        ({"steps": -3}, "steps is -3"),
        ({"steps": 10.5}, "steps is 10.5"),
        ({"steps": math.nan}, "steps is nan"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"warmup": -1}, "warmup is -1"),
        ({"lr": 0.0}, "lr is 0.0; give a number above 0"),
        ({"lr": math.inf}, "lr is inf"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"timestep_sampling": "even"}, "'even' is unknown; take one of uniform"),
        ({"checkpoint_every": 0, "checkpoint": "c"}, "checkpoint_every is 0"),
        ({"checkpoint_every": 10}, "need a checkpoint; name its file"),
        ({"resume": True}, "need a checkpoint; name its file"),
        ({"device": "abacus"}, "device 'abacus' is not usable"),
        ({"data": rows(7, 3)}, r"data has shape \(7, 3\)"),
        ({"data": rows(0, 7, 3)}, r"data has shape \(0, 7, 3\)"),
        ({"cond": rows(11, 5)}, r"cond has shape \(11, 5\); give one row for each of the 101"),
        ({"data": DATA.index_fill(0, torch.tensor([17]), math.nan)}, "data holds 21 values that are not finite, the f"),
        ({"cond": COND.index_fill(0, torch.tensor([17]), math.inf)}, "cond holds 5 .* the first in row 17"),
        ({"data": DATA.double().index_fill(0, torch.tensor([17]), 1e300)}, "not finite, the first in row 17"),
        ({"cond": None}, "cond has 0 numbers a row; this denoiser was built with cond_dim 5"),
        ({"data": DATA.transpose(1, 2)}, r"xt has shape \(1, 3, 7\)"),
        ({"denoiser": network().double()}, "all of them float32"),
        ({"denoiser": network().requires_grad_(False)}, "needs weights to train"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once_in_one_sentence(tmp_path, monkeypatch, changed, says):
    monkeypatch.chdir(tmp_path)
    asked = {"denoiser": network(), "schedule": SCHEDULE, "data": DATA, "cond": COND} | RECIPE | changed
    with pytest.raises(InputError, match=says):
        training_steps(**asked)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "kind", "says"),
    [
        (lambda xt: xt.flatten(1), "sample", r"answers \(1, 21\) to x_t of shape \(1, 7, 3\)"),
        (lambda xt: xt[..., :1], "sample", r"answers \(1, 7, 1\)"),
        (lambda xt: xt, "noise", "prediction_type 'noise' is unknown"),
    ],
)
def test_a_network_whose_answer_does_not_fit_is_refused(answers, kind, says):
    class Own(nn.Module):
        prediction_type = kind

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, xt, t, cond=None):
            return answers(self.weight * xt)

    with pytest.raises(InputError, match=says):
        training_steps(Own(), SCHEDULE, DATA, **RECIPE)


class Diverging(MLPDenoiser):
    """A network that loses its numbers at its n-th step."""

    def __init__(self, at):
        super().__init__(7, 3, 5, width=29, depth=2)
        self.at, self.steps = at, 0

    def forward(self, *inputs):
        self.steps += self.training
        return super().forward(*inputs) * (math.nan if self.steps == self.at else 1)


@pytest.mark.parametrize(("at", "every", "raised", "good"), [(33, 20, 40, 20), (50, 50, 50, None), (61, 50, 100, 50)])
def test_a_training_that_diverges_names_step_rate_and_last_good_checkpoint(tmp_path, at, every, raised, good):
    file = tmp_path / "c"
    rate = learning_rate(raised - 1, {"steps": 130, "warmup": 11, "lr": 1e-3})
    last = f"the last good checkpoint is {file} at step {good}" if good else "there is no checkpoint"
    with pytest.raises(TrainingDiverged) as error:
        fit(Diverging(at), SCHEDULE, DATA, COND, checkpoint=file, checkpoint_every=every, **RECIPE)
    assert f"by step {raised}, at a learning rate of {rate:.3g}; {last}." in str(error.value)
    assert file.exists() == bool(good)
    if good:
        saved = read_checkpoint(file)
        assert saved["progress"][0] == good
        assert all(tensor.double().isfinite().all() for tensor in saved.values())


def test_a_rate_that_is_far_too_high_is_reported_and_not_returned():
    with pytest.raises(TrainingDiverged, match="Lower the learning rate"):
        fit(network(), SCHEDULE, DATA, COND, **RECIPE | {"lr": 1e37})


# The surroundings


def test_nothing_draws_from_a_global_generator():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = states()
    denoiser = network()
    fit(denoiser, SCHEDULE, DATA, COND, **RECIPE)
    noise, exact = draw_noise((2, 7, 3)), ExactDenoiser(SCHEDULE, DATA, std=0.1)
    for sampler in SAMPLERS.values():
        sampler(denoiser, SCHEDULE, noise, 5, cond=COND[:2])
        sampler(exact, SCHEDULE, noise, 5)
    SCHEDULE.add_noise(noise, noise, 3)
    assert states() == before


def test_the_device_is_the_one_that_is_named_or_the_variables(monkeypatch):
    monkeypatch.setenv("DILVIZ_DEVICE", "meta")
    assert resolve_device().type == "meta"
    assert resolve_device("cpu").type == "cpu"
    monkeypatch.setenv("DILVIZ_DEVICE", "abacus")
    with pytest.raises(InputError, match=r"device 'abacus' \(named by DILVIZ_DEVICE\) is not usable"):
        resolve_device()
    monkeypatch.delenv("DILVIZ_DEVICE")
    assert resolve_device().type in ("cpu", "cuda", "mps")


def test_the_state_of_a_loop_holds_everything_that_a_step_changes():
    recipe = RECIPE | {
        "lr": 1e-3,
        "ema_decay": 0.9,
        "timestep_sampling": "uniform",
        "seed": 0,
        "prediction_type": "sample",
    }
    one, other = (Loop(network().train(), SCHEDULE, DATA, COND, recipe, torch.device("cpu")) for _ in range(2))
    for _ in range(3):
        one.advance()
    other.load(one.state([]))
    one.advance()
    other.advance()
    for name, tensor in one.state([]).items():
        assert torch.equal(tensor, other.state([])[name]), name
