"""A bug: a mistake that is planted, and taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bug:
    """A mistake, and how to make it.

    Args:
        name: its key in `BUGS`.
        title: what is wrong, in a few words.
        says: one sentence, the diagnosis: what is wrong and what one sees of it.
        caught_by: the test that it turns red, "file::test".
        patches: (owner, attribute, wrong value), for a module, class or object.
    """

    name: str
    title: str
    says: str
    caught_by: str
    patches: tuple[tuple[Any, str, Any], ...]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Within, dilviz has this bug; afterwards it is well again, whatever happened.

        Returns:
            A context manager.
        """
        right = [(owner, attribute, vars(owner)[attribute]) for owner, attribute, _ in self.patches]
        try:
            for owner, attribute, wrong in self.patches:
                setattr(owner, attribute, wrong)
            yield
        finally:
            for owner, attribute, value in right:
                setattr(owner, attribute, value)
