"""Denoising, live: the browser computes what Python does, and its page moves, scrubs and compares."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from live import load

from dilviz.diffusion import SAMPLERS, CounterGenerator, ExactDenoiser, draw_noise
from dilviz.diffusion.timesteps import SPACINGS
from dilviz.errors import InputError
from dilviz.show.embed import page as page_of
from dilviz.show.live import LiveDenoising
from dilviz.show.live.denoising import MIXTURES, PER_SEED, SCHEDULE, STEPS, Mixture, pack_plans

EXACT = """([mixture, ...level]) => {
  const both = [dilviz.exactX0(mixture, ...level), dilviz.exactScore(mixture, ...level)];
  return both.map((numbers) => [...numbers]);
}"""
FLOW = """([plans, mixture, choice, first, count]) => {
  const flow = dilviz.makeFlow(mixture, dilviz.planOf(plans, ...choice), dilviz.makeNoise(first, count));
  for (const _ of flow.plan) flow.extend();
  return flow.xs.map((x) => [...x]);
}"""
SVG = "{http://www.w3.org/2000/svg}"
PICTURE = "() => document.querySelector('canvas').toDataURL()"
CHANGED = "(before) => document.querySelector('canvas').toDataURL() !== before"
SAYS = "(text) => document.querySelector('.words').textContent.includes(text)"
# The left halves of the two flows, without their titles: no handle and no label lies there.
HALVES = """() => {
  const canvas = document.querySelector('canvas');
  const side = (canvas.width - 16) / 2;
  return [0, side + 16].map((left) => {
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [side / 2, side];
    copy.getContext('2d').drawImage(canvas, left, 24, side / 2, side, 0, 0, side / 2, side);
    return copy.toDataURL();
  });
}"""


# What Python says


def on_the_data(places, mixture):
    far = np.linalg.norm(places[:, None] - mixture.means, axis=2).min(1)
    return int((far < 3 * mixture.std).sum())


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"steps": 7}, "steps is 7"),
        ({"sampler": "none"}, "sampler is 'none'"),
        ({"compare": "euler"}, "compare is 'euler'"),
        ({"mixture": "three heaps"}, "mixture is 'three heaps'"),
        ({"eta": 0.3}, "eta is 0.3"),
        ({"particles": 10_000}, "particles is 10000"),
        ({"shift": (0, 9)}, r"shift is \(0, 9\)"),
        ({"spread": 1}, "no 'spread'"),
    ],
)
def test_a_state_that_cannot_be_is_refused_in_a_sentence(state, says):
    with pytest.raises(InputError, match=says):
        LiveDenoising(**state)


def test_what_is_refused_changes_nothing():
    demo = LiveDenoising(mixture="two moons", steps=50, shift=(0.5, 1))
    with pytest.raises(InputError):
        demo.steps = 51
    assert repr(demo).startswith("LiveDenoising(mixture='two moons', shift=(0.5, 1), sampler='ddim'")
    assert demo.steps == 50


KEPT = "([home, shift, room]) => dilviz.kept(home, shift, room)"


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("shift", [(4, -4), (-4, 4)])
def test_the_heap_stays_in_the_picture_as_in_the_browser(code, name, shift):
    demo, home = LiveDenoising(shift=shift, mixture=name), MIXTURES[name].means[0]
    np.testing.assert_allclose(home + demo.shift, np.sign(shift) * demo.room)
    assert demo.shift == tuple(code.evaluate(KEPT, [home.tolist(), list(shift), demo.room]))
    held = demo.shift
    demo.shift = held
    assert demo.shift == held


def test_a_heap_of_other_data_stays_in_the_picture():
    demo = LiveDenoising(mixture="two heaps", shift=(3.2, 0))
    demo.mixture = "ring of eight"
    assert demo.shift == pytest.approx((0.4, 0))


@pytest.mark.parametrize("name", MIXTURES)
def test_the_data_is_within_the_picture_and_about_as_wide_as_the_noise(name):
    mixture = MIXTURES[name]
    assert mixture.weights.sum() == pytest.approx(1)
    assert np.abs(mixture.means).max() + 3 * mixture.std < LiveDenoising().reach
    assert 0.7 < np.sqrt((mixture.weights @ mixture.means**2).sum()) / np.sqrt(2) < 1.3


def test_each_choice_has_a_plan_and_equal_ones_are_kept_once():
    plans = pack_plans()
    assert len(plans["index"]) == (2 + 5) * len(STEPS) * len(SPACINGS)
    assert len(set(plans["texts"])) == len(plans["texts"])
    assert len({plans["index"][f"ddim 100 {spacing} 0.5"] for spacing in SPACINGS}) == 1
    assert plans["index"]["ddim 10 trailing 0"] != plans["index"]["ddim 10 leading 0"]


def test_the_page_is_light():
    assert len(page_of(LiveDenoising())) < 200_000


def test_the_still_shows_noise_halfway_and_data():
    demo = LiveDenoising(mixture="two heaps", steps=100, sampler="ddpm")
    drawing = ElementTree.fromstring(demo.still())
    assert [text.text for text in drawing.iter(f"{SVG}text")] == ["noise", "halfway", "data"]
    assert not [node for node in drawing.iter() if "style" in node.attrib]
    spreads = []
    for path in drawing.iter(f"{SVG}path"):
        dots = np.array(re.findall(r"M(-?\d+) (-?\d+)h0", path.get("d")), int)
        assert len(dots) == 100
        spreads.append(dots.std(0))
    noise, _, data = spreads
    assert noise[0] == pytest.approx(noise[1], rel=0.3)
    assert data[0] > 3 * data[1]  # two heaps beside each other
    assert len(demo.still()) < 6_000


def test_with_all_steps_particles_land_on_the_data():
    for sampler in SAMPLERS:
        demo = LiveDenoising(sampler=sampler, steps=100, seed=3, mixture="uneven heaps", shift=(0.3, -0.4))
        moved = MIXTURES["uneven heaps"].means + np.array([[0.3, -0.4], [0, 0], [0, 0]])
        assert on_the_data(demo.flow(100)[-1], Mixture(moved, np.ones(3) / 3, 0.2)) >= 95


# The browser beside Python


@pytest.fixture(scope="module")
def code(browser):
    return load(browser, "denoising.js")


def random_mixture(rng):
    count = rng.integers(1, 10)
    weights = rng.uniform(0.05, 1, count)
    return Mixture(rng.normal(0, 1, (count, 2)), weights / weights.sum(), float(rng.uniform(0.05, 0.5)))


def test_denoiser_and_score_are_pythons(code):
    rng = np.random.default_rng(5)
    for _ in range(60):
        mixture, t = random_mixture(rng), int(rng.integers(0, len(SCHEDULE)))
        alpha_bar = float(SCHEDULE.alpha_bar(torch.tensor(t)))
        x = torch.from_numpy(rng.normal(0, 1.3, (17, 1, 2)))
        means, weights = torch.from_numpy(mixture.means), torch.from_numpy(mixture.weights)
        exact = ExactDenoiser(SCHEDULE, means[:, None], weights, mixture.std)
        x0 = exact(x, torch.tensor([t])).flatten().numpy()
        plain = {"means": mixture.means.tolist(), "weights": mixture.weights.tolist(), "std": mixture.std}
        places = x.flatten().tolist()
        got, score = code.evaluate(EXACT, [plain, places, np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)])
        np.testing.assert_allclose(got, x0, rtol=1e-4, atol=1e-6)
        tweedie = (np.sqrt(alpha_bar) * x0 - np.array(places)) / (1 - alpha_bar)
        np.testing.assert_allclose(score, tweedie, rtol=1e-4, atol=1e-4)


CHOICES = [
    ("ddpm", 100, "trailing", {}),
    ("ddpm", 5, "linspace", {}),
    ("ddim", 50, "leading", {"eta": 0.0}),
    ("ddim", 10, "trailing", {"eta": 0.75}),
    ("ddim", 1, "trailing", {"eta": 1.0}),
    ("dpm_solver", 20, "trailing", {}),
    ("dpm_solver", 3, "leading", {}),
]


@pytest.mark.parametrize(("sampler", "steps", "spacing", "options"), CHOICES)
@pytest.mark.parametrize("name", ["uneven heaps", "two moons"])
def test_whole_flows_are_pythons(code, sampler, steps, spacing, options, name):
    mixture, seed, count = MIXTURES[name], 4, 53
    generators = [CounterGenerator(PER_SEED * seed + k) for k in range(count)]
    noise = draw_noise((count, 1, 2), generators)
    settings = {"timestep_spacing": spacing, "clip": None, "generator": generators, "trace": True}
    trace = SAMPLERS[sampler](mixture.denoiser(), SCHEDULE, noise, steps, **settings, **options)
    choice = [sampler, steps, spacing, options.get("eta", 0)]
    got = np.array(code.evaluate(FLOW, [pack_plans(), mixture.plain(), choice, PER_SEED * seed, count]))
    wanted = trace.x.flatten(1).numpy()
    assert got.shape == wanted.shape == (steps + 1, 2 * count)
    np.testing.assert_allclose(got, wanted, atol=1e-3 * (1 + np.abs(wanted).max()))


# The page


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the demo's page in a state, and holds that nothing was thrown, refused or asked for."""
    found, contexts = [], []

    def open_page(state="", width=920, **context):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **context))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: found.append(str(error)))
        page.on("console", lambda message: found.append(message.text))
        path = tmp_path / "page.html"
        path.write_bytes(page_of(LiveDenoising()))
        page.goto(f"{path.as_uri()}#{state}")
        page.wait_for_function(SAYS, arg="On the data")
        return page

    yield open_page
    assert not found
    for context in contexts:
        context.close()


