"""What a learner has solved, kept in the user's data folder: no account, no network."""

from __future__ import annotations

import json
from typing import Protocol
from weakref import WeakSet

from dilviz.assets import data_folder
from dilviz.diffusion.checkpoint import write_whole


class Watcher(Protocol):
    """Whoever shows progress."""

    def refresh(self) -> None:
        """Show it anew."""


WATCHERS: WeakSet[Watcher] = WeakSet()


def solved() -> set[str]:
    """The exercises that have been solved so far.

    Returns:
        Their names. A file that cannot be read counts as none solved: a course must open all the same.
    """
    try:
        names = json.loads((data_folder() / "progress.json").read_text())["solved"]
        return {str(name) for name in names}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def remember(name: str) -> None:
    """Note that an exercise is solved.

    Args:
        name: of the exercise, such as "01.complete".

    Raises:
        InputError: the folder cannot be written.
    """
    _write(solved() | {name})


def _write(names: set[str]) -> None:
    write_whole(data_folder() / "progress.json", json.dumps({"solved": sorted(names)}, indent=1).encode())
    for watcher in WATCHERS:
        watcher.refresh()
