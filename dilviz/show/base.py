"""The Explorer: controls, one plain state, a data function, a figure function, traces updated in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import ROUND_HALF_UP, Context
from typing import Any

import ipywidgets
import plotly.graph_objects as go
from traitlets import TraitError

from dilviz.errors import InputError
from dilviz.show.plot import PlayButton, Plot

State = dict[str, Any]
Bug = tuple[str, Callable[[], AbstractContextManager[Any]]]
NO_BUG = "none"
_THREE_DIGITS = Context(prec=3, rounding=ROUND_HALF_UP)


def rounded(x: Any) -> str:
    """A number as text, the same on any machine.

    Args:
        x: a real number, or what `float` takes (a NumPy scalar, a tensor of one element).

    Returns:
        three significant digits; below 1e-12 it is "0" (what float noise leaves of a zero), never "-0".
    """
    value = float(x)
    if abs(value) < 1e-12:
        return "0"
    # Through six digits first: 0.9135 computed as 0.91349999 or as 0.91350001 must print the same.
    return f"{float(_THREE_DIGITS.create_decimal(f'{value:.5e}')):.10g}"


class Explorer(ipywidgets.VBox):
    """A picture that follows its controls.

    A change of a control, by mouse, by key or by `explorer.t.value = 500`, takes one way: `state()` → the
    data function → the figure function → the traces of one figure, changed in place.

    Args:
        controls: name -> widget with a `value`; each becomes an attribute (`explorer.t`). One that bounds
            another (`dlink`) is linked before it comes here, so that a change is drawn once.
        data: state -> data, pure. The state has the names of `controls`.
        figure: data -> figure, pure; for all data the same traces on the same axes.
        describe: data -> one sentence that says what the picture shows; caption, alt text and text output.
        play: name of an integer slider that a play button moves.
        interval: milliseconds a step of the play button.
        reset: whether a button restores the first state.
        bugs: (label, context manager factory) pairs; a control `bug` chooses one, and `data` runs in it.

    Raises:
        InputError: where a control's name is taken.
    """

    def __init__(
        self,
        controls: Mapping[str, ipywidgets.ValueWidget],
        data: Callable[[State], Any],
        figure: Callable[[Any], go.Figure],
        describe: Callable[[Any], str],
        *,
        play: str | None = None,
        interval: int = 100,
        reset: bool = False,
        bugs: Sequence[Bug] = (),
    ) -> None:
        self._bugs = {NO_BUG: nullcontext, **dict(bugs)}
        self.controls = dict(controls)
        if bugs:
            self.controls["bug"] = ipywidgets.Dropdown(options=list(self._bugs), value=NO_BUG)
        self._data, self._figure, self._describe = data, figure, describe
        self._held = False
        self.initial = self._shown = self.state()
        self.data = self._compute(self.initial)
        self.figure = figure(self.data)
        self.plot = Plot(self.figure, describe(self.data))
        extras = ([self._play(play, interval)] if play else []) + ([self._reset_button()] if reset else [])
        bar = ipywidgets.HBox([*extras, *self.controls.values()]).add_class("dilviz-controls")
        super().__init__([bar, self.plot])
        self.add_class("dilviz").add_class("dilviz-explorer")
        for name, control in self.controls.items():
            self._attach(name, control)

    def state(self) -> State:
        """What the controls say.

        Returns:
            control name -> plain value, in the order of the controls.
        """
        return {name: control.value for name, control in self.controls.items()}

    def assign(self, **values: Any) -> None:
        """Set several controls and draw once.

        Args:
            values: control name -> value.

        Raises:
            InputError: where there is no such control, or it does not take the value.
        """
        if unknown := sorted(values.keys() - self.controls.keys()):
            raise InputError(f"there is no control {unknown[0]!r}; choose from {', '.join(self.controls)}")
        with self._hold():
            for name, value in [*values.items()] * 2:  # twice: the new value of one may bound another's
                self._set(name, value)

    def _set(self, name: str, value: Any) -> None:
        control = self.controls[name]
        try:
            control.value = value
        except TraitError as error:
            options = getattr(control, "options", ())
            mend = f"take one of {', '.join(map(str, options))}" if options else f"give one like {control.value!r}"
            raise InputError(f"{name} does not take {value!r}; {mend}.") from error

    def reset(self) -> None:
        """Restore the first state."""
        self.assign(**self.initial)

    def __repr__(self) -> str:
        """One line: the class, the state and what the picture shows."""
        state = ", ".join(f"{name}={_plain(value)}" for name, value in self.state().items())
        return f"{type(self).__name__}({state}): {self.plot.caption}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle and bundle | {"text/plain": repr(self)}  # ipywidgets cuts it at 110 characters

    def _attach(self, name: str, control: ipywidgets.ValueWidget) -> None:
        if hasattr(self, name):
            raise InputError(f"every explorer has an attribute {name!r}; give the control another name")
        setattr(self, name, control)
        control.description = control.description or name.replace("_", " ")
        control.style.description_width = "initial"  # else a long label is cut
        control.observe(self._on_change, "value")

    def _play(self, name: str, interval: int) -> PlayButton:
        self.play = PlayButton(slider=self.controls[name], interval=interval)
        return self.play

    def _reset_button(self) -> ipywidgets.Button:
        self.reset_button = ipywidgets.Button(description="Reset", layout={"width": "auto"})
        self.reset_button.on_click(lambda _: self.reset())
        return self.reset_button

    @contextmanager
    def _hold(self) -> Iterator[None]:
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._on_change()  # where one was refused, too: those before it have moved

    def _on_change(self, _change: Any = None) -> None:
        state = self.state()
        if self._held or state == self._shown:
            return
        self._shown = state
        try:
            self.data = self._compute(state)
        except InputError as error:  # two controls that do not go together: say it where the reader looks
            self.plot.caption = str(error)
        else:
            self.figure = self._figure(self.data)
            self.plot.show(self.figure, self._describe(self.data))

    def _compute(self, state: State) -> Any:
        with self._bugs[state.get("bug", NO_BUG)]():
            return self._data({name: value for name, value in state.items() if name != "bug"})


def _plain(value: Any) -> str:
    return rounded(value) if isinstance(value, float) else repr(value)
