"""Pages that `dilviz embed` wrote, in a real Chromium: what they ask for, what runs in them, and who can use them."""

import re

import pytest
from pages import demo_ready, opened, served, wait

from dilviz.show.embed import DEMOS, make_demo, module, page

SEED = "() => document.querySelector('[data-name=seed]').value"
PLACES = "() => [...document.querySelectorAll('.handle:not([hidden])')].map((handle) => handle.ariaLabel)"
DRAWN = "() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))"
MOVING = [name for name in DEMOS if name != "noising"]  # that one waits for the reader
PICTURE = "() => document.querySelector('canvas').toDataURL()"
# The picture now, and the picture some frames of the screen later.
TWICE = f"""async () => {{
  const picture = {PICTURE};
  for (let k = 0; k < 2; k++) await new Promise(requestAnimationFrame); // the words come a frame before the picture
  const before = picture();
  for (let k = 0; k < 30; k++) await new Promise(requestAnimationFrame);
  return [before, picture()];
}}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page and the module of each demo."""
    folder = tmp_path_factory.mktemp("embedded")
    for name in DEMOS:
        demo = make_demo(name)
        (folder / f"{name}.html").write_bytes(page(demo, "Words below & <b>"))
        (folder / f"{name}.js").write_bytes(module(demo, "Words below"))
    return folder


@pytest.fixture
def shown(browser, folder):
    """Opens pages by the ends of their addresses, such as "fork.html#seed=3"."""
    contexts = []

    def show(name, **options):
        context = opened(browser, f"{folder.as_uri()}/{name}", **options)
        contexts.append(context)
        demo = context.__enter__()
        if options.get("java_script_enabled", True):
            demo_ready(demo.page.main_frame)
        return demo

    yield show
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("name", DEMOS)
def test_from_a_file_or_a_server_it_runs_and_asks_for_nothing(name, browser, folder, shown):
    demo = shown(f"{name}.html")
    if name in MOVING:
        wait(demo.page, f"(first) => ({PICTURE})() !== first", demo.page.evaluate(PICTURE))
    assert demo.complaints() == []
    with served(folder) as address, opened(browser, f"{address}/{name}.html") as demo:
        demo_ready(demo.page.main_frame)
        assert demo.complaints() == []


def test_the_caption_is_text(shown):
    assert shown("fork.html").page.locator(".caption").inner_text() == "Words below & <b>"


@pytest.mark.parametrize(
    ("planted", "stopped"),
    [
        ("<script>window.ran = true</script>", "script-src-elem"),
        ('<script src="https://example.org/x.js"></script>', "script-src-elem"),
        ('<svg onload="window.ran = true"></svg>', "script-src-attr"),
        ('<p style="color: red">', "style-src-attr"),
        ("<style>p { color: red }</style>", "style-src-elem"),
        ('<img src="https://example.org/x.png" alt="">', "img-src"),
        ('<iframe src="https://example.org/"></iframe>', "frame-src"),
        ('<base href="https://example.org/">', "base-uri"),
    ],
)
def test_what_is_slipped_into_a_page_is_stopped_and_reported(planted, stopped, browser, folder, tmp_path):
    text = (folder / "noising.html").read_text(encoding="utf-8")
    (tmp_path / "noising.html").write_text(text.replace("<body>", f"<body>{planted}"), encoding="utf-8")
    with opened(browser, (tmp_path / "noising.html").as_uri()) as demo:
        demo_ready(demo.page.main_frame)
        wait(demo.page, "() => window.violations.length")
        assert set(demo.violations()) == {stopped}
        assert demo.page.evaluate("window.ran") is None and demo.asked == []


def test_a_changed_script_does_not_run(browser, folder, tmp_path):
    text = (folder / "noising.html").read_text(encoding="utf-8")
    (tmp_path / "noising.html").write_text(text.replace("openPage(render);", "openPage(render) ;"), encoding="utf-8")
    with opened(browser, (tmp_path / "noising.html").as_uri()) as demo:
        wait(demo.page, "() => window.violations.length")
        assert demo.violations() == ["script-src-elem"] and demo.page.locator("canvas").count() == 0


def test_weights_that_were_spoilt_are_told(browser, folder, tmp_path):
    text = (folder / "fork.html").read_text(encoding="utf-8")
    weights = re.search(r'"weights":"(.{8})', text)[1]  # three numbers of 16 bits; 0x7e00 is none
    (tmp_path / "fork.html").write_text(text.replace(f'"weights":"{weights}', '"weights":"AH4AfgB+'), encoding="utf-8")
    with opened(browser, (tmp_path / "fork.html").as_uri()) as demo:
        demo.page.get_by_text("This demo cannot run here (RangeError: a weight is not finite).").wait_for()
        assert demo.said and demo.page.locator("canvas").count() == 0


