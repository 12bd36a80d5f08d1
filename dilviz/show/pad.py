"""The drawing pad: points and strokes by mouse, touch or key; a prediction, over which the truth is laid."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from traitlets import TraitError

from dilviz.diffusion.checkpoint import write_whole
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.shapes import Shape, disc, dots, joins, path, plain_pairs, plain_polylines, plain_range, plain_shapes

__all__ = ["DrawingPad", "disc", "dots", "path"]
FORMAT = "dilviz drawing 1"
_TOGETHER = ("points", "strokes", "x_range", "y_range", "max_points")  # one of them may rule out another


class _Plain(traitlets.TraitType):
    """A synced trait: `check(name, value)` returns it as plain JSON or raises InputError."""

    def __init__(self, check: Callable[[str, Any], Any], default: Any) -> None:
        super().__init__(default_value=default)
        self.check = check
        self.tag(sync=True)

    def make_dynamic_default(self) -> Any:
        return deepcopy(self.default_value)

    def validate(self, obj: Any, value: Any) -> Any:
        return self.check(str(self.name), value)


class DrawingPad(anywidget.AnyWidget):
    """A pad to drop points and draw strokes on, in data units, y up. Assign a trait whole; an append is not seen.

    Args:
        points: (n, 2) points within the ranges.
        strokes: list of (n, 2) polylines within the ranges.
        mode: what a press does: `points` or `strokes`.
        x_range: (low, high) of the pad.
        y_range: (low, high) of the pad.
        equal: one unit is as long in x as in y; False fills the pad, for a curve.
        background: list of shapes made by `disc`, `dots` and `path`.
        truth: list of shapes laid over the prediction, see `reveal`; a change of the drawing lifts it.
        caption: words beside the truth.
        max_points: how many points may be dropped.
        label: what the pad is for, one line; its name for a screen reader.
        x_label: words at the x axis; an axis without words is not drawn.
        y_label: words at the y axis.
        width: greatest width in pixels, at least 100.
        height: height in pixels at that width, at least 100.

    Raises:
        InputError: for points, ranges and shapes that are not what they should be, more points than max_points, or a
            name that a pad does not have.
    """

    _esm = Path(__file__).with_name("pad.js")
    _css = theme.CSS
    _roles = traitlets.Dict({name: asdict(role) for name, role in theme.ROLES.items()}).tag(sync=True)

    points = _Plain(plain_pairs, [])
    strokes = _Plain(plain_polylines, [])
    mode = traitlets.Enum(["points", "strokes"], "points").tag(sync=True)
    x_range = _Plain(plain_range, [0.0, 1.0])
    y_range = _Plain(plain_range, [0.0, 1.0])
    equal = traitlets.Bool(True).tag(sync=True)
    background = _Plain(plain_shapes, [])
    truth = _Plain(plain_shapes, [])
    caption = traitlets.Unicode().tag(sync=True)
    max_points = traitlets.Int(100, min=1).tag(sync=True)
    label = traitlets.Unicode("Drawing pad").tag(sync=True)
    x_label = traitlets.Unicode().tag(sync=True)
    y_label = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(420, min=100).tag(sync=True)
    height = traitlets.Int(420, min=100).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        if unknown := sorted(kwargs.keys() - self.trait_names()):
            raise InputError(f"a pad has no {unknown[0]!r}; choose from {', '.join(self._saved())}")
        super().__init__(**kwargs)
        self.observe(self._lift_truth, ["points", "strokes"])

    def predicted(self) -> np.ndarray:
        """The points.

        Returns:
            (n, 2) float64, in the order in which they were dropped.
        """
        return np.array(self.points, dtype=np.float64).reshape(-1, 2)

    def drawn(self) -> list[np.ndarray]:
        """The strokes.

        Returns:
            one (n, 2) float64 array a stroke, in the order in which they were drawn.
        """
        return [np.array(stroke, dtype=np.float64).reshape(-1, 2) for stroke in self.strokes]

    def reveal(self, *shapes: Shape, join: bool = False, caption: str = "") -> None:
        """Lay the truth over the prediction.

        Args:
            shapes: made by `disc`, `dots` and `path`.
            join: draw a thin line from each predicted point to the point of the same index in the first shape.
            caption: words below the pad, such as "mean distance 0.12".

        Raises:
            InputError: for shapes that are not what they should be.
        """
        truth = plain_shapes("truth", shapes)
        threads = joins(self.points, truth[0]["points"]) if join and truth else []
        with self.hold_sync():
            self.truth, self.caption = threads + truth, caption

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the pad as JSON; whoever reads the file sees the old drawing or the new one, never a half.

        Args:
            path: of the file; its folder is made.

        Raises:
            InputError: where the file cannot be written.
        """
        content = {"format": FORMAT} | {name: getattr(self, name) for name in self._saved()}
        write_whole(Path(path), json.dumps(content, allow_nan=False).encode())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> DrawingPad:
        """A pad as it was saved; a plain one, even if one of a subclass was: what a subclass adds is not in the file.

        Args:
            path: of a file that `save` wrote.

        Returns:
            a new DrawingPad with the same traits.

        Raises:
            InputError: where the file is missing, truncated or foreign.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT or content.keys() != set(DrawingPad._saved()):
                raise ValueError("another format")
            return DrawingPad(**content)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, TraitError) as error:
            raise InputError(f"{path} is no drawing saved by a pad ({error}); name a file that save wrote") from error

    def __repr__(self) -> str:
        """One line: how much is drawn."""
        return f"{type(self).__name__}: {_count(self.points, 'point')}, {_count(self.strokes, 'stroke')}"

    @staticmethod
    def _saved() -> list[str]:
        return sorted(name for name in DrawingPad.class_own_traits(sync=True) if not name.startswith("_"))

    @traitlets.validate(*_TOGETHER)
    def _fit_together(self, proposal: Any) -> Any:
        now = {name: getattr(self, name) for name in _TOGETHER} | {proposal.trait.name: proposal.value}
        if len(now["points"]) > now["max_points"]:
            raise InputError(
                f"{_count(now['points'], 'point')} are more than max_points, {now['max_points']}; raise it"
            )
        (left, right), (low, high) = now["x_range"], now["y_range"]
        for x, y in [*now["points"], *(pair for stroke in now["strokes"] for pair in stroke)]:
            if not (left <= x <= right and low <= y <= high):
                mend = f"keep to x {left} to {right} and y {low} to {high}, or widen the ranges"
                raise InputError(f"the point ({x}, {y}) lies off the pad; {mend}")
        return proposal.value

    def _lift_truth(self, _change: Any) -> None:
        with self.hold_sync():
            self.truth, self.caption = [], ""


def _count(things: list[Any], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
