"""Our schedule and samplers beside those of diffusers and beside the papers' formulas in float64.

The network of these tests looks at x, t and cond. Each run starts from the same noise and is compared at every step.
"""

import math

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from dilviz.diffusion import (
    BETA_SCHEDULES,
    PREDICTION_TYPES,
    ExactDenoiser,
    NoiseSchedule,
    ddim,
    ddpm,
    dpm_solver,
    inference_timesteps,
)

T, B, HORIZON, DIM, COND_DIM = 997, 3, 7, 5, 2
every_schedule = pytest.mark.parametrize("name", BETA_SCHEDULES)
every_output = pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
clipped_and_not = pytest.mark.parametrize("clip", [1.0, None], ids=["clipped", "unclipped"])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=seeded(seed), dtype=dtype)


class Network:
    """An estimate of x_0 from x, t and cond, told as noise, sample or velocity. It keeps every x that it is shown."""

    def __init__(self, prediction_type, alphas_cumprod, seed):
        self.prediction_type, self.alphas_cumprod, self.seen = prediction_type, alphas_cumprod.double(), []
        self.mix = randn(HORIZON * DIM, HORIZON * DIM, seed=seed) / 7
        self.steer = randn(COND_DIM, HORIZON * DIM, seed=seed + 1)

    def __call__(self, xt, t, cond):
        self.seen.append(xt.clone())
        mixed = xt.flatten(1) @ self.mix + cond @ self.steer + torch.sin(t / 97)[:, None]
        x0, x = 1.3 * torch.tanh(mixed).unflatten(1, (HORIZON, DIM)).double(), xt.double()
        a = self.alphas_cumprod[t].reshape(-1, 1, 1)
        noise = (x - a.sqrt() * x0) / (1 - a).sqrt()
        told = {"epsilon": noise, "sample": x0, "v_prediction": a.sqrt() * noise - (1 - a).sqrt() * x0}
        return told[self.prediction_type].to(xt.dtype)


class Led(Network):
    """The same network for a sampler that is put back, before every step, onto the x of another run."""

    def __init__(self, network, path):
        self.__dict__ |= vars(network) | {"seen": [], "path": path}

    def __call__(self, xt, t, cond):
        answer = super().__call__(self.path[len(self.seen)], t, cond)
        self.seen[-1] = xt.clone()
        xt.copy_(self.path[len(self.seen) - 1])
        return answer


def random_times(seed, n=11):
    """One in the middle half of each of n equal parts: a long step after a short one multiplies all rounding."""
    offsets = 0.25 + 0.5 * torch.rand(n, generator=seeded(seed))
    return ((torch.arange(n) + offsets) / n * T).long().flip(0).tolist()


# The schedule


@every_schedule
@pytest.mark.parametrize("steps", [50, 997])
def test_betas_and_alphas_cumprod_are_those_of_diffusers(name, steps):
    ours, theirs = NoiseSchedule(steps, name), DDPMScheduler(num_train_timesteps=steps, beta_schedule=name)
    assert (ours.betas / theirs.betas.double() - 1).abs().max() < 1e-6
    close = 2e-5 if name == "squaredcos_cap_v2" else 1e-6
    assert (ours.alphas_cumprod - theirs.alphas_cumprod).abs().max() < close


def test_where_the_two_cosines_differ_ours_is_the_nearer_to_the_float64_product():
    def alpha_bar(u):
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    for steps in (50, 997):
        betas = [min(1 - alpha_bar((t + 1) / steps) / alpha_bar(t / steps), 0.999) for t in range(steps)]
        product = torch.from_numpy(np.cumprod(1 - np.array(betas)))
        ours = NoiseSchedule(steps).alphas_cumprod
        theirs = DDPMScheduler(num_train_timesteps=steps, beta_schedule="squaredcos_cap_v2").alphas_cumprod
        assert ((ours - product).abs() <= (theirs - product).abs() + 1e-15).all()