def test_no_text_becomes_a_script(shown):
    demo = shown("noising.html")
    # Later, since what the test itself evaluates is let through.
    demo.page.evaluate("""() => {
      window.caught = [];
      const text = "window.ran = true";
      const tries = [() => eval(text), () => setTimeout(text), () => { document.body.innerHTML = "<p>"; }];
      for (const one of tries) setTimeout(() => { try { one(); } catch (error) { caught.push(error.name); } });
    }""")
    wait(demo.page, "() => window.caught.length === 3")
    assert demo.page.evaluate("window.ran") is None and set(demo.violations()) <= {
        "script-src",
        "require-trusted-types-for",
    }


def test_the_address_tells_the_state_and_nonsense_is_left_out(shown):
    told = shown("fork.html#seed=7&tree=0.4,0.55&agents=16&cloning_shown=false").page
    assert told.evaluate(SEED) == "7"
    assert "Move tree: x 0.40, y 0.55" in told.evaluate(PLACES)
    assert told.locator("select[data-name=agents]").evaluate("(one) => one.value") == "16"
    assert not told.locator("[data-name=cloning_shown]").is_checked()
    nonsense = "seed=x&tree=0.4&agents=17&cloning_shown=maybe&radius=NaN&steps=1e999&__proto__=1&goal=,&=&%&start=a,b"
    plain, odd = shown("fork.html"), shown(f"fork.html#{nonsense}")
    assert odd.page.evaluate(PLACES) == plain.page.evaluate(PLACES) and odd.page.evaluate(SEED) == "0"
    far = shown("fork.html#seed=-5&tree=9,-9&radius=0.9").page
    assert far.evaluate(SEED) == "0" and "Move tree: x 1.00, y 0.00" in far.evaluate(PLACES)
    assert odd.complaints() == []


def test_what_the_reader_changes_stands_in_the_address_and_back_again(shown):
    demo = shown("fork.html")
    tree = demo.page.locator(".handle[data-name=tree]")
    tree.focus()
    tree.press("ArrowRight")
    wait(demo.page, "() => location.hash === '#tree=0.51,0.5'")
    demo.page.evaluate("location.hash = 'seed=12&radius=0.2'")
    wait(demo.page, f"() => ({SEED})() === '12'")
    # What an address does not tell is as at first; the handles follow with the next picture.
    wait(demo.page, f"(label) => ({PLACES})().includes(label)", "Move tree: x 0.50, y 0.50")
    demo.page.get_by_role("button", name="Reset").click()
    wait(demo.page, "() => location.hash === ''")
    assert demo.complaints() == []


@pytest.mark.parametrize("name", DEMOS)
def test_without_scripts_there_are_a_picture_and_a_sentence(name, shown):
    demo = shown(f"{name}.html", java_script_enabled=False)
    assert demo.page.locator("noscript svg").bounding_box()["height"] > 100
    assert demo.page.locator("noscript p").inner_text() == make_demo(name).says
    assert demo.asked == [] and demo.said == []


@pytest.mark.parametrize("name", DEMOS)
def test_keys_reach_each_control_and_arrows_move_each_handle(name, shown):
    # The picture stands still, so that nothing but a key changes what is said.
    demo = shown(f"{name}.html", reduced_motion="reduce").page
    reachable = ".dilviz-live :is(button, input, select):not([hidden], :disabled)"
    wanted = demo.locator(reachable).count()
    met = set()
    for _ in range(wanted + 2):
        demo.keyboard.press("Tab")
        met.add(demo.evaluate(f"[...document.querySelectorAll('{reachable}')].indexOf(document.activeElement)"))
    assert met >= set(range(wanted))
    for handle in demo.locator(".handle:not([hidden])").all():
        before = handle.get_attribute("aria-label")
        handle.focus()
        handle.press("Shift+ArrowUp")
        handle.press("Shift+ArrowLeft")
        demo.evaluate(DRAWN)  # its label follows with the picture
        if handle.get_attribute("aria-label") == before:  # at its left end, and up and down mean nothing to it
            handle.press("Shift+ArrowRight")
        wait(demo, "([name, before]) => document.querySelector(`.handle[data-name='${name}']`).ariaLabel !== before",
             [handle.get_attribute("data-name"), before])  # fmt: skip
        assert handle.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"


@pytest.mark.parametrize("name", MOVING)
def test_who_wants_no_motion_sees_none_until_play_is_pressed(name, shown):
    demo = shown(f"{name}.html", reduced_motion="reduce").page
    play = demo.locator(".play")
    assert play.get_attribute("aria-label") == "Play"
    wait(demo, "() => !document.querySelector('.words')?.textContent.includes('on the way')")
    before, after = demo.evaluate(TWICE)
    assert before == after
    play.click()
    wait(demo, f"(before) => ({PICTURE})() !== before", before)


