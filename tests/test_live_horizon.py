"""Receding horizon, live: what is dragged on the tape is what the agents do, and what they do is what Python's do."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from live import load
from pages import demo_ready, opened, wait

from dilviz.diffusion import CounterGenerator
from dilviz.envs.fork import FORK
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.show.embed import page as page_of
from dilviz.show.fork import FromStarts
from dilviz.show.live import LiveHorizon
from dilviz.show.live.horizon import horizon_policy, start_of
from dilviz.show.live.weights import rounded_policy

WORDS = "() => document.querySelector('.words').textContent"
ENDED = f"() => !({WORDS})().includes('on the way')"
COUNTED = f"() => !({WORDS})().includes('Counting')"
CREWS = """([packed, place, rules, settings, count]) => settings.map(([seen, acted, delay]) => {
  const { makePolicy, makeCrew, walkOut } = window.dilviz;
  const seeds = Array.from({ length: count }, (_, k) => k);
  const crew = makeCrew(makePolicy(packed[seen]), place, rules, { steps: 10, acted, delay, wind: 0 }, seeds);
  return walkOut(crew).agents.map(({ outcome, places }) => ({ outcome, places }));
})"""


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "horizon.html"
    path.write_bytes(page_of(LiveHorizon()))
    return path.as_uri()


@pytest.fixture
def shown(browser, html):
    """Opens the page at a state; pictures stand still."""
    contexts = []

    def show(state):
        contexts.append(opened(browser, f"{html}#{state}", reduced_motion="reduce"))
        demo = contexts[-1].__enter__()
        demo_ready(demo.page)
        return demo

    yield show
    for context in contexts:
        context.__exit__(None, None, None)


def grip(page, row):
    return page.get_by_role("button", name=re.compile(f"^Move how many steps it {row}:"))


def shows(page, *wanted):
    """Waits until the tape says so: labels follow with the next picture."""
    labels = "[...document.querySelectorAll('.handle[data-name^=how]')].map((one) => one.ariaLabel.split(' ').pop())"
    wait(page, f"(wanted) => String({labels}) === wanted", ",".join(map(str, wanted)))


def test_a_state_that_cannot_be_is_refused_in_a_sentence():
    for state, said in [
        ({"obs_horizon": 4}, "obs_horizon is 4; give a whole number from 1 to 3"),
        ({"wind": 0.2}, r"wind is 0\.2; give a number from 0 to 0\.03"),
        ({"agents": 64}, "agents is 64; take one of 1, 16, 32"),
        ({"action_horizon": 16, "delay": 4}, r"pred_horizon is 17, but obs_horizon - 1 \+ action_horizon is 21"),
    ]:
        with pytest.raises(InputError, match=said):
            LiveHorizon(**state)


SETTINGS = [(1, 1, 0), (2, 8, 0), (2, 1, 4), (3, 5, 2), (2, 16, 0)]


def test_the_browsers_agents_do_what_pythons_do(browser):
    page, demo = load(browser, "numbers.js", "samplers.js", "fork_world.js", "horizon_world.js"), LiveHorizon()
    plain = json.loads(json.dumps([demo.policies, demo.place, demo.rules, SETTINGS, 60]))
    for (obs, acted, delay), crew in zip(SETTINGS, page.evaluate(CREWS, plain), strict=True):
        there = LiveHorizon(obs_horizon=obs, pred_horizon=obs + 15, action_horizon=acted, delay=delay)
        walks = there.walks(60)
        ways = [
            str(mode) or ("crashed" if end else "late") for mode, end in zip(walks.mode, walks.terminated, strict=True)
        ]
        same = [agent["outcome"] == way for agent, way in zip(crew, ways, strict=True)]
        assert sum(same) >= 58, (obs, acted, delay)
        for i in np.flatnonzero(same)[:20]:
            np.testing.assert_allclose(crew[i]["places"], walks.path(i)[:, :2], atol=4e-3)


def test_what_fewer_are_predicted_is_the_beginning_of_what_more_are():
    whole, cut = LiveHorizon(action_horizon=2, seed=3), LiveHorizon(action_horizon=2, pred_horizon=3, seed=3)
    assert np.array_equal(whole.walks(5).actions, cut.walks(5).actions)


def test_the_wind_blows_pythons_walks_too():
    calm, windy = (
        LiveHorizon(action_horizon=16).walks(200).success,
        LiveHorizon(action_horizon=16, wind=0.02).walks(200).success,
    )
    assert windy.mean() < calm.mean() - 0.2


def test_the_still_shows_walks_and_carries_no_style():
    drawn = ElementTree.fromstring(LiveHorizon().still())
    assert [way.get("d").count("M") for way in drawn.findall("{http://www.w3.org/2000/svg}path")] == [8]
    assert not [node for node in drawn.iter() if node.get("style")]


def test_keys_move_the_horizons_and_what_does_not_fit_gives_way(shown):
    page = shown("").page
    shows(page, 2, 0, 8, 17)
    grip(page, "does").press("ArrowRight")
    shows(page, 2, 0, 9, 17)
    for _ in range(3):
        grip(page, "waits").press("ArrowRight")
    shows(page, 2, 3, 9, 17)
    for _ in range(5):
        grip(page, "predicts").press("Shift+ArrowLeft")
    shows(page, 2, 0, 1, 2)  # nothing is done that is not predicted
    grip(page, "sees").press("ArrowLeft")
    shows(page, 3, 0, 1, 3)
    grip(page, "does").press("Shift+ArrowRight")
    shows(page, 3, 0, 6, 8)  # and more is predicted where more is done


def test_an_address_whose_horizons_do_not_fit_is_mended(shown):
    shows(shown("pred_horizon=5&action_horizon=16&delay=8&obs_horizon=3").page, 3, 8, 8, 18)


def test_dragging_the_tape_changes_the_walks(shown):
    demo = shown("agents=16&delay=4")
    page = demo.page
    wait(page, ENDED)
    before = page.evaluate(WORDS)
    box = grip(page, "does").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 300, y, steps=5)
    page.mouse.up()
    shows(page, 2, 4, 1, 17)
    wait(page, f"(before) => ({WORDS})() !== before && ({ENDED})()", before)
    failed = [int(re.search(r"(\d+) failed", words)[1]) for words in (before, page.evaluate(WORDS))]
    assert failed[1] > failed[0] + 3  # each decision is made before the last one shows
    assert demo.complaints() == []


def test_a_push_goes_unseen_until_the_next_look(shown):
    page = shown("action_horizon=16").page
    page.locator(".time input").fill("3")
    wait(page, f"() => ({WORDS})().includes('1 looks in 3 steps')")
    page.get_by_role("button", name="Push", exact=True).click()
    wait(page, f"() => ({WORDS})().includes('Pushed: 13 more steps before anybody looks')")
    page.locator(".time input").fill("17")
    wait(page, f"() => !({WORDS})().includes('Pushed')")  # somebody has looked, or it is another walk


def test_starts_are_spread_as_those_of_the_forks_episodes():
    starts = np.array([start_of(seed) for seed in range(2000)])
    assert np.abs(starts - FORK.start).max() <= 0.05
    assert np.allclose(starts.mean(0), FORK.start, atol=0.003)
    assert np.allclose(starts.std(0), 0.05 / np.sqrt(3), atol=0.002)


def test_what_gives_way_in_a_drag_comes_back_within_it(shown):
    page = shown("").page
    box = grip(page, "predicts").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 200, y, steps=5)
    does = "document.querySelector('.handle[data-name$=does]').ariaLabel.split(' ').pop()"
    wait(page, f"() => Number({does}) < 8")
    page.mouse.move(x, y, steps=5)
    page.mouse.up()
    shows(page, 2, 0, 8, 17)


def test_measure_counts_what_python_counts(shown):
    page = shown("action_horizon=1&delay=4").page
    page.get_by_role("button", name="Measure").click()
    wait(page, f"() => ({WORDS})().includes('Counting')")
    wait(page, COUNTED)
    said = page.evaluate(WORDS).partition("of 100 arrive")[2]
    counted = {int(acted): int(n) for n, acted in re.findall(r"(\d+) at (\d+)", said)}
    assert list(counted) == [1, 2, 4, 8, 12]
    for acted in (1, 8):
        policy = rounded_policy(horizon_policy(2))
        policy.action_horizon = acted
        starts = np.array([start_of(seed) for seed in range(10_000, 10_100)])
        walks = rollout(policy.wait(4), FromStarts(starts), range(10_000, 10_100), CounterGenerator)
        assert abs(counted[acted] - walks.success.sum()) <= 3
    assert counted[8] > counted[1] + 30
