"""A network that knows time has an order: convolutions along the chunk, coarser and finer again.

An action chunk is a short curve, and neighbouring actions resemble each other. The plain network sees a list of numbers
and has to learn that; here every layer looks at a few neighbours at a time. A level down halves the number of steps and
sees twice as far; a level up doubles it again and is shown what was there before (a skip). Time of noise and condition
do not stand in the sequence: they turn each channel up or down and shift it (FiLM).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import mish

from dilviz.diffusion.denoisers import TIME_DIM, Network, drawn_layer, linear_layer
from dilviz.errors import InputError


class ResidualBlock(nn.Module):
    """Convolution, group norm, Mish, twice; in between each channel is scaled and shifted as the context says.

    Args:
        inputs: channels that go in.
        outputs: channels that come out.
        context_dim: numbers in the context.
        kernel_size: neighbours that a convolution looks at, odd.
        groups: of channels that are normed together; outputs is a multiple of it.
        generator: draws the first weights.
    """

    def __init__(
        self, inputs: int, outputs: int, context_dim: int, kernel_size: int, groups: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        padding = kernel_size // 2  # as many steps come out as go in
        self.first = drawn_layer(nn.Conv1d, inputs, outputs, kernel_size, generator=generator, padding=padding)
        self.first_norm = nn.GroupNorm(groups, outputs)
        self.film = linear_layer(context_dim, 2 * outputs, generator)
        self.second = drawn_layer(nn.Conv1d, outputs, outputs, kernel_size, generator=generator, padding=padding)
        self.second_norm = nn.GroupNorm(groups, outputs)
        self.past = drawn_layer(nn.Conv1d, inputs, outputs, 1, generator=generator)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Look at the neighbours, in the light of the context.

        Args:
            x: (B, inputs, steps).
            context: (B, context_dim).

        Returns:
            (B, outputs, steps).
        """
        scale, shift = self.film(mish(context)).unsqueeze(2).chunk(2, dim=1)  # (B, outputs, 1) each
        h = mish(self.first_norm(self.first(x)))
        h = (1 + scale) * h + shift
        h = mish(self.second_norm(self.second(h)))
        return h + self.past(x)


class TemporalUNet(Network):
    """A U-Net along the time axis of a chunk, told the time of noise and the condition by FiLM.

    Args:
        horizon: length of the sequence that is denoised; it is halved once between two widths.
        dim: numbers per element of the sequence, at least 1.
        cond_dim: numbers in the condition; 0 for none.
        widths: channels at each level, from fine to coarse, each a multiple of `groups`.
        kernel_size: steps that a convolution looks at, odd.
        groups: of channels that are normed together.
        prediction_type: what the output is: "epsilon", "sample" or "v_prediction". It is kept with the weights.
        seed: of the first weights, which are spread as torch spreads those of its layers.

    Raises:
        InputError: sizes that make no such network, or an unknown prediction type.

    Source:
        Chi et al. 2023 (arXiv 2303.04137), section IV-A, on the shape of Janner et al. 2022 (arXiv 2205.09991); FiLM:
        Perez et al. 2018 (arXiv 1709.07871). Ours has one block a level, and a scale of 1 + what FiLM says.
    """

    def __init__(
        self,
        horizon: int,
        dim: int,
        cond_dim: int = 0,
        widths: Sequence[int] = (32, 64, 128),
        kernel_size: int = 5,
        groups: int = 8,
        prediction_type: str = "sample",
        seed: int = 0,
    ) -> None:
        sizes = {"horizon": horizon, "dim": dim, "kernel_size": kernel_size, "groups": groups}
        super().__init__(prediction_type, cond_dim, **sizes)
        _check_levels(horizon, widths, kernel_size, groups)
        self.config |= {"widths": list(widths)}
        generator = torch.Generator().manual_seed(seed)
        context_dim = TIME_DIM + cond_dim

        def block(inputs: int, outputs: int) -> ResidualBlock:
            return ResidualBlock(inputs, outputs, context_dim, kernel_size, groups, generator)

        def resize(kind: type[nn.Conv1d] | type[nn.ConvTranspose1d], *sizes: int) -> nn.Module:
            return drawn_layer(kind, *sizes, generator=generator, stride=2, padding=1)  # type: ignore[type-var]

        levels = list(pairwise(widths))  # (finer, coarser)
        self.time = nn.Sequential(
            linear_layer(TIME_DIM, 4 * TIME_DIM, generator), nn.Mish(), linear_layer(4 * TIME_DIM, TIME_DIM, generator)
        )
        self.down = nn.ModuleList(block(*pair) for pair in pairwise([dim, *widths[:-1]]))
        self.shrink = nn.ModuleList(resize(nn.Conv1d, fine, fine, 3) for fine, _ in levels)
        self.middle = block(widths[-2] if levels else dim, widths[-1])
        self.stretch = nn.ModuleList(resize(nn.ConvTranspose1d, coarse, fine, 4) for fine, coarse in levels[::-1])
        self.up = nn.ModuleList(block(2 * fine, fine) for fine, _ in levels[::-1])
        self.last = drawn_layer(nn.Conv1d, widths[0], dim, 1, generator=generator)

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
        time = self.time(self._embed(t))
        context = time if cond is None else torch.cat([time, cond], dim=1)  # (B, TIME_DIM + cond_dim)
        h, skips = xt.transpose(1, 2), []  # (B, dim, horizon): channels first, as convolutions want it
        for block, shrink in zip(self.down, self.shrink, strict=True):
            h = block(h, context)
            skips.append(h)
            h = shrink(h)
        h = self.middle(h, context)
        for stretch, block in zip(self.stretch, self.up, strict=True):
            h = block(torch.cat([stretch(h), skips.pop()], dim=1), context)
        return self.last(h).transpose(1, 2)


def _check_levels(horizon: int, widths: Sequence[int], kernel_size: int, groups: int) -> None:
    if not widths or any(width < 1 or width % groups for width in widths):
        raise InputError(f"widths are {tuple(widths)}; give at least one, each a multiple of groups, {groups}.")
    if kernel_size % 2 == 0:
        raise InputError(f"kernel_size is {kernel_size}; give an odd number, so that a step has a middle to stand in.")
    if horizon % (parts := 2 ** (len(widths) - 1)):
        raise InputError(
            f"horizon is {horizon}, which cannot be halved {len(widths) - 1} times for {len(widths)} widths; "
            f"give a multiple of {parts}, or fewer widths."
        )
