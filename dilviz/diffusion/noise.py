"""Noise by number: a generator whose k-th number is a function of the seed and k, the same in Python and in a browser.

torch's own generators cannot be had in a web page. This one is a cipher on a counter: no state but how far it has come.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

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
