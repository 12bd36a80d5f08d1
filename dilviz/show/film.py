"""The README's moving picture: `python -m dilviz.show.film` plays the live fork in a browser and keeps it as a GIF."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dilviz.show import theme
from dilviz.show.live import Live, LiveFork, LiveHorizon
from dilviz.show.stills import Moment, _page, shots

TINTS, SCALE = 11, 0.55  # of each colour; of the pixels that a still has
FRAME_MS, WAVE_MS = 130, 6200  # a frame of the GIF; from the first noise to the last arrival


def film(demo: Live, times: Iterable[int], path: Path, milliseconds: int = FRAME_MS) -> None:
    """Keep moments of a live demo as a GIF that repeats.

    Args:
        demo: in its first state.
        times: of the frames, milliseconds since the start.
        path: of the file; its folder is made.
        milliseconds: how long each frame stands.

    Raises:
        MissingExtra: Playwright is not installed.
    """
    from PIL import Image, ImageColor

    with _page() as page:
        frames = [shot.resize([round(SCALE * side) for side in shot.size], 1) for shot in shots(page, demo, times)]
    # One palette for all, or a thing changes its colour from frame to frame: each role's, thinned by the white paper.
    tones = [ImageColor.getrgb(color) for color in {theme.TEXT, *(role.color for role in theme.ROLES.values())}]
    mixed = [255 - round((255 - part) * share) for tone in tones for share in np.linspace(0, 1, TINTS) for part in tone]
    palette = Image.new("P", (1, 1))
    palette.putpalette(mixed)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, optimize=True)


STILLS = {"00_fork": lambda: Moment(LiveFork(), 3000), "06_horizon": lambda: Moment(LiveHorizon(), 1700)}

if __name__ == "__main__":
    film(LiveFork(), range(0, WAVE_MS, FRAME_MS), Path("assets/fork.gif"))
