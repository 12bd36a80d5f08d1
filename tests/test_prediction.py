"""What to predict: the shipped policies, the error that is drawn, the study behind it, and what its tables say."""

import copy
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from dilviz.assets import asset
from dilviz.commands import train
from dilviz.course import results
from dilviz.diffusion import NoiseSchedule
from dilviz.diffusion.checkpoint import read_checkpoint
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.imitation.learners import WEIGHTS, load_policy
from dilviz.show import prediction
from dilviz.show.prediction import POLICIES, PredictionTypeExplorer, prediction_data, prediction_policies, x0_errors
from dilviz.tasks import TASKS, shipped

ROOT = Path(__file__).resolve().parent.parent


def study():
    """The module of the study, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("prediction_study", ROOT / ".ci" / "prediction.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rows(name):
    return json.loads(asset("results", f"fork_prediction_{name}.json").read_text())["rows"]


def mean(name, **about):
    """The mean success of the five networks of a variant, in percent."""
    found = [100 * row["success_rate"] for row in rows(name) if about.items() <= row.items()]
    assert len(found) == 5, about
    return float(np.mean(found))


# What ships


@pytest.mark.parametrize("name", ["diffusion-v", "diffusion-epsilon"])
def test_a_shipped_policy_is_what_its_card_says(name):
    card, policy = results.card("fork", name), shipped("fork", name)
    assert policy.denoiser.prediction_type == card["recipe"]["prediction_type"] != "sample"
    assert card["train"]["data_sha256"] == results.card("fork", "diffusion")["train"]["data_sha256"]
    tensors = read_checkpoint(asset("checkpoints", f"fork-{name}", WEIGHTS))
    assert {t.dtype for n, t in tensors.items() if n.startswith("network.")} == {torch.float16}
    assert {p.dtype for p in policy.network.parameters()} == {torch.float32}
    walks = rollout(policy, TASKS["fork"], range(700_000, 700_500))
    assert abs(walks.success.mean() - card["evaluate"]["success_rate"]) < 3 * np.sqrt(0.25 / 500)


# The error of the estimate of x_0


class SaysNothing:
    """Whatever it is to predict, it comes to x_0 = 0."""

    def __init__(self, prediction_type, schedule):
        self.prediction_type, self.schedule = prediction_type, schedule

    def __call__(self, xt, t, cond=None):
        noise = self.schedule.to_epsilon(torch.zeros_like(xt), xt, t, "sample")
        velocity = self.schedule.velocity(torch.zeros_like(xt), noise, t)
        return {"sample": torch.zeros_like(xt), "epsilon": noise, "v_prediction": velocity}[self.prediction_type]


@pytest.mark.parametrize("kind", POLICIES)
def test_the_error_is_that_of_the_estimate_whatever_is_predicted(kind):
    policy = copy.copy(prediction_policies()["sample"])
    policy.denoiser = SaysNothing(kind, policy.schedule)
    x0 = policy.action_scale.scale(prediction._held_out().actions())[::3]
    size = float(x0.square().mean().sqrt())
    assert x0_errors(policy, clip=True) == pytest.approx(np.full(50, size), abs=2e-3)


def test_the_demonstrations_that_the_error_is_taken_on_were_not_trained_on():
    trained_on = TASKS["fork"].demonstrations(TASKS["fork"].recipe.demos)
    assert not {int(seed) for seed in trained_on.seeds} & set(prediction.HELD_OUT)


def test_a_clip_leaves_a_good_estimate_alone_and_bounds_a_bad_one():
    policies = prediction_policies()
    for kind, policy in policies.items():
        free, clipped = x0_errors(policy, clip=False), x0_errors(policy, clip=True)
        assert (clipped <= free * 1.001).all()
        assert (free[-1] > 20 * clipped[-1]) == (kind == "epsilon")


# The explorer


def test_the_walkers_are_those_of_the_policy_that_is_chosen():
    explorer = PredictionTypeExplorer()
    failed = {}
    for kind in POLICIES:
        explorer.assign(predicts=kind)
        walks = rollout(shipped("fork", POLICIES[kind]), TASKS["fork"], range(48))
        assert np.array_equal(explorer.data.walks.success, walks.success)
        failed[kind] = int((~walks.success).sum())
        assert f"It predicts {kind}: of 48 walkers" in repr(explorer) and f"{failed[kind]} fail" in repr(explorer)
        crosses = explorer.figure.data[1]
        assert (~np.isnan(crosses.x)).sum() == failed[kind]
    assert failed["sample"] < failed["epsilon"] and failed["v_prediction"] < failed["epsilon"]


def test_without_the_clip_nobody_arrives_by_epsilon_and_by_x0_all_do_as_before():
    for kind, least, most in (("sample", 47, 48), ("epsilon", 0, 1)):
        assert least <= prediction_data(kind, 10, False, 0).walks.success.sum() <= most


def test_the_axes_stand_still_and_the_chosen_line_is_thick():
    explorer = PredictionTypeExplorer()
    axes = [explorer.figure.layout.yaxis2.range, explorer.figure.layout.xaxis2.range, len(explorer.figure.data)]
    for change in ({"predicts": "epsilon"}, {"clip": False}, {"steps": 50}, {"seed": 99}, {"steps": 1}):
        explorer.assign(**change)
        now = [explorer.figure.layout.yaxis2.range, explorer.figure.layout.xaxis2.range, len(explorer.figure.data)]
        assert now == axes
    curves = dict(zip(POLICIES, explorer.figure.data[2:5], strict=True))
    assert curves["epsilon"].line.width > 2 * curves["sample"].line.width
    assert len(explorer.figure.data[5].x) == 1
    explorer.reset()
    assert explorer.state() == {"predicts": "sample", "steps": 10, "clip": True, "seed": 0}


def test_another_thing_to_predict_is_refused():
    with pytest.raises(InputError, match="predicts is 'score'; take one of sample, v_prediction, epsilon"):
        prediction_data("score", 10, True, 0)


# The study


@pytest.mark.parametrize("output", POLICIES)
@pytest.mark.parametrize("loss", POLICIES)
def test_a_weighted_loss_is_the_loss_that_it_is_said_to_be(output, loss):
    schedule, generator = NoiseSchedule(50), torch.Generator().manual_seed(0)
    x0, noise, guess = torch.randn(3, 11, 7, 2, generator=generator, dtype=torch.float64).unbind()
    for t in (0, 13, 31, 48):
        xt = schedule.add_noise(x0, noise, t)

        def error(kind, xt=xt, t=t):
            """Mean squared error in the network's own words, of a network that takes `guess` for x_0."""
            eps = schedule.to_epsilon(guess, xt, t, "sample")
            pairs = {
                "sample": (guess, x0),
                "epsilon": (eps, noise),
                "v_prediction": (schedule.velocity(guess, eps, t), schedule.velocity(x0, noise, t)),
            }
            said, true = pairs[kind]
            return float((said - true).square().mean())

        assert study().weights(output, loss)[t] * error(output) == pytest.approx(error(loss), rel=1e-9)


