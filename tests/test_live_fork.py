"""The fork, live: a page in which dragging moves the rollouts, and a widget that Python and the browser share."""

import re
import xml.etree.ElementTree as ElementTree

import nbformat
import numpy as np
import pytest
from browser import Lab
from pages import demo_ready, opened, wait

from dilviz.diffusion import CounterGenerator, NoiseSchedule
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.show.embed import page as page_of
from dilviz.show.live import LiveFork
from dilviz.show.live.weights import rounded_policy
from dilviz.tasks import TASKS, shipped

PICTURE = "() => document.querySelector('canvas').toDataURL()"
WORDS = "() => document.querySelector('.words').textContent"
ENDED = "() => !document.querySelector('.words').textContent.includes('on the way')"
HEAR = """() => {
  window.heard = [];
  const status = document.querySelector(".status");
  new MutationObserver(() => heard.push(status.textContent)).observe(status, { childList: true });
}"""
CELL = """from dilviz.show.live import LiveFork
demo = LiveFork(agents=1)
demo"""
RUN = """(cell) => {
  jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
  return jupyterapp.commands.execute("notebook:run-cell");
}"""


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "fork.html"
    path.write_bytes(page_of(LiveFork()))
    return path.as_uri()


def counts(words):
    left, right, failed = re.search(r"(\d+) left, (\d+) right, (\d+) failed", words).groups()
    return int(left), int(right), int(failed)


def handle(page, name):
    return page.get_by_role("button", name=re.compile(f"^Move {name}:"))


def at(page, name):
    return tuple(float(n) for n in re.findall(r"\d\.\d\d", handle(page, name).get_attribute("aria-label")))


def test_a_state_that_cannot_be_is_refused_in_a_sentence():
    for state, says in [
        ({"start": (2, 0)}, r"start is \(2, 0\); give 2 numbers from 0 to 1"),
        ({"tree": 0.5}, "tree is 0.5; give 2 numbers from 0 to 1"),
        ({"goal": (float("nan"), 0)}, "goal is"),
        ({"seed": 1.5}, "seed is 1.5; give a whole number from 0 to 9999"),
        ({"agents": 7}, "agents is 7; take one of 1, 16, 64"),
        ({"speed": 2}, "fork has no 'speed'"),
        ({"seed": 10**400}, "seed is 1000"),
        ({"seed": "7"}, "seed is '7'; give a whole number"),
        ({"seed": True}, "seed is True; give a whole number"),
        ({"start": "01"}, "start is '01'; give 2 numbers"),
        ({"agents": True}, "agents is True; take one of"),
        ({"agents": np.array([1, 16])}, "agents is array"),
        ({"cloning_shown": 0.0}, "cloning_shown is 0.0; take one of False, True"),
    ]:
        with pytest.raises(InputError, match=says):
            LiveFork(**state)
    demo = LiveFork()
    with pytest.raises(InputError, match=r"radius is 0\.9; give a number from 0\.05 to 0\.3"):
        demo.radius = 0.9
    assert demo.radius == 0.17
    demo.cloning_shown, demo.radius, demo.start = np.bool_(False), np.float32(0.25), np.array([0.25, 0.5])
    assert (demo.cloning_shown, demo.radius, demo.start) == (False, 0.25, (0.25, 0.5))


def test_what_the_browser_may_not_say_is_left_out():
    demo = LiveFork()
    demo.set_state({"seed": -5, "start": [9, 9], "agents": 7, "tree": [0.4, 0.6], "radius": 0.2})
    assert (demo.seed, demo.start, demo.agents) == (0, (0.5, 0.09), 64)
    assert (tuple(demo.tree), demo.radius) == ((0.4, 0.6), 0.2)


def test_what_a_page_cannot_do_is_refused():
    policy = shipped("fork-moving", "diffusion")
    with pytest.raises(InputError, match=r"diffusion is .*; give a DiffusionPolicy"):
        LiveFork(shipped("fork-moving", "cloning"))
    with pytest.raises(InputError, match=r"cloning is .*; give a CloningPolicy"):
        LiveFork(cloning=policy)
    with pytest.raises(InputError, match=r"the policy starts warm \(0\.5\), which a page does not"):
        LiveFork(policy.use("ddim", 10, warm_start=0.5))


def test_steps_go_as_far_as_the_policy_does():
    short = shipped("fork-moving", "diffusion")
    short.schedule = NoiseSchedule(10)
    short.use("ddim", 5)
    with pytest.raises(InputError, match="steps is 11; give a whole number from 1 to 10"):
        LiveFork(short, steps=11)
    many = shipped("fork-moving", "diffusion").use("ddpm", 50)
    demo = LiveFork(many)
    assert demo.steps == 50 and set(demo.diffusion["plans"]) == {str(n) for n in range(1, 51)}


def test_policies_of_two_scenes_and_of_another_task_are_refused():
    with pytest.raises(InputError, match="one policy is of fork and one of fork-moving"):
        LiveFork(shipped("fork", "diffusion"), shipped("fork-moving", "cloning"))
    with pytest.raises(InputError, match="sees 8 numbers and gives 2; that is no policy of fork"):
        LiveFork(shipped("lander", "diffusion"))


