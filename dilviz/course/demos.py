"""What lesson 10 asks of a demo: how many arrive, what an address says, and what a post with a mistake shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import ipywidgets
import numpy as np

from dilviz.show.embed import page
from dilviz.show.frames import PageFrame
from dilviz.show.live import LiveFork
from dilviz.show.live.live import Bound
from dilviz.tasks import TASKS


def arrivals(count: int, expert: bool = False, **scene: Any) -> int:
    """How many agents of the live fork arrive.

    Args:
        count: of agents, with the seeds from 0 up.
        expert: whether the expert walks in place of the diffusion policy.
        scene: of `LiveFork`.

    Returns:
        0 to `count`.

    Raises:
        InputError: a scene that cannot be.
    """
    demo = LiveFork(**scene)
    return int(demo.walks(count, TASKS[demo.task].expert() if expert else None).success.sum())


def read_state(address: str, bounds: dict[str, Bound] | None = None) -> dict[str, Any]:
    """The state that a demo's page reads out of its address; what makes no sense to it is left out.

    Args:
        address: "#seed=7&tree=0.4,0.5".
        bounds: of the demo; the fork's, if none are given.

    Returns:
        name -> value.
    """
    told = dict(reversed(parse_qsl(address.removeprefix("#"))))  # of two with one name the first counts
    bounds = dict(LiveFork.BOUNDS) if bounds is None else bounds
    read = {name: _read_value(told.get(name, ""), bound) for name, bound in bounds.items()}
    return {name: value for name, value in read.items() if value is not None}


def _read_value(text: str, bound: Bound) -> Any:
    if bound.options:
        return next((option for option in bound.options if str(option).lower() == text), None)
    try:
        numbers = np.array([float(part) for part in text.split(",")])
    except ValueError:
        return None
    if len(numbers) != (bound.count or 1) or not np.isfinite(numbers).all():
        return None
    numbers = np.clip(np.floor(numbers + 0.5) if bound.whole else numbers, bound.low, bound.high)
    return tuple(numbers.tolist()) if bound.count else numbers.tolist()[0]


CAPTION = "Sixteen agents, a tree to drag."
NONE = "none"
# What is done to the page or to its frame.
MISTAKES: dict[str, dict[str, Any]] = {
    NONE: {},
    "no_scripts": {"sandbox": ""},
    "changed_script": {"changed": True},
    "lost_hash": {"state": ""},
    "too_low": {"height": 120},
}


def _embedded(changed: bool = False, state: str = "tree=0.3,0.45&radius=0.25&agents=16", **frame: Any) -> PageFrame:
    """The page in its frame, with a mistake or without one."""
    data = page(LiveFork(), CAPTION)
    if changed:
        data = data.replace(b"\nopenPage(render);", b"\nopenPage(render); // seen by my minifier")
    return PageFrame(data, state, **{"height": 420, "followed": False} | frame)


class EmbedPanel(ipywidgets.VBox):
    """A post with a mistake in it, and beside it the same with the mistake that is chosen.

    Args:
        mystery: a name in MISTAKES, which is not told.
    """

    def __init__(self, mystery: str) -> None:
        self.mistake = ipywidgets.Dropdown(options=list(MISTAKES), description="mistake")
        self.places = [ipywidgets.VBox(layout={"flex": "1 1 300px", "min_width": "0"}) for _ in range(2)]
        self.places[0].children = [ipywidgets.Label("The mystery"), _embedded(**MISTAKES[mystery])]
        self.mistake.observe(lambda _: self.plant(), "value")
        self.plant()
        both = ipywidgets.HBox(self.places, layout={"flex_flow": "row wrap", "gap": "16px"})
        super().__init__([self.mistake, both])
        self.add_class("dilviz")

    def plant(self) -> None:
        """Show the page with the chosen mistake."""
        said = ipywidgets.Label(f"Yours, with the mistake: {self.mistake.value}")
        self.places[1].children = [said, _embedded(**MISTAKES[self.mistake.value])]

    def __repr__(self) -> str:
        return f"EmbedPanel(mistake={self.mistake.value!r})"
