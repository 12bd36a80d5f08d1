"""Forward noising, live: data that dissolves under a slider, and can be dragged while it does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets

from dilviz.diffusion import BETA_SCHEDULES, NoiseSchedule
from dilviz.envs.fork import FORK
from dilviz.errors import InputError, MissingExtra
from dilviz.show.base import rounded
from dilviz.show.datasets import DATASETS, Dataset, dataset, scaled
from dilviz.show.live.live import SWITCH, Bound, Live
from dilviz.show.live.weights import packed
from dilviz.show.noising import NOT_NOISE, TIMESTEPS, TREE, make_schedule, noised, shown

HANDLES = 6  # on the path that is drawn thick
SCENE = {"tree": TREE["x1"], "start": float(scaled(FORK.start)[1]), "goal": float(scaled(FORK.goal)[1])}
UNMOVED = (0.0,) * (2 * HANDLES)
REACH = 2.0  # the picture goes from -REACH to REACH: five in a hundred of the noise's coordinates lie beyond
ROOM = 1.0  # what is dragged stays from -ROOM to ROOM, as data does


class LiveNoising(Live):
    """Drag t, and the data dissolves; drag the data, and its noised image follows.

    Args:
        schedule: a name in BETA_SCHEDULES, or a schedule of your own, which takes the place of the controls for
            `schedule`, `T` and `fit`.
        state: where to begin: `data` (a name in DATASETS), `T`, `fit` (whether betas are fitted to T), `t` (-1, clean,
            to T-1), `seed`, `shift` (x and y by which each handle is dragged away, and stays
            among the data; of points, the first two count).

    Raises:
        InputError: a state that cannot be.
        MissingExtra: the data needs a package that is not installed.
    """

    demo = "noising"
    title = "Data and its noised image at a time t; beside them, how much signal is left and how much noise has come."
    says = (
        "Each point of the data shrinks towards the middle while its noise grows, until nothing but noise is left. "
        "With JavaScript you can slide the time t, choose data and schedule, and drag the data."
    )
    BOUNDS: ClassVar = {  # in the order in which they can be set: t goes up to T - 1, and other data lies unmoved
        "data": Bound(options=tuple(DATASETS)),
        "schedule": Bound(options=tuple(BETA_SCHEDULES)),
        "T": Bound(options=TIMESTEPS),
        "fit": SWITCH,
        "t": Bound(-1, max(TIMESTEPS) - 1, whole=True),
        "seed": Bound(0, 99, whole=True),
        "shift": Bound(-2, 2, count=len(UNMOVED)),
    }

    data = traitlets.Unicode("fork: walks").tag(sync=True)
    schedule = traitlets.Unicode("squaredcos_cap_v2").tag(sync=True)
    T = traitlets.Int(50).tag(sync=True)
    fit = traitlets.Bool(True, help="whether betas are fitted to T; the cosine's always are").tag(sync=True)
    t = traitlets.Int(2).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    shift = traitlets.Tuple(UNMOVED).tag(sync=True)
    sets = traitlets.Dict(help="the data, by name").tag(sync=True)
    tables = traitlets.Dict(help="log-SNR at each t, of each schedule").tag(sync=True)
    not_noise = traitlets.Float(NOT_NOISE).tag(sync=True)
    scene = traitlets.Dict(SCENE, help="radius of the tree round (0, 0); how high start and goal are").tag(sync=True)
    reach = traitlets.Float(REACH).tag(sync=True)
    room = traitlets.Float(ROOM).tag(sync=True)
    _own: NoiseSchedule | None = None

    def __init__(self, schedule: NoiseSchedule | str = "squaredcos_cap_v2", **state: Any) -> None:
        if isinstance(schedule, NoiseSchedule):
            last = {"t": replace(self.BOUNDS["t"], high=len(schedule) - 1)}
            own = {name: bound for name, bound in (self.BOUNDS | last).items() if name not in ("schedule", "T", "fit")}
            self.__dict__["BOUNDS"] = own  # of this object alone
            self.T = len(schedule)
            self._own = schedule
        else:
            state["schedule"] = schedule
        order = list(self.BOUNDS)
        super().__init__(**dict(sorted(state.items(), key=lambda s: order.index(s[0]) if s[0] in order else -1)))
        self.sets = _pack_sets()
        self.tables = {"texts": [_pack(self._own)], "index": {}} if self._own else _pack_tables()

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep t below T, and what is dragged in view; other data lies as it was."""
        if self._own and name in ("schedule", "T", "fit"):
            raise InputError(f"{name} belongs to the schedule that was given; make a LiveNoising of another schedule.")
        if name == "t":
            value = Bound(-1, self.T - 1, whole=True).check(name, value)
        if name == "shift":
            value = _kept(shown(self.data), self.BOUNDS[name].check(name, value))
        super().__setattr__(name, value)
        if name == "T":
            self.t = min(self.t, self.T - 1)
        if name == "data":
            dataset(value)  # says which package it needs
            self.shift = UNMOVED

    def chosen(self) -> NoiseSchedule:
        """The schedule that is shown.

        Returns:
            Of T steps.
        """
        return self._own or make_schedule(self.T, self.schedule, self.fit)

    def dragged(self) -> Dataset:
        """The data that is shown, as it was dragged.

        Returns:
            Clean data.
        """
        data = shown(self.data)
        return replace(data, x0=data.x0 + torch.from_numpy(_drag(data, np.reshape(self.shift, (-1, 2)))).float())

    def still(self) -> str:
        """The data clean and at three noise levels, side by side.

        Returns:
            An <svg> element, with no style of its own.
        """
        schedule, data = self.chosen(), self.dragged()
        times = [-1, *(int(part * self.T) for part in (0.07, 0.19, 0.5))]
        panels = "".join(
            f'<g transform="translate({160 * k})">{self._panel(*noised(schedule, data, t, self.seed), data.tree)}'
            f'<text x="80" y="176" text-anchor="middle" fill="currentColor">{_level(schedule, t)}</text></g>'
            for k, t in enumerate(times)
        )
        head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 184" font-family="sans-serif" font-size="12"'
        return f'{head} role="img" aria-label="{self.title}">{panels}</svg>'

    def _panel(self, clean: np.ndarray, noisy: np.ndarray, tree: bool) -> str:
        points = clean.shape[1] == 1
        rows, width = (100, 3) if points else (6, 1)
        layers = (("data", clean[:rows], width), ("noise", noisy[1:rows], width), ("noise", noisy[:1], 2 * width))
        lines = (
            f'<path d="{_lines(paths)}" fill="none" stroke="{self.roles[role]["color"]}" stroke-width="{thick}" '
            'stroke-linecap="round"/>'
            for role, paths, thick in layers
        )
        green = self.roles["tree"]["color"]
        disc = f'<circle cx="80" cy="80" r="{_pixels(SCENE["tree"]):.0f}" fill="{green}33" stroke="{green}"/>'
        return disc * tree + "".join(lines)


