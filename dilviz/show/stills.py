"""Pictures for readers without a kernel: `python -m dilviz.show.stills` draws assets/stills.

A file of `show` that has stills says so: `STILLS = {"01_noising": function}`, the function returning a figure.
"""

from __future__ import annotations

import argparse
import importlib
import io
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

import dilviz.show
from dilviz.assets import chromium
from dilviz.errors import MissingExtra

WIDTH, PIXELS, COLORS = 760, 1.5, 64  # of the page; pixels of the file to one of the page; flat pictures need few
# Plotly numbers its parts at random; the file may not depend on it.
PAGE = """<!doctype html><meta charset="utf-8">
<style>body { margin: 0; background: white }</style>
<script>let drawn = 0; Math.random = () => (drawn = (drawn * 16807 + 11) % 2147483647) / 2147483647;</script>
<div id="still"></div>"""
DRAW = "figure => Plotly.newPlot('still', figure.data, figure.layout, { staticPlot: true })"


def stills() -> dict[str, Callable[[], go.Figure]]:
    """Collects what the files of `show` draw as stills.

    Returns:
        name -> a function that makes the figure, in the order of the names.

    Raises:
        ValueError: two files give one name.
    """
    found: dict[str, Callable[[], go.Figure]] = {}
    for module in pkgutil.iter_modules(dilviz.show.__path__):
        here = getattr(importlib.import_module(f"dilviz.show.{module.name}"), "STILLS", {})
        if twice := here.keys() & found.keys():
            raise ValueError(f"the still {min(twice)!r} is drawn by two files; rename it in dilviz.show.{module.name}")
        found |= here
    return dict(sorted(found.items()))


def still(figure: go.Figure, path: str | Path) -> None:
    """Draws a figure as a PNG on white, so that it can be read on a dark page too.

    Args:
        figure: what to draw, as wide as a lesson's page.
        path: of the file; its folder is made.

    Raises:
        MissingExtra: Playwright is not installed.
    """
    with _page() as page:
        _draw(page, figure, Path(path))


def write_stills(chosen: Mapping[str, Callable[[], go.Figure]], folder: str | Path) -> list[Path]:
    """Draws stills into a folder.

    Args:
        chosen: name -> a function that makes the figure.
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
        yield browser.new_page(viewport={"width": WIDTH, "height": 400}, device_scale_factor=PIXELS)
        browser.close()


def _shot(page: Any, figure: go.Figure) -> Any:
    """A figure drawn on the page, as an RGB image of Pillow's."""
    from PIL import Image

    page.set_content(PAGE)
    page.add_script_tag(content=get_plotlyjs())
    page.evaluate(DRAW, figure.to_dict())
    return Image.open(io.BytesIO(page.locator("#still").screenshot())).convert("RGB")


def _draw(page: Any, figure: go.Figure, path: Path) -> None:
    from PIL import Image

    picture = _shot(page, figure).quantize(COLORS, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)


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
    raise SystemExit(main())
