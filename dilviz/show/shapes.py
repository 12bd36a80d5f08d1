"""What a pad may hold: pairs, ranges and shapes, checked and made plain (lists and floats that JSON carries)."""

from __future__ import annotations

import sys
from reprlib import repr as short
from typing import Any

import numpy as np
from torch import Tensor

from dilviz.errors import InputError
from dilviz.show.theme import ROLES

Shape = dict[str, Any]
KINDS = ("disc", "dots", "path", "join")


def disc(role: str, x: float, y: float, radius: float) -> Shape:
    """A filled disc for the pad's background, such as the tree.

    Args:
        role: a name in `theme.ROLES`.
        x: centre, in data units.
        y: centre, in data units.
        radius: in data units, at least 0.

    Returns:
        a shape.
    """
    return {"kind": "disc", "role": role, "points": [[x, y]], "radius": radius}


def dots(role: str, points: Any) -> Shape:
    """Marks for the pad's background or for the truth.

    Args:
        role: a name in `theme.ROLES`.
        points: (n, 2) x and y in data units.

    Returns:
        a shape.
    """
    return {"kind": "dots", "role": role, "points": points, "radius": 0}


def path(role: str, points: Any) -> Shape:
    """A polyline for the pad's background or for the truth.

    Args:
        role: a name in `theme.ROLES`.
        points: (n, 2) x and y in data units.

    Returns:
        a shape.
    """
    return {"kind": "path", "role": role, "points": points, "radius": 0}


def joins(starts: Any, ends: Any) -> list[Shape]:
    """Thin lines from each prediction to its truth.

    Args:
        starts: (n, 2) x and y in data units.
        ends: (m, 2); the longer of the two is cut.

    Returns:
        one shape a pair.
    """
    pairs = zip(starts, ends, strict=False)
    return [{"kind": "join", "role": "data", "points": list(pair), "radius": 0} for pair in pairs]


def plain_pairs(name: str, value: Any) -> list[list[float]]:
    """Checks points.

    Args:
        name: what they are called in the error.
        value: (n, 2) finite numbers in lists, an array or a tensor.

    Returns:
        a list of [x, y].

    Raises:
        InputError: for anything else.
    """
    try:
        array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    except (ValueError, TypeError, RuntimeError):  # rows of different lengths, or tensors in a list
        array = np.array(None)
    numbers = array.dtype.kind in "iuf" and array.ndim == 2 and array.shape[1] == 2
    if array.shape != (0,) and not (numbers and np.isfinite(array).all()):
        raise InputError(f"{name} takes finite [x, y] pairs, not {short(value)}; give an (n, 2) array of numbers")
    return array.astype(float).reshape(-1, 2).tolist()


def plain_polylines(name: str, value: Any) -> list[list[list[float]]]:
    """Checks polylines.

    Args:
        name: what they are called in the error.
        value: a list of (n, 2) arrays.

    Returns:
        a list of lists of [x, y].

    Raises:
        InputError: for anything else.
    """
    return [plain_pairs(name, part) for part in _parts(name, value)]


def plain_range(name: str, value: Any) -> list[float]:
    """Checks a range.

    Args:
        name: what it is called in the error.
        value: (low, high), low < high.

    Returns:
        [low, high].

    Raises:
        InputError: for anything else.
    """
    try:
        ((low, high),) = plain_pairs(name, [value])
    except InputError:
        low = high = 0.0
    if low >= high:
        raise InputError(f"{name} takes finite (low, high), not {short(value)}; make low the smaller of the two")
    return [low, high]


def plain_shapes(name: str, value: Any) -> list[Shape]:
    """Checks shapes.

    Args:
        name: what they are called in the error.
        value: a list of what `disc`, `dots`, `path` and `joins` make.

    Returns:
        the same, plain.

    Raises:
        InputError: for anything else.
    """
    return [_plain_shape(name, part) for part in _parts(name, value)]


def _parts(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple | np.ndarray):
        raise InputError(f"{name} takes a list, not {short(value)}; put its parts into a list")
    return list(value)


def _plain_shape(name: str, value: Any) -> Shape:
    known = isinstance(value, dict) and value.keys() == {"kind", "role", "points", "radius"}
    if not known or str(value["kind"]) not in KINDS or str(value["role"]) not in ROLES:
        raise InputError(f"{name} takes what disc, dots and path make, not {short(value)}; make it with those")
    points, radius = plain_pairs(name, value["points"]), value["radius"]
    if not isinstance(radius, int | float) or not 0 <= radius <= sys.float_info.max:
        raise InputError(f"a radius in {name} is finite and not negative, not {short(radius)}")
    return value | {"points": points, "radius": float(radius)}
