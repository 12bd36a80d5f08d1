"""Pictures for readers without a kernel: `python -m dilviz.show.stills` draws assets/stills.

A file of `show` that has stills says so: `STILLS = {"01_noising": function}`, the function returning a figure, or a
moment of a live demo.
"""

from __future__ import annotations

import argparse
import importlib
import io
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

import dilviz.show
from dilviz.assets import chromium
from dilviz.errors import MissingExtra
from dilviz.show.embed import page as page_of
from dilviz.show.live import Live

# Of the page; pixels of the file to one of the page; flat pictures need few colours.
WIDTH, PIXELS, COLORS = 760, 1.5, 64
VIEW: dict[str, Any] = {"viewport": {"width": WIDTH, "height": 400}, "device_scale_factor": PIXELS}
# Plotly numbers its parts at random; the file may not depend on it.
PAGE = """<!doctype html><meta charset="utf-8">
<style>body { margin: 0; background: white }</style>
<script>let drawn = 0; Math.random = () => (drawn = (drawn * 16807 + 11) % 2147483647) / 2147483647;</script>
<div id="still"></div>"""
DRAW = "figure => Plotly.newPlot('still', figure.data, figure.layout, { staticPlot: true })"


@dataclass(frozen=True)
class Moment:
    """A live demo some time after its start.

    Args:
        demo: in its first state.
        milliseconds: since then, by a clock of its own: the picture is the same on a slow machine.
    """

    demo: Live
    milliseconds: int


Picture: TypeAlias = "go.Figure | Moment"


def stills() -> dict[str, Callable[[], Picture]]:
    """Collects what the files of `show` draw as stills.

    Returns:
        name -> a function that makes the picture, in the order of the names.

    Raises:
        ValueError: two files give one name.
    """
    found: dict[str, Callable[[], Picture]] = {}
    for module in pkgutil.iter_modules(dilviz.show.__path__):
        here = getattr(importlib.import_module(f"dilviz.show.{module.name}"), "STILLS", {})
        if twice := here.keys() & found.keys():
            raise ValueError(f"the still {min(twice)!r} is drawn by two files; rename it in dilviz.show.{module.name}")
        found |= here
    return dict(sorted(found.items()))


def still(picture: Picture, path: str | Path) -> None:
    """Draws a picture as a PNG on white, so that it can be read on a dark page too.

    Args:
        picture: what to draw, as wide as a lesson's page.
        path: of the file; its folder is made.

    Raises:
        MissingExtra: Playwright is not installed.
    """
    with _page() as page:
        _draw(page, picture, Path(path))


def write_stills(chosen: Mapping[str, Callable[[], Picture]], folder: str | Path) -> list[Path]:
    """Draws stills into a folder.

    Args:
        chosen: name -> a function that makes the picture.
        folder: for the files, `name.png`; it is made.

    Returns:
        the files, in the order of `chosen`.

    Raises:
        MissingExtra: Playwright is not installed.
    """
    files = [Path(folder, f"{name}.png") for name in chosen]
    with _page() as page:
        for make, file in zip(chosen.values(), files, strict=True):
            _draw(page, make(), file)
    return files


@contextmanager
def _page() -> Iterator[Any]:
    """An empty page in a headless Chromium that knows Plotly; nothing is fetched."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingExtra("stills are drawn with Playwright: pip install 'dilviz[test]'") from error
    with sync_playwright() as playwright:
        on_path = chromium()  # else Playwright's own
        browser = playwright.chromium.launch(executable_path=on_path, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(**VIEW)
        browser.close()


def _shot(page: Any, picture: Picture) -> Any:
    """A picture drawn on the page, as an RGB image of Pillow's."""
    if isinstance(picture, Moment):
        with page.context.browser.new_page(**VIEW) as own:  # a demo's page lets no other text in
            return next(shots(own, picture.demo, [picture.milliseconds]))
    page.set_content(PAGE)
    page.add_script_tag(content=get_plotlyjs())
    page.evaluate(DRAW, picture.to_dict())
    return _image(page.locator("#still"))


def shots(page: Any, demo: Live, times: Iterable[int]) -> Iterator[Any]:
    """A live demo's canvas at several times, as RGB images of Pillow's.

    Args:
        page: Playwright's.
        demo: in its first state.
        times: milliseconds since the start, rising.

    Returns:
        One image a time.
    """
    page.clock.install(time=0)
    page.clock.pause_at(1)  # before there is anything that a real second could move
    page.set_content(page_of(demo).decode())
    page.clock.run_for(1)  # the page reads in one task and draws in the next: a clock that stands never comes to it
    page.locator("canvas").screenshot()  # a frame of the browser's own: what it sizes now is not cleared later
    before = 0
    for time in times:
        page.clock.run_for(time - before)
        before = time
        yield _image(page.locator("canvas"))


def _image(element: Any) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(element.screenshot())).convert("RGB")


def _draw(page: Any, picture: Picture, path: Path) -> None:
    from PIL import Image

    image = _shot(page, picture).quantize(COLORS, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def main(arguments: list[str] | None = None) -> int:
    """Draws all stills, or those that are named.

    Args:
        arguments: of the command line; `None` takes the process's own.

    Returns:
        the exit status, 0; unknown names end the process with 2.
    """
    there = stills()
    parser = argparse.ArgumentParser(prog="python -m dilviz.show.stills", description="Draw the stills of the lessons.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(there) or '(none yet)'}; none: all", metavar="NAME")
    parser.add_argument("--out", default="assets/stills", help="the folder; default: %(default)s")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - there.keys():
        parser.error(f"no still {min(unknown)!r}; choose from {', '.join(there)}")
    for file in write_stills({name: there[name] for name in options.names or there}, options.out):
        print(f"{file}  {file.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    from dilviz.show.stills import main  # this file as the others know it, with their Moment

    raise SystemExit(main())
