"""Mistakes that everybody makes once: planted to be found in a picture, and each caught by a test.

Read on only when you have found the bug that you are looking for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dilviz.course.acting_bugs import ACTING_BUGS
from dilviz.course.bug import Bug
from dilviz.course.mixture_bugs import MIXTURE_BUGS
from dilviz.diffusion import NoiseSchedule, ddpm, denoisers, samplers, schedule
from dilviz.diffusion.loop import Loop
from dilviz.imitation import diffusion_policy
from dilviz.imitation.scaling import MinMax
from dilviz.show import taught

# The way in


def _alpha(self: NoiseSchedule, t: Any) -> Tensor:
    alpha = 1 - self.betas  # wanted: the product of these up to t
    return torch.cat([torch.ones(1), alpha])[torch.as_tensor(t).long() + 1]


def _lost_square_root(self: NoiseSchedule, x0: Tensor, noise: Tensor, t: Any) -> Tensor:
    alpha_bar = self._at(t, x0)
    return (alpha_bar.sqrt() * x0 + (1 - alpha_bar) * noise).to(x0.dtype)  # wanted: (1 - alpha_bar).sqrt()


def _lost_both_roots(self: NoiseSchedule, x0: Tensor, noise: Tensor, t: Any) -> Tensor:
    alpha_bar = self._at(t, x0)
    return (alpha_bar * x0 + (1 - alpha_bar) * noise).to(x0.dtype)  # wanted: the roots of both


def _t_off_by_one(self: NoiseSchedule, x0: Tensor, noise: Tensor, t: Any) -> Tensor:
    return _add_noise(self, x0, noise, torch.as_tensor(t) - 1)  # as if the first t were 1


_add_noise = NoiseSchedule.add_noise
_too_short = dict.fromkeys(schedule.BETA_SCHEDULES, schedule.BETA_SCHEDULES["linear"])

# The target


def _fresh_noise(schedule: NoiseSchedule, x0: Tensor, noise: Tensor, t: int) -> tuple[Tensor, Tensor]:
    return schedule.add_noise(x0, noise.flip(0), t), noise  # wanted: the noise that is in x_t


# The network


def _no_time_embedding(t: Tensor, dim: int = denoisers.TIME_DIM, max_period: float = 1e4) -> Tensor:
    return torch.zeros(len(t), dim, device=t.device)


def _as_it_is(self: MinMax, values: Tensor) -> Tensor:
    return values


# The training loop


def _forgot_zero_grad(self: Loop) -> None:
    self.gradient.add_(getattr(self, "_kept", 0))  # wanted: the gradient of this step alone
    self._kept = self.gradient.clone()  # type: ignore[attr-defined]
    _clip(self)


def _same_batch(self: Loop) -> tuple[Tensor, Tensor, Tensor]:
    self.generator.manual_seed(self.recipe["seed"])  # wanted: once, before the first step
    return _draw(self)


def _frozen_average(self: Loop) -> None:
    start = self.ema.clone()
    _advance(self)
    self.ema.copy_(start)  # wanted: the average as it has become


_clip, _draw, _advance = Loop._clip, Loop.draw, Loop.advance


# The way back


def _no_noise(shape: tuple[int, ...], generator: Any = None, device: Any = "cpu") -> Tensor:
    return torch.zeros(shape, device=device)


def _noise_at_last_step(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> samplers.Update:
    step = samplers.ddpm_update(alpha_bar_t, alpha_bar_s)
    return replace(step, noise=torch.cat([step.noise[:-1], (1 - alpha_bar_t[-1:]).sqrt()]))  # wanted: 0 at the end


def _doubled_variance(alpha_bar_t: Tensor, alpha_bar_s: Tensor) -> samplers.Update:
    step = samplers.ddpm_update(alpha_bar_t, alpha_bar_s)
    return replace(step, noise=2**0.5 * step.noise)


def _wrong_sign(prediction_type: str, plan: Any) -> Callable[[Tensor, Tensor, int], Tensor]:
    estimate = _estimator(prediction_type, plan)
    return (lambda noise, x, i: estimate(-noise, x, i)) if prediction_type == "epsilon" else estimate


def _to_x0_with_wrong_sign(self: NoiseSchedule, output: Tensor, xt: Tensor, t: Any, prediction_type: str) -> Tensor:
    return _to_x0(self, -output if prediction_type == "epsilon" else output, xt, t, prediction_type)


def _unscaled_estimate(self: NoiseSchedule, output: Tensor, xt: Tensor, t: Any, prediction_type: str) -> Tensor:
    estimate = _to_x0(self, output, xt, t, prediction_type)
    # Wanted: the whole, divided by the root of alpha_bar.
    return estimate * self._at(t, xt).sqrt().to(xt.dtype) if prediction_type == "epsilon" else estimate


def _clip_too_tight(self: samplers.Sampler, *args: Any, **options: Any) -> Any:
    return _sample(self, *args, **options | {"clip": 0.5})


_estimator, _to_x0, _sample = samplers._estimator, NoiseSchedule.to_x0, samplers.Sampler.__call__


BUGS: dict[str, Bug] = {
    bug.name: bug
    for bug in [
        Bug(
            "alpha_for_alpha_bar",
            "alpha where alpha_bar belongs",
            "Each x_t is made with the alpha of a single step instead of the product of all steps up to t, so that the "
            "data hardly fades and the last x_t is not noise.",
            "test_schedule.py::test_alpha_bar_is_the_product_of_one_minus_beta_to_the_last_digits",
            (
                (NoiseSchedule, "alpha_bar", _alpha),
                (samplers, "_plan", samplers._plan.__wrapped__),  # not those that were worked out before
            ),
        ),
        Bug(
            "lost_square_root",
            "a lost square root",
            "The noise is scaled by 1 - alpha_bar instead of its square root, so that the cloud shrinks midway "
            "and its variance is not alpha_bar Var[x_0] + 1 - alpha_bar.",
            "test_schedule.py::test_the_variance_of_noised_data_follows_its_law",
            ((NoiseSchedule, "add_noise", _lost_square_root),),
        ),
        Bug(
            "lost_both_roots",
            "two lost square roots",
            "Data and noise are scaled by alpha_bar and 1 - alpha_bar instead of their square roots, so that both "
            "shrink in the middle of the way and the variance is far below alpha_bar Var[x_0] + 1 - alpha_bar.",
            "test_schedule.py::test_the_variance_of_noised_data_follows_its_law",
            ((NoiseSchedule, "add_noise", _lost_both_roots),),
        ),
        Bug(
            "t_off_by_one",
            "t counted from one",
            "Every x_t has the noise of t - 1, so that at t = 0 the data is still clean: the product of all steps "
            "leaves out step t.",
            "test_schedule.py::test_the_first_time_is_already_noisy",
            ((NoiseSchedule, "add_noise", _t_off_by_one),),
        ),
        Bug(
            "linear_schedule_too_short",
            "a linear schedule with too few steps",
            "The betas of a linear schedule are meant for 1000 steps: with 50 of them more than half of the signal is "
            "left at the end, while sampling starts from pure noise.",
            "test_schedule.py::test_the_default_schedule_drowns_the_data_at_any_length",
            ((schedule, "BETA_SCHEDULES", _too_short),),
        ),
        Bug(
            "fresh_noise",
            "a target that is not the noise in x_t",
            "The network is shown x_t with one noise and asked for another one, so that the best it can answer is 0 "
            "and the estimate of x_0 is x_t / sqrt(alpha_bar) everywhere.",
            "test_show_loss.py::test_the_average_of_the_target_is_the_best_answer",
            ((taught, "training_pair", _fresh_noise),),
        ),
        Bug(
            "no_time_embedding",
            "a network that does not know the time",
            "The network is not told t and gives the same answer at every noise level, so that samples stay blurred.",
            "test_denoisers.py::test_the_answer_depends_on_the_time",
            ((denoisers, "time_embedding", _no_time_embedding),),
        ),
        Bug(
            "unscaled_data",
            "data in its own units",
            "The data was not scaled to [-1, 1] before training, so that the noise does not drown it and the clip cuts "
            "the samples off at 1.",
            "test_training.py::test_data_in_units_of_its_own_is_learned_after_scaling",
            ((MinMax, "scale", _as_it_is), (MinMax, "unscale", _as_it_is)),
        ),
        Bug(
            "forgot_zero_grad",
            "gradients that pile up",
            "The gradient is not set to zero before a step, so that each step goes along the sum of all gradients so "
            "far: the loss jumps about and does not come down.",
            "test_loop.py::test_a_step_goes_along_the_gradient_of_its_own_batch_alone",
            ((Loop, "_clip", _forgot_zero_grad),),
        ),
        Bug(
            "same_batch",
            "the same draws in every step",
            "The generator is seeded anew in every step, so that the network learns one batch and its noise by heart "
            "and the loss falls below what is possible on fresh noise.",
            "test_loop.py::test_every_step_draws_a_batch_of_its_own",
            ((Loop, "draw", _same_batch),),
        ),
        Bug(
            "frozen_average",
            "a moving average that does not move",
            "The average of the weights is never updated, so that the loss falls as it should, while samples are those "
            "of the first, random weights.",
            "test_loop.py::test_the_denoiser_comes_back_with_weights_that_have_moved",
            ((Loop, "advance", _frozen_average),),
        ),
        Bug(
            "no_noise",
            "no noise to start from",
            "Sampling starts from zeros instead of noise, so that every sample is the same and one of the two ways is "
            "never taken.",
            "test_imitation.py::test_training_learns_two_answers_and_keeps_them_apart",
            ((diffusion_policy, "draw_noise", _no_noise),),
        ),
        Bug(
            "noise_at_last_step",
            "noise after the last step",
            "The step to clean adds noise as all others do, so that every sample ends as a small cloud around where it "
            "should be.",
            "test_samplers.py::test_the_last_x_is_the_last_estimate_exactly",
            ((ddpm, "update", _noise_at_last_step),),
        ),
        Bug(
            "doubled_variance",
            "twice the variance",
            "DDPM adds noise of twice the posterior's variance, so that samples scatter too widely around the data.",
            "test_samplers.py::test_a_ddpm_step_is_a_draw_from_the_posterior",
            ((ddpm, "update", _doubled_variance),),
        ),
        Bug(
            "wrong_sign",
            "noise added where it should be taken away",
            "The estimate of x_0 adds the predicted noise to x_t instead of taking it away, so that every step leads "
            "away from the data, to the edge of the clip.",
            "test_schedule.py::test_each_kind_of_output_tells_the_clean_point_and_the_noise",
            ((samplers, "_estimator", _wrong_sign), (NoiseSchedule, "to_x0", _to_x0_with_wrong_sign)),
        ),
        Bug(
            "unscaled_estimate",
            "an estimate that is not scaled back",
            "The estimate of x_0 takes the predicted noise from x_t but is not divided by sqrt(alpha_bar), so that it "
            "stays as small as the signal in x_t.",
            "test_schedule.py::test_each_kind_of_output_tells_the_clean_point_and_the_noise",
            ((NoiseSchedule, "to_x0", _unscaled_estimate),),
        ),
        Bug(
            "clip_too_tight",
            "a clip inside the data's range",
            "The estimate of x_0 is clipped to half of the data's range, so that samples never reach its outer half.",
            "test_samplers.py::test_samples_reach_the_whole_range_of_the_data",
            ((samplers.Sampler, "__call__", _clip_too_tight),),
        ),
        *MIXTURE_BUGS,
        *ACTING_BUGS,
    ]
}