def test_a_policy_of_the_still_scene_stands_in_it():
    demo = LiveFork(shipped("fork", "diffusion"))
    assert (demo.moving, demo.radius, demo.tree) == (False, 0.25, (0.5, 0.5))


def test_the_still_shows_walks_of_both_policies():
    drawn = ElementTree.fromstring(LiveFork().still())
    ways = drawn.findall("{http://www.w3.org/2000/svg}path")
    assert [way.get("d").count("M") for way in ways] == [12, 1]
    assert not [node for node in drawn.iter() if node.get("style")]


def test_the_page_counts_what_python_counts(browser, html):
    demo, task = LiveFork(), TASKS["fork-moving"]
    scene = {name: getattr(demo, name) for name in ("start", "goal", "tree", "radius")}
    there = type(task)(**vars(task) | {"options": {**task.options, **scene, "exact": True}})
    walks = rollout(rounded_policy(shipped("fork-moving", "diffusion")), there, range(64), CounterGenerator)
    wanted = [int((walks.mode == side).sum()) for side in ("left", "right")]
    with opened(browser, html, reduced_motion="reduce") as demo:
        demo_ready(demo.page)
        wait(demo.page, ENDED)
        left, right, failed = counts(demo.page.evaluate(WORDS))
        assert np.abs(np.array([left, right]) - wanted).max() <= 1  # a rounding may tip one of 64
        assert left + right + failed == 64


def test_dragging_the_tree_moves_the_rollouts(browser, html):
    with opened(browser, html, reduced_motion="reduce") as demo:
        page = demo.page
        demo_ready(page)
        wait(page, ENDED)
        before, words = page.evaluate(PICTURE), page.evaluate(WORDS)
        box = handle(page, "tree").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 70, y, steps=5)
        page.mouse.up()
        assert at(page, "tree")[0] > 0.55
        wait(page, f"(words) => ({WORDS})() !== words && ({ENDED})()", words)
        assert page.evaluate(PICTURE) != before
        left, right, _ = counts(page.evaluate(WORDS))
        assert left + right > 50
        assert demo.complaints() == []


def test_keys_move_what_is_focused_and_say_where_it_is(browser, html):
    with opened(browser, html, reduced_motion="reduce") as demo:
        page = demo.page
        demo_ready(page)
        page.evaluate(HEAR)
        for name in ("start", "goal", "tree", "size of the tree"):
            before = handle(page, name).get_attribute("aria-label")
            handle(page, name).focus()
            page.keyboard.press("ArrowRight")
            named = "document.activeElement.getAttribute('aria-label')"
            now = wait(page, f"(before) => {named} !== before && {named}", before)
            wait(page, "(said) => heard.includes(said)", now.removeprefix("Move "))


def test_a_scene_outside_of_the_training_is_called_that(browser, html):
    with opened(browser, f"{html}#tree=0.9,0.1", reduced_motion="reduce") as demo:
        demo_ready(demo.page)
        wait(demo.page, f"() => ({WORDS})().includes('outside of what they were trained on')")
    with opened(browser, html, reduced_motion="reduce") as demo:
        demo_ready(demo.page)
        assert "outside" not in demo.page.evaluate(WORDS)


def test_time_runs_stops_and_is_scrubbed(browser, html):
    with opened(browser, html) as demo:
        page = demo.page
        demo_ready(page)
        scrub = "() => Number(document.querySelector('.time input').value)"
        wait(page, f"() => ({scrub})() > 3")
        page.get_by_role("button", name="Pause").click()
        stopped = page.evaluate(scrub)
        picture = page.evaluate(PICTURE)
        page.locator(".time input").fill("0")
        wait(page, f"(before) => ({PICTURE})() !== before", picture)
        assert page.evaluate(scrub) == 0 != stopped
        page.locator(".time input").fill(str(stopped))
        wait(page, f"(at) => ({scrub})() === at", stopped)


def test_python_and_the_browser_share_the_widget(browser, tmp_path):
    cells = [
        nbformat.v4.new_code_cell(text) for text in (CELL, "demo.start = (0.1, 0.5)", "print(demo.tree, demo.seed)")
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "live.ipynb")
    with Lab(tmp_path) as lab:
        lesson = lab.open(browser, "live.ipynb")
        page = lesson.page
        page.evaluate(RUN, 0)
        handle(page, "start").wait_for()
        assert at(page, "start") == (0.5, 0.09)
        page.evaluate(RUN, 1)
        page.wait_for_function("() => document.querySelector('[data-name=start]').ariaLabel.includes('x 0.10, y 0.50')")
        handle(page, "tree").scroll_into_view_if_needed()
        box = handle(page, "tree").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 40, y - 20, steps=4)
        page.mouse.up()
        moved = at(page, "tree")
        assert moved[0] > 0.53 and moved[1] > 0.51
        lesson.wait_idle()
        page.evaluate(RUN, 2)
        lesson.wait_idle()
        seen = [float(number) for number in re.findall(r"[\d.]+", lesson.text(2))][:2]
        np.testing.assert_allclose(seen, moved, atol=0.006)
        assert lesson.errors() == []
