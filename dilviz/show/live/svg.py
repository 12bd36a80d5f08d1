"""The fork as a still picture for a page in which no script runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dilviz.envs.fork import GOAL_RADIUS
from dilviz.show.theme import ROLES

SIDE = 400


@dataclass(frozen=True)
class Ways:
    """Walks that are drawn alike.

    Args:
        role: whose colour they have.
        paths: each (n, 2) or more columns, of which the first two are the place.
        width: of the line, in pixels.
        dash: of the line, as SVG has it; "" for none.
    """

    role: str
    paths: Sequence[np.ndarray]
    width: float = 1.5
    dash: str = ""


def fork_svg(label: str, tree: Iterable[float], radius: float, goal: Iterable[float], *ways: Ways) -> str:
    """Tree, goal and walks.

    Args:
        label: what it shows, for who cannot see it.
        tree: its middle.
        radius: the tree's.
        goal: its middle.
        ways: walks.

    Returns:
        An <svg> element, with no style of its own.
    """
    parts = [_disc("tree", tree, radius), _disc("expert", goal, GOAL_RADIUS)]
    for one in ways:
        dash = f' stroke-dasharray="{one.dash}"' if one.dash else ""
        line = f'fill="none" stroke="{ROLES[one.role].color}" stroke-width="{one.width:g}"{dash}'
        parts.append(f'<path d="{"".join(map(_path, one.paths))}" {line}/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{label}">'
    return f"{head}{''.join(parts)}</svg>"


def _disc(role: str, middle: Iterable[float], radius: float) -> str:
    ink, (x, y) = ROLES[role].color, middle
    place = f'cx="{SIDE * x:.0f}" cy="{SIDE - SIDE * y:.0f}" r="{SIDE * radius:.0f}"'
    return f'<circle {place} fill="{ink}" fill-opacity=".2" stroke="{ink}"/>'


def _path(places: np.ndarray) -> str:
    return "M" + "L".join(f"{SIDE * x:.0f} {SIDE - SIDE * y:.0f}" for x, y in places[:, :2])
