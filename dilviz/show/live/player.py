"""The player: recorded rollouts, played in step in the reader's browser."""

from __future__ import annotations

from html import escape
from reprlib import repr as shortened
from typing import Any, ClassVar

import numpy as np
import traitlets

from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.live.live import SWITCH, Bound, Live
from dilviz.show.live.recordings import is_recording

WIDE = 600  # of the still, in its own units
LETTER = 8  # the room that one takes
MOST_POINTS = 80  # of a line in it
DASHES = {"dot": "1.5 3.5", "dash": "8 5", "longdash": "12 5", "dashdot": "8 4 2 4"}
TEXT = 'font-family="system-ui, sans-serif" font-size="14" fill="currentColor"'


class LivePlayer(Live):
    """Recorded rollouts to play, scrub and slow down: walks in one scene, or films side by side.

    Args:
        scene: made by `walks`, `recording` or `films`.
        state: where to begin: `at`, the step that is shown, and `playing`; one that plays by itself repeats, one that
            waits shows a glimpse until it is played.

    Raises:
        InputError: no recording, or a state that cannot be.
    """

    demo = "player"
    title = "Recorded rollouts, played in step."
    says = "Rollouts that were recorded. With JavaScript they play, and you can scrub and slow them down."
    BOUNDS: ClassVar = {"at": Bound(0, 99_999, whole=True), "playing": SWITCH}

    at = traitlets.Int(0, help="beyond the last step: there").tag(sync=True)
    playing = traitlets.Bool(True).tag(sync=True)
    scene = traitlets.Dict().tag(sync=True)

    def __init__(self, scene: dict[str, Any] | None = None, **state: Any) -> None:
        super().__init__(**state)
        self.scene = {} if scene is None else scene

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what is no recording, in one sentence."""
        if name == "scene" and not is_recording(value):
            raise InputError(f"scene is {shortened(value)}; give what `walks`, `recording` or `films` has made.")
        super().__setattr__(name, value)

    def still(self) -> str:
        """The walks, or how the films end.

        Returns:
            An <svg> element.
        """
        body, height = _last_frames(self.scene) if self.scene["films"] else _scene(self.scene)
        caption = escape(self.scene["caption"])
        size = f'viewBox="0 0 {WIDE} {height:.0f}" width="{WIDE}" height="{height:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{caption}">'
            f"<title>{caption}</title>{body}</svg>"
        )


def _last_frames(scene: dict[str, Any]) -> tuple[str, float]:
    wide = WIDE / len(scene["films"])
    high = (wide - 8) * scene["size"][1] / scene["size"][0]
    parts = []
    for k, film in enumerate(scene["films"]):
        said = ": ".join(filter(None, [film["label"], film["ends"]]))
        parts.append(f'<text x="{k * wide:.0f}" y="16" {TEXT}>{escape(said)}</text>')
        box = f'x="{k * wide:.0f}" y="24" width="{wide - 8:.0f}" height="{high:.0f}"'
        parts.append(f'<image {box} href="{film["frames"][-1]}"/>')
    return "".join(parts), high + 28


def _scene(scene: dict[str, Any]) -> tuple[str, float]:
    (left, right), (low, high) = scene["x"], scene["y"]
    scale = WIDE / (right - left)

    def at(points: Any) -> np.ndarray:
        return (np.asarray(points, float)[:, :2] - [left, high]) * [scale, -scale]

    parts = [_shape(shape, at(shape["points"]), scale) for shape in scene["background"]]
    parts += [_trail(track, at(track["places"])) for track in scene["tracks"]]
    named = [track for track in scene["tracks"] if track["label"]]
    parts += [_name(track, at(track["places"]), (k + 1) / (len(named) + 1)) for k, track in enumerate(named)]
    return "".join(parts), scale * (high - low)


def _color(role: str) -> str:
    return theme.ROLES[role].color if role else "currentColor"


def _points(pixels: np.ndarray) -> str:
    kept = np.linspace(0, len(pixels) - 1, min(len(pixels), MOST_POINTS)).round().astype(int)
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in pixels[kept])


def _shape(shape: dict[str, Any], pixels: np.ndarray, scale: float) -> str:
    x, y = pixels.mean(axis=0)
    small = 0 < shape["radius"] * scale < 40
    y_name = y - shape["radius"] * scale - 6 if small else y + 5
    name = f'<text x="{x:.0f}" y="{y_name:.0f}" text-anchor="middle" {TEXT}>{escape(shape["name"])}</text>'
    look = f'stroke="{_color(shape["role"])}" fill="{_color(shape["role"])}" fill-opacity="0.2"'
    if shape["kind"] == "disc":
        return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{shape["radius"] * scale:.0f}" {look}/>{name}'
    if shape["kind"] == "area":
        return f'<polygon points="{_points(pixels)}" {look}/>{name}'
    return f'<polyline points="{_points(pixels)}" fill="none" stroke="{_color(shape["role"])}"/>{name}'


def _trail(track: dict[str, Any], pixels: np.ndarray) -> str:
    role = theme.ROLES[track["role"]]
    dash = f' stroke-dasharray="{DASHES[role.dash]}"' if role.dash in DASHES else ""
    line = f'<polyline points="{_points(pixels)}" fill="none" stroke="{role.color}" stroke-width="{role.width}"{dash}/>'
    (x, y), s = pixels[-1], 5
    cross = f"M{x - s:.0f},{y - s:.0f}l{2 * s},{2 * s}m0,-{2 * s}l-{2 * s},{2 * s}"
    if track["failed"]:
        return f'{line}<path d="{cross}" stroke="{role.color}" stroke-width="3"/>'
    return f'{line}<circle cx="{x:.0f}" cy="{y:.0f}" r="{s}" fill="{role.color}"/>'


def _name(track: dict[str, Any], pixels: np.ndarray, part: float) -> str:
    """Outside of the trail, where there is room, each at a part of its own of the way."""
    x, y = pixels[int(part * (len(pixels) - 1))]
    said = ": ".join(filter(None, [track["label"], track["ends"]]))
    room = LETTER * len(said) + 10
    anchor, shift = ("end", -10) if room < x < WIDE / 2 or x > WIDE - room else ("start", 10)
    return f'<text x="{x + shift:.0f}" y="{y:.0f}" text-anchor="{anchor}" {TEXT}>{escape(said)}</text>'
