"""What a network is told of the time: waves of t, and how far apart two times look to it."""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch

from dilviz.diffusion.denoisers import time_embedding
from dilviz.show import theme
from dilviz.show.base import Explorer, rounded

DIMS, PERIODS = (2, 4, 8, 16, 32, 64), (1, 10, 100, 1000, 10_000)


@dataclass(frozen=True)
class EmbeddingData:
    """The features of every time, and how far every time is from one of them.

    Args:
        features: (T, dim) sines, then cosines; the slow waves last of each.
        gap: (T,) distance of the embedding of each time from that of t, in the greatest possible: 0 to 1.
        raw: (T,) |t' - t| / T, the same for the plain number t / T.
        t: the time.
    """

    features: np.ndarray
    gap: np.ndarray
    raw: np.ndarray
    t: int


def embedding_data(t: int, dim: int, max_period: float, T: int = 50) -> EmbeddingData:
    """The time embedding of this course, with another size or slowest wave.

    Args:
        t: the time that all others are compared with, 0 to T-1.
        dim: even, how many features.
        max_period: of the slowest wave, in timesteps / (2 pi).
        T: number of timesteps.

    Returns:
        What the picture shows.
    """
    times = torch.arange(T)
    features = time_embedding(times, dim, max_period).double()
    # Sine and cosine of a wave lie on a circle of radius 1, so the greatest distance is 2 a wave.
    gap = (features - features[t]).norm(dim=1) / (2 * dim) ** 0.5
    return EmbeddingData(features.numpy(), gap.numpy(), (times - t).abs().double().numpy() / T, t)


def embedding_figure(data: EmbeddingData) -> go.Figure:
    """The features as a map at the left, distances at the right.

    Args:
        data: what to draw.

    Returns:
        The figure.
    """
    T, dim = data.features.shape
    times, right = np.arange(T), {"xaxis": "x2", "yaxis": "y2"}
    low, high = theme.ROLES["cloning"].color, theme.ROLES["diffusion"].color
    waves = go.Heatmap(
        x=times, y=np.arange(dim) / dim, z=data.features.T, zmin=-1, zmax=1, showscale=False,
        colorscale=[(0, low), (0.5, "rgba(128, 128, 128, 0.05)"), (1, high)],
    )  # fmt: skip
    mark = theme.line("noise", [data.t, data.t], [-0.5 / dim, 1 - 0.5 / dim], line_width=3, line_dash="solid")
    traces = [
        waves,
        mark,
        theme.line("data", times, data.raw, "the number t / T", at=-1, **right).update(textposition="top left"),
        theme.line("diffusion", times, data.gap, **right),
        theme.points("noise", times[[data.t]], data.gap[[data.t]], size=11, **right),
    ]
    return go.Figure(traces, _layout(T, dim))


def _layout(T: int, dim: int) -> go.Layout:
    layout = theme.layout(x=(-0.5, T - 0.5), y=(-0.5 / dim, 1 - 0.5 / dim), height=380, margin_l=64, margin_t=30)
    layout.xaxis.update(domain=[0, 0.46], title="t", showgrid=False)
    # Sines stand in the lower half, cosines in the upper one; in each the quick waves come first.
    layout.yaxis.update(showgrid=False, tickvals=[0.25 - 0.5 / dim, 0.75 - 0.5 / dim], ticktext=["sines", "cosines"])
    free = {"zeroline": False, "fixedrange": True, "gridcolor": theme.GRID}
    layout.xaxis2 = free | {"domain": [0.56, 1], "anchor": "y2", "range": (-0.5, T - 0.5), "title": "t′"}
    layout.yaxis2 = free | {"anchor": "x2", "range": (-0.02, 1.02)}
    look = {"xref": "paper", "yref": "paper", "y": 1.01, "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    titles = ((0, "features: −1 orange, +1 blue"), (0.56, "how far t′ looks from t"))
    layout.annotations = [look | {"x": x, "text": text} for x, text in titles]
    stacked = {"xaxis.domain": [0, 1], "yaxis.domain": [0.58, 1], "xaxis2.domain": [0, 1], "yaxis2.domain": [0, 0.38]}
    moved = {"annotations.1.x": 0, "annotations.1.y": 0.39}
    layout.meta = {"narrow": stacked | moved | {"height": 620}}
    return layout


def describe_embedding(data: EmbeddingData) -> str:
    """The embedding in a sentence.

    Args:
        data: what the picture shows.

    Returns:
        The sentence.
    """
    T, dim = data.features.shape
    neighbour = data.t + 1 if data.t + 1 < T else data.t - 1
    others = np.delete(data.gap, data.t)
    still = float((np.ptp(data.features, axis=0) < 0.1).mean())
    return (
        f"t = {data.t}: its neighbour looks {rounded(data.gap[neighbour])} away (as numbers they differ by "
        f"{rounded(data.raw[neighbour])}), the nearest of all other times {rounded(others.min())}; "
        f"{round(still * dim)} of {dim} features hardly change over the {T} times."
    )


class EmbeddingExplorer(Explorer):
    """What the time embedding tells a network, and what the plain number would."""

    def __init__(self) -> None:
        controls = {
            "t": ipywidgets.IntSlider(min=0, max=49, value=10),
            "dim": ipywidgets.SelectionSlider(options=DIMS, value=32, description="features"),
            "max_period": ipywidgets.SelectionSlider(options=PERIODS, value=10_000, description="max period"),
        }
        super().__init__(
            controls, lambda s: embedding_data(**s), embedding_figure, describe_embedding, play="t", reset=True
        )


STILLS = {"03_embedding": lambda: embedding_figure(embedding_data(10, 32, 10_000))}
