"""The README's moving picture: `python -m dilviz.show.film` draws assets/noising.gif, frame by frame in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from dilviz.show.noising import noising_film
from dilviz.show.stills import WIDTH, _page, _shot

COLORS, SCALE = 40, 0.8  # flat pictures need few colours; of the page's width


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
        for frame in frames:
            shot = _shot(page, frame)
            size = round(WIDTH * SCALE), round(shot.height * WIDTH / shot.width * SCALE)
            small = shot.resize(size, Image.Resampling.LANCZOS)
            shots.append(small.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE))
    path.parent.mkdir(parents=True, exist_ok=True)
    shots[0].save(path, save_all=True, append_images=shots[1:], duration=milliseconds, loop=0, optimize=True)


if __name__ == "__main__":
    film(noising_film(), Path("assets/noising.gif"))
