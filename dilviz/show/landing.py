"""Landings: policies that start alike with the lunar lander, replayed in the browser with no word from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import plotly.graph_objects as go
import traitlets

from dilviz.envs.gym import Copies
from dilviz.errors import InputError
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.rollout import Policy, rollout
from dilviz.show import theme
from dilviz.tasks import TASKS, shipped

LAST_SEED = 99  # of the explorer
STEPS_PER_SECOND = 50  # of the environment
# A state counts halves of Gymnasium's picture of 600 x 400 pixels; scenes are drawn in these pixels.
WORLD = np.array([300.0, 200.0])
STANDS = 18.0  # a lander's middle above its feet; there is y = 0
LOW, HIGH = -108.0, 322.0  # what is seen of a scene
HULL = [(-14, 17), (-17, 0), (-17, -10), (17, -10), (17, 0), (14, 17), (-14, 17)]
LEGS = [(np.nan, np.nan), (-13, -6), (-27, -17), (np.nan, np.nan), (13, -6), (27, -17)]
NAMES = {"expert": "the expert", "diffusion": "the diffusion policy", "cloning": "the cloned policy"}
VERDICTS = {  # what became of one: what it does, what several do
    "landed": ("lands", "land"),
    "landed poorly": ("lands poorly", "land poorly"),
    "crashed": ("crashes", "crash"),
    "flew off": ("flies off", "fly off"),
    "out of time": ("runs out of time", "run out of time"),
}


@dataclass(frozen=True)
class Track:
    """One policy's landing.

    Args:
        role: a name in theme.ROLES.
        states: (n + 1, 8), as the environment shows them, to four digits.
        engines: (n, 2): power of the main engine, 0 or 0.5 to 1, and of the side engines, 0 or ±0.5 to ±1; above 0
            it pushes to the right.
        total: the return.
        verdict: a key of VERDICTS.
    """

    role: str
    states: list[list[float]]
    engines: list[list[float]]
    total: float
    verdict: str

    @property
    def landed(self) -> bool:
        """Whether it is a success: a return of at least 200."""
        return self.verdict == "landed"

    @property
    def says(self) -> str:
        """The verdict and the return, such as "landed, return 283"."""
        return f"{self.verdict}, return {self.total:.0f}".replace("-", "−")


@dataclass(frozen=True)
class Landing:
    """Several policies on one moon.

    Args:
        seed: of the moon, the first push, and the policies' noise.
        ground: (m, 2) polyline from the left edge to the right one, in the units of a state's x and y.
        pad: from x to x.
        tracks: one a policy.
    """

    seed: int
    ground: list[list[float]]
    pad: tuple[float, float]
    tracks: tuple[Track, ...]


def landing_data(seed: int, policies: Mapping[str, Policy]) -> Landing:
    """Let each policy land once, from the same start.

    Args:
        seed: 0 or more.
        policies: role -> policy; a role is a name in theme.ROLES.

    Returns:
        The moon and the tracks, in the order of the policies.

    Raises:
        InputError: no policy, no such role, or no such seed.
        MissingExtra: Box2D is not installed.
    """
    if not policies or policies.keys() - theme.ROLES.keys():
        raise InputError(f"policies has {', '.join(policies) or 'none'}; name each by one of {', '.join(theme.ROLES)}.")
    if seed < 0:
        raise InputError(f"seed is {seed}; give 0 or more.")
    task = TASKS["lander"]
    ground, pad = _moon(task.env_id, seed)
    tracks = (_track(role, rollout(policy, task, [seed])) for role, policy in policies.items())
    return Landing(seed, ground, pad, tuple(tracks))


def _moon(env_id: str, seed: int) -> tuple[list[list[float]], tuple[float, float]]:
    copies = Copies(env_id, 1)
    copies.reset([seed])
    world: Any = copies.copies[0].unwrapped
    # Each piece of sky stands on two points of the ground, in units of 30 pixels from the picture's lower left corner.
    points = np.array([world.sky_polys[0][0], *(piece[1] for piece in world.sky_polys)])
    origin = np.array([WORLD[0], 30 * world.helipad_y + STANDS])
    left, right = ((30 * x - origin[0]) / WORLD[0] for x in (world.helipad_x1, world.helipad_x2))
    return _plain((30 * points - origin) / WORLD), (left, right)


def _track(role: str, episodes: Episodes) -> Track:
    main, side = np.clip(episodes.actions.astype(float), -1, 1).T
    engines = np.stack([np.where(main > 0, (main + 1) / 2, 0), np.where(np.abs(side) > 0.5, side, 0)], axis=1)
    return Track(role, _plain(episodes.path(0)), _plain(engines), float(episodes.returns[0]), _verdict(episodes))


def _verdict(episodes: Episodes) -> str:
    if episodes.success[0]:
        return "landed"
    if not episodes.terminated[0]:
        return "out of time"
    if abs(episodes.last[0, 0]) >= 1:
        return "flew off"
    return "crashed" if episodes.rewards[-1] < 0 else "landed poorly"


def _plain(array: np.ndarray) -> list[list[float]]:
    return array.astype(float).round(4).tolist()


def describe_landing(data: Landing) -> str:
    """What became of each, in a sentence. No return is in it, so that it is the same on any machine.

    Args:
        data: what is shown.

    Returns:
        The sentence.
    """
    parts = []
    for verdict, verbs in VERDICTS.items():
        names = [NAMES.get(t.role, f"the {t.role} policy") for t in data.tracks if t.verdict == verdict]
        if names:
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            parts.append(f"{listed} {verbs[len(names) > 1]}")
    return f"From the same start {', '.join(parts)}."


class LandingPlayer(anywidget.AnyWidget):
    """Landings to play, scrub and slow down; the browser alone moves them.

    Args:
        data: made by `landing_data`.
    """

    _esm = Path(__file__).with_name("landing.js")
    _css = theme.CSS
    _roles = traitlets.Dict({name: asdict(role) for name, role in theme.ROLES.items()}).tag(sync=True)
    scene = traitlets.Dict().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)

    def __init__(self, data: Landing) -> None:
        super().__init__()
        self.show(data)

    def show(self, data: Landing) -> None:
        """Replay other landings in the same place.

        Args:
            data: made by `landing_data`.
        """
        tracks = [asdict(track) | {"says": track.says} for track in data.tracks]
        with self.hold_sync():
            self.data, self.caption = data, describe_landing(data)
            self.scene = {"ground": data.ground, "pad": list(data.pad), "tracks": tracks}

    def __repr__(self) -> str:
        """One line: the seed and what became of each."""
        return f"{type(self).__name__}(seed {self.data.seed}): {self.caption}"


class LandingExplorer(ipywidgets.VBox):
    """A seed, and how each policy lands from the start that it gives.

    Args:
        policies: role -> policy, such as {"expert": …, "diffusion": …, "cloning": …}.
        seed: to begin with, 0 to 99.

    Raises:
        InputError: no policy, no such role, or no such seed.
        MissingExtra: Box2D is not installed.
    """

    def __init__(self, policies: Mapping[str, Policy], seed: int = 0) -> None:
        if seed not in range(LAST_SEED + 1):
            raise InputError(f"seed is {seed!r}; give 0 to {LAST_SEED}.")
        self.policies = dict(policies)
        self.seed = ipywidgets.IntSlider(seed, 0, LAST_SEED, description="seed", continuous_update=False)
        self.seed.style.description_width = "initial"
        self.player = LandingPlayer(landing_data(seed, self.policies))
        bar = ipywidgets.HBox([self.seed]).add_class("dilviz-controls")
        super().__init__([bar, self.player])
        self.add_class("dilviz").add_class("dilviz-explorer")
        self.seed.observe(self._land, "value")

    def __repr__(self) -> str:
        """One line: the seed and what became of each."""
        return f"{type(self).__name__}(seed={self.seed.value}): {self.player.caption}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle and bundle | {"text/plain": repr(self)}  # ipywidgets cuts it at 110 characters

    def _land(self, _change: Any) -> None:
        self.player.show(landing_data(self.seed.value, self.policies))


def landing_figure(data: Landing) -> go.Figure:
    """The whole trails, with a mark each second: what a page shows that has no player.

    Args:
        data: made by `landing_data`.

    Returns:
        The figure.
    """
    ground = np.array(data.ground) * WORLD
    foot = np.interp(data.pad, *np.array(data.ground).T) * WORLD[1]
    soil = np.array([[ground[0, 0], LOW], *ground, [ground[-1, 0], LOW]])
    traces = [theme.line("expert", *soil.T, line_width=0, fill="toself", fillcolor=theme.ROLES["expert"].fill)]
    traces += [_flag(x * WORLD[0], y) for x, y in zip(data.pad, foot, strict=True)]
    for track in data.tracks:
        path = np.array(track.states)[:, :2] * WORLD
        x, y = path[::STEPS_PER_SECOND].T
        traces += [_lander(track), theme.line(track.role, *path.T), theme.points(track.role, x, y, size=7)]
    layout = theme.layout(x=(-WORLD[0], WORLD[0]), y=(LOW, HIGH), axes=False, equal=True, height=420)
    layout.annotations = [
        _label(track, k / len(data.tracks), -1 if k % 2 else 1) for k, track in enumerate(data.tracks)
    ]
    return go.Figure(traces, layout)


def _flag(x: float, y: float) -> go.Scatter:
    up, right = np.array([0, 50, 44, 38]), np.array([0, 0, 18, 0])
    return theme.line("expert", x + right, y + up, line_color=theme.TEXT, line_dash="solid")


def _lander(track: Track) -> go.Scatter:
    """Where it came to rest."""
    x, y, _, _, angle, *_ = track.states[-1]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    u, v = turn @ np.array([*HULL, *LEGS]).T + WORLD[:, None] * [[x], [y]]
    return theme.line(track.role, u, v, line_dash="solid", fill="toself", fillcolor=theme.ROLES[track.role].fill)


def _label(track: Track, part: float, side: int) -> dict[str, Any]:
    """Words beside the trail, each at a height of its own."""
    path = np.array(track.states)[:, :2] * WORLD
    x, y = path[np.abs(path[:, 1] - 240 + 180 * part).argmin()]
    place = {"x": x, "y": y, "ax": side * 60, "ay": 0, "xanchor": "left" if side > 0 else "right"}
    line = {"showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": theme.ROLES[track.role].color}
    return place | line | {"text": f"{track.role}: {track.says}"}


def landing_still() -> go.Figure:
    """The expert and the shipped policies on one moon.

    Returns:
        The figure.
    """
    learners = {name: shipped("lander", name) for name in ("diffusion", "cloning")}
    return landing_figure(landing_data(0, {"expert": TASKS["lander"].expert(), **learners}))


STILLS = {"00_landing": landing_still}
