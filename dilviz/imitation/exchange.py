"""Minari at the border: its data sets as Episodes, and back. Minari is an extra, imported when it is needed."""

import importlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from dilviz.errors import InputError, MissingExtra
from dilviz.imitation.episodes import Episodes

TASK, MODE = "dilviz_task", "dilviz_mode"  # metadata of a data set, of an episode: Minari has no field for them


def read_minari(dataset_id: str, count: int | None = None) -> Episodes:
    """Read a Minari data set that lies on this machine; nothing is ever downloaded.

    Args:
        dataset_id: its name, e.g. "D4RL/door/human-v2".
        count: how many episodes, from the first on; None for all.

    Returns:
        The episodes, observations and actions flattened as Gymnasium does and rounded to float32. Seeds are their
        own, else their numbers; success is what the last info says, else True; the task is the one that
        `write_minari` kept, else `dataset_id`.

    Raises:
        InputError: no such data set, one that is not whole or has too few episodes, actions that are no Box, or a
            value that is not finite.
        MissingExtra: Minari, or what a data set's file format needs, is not installed.
    """
    with _opened(dataset_id) as dataset:
        total, done = int(dataset.total_episodes), dataset.action_space
        if not isinstance(done, spaces.Box):
            raise InputError(f"data set {dataset_id!r} has actions in {done}; take one with a Box.")
        if not total:
            raise InputError(f"data set {dataset_id!r} holds no episode; take another.")
        if count is not None and not 1 <= count <= total:
            raise InputError(f"{count} episodes of data set {dataset_id!r} are asked for; take 1 to {total}.")
        read = [_read(dataset, episode) for episode in dataset.iterate_episodes(range(count or total))]
        task = dataset.storage.metadata.get(TASK, dataset_id)
    paths, actions, rewards, seeds, *columns = zip(*read, strict=True)
    return Episodes(
        observations=np.concatenate([path[:-1] for path in paths]),
        actions=np.concatenate(actions),
        rewards=np.concatenate(rewards),
        episode_ends=np.cumsum([len(rows) for rows in actions]),
        last=np.stack([path[-1] for path in paths]),
        seeds=np.array(seeds, np.uint64 if max(seeds) >= 2**63 else np.int64),  # Minari draws some of 64 bits
        task=task,
        **dict(zip(("terminated", "success", "mode"), map(np.array, columns), strict=True)),
    )


def dataset_environment(dataset_id: str) -> tuple[str, dict[str, Any]] | None:
    """Name the environment in which a policy that was trained on a data set is to act.

    Args:
        dataset_id: a Minari data set on this machine.

    Returns:
        Name and options of its environment for evaluation, else of the recording; None where it names neither.

    Raises:
        InputError: no such data set, or one that is not whole.
    """
    with _opened(dataset_id) as dataset:
        metadata = dataset.storage.metadata
        named = metadata.get("eval_env_spec") or metadata.get("env_spec")
        if not named:
            return None
        spec = json.loads(named)
        return spec["id"], spec.get("kwargs") or {}


def write_minari(episodes: Episodes, dataset_id: str, env_id: str, *, replace: bool = False) -> None:
    """Write a Minari data set, whole or not at all; `read_minari` gives the same episodes back, bit for bit.

    Args:
        episodes: at least one.
        dataset_id: a name with a version, e.g. "dilviz/fork-v0".
        env_id: where they were recorded, as Gymnasium knows it; the data set names it and has its spaces.
        replace: whether a data set of that name may be replaced.

    Raises:
        InputError: a name that Minari does not take or that is taken, no episode, an environment that is unknown or
            of other shapes, or a folder that cannot be written.
        MissingExtra: Minari, or what the environment needs, is not installed.
    """
    minari, root, folder = _minari(dataset_id)
    with _one_sentence(f"{dataset_id!r} names no data set", "take a name like dilviz/fork-v0", TypeError, ValueError):
        namespace = minari.dataset.minari_dataset.parse_dataset_id(dataset_id)[0]
    if not len(episodes):
        raise InputError(f"there is no episode to write to data set {dataset_id!r}; give at least one.")
    env = _environment(env_id, episodes)
    with _one_sentence(f"{folder} cannot be written", "set MINARI_DATASETS_PATH to another place", OSError):
        if folder.exists() and not replace:
            raise InputError(f"data set {dataset_id!r} exists in {folder}; take another version, or replace it.")
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unfinished-", dir=root) as staging:  # hidden: Minari does not list it
            _fill(minari, Path(staging, "new"), env, episodes, dataset_id)
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists():
                folder.rename(Path(staging, "old"))
            Path(staging, "new").rename(folder)
        if namespace and namespace not in minari.namespace.list_local_namespaces():
            minari.namespace.create_namespace(namespace)


def _minari(dataset_id: str) -> tuple[Any, Path, Path]:
    """Minari, its folder, and a data set's (Minari's function for these makes them, too)."""
    with _one_sentence("data sets need `pip install 'minari[hdf5]'`", ""):
        minari = importlib.import_module("minari")
    root = Path(os.environ.get("MINARI_DATASETS_PATH", Path.home() / ".minari" / "datasets"))
    return minari, root, root / dataset_id / "data"


