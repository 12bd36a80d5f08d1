"""Forward noising, live: the browser's numbers are Python's, what is refused, and the widget in JupyterLab."""

import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import product

import nbformat
import numpy as np
import pytest
from browser import Lab
from live import load

from dilviz.diffusion import BETA_SCHEDULES, CounterGenerator, NoiseSchedule
from dilviz.errors import InputError, MissingExtra
from dilviz.show import live
from dilviz.show.base import rounded
from dilviz.show.datasets import DATASETS
from dilviz.show.live import LiveNoising
from dilviz.show.live.noising import UNMOVED
from dilviz.show.noising import TIMESTEPS, make_schedule, noised, shown

BENT = (0.2, -0.1, 0.0, 0.3, -0.3, 0.1, 0.0, 0.0, 0.25, 0.4, -0.1, 0.0)
XT = """([packed, table, shift, seed, t]) => {
  const { makeSet, drag, floats, normals, levelAt, addNoise, placesOf } = window.dilviz;
  const set = makeSet(packed);
  const x0 = drag(set, shift);
  const xt = addNoise(x0, normals(seed, 0, x0.length), levelAt(floats(table), t));
  return [xt, placesOf(set, x0), placesOf(set, xt)].map((numbers) => [...numbers]);
}"""
LEVELS = "([table, t]) => t.map((t) => Object.values(dilviz.levelAt(dilviz.floats(table), t)))"
WORDS = "() => document.querySelector('.dilviz-live .words')?.textContent"
INK = """() => {
  const canvas = document.querySelector(".dilviz-live canvas");
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].join("");
}"""
CELLS = [
    "from dilviz.show.live import LiveNoising\ndemo = LiveNoising()\ndemo",
    "demo.t = 5",
    "print(demo)",
]


@pytest.fixture(scope="module")
def page(browser):
    return load(browser, "noising.js")


def table_of(demo):
    index = demo.tables["index"].get(f"{demo.schedule} {demo.T} {str(demo.fit).lower()}", 0)
    return demo.tables["texts"][index]


# The same numbers


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize(("shift", "seed", "t"), [(UNMOVED, 0, 2), (BENT, 7, -1), (BENT, 41, 49)])
def test_the_browser_draws_what_python_computes(page, name, shift, seed, t):
    demo = LiveNoising(data=name, seed=seed, t=t, shift=shift)
    xt, clean, noisy = page.evaluate(XT, [demo.sets[name], table_of(demo), list(shift), seed, t])
    data = demo.dragged()
    noise = CounterGenerator(seed).randn(tuple(data.x0.shape))
    np.testing.assert_allclose(xt, NoiseSchedule(50).add_noise(data.x0, noise, t).flatten(), atol=1e-5)
    for places, ours in zip((clean, noisy), noised(NoiseSchedule(50), data, t, seed), strict=True):
        np.testing.assert_allclose(places, ours.flatten(), atol=1e-5)