@every_schedule
def test_add_noise_and_velocity_are_those_of_diffusers(name):
    theirs = DDPMScheduler(num_train_timesteps=T, beta_schedule=name)
    ours = NoiseSchedule.from_alphas_cumprod(theirs.alphas_cumprod)
    for seed in range(5):
        x0, noise = randn(B, HORIZON, DIM, seed=seed), randn(B, HORIZON, DIM, seed=seed + 50)
        t = torch.randint(T, (B,), generator=seeded(seed))
        a = ours.alphas_cumprod[t].reshape(-1, 1, 1)
        noised, velocity = a.sqrt() * x0 + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * x0
        pairs = {
            "add_noise": (ours.add_noise(x0, noise, t), theirs.add_noise(x0, noise, t), noised),
            "velocity": (ours.velocity(x0, noise, t), theirs.get_velocity(x0, noise, t), velocity),
        }
        for what, (our, their, exact) in pairs.items():
            assert (our - their).abs().max() < 1e-5 * (1 + exact.abs().max()), what
            assert (our - exact).abs().max() <= 2 * (their - exact).abs().max() + 1e-6, what


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
def test_our_spacings_are_those_of_ddpm_there(spacing):
    cases = [(steps, n) for steps in (1, 2, 7, 50, 100) for n in range(1, steps + 1)]
    for steps, n in cases + [(1000, n) for n in (1, 3, 7, 10, 50, 333, 500, 999, 1000)]:
        theirs = DDPMScheduler(num_train_timesteps=steps, timestep_spacing=spacing)
        theirs.set_timesteps(n)
        times = theirs.timesteps[theirs.timesteps >= 0]  # a trailing arange may overshoot by an entry below zero
        ours = inference_timesteps(NoiseSchedule(steps), n, timestep_spacing=spacing)
        assert ours.tolist() == times.tolist(), (steps, n)


# The samplers


def papers_formula(method, alphas_cumprod, times, network, path, cond, clip, eta=0.0, generator=None):
    """In float64, from each x of the path: DDPM's eqs. 6 and 7, DDIM's 12 and 16, or DPM-Solver++'s algorithm 2."""
    alpha_bar = [alphas_cumprod[t].double() for t in times] + [torch.tensor(1.0).double()]
    half_log_snr = [torch.logit(a) / 2 for a in alpha_bar]
    xs, estimates = [], []
    for i, t in enumerate(times):
        a, b, x = alpha_bar[i], alpha_bar[i + 1], path[i].double()
        output = network(path[i], torch.full((B,), t), cond).double()
        x0 = {
            "epsilon": (x - (1 - a).sqrt() * output) / a.sqrt(),
            "sample": output,
            "v_prediction": a.sqrt() * x - (1 - a).sqrt() * output,
        }[network.prediction_type]
        x0 = x0 if clip is None else x0.clamp(-clip, clip)
        estimates.append(x0)
        sigma = torch.tensor(0.0)
        if method == "ddpm":
            beta = 1 - a / b
            x = b.sqrt() * beta / (1 - a) * x0 + (a / b).sqrt() * (1 - b) / (1 - a) * x
            sigma = ((1 - b) / (1 - a) * beta).sqrt()
        elif method == "ddim":
            sigma = eta * ((1 - b) / (1 - a)).sqrt() * (1 - a / b).sqrt()
            x = b.sqrt() * x0 + (1 - b - sigma**2).sqrt() * (x - a.sqrt() * x0) / (1 - a).sqrt()
        else:
            h = half_log_snr[i + 1] - half_log_snr[i]
            if 0 < i < len(times) - 1:
                r = (half_log_snr[i] - half_log_snr[i - 1]) / h
                x0 = x0 + (x0 - estimates[-2]) / (2 * r)
            x = ((1 - b) / (1 - a)).sqrt() * x - b.sqrt() * torch.expm1(-h) * x0
        if sigma > 0:
            x = x + sigma * torch.randn(x.shape, generator=generator).double()
        xs.append(x)
    return torch.stack(xs)


def run_theirs(scheduler, network, x, cond, **options):
    path = [x]
    for t in scheduler.timesteps:
        path.append(scheduler.step(network(path[-1], t.expand(B), cond), t, path[-1], **options).prev_sample)
    return path


def compare(sampler, scheduler, network, clip, seed, **options):
    """Each step of both, from the x that diffusers has come to, with the same answer of the network."""
    x, cond, times = randn(B, HORIZON, DIM, seed=seed), randn(B, COND_DIM, seed=seed + 1), scheduler.timesteps.tolist()
    theirs_only = {"use_clipped_model_output": True} if isinstance(scheduler, DDIMScheduler) else {}
    drawing = {} if sampler is dpm_solver else {"generator": seeded(seed)}
    path = run_theirs(scheduler, network, x, cond, **options, **theirs_only, **drawing)
    led, schedule = Led(network, path), NoiseSchedule.from_alphas_cumprod(network.alphas_cumprod)
    last = sampler(led, schedule, x.clone(), cond=cond, timesteps=times, clip=clip, generator=seeded(seed), **options)
    exact = papers_formula(
        sampler.__name__, network.alphas_cumprod, times, network, path, cond, clip, generator=seeded(seed), **options
    )
    for i, (ours, theirs) in enumerate(zip([*led.seen[1:], last], path[1:], strict=True)):
        size = 1 + max(path[i].abs().max(), theirs.abs().max())
        our_error, their_error = (ours - exact[i]).abs().max(), (theirs - exact[i]).abs().max()
        assert (ours - theirs).abs().max() <= 1e-5 * size, f"step {i}: the two differ"
        assert our_error <= 2 * their_error + 1e-6, f"step {i}: ours is off by {our_error}, diffusers by {their_error}"