@contextmanager
def _one_sentence(what: str, mend: str, *errors: type[Exception]) -> Iterator[None]:
    """What Minari, h5py and Gymnasium raise, as one sentence of ours."""
    try:
        yield
    except InputError:
        raise
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        raise MissingExtra(f"{what}, for a package is missing: {error}") from error
    except errors as error:
        raise InputError(f"{what} ({type(error).__name__}: {' '.join(str(error).split())}); {mend}.") from error


@contextmanager
def _opened(dataset_id: str) -> Iterator[Any]:
    minari, root, folder = _minari(dataset_id)
    # Exception: no list holds the ways in which a file that is not whole can fail.
    with _one_sentence(f"{folder} cannot be read", "write or download it anew", Exception):
        if not folder.exists():
            mends = f"`minari list local` shows what is there, `minari download {dataset_id}` gets it"
            raise InputError(f"no data set {dataset_id!r} in {root} (MINARI_DATASETS_PATH); {mends}.")
        yield minari.MinariDataset(folder)


def _read(dataset: Any, episode: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, bool, bool, str]:
    """What was seen (n + 1 rows), done and got; seed, terminated, success, mode."""
    seen = _flat(dataset.observation_space, episode.observations)
    done = _flat(dataset.action_space, episode.actions)
    got = np.asarray(episode.rewards, np.float64)
    if not len(seen) - 1 == len(done) == len(got) > 0:
        rows = f"{len(seen)} observations, {len(done)} actions and {len(got)} rewards"
        raise InputError(f"episode {episode.id} has {rows}, not n + 1, n and n; record it anew.")
    if not all(np.isfinite(values).all() for values in (seen, done, got)):
        raise InputError(f"episode {episode.id} has a value that is not finite; leave that episode out.")
    infos, about = episode.infos or {}, {}
    with suppress(ValueError):  # Minari 0.4 wrote "None" where it knew no seed; 0.5 takes that for a number, and fails
        about = next(iter(dataset.storage.get_episode_metadata([episode.id])))
    success = bool(np.ravel(infos.get("success", infos.get("is_success", True)))[-1])
    return seen, done, got, about.get("seed", episode.id), bool(episode.terminations[-1]), success, about.get(MODE, "")


def _flat(space: Any, values: Any) -> np.ndarray:
    """`gymnasium.spaces.flatten` for all steps at once: (n, numbers) float32."""
    if parts := getattr(space, "spaces", None):  # of a Dict or a Tuple
        parts = parts.items() if isinstance(parts, dict) else enumerate(parts)
        return np.concatenate([_flat(part, values[key]) for key, part in parts], axis=1)
    flat = values if isinstance(space, spaces.Box) else [spaces.flatten(space, value) for value in values]
    with np.errstate(over="ignore"):  # what is too large for float32 becomes inf, and is refused
        return np.asarray(flat).reshape(len(values), spaces.flatdim(space)).astype(np.float32)


def _environment(env_id: str, episodes: Episodes) -> gymnasium.Env:
    with _one_sentence(f"{env_id!r} is no environment for a file", "name another", gymnasium.error.Error, ValueError):
        gymnasium.spec(env_id).to_json()  # a ValueError where it is registered as a function, not by a class's name
        env = gymnasium.make(env_id)
    for name, space in (("observations", env.observation_space), ("actions", env.action_space)):
        shape = getattr(episodes, name).shape[1:]
        if not isinstance(space, spaces.Box) or space.shape != shape:
            raise InputError(f"{env_id} has {name} in {space}, the episodes have {shape}; name the one they are from.")
    env.close()
    return env


def _fill(minari: Any, folder: Path, env: gymnasium.Env, episodes: Episodes, dataset_id: str) -> None:
    """What `minari.create_dataset_from_buffers` does, in a folder of our choice."""
    storage = minari.dataset.minari_storage.MinariStorage.new(folder, env.observation_space, env.action_space, env.spec)
    storage.update_metadata({"dataset_id": dataset_id, "minari_version": minari.__version__, TASK: episodes.task})
    buffers = []
    for number in range(len(episodes)):
        one = episodes.only(np.array([number]))
        seen, done = one.path(0).astype(env.observation_space.dtype), one.actions.astype(env.action_space.dtype)
        end = np.arange(len(done)) == len(done) - 1
        ends = {"terminations": end & one.terminated, "truncations": end & ~one.terminated, "rewards": one.rewards}
        infos = {"success": np.append(False, end & one.success)}  # the reset has an info, too: n + 1
        columns = {"observations": seen, "actions": done, "seed": int(one.seeds[0]), "infos": infos}
        buffers.append(minari.data_collector.EpisodeBuffer(**columns, **ends))
    storage.update_episodes(buffers)
    storage.update_episode_metadata([{MODE: str(mode)} for mode in episodes.mode])
