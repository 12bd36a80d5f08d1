"""The fork: an agent walks to a goal behind a round tree. Both ways round are good; the middle is not.

The dynamics stand here once, as pure functions on batches. The expert commits early: a coin that nobody else sees
picks the side before the first step. Another one reacts: it makes for the goal, and slides along the tree.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion.noise import Generators, draw_noise
from dilviz.errors import InputError

MAX_STEP, MAX_STEPS = 0.03, 60  # the longest way in one step; the steps of an episode
GOAL_RADIUS = 0.05
# The expert's: its distance from the tree and how much that varies, its unsteady hand, and when a way point counts as
# reached. With less distance more of its own walks crash; with more, the way past a tree near the wall is too narrow.
CLEARANCE, CLEARANCE_STD, HAND, REACHED = 0.1, 0.03, 0.1, 0.04
ARC_POINTS = 4


@dataclass(frozen=True)
class Scene:
    """Where things are, in units of the square's side; one scene, or one a row of a batch.

    Args:
        tree: (…, 2), its middle.
        radius: (…), the tree's.
        goal: (…, 2), its middle; an episode ends in success within GOAL_RADIUS of it.
        start: (…, 2), where an episode starts.
    """

    tree: np.ndarray
    radius: np.ndarray
    goal: np.ndarray
    start: np.ndarray

    def features(self) -> np.ndarray:
        """Tree, radius and goal as (…, 5) numbers, as they are observed where they vary."""
        return np.concatenate([self.tree, np.asarray(self.radius)[..., None], self.goal], axis=-1)

    @classmethod
    def of(cls, features: np.ndarray, start: np.ndarray) -> Scene:
        """The scenes that were observed.

        Args:
            features: (…, 5), as `features` gives them.
            start: (…, 2).

        Returns:
            The scenes.
        """
        return cls(features[..., :2], features[..., 2], features[..., 3:5], start)


FORK = Scene(np.array([0.5, 0.5]), np.array(0.25), np.array([0.5, 0.93]), np.array([0.5, 0.07]))
HIGHEST = {"radius": 0.45}  # places go up to 1
# Each episode draws its scene around the middle one, each number at most so far from it.
SPREAD = Scene(np.zeros(2), np.array(0.0), np.zeros(2), np.array([0.05, 0.05]))
MOVING = Scene(np.array([0.5, 0.5]), np.array(0.17), np.array([0.5, 0.91]), np.array([0.5, 0.09]))
MOVING_SPREAD = Scene(np.array([0.15, 0.08]), np.array(0.05), np.array([0.2, 0.03]), np.array([0.2, 0.03]))


def scene_with(scene: Scene, **changes: object) -> Scene:
    """Another scene, looked through.

    Args:
        scene: the one to change.
        changes: tree, radius, goal, start; None leaves it.

    Returns:
        The new scene.

    Raises:
        InputError: a place outside the unit square, or a radius that is not between 0 and 0.45.
    """
    given = {name: np.asarray(value, dtype=np.float64) for name, value in changes.items() if value is not None}
    for name, value in given.items():
        wanted, highest = () if name == "radius" else (2,), HIGHEST.get(name, 1.0)
        if value.shape != wanted or not ((value >= 0) & (value <= highest)).all():
            raise InputError(
                f"{name} is {value.tolist()}; give {'a number' if name == 'radius' else 'two numbers'} "
                f"from 0 to {highest}."
            )
    return replace(scene, **given)


def drawn(scene: Scene, spread: Scene, rng: np.random.Generator) -> Scene:
    """The scene of one episode.

    Args:
        scene: the middle.
        spread: how far each number may lie from it.
        rng: draws.

    Returns:
        The scene, within the unit square.
    """
    places = {
        f.name: (middle := getattr(scene, f.name)) + getattr(spread, f.name) * rng.uniform(-1, 1, np.shape(middle))
        for f in fields(Scene)
    }
    return Scene(**{name: np.clip(place, 0, HIGHEST.get(name, 1.0)) for name, place in places.items()})


def move(
    scene: Scene, position: np.ndarray, action: np.ndarray, blown: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of the dynamics.

    Args:
        scene: where things are.
        position: (B, 2) in the unit square.
        action: (B, 2), direction and speed; a length of 1 is the highest speed, longer ones are shortened.
        blown: (B, 2), how far the wind carries it beside its own step.

    Returns:
        position (B, 2) after the step, crashed (B,), arrived (B,). Who crosses the tree on the way has crashed.
    """
    length = np.maximum(np.linalg.norm(action, axis=-1, keepdims=True), 1.0)
    after = np.clip(position + MAX_STEP * action / length + blown, 0.0, 1.0)
    crashed = _distance_to_segment(scene.tree, position, after) < scene.radius
    arrived = np.linalg.norm(after - scene.goal, axis=-1) < GOAL_RADIUS
    return after, crashed, arrived & ~crashed


