"""The README's moving picture: `python -m dilviz.show.film` draws assets/noising.gif, frame by frame in a browser."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dilviz.show.noising import noising_film
from dilviz.show.stills import DRAW, PAGE, _page

COLORS, SCALE = 40, 0.8  # flat pictures need few colours; of the page's width of 760 pixels


def film(frames: Sequence[go.Figure], path: Path, milliseconds: int = 110) -> None:
    """Draw figures one after the other into a GIF that repeats.

    Args:
        frames: at least one, all of the same size.
        path: of the file; its folder is made.
        milliseconds: how long each stands.

    Raises:
        MissingExtra: Playwright is not installed.
    """
    from PIL import Image

    shots = []
    with _page() as page:
        page.set_content(PAGE)
        page.add_script_tag(content=get_plotlyjs())
        for frame in frames:
            page.evaluate(DRAW.replace("newPlot", "react"), frame.to_dict())
            shot = Image.open(io.BytesIO(page.locator("#still").screenshot())).convert("RGB")
            small = shot.resize(
                (round(760 * SCALE), round(shot.height * 760 / shot.width * SCALE)), Image.Resampling.LANCZOS
            )
            shots.append(small.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE))
    path.parent.mkdir(parents=True, exist_ok=True)
    shots[0].save(path, save_all=True, append_images=shots[1:], duration=milliseconds, loop=0, optimize=True)


if __name__ == "__main__":
    film(noising_film(), Path("assets/noising.gif"))