def test_every_schedule_is_python_s_at_every_time(page):
    demo = LiveNoising()
    for name, T, fit in product(BETA_SCHEDULES, TIMESTEPS, (False, True)):
        demo.schedule, demo.T, demo.fit = name, T, fit
        times = [-1, 0, 1, 2.5, T // 2, T - 1]
        alpha_bar = make_schedule(T, name, fit).alpha_bar(times).numpy()
        ours = np.sqrt(np.stack([alpha_bar, 1 - alpha_bar], axis=1))
        levels = page.evaluate(LEVELS, [table_of(demo), times])
        np.testing.assert_allclose(levels, ours, rtol=3e-6, err_msg=f"{name} {T} {fit}")


def test_the_browser_rounds_as_python_does(page):
    values = [*np.random.default_rng(0).uniform(1e-4, 1, 500), 0.0, 1.0, 0.9135, 1e-13]
    texts = page.evaluate("(values) => values.map(dilviz.threeDigits)", values)
    assert texts == [rounded(value) for value in values]


@pytest.mark.parametrize("name", DATASETS)
def test_a_handle_goes_where_it_is_dragged(name):
    demo = LiveNoising(data=name, shift=BENT)
    before, after = (data.positions(data.x0).numpy() for data in (shown(name), demo.dragged()))
    for k, (row, at) in enumerate(demo.sets[name]["handles"]):
        np.testing.assert_allclose(after[row, at] - before[row, at], BENT[2 * k : 2 * k + 2], atol=1e-6)


def test_of_points_each_heap_goes_as_a_whole():
    by = LiveNoising(data="fork: points", shift=BENT).dragged().x0 - shown("fork: points").x0
    left = shown("fork: points").x0[:, 0, 0] < 0
    np.testing.assert_allclose(by[left, 0], np.tile([0.2, -0.1], (int(left.sum()), 1)), atol=1e-6)
    np.testing.assert_allclose(by[~left, 0], np.tile([0.0, 0.3], (int((~left).sum()), 1)), atol=1e-6)


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("shift", [(2.0,) * 12, (-2.0, 2.0) * 6])
def test_what_is_dragged_stays_in_view_as_in_the_browser(page, name, shift):
    demo = LiveNoising(shift=shift, data=name)
    data = demo.dragged()
    places = data.positions(data.x0).numpy()
    there = [places[row, at] for row, at in demo.sets[name]["handles"]]
    np.testing.assert_allclose(np.abs(there), 1, atol=1e-5)
    kept = "([set, shift, room]) => dilviz.kept(dilviz.homesOf(dilviz.makeSet(set)), shift, room)"
    np.testing.assert_allclose(page.evaluate(kept, [demo.sets[name], list(shift), demo.room]), demo.shift, atol=1e-5)
    held = demo.shift
    demo.shift = held
    assert demo.shift == held


# The state


def test_time_stays_below_t():
    demo = LiveNoising(T=100, t=99)
    demo.T = 10
    assert demo.t == 9
    demo.T = 1000
    demo.t = 999
    assert (demo.T, demo.t) == (1000, 999)


def test_other_data_lies_unmoved():
    demo = LiveNoising(shift=BENT)
    demo.data = "fork: points"
    assert demo.shift == UNMOVED


def test_a_schedule_of_ones_own_takes_the_place_of_the_choices():
    own = NoiseSchedule(7, "linear", 0.05, 0.5)
    demo = LiveNoising(own, data="fork: points")
    assert list(demo.bounds) == ["data", "t", "seed", "shift"]
    assert demo.bounds["t"]["high"] == 6
    assert demo.chosen() is own
    assert repr(demo) == f"LiveNoising(data='fork: points', t=2, seed=0, shift=({', '.join('0' * 12)}))"
    assert len(demo.tables["texts"]) == 1
    for name, value in (("T", 1000), ("schedule", "linear"), ("fit", False)):
        with pytest.raises(InputError, match=f"{name} belongs to the schedule that was given; make a LiveNoising of"):
            setattr(demo, name, value)
    assert (demo.T, demo.chosen()) == (7, own)
    assert LiveNoising(NoiseSchedule(2)).t == 1
    assert "schedule" in LiveNoising().bounds  # another's bounds are not touched


def test_data_whose_package_is_missing_is_not_offered(monkeypatch):
    def missing():
        raise MissingExtra("the lander needs Box2D: pip install 'gymnasium[box2d]'")

    monkeypatch.setitem(DATASETS, "lander: landings", missing)
    live.noising._pack_sets.cache_clear()
    demo = LiveNoising()
    live.noising._pack_sets.cache_clear()
    assert list(demo.sets) == [name for name in DATASETS if not name.startswith("lander")]
    with pytest.raises(MissingExtra, match="needs Box2D"):
        demo.data = "lander: landings"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"data": "zork"}, "data is 'zork'; take one of fork: walks, .*landings\\."),
        ({"t": 50}, r"t is 50; give a whole number from -1 to 49\."),
        ({"t": "now"}, r"t is 'now'; give a whole number from -1 to 49\."),
        ({"t": 0.5}, r"t is 0\.5; give a whole number from -1 to 49\."),
        ({"T": 7}, r"T is 7; take one of 10, 20, .*1000\."),
        ({"schedule": "steep"}, r"schedule is 'steep'; take one of linear, .*\."),
        ({"schedule": NoiseSchedule(5), "t": 5}, r"t is 5; give a whole number from -1 to 4\."),
        ({"schedule": NoiseSchedule(5), "T": 10}, r"noising has no 'T'; choose from data, t, seed, shift\."),
        ({"shift": (0.1, 0.2)}, r"shift is \(0\.1, 0\.2\); give 12 numbers from -2 to 2\."),
        ({"seed": -1}, r"seed is -1; give a whole number from 0 to 99\."),
        ({"speed": 1}, r"noising has no 'speed'; choose from data, schedule, T, fit, t, seed, shift\."),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_sentence(state, says):
    with pytest.raises(InputError, match=f"^{says}$"):
        LiveNoising(**state)


def test_a_refused_value_leaves_the_state():
    demo = LiveNoising(t=5)
    with pytest.raises(InputError):
        demo.t = 50
    with pytest.raises(InputError):
        demo.T = 7
    assert (demo.t, demo.T) == (5, 50)


# What a page carries


def test_a_page_of_it_is_light():
    assert len(json.dumps(LiveNoising().values())) + len(live.source.joined("page.js", "noising.js")) < 150_000