def scrub(page, key):
    page.get_by_label("time").press(key)


def counts(page):
    """How many are on the data, as the sentence says: by name, true data last."""
    said = re.findall(r"(DDIM|DDPM|DPM-Solver\+\+|true data) (\d+)", page.locator(".words").inner_text())
    return {name: int(number) for name, number in said}


def at_the_end(page):
    scrub(page, "End")
    page.wait_for_function(SAYS, arg="Clean")
    return counts(page)


def test_play_moves_the_particles_and_pause_holds_them(opened):
    page = opened()
    page.get_by_role("button", name="Pause").click()
    at, before = page.get_by_label("time").input_value(), page.evaluate(PICTURE)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("(at) => Number(document.querySelector('.time input').value) > Number(at) + 20", arg=at)
    page.wait_for_function(CHANGED, arg=before)


def test_scrubbed_to_the_end_as_many_are_on_the_data_as_in_python(opened):
    page = opened("mixture=two moons&steps=20&sampler=ddpm&compare=dpm_solver&seed=11&particles=100")
    said = at_the_end(page)
    for name, sampler in (("DDPM", "ddpm"), ("DPM-Solver++", "dpm_solver")):
        demo = LiveDenoising(mixture="two moons", steps=20, sampler=sampler, seed=11)
        assert abs(said[name] - on_the_data(demo.flow(100)[-1], MIXTURES["two moons"])) <= 1  # on the rim
    assert said["true data"] in (99, 100)


