"""Recordings for the player: walks in one scene, or films that lie side by side. Plain data; `player.py` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from reprlib import repr as shortened
from typing import Any

import numpy as np

from dilviz.errors import InputError
from dilviz.imitation import Episodes
from dilviz.show import theme
from dilviz.show.live.films import Film, encoded

SECONDS = 6  # that the longest takes, where no rate is given
GLIMPSE = 0.38  # of the shortest: what is seen before it plays
MOST_TRACKS, MOST_STEPS = 64, 20_000  # of all tracks together: more would burst a page
# What both kinds of recording have beside their times; the other kind's fields are empty.
EMPTY: dict[str, Any] = {
    "tracks": [], "films": [], "background": [], "craft": None, "x": [0, 1], "y": [0, 1], "size": [1, 1]
}  # fmt: skip
MARGIN = 0.08  # around what was walked, where the scene has no bounds of its own


@dataclass(frozen=True)
class Shape:
    """Something that stands in the scene.

    Args:
        kind: "disc", "line" or "area".
        points: x and y of each, in the scene's units; of a disc its middle alone.
        role: a name in theme.ROLES; "" for the colour of text.
        radius: of a disc.
        name: written in its middle.
    """

    kind: str
    points: Sequence[Sequence[float]]
    role: str = ""
    radius: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Craft:
    """What moves, drawn in its own frame: x to its right, y up, in the scene's units.

    Args:
        hull: corners.
        legs: polylines.
        jets: {"base": two points, "tip": how far the flame reaches at full power, from the middle between them}.
        radius: within which no label stands.
    """

    hull: Sequence[Sequence[float]]
    legs: Sequence[Sequence[Sequence[float]]]
    jets: Sequence[Mapping[str, Any]]
    radius: float


@dataclass(frozen=True)
class Track:
    """One walk.

    Args:
        role: a name in theme.ROLES.
        places: x and y before each step and after the last; of a craft its angle, too, in radians.
        label: its name, beside it; "" for none.
        ends: what became of it, in a few words, told when it has ended.
        failed: whether its end is crossed out.
        powers: of a craft's jets in each step, from 0 to 1.
    """

    role: str
    places: list[list[float]]
    label: str = ""
    ends: str = ""
    failed: bool = False
    powers: list[list[float]] = field(default_factory=list)


def walks(
    episodes: Mapping[str, Episodes],
    places: Callable[[np.ndarray], np.ndarray] | None = None,
    background: Sequence[Shape] = (),
    bounds: tuple[tuple[float, float], tuple[float, float]] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Episodes as walks in one scene; several of one role are drawn alike.

    Args:
        episodes: role -> episodes; a role is a name in theme.ROLES.
        places: from observations (n + 1, obs_dim) to places (n + 1, 2); None: the first two numbers of each.
        background: what stands in the scene.
        bounds: of x and of y, in the scene's units; None: what was walked, and a little more.
        options: `rate`, steps a second; `timed`, whether that is the world's own time; `caption`.

    Returns:
        The recording, for `LivePlayer`.

    Raises:
        InputError: no episode, no such role, places that are not two numbers each, or too much for a page.
    """
    check_roles(episodes)
    for role, some in episodes.items():
        if not isinstance(some, Episodes):
            raise InputError(f"{role} has {shortened(some)}; give what `rollout` has recorded.")
    tracks = [track for role, some in episodes.items() for track in _tracks(role, some, places or _first_two)]
    told = "; ".join(f"{role}: {_count(some)}" for role, some in episodes.items())
    return recording(tracks, background, bounds, **{"caption": f"{told}."} | options)