@pytest.mark.parametrize("width", [320, 360, 1600])
@pytest.mark.parametrize("name", DEMOS)
def test_it_fits(name, width, shown):
    demo = shown(f"{name}.html", viewport={"width": width, "height": 800}, reduced_motion="reduce").page
    assert demo.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_the_reader_wants_it_dark(shown):
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    assert shown("noising.html", color_scheme="light").page.evaluate(paper) == "rgb(255, 255, 255)"
    assert shown("noising.html", color_scheme="dark").page.evaluate(paper) == "rgb(18, 18, 18)"


def test_two_plain_frames_in_a_page_that_knows_nothing_of_them(browser, folder):
    frames = [
        f'<iframe src="{name}" sandbox="allow-scripts" title="{name}"></iframe>'
        for name in ("fork.html#seed=5", "fork.html")
    ]
    (folder / "plain.html").write_text(f'<!doctype html><link rel="icon" href="data:,">{"".join(frames)}')
    with served(folder) as address, opened(browser, f"{address}/plain.html", own=(address,)) as demo:
        pages = demo.page.frames[1:]
        for frame in pages:
            demo_ready(frame)
            assert frame.evaluate("getComputedStyle(document.documentElement).overflowY") == "visible"  # it scrolls
        assert [frame.evaluate(SEED) for frame in pages] == ["5", "0"]
        pages[0].locator("[data-name=seed]").press("ArrowRight")
        wait(pages[0], "() => location.hash === '#seed=6'")  # a sandbox lets it keep its own address
        assert demo.complaints() == []


# The module, in a page of one's own

OWN = """<!doctype html><html lang="en"><title>Mine</title><meta charset="utf-8"><link rel="icon" href="data:,">
<body class="dark"><div id="a"></div><div id="b"></div><div id="c"></div>
<script type="module">
import { mount as fork } from "./fork.js";
import { mount as noising } from "./noising.js";
const at = (id) => document.getElementById(id);
window.told = [];
window.fork = fork;
const hear = (state) => told.push(state);
window.demos = [fork(at("a"), "seed=3", hear), fork(at("b"), "#seed=4&agents=1"), noising(at("c"))];
document.body.style.background = "rgb(20, 20, 30)";
document.body.style.color = "white";
</script>"""


@pytest.fixture
def own(browser, folder):
    (folder / "own.html").write_text(OWN)
    with served(folder) as address, opened(browser, f"{address}/own.html", own=(address,)) as demo:
        wait(demo.page, "() => window.demos?.length === 3 && document.querySelectorAll('canvas').length === 3")
        yield demo
        assert demo.complaints() == []


def test_a_module_is_mounted_twice_and_beside_another(own):
    seeds = own.page.evaluate("['a', 'b'].map((id) => document.querySelector(`#${id} [data-name=seed]`).value)")
    assert seeds == ["3", "4"]
    own.page.locator("#a [data-name=seed]").press("ArrowRight")
    assert own.page.evaluate("told") == ["seed=4"]
    assert own.page.locator("#b [data-name=seed]").input_value() == "4"
    ids = own.page.evaluate("[...document.querySelectorAll('[id]')].map(({ id }) => id)")
    assert len(set(ids)) == len(ids)
    assert own.page.locator("#a p", has_text="Words below").count() == 1


def test_a_mounted_demo_has_its_style_follows_the_page_and_goes(own):
    assert own.page.evaluate("getComputedStyle(document.querySelector('.scene')).position") == "relative"
    wait(
        own.page,
        "() => document.getElementById('a').style.getPropertyValue('--dilviz-page-paper') === 'rgb(20, 20, 30)'",
    )
    own.page.evaluate("demos[0].go('seed=9')")
    assert own.page.locator("#a [data-name=seed]").input_value() == "9" and own.page.evaluate("told") == []
    own.page.evaluate("demos.forEach(({ close }) => close())")
    assert own.page.evaluate(
        "[document.querySelectorAll('#a *, #b *, #c *').length, document.adoptedStyleSheets.length]"
    ) == [0, 0]


def test_a_module_is_mounted_in_a_shadow(own):
    own.page.evaluate("""() => {
      const host = document.body.appendChild(document.createElement("div"));
      window.inner = host.attachShadow({ mode: "open" }).appendChild(document.createElement("div"));
      fork(inner);
    }""")
    assert own.page.evaluate("getComputedStyle(inner.querySelector('.scene')).position") == "relative"