@pytest.mark.parametrize("name", DATASETS)
def test_the_still_shows_the_state_and_has_no_style(name):
    demo = LiveNoising("linear", data=name, T=100, fit=False)
    still, dragged = demo.still(), LiveNoising("linear", data=name, T=100, fit=False, shift=BENT).still()
    assert "style" not in still
    assert len(still) < 16_000
    root = ElementTree.fromstring(still)
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "clean"
    assert texts[3] == f"t = 50, ᾱ = {rounded(make_schedule(100, 'linear', False).alpha_bar(50))}"
    assert still != dragged


# In JupyterLab


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("noising")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "noising.ipynb")
    with Lab(root) as lab:
        notebook = lab.open(browser, "noising.ipynb", height=1400)
        notebook.run_all()
        wait_says(notebook, "t = 5 of 0 … 49")
        yield notebook
        assert notebook.errors() == []


@pytest.fixture
def notebook(opened):
    opened.page.get_by_role("button", name="Reset").click()
    wait_says(opened, "t = 2 of 0 … 49")
    return opened


def wait_says(notebook, words):
    """Waits until the sentence below the picture begins so."""
    notebook.page.wait_for_function(f"(words) => ({WORDS})()?.startsWith(words)", arg=words)


def wait_drawn(notebook, before):
    """Waits until the picture is another one."""
    notebook.page.wait_for_function(f"(before) => ({INK})() !== before", arg=before)


def state_in_python(notebook, until):
    """What Python prints of the demo, once it has heard `until`; the kernel hears of a change when it gets to it."""
    for _ in range(50):
        notebook.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 2; }")
        notebook.page.evaluate("() => jupyterapp.commands.execute('notebook:run-cell')")
        notebook.wait_idle()
        if re.search(until, notebook.text(2)):
            break
    return notebook.text(2)


def test_python_moves_it_and_a_key_moves_it_back(opened):
    assert "t=5" in opened.text(2)
    before = opened.page.evaluate(INK)
    opened.page.get_by_label("t", exact=True).press("ArrowLeft")
    wait_says(opened, "t = 4 of 0 … 49")
    wait_drawn(opened, before)
    assert "t=4," in state_in_python(opened, "t=4,")


def test_a_handle_that_is_dragged_is_seen_from_python(notebook):
    before, mouse = notebook.page.evaluate(INK), notebook.page.mouse
    handle = notebook.page.get_by_role("button", name=re.compile("Move point 3"))
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 20, y - 10, steps=4)
    mouse.up()
    wait_drawn(notebook, before)
    said = state_in_python(notebook, r"shift=\(0, 0, 0, 0, -0\.")
    dx, dy = (float(number) for number in re.search(r"shift=\(0, 0, 0, 0, (\S+), (\S+),", said).groups())
    assert dx == pytest.approx(-2 * dy, rel=0.05)
    assert dy > 0


def test_arrows_move_a_handle_that_has_the_focus(notebook):
    before = notebook.page.evaluate(INK)
    notebook.page.get_by_role("button", name=re.compile("Move point 6")).press("ArrowUp")
    wait_drawn(notebook, before)
    assert "0, 0.05))" in state_in_python(notebook, r"0\.05\)\)")


def test_every_control_moves_the_picture_and_reset_restores_it(notebook):
    controls = notebook.page.locator(".dilviz-live")
    first = notebook.page.evaluate(INK)
    for name, act in [
        ("data", lambda c: c.select_option("fork: points")),
        ("seed", lambda c: c.press("ArrowRight")),
        ("schedule", lambda c: c.select_option("sigmoid")),
        ("T", lambda c: c.select_option("10")),
    ]:
        before = notebook.page.evaluate(INK)
        act(controls.get_by_label(name, exact=True))
        wait_drawn(notebook, before)
    before = notebook.page.evaluate(INK)
    controls.get_by_label("fit betas to T").click()
    wait_drawn(notebook, before)
    notebook.page.get_by_role("button", name="Reset").click()
    notebook.page.evaluate("() => document.activeElement.blur()")
    notebook.page.wait_for_function(f"(first) => ({INK})() === first", arg=first)
    assert controls.get_by_label("fit betas to T").is_disabled()  # the cosine fits by itself


def test_play_runs_to_the_end_and_begins_anew(notebook):
    notebook.page.get_by_label("speed").select_option("4")
    notebook.page.get_by_role("button", name="Play").click()
    wait_says(notebook, "t = 49 of 0 … 49")
    notebook.page.get_by_role("button", name="Play").click()
    notebook.page.wait_for_function(f"() => !({WORDS})().startsWith('t = 49')")
    notebook.page.get_by_role("button", name="Pause").click()
