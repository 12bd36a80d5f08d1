"""Landings: policies that start alike with the lunar lander, replayed in the browser with no word from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import traitlets

from dilviz.envs.gym import Copies
from dilviz.errors import InputError
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.rollout import Policy, rollout
from dilviz.show import theme
from dilviz.show.live import recordings
from dilviz.show.live.live import Bound
from dilviz.show.live.player import LivePlayer
from dilviz.tasks import TASKS

STEPS_PER_SECOND = 50  # of the environment
# A state counts halves of Gymnasium's picture of 600 x 400 pixels; scenes are drawn in these pixels.
WORLD = np.array([300.0, 200.0])
STANDS = 18.0  # a lander's middle above its feet; there is y = 0
LOW, HIGH = -108.0, 322.0  # what is seen of a scene
HULL = [(-14, 17), (-17, 0), (-17, -10), (17, -10), (17, 0), (14, 17), (-14, 17)]
FEET = [[[-13, -6], [-27, -17]], [[-31, -17], [-23, -17]], [[13, -6], [27, -17]], [[31, -17], [23, -17]]]
JETS = [  # the main engine's, and the two at the sides: the one on the left pushes to the right
    {"base": [[-6, -11], [6, -11]], "tip": [0, -30]},
    {"base": [[-17, 8], [-17, 14]], "tip": [-18, 0]},
    {"base": [[17, 8], [17, 14]], "tip": [18, 0]},
]
CRAFT = recordings.Craft(HULL[:-1], FEET, JETS, radius=26)
FLAG = np.array([[0, 0], [0, 50], [18, 44], [0, 38]])
FAR = 3 * WORLD[0]
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


class LandingPlayer(LivePlayer):
    """Landings to play, scrub and slow down; the browser alone moves them.

    Args:
        data: made by `landing_data`.
        state: of `LivePlayer`; it waits until it is played.

    Raises:
        InputError: a state that cannot be.
    """

    def __init__(self, data: Landing, **state: Any) -> None:
        super().__init__(landing_recording(data), **{"playing": False} | state)
        self.data = data

    def show(self, data: Landing) -> None:
        """Replay other landings in the same place.

        Args:
            data: made by `landing_data`.
        """
        with self.hold_sync():
            self.data, self.scene, self.at = data, landing_recording(data), 0

    def __repr__(self) -> str:
        """One line: the seed and what became of each."""
        return f"{type(self).__name__}(seed {self.data.seed}): {self.scene['caption']}"


def landing_recording(data: Landing) -> dict[str, Any]:
    """Landings as the player takes them, in pixels of Gymnasium's picture.

    Args:
        data: made by `landing_data`.

    Returns:
        The recording.
    """
    ground = np.array(data.ground) * WORLD
    ends = [[FAR, ground[-1, 1]], [FAR, LOW - FAR], [-FAR, LOW - FAR], [-FAR, ground[0, 1]]]  # it goes on, out of sight
    left, right = (FLAG + foot for foot in feet(data))
    moon = [
        recordings.Shape("area", [*ground.tolist(), *ends], "expert"),
        recordings.Shape("line", [*left[::-1].tolist(), *right.tolist()]),
    ]
    tracks = [
        recordings.Track(track.role, _poses(track.states), track.role, track.says, powers=_powers(track.engines))
        for track in data.tracks
    ]
    options = {"rate": STEPS_PER_SECOND, "timed": True, "caption": describe_landing(data)}
    return recordings.recording(tracks, moon, ((-WORLD[0], WORLD[0]), (LOW, HIGH)), CRAFT, **options)


def feet(data: Landing) -> np.ndarray:
    """Where the two flags stand.

    Args:
        data: made by `landing_data`.

    Returns:
        (2, 2), in pixels of Gymnasium's picture.
    """
    return np.stack([data.pad, np.interp(data.pad, *np.array(data.ground).T)], axis=1) * WORLD


def _poses(states: list[list[float]]) -> list[list[float]]:
    x, y, _, _, angle, *_ = np.array(states).T
    return np.stack([x * WORLD[0], y * WORLD[1], angle], axis=1).round(2).tolist()


def _powers(engines: list[list[float]]) -> list[list[float]]:
    main, side = np.array(engines).T
    return np.stack([main, side.clip(0, 1), (-side).clip(0, 1)], axis=1).round(2).tolist()


class LandingExplorer(LandingPlayer):
    """A seed, and how each policy lands from the start that it gives.

    Args:
        policies: role -> policy, such as {"expert": …, "diffusion": …, "cloning": …}.
        seed: to begin with, 0 to 99.
        state: of `LivePlayer`.

    Raises:
        InputError: no policy, no such role, or no such seed.
        MissingExtra: Box2D is not installed.
    """

    BOUNDS: ClassVar = LivePlayer.BOUNDS | {"seed": Bound(0, 99, whole=True)}
    seed = traitlets.Int(0).tag(sync=True)

    def __init__(self, policies: Mapping[str, Policy], seed: int = 0, **state: Any) -> None:
        self.policies = dict(policies)
        self.seed = seed
        super().__init__(landing_data(self.seed, self.policies), seed=self.seed, **state)
        self.observe(self._land, "seed")

    def __repr__(self) -> str:
        """One line: the seed and what became of each."""
        return f"{type(self).__name__}(seed={self.seed}): {self.scene['caption']}"

    def _land(self, _change: Any) -> None:
        self.show(landing_data(self.seed, self.policies))
