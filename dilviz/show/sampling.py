"""Samples of a broken sampler beside samples of one that is broken on purpose: which bug was it?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.diffusion import SAMPLERS, ExactDenoiser, NoiseSchedule, draw_noise
from dilviz.errors import InputError
from dilviz.show import theme
from dilviz.show.base import Bug, Explorer, State, rounded
from dilviz.show.live import LiveDenoising
from dilviz.show.stills import Moment

T, SAMPLES, SEEDS = 50, 420, 20
VIEW = (-1.3, 1.3)
_ANGLES = np.deg2rad(np.arange(0, 360, 60))
HEAPS = np.concatenate([[[0.0, 0.0]], 0.8 * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)])  # one in the middle
STD = 0.05
NEAR = 3 * STD  # all but one in a hundred of a heap lie nearer to its middle


@dataclass(frozen=True)
class SamplingData:
    """Two sets of samples from the same noise.

    Args:
        mystery: (N, 2) of the sampler that somebody broke.
        yours: (N, 2) of the same sampler with the bug that is planted.
    """

    mystery: np.ndarray
    yours: np.ndarray

    @property
    def gap(self) -> float:
        """How unlike the two clouds are: the difference of their shares on the heaps, in the middle and of radius."""
        return float(np.abs(np.subtract(numbers(self.mystery), numbers(self.yours))).max())


def numbers(samples: np.ndarray) -> tuple[float, float, float]:
    """What a cloud of samples is like.

    Args:
        samples: (N, 2).

    Returns:
        The share on a heap, the share nearest to the heap in the middle, and the root mean square distance to the
        nearest heap.
    """
    distances = np.linalg.norm(samples[:, None] - HEAPS, axis=-1)  # (N, heaps)
    nearest = distances.min(1)
    return float((nearest < NEAR).mean()), float((distances.argmin(1) == 0).mean()), float(np.sqrt((nearest**2).mean()))


def draw_samples(sampler: str, steps: int, seed: int) -> np.ndarray:
    """Sample the seven heaps with their exact denoiser, which tells the noise.

    Args:
        sampler: a name in SAMPLERS.
        steps: 1 to T.
        seed: of the start, and of the noise on the way.

    Returns:
        (SAMPLES, 2) float32.

    Raises:
        InputError: no such sampler, or steps out of range.
    """
    if sampler not in SAMPLERS:
        raise InputError(f"sampler {sampler!r} is unknown; take one of {', '.join(SAMPLERS)}.")
    schedule, means = NoiseSchedule(T), torch.from_numpy(HEAPS)[:, None]
    exact = ExactDenoiser(schedule, means, std=STD, prediction_type="epsilon")
    generator = torch.Generator().manual_seed(seed)
    noise = draw_noise((SAMPLES, 1, 2), generator)
    samples = SAMPLERS[sampler](exact, schedule, noise, steps, generator=generator)
    assert isinstance(samples, torch.Tensor)  # no trace was asked for
    return samples[:, 0].numpy()


def sampling_figure(data: SamplingData) -> go.Figure:
    """Two clouds side by side, over rings where the data is.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    left = _panel(data.mystery, "the mystery", "")
    right = _panel(data.yours, "yours, with the bug you plant", "2")
    return go.Figure([*left, *right], _layout())


def _panel(samples: np.ndarray, words: str, panel: str) -> list[go.Scatter]:
    axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
    x, y = np.clip(samples, *VIEW).T  # what flies out lies at the edge
    return [
        theme.points("diffusion", x, y, size=4).update(axes),
        go.Scatter(x=[0], y=[1.17], text=[words], mode="text").update(axes),
    ]


def _layout() -> go.Layout:
    rings = [theme.disc("data", x, y, NEAR) | {"fillcolor": "rgba(0, 0, 0, 0)"} for x, y in HEAPS]
    shapes = [ring | {"xref": f"x{k}", "yref": f"y{k}"} for k in ("", "2") for ring in rings]
    layout = theme.layout(x=VIEW, y=VIEW, equal=True, axes=False, height=400, shapes=shapes)
    layout.xaxis.domain = (0, 0.49)
    layout.xaxis2 = {**layout.xaxis.to_plotly_json(), "domain": (0.51, 1), "anchor": "y2", "zeroline": False}
    layout.yaxis2 = {**layout.yaxis.to_plotly_json(), "anchor": "x2", "scaleanchor": "x2", "zeroline": False}
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.51, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.49]}
    layout.meta = {"narrow": stacked | {"height": 760}}
    return layout


def describe_sampling(data: SamplingData) -> str:
    """Both clouds in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    (mine, _, wide), (yours, _, other) = numbers(data.mystery), numbers(data.yours)
    return (
        f"Rings that hold one sample of twenty or more: {_filled(data.mystery)} of the mystery's and "
        f"{_filled(data.yours)} of yours, of {len(HEAPS)}. In a ring lie {round(100 * mine)} % of the mystery's "
        f"samples and {round(100 * yours)} % of yours; they are {rounded(round(wide, 3))} and "
        f"{rounded(round(other, 3))} from the nearest middle, where the data is {rounded(STD * 2**0.5)} "
        "(root mean squares)."
    )


def _filled(samples: np.ndarray) -> int:
    distances = np.linalg.norm(samples[:, None] - HEAPS, axis=-1)
    return int(((distances < NEAR).mean(0) >= 0.05).sum())


class SamplingExplorer(Explorer):
    """Somebody broke the sampler: plant suspects until your cloud looks like the mystery's, at every setting.

    Args:
        bugs: (name, context manager) pairs: suspects that can be planted.
        mystery: plants the bug that is to be found.
    """

    def __init__(self, bugs: tuple[Bug, ...] = (), mystery: Callable[[], AbstractContextManager] = nullcontext) -> None:
        @cache
        def strange(sampler: str, steps: int, seed: int) -> np.ndarray:
            with mystery():
                return draw_samples(sampler, steps, seed)

        self._strange = strange
        controls = {
            "sampler": ipywidgets.Dropdown(options=list(SAMPLERS), value="ddpm"),
            "steps": ipywidgets.IntSlider(min=1, max=T, value=20),
            "seed": ipywidgets.IntSlider(min=0, max=SEEDS - 1, value=0),
        }

        def compute(state: dict) -> SamplingData:
            return SamplingData(strange(**state), draw_samples(**state))

        super().__init__(controls, compute, sampling_figure, describe_sampling, reset=True, bugs=bugs)

    def _compute(self, state: State) -> Any:
        # The mystery is worked out while no suspect is planted; `compute` finds it again.
        self._strange(**{name: value for name, value in state.items() if name != "bug"})
        return super()._compute(state)


STILLS = {"04_denoising": lambda: Moment(LiveDenoising(particles=100), 2500)}
