"""Rows of a comparison, one a training, as a table: means over training seeds, with their interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dilviz.imitation.intervals import student_mean


def groups_of(rows: Sequence[dict]) -> dict[tuple[int, str], list[dict]]:
    """The rows that differ in their training seed only, side by side.

    Args:
        rows: as `compare` gives them.

    Returns:
        (demonstrations, learner) -> its rows, in the order in which they come.
    """
    groups: dict[tuple[int, str], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["demos"], row["policy"]), []).append(row)
    return groups


def comparison_text(rows: Sequence[dict]) -> str:
    """A line for each learner and number of demonstrations: means over the training seeds.

    Args:
        rows: as `compare` gives them.

    Returns:
        The table, with a 95 % interval of the success over training seeds.
    """
    lines = ["demos  policy           success   95 % over seeds  rarer way  entropy  coverage  ms a chunk  CPU-s"]
    for (demos, policy), group in groups_of(rows).items():
        rates = np.array([row["success_rate"] for row in group])
        low, high = np.clip(student_mean(rates), 0, 1)
        shares = [row["mode_share"] for row in group if row["mode_share"] is not None]
        rarer = f"{np.mean(shares):9.0%}" if shares else "        —"
        entropy, coverage, latency, cpu = (
            np.mean([row[name] for row in group])
            for name in ("action_entropy", "state_coverage", "latency_ms", "cpu_s")
        )
        lines.append(
            f"{demos:5}  {policy:15} {rates.mean():8.1%}  {low:7.1%} {high:7.1%}  {rarer}  {entropy:7.2f}  "
            f"{coverage:8.0%}  {latency:10.2f}  {cpu:5.0f}"
        )
    return "\n".join(lines)
