"""What a denoiser is, what all networks that denoise share, and the plain one of them.

All are called the same way: `denoiser(xt, t, cond)` with xt (B, horizon, dim), t (B,) and cond (B, cond_dim). The
others stand in `unet.py` (convolutions over time) and `exact.py` (Bayes' rule).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from dilviz.diffusion.schedule import check_prediction_type
from dilviz.errors import InputError

TIME_DIM = 32
Layer = TypeVar("Layer", nn.Linear, nn.Conv1d, nn.ConvTranspose1d)


class Denoiser(Protocol):
    """What a sampler asks of a denoiser: the call, and the name of what it answers."""

    @property
    def prediction_type(self) -> str:
        """What the answer is: "epsilon", "sample" or "v_prediction"."""

    def __call__(self, xt: Tensor, t: Tensor, cond: Tensor | None = None, /) -> Tensor:
        """Denoise.

        Args:
            xt: (B, horizon, dim) noisy data.
            t: (B,) times.
            cond: (B, cond_dim) or None.

        Returns:
            (B, horizon, dim), as `prediction_type` says.
        """


def time_embedding(t: Tensor, dim: int = TIME_DIM, max_period: float = 10_000.0) -> Tensor:
    """Sines and cosines of t at geometrically spaced frequencies, so that a network can tell near times apart.

    Args:
        t: (B,) times, fractions allowed.
        dim: even, how many features.
        max_period: of the slowest wave, in timesteps / (2 pi).

    Returns:
        (B, dim) float32, each in [-1, 1].

    Source:
        Vaswani et al. 2017 (arXiv 1706.03762), section 3.5.
    """
    exponents = torch.arange(dim // 2, device=t.device, dtype=torch.float32) / (dim // 2)
    angles = t.float()[:, None] * torch.exp(-math.log(max_period) * exponents)  # (B, dim / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def drawn_layer(kind: type[Layer], *sizes: int, generator: torch.Generator, **options: int) -> Layer:
    """Make a layer with the first weights that torch gives it, which itself would draw from the global generator.

    Args:
        kind: `nn.Linear`, `nn.Conv1d` or `nn.ConvTranspose1d`.
        sizes: what the kind takes: numbers in, numbers out, length of a convolution.
        generator: draws.
        options: of the kind, such as stride and padding.

    Returns:
        The layer.
    """
    layer = nn.utils.skip_init(kind, *sizes, **options)
    bound = layer.weight[0].numel() ** -0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer


def linear_layer(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """Make a linear layer with first weights of its own.

    Args:
        inputs: numbers that go in.
        outputs: numbers that come out.
        generator: draws.

    Returns:
        The layer.
    """
    return drawn_layer(nn.Linear, inputs, outputs, generator=generator)


def check_sizes(least_cond_dim: int = 1, **sizes: int) -> None:
    """Refuse a network without units.

    Args:
        least_cond_dim: the least width of its condition.
        sizes: by name, each at least 1.

    Raises:
        InputError: one is too small.
    """
    for name, value in sizes.items():
        if value < (least_cond_dim if name == "cond_dim" else 1):
            raise InputError(f"{name} is {value}; it is too small for a network.")


class Network(nn.Module):
    """What networks that denoise share: sizes, the name of what they answer, and a look at what they are given.

    Args:
        prediction_type: what the output is: "epsilon", "sample" or "v_prediction". It is kept with the weights.
        cond_dim: numbers in the condition; 0 for none.
        sizes: the others by name, each at least 1; `horizon` and `dim` among them.

    Raises:
        InputError: a size below its least value, or an unknown prediction type.
    """

    def __init__(self, prediction_type: str, cond_dim: int, **sizes: int) -> None:
        super().__init__()
        check_prediction_type(prediction_type)
        check_sizes(**sizes, least_cond_dim=0, cond_dim=cond_dim)
        self.config: dict[str, Any] = sizes | {"cond_dim": cond_dim, "prediction_type": prediction_type}
        self.horizon, self.dim, self.cond_dim = sizes["horizon"], sizes["dim"], cond_dim

    @property
    def prediction_type(self) -> str:
        """What the output is; fixed at construction."""
        return str(self.config["prediction_type"])

    def _embed(self, t: Tensor) -> Tensor:
        return time_embedding(t).to(next(self.parameters()).dtype)

    def _check(self, xt: Tensor, cond: Tensor | None) -> None:
        if xt.shape[1:] != (self.horizon, self.dim):
            raise InputError(f"xt has shape {tuple(xt.shape)}; this denoiser takes (B, {self.horizon}, {self.dim}).")
        self._check_cond(cond)
        if cond is not None and cond.shape[:-1] != xt.shape[:1]:
            raise InputError(f"cond has shape {tuple(cond.shape)}; give one row for each of the {len(xt)} rows of xt.")

    def _check_times(self, xt: Tensor, t: Tensor) -> None:
        if t.shape != xt.shape[:1]:
            raise InputError(f"t has shape {tuple(t.shape)}; give one time for each of the {len(xt)} rows of xt.")

    def _check_cond(self, cond: Tensor | None) -> None:
        got = cond.shape[-1] if cond is not None and cond.ndim else 0
        if got != self.cond_dim:
            raise InputError(f"cond has {got} numbers a row; this denoiser was built with cond_dim {self.cond_dim}.")


class MLPDenoiser(Network):
    """A plain network on [flattened x_t, time embedding, condition].

    Args:
        horizon: length of the sequence that is denoised, at least 1.
        dim: numbers per element of the sequence, at least 1.
        cond_dim: numbers in the condition; 0 for none.
        width: units of a hidden layer.
        depth: hidden layers, at least 1.
        prediction_type: what the output is: "epsilon", "sample" or "v_prediction". It is kept with the weights.
        seed: of the first weights, which are spread as those of `nn.Linear` are.

    Raises:
        InputError: a size below its least value, or an unknown prediction type.
    """

    def __init__(
        self,
        horizon: int,
        dim: int,
        cond_dim: int = 0,
        width: int = 256,
        depth: int = 3,
        prediction_type: str = "sample",
        seed: int = 0,
    ) -> None:
        super().__init__(prediction_type, cond_dim, horizon=horizon, dim=dim, width=width, depth=depth)
        generator = torch.Generator().manual_seed(seed)
        self.first = linear_layer(horizon * dim + TIME_DIM + cond_dim, width, generator)
        self.hidden = nn.ModuleList(linear_layer(width, width, generator) for _ in range(depth - 1))
        self.last = linear_layer(width, horizon * dim, generator)

    def forward(self, xt: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Denoise.

        Args:
            xt: (B, horizon, dim) noisy data.
            t: (B,) times.
            cond: (B, cond_dim), or None where cond_dim is 0.

        Returns:
            (B, horizon, dim): noise, clean data or velocity, as `prediction_type` says.

        Raises:
            InputError: shapes that do not fit the network.
        """
        self._check(xt, cond)
        self._check_times(xt, t)
        parts = [xt.flatten(1), self._embed(t)] + ([] if cond is None else [cond])
        h = self.first(torch.cat(parts, dim=1))
        for layer in self.hidden:
            h = layer(silu(h))
        return self.last(silu(h)).unflatten(1, (self.horizon, self.dim))

    def prepare(self, timesteps: Tensor, cond: Tensor | None = None) -> Callable[[Tensor, int], Tensor]:
        """The same function for a fixed condition and list of times, with all that does not depend on x_t done ahead.

        Time and condition enter the first layer alone, and linearly: their share of it is computed once per sample
        instead of once per step.

        Args:
            timesteps: (N,) the times that will be asked for.
            cond: (B, cond_dim), or None where cond_dim is 0.

        Returns:
            A function of x_t (B, horizon, dim) and the index i of a time, equal to `forward(x_t, timesteps[i], cond)`,
            for sampling: it works in place, so no gradient flows through it.

        Raises:
            InputError: cond of another width; for other shapes, when the function is asked for the first of the times.
        """
        self._check_cond(cond)
        on_x, on_time, on_cond = self.first.weight.split([self.horizon * self.dim, TIME_DIM, self.cond_dim], dim=1)
        time_shares = linear(self._embed(timesteps), on_time, self.first.bias).unbind()  # N of (width,)
        cond_share = None if cond is None else linear(cond, on_cond)  # (B, width)
        on_x = on_x.t()
        layers = [(layer.weight, layer.bias) for layer in cast(list[nn.Linear], [*self.hidden, self.last])]

        def predict(xt: Tensor, i: int) -> Tensor:
            if i == 0:
                self._check(xt, cond)
            h = torch.addmm(time_shares[i], xt.flatten(1), on_x)
            if cond_share is not None:
                h.add_(cond_share)
            for weight, bias in layers:
                h = linear(silu(h, inplace=True), weight, bias)
            return h.view(xt.shape)

        return predict
