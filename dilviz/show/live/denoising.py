"""Denoising, live: particles flow from noise to data over the exact score field of a mixture that is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets

from dilviz.diffusion import SAMPLERS, ExactDenoiser, NoiseSchedule, Sampler, sampler_from_step
from dilviz.diffusion.noise import CounterGenerator, draw_noise
from dilviz.diffusion.own import Step
from dilviz.diffusion.samplers import Trace
from dilviz.diffusion.timesteps import SPACINGS
from dilviz.envs.fork import FORK, Scene, way_points
from dilviz.show.datasets import resampled
from dilviz.show.live.live import Bound, Live
from dilviz.show.live.weights import pack_plan

SCHEDULE = NoiseSchedule(100)
STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
ETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
PER_SEED = 1000  # particle k of a seed draws from the generator of seed * PER_SEED + k: no two seeds share one
REACH = 2.7  # the picture goes from -REACH to REACH, as the noise does
ROOM = 2.0  # the heap that is dragged stays from -ROOM to ROOM, with its handle in the picture


@dataclass(frozen=True)
class Mixture:
    """Data that is known exactly: draws from Gaussian heaps in the plane.

    Args:
        means: (K, 2), the data being about as wide as the noise, which is N(0, I).
        weights: (K,) positive, of sum 1.
        std: of each heap, in x and in y.
    """

    means: np.ndarray
    weights: np.ndarray
    std: float

    def denoiser(self) -> ExactDenoiser:
        """The best denoiser for this data.

        Returns:
            It predicts x_0, of shape (B, 1, 2).
        """
        means, weights = torch.from_numpy(self.means), torch.from_numpy(self.weights)
        return ExactDenoiser(SCHEDULE, means[:, None], weights, self.std)

    def plain(self) -> dict[str, Any]:
        """The same for the browser.

        Returns:
            Plain values, as `makeMixture` of denoising.js reads them.
        """
        means, weights = self.means.round(4).tolist(), self.weights.round(6).tolist()
        return {"means": means, "weights": weights, "std": self.std}


def _mixture(means: Any, std: float, weights: Any = None) -> Mixture:
    places = np.asarray(means, dtype=float).round(4)  # as a page has them
    return Mixture(places, np.full(len(places), 1 / len(places)) if weights is None else np.asarray(weights), std)


def _on_arc(middle: tuple[float, float], radius: float, degrees: np.ndarray) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.array(middle) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _ways() -> np.ndarray:
    """Where the expert of the fork is on its ways round the tree, left and right."""
    scene = Scene(*(np.stack([getattr(FORK, name)] * 2) for name in ("tree", "radius", "goal", "start")))
    ways = way_points(scene, np.array([-1.0, 1.0]), np.full(2, 0.08))
    paths = [resampled(np.concatenate([FORK.start[None], way]), 13) for way in ways]
    return 3 * (np.concatenate([paths[0], paths[1][1:-1]]) - 0.5)


MIXTURES = {
    "two heaps": _mixture([(-1.2, 0.0), (1.2, 0.0)], 0.22),
    "uneven heaps": _mixture([(-1.2, -0.6), (1.3, -0.6), (0.1, 1.3)], 0.2, (0.6, 0.3, 0.1)),
    "ring of eight": _mixture(_on_arc((0, 0), 1.6, np.arange(0, 360, 45)), 0.12),
    "two moons": _mixture(
        np.concatenate(
            [
                _on_arc((-0.55, -0.25), 1.15, np.linspace(0, 180, 10)),
                _on_arc((0.55, 0.25), 1.15, np.linspace(180, 360, 10)),
            ]
        ),
        0.11,
    ),
    "ways round the tree": _mixture(_ways(), 0.09),
}


class LiveDenoising(Live):
    """Particles denoise, each step as the sampler's rule and the exact denoiser say; two samplers, if wanted.

    Args:
        step: a step of one's own, as `sampler_from_step` takes it: then there is a sampler "yours" more, and it is
            the one to begin with, beside DDIM.
        state: where to begin: `mixture` (a name in MIXTURES), `shift` (two numbers, by which its first heap is
            dragged away; it stays in the picture), `sampler`, `compare` ("none", or the sampler
            beside it), `steps`, `spacing`, `eta` (of ddim alone), `seed`, `particles`.

    Raises:
        InputError: a state that cannot be, or a step that is none.
    """

    demo = "denoising"
    title = "Particles flow from noise to data; arrows show the score, along which noise comes off."
    says = (
        "Each point starts as pure noise, and a sampler takes the noise off in a few steps until the points lie as the "
        "data lies. With JavaScript you can choose the sampler, its steps and the data, and drag a heap of the data."
    )
    BOUNDS: ClassVar = {
        "mixture": Bound(options=tuple(MIXTURES)),
        "shift": Bound(-4, 4, count=2),
        "sampler": Bound(options=tuple(SAMPLERS)),
        "compare": Bound(options=("none", *SAMPLERS)),
        "steps": Bound(options=STEPS),
        "spacing": Bound(options=SPACINGS),
        "eta": Bound(options=ETAS),
        "seed": Bound(0, 9_999, whole=True),
        "particles": Bound(options=(100, 300, 600)),
    }

    mixture = traitlets.Unicode("ring of eight").tag(sync=True)
    shift = traitlets.Tuple((0.0, 0.0)).tag(sync=True)
    sampler = traitlets.Unicode("ddim").tag(sync=True)
    compare = traitlets.Unicode("ddpm").tag(sync=True)
    steps = traitlets.Int(10).tag(sync=True)
    spacing = traitlets.Unicode("trailing").tag(sync=True)
    eta = traitlets.Float(0.0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    particles = traitlets.Int(300).tag(sync=True)
    result = traitlets.Dict(help="how the flow ended, by sampler: on_data, spread").tag(sync=True)
    mixtures = traitlets.Dict({name: mixture.plain() for name, mixture in MIXTURES.items()}).tag(sync=True)
    plans = traitlets.Dict(help="the samplers' numbers").tag(sync=True)
    reach = traitlets.Float(REACH).tag(sync=True)
    room = traitlets.Float(ROOM).tag(sync=True)
    per_seed = traitlets.Int(PER_SEED).tag(sync=True)

    def __init__(self, step: Step | None = None, **state: Any) -> None:
        self._samplers, plans = SAMPLERS, pack_plans()
        if step is not None:
            own = {"yours": sampler_from_step(step)}
            self._samplers, plans = SAMPLERS | own, _with(plans, own)
            names = {"sampler": tuple(self._samplers), "compare": ("none", *self._samplers)}
            bounds = {name: Bound(options=options) for name, options in names.items()}
            self.__dict__["BOUNDS"] = self.BOUNDS | bounds  # of this object alone
            state = {"sampler": "yours", "compare": "ddim"} | state
        super().__init__(**dict(sorted(state.items(), key=lambda item: item[0] != "mixture")))  # its heap is dragged
        self.plans = plans

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep the dragged heap in the picture."""
        if name == "shift":
            home = MIXTURES[self.mixture].means[0]
            value = np.clip(self.BOUNDS[name].check(name, value), -ROOM - home, ROOM - home)
        super().__setattr__(name, value)
        if name == "mixture":
            self.shift = self.shift

    def still(self) -> str:
        """Noise, halfway and data side by side, as they are in this state.

        Returns:
            An <svg> element, with no style of its own.
        """
        xs = self.flow(100)
        stages = {"noise": xs[0], "halfway": xs[len(xs) // 2], "data": xs[-1]}
        colors = (self.roles["noise"]["color"], self.roles["noise"]["color"], self.roles["diffusion"]["color"])
        panels = [
            f'<g transform="translate({200 * k})"><text x="100" y="20" text-anchor="middle" fill="currentColor">'
            f'{name}</text><path d="{_dots(points)}" stroke="{color}" stroke-width="4.5" stroke-linecap="round"/></g>'
            for k, ((name, points), color) in enumerate(zip(stages.items(), colors, strict=True))
        ]
        head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 230" font-family="sans-serif" font-size="13"'
        return f'{head} role="img" aria-label="{self.title}">{"".join(panels)}</svg>'

    def flow(self, particles: int) -> np.ndarray:
        """Where particles are on their way, as the browser has them in this state.

        Args:
            particles: how many, 1 to PER_SEED.

        Returns:
            (steps + 1, particles, 2) float32, noise first.
        """
        known = MIXTURES[self.mixture]
        means = known.means.copy()
        means[0] += self.shift
        generators = [CounterGenerator(PER_SEED * self.seed + k) for k in range(particles)]
        settings: dict[str, Any] = {"timestep_spacing": self.spacing, "clip": None, "generator": generators}
        if self.sampler == "ddim":
            settings["eta"] = self.eta
        exact, noise = Mixture(means, known.weights, known.std).denoiser(), draw_noise((particles, 1, 2), generators)
        trace = self._samplers[self.sampler](exact, SCHEDULE, noise, self.steps, trace=True, **settings)
        assert isinstance(trace, Trace)  # as asked for
        return trace.x[:, :, 0].numpy()


def _dots(points: np.ndarray) -> str:
    places = np.array([100, 130]) + np.array([1, -1]) * points * 95 / REACH
    return "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)


@cache
def pack_plans() -> dict[str, Any]:
    """The numbers of all samplers that the demo offers.

    Returns:
        "texts": each plan once, as `pack_plan` gives it; "index": which one a choice takes, such as
        "ddim 10 trailing 0.5" (eta is named for ddim alone).
    """
    return _with({"texts": [], "index": {}}, SAMPLERS)


def _with(plans: dict[str, Any], samplers: dict[str, Sampler]) -> dict[str, Any]:
    """The same plans and those of more samplers."""
    texts, index = {text: k for k, text in enumerate(plans["texts"])}, dict(plans["index"])
    for (name, sampler), n, spacing in product(samplers.items(), STEPS, SPACINGS):
        for eta in ETAS if name == "ddim" else (None,):
            options = {} if eta is None else {"eta": eta}
            text = pack_plan(sampler, SCHEDULE, n, timestep_spacing=spacing, **options)
            key = f"{name} {n} {spacing}" + ("" if eta is None else f" {eta:g}")
            index[key] = texts.setdefault(text, len(texts))
    return {"texts": list(texts), "index": index}