def recording(
    tracks: Sequence[Track],
    background: Sequence[Shape] = (),
    bounds: tuple[tuple[float, float], tuple[float, float]] | None = None,
    craft: Craft | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Walks in one scene.

    Args:
        tracks: 1 to 64.
        background: what stands in the scene.
        bounds: of x and of y, in the scene's units; None: what was walked, and a little more.
        craft: what walks; None for a dot.
        options: as of `walks`.

    Returns:
        The recording, for `LivePlayer`.

    Raises:
        InputError: no track, no such role, too much for a page, places that are no finite numbers, or bounds that
            hold nothing.
    """
    walked = [_checked(track.places, 3 if craft else 2) for track in tracks]
    steps = sum(map(len, walked))
    if not 1 <= len(tracks) <= MOST_TRACKS or steps > MOST_STEPS:
        raise InputError(
            f"there are {len(tracks)} walks of {steps} steps in all; "
            f"give 1 to {MOST_TRACKS}, of {MOST_STEPS:,} at most."
        )
    check_roles([track.role for track in tracks] + [shape.role for shape in background if shape.role])
    lengths = [len(places) - 1 for places in walked]
    x, y = _around(np.concatenate(walked)) if bounds is None else _bounded(bounds)
    scene = {"tracks": [asdict(track) for track in tracks], "background": [asdict(shape) for shape in background]}
    return _played(lengths, **options) | scene | {"craft": craft and asdict(craft), "x": list(x), "y": list(y)}


def films(recorded: Mapping[str, Film | Sequence[np.ndarray]], **options: Any) -> dict[str, Any]:
    """Films side by side, thinned and scaled until a page can hold them.

    Args:
        recorded: role -> frames (H, W, 3) uint8, one a step, or what `record` made; a role is a name in theme.ROLES.
        options: as of `walks`.

    Returns:
        The recording, for `LivePlayer`.

    Raises:
        InputError: no film, no such role, or frames that are no pictures.
        MissingExtra: Pillow is not installed.
    """
    check_roles(recorded)
    whole = {role: film if isinstance(film, Film) else Film(film) for role, film in recorded.items()}
    parts = encoded([film.frames for film in whole.values()])
    told = [{"role": role, "label": role, "ends": film.ends} for role, film in whole.items()]
    size = np.shape(next(iter(whole.values())).frames[0])
    caption = "; ".join(f"{role}: {film.ends}" if film.ends else role for role, film in whole.items())
    lengths = [len(film.frames) - 1 for film in whole.values()]
    return _played(lengths, **{"caption": f"{caption}."} | options) | {
        "films": [one | part for one, part in zip(told, parts, strict=True)],
        "size": [size[1], size[0]],
    }


def is_recording(scene: Any) -> bool:
    """Whether the player can show it.

    Args:
        scene: anything.

    Returns:
        Whether it has what `walks`, `recording` and `films` make.
    """
    return isinstance(scene, dict) and scene.keys() >= EMPTY.keys() | {"last", "rate", "timed", "caption", "glimpse"}


def check_roles(given: Iterable[Any]) -> None:
    """Refuse what has no look.

    Args:
        given: roles.

    Raises:
        InputError: none, or a role that is no name in theme.ROLES.
    """
    roles = list(given)
    if not roles or any(role not in list(theme.ROLES) for role in roles):
        told = ", ".join(dict.fromkeys(map(str, roles))) or "no role"
        raise InputError(f"what is played has {told}; name each by one of {', '.join(theme.ROLES)}.")


def _played(
    lengths: Sequence[int], rate: float | None = None, timed: bool = False, caption: str = ""
) -> dict[str, Any]:
    last = max(lengths)
    if rate is not None and not (isinstance(rate, int | float | np.number) and 0 < rate < np.inf):
        raise InputError(f"rate is {rate!r}; give steps a second, above 0.")
    return deepcopy(EMPTY) | {
        "last": last,
        "rate": float(rate or max(last / SECONDS, 1)),
        "timed": timed,
        "caption": caption,
        "glimpse": round(GLIMPSE * min(lengths)),
    }


def _numbers(given: Any) -> np.ndarray:
    """As an array; nothing where it is none."""
    try:
        return np.array(given, dtype=float)
    except (TypeError, ValueError):
        return np.zeros(0)


def _checked(places: Any, least: int) -> np.ndarray:
    """The places of a walk without their angle."""
    numbers = _numbers(places)
    if numbers.ndim != 2 or not len(numbers) or not least <= numbers.shape[1] <= 3:
        wanted = "x, y and the angle" if least == 3 else "x and y"
        raise InputError(f"places is {shortened(places)}; give {wanted} before each step and after the last.")
    if not np.isfinite(numbers).all():
        raise InputError("a place of a walk is no finite number; look at the observations of its episode.")
    return numbers[:, :2]


def _bounded(bounds: Any) -> list[list[float]]:
    numbers = _numbers(bounds)
    if numbers.shape != (2, 2) or not np.isfinite(numbers).all() or not (numbers[:, 0] < numbers[:, 1]).all():
        raise InputError(f"bounds is {shortened(bounds)}; give (low, high) of x and of y, low below high.")
    return numbers.tolist()


def _tracks(role: str, episodes: Episodes, places: Callable[[np.ndarray], np.ndarray]) -> list[Track]:
    tracks = []
    for k in range(len(episodes)):
        path = np.asarray(places(episodes.path(k)), dtype=float)
        if path.shape != (episodes.lengths[k] + 1, 2):
            raise InputError(f"places gave an array of shape {path.shape}; give ({episodes.lengths[k] + 1}, 2).")
        label, ends = role if k == 0 else "", ending(episodes, k) if len(episodes) == 1 else ""
        tracks.append(Track(role, path.round(4).tolist(), label, ends, failed=not episodes.success[k]))
    return tracks


def _first_two(observations: np.ndarray) -> np.ndarray:
    return observations[:, :2]


def ending(episodes: Episodes, episode: int) -> str:
    """What became of an episode, in a word.

    Args:
        episodes: any.
        episode: 0 to E - 1.

    Returns:
        The way that it took, "succeeds" or "fails".
    """
    return str(episodes.mode[episode]) or "succeeds" if episodes.success[episode] else "fails"


def _count(episodes: Episodes) -> str:
    counted = Counter(ending(episodes, k) for k in range(len(episodes)))
    if len(episodes) == 1:
        return next(iter(counted))
    return ", ".join(f"{counted[word]} {word}" for word in sorted(counted))


def _around(walked: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    low, high = walked.min(axis=0), walked.max(axis=0)
    room = MARGIN * max(float((high - low).max()), 1e-6)
    (left, lower), (right, upper) = low - room, high + room
    return (float(left), float(right)), (float(lower), float(upper))