def handles(data: Dataset) -> list[tuple[int, int]]:
    """Where data can be dragged: six way points of the first path, or the middle of each of two heaps of points.

    Args:
        data: what is dragged.

    Returns:
        (row, place in the row) of each handle.
    """
    length = data.x0.shape[1]
    if length > 1:
        return [(0, int((k + 0.5) * length / HANDLES)) for k in range(HANDLES)]
    points = data.positions(data.x0)[:, 0].numpy()
    heaps = [np.flatnonzero(points[:, 0] < 0), np.flatnonzero(points[:, 0] >= 0)]
    far = [np.linalg.norm(points[heap] - points[heap].mean(0), axis=1) for heap in heaps]
    return [(int(heap[distances.argmin()]), 0) for heap, distances in zip(heaps, far, strict=True)]


def _kept(data: Dataset, shift: tuple[float, ...]) -> np.ndarray:
    """What is left of a shift when all handles stay in view, as `kept` of numbers.js has it."""
    places = data.positions(data.x0).numpy()
    home = np.ravel([places[row, at] for row, at in handles(data)]).astype(float)
    there = np.clip(shift[: len(home)], -ROOM - home, ROOM - home)
    return np.pad(there, (0, len(shift) - len(home)))


def _drag(data: Dataset, shift: np.ndarray) -> np.ndarray:
    """What is added to x0 by dragging, as `drag` of noising_data.js adds it."""
    at, length = handles(data), data.x0.shape[1]
    added = np.zeros(data.x0.shape)
    if length == 1:
        places = data.positions(data.x0)[:, 0].numpy()
        nearest = np.linalg.norm(places[:, None] - places[[row for row, _ in at]], axis=2).argmin(1)
        added[:, 0] = shift[nearest]
        return added / _look(data)["step"]
    knots = [-1, *(place for _, place in at), length]
    moved = [np.interp(np.arange(length), knots, [0, *shift[:, k], 0]) for k in range(2)]
    added[0] = np.stack(moved, axis=1)
    if _look(data)["summed"]:
        added[0] = np.diff(added[0], axis=0, prepend=0)
    return added / _look(data)["step"]


def _look(data: Dataset) -> dict[str, Any]:
    """How data becomes places: origin + step times the data, or times its running sum."""
    zeros = torch.zeros(1, *data.x0.shape[1:])
    origin, unit = data.positions(zeros)[0, 0], data.positions(zeros + 1)[0] - data.positions(zeros)[0]
    return {"origin": origin.tolist(), "step": float(unit[0, 0]), "summed": bool(unit[-1, 0] > 1.5 * unit[0, 0])}


@cache
def _pack_sets() -> dict[str, Any]:
    sets = {}
    for name in DATASETS:
        with suppress(MissingExtra):  # offered where it can be had
            data = shown(name)
            plain = {"length": data.x0.shape[1], "x0": packed(data.x0), "tree": data.tree, "handles": handles(data)}
            sets[name] = plain | _look(data)
    return sets


def _pack(schedule: NoiseSchedule) -> str:
    # log-SNR tells signal and noise apart in 32 bits, where alpha_bar would lose 1 - alpha_bar to rounding.
    return packed(torch.logit(schedule.alphas_cumprod))


@cache
def _pack_tables() -> dict[str, Any]:
    """Each table once, and which one a choice takes."""
    texts: dict[str, int] = {}
    index = {}
    for name, T, fit in product(BETA_SCHEDULES, TIMESTEPS, (False, True)):
        index[f"{name} {T} {str(fit).lower()}"] = texts.setdefault(_pack(make_schedule(T, name, fit)), len(texts))
    return {"texts": list(texts), "index": index}


def _level(schedule: NoiseSchedule, t: int) -> str:
    return "clean" if t < 0 else f"t = {t}, ᾱ = {rounded(schedule.alpha_bar(t))}"


def _pixels(places: Any) -> Any:
    return 80 * places / REACH


def _lines(paths: np.ndarray) -> str:
    pixels = np.clip(80 + _pixels(paths * [1, -1]), 2, 158).round().astype(int)
    drawn = ("M" + " ".join(f"{x} {y}" for x, y in path) for path in pixels)
    return "".join(path + ("h0" if paths.shape[1] == 1 else "") for path in drawn)
