"""The folder that a command writes to: empty or meant, one writer at a time, nothing half-written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dilviz.diffusion.checkpoint import check_writable
from dilviz.errors import InputError


@contextmanager
def folder_for(out: str, names: tuple[str, ...], what: str, resume: bool, force: bool) -> Iterator[Path]:
    """The folder to write to, empty or meant, and nobody else's: nothing that somebody put there is touched.

    What --force replaces stays until its successor is whole, and bad input leaves no empty folder behind.

    Args:
        out: the folder.
        names: of the files that are written there; what begins like one belongs to it.
        what: it is that is written there, in a word or two.
        resume: go on with what is there.
        force: replace what is there.

    Returns:
        A context: the folder, which is there now.

    Raises:
        InputError: it holds something else, cannot be written, or somebody else writes to it.
    """
    folder = Path(out)
    missing = _check_folder(out, folder, names, what, resume, force)
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {out} cannot be written ({error.strerror}); name another place.") from error
        with _locked(folder, what):
            for left in folder.glob("*.unfinished"):  # by one that was killed while it wrote
                left.unlink()
            check_writable(folder / names[0])
            yield folder
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()  # empty ones only


def _check_folder(out: str, folder: Path, names: tuple[str, ...], what: str, resume: bool, force: bool) -> list[Path]:
    """Refuse a folder that is not meant for this; say which of it and its parents are not there yet."""
    if not out:
        raise InputError("--out is empty; name a folder.")
    if resume and force:
        raise InputError("--resume goes on with what is there and --force replaces it; give one of the two.")
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--out {out} is a file; name a folder.")
        held = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
    except OSError as error:
        raise InputError(f"--out {out} cannot be written ({error.strerror}); name another place.") from error
    foreign = {name for name in held if not name.startswith(names)}
    if foreign:
        raise InputError(f"--out {out} holds other things ({sorted(foreign)[0]}); name an empty or a new folder.")
    if held and not resume and not force:
        raise InputError(f"--out {out} holds a {what} already; --resume goes on with it, --force replaces it.")
    return missing


@contextmanager
def _locked(folder: Path, what: str) -> Iterator[None]:
    """One a folder. The system lets go of the lock when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InputError(f"another {what} writes to --out {folder} just now; name another folder.") from error
    finally:
        os.close(handle)
