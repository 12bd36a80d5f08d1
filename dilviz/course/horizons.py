"""What was measured of the horizons: lesson 06's tables, read from assets/results/fork_horizons.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from dilviz.assets import asset
from dilviz.course.results import Folded
from dilviz.imitation.intervals import student_mean

Where = dict[str, Any]
STILL_AIR: Where = {"wind": 0.0, "delay": 0}
WINDY: Where = {"wind": 0.02, "delay": 0}
LATE: Where = {"wind": 0.0, "delay": 4}
ACTED = (1, 2, 4, 8, 12, 16)


def acted_table(obs_horizon: int = 2) -> None:
    """Print what comes of the action horizon: arrivals in three worlds, and how much the direction turns.

    Args:
        obs_horizon: 1 to 3.

    Raises:
        InputError: the folder of assets is not found.
    """
    print(_acted(obs_horizon))


def seen_tables() -> Folded:
    """The same for one and for three observations, folded.

    Returns:
        What the cell shows.

    Raises:
        InputError: the folder of assets is not found.
    """
    text = "\n\n".join(f"{n} observation{'s' * (n > 1)}\n{_acted(n)}" for n in (1, 3))
    return Folded("Deeper: policies that see one observation, and three", text)


def predicted_table() -> None:
    """Print what comes of the prediction horizon in training, where one action is done of each plan.

    Raises:
        InputError: the folder of assets is not found.
    """
    content, lines = (
        _content(),
        [f"{'actions predicted':>18} {'still air':>14} {'wind 0.02':>14} {'turn in wind':>16}"],
    )
    for ahead in (1, 2, 4, 8, 16):
        where = {"obs_horizon": 2, "pred_horizon": 1 + ahead, "action_horizon": 1}
        cells = [_cell(content, "success_rate", where | world, 100) for world in (STILL_AIR, WINDY)]
        lines.append(f"{ahead:>18} {cells[0]:>14} {cells[1]:>14} {_cell(content, 'turning', where | WINDY, 1):>16}")
    print("\n".join([*lines, _foot(content)]))


def _acted(obs_horizon: int) -> str:
    content = _content()
    heads = ("still air", "wind 0.02", "4 steps late", "turn, still air")
    lines = [f"{'actions done':>14}" + "".join(f"{head:>18}" for head in heads)]
    for acted in ACTED:
        where = {"obs_horizon": obs_horizon, "pred_horizon": obs_horizon + 15, "action_horizon": acted}
        cells = [_cell(content, "success_rate", where | world, 100) for world in (STILL_AIR, WINDY, LATE)]
        cells.append(_cell(content, "turning", where | STILL_AIR, 1))
        lines.append(f"{acted:>14}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join([*lines, _foot(content)])


def _content() -> dict[str, Any]:
    return json.loads(asset("results", "fork_horizons.json").read_text(encoding="utf-8"))


def _cell(content: dict[str, Any], key: str, where: Where, unit: float) -> str:
    values = unit * np.array([row[key] for row in content["rows"] if where.items() <= row.items()])
    return _said(values) if len(values) else "-"


def _said(values: Sequence[float] | np.ndarray) -> str:
    low, high = student_mean(np.asarray(values))
    return f"{np.mean(values):.1f} ± {(high - low) / 2:.1f}"


def _foot(content: dict[str, Any]) -> str:
    n = content["rows"][0]["n"]
    of = f"arrivals in % of {n} walks, turns in degrees a step"
    return f"({of}; ± 95 % over five training seeds; {content['command']})"
