"""The measured figures that lessons state: read from assets/results, never typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets

from dilviz.assets import asset
from dilviz.imitation.rows import comparison_text


def table(name: str, *columns: str, **only: Any) -> None:
    """Print a comparison over five training seeds, one line a variant, and the command that made it.

    Args:
        name: of the file in assets/results.
        columns: keys that tell the variants apart, such as "policy" and "steps".
        only: values that a row must have, such as steps=10.

    Raises:
        InputError: no such file.
    """
    print(_text(name, columns, only))


class Folded(ipywidgets.HTML):
    """Text that is folded until the reader opens it.

    Args:
        title: what is said while it is folded.
        text: what is read then, as it stands.
    """

    def __init__(self, title: str, text: str) -> None:
        self.title = title
        super().__init__(f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>")

    def __repr__(self) -> str:
        """Its title: the text is stored elsewhere."""
        return f"Folded({self.title!r})"


def folded(title: str, **tables: tuple[str, ...]) -> Folded:
    """Several such tables, folded until the reader opens them.

    Args:
        title: what they show.
        tables: name of the file -> its columns, as in `table`; none for one that `dilviz compare` has made.

    Returns:
        What the cell shows.

    Raises:
        InputError: no such file.
    """
    texts = "\n\n".join(_text(name, columns, {}) if columns else _compared(name) for name, columns in tables.items())
    return Folded(title, texts)


def _text(name: str, columns: tuple[str, ...], only: dict[str, Any]) -> str:
    content = json.loads(asset("results", f"{name}.json").read_text(encoding="utf-8"))
    variants: dict[tuple, list[dict[str, Any]]] = {}
    for row in content["rows"]:
        if all(row[key] == value for key, value in only.items()):
            variants.setdefault(tuple(row[column] for column in columns), []).append(row)
    names = [[*map(str, variant)] for variant in variants]
    widths = [max(len(row[k]) for row in [*names, list(columns)]) for k in range(len(columns))]
    lines = [" ".join([*map(str.ljust, columns, widths), " mean", " each training seed, %"])]
    for variant, rows in zip(names, variants.values(), strict=True):
        rates = [row["success_rate"] for row in rows]
        each = "".join(f"{100 * rate:6.1f}" for rate in rates)
        lines.append(" ".join([*map(str.ljust, variant, widths), f"{100 * sum(rates) / len(rates):5.1f}", each]))
    return "\n".join([*lines, f"({content['rows'][0]['n']} episodes each; {content['command']})"])


def comparison(name: str, demos: Sequence[int] = ()) -> None:
    """Print what `dilviz compare` has measured, and the commands that did.

    Args:
        name: of the file in assets/results.
        demos: numbers of demonstrations; none named: all.

    Raises:
        InputError: no such file.
    """
    print(_compared(name, demos))


def _compared(name: str, demos: Sequence[int] = ()) -> str:
    content = json.loads(asset("results", f"{name}.json").read_text(encoding="utf-8"))
    rows = [row for row in content["rows"] if not demos or row["demos"] in demos]
    return f"{comparison_text(rows)}\n({rows[0]['n']} episodes each; {'; '.join(content['commands'])})"


def card(task: str, policy: str) -> dict[str, Any]:
    """What a shipped policy was measured to do.

    Args:
        task: a task's name.
        policy: a learner's name.

    Returns:
        The content of its card.json: recipe, train, evaluate.

    Raises:
        InputError: no such policy.
    """
    return json.loads(asset("checkpoints", f"{task}-{policy}", "card.json").read_text(encoding="utf-8"))
