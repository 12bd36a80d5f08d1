"""Small data to play with: the expert's walks round the tree, points of them, and landings. All scaled to [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from dilviz.envs.fork import FORK, MAX_STEP
from dilviz.errors import InputError
from dilviz.imitation import Episodes
from dilviz.tasks import TASKS

LENGTH = 32  # points to which every path is resampled, evenly along its way


def resampled(path: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """The same path with another number of points, evenly spaced along it.

    Args:
        path: (n, 2), at least two different points.
        length: how many points.

    Returns:
        (length, 2).
    """
    travelled = np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
    wanted = np.linspace(0, travelled[-1], length)
    return np.stack([np.interp(wanted, travelled, path[:, k]) for k in range(2)], axis=1)


def scaled(positions: np.ndarray) -> np.ndarray:
    """From the fork's unit square to [-1, 1].

    Args:
        positions: (…, 2) in the unit square.

    Returns:
        The same shape, in [-1, 1].
    """
    return 2 * positions - 1


@dataclass(frozen=True)
class Dataset:
    """Data and how to look at it.

    Args:
        x0: (N, horizon, 2) float32 in [-1, 1]; horizon 1 for points.
        positions: from data like x0 to places in the scene (N, L, 2), also in [-1, 1] as long as there is no noise.
        tree: whether the fork's tree stands in the scene.
    """

    x0: Tensor
    positions: Callable[[Tensor], Tensor]
    tree: bool


@cache
def _walks() -> Episodes:
    return TASKS["fork"].demonstrations(500)


@cache
def _paths() -> np.ndarray:
    walks = _walks()
    paths = [resampled(walks.path(i)) for i in range(len(walks))]
    return scaled(np.stack(paths)).astype(np.float32)  # (500, LENGTH, 2)


def _fork_paths() -> Dataset:
    return Dataset(torch.from_numpy(_paths()), lambda x: x, tree=True)


def _fork_points() -> Dataset:
    """Where each walk is at the height of the tree's middle: two heaps, left and right of it."""
    paths = _paths()
    nearest = np.abs(paths[:, :, 1] - scaled(np.array(FORK.tree[1]))).argmin(axis=1)
    return Dataset(torch.from_numpy(paths[np.arange(len(paths)), nearest][:, None]), lambda x: x, tree=True)


def _fork_actions() -> Dataset:
    """The first LENGTH actions of each walk; looked at by walking them from the middle of the start."""
    walks = _walks()
    # What was really walked: an action that is longer than the highest speed is shortened.
    steps = [np.diff(walks.path(i)[: LENGTH + 1], axis=0) / MAX_STEP for i in range(len(walks))]
    start = torch.from_numpy(FORK.start).float()

    def walk(actions: Tensor) -> Tensor:
        return 2 * (start + MAX_STEP * actions.cumsum(1)) - 1

    return Dataset(torch.from_numpy(np.stack(steps).astype(np.float32)), walk, tree=True)


@cache
def _landings() -> Dataset:
    task = TASKS["lander"]
    episodes = task.demonstrations(24)
    paths = np.stack([resampled(episodes.path(i)[:, :2]) for i in range(len(episodes))])
    low, high = paths.min((0, 1)), paths.max((0, 1))
    paths = 2 * (paths - low) / (high - low) - 1
    return Dataset(torch.from_numpy(paths.astype(np.float32)), lambda x: x, tree=False)


DATASETS: dict[str, Callable[[], Dataset]] = {
    "fork: walks": _fork_paths,
    "fork: points": _fork_points,
    "fork: actions": _fork_actions,
    "lander: landings": _landings,
}


def dataset(name: str) -> Dataset:
    """Some data.

    Args:
        name: as in DATASETS.

    Returns:
        The data, and how to look at it; a copy, to do with as one likes.

    Raises:
        InputError: no such data.
    """
    if name not in DATASETS:
        raise InputError(f"data {name!r} is unknown; take one of {', '.join(DATASETS)}.")
    found = DATASETS[name]()
    return replace(found, x0=found.x0.clone())  # what is cached must not change under anybody's hands
