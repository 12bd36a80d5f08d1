"""Three equations tied to code and picture: point at a symbol, and see the tensor, its shape and its present value."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor

from dilviz.diffusion import ExactDenoiser, NoiseSchedule
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import rounded
from dilviz.show.datasets import dataset
from dilviz.show.equations_text import CODE, EQUATIONS, NAMES, ROWS, SEED, STEPS, STRIDE, SYMBOLS, Symbol

_POINTS = ("x0", "noise", "xt", "denoiser", "x0_hat", "mean", "xs")  # drawn as points or arrows
_LENGTHS = ("alpha_bar", "alpha_bar_s", "signal_scale", "noise_scale", "u", "w", "variance")  # drawn as lengths


@cache
def _given() -> tuple[NoiseSchedule, ExactDenoiser, Tensor, Tensor, Tensor]:
    schedule, points = NoiseSchedule(STEPS), dataset("fork: points").x0.double()
    noise, fresh = torch.randn(2, ROWS, 1, 2, generator=torch.Generator().manual_seed(SEED)).double()
    return schedule, ExactDenoiser(schedule, points, prediction_type="epsilon"), points[:ROWS], noise, fresh


def equation_values(t: int) -> dict[str, Tensor]:
    """What each symbol of the three equations stands for at one time: 16 of the fork's points, noised.

    Args:
        t: 0 to 49, the same for all 16; s is five steps earlier, and -1 (clean) at the least.

    Returns:
        name in SYMBOLS -> its tensor: (16, 1, 2) for data and noise, (16,) for times and what depends on them alone,
        (16, 1, 1) for the variance, () for the loss.

    Raises:
        InputError: another t.
    """
    check_time(t)
    schedule, denoiser, x0, noise, fresh = _given()
    times = torch.full((ROWS,), t)
    s = (times - STRIDE).clamp(min=-1)
    alpha_bar, alpha_bar_s = schedule.alpha_bar(times), schedule.alpha_bar(s)
    xt = schedule.add_noise(x0, noise, times)
    guess = denoiser(xt, times)
    mean, variance = schedule.posterior(xt, x0, times, s)
    a = alpha_bar / alpha_bar_s
    return {
        "x0": x0, "noise": noise, "xt": xt, "t": times, "s": s, "alpha_bar": alpha_bar, "alpha_bar_s": alpha_bar_s,
        "signal_scale": alpha_bar.sqrt(), "noise_scale": (1 - alpha_bar).sqrt(),
        "denoiser": guess, "loss": ((guess - noise) ** 2).mean(),
        "x0_hat": schedule.to_x0(guess, xt, times, "epsilon"), "weight": (1 - alpha_bar) / alpha_bar,
        "mean": mean, "variance": variance, "xs": mean + variance.sqrt() * fresh, "a": a,
        "u": alpha_bar_s.sqrt() * (1 - a) / (1 - alpha_bar), "w": a.sqrt() * (1 - alpha_bar_s) / (1 - alpha_bar),
    }  # fmt: skip


def check_time(t: Any) -> int:
    """Refuse what is no time of the equations.

    Args:
        t: what was given.

    Returns:
        It.

    Raises:
        InputError: it is no whole number from 0 to 49.
    """
    if isinstance(t, bool) or not isinstance(t, int) or not 0 <= t < STEPS:
        raise InputError(f"t is {t!r}; give a whole number from 0 to {STEPS - 1}.")
    return t


def value_in_words(value: Tensor) -> str:
    """The first numbers of a tensor.

    Args:
        value: any shape, not empty.

    Returns:
        "0.472 in every row", "-0.687, 0.00481 in the first row", or a single number; three digits.
    """
    first = ", ".join(map(rounded, value.reshape(len(value), -1)[0])) if value.ndim else rounded(value)
    if not value.ndim:
        return first
    return f"{first} in every row" if (value == value[:1]).all() else f"{first} in the first row"


@cache
def _table() -> dict[str, Any]:
    """Everything the browser shows at every t, so that it asks the kernel for nothing."""
    moments = [equation_values(t) for t in range(STEPS)]
    first = {name: [_plain(values[name][0].flatten()) for values in moments] for name in _POINTS}
    lengths = {name: [_plain(values[name].flatten()[:1])[0] for values in moments] for name in _LENGTHS}
    symbols = {
        name: symbol.plain()
        | {
            "shape": str(tuple(moments[0][name].shape)),
            "values": [value_in_words(values[name]) for values in moments],
        }
        for name, symbol in SYMBOLS.items()
    }
    batch = [_plain(values["xt"].flatten(1)) for values in moments]
    return {
        "symbols": symbols, "equations": EQUATIONS, "code": CODE, "names": NAMES, "steps": STEPS,
        "first": first | lengths, "data": _plain(moments[0]["x0"].flatten(1)), "batch": batch,
    }  # fmt: skip


def _plain(values: Tensor) -> Any:
    return torch.round(values, decimals=4).tolist()


class LinkedEquations(anywidget.AnyWidget):
    """The jump to x_t, the loss and the posterior: each symbol leads to its tensor, its code and its mark in a picture.

    Args:
        symbol: which one is looked at, a name in SYMBOLS; "" is none.
        t: the time, 0 to 49.

    Raises:
        InputError: an unknown symbol, or a t that is not there.
    """

    _esm = Path(__file__).with_name("equations.js")
    _css = "\n".join(path.read_text(encoding="utf-8") for path in (theme.CSS, theme.CSS.with_name("equations.css")))
    _roles = traitlets.Dict({name: role.color for name, role in theme.ROLES.items()}).tag(sync=True)
    _table = traitlets.Dict().tag(sync=True)
    symbol: Any = traitlets.TraitType("xt").tag(sync=True)
    t: Any = traitlets.TraitType(25).tag(sync=True)

    def __init__(self, symbol: str = "xt", t: int = 25) -> None:
        super().__init__(_table=_table(), symbol=symbol, t=t)

    @traitlets.validate("symbol")
    def _check_symbol(self, proposal: Any) -> str:
        if proposal.value not in ("", *SYMBOLS):
            raise InputError(
                f"the equations have no symbol {proposal.value!r}; take one of {', '.join(SYMBOLS)}, or '' for none."
            )
        return proposal.value

    @traitlets.validate("t")
    def _check_t(self, proposal: Any) -> int:
        return check_time(proposal.value)

    def __repr__(self) -> str:
        """One line: the time, the symbol, and what it stands for."""
        state = f"{type(self).__name__}(symbol={self.symbol!r}, t={self.t})"
        if not self.symbol:
            return state
        value, symbol = equation_values(self.t)[self.symbol], SYMBOLS[self.symbol]
        return f"{state}: {symbol.words}; in code {symbol.code}; shape {tuple(value.shape)}; {value_in_words(value)}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data:
            data["text/plain"] = repr(self)  # anywidget cuts it at 110 characters
        return bundle


__all__ = ["SYMBOLS", "LinkedEquations", "Symbol", "check_time", "equation_values", "value_in_words"]
