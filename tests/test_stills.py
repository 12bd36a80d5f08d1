"""Stills: registered by the files of `show`, the same bytes each time, small, on white."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from dilviz.show import noising, stills, theme

TESTS = Path(__file__).resolve().parent
LIMIT = 100_000  # bytes


def ramp(n=500):
    x = np.linspace(0, 1, n)
    traces = [theme.line("diffusion", x, x, label="ramp"), theme.points("noise", x, x**2)]
    return go.Figure(traces, theme.layout(x=(0, 1), y=(0, 1), margin_r=60))


def test_files_of_show_register_their_stills(monkeypatch):
    monkeypatch.setattr(noising, "STILLS", {"00_a_ramp": ramp}, raising=False)
    assert next(iter(stills.stills())) == "00_a_ramp"
    monkeypatch.setattr(theme, "STILLS", {"00_a_ramp": ramp}, raising=False)
    with pytest.raises(ValueError, match="'00_a_ramp' is drawn by two files"):
        stills.stills()


def test_an_unknown_still_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        stills.main(["no_such_still"])
    assert stopped.value.code == 2
    assert "no still 'no_such_still'" in capsys.readouterr().err


def test_a_still_is_drawn_small_on_white_and_twice_the_same(browser, tmp_path):
    """In a process of its own: this one's Playwright belongs to `browser`, which says that a Chromium starts here."""
    code = (
        "from dilviz.show.stills import still, write_stills; from test_stills import ramp;"
        "write_stills({'a': ramp, 'b': ramp}, 'new'); still(ramp(), 'c.png')"
    )
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, check=True)
    files = [tmp_path / name for name in ("new/a.png", "new/b.png", "c.png")]
    assert len({file.read_bytes() for file in files}) == 1
    assert files[0].stat().st_size < LIMIT
    picture = Image.open(files[0]).convert("RGB")
    assert picture.size == (stills.WIDTH * stills.PIXELS, 360 * stills.PIXELS)
    assert picture.getpixel((2, 2)) == (255, 255, 255)
    blue = np.abs(np.array(picture, int) - np.array([0x00, 0x72, 0xB2])).sum(axis=2)
    assert (blue < 24).sum() > 1000


def test_a_film_is_a_gif_that_repeats_and_the_same_each_time(browser, tmp_path):
    code = (
        "from pathlib import Path; from dilviz.show.film import film; from dilviz.show.live import LiveFork;"
        "[film(LiveFork(agents=1), [0, 500, 1500], Path('new', name), 110) for name in ('a.gif', 'b.gif')]"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(TESTS.parent)}, check=True
    )
    picture = Image.open(tmp_path / "new" / "a.gif")
    assert (picture.n_frames, picture.info["loop"], picture.info["duration"]) == (3, 0, 110)
    frames = []
    for k in range(3):
        picture.seek(k)
        frames.append(np.array(picture.convert("RGB"), int))
    assert all((np.abs(a - b).sum(axis=2) > 24).sum() > 100 for a, b in pairwise(frames))
    assert (tmp_path / "new" / "a.gif").read_bytes() == (tmp_path / "new" / "b.gif").read_bytes()


def test_every_registered_still_is_there_and_small():
    for name in stills.stills():
        file = TESTS.parent / "assets" / "stills" / f"{name}.png"
        assert file.is_file(), f"{name} is not drawn yet: make stills"
        assert file.stat().st_size < LIMIT
