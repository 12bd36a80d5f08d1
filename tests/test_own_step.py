"""A learner's own step: the same numbers as the sampler that it is, in Python, in the browser and at the fork."""

import re

import numpy as np
import pytest
import torch
from live import load

from dilviz.diffusion import ExactDenoiser, NoiseSchedule, ddim, ddpm, draw_noise, sampler_from_step
from dilviz.errors import InputError
from dilviz.imitation import DiffusionPolicy, rollout
from dilviz.show.embed import page as page_of
from dilviz.show.live import LiveDenoising, LiveFork
from dilviz.show.live.denoising import MIXTURES, PER_SEED
from dilviz.tasks import TASKS, shipped
from tests.test_live_denoising import FLOW, SAYS, at_the_end, on_the_data

SCHEDULE = NoiseSchedule(53)


def ddim_step(xt, x0, alpha_bar_t, alpha_bar_s):
    noise = (xt - alpha_bar_t.sqrt() * x0) / (1 - alpha_bar_t).sqrt()
    return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s).sqrt() * noise


def without_a_root(xt, x0, alpha_bar_t, alpha_bar_s):
    noise = (xt - alpha_bar_t.sqrt() * x0) / (1 - alpha_bar_t)
    return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s).sqrt() * noise


def sampled(sampler, n=7):
    exact = ExactDenoiser(SCHEDULE, torch.tensor([-0.6, 0.1, 0.7]).reshape(3, 1, 1), std=0.1)
    return sampler(exact, SCHEDULE, draw_noise((101, 1, 1)), n, timestep_spacing="linspace", clip=None)


@pytest.mark.parametrize("n", [1, 2, 7, 53])
def test_the_shipped_sampler_as_a_step_gives_the_same_samples(n):
    torch.testing.assert_close(sampled(sampler_from_step(ddim_step), n), sampled(ddim, n), rtol=0, atol=1e-6)


def test_a_step_that_works_in_place_is_taken_as_it_is():
    def in_place(xt, x0, alpha_bar_t, alpha_bar_s):
        xt -= alpha_bar_t.sqrt() * x0
        xt *= ((1 - alpha_bar_s) / (1 - alpha_bar_t)).sqrt()
        return xt.add_(alpha_bar_s.sqrt() * x0)

    torch.testing.assert_close(sampled(sampler_from_step(in_place)), sampled(ddim), rtol=0, atol=1e-6)


def test_a_forgotten_root_is_seen():
    wrong, right = sampled(sampler_from_step(without_a_root)), sampled(ddim)
    assert (wrong - right).abs().mean() > 0.1


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (lambda xt, x0, t, s: None, "gives NoneType; it must return x_s"),
        (lambda xt, x0, t, s: xt[:1], r"gives a tensor of shape \(1, 2, 5\)"),
        (lambda xt, x0, t, s: t, "gives a tensor of shape \\(\\)"),
        (lambda xt, x0, t, s: xt.square(), "is not a · xt"),
        (lambda xt, x0, t, s: xt.flip(0) + x0, "is not a · xt"),
        (lambda xt, x0, t, s: xt + 0.1, "is not a · xt"),
        (lambda xt, x0, t, s: xt + 0.1 * torch.randn(xt.shape, generator=NOISE), "no fresh noise"),
        (lambda xt, x0, t, s: x0.clamp(-1, 1) + xt, "is not a · xt"),
        (lambda xt, x0, t, s: xt / (1 - s), "not finite from alpha_bar_t = 0.9 to alpha_bar_s = 1"),
    ],
    ids=["nothing", "a row", "a number", "a square", "flipped", "added", "noise", "clipped", "divided by zero"],
)
def test_what_is_no_such_step_is_refused_in_a_sentence(step, says):
    with pytest.raises(InputError, match=says):
        sampler_from_step(step)


NOISE = torch.Generator().manual_seed(0)


def test_a_step_that_breaks_between_the_levels_that_were_tried_is_refused_where_it_breaks():
    def step(xt, x0, alpha_bar_t, alpha_bar_s):
        return xt.square() if 0.5 < alpha_bar_t < 0.6 else ddim_step(xt, x0, alpha_bar_t, alpha_bar_s)

    with pytest.raises(InputError, match=r"from alpha_bar_t = 0\.5"):
        sampled(sampler_from_step(step), 53)


# At the fork


