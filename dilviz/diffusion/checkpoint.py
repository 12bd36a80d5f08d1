"""Checkpoints: one safetensors file, whole or not there, that knows which training or model it belongs to."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dilviz.errors import InputError

# What a recipe keeps as a hash, and what it means when two differ.
FINGERPRINTS = {
    "data": "other data: other demonstrations, or other horizons",
    "schedule": "another noise schedule",
    "shapes": "a network of other shapes",
}


def write_checkpoint(path: str | Path, tensors: dict[str, Tensor], recipe: dict) -> None:
    """Write a file that is at every moment either the old one or the new one.

    Args:
        path: the file.
        tensors: what to keep.
        recipe: plain values that say what it is; JSON in the file's header.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(path)
    data = save({name: t.contiguous() for name, t in tensors.items()}, {"dilviz": json.dumps(recipe)})
    write_whole(path, data)


def write_whole(path: Path, data: bytes) -> None:
    """Write to a temporary file beside it, then rename: a kill in between leaves the old file as it was.

    Args:
        path: the file.
        data: its bytes.

    Raises:
        InputError: the file cannot be written.
    """
    unfinished = _unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise _unwritable(path, error) from error


def check_writable(path: str | Path) -> None:
    """Find out before the work, and not after it, that a file cannot be written; what is there stays as it is.

    Args:
        path: the file.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        _unfinished(path).touch()
        _unfinished(path).unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _unfinished(path: Path) -> Path:
    # A name of its own for each process: two that write one file do not tear it.
    return path.with_name(f"{path.name}.{os.getpid()}.unfinished")


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be written ({error.strerror}); name another place.")


def read_checkpoint(path: str | Path, recipe: dict | None = None) -> dict[str, Tensor]:
    """Read the tensors back.

    Args:
        path: the file.
        recipe: what it must have been made by; None for any.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        InputError: no such file, not one of ours, cut short, or of another recipe; the first difference is named.
    """
    found = read_recipe(path)
    for name, value in (recipe or {}).items():
        if name in FINGERPRINTS and found.get(name) != value:
            raise InputError(f"{path} was made with {FINGERPRINTS[name]}; give it the same, or start anew elsewhere.")
        if found.get(name) != value:
            raise InputError(
                f"{path} was made with {name} = {found.get(name)}, but {name} = {value} is asked for; "
                "give it the same, or start anew elsewhere."
            )
    with _opened(path) as file:
        names = file.keys()
        # Copies: what is read lies in the mapped file, and a file that is mapped cannot be replaced on Windows.
        return {name: file.get_tensor(name).clone() for name in names}


def read_recipe(path: str | Path) -> dict:
    """What a checkpoint says of itself.

    Args:
        path: the file.

    Returns:
        The plain values that it was written with.

    Raises:
        InputError: no such file, not one of ours, or cut short.
    """
    with _opened(path) as file:
        header = (file.metadata() or {}).get("dilviz")
    if header is None:
        raise InputError(f"{path} is no checkpoint of dilviz: its header does not say so.")
    try:
        return dict(json.loads(header))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is no checkpoint of dilviz: its header cannot be read ({error}).") from error


def _opened(path: str | Path) -> safe_open:
    if not Path(path).is_file():
        raise InputError(f"{path} is no file; name a checkpoint that training has written.")
    try:
        return safe_open(str(path), framework="pt")
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint ({error}); it is cut short or another kind of file."
        ) from error
