"""Noise: drawn from generators, one for all rows or one a row, and a generator that counts.

torch's own generators cannot be had in a web page. The one here is a cipher on a counter: its k-th number is a function
of the seed and k, the same in Python and in a browser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dilviz.errors import InputError

ROUNDS = 20
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = np.uint32(0x1BD11BDA)


def threefry(key: tuple[int, int], counter: np.ndarray) -> np.ndarray:
    """Scramble a counter: Threefry-2x32 with 20 rounds.

    Args:
        key: two whole numbers from 0 to 2**32 - 1.
        counter: (n, 2) uint32.

    Returns:
        (n, 2) uint32; each bit looks like the toss of a coin.

    Source:
        Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
    """
    keys = [np.uint32(key[0]), np.uint32(key[1])]
    keys.append(keys[0] ^ keys[1] ^ _PARITY)
    x, y = (counter[:, i] + keys[i] for i in (0, 1))  # uint32 wraps around, as it should
    for i in range(ROUNDS):
        turn = _ROTATIONS[i % 8]
        x = x + y
        y = (y << np.uint32(turn) | y >> np.uint32(32 - turn)) ^ x
        if i % 4 == 3:
            n = i // 4 + 1
            x, y = x + keys[n % 3], y + keys[(n + 1) % 3] + np.uint32(n)
    return np.stack([x, y], axis=1)


def normals(seed: int, first: int, count: int) -> np.ndarray:
    """Numbers `first` to `first + count - 1` of a seed's endless list of draws from N(0, 1).

    Args:
        seed: 0 to 2**53 - 1, what a browser can count to.
        first: 0 or more.
        count: how many.

    Returns:
        (count,) float64, none beyond 6.7.

    Source:
        Box and Muller 1958, on the two halves of a scrambled counter.
    """
    index = np.arange(first // 2, (first + count + 1) // 2, dtype=np.uint64)
    counter = np.stack([index & np.uint64(0xFFFFFFFF), index >> np.uint64(32)], axis=1).astype(np.uint32)
    u, v = (threefry((seed & 0xFFFFFFFF, seed >> 32), counter).T + np.array([[1.0], [0.0]])) / 2**32  # u in (0, 1]
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * math.pi * v
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.ravel()[first % 2 :][:count]


def uniforms(seed: int, count: int) -> np.ndarray:
    """Numbers between 0 and 1 that are a function of the seed, here as in a web page.

    Args:
        seed: 0 to 2**53 - 1.
        count: how many.

    Returns:
        (count,) float64.
    """
    counters = np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.uint32)
    return (threefry((seed % 2**32, seed // 2**32), counters)[:, 0] + 0.5) / 2**32


class CounterGenerator:
    """Stands where a torch.Generator may: draws that a web page can repeat.

    Args:
        seed: 0 to 2**53 - 1.
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.drawn = seed, 0

    def randn(self, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """The next draws from N(0, 1).

        Args:
            shape: of what is drawn.
            dtype: of what is drawn.

        Returns:
            A tensor of that shape on the CPU.
        """
        count = math.prod(shape)
        drawn = normals(self.seed, self.drawn, count).reshape(shape)
        self.drawn += count
        return torch.from_numpy(drawn).to(dtype)


Generator = torch.Generator | CounterGenerator
Generators = Generator | Sequence[Generator] | None


def noise_source(generator: Generators, like: Tensor) -> Callable[[], Tensor]:
    """Draws from N(0, I), one after the other.

    Args:
        generator: one, or a list of one a row, so that a row does not depend on its neighbours; None is seeded 0.
        like: (B, …) whose shape, dtype and device a draw has.

    Returns:
        A function that gives the next draw.

    Raises:
        InputError: a list of generators that is not one a row.
    """
    if generator is None:
        generator = torch.Generator(like.device if like.device.type != "meta" else "cpu").manual_seed(0)
    if isinstance(generator, Generator):
        return lambda: _randn(like.shape, generator, like)
    if len(generator) != len(like):
        raise InputError(f"{len(generator)} generators for {len(like)} rows of noise; give one, or one a row.")
    return lambda: torch.cat([like[:0], *(_randn(torch.Size([1, *like.shape[1:]]), g, like) for g in generator)])


def _randn(shape: torch.Size, generator: Generator, like: Tensor) -> Tensor:
    if isinstance(generator, CounterGenerator):
        return generator.randn(shape, like.dtype).to(like.device)
    return torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def draw_noise(shape: tuple[int, ...], generator: Generators = None, device: torch.device | str = "cpu") -> Tensor:
    """N(0, I) to start a sampler from.

    Args:
        shape: (B, horizon, dim).
        generator: one, or a list of one a row, so that a row does not depend on its neighbours; None is seeded 0.
        device: where the noise is to live.

    Returns:
        float32 noise of that shape.

    Raises:
        InputError: a list of generators that is not one a row.
    """
    like = torch.empty(shape, device=device)
    return noise_source(generator, like)()