def test_the_fork_is_driven_as_by_ddim():
    policy, task = shipped("fork", "diffusion"), TASKS["fork"]
    assert isinstance(policy, DiffusionPolicy)
    known = rollout(policy.use("ddim", 10), task, range(50))
    own = rollout(policy.use(sampler_from_step(ddim_step), 10), task, range(50))
    assert own.success.tolist() == known.success.tolist()
    assert own.mode.tolist() == known.mode.tolist()
    np.testing.assert_allclose(own.last, known.last, atol=1e-4)
    wrong = rollout(policy.use(sampler_from_step(without_a_root), 10), task, range(50))
    assert wrong.success.mean() < known.success.mean() - 0.2


def test_a_policy_with_an_own_sampler_is_not_saved_and_one_with_a_shipped_one_is(tmp_path):
    policy = shipped("fork", "diffusion").use(sampler_from_step(ddim_step), 5)
    with pytest.raises(InputError, match="a sampler of your own is code"):
        policy.save(tmp_path / "policy.safetensors", {})
    assert not list(tmp_path.iterdir())
    policy.use(ddpm, 5).save(tmp_path / "policy.safetensors", {})
    assert DiffusionPolicy.load(tmp_path / "policy.safetensors").sampler == "ddpm"
    with pytest.raises(InputError, match="eta belongs to the sampler ddim"):
        policy.use(sampler_from_step(ddim_step), 5, eta=0.5)


def test_the_live_fork_runs_an_own_step():
    policy = shipped("fork", "diffusion")
    known = LiveFork(policy.use("ddim", 10)).diffusion["plans"]
    own = LiveFork(policy.use(sampler_from_step(ddim_step), 10)).diffusion["plans"]
    assert own == known


# In the animation


def test_the_animation_offers_it_first_beside_ddim_and_no_other_animation_does():
    demo = LiveDenoising(step=ddim_step)
    assert (demo.sampler, demo.compare) == ("yours", "ddim")
    assert "yours" in demo.bounds["sampler"]["options"] and "yours" in demo.bounds["compare"]["options"]
    assert LiveDenoising(step=ddim_step, compare="none", sampler="ddpm").compare == "none"
    with pytest.raises(InputError, match="sampler is 'yours'; take one of ddpm, ddim, dpm_solver"):
        LiveDenoising(sampler="yours")
    assert not [name for name in LiveDenoising().plans["index"] if name.startswith("yours")]
    with pytest.raises(InputError, match="is not a · xt"):
        LiveDenoising(step=lambda xt, x0, t, s: xt.square())


def test_its_particles_are_those_of_the_sampler_that_it_is():
    state = {"mixture": "two moons", "steps": 20, "spacing": "leading", "seed": 7}
    known, own = LiveDenoising(sampler="ddim", **state), LiveDenoising(step=ddim_step, **state)
    np.testing.assert_allclose(own.flow(100), known.flow(100), atol=1e-6)
    wrong = LiveDenoising(step=without_a_root, **state)
    assert np.abs(wrong.flow(100)[-1] - known.flow(100)[-1]).mean() > 0.1


@pytest.mark.parametrize("step", [ddim_step, without_a_root])
def test_the_browser_moves_particles_by_it_as_python_does(browser, step):
    demo = LiveDenoising(step=step, mixture="uneven heaps", steps=10, seed=3)
    choice = ["yours", demo.steps, demo.spacing, demo.eta]
    mixture = MIXTURES[demo.mixture].plain()
    got = load(browser, "denoising.js").evaluate(FLOW, [demo.plans, mixture, choice, PER_SEED * demo.seed, 53])
    wanted = demo.flow(53).reshape(11, -1)
    np.testing.assert_allclose(np.array(got), wanted, atol=1e-3 * (1 + np.abs(wanted).max()))


def test_the_menu_shows_yours_and_counts_its_particles(browser, tmp_path):
    demo = LiveDenoising(step=without_a_root, mixture="two heaps", steps=10, particles=100)
    path, page = tmp_path / "page.html", browser.new_page(viewport={"width": 920, "height": 900})
    path.write_bytes(page_of(demo))
    page.goto(path.as_uri())
    page.wait_for_function(SAYS, arg="On the data")
    for menu in ("sampler", "compare with"):
        assert "yours" in page.get_by_label(menu, exact=True).locator("option").all_inner_texts()
    at_the_end(page)
    said = page.locator(".words").inner_text()
    on = on_the_data(demo.flow(100)[-1], MIXTURES["two heaps"])
    assert re.search(rf"yours {on}\b", said)
    page.get_by_label("sampler", exact=True).select_option("DDPM")
    page.wait_for_function(SAYS, arg="DDPM")
    page.get_by_label("sampler", exact=True).select_option("yours")
    page.wait_for_function(SAYS, arg=f"yours {on}")
    page.close()