def betas(name, steps=T):
    return DDPMScheduler(num_train_timesteps=steps, beta_schedule=name).betas.tolist()


@every_output
@clipped_and_not
@every_schedule
def test_every_step_of_ddpm_is_that_of_diffusers(prediction_type, clip, name):
    for seed in range(5):
        scheduler = DDPMScheduler(T, beta_schedule=name, prediction_type=prediction_type, clip_sample=clip is not None)
        scheduler.set_timesteps(timesteps=random_times(seed))
        compare(ddpm, scheduler, Network(prediction_type, scheduler.alphas_cumprod, seed), clip, seed)


@every_output
@clipped_and_not
@every_schedule
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_every_step_of_ddim_is_that_of_diffusers(prediction_type, clip, name, eta):
    for steps, n, spacing in [(T, 7, "leading"), (T, 10, "leading"), (1001, 11, "trailing"), (1001, 13, "trailing")]:
        scheduler = DDIMScheduler(
            steps, trained_betas=betas(name, steps), prediction_type=prediction_type, clip_sample=clip is not None,
            timestep_spacing=spacing,
        )  # fmt: skip
        scheduler.set_timesteps(n)
        compare(ddim, scheduler, Network(prediction_type, scheduler.alphas_cumprod, n), clip, n, eta=eta)


@every_output
@clipped_and_not
@every_schedule
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # within diffusers
def test_every_step_of_dpm_solver_is_that_of_diffusers(prediction_type, clip, name):
    for seed in range(5):
        scheduler = DPMSolverMultistepScheduler(
            T, trained_betas=betas(name), prediction_type=prediction_type, thresholding=clip is not None,
            sample_max_value=1.0,
        )  # fmt: skip
        scheduler.set_timesteps(timesteps=random_times(seed, n=5 + 6 * seed))
        compare(dpm_solver, scheduler, Network(prediction_type, scheduler.alphas_cumprod, seed), clip, seed)


# Where diffusers is wrong


def distance_from_the_closed_form(x, x0, noise, alpha_bar):
    """With one point of data, DDIM must pass through sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) noise at every time."""
    a = alpha_bar.double().reshape(-1, 1, 1, 1)
    return (x - a.sqrt() * x0 - (1 - a).sqrt() * noise).abs().amax((1, 2, 3))


@pytest.mark.parametrize(("spacing", "n"), [("linspace", 7), ("linspace", 10), ("trailing", 7)])
def test_diffusers_ddim_goes_to_a_wrong_previous_step_and_ours_to_the_right_one(spacing, n):
    """Its previous step is t - T // n, whatever the next time is (its issues 11347 and 12633)."""
    theirs = DDIMScheduler(num_train_timesteps=1000, timestep_spacing=spacing, clip_sample=False, steps_offset=0)
    theirs.set_timesteps(n)
    schedule = NoiseSchedule.from_alphas_cumprod(theirs.alphas_cumprod)
    x0, noise = randn(1, HORIZON, DIM), randn(B, HORIZON, DIM, seed=1)
    exact = ExactDenoiser(schedule, x0, prediction_type="epsilon")
    start = schedule.add_noise(x0.expand_as(noise), noise, int(theirs.timesteps[0]))
    ours = ddim(exact, schedule, start, n, timestep_spacing=spacing, clip=None, trace=True)
    assert ours.timesteps.tolist() == theirs.timesteps.tolist()
    alpha_bar = schedule.alpha_bar(torch.cat([theirs.timesteps[1:], torch.tensor([-1])]))
    stepped = run_theirs(theirs, lambda xt, t, _: exact(xt, t), start, None)
    assert distance_from_the_closed_form(ours.x[1:], x0, noise, alpha_bar).max() < 1e-5
    assert distance_from_the_closed_form(torch.stack(stepped[1:]), x0, noise, alpha_bar).max() > 1e-3


def test_with_trailing_steps_that_divide_the_schedule_diffusers_ddim_is_right_as_well():
    theirs = DDIMScheduler(num_train_timesteps=1000, timestep_spacing="trailing", clip_sample=False)
    theirs.set_timesteps(10)
    schedule = NoiseSchedule.from_alphas_cumprod(theirs.alphas_cumprod)
    x0, noise = randn(1, HORIZON, DIM), randn(B, HORIZON, DIM, seed=1)
    exact = ExactDenoiser(schedule, x0, prediction_type="epsilon")
    start = schedule.add_noise(x0.expand_as(noise), noise, 999)
    alpha_bar = schedule.alpha_bar(torch.cat([theirs.timesteps[1:], torch.tensor([-1])]))
    stepped = run_theirs(theirs, lambda xt, t, _: exact(xt, t), start, None)
    assert distance_from_the_closed_form(torch.stack(stepped[1:]), x0, noise, alpha_bar).max() < 1e-4
