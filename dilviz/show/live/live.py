"""A live demo as a widget: Python holds its state, the browser does all the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import anywidget
import traitlets

from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import rounded
from dilviz.show.live.source import HERE, joined


@dataclass(frozen=True)
class Bound:
    """What a value of a demo's state may be: one of `options`, or `count` numbers from `low` to `high`.

    Args:
        low: least number.
        high: greatest number.
        count: numbers that it holds; 0 is a plain number.
        whole: whether they are whole.
        options: what it may be instead.
    """

    low: float = 0.0
    high: float = 1.0
    count: int = 0
    whole: bool = False
    options: tuple[Any, ...] = ()

    def check(self, name: str, value: Any) -> Any:
        """The value, if it is allowed.

        Args:
            name: what it is called.
            value: a number, a sequence of numbers or one of the options.

        Returns:
            The same as a plain value.

        Raises:
            InputError: it is not allowed.
        """
        if self.options:
            if value not in self.options:
                raise InputError(f"{name} is {value!r}; take one of {', '.join(map(str, self.options))}.")
            return value
        try:
            numbers = [float(number) for number in (value if self.count else [value])]
        except (TypeError, ValueError):
            numbers = []
        fits = len(numbers) == (self.count or 1) and all(self.low <= number <= self.high for number in numbers)
        if not fits or (self.whole and any(number % 1 for number in numbers)):
            kind = "whole number" if self.whole else "number"
            many = f"{self.count} {kind}s" if self.count else f"a {kind}"
            raise InputError(f"{name} is {value!r}; give {many} from {self.low:g} to {self.high:g}.")
        plain = [int(number) for number in numbers] if self.whole else numbers
        return tuple(plain) if self.count else plain[0]


SWITCH = Bound(options=(False, True))


class Live(anywidget.AnyWidget):
    """What the live demos share. A demo says what its state is; each value is an attribute that follows the browser.

    A demo's file is `name.js` in this folder. Its state may be assigned (`demo.seed = 7`), watched
    (`demo.observe(f, "seed")`) and put into the address of a page.

    Args:
        state: where to begin, by name.

    Raises:
        InputError: there is no such name, or it may not have that value.
    """

    demo: ClassVar[str]
    title: ClassVar[str]  # of a page, and what a screen reader says of the picture
    says: ClassVar[str]  # what there is to see and to do, in a sentence or two, for who sees no picture
    BOUNDS: ClassVar[Mapping[str, Bound]]

    _css = HERE / "live.css"
    roles = traitlets.Dict({name: asdict(role) for name, role in theme.ROLES.items()}).tag(sync=True)
    bounds = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "demo" in vars(cls):  # anywidget makes a class of each object, with a trait in this place
            cls._esm = joined(f"{cls.demo}.js")
        super().__init_subclass__(**kwargs)

    def __init__(self, **state: Any) -> None:
        if unknown := sorted(state.keys() - self.BOUNDS.keys()):
            raise InputError(f"{self.demo} has no {unknown[0]!r}; choose from {', '.join(self.BOUNDS)}.")
        super().__init__(bounds={name: asdict(bound) for name, bound in self.BOUNDS.items()}, label=self.title)
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what the state may not be, in one sentence."""
        super().__setattr__(name, self.BOUNDS[name].check(name, value) if name in self.BOUNDS else value)

    def __repr__(self) -> str:
        """One line: the demo and its state."""
        state = ", ".join(f"{name}={_plain(getattr(self, name))}" for name in self.BOUNDS)
        return f"{type(self).__name__}({state})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self)}, metadata  # a trait's text would be cut

    def values(self) -> dict[str, Any]:
        """All that the browser is told: what a page of the demo carries.

        Returns:
            name -> plain value.
        """
        own = {name for kind in type(self).__mro__ if issubclass(kind, Live) for name in vars(kind)}
        names = sorted(name for name in self.traits(sync=True) if name in own and not name.startswith("_"))
        return {name: getattr(self, name) for name in names}

    def still(self) -> str:
        """A picture for a page in which no script runs.

        Returns:
            An <svg> element, with no style of its own.
        """
        raise NotImplementedError


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value))})"
    return rounded(value) if isinstance(value, float) else repr(value)
