"""What the linked equations say: their symbols, the equations made of them, and the code that computes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

STEPS, STRIDE, ROWS = 50, 5, 16  # sampling in 10 steps visits every fifth time
SEED = 2711  # one whose first noise points up and to the other side, so that arrows lie apart


@dataclass(frozen=True)
class Symbol:
    """A symbol of the equations.

    Args:
        math: MathML; a part that is a symbol of its own carries its name as `data-symbol`.
        spoken: how it is read aloud.
        words: what it is.
        code: an expression for it, in the names of the code that is shown.
        tokens: the words in the lines of code that stand for it, or within which it is used.
    """

    math: str
    spoken: str
    words: str
    code: str
    tokens: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """The fields.

        Returns:
            name -> what JSON can hold.
        """
        return asdict(self)


def _sub(base: str, index: str, symbol: str = "") -> str:
    return f"<msub>{base}<mi{f' data-symbol={symbol!r}' if symbol else ''}>{index}</mi></msub>"


def _own(name: str, math: str) -> str:
    return f"<mrow data-symbol={name!r}>{math}</mrow>"


_HAT = '<mover accent="true"><mi>x</mi><mo stretchy="false">^</mo></mover>'
_BAR = '<mover accent="true"><mi>α</mi><mo stretchy="false">¯</mo></mover>'
_ALPHA_BAR, _ALPHA_BAR_S = _sub(_BAR, "t", "t"), _sub(_BAR, "s", "s")
_REST = f"<mn>1</mn><mo>−</mo>{_own('alpha_bar', _ALPHA_BAR)}"

SYMBOLS = {
    "xt": Symbol(
        _sub("<mi>x</mi>", "t", "t"), "x t", "the data, noised to time t", "xt", ("xt",)
    ),
    "x0": Symbol(
        "<msub><mi>x</mi><mn>0</mn></msub>", "x zero", "clean data: 16 points of the fork's walks", "x0", ("x0",)
    ),
    "noise": Symbol("<mi>ε</mi>", "epsilon", "the noise, each number drawn from N(0, 1)", "noise", ("noise",)),
    "t": Symbol("<mi>t</mi>", "t", "the time: how noisy", "t", ("t",)),
    "alpha_bar": Symbol(
        _ALPHA_BAR, "alpha bar t", "share of the data's variance that is left at t", "alpha_bar",
        ("add_noise", "to_x0", "posterior"),
    ),
    "signal_scale": Symbol(
        f"<msqrt>{_own('alpha_bar', _ALPHA_BAR)}</msqrt>", "root of alpha bar t",
        "how far the clean data shrinks toward zero", "alpha_bar.sqrt()", ("add_noise",),
    ),
    "noise_scale": Symbol(
        f"<msqrt>{_REST}</msqrt>", "root of one minus alpha bar t", "how large the noise is",
        "(1 - alpha_bar).sqrt()", ("add_noise",),
    ),
    "loss": Symbol(
        "<mi>L</mi>", "L",
        "the loss; here the mean over 16 points at one t (mean() divides by the 2 coordinates, too)", "loss", ("loss",),
    ),
    "denoiser": Symbol(
        "<msub><mi>ε</mi><mi>θ</mi></msub>", "epsilon theta", "what the denoiser takes for the noise",
        "denoiser(xt, t)", ("denoiser",),
    ),
    "x0_hat": Symbol(
        f"<msub>{_HAT}<mn>0</mn></msub>", "x zero hat", "the clean data that this noise would mean", "x0_hat",
        ("x0_hat",),
    ),
    "weight": Symbol(
        f"<mfrac><mrow>{_REST}</mrow>{_own('alpha_bar', _ALPHA_BAR)}</mfrac>",
        "one minus alpha bar t, over alpha bar t",
        "what an error of the noise costs as an error of the clean data", "(1 - alpha_bar) / alpha_bar", ("to_x0",),
    ),
    "xs": Symbol(
        _sub("<mi>x</mi>", "s", "s"), "x s", "the data at the earlier time s, drawn from the posterior", "xs", ("xs",)
    ),
    "s": Symbol("<mi>s</mi>", "s", "an earlier time: five steps less noisy, or −1, which is clean", "s", ("s",)),
    "mean": Symbol("<mi>μ</mi>", "mu", "the posterior's mean", "mean", ("mean",)),
    "u": Symbol(
        "<mi>u</mi>", "u", "how much of the clean data goes into the mean",
        "alpha_bar_s.sqrt() * (1 - a) / (1 - alpha_bar)", ("posterior",),
    ),
    "w": Symbol(
        "<mi>w</mi>", "w", "how much of the noisy data goes into the mean",
        "a.sqrt() * (1 - alpha_bar_s) / (1 - alpha_bar)", ("posterior",),
    ),
    "variance": Symbol(
        "<msup><mi>σ</mi><mn>2</mn></msup>", "sigma squared", "the posterior's variance", "variance", ("variance",)
    ),
    "alpha_bar_s": Symbol(
        _ALPHA_BAR_S, "alpha bar s", "share of the data's variance that is left at s", "alpha_bar_s", ("posterior",)
    ),
    "a": Symbol("<mi>a</mi>", "a", "share that outlasts the way from s to t", "a", ("posterior",)),
}  # fmt: skip

# A part is a symbol's name, "= …" for signs that are no symbol, or ["mean", …] for parts that are one thing together.
EQUATIONS: list[dict[str, Any]] = [
    {
        "title": "1. Jump to time t",
        "spoken": "x t equals root of alpha bar t times x zero plus root of one minus alpha bar t times epsilon",
        "lines": [["xt", "==", "signal_scale", "x0", "=+", "noise_scale", "noise"]],
        "code": ["xt = schedule.add_noise(x0, noise, t)"],
    },
    {
        "title": "2. The loss, and the same in sample form",
        "spoken": "L is the expected squared distance of epsilon and epsilon theta of x t and t",
        "lines": [
            ["loss", "==", "=E", "=‖", "noise", "=−", "denoiser", "=(", "xt", "=,", "t", "=)", "=‖²"],
            ["=‖", "x0", "=−", "x0_hat", "=‖²", "==", "weight", "=‖", "noise", "=−", "denoiser", "=‖²"],
        ],
        "code": [
            "loss = ((denoiser(xt, t) - noise) ** 2).mean()",
            'x0_hat = schedule.to_x0(denoiser(xt, t), xt, t, "epsilon")',
        ],
    },
    {
        "title": "3. The posterior: one step back, if the clean data is known",
        "spoken": "q of x s, given x t and x zero, is normal with mean u x zero plus w x t and variance sigma squared",
        "lines": [
            ["=q", "=(", "xs", "=|", "xt", "=,", "x0", "=)", "==", "=N", "=(", ["mean", "u", "x0", "=+", "w", "xt"],
             "=,", "variance", "=I", "=)"],
            ["u", "==", "=√", "alpha_bar_s", "=(", "=1", "=−", "a", "=)", "=/", "=(", "=1", "=−", "alpha_bar", "=)"],
            ["w", "==", "=√", "a", "=(", "=1", "=−", "alpha_bar_s", "=)", "=/", "=(", "=1", "=−", "alpha_bar", "=)"],
            ["variance", "==", "=(", "=1", "=−", "a", "=)", "=(", "=1", "=−", "alpha_bar_s", "=)", "=/", "=(", "=1",
             "=−", "alpha_bar", "=)"],
            ["a", "==", "alpha_bar", "=/", "alpha_bar_s", "=,", "s", "==", "t", "=−", f"={STRIDE}"],
        ],
        "code": [
            "mean, variance = schedule.posterior(xt, x0, t, s)",
            "xs = mean + variance.sqrt() * fresh",
        ],
    },
]  # fmt: skip

# Before those lines; with them it gives every number that is shown.
CODE = f"""import torch
from dilviz.diffusion import ExactDenoiser, NoiseSchedule
from dilviz.show.datasets import dataset

schedule = NoiseSchedule({STEPS})
points = dataset("fork: points").x0.double()
denoiser = ExactDenoiser(schedule, points, prediction_type="epsilon")
x0 = points[:{ROWS}]
generator = torch.Generator().manual_seed({SEED})
noise, fresh = torch.randn(2, {ROWS}, 1, 2, generator=generator).double()
t = torch.full(({ROWS},), T_NOW)
s = (t - {STRIDE}).clamp(min=-1)
alpha_bar, alpha_bar_s = schedule.alpha_bar(t), schedule.alpha_bar(s)
a = alpha_bar / alpha_bar_s
"""
NAMES = sorted({token for symbol in SYMBOLS.values() for token in symbol.tokens})