def test_another_sampler_by_keyboard_is_another_picture(opened):
    page = opened("compare=none&steps=5")
    few, before = at_the_end(page), page.evaluate(PICTURE)
    page.get_by_label("sampler", exact=True).press("ArrowDown")
    page.wait_for_function(SAYS, arg="DPM-Solver++")
    page.wait_for_function(CHANGED, arg=before)
    assert counts(page)["DPM-Solver++"] != few["DDIM"]
    page.wait_for_function("() => location.hash.includes('sampler=dpm_solver')")


def test_side_by_side_both_start_from_the_same_noise(opened):
    page = opened("sampler=ddim&compare=ddpm&steps=20")
    scrub(page, "Home")
    page.wait_for_function(SAYS, arg="t = 99")
    page.wait_for_function(f"() => {{ const [a, b] = ({HALVES})(); return a === b; }}")
    at_the_end(page)
    page.wait_for_function(f"() => {{ const [a, b] = ({HALVES})(); return a !== b; }}")


def test_a_dragged_heap_takes_particles_along(opened):
    page = opened("mixture=two heaps&steps=50&particles=100")
    at_the_end(page)
    before = page.evaluate(PICTURE)
    handle = page.get_by_role("button", name="Move a heap")
    for _ in range(6):
        handle.press("Shift+ArrowUp")
    page.wait_for_function("() => location.hash.includes('shift=0,1.5')")
    page.wait_for_function(CHANGED, arg=before)
    assert min(counts(page).values()) >= 95
    page.get_by_label("data", exact=True).select_option("two moons")  # as it is known
    page.wait_for_function("() => !location.hash.includes('shift')")


@pytest.mark.parametrize("state", ["shift=4,-4", "mixture=two heaps&shift=-4,4"])
def test_an_address_that_puts_the_heap_outside_puts_it_to_the_edge(opened, state):
    page = opened(state, width=320)
    page.wait_for_function("() => /shift=(0.4,-2|-0.8,2)$/.test(location.hash)")
    handle = page.get_by_role("button", name="Move a heap")
    handle.focus()
    inside = page.locator(".scene").evaluate("(scene) => [scene.scrollTop, scene.scrollLeft]")
    ours, scene = handle.bounding_box(), page.locator(".scene").bounding_box()
    assert inside == [0, 0]
    for start, size in (("x", "width"), ("y", "height")):
        assert scene[start] <= ours[start] and ours[start] + ours[size] <= scene[start] + scene[size]


def test_what_is_dragged_to_the_edge_is_restored_from_the_address(opened):
    page = opened("sampler=ddim&compare=none")
    handle = page.get_by_role("button", name="Move a heap")
    for _ in range(20):
        handle.press("Shift+ArrowLeft")
    page.wait_for_function("() => location.hash.includes('shift=-3.6,0')")
    said = handle.get_attribute("aria-label")
    page.reload()
    page.wait_for_function(SAYS, arg="On the data")
    assert page.get_by_role("button", name="Move a heap").get_attribute("aria-label") == said
    assert LiveDenoising(shift=(-3.6, 0)).shift == pytest.approx((-3.6, 0))


def test_eta_is_there_for_ddim_alone(opened):
    page = opened("sampler=ddpm&compare=dpm_solver")
    eta = page.get_by_label("eta")
    assert eta.is_disabled()
    page.get_by_label("compare with").select_option("DDIM")
    assert eta.is_enabled()


def test_who_wants_little_movement_sees_the_end(opened):
    page = opened(reduced_motion="reduce")
    page.wait_for_function(SAYS, arg="Clean")
    assert page.get_by_role("button", name="Play").is_visible()


@pytest.mark.parametrize("width", [320, 360, 960, 1280])
def test_nothing_is_wider_than_the_page(opened, width):
    page = opened("mixture=uneven heaps&sampler=dpm_solver", width=width)
    at_the_end(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