def test_a_network_with_all_weights_one_is_trained_as_by_the_command(tmp_path, monkeypatch):
    module = study()
    task = replace(module.TASK, recipe=replace(module.TASK.recipe, demos=4, steps=7))
    monkeypatch.setattr(module, "TASK", task)
    module.train_weighted(tmp_path / "own.safetensors", "v_prediction", torch.ones(50).double(), 3)
    made = {"demos": 4, "steps": 7, "prediction_type": "v_prediction", "seed": 3, "device": "cpu"}
    train("fork", "diffusion", str(tmp_path / "made"), **made)
    own, other = load_policy(tmp_path / "own.safetensors"), load_policy(tmp_path / "made" / WEIGHTS)
    for a, b in zip(own.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_handover_asks_one_network_above_and_the_other_below():
    module, asked = study(), []

    class Noting(SaysNothing):
        horizon, dim = 7, 2

        def __call__(self, xt, t, cond=None):
            asked.append((self.prediction_type, int(t[0])))
            return super().__call__(xt, t, cond)

    schedule = NoiseSchedule(50)
    both = module.Handover(*(Noting(kind, schedule) for kind in ("sample", "epsilon")), schedule, 24)
    for t in (49, 24, 23, 0):
        assert both(torch.randn(3, 7, 2), torch.full((3,), t)).abs().max() < 1e-4
    assert asked == [("sample", 49), ("sample", 24), ("epsilon", 23), ("epsilon", 0)]


# What the lesson says of the tables


def test_more_steps_do_not_mend_epsilon_and_the_clip_is_all_that_keeps_it_alive():
    for kind, low, high in (("sample", 99, 100), ("v_prediction", 94, 97), ("epsilon", 70, 80)):
        for steps in (10, 50):
            assert low <= mean("steps", prediction_type=kind, steps=steps, clip=True) <= high
    assert mean("steps", prediction_type="epsilon", steps=50, clip=True) < mean(
        "steps", prediction_type="epsilon", steps=10, clip=True
    )
    for steps in (10, 50):
        assert mean("steps", prediction_type="epsilon", steps=steps, clip=False) < 2
        for kind in ("sample", "v_prediction"):
            gap = mean("steps", prediction_type=kind, steps=steps, clip=True) - mean(
                "steps", prediction_type=kind, steps=steps, clip=False
            )
            assert abs(gap) < 0.2


def test_the_loss_decides_where_the_output_stays_the_same():
    x0, v = ([mean("losses", output=o, loss=loss) for loss in POLICIES] for o in ("sample", "v_prediction"))
    assert x0[0] > 99 > 90 > x0[1] > 80 > 45 > x0[2]
    assert v[0] > 98 > 97 > v[1] > 95 > 90 > v[2]
    assert mean("losses", output="epsilon", loss="sample, at most 10") < mean(
        "losses", output="epsilon", loss="epsilon"
    )


def test_the_middle_of_the_way_decides_and_not_its_first_step():
    last = [mean("handover", early="sample", late="epsilon", t=t) for t in (44, 34, 24, 14)]
    assert last == sorted(last) and last[0] < 82 and last[-1] > 96
    assert mean("handover", early="epsilon", late="sample", t=44) > 99
    errors = np.array([row["x0_errors"] for row in rows("losses")])
    success = [row["success_rate"] for row in rows("losses")]
    ranks = [spearmanr(errors[:, t], success)[0] for t in range(50)]
    assert len(success) == 40 and min(ranks) == min(ranks[15:25]) < -0.97
    assert abs(ranks[0]) < 0.2 and ranks[49] > -0.85
