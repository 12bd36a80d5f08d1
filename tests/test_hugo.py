"""A post with three demos in a real Hugo site, in a real Chromium: what `dilviz embed --hugo` wrote, put to use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import demo_ready, opened, served, wait

from dilviz.show.embed import embed

SITE = Path(__file__).with_name("hugo_site")  # its theme has a class on the root element for dark, as Blowfish has
HUGO = shutil.which("hugo", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
LOOK = "document.documentElement.dataset.scheme + getComputedStyle(document.documentElement).backgroundColor"
LIGHT, DARK = "lightrgb(250, 250, 245)", "darkrgb(30, 30, 36)"  # the theme's papers
SEE = "(k) => document.querySelectorAll('iframe')[k].scrollIntoView()"  # what nobody sees is not drawn
HEIGHTS = """() => [...document.querySelectorAll("iframe")].map((frame) => frame.clientHeight)"""


def need_hugo():
    """Without Hugo the test is skipped, on CI it fails."""
    if HUGO is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no hugo is installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site with its demos, not yet built."""
    need_hugo()
    folder = shutil.copytree(SITE, tmp_path_factory.mktemp("site") / "blog")
    for demo in ("fork", "denoising"):
        embed(demo, hugo=str(folder))
    return folder


def build(site, to):
    """Runs Hugo."""
    command = [HUGO, "--destination", str(to), "--noBuildLock"]
    return subprocess.run(command, cwd=site, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def address(site, tmp_path_factory):
    """Of the built site, on a server."""
    public = tmp_path_factory.mktemp("public")
    done = build(site, public / "blog")
    assert done.returncode == 0, done.stdout + done.stderr
    with served(public) as base:
        yield base


@pytest.fixture
def post(browser, address):
    """Opens the post; anything outside of the site is cut off."""
    contexts = []

    def show(**options):
        contexts.append(opened(browser, f"{address}/blog/post/", own=(f"{address}/blog/",), **options))
        shown = contexts[-1].__enter__()
        for frame in shown.page.frames[1:]:
            demo_ready(frame)
        return shown

    yield show
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("width", [360, 1280])
def test_three_demos_in_a_post_and_nothing_to_complain_of(width, post):
    shown = post(viewport={"width": width, "height": 900})
    assert len(shown.page.frames) == 4
    for k, frame in enumerate(shown.page.frames[1:]):
        shown.page.evaluate(SEE, k)
        before = frame.evaluate("document.querySelector('canvas').toDataURL()")
        wait(frame, "(before) => document.querySelector('canvas').toDataURL() !== before", before)
    assert shown.complaints() == []
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


def test_frames_are_as_high_as_their_pages_at_any_width(post):
    shown = post(viewport={"width": 1280, "height": 900})
    pages = shown.page.frames[1:]

    def all_fit():
        for k, frame in enumerate(pages):
            shown.page.evaluate(SEE, k)
            wait(frame, "() => innerHeight - document.body.getBoundingClientRect().height < 20")
            wait(frame, "() => document.documentElement.scrollHeight <= innerHeight")
        return shown.page.evaluate(HEIGHTS)

    wide = all_fit()
    shown.page.set_viewport_size({"width": 360, "height": 900})
    narrow = all_fit()
    assert all(a != b for a, b in zip(wide, narrow, strict=True))
    assert 480 not in wide and shown.complaints() == []


@pytest.mark.parametrize("first", ["light", "dark"])
def test_frames_follow_the_theme_and_not_the_system(first, post):
    shown = post(color_scheme=first)
    pages = shown.page.frames[1:]
    for look in (LIGHT, DARK, LIGHT):  # the theme begins light, whatever the reader's system is
        for frame in pages:
            wait(frame, f"(look) => {LOOK} === look", look)
        shown.page.get_by_role("button", name="Dark or light").press("Enter")
    assert shown.complaints() == []


def test_a_state_and_links_of_the_text_configure_a_frame(post):
    shown = post()
    seeds = [frame.locator("[data-name=seed]").input_value() for frame in shown.page.frames[1:]]
    assert seeds == ["0", "3", "3"]
    shown.page.evaluate(SEE, 2)
    wait(
        shown.page.frames[3],
        "() => document.querySelector('[data-name=tree]').ariaLabel === 'Move tree: x 0.40, y 0.50'",
    )
    shown.page.evaluate(SEE, 0)
    link = shown.page.get_by_role("link", name="another seed")
    for _ in range(2):
        link.press("Enter")
        wait(shown.page.frames[1], "() => document.querySelector('[data-name=seed]').value === '7'")
        shown.page.frames[1].locator("[data-name=seed]").press("Home")  # the reader goes elsewhere, and comes again
        wait(shown.page.frames[1], "() => location.hash === '#agents=16'")
    assert shown.page.url.endswith("/blog/post/") and shown.complaints() == []


def test_a_hostile_caption_is_text(post):
    shown = post()
    captions = shown.page.locator("figcaption").all_inner_texts()
    hostile = '<b>bold</b> & "quoted" --> </figcaption><script>window.ran = true</script>'
    assert captions == ["Drag the tree.", hostile]
    assert shown.page.locator("iframe").nth(2).get_attribute("title") == hostile
    assert shown.page.evaluate("window.ran") is None


def test_a_script_in_the_frames_page_is_stopped(browser, site, tmp_path):
    build(site, tmp_path / "blog")
    page = tmp_path / "blog/dilviz/fork.html"
    text = page.read_text(encoding="utf-8").replace("<body>", "<body><script>window.ran = true</script>")
    page.write_text(text, encoding="utf-8")
    with served(tmp_path) as base, opened(browser, f"{base}/blog/post/", own=(base,)) as shown:
        for frame in shown.page.frames[1:]:
            demo_ready(frame)
        assert shown.violations() == ["script-src-elem", "script-src-elem"]  # in both forks, and not in the third
        assert [frame.evaluate("window.ran") for frame in shown.page.frames] == [None] * 4


def test_a_demo_hears_its_parent_alone_and_takes_no_nonsense(post):
    shown = post()
    fork, denoising, _ = shown.page.frames[1:]
    wait(fork, f"(look) => {LOOK} === look", LIGHT)
    say = "(message) => frames[0].postMessage(message, '*')"
    fork.evaluate("window.heard = []; addEventListener('message', ({ data }) => heard.push(data))")
    dark = {"dilviz": {"scheme": "dark", "paper": "rgb(1, 2, 3)"}}
    fork.evaluate("(message) => postMessage(message, '*')", dark)
    denoising.evaluate("(message) => parent.frames[0].postMessage(message, '*')", dark)
    nonsense = [None, 7, "x", {}, {"dilviz": 1}, {"dilviz": {"scheme": "red"}}, {"dilviz": {"scheme": ["dark"]}}]
    for message in nonsense:
        shown.page.evaluate(say, message)
    wait(fork, f"() => heard.length === {len(nonsense) + 2}")
    assert fork.evaluate(LOOK) == LIGHT
    for paper in ("url(https://example.org/x.png)", "red; } * { display: none", 7, None, "<b>"):
        shown.page.evaluate(say, {"dilviz": {"scheme": "dark", "paper": paper}})
    wait(fork, f"() => heard.length === {len(nonsense) + 7}")
    assert fork.evaluate(LOOK) == "darkrgb(18, 18, 18)"  # its own dark paper
    assert shown.complaints() == []


def test_the_page_around_takes_heights_from_its_frames_alone(post):
    shown = post()
    wait(shown.page, f"() => !({HEIGHTS})().includes(480)")
    before = shown.page.evaluate(HEIGHTS)
    shown.page.evaluate("window.heard = 0; addEventListener('message', () => { heard++; })")
    shown.page.evaluate("postMessage({ dilviz: { ready: true, height: 77 } }, '*')")
    for height in ("1e9", "-5", "NaN", "'77px'", "null", "{}"):
        shown.page.frames[1].evaluate(f"parent.postMessage({{ dilviz: {{ height: {height} }} }}, '*')")
    shown.page.frames[1].evaluate("parent.postMessage(null, '*')")
    wait(shown.page, "() => heard >= 8")
    assert shown.page.evaluate(HEIGHTS) == before and shown.complaints() == []


BAD = {
    'demo="moon"': 'demo "moon" is not in static/dilviz; write it with dilviz embed moon --hugo SITE',
    'demo="../fork"': 'demo "../fork" is no demo',
    "": "name each parameter, as in demo=",
    '"fork"': "name each parameter, as in demo=",
    'demo="fork" height="tall"': 'height "tall" is no number of pixels; give 10 to 9999',
    'demo="fork" height="-5"': 'height "-5" is no number of pixels',
    'demo="fork" height="5e3"': 'height "5e3" is no number of pixels',
    """demo="fork" state="seed=1' onload='x" """: "is no state; copy what stands after #",
    'demo="fork" name="a b"': 'name "a b" is no name',
    'demo="fork" heigth="400"': 'parameter "heigth" is unknown; take demo, height, caption, state or name',
}


@pytest.mark.parametrize("parameters", BAD)
def test_a_bad_parameter_is_one_sentence(parameters, site, tmp_path):
    copy = shutil.copytree(site, tmp_path / "blog")
    (copy / "content/post.md").write_text(f"+++\ntitle = 'x'\n+++\n{{{{< dilviz {parameters} >}}}}\n")
    done = build(copy, tmp_path / "public")
    said = [line for line in (done.stdout + done.stderr).splitlines() if "dilviz: " in line]
    assert done.returncode != 0 and len(said) == 1
    assert BAD[parameters] in said[0] and "post.md" in said[0]
