"""axe, an accessibility checker, over every page with a live demo: as it is, dark, narrow, and in a blog's post."""

import shutil
from pathlib import Path

import axe_playwright_python
import pytest
from pages import demo_ready, opened, served, wait
from test_hugo import SITE, build, need_hugo

from dilviz.show.embed import DEMOS, embed, make_demo, page

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
RUN = "async () => (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)"
LOOKS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]


def violations(shown) -> list[str]:
    """What axe finds in a page and its frames, with all its rules."""
    for frame in reversed(shown.page.frames):  # axe asks those within
        frame.evaluate(AXE)
        frame.evaluate("axe.configure({ allowedOrigins: ['<unsafe_all_origins>'] })")  # a sandboxed page has none
    return shown.page.evaluate(RUN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page of each demo."""
    folder = tmp_path_factory.mktemp("pages")
    for name in DEMOS:
        (folder / f"{name}.html").write_bytes(page(make_demo(name), "What there is to see"))
    return folder


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", DEMOS)
def test_a_page(name, width, scheme, browser, folder):
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with opened(browser, (folder / f"{name}.html").as_uri(), bypass_csp=True, **options) as shown:
        demo_ready(shown.page.main_frame)
        assert violations(shown) == []


def test_a_planted_fault_is_found(browser, folder):
    with opened(browser, (folder / "noising.html").as_uri(), bypass_csp=True) as shown:
        demo_ready(shown.page.main_frame)
        shown.page.evaluate("document.querySelector('.dilviz-live label').remove()")
        assert any(found.startswith(("label", "select-name")) for found in violations(shown))


@pytest.fixture(scope="module")
def post(tmp_path_factory):
    """The address of a post with three demos."""
    need_hugo()
    site = shutil.copytree(SITE, tmp_path_factory.mktemp("site") / "blog")
    for demo in ("fork", "denoising"):
        embed(demo, hugo=str(site))
    build(site, site / "public/blog")
    with served(site / "public") as base:
        yield f"{base}/blog/post/"


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_post_and_a_fault_in_one_of_its_frames(width, scheme, browser, post):
    options = {"viewport": {"width": width, "height": 3000}, "reduced_motion": "reduce", "bypass_csp": True}
    with opened(browser, post, own=(post.removesuffix("post/"),), **options) as shown:
        for frame in shown.page.frames[1:]:
            demo_ready(frame)
        if scheme == "dark":
            shown.page.get_by_role("button", name="Dark or light").press("Enter")
        for frame in shown.page.frames[1:]:
            wait(frame, f"() => document.documentElement.dataset.scheme === '{scheme}'")
        assert violations(shown) == []
        shown.page.frames[2].evaluate("document.querySelector('.dilviz-live label').remove()")
        assert violations(shown)
