"""A live demo as a widget: Python holds its state, the browser does all the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import anywidget
import numpy as np
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
            same = [option for option in self.options if _is(_plainly(value), option)]
            if not same:
                raise InputError(f"{name} is {value!r}; take one of {', '.join(map(str, self.options))}.")
            return same[0]
        several = isinstance(value, list | tuple | np.ndarray)
        numbers = [_plainly(number) for number in (value if several else [value])]
        fits = several == (self.count > 0) and len(numbers) == max(self.count, 1)
        fits &= all(_is_number(number) and self.low <= number <= self.high for number in numbers)
        if not fits or (self.whole and any(number % 1 for number in numbers)):
            kind = "whole number" if self.whole else "number"
            wanted = f"{self.count} {kind}s" if self.count else f"a {kind}"
            raise InputError(f"{name} is {value!r}; give {wanted} from {self.low:g} to {self.high:g}.")
        plain = [int(number) if self.whole else float(number) for number in numbers]
        return tuple(plain) if self.count else plain[0]


def _plainly(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(value: Any, option: Any) -> bool:
    """Equal, and of a kind: True is not 1."""
    if isinstance(option, bool) or not _is_number(option):
        return type(value) is type(option) and value == option
    return _is_number(value) and value == option


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

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser says; what the state may not be is left out.

        Args:
            sync_data: name -> value.
        """
        super().set_state({name: value for name, value in sync_data.items() if self._may_be(name, value)})

    def _may_be(self, name: str, value: Any) -> bool:
        try:
            return name not in self.BOUNDS or self.BOUNDS[name].check(name, value) is not None
        except InputError:
            return False

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
