"""A demo's page in a frame in a notebook, and lesson 10, which shows it."""

import re
from dataclasses import asdict

import numpy as np
import pytest
from browser import Lab, copy_course
from live import load
from pages import wait

from dilviz.course.demos import MISTAKES, read_state
from dilviz.course.lesson_10 import SharePad
from dilviz.show.frames import PageFrame
from dilviz.show.live import LiveFork
from tests.lessons import LESSONS

LESSON = next(path for path in LESSONS if path.stem.startswith("10"))
ADDRESSES = [
    "",
    "#seed=7",
    "#seed=7&seed=8",
    "#seed=12.5&tree=0.4,0.5",
    "#seed=-3&radius=9",
    "#tree=0.4%2C0.5&cloning_shown=false",
    "#tree=(0.4,0.5)&cloning_shown=False",
    "#tree=0.4&start=0.1,0.2,0.3&goal=,",
    "#agents=16&steps=99999999",
    "#agents=17&steps=",
    "#nobody=1&radius=nan&seed=Infinity",
]


@pytest.fixture(scope="module")
def lesson(browser, tmp_path_factory):
    with Lab(copy_course(tmp_path_factory.mktemp("course"))) as lab:
        lesson = lab.open(browser, f"notebooks/{LESSON.name}", height=1200)
        lesson.page.emulate_media(reduced_motion="reduce")  # pictures stand at the end of a round
        lesson.run_all()
        yield lesson
        assert lesson.errors() == []


def shown(lesson, text):
    """The output of the code cell whose source has this text, in view."""
    index = next(k for k, cell in enumerate(lesson.cells()) if text in "".join(cell["source"]))
    lesson.page.evaluate(
        """async (index) => {
          const notebook = jupyterapp.shell.currentWidget.content;
          notebook.activeCellIndex = index;
          await notebook.scrollToItem(index, "start");
          notebook.widgets[index].node.setAttribute("data-cell", index);
        }""",
        index,
    )
    return lesson.page.locator(f'[data-cell="{index}"]')


def inside(place, index=0):
    """The page in a frame, once it is there; JupyterLab takes what is out of view away, and brings it back."""
    frame = place.locator("iframe").nth(index)
    frame.content_frame.locator("#dilviz").wait_for(state="attached")
    return frame.element_handle().content_frame()


def test_a_page_reads_an_address_as_the_judge_does(browser):
    bounds = {name: asdict(bound) for name, bound in LiveFork.BOUNDS.items()}
    page = load(browser, "page.js")
    for address in ADDRESSES:
        theirs = page.evaluate("([address, bounds]) => dilviz.readState(address, bounds)", [address, bounds])
        ours = {name: list(v) if isinstance(v, tuple) else v for name, v in read_state(address).items()}
        assert ours == theirs, address


def test_the_training_is_as_the_demo_says():
    trained, (radius, turned, start) = LiveFork().trained, SharePad.questions
    assert [list(radius.trained)] == trained["radius"]
    assert list(start.trained) == trained["start"][0]
    (left, right), (low, high) = trained["start"]
    for angle, fits in ((turned.trained[1], True), (turned.trained[1] + 1, False)):
        x, y = turned.scene(angle)["start"]
        assert bool(left <= x <= right and low <= y <= high) is fits


def test_python_walks_with_the_steps_and_the_seed_that_are_shown():
    demo = LiveFork(seed=5)
    walks, later = demo.walks(6), LiveFork(seed=8).walks(3)
    assert walks.success.tolist()[3:] == later.success.tolist()
    np.testing.assert_allclose(walks.path(3), later.path(0), atol=1e-5)
    demo.steps = 1
    assert demo.walks(6).success.sum() < walks.success.sum()


def test_a_state_may_bring_its_hash():
    frame = PageFrame(b"", "#seed=7")
    assert frame.state == "seed=7"
    frame.state = "#seed=8"
    assert repr(frame) == "PageFrame(state='seed=8')"


def test_the_first_picture_counts_what_the_lesson_counts(lesson):
    counted = re.search(r"Diffusion: .*", lesson.text(6))[0]
    place = shown(lesson, "demo = LiveFork(")
    place.locator(".words").wait_for()
    lesson.page.wait_for_function(
        "([index, said]) => document.querySelector(`[data-cell='${index}'] .words`).textContent.startsWith(said)",
        arg=[place.get_attribute("data-cell"), counted],
    )


def test_the_frame_follows_the_page_and_goes_where_python_leads(lesson):
    place = shown(lesson, "PageFrame(")
    page = inside(place)
    page.locator("canvas").wait_for()
    tree = page.locator("[data-name=tree]")
    wait(page, "() => document.querySelector('[data-name=tree]').ariaLabel.includes('x 0.40, y 0.50')")
    height = place.locator("iframe").bounding_box()["height"]
    assert height > 500  # it has told its height; 480 it was given
    assert tree.is_visible()
    assert page.evaluate("document.documentElement.dataset.scheme") == "light"
    kernel = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    run = f"(code) => {kernel}.requestExecute({{ code }}).done.then(() => true)"
    lesson.page.evaluate(run, "frame.state = '#tree=0.62,0.45&agents=1'")
    wait(page, "() => document.querySelector('[data-name=tree]').ariaLabel.includes('x 0.62, y 0.45')")


def test_each_mistake_shows_what_its_judge_says(lesson):
    place = shown(lesson, "mystery_panel()")
    mystery = inside(place)
    seen = {}
    for mistake in MISTAKES:
        place.get_by_label("mistake").select_option(mistake)
        place.get_by_text(f"Yours, with the mistake: {mistake}").wait_for()
        lesson.wait_idle()
        page = inside(place, 1)
        page.locator(".caption").wait_for(state="attached")
        if mistake in ("none", "lost_hash", "too_low"):
            page.locator("canvas").wait_for()
            where = page.locator("[data-name=tree]").get_attribute("aria-label")
            assert ("x 0.30, y 0.45" in where) is (mistake != "lost_hash")
        height = place.locator("iframe").nth(1).bounding_box()["height"]
        assert (height < 200) is (mistake == "too_low")
        seen[mistake] = (page.locator("canvas").count(), page.locator("noscript svg").is_visible())
    assert seen == {
        "none": (1, False),
        "no_scripts": (0, True),
        "changed_script": (0, False),
        "lost_hash": (1, False),
        "too_low": (1, False),
    }
    assert mystery.locator(".caption").is_visible()
    assert mystery.locator("canvas").count() == 0
    assert not mystery.locator("noscript svg").is_visible()
