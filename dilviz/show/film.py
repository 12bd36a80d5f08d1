"""The README's moving picture: `python -m dilviz.show.film` draws assets/fork.gif, frame by frame in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from dilviz.show import theme
from dilviz.show.policy import fork_film
from dilviz.show.stills import WIDTH, _page, _shot

TINTS, SCALE = 11, 0.8  # of each colour; of the page's width


def film(frames: Sequence[go.Figure], path: Path, milliseconds: int = 130) -> None:
    """Draw figures one after the other into a GIF that repeats.

    Args:
        frames: at least one, all of the same size.
        path: of the file; its folder is made.
        milliseconds: how long each stands.

    Raises:
        MissingExtra: Playwright is not installed.
    """
    from PIL import Image, ImageColor

    shots = []
    with _page() as page:
        for frame in frames:
            shot = _shot(page, frame)
            size = round(WIDTH * SCALE), round(shot.height * WIDTH / shot.width * SCALE)
            shots.append(shot.resize(size, Image.Resampling.LANCZOS))
    # One palette for all, or a thing changes its colour from frame to frame: each role's, thinned by the white paper.
    tones = [ImageColor.getrgb(color) for color in {theme.TEXT, *(role.color for role in theme.ROLES.values())}]
    mixed = [255 - round((255 - part) * share) for tone in tones for share in np.linspace(0, 1, TINTS) for part in tone]
    palette = Image.new("P", (1, 1))
    palette.putpalette(mixed)
    shots = [shot.quantize(palette=palette, dither=Image.Dither.NONE) for shot in shots]
    path.parent.mkdir(parents=True, exist_ok=True)
    shots[0].save(path, save_all=True, append_images=shots[1:], duration=milliseconds, loop=0, optimize=True)


if __name__ == "__main__":
    film(fork_film(), Path("assets/fork.gif"))