def _distance_to_segment(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    along = b - a
    squared = np.maximum((along**2).sum(-1), 1e-12)
    share = np.clip(((point - a) * along).sum(-1) / squared, 0.0, 1.0)
    return np.linalg.norm(a + share[..., None] * along - point, axis=-1)


def way_points(scene: Scene, side: np.ndarray, clearance: np.ndarray) -> np.ndarray:
    """Straight to a circle around the tree, along it on one side, and straight to the goal.

    Args:
        scene: where things are, one a row.
        side: (B,) -1 for left of the tree, seen from the start, 1 for right of it.
        clearance: (B,) how much wider than the tree the circle is.

    Returns:
        (B, ARC_POINTS + 1, 2) way points, the goal last.
    """
    radius = scene.radius + clearance
    angles = []
    for place, turn in ((scene.start, side), (scene.goal, -side)):
        away = place - scene.tree
        # A straight line from `place` touches the circle this far around it.
        touch = np.arccos(np.clip(radius / np.maximum(np.linalg.norm(away, axis=-1), 1e-9), 0, 1))
        angles.append(np.arctan2(away[..., 1], away[..., 0]) + turn * touch)
    arc = np.mod(side * (angles[1] - angles[0]), 2 * np.pi)
    arc = np.where(arc > 1.5 * np.pi, 0.0, arc)  # the tree is not in the way on this side
    around = angles[0][:, None] + (side * arc)[:, None] * np.linspace(0, 1, ARC_POINTS)  # (B, ARC_POINTS)
    circle = np.stack([np.cos(around), np.sin(around)], axis=-1) * radius[:, None, None]
    points = scene.tree[..., None, :] + circle
    goal = np.broadcast_to(scene.goal, (len(side), 2))[:, None]
    return np.concatenate([np.clip(points, 0.03, 0.97), goal], axis=1)


class ForkExpert:
    """Walks round the tree on the side that its coin has picked, with an unsteady hand.

    Args:
        scene: where things are, where that does not vary; None reads it off the observations.
    """

    obs_horizon = 1

    def __init__(self, scene: Scene | None = FORK) -> None:
        self.scene = scene

    def act(self, observations: Tensor, generator: Generators = None) -> Tensor:
        """The whole walk at once: the expert knows where it wants to go.

        Args:
            observations: (B, 1, 2), or (B, 1, 7) where the scene varies.
            generator: one, or a list of one a row.

        Returns:
            (B, MAX_STEPS, 2) actions, each number in [-1, 1].
        """
        seen = observations[:, -1].double().numpy()
        position = seen[:, :2]
        draws = draw_noise((len(seen), MAX_STEPS + 1, 2), generator).double().numpy()
        side = np.where(draws[:, 0, 0] > 0, 1, -1)
        scene = Scene.of(seen[:, 2:], position) if self.scene is None else replace(self.scene, start=position)
        plan = way_points(scene, side, CLEARANCE + CLEARANCE_STD * draws[:, 0, 1])
        leg, actions = np.zeros(len(seen), int), []
        for noise in draws[:, 1:].swapaxes(0, 1):
            action, leg = _toward(position, plan, leg)
            actions.append(np.clip(action + HAND * noise, -1, 1))
            position, _, _ = move(scene, position, actions[-1])
        return torch.from_numpy(np.stack(actions, axis=1)).float()


def _toward(position: np.ndarray, plan: np.ndarray, leg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Full speed toward the way point that is next, and which that is."""
    rows = np.arange(len(position))
    close = np.linalg.norm(plan[rows, leg] - position, axis=-1) < REACHED
    leg = np.minimum(leg + close, plan.shape[1] - 1)
    way = plan[rows, leg] - position
    return way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), MAX_STEP), leg


class ReactingForkExpert:
    """Makes straight for the goal, and slides along the tree where that is in the way, with the same unsteady hand.

    What it does is a function of what it sees, its unsteadiness aside. So it can be asked at any place, and its
    demonstrations hold what one does right before the tree.

    Args:
        scene: where things are, where that does not vary; None reads it off the observations.
    """

    obs_horizon = 1

    def __init__(self, scene: Scene | None = FORK) -> None:
        self.scene = scene

    def act(self, observations: Tensor, generator: Generators = None) -> Tensor:
        """The next step.

        Args:
            observations: (B, 1, 2), or (B, 1, 7) where the scene varies.
            generator: one, or a list of one a row.

        Returns:
            (B, 1, 2) actions, each number in [-1, 1].
        """
        seen = observations[:, -1].double().numpy()
        noise = draw_noise((len(seen), 1, 2), generator).double().numpy()[:, 0]
        position = seen[:, :2]
        scene = Scene.of(seen[:, 2:], position) if self.scene is None else self.scene
        action = np.clip(_past_the_tree(scene, position) + HAND * noise, -1, 1)
        return torch.from_numpy(action).float()[:, None]


def _past_the_tree(scene: Scene, position: np.ndarray) -> np.ndarray:
    """Full speed toward the goal, but along the circle around the tree, and out of it, where one is upon it: (B, 2)."""
    to_goal, away = scene.goal - position, position - scene.tree
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    to_goal = to_goal / np.maximum(np.linalg.norm(to_goal, axis=-1, keepdims=True), MAX_STEP)
    away = away / np.maximum(distance, 1e-9)
    inward = -(to_goal * away).sum(-1, keepdims=True)
    along = np.stack([-away[:, 1], away[:, 0]], axis=-1)
    along *= np.where((along * to_goal).sum(-1, keepdims=True) < 0, -1, 1)  # the way round on which it stands
    depth = scene.radius[..., None] + CLEARANCE - distance  # in the circle
    slide = along + np.clip(depth / MAX_STEP, 0, 1) * away
    slide /= np.maximum(np.linalg.norm(slide, axis=-1, keepdims=True), 1e-9)
    return np.where((depth > -MAX_STEP) & (inward > 0), slide, to_goal)


def places_ahead(actions: Tensor, observations: Tensor) -> Tensor:
    """Where actions lead, the tree aside: for steering, so in torch.

    Args:
        actions: (B, n, 2), from the newest observation on.
        observations: (B, obs_horizon, 2 or 7), of which the first two numbers are the place.

    Returns:
        (B, n, 2) places.
    """
    steps = MAX_STEP * actions / actions.norm(dim=-1, keepdim=True).clamp(min=1)
    return observations[:, -1:, :2].to(steps) + steps.cumsum(1)


def side_of(scene: Scene, positions: np.ndarray) -> str:
    """Which way round a walk went.

    Args:
        scene: where things are.
        positions: (n, 2).

    Returns:
        "left" or "right", seen from the start.
    """
    along = scene.goal - scene.start
    past = positions - scene.tree
    passing = past[np.abs(past @ along).argmin()]  # beside the tree
    return "left" if along[0] * passing[1] - along[1] * passing[0] > 0 else "right"
