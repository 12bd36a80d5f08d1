"""The fork: an agent walks to a goal behind a round tree. Both ways round are good; the middle is not.

The dynamics stand here once, as pure functions on batches. The expert commits early: a coin that nobody else sees
picks the side at the start, and way points do the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MARGIN = 0.33  # of the expert's way points, from the tree's middle: radius 0.25 and room for its own noise
HEIGHTS = (0.38, 0.62)  # of the way points
REACHED = 0.04  # a way point counts as reached within this distance


@dataclass(frozen=True)
class Scene:
    """Where things are. Lengths in units of the square's side.

    Args:
        tree: its middle.
        radius: of the tree.
        goal: its middle.
        goal_radius: within it the episode ends in success.
        start: middle of the box in which episodes start.
        start_spread: half the box's side.
        max_step: the longest way in one step.
        max_steps: after which the episode ends in failure.
    """

    tree: tuple[float, float] = (0.5, 0.5)
    radius: float = 0.25
    goal: tuple[float, float] = (0.5, 0.93)
    goal_radius: float = 0.05
    start: tuple[float, float] = (0.5, 0.07)
    start_spread: float = 0.05
    max_step: float = 0.03
    max_steps: int = 60


FORK = Scene()


def move(scene: Scene, position: np.ndarray, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of the dynamics.

    Args:
        scene: where things are.
        position: (B, 2) in the unit square.
        action: (B, 2), direction and speed; a length of 1 is the highest speed, longer ones are shortened.

    Returns:
        position (B, 2) after the step, crashed (B,), arrived (B,). Who crosses the tree on the way has crashed.
    """
    length = np.maximum(np.linalg.norm(action, axis=-1, keepdims=True), 1.0)
    after = np.clip(position + scene.max_step * action / length, 0.0, 1.0)
    crashed = _distance_to_segment(np.asarray(scene.tree), position, after) < scene.radius
    arrived = np.linalg.norm(after - np.asarray(scene.goal), axis=-1) < scene.goal_radius
    return after, crashed, arrived & ~crashed


def _distance_to_segment(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    along = b - a
    squared = np.maximum((along**2).sum(-1), 1e-12)
    share = np.clip(((point - a) * along).sum(-1) / squared, 0.0, 1.0)
    return np.linalg.norm(a + share[:, None] * along - point, axis=-1)


def starts(scene: Scene, rng: np.random.Generator, count: int) -> np.ndarray:
    """Where episodes start.

    Args:
        scene: where things are.
        rng: draws.
        count: how many, B.

    Returns:
        (B, 2) positions.
    """
    return np.asarray(scene.start) + scene.start_spread * rng.uniform(-1, 1, (count, 2))


def expert_plan(scene: Scene, side: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The expert's way points: past the tree on one side, then the goal.

    Args:
        scene: where things are.
        side: (B,) -1 for left, 1 for right.
        rng: draws how far from the tree each passes.

    Returns:
        (B, 3, 2) way points.
    """
    x = scene.tree[0] + side * (MARGIN + 0.03 * rng.standard_normal(len(side)))
    passing = [np.stack([x, np.full_like(x, height)], axis=-1) for height in HEIGHTS]
    return np.stack([*passing, np.broadcast_to(scene.goal, (len(side), 2))], axis=1)


def expert_action(
    scene: Scene, position: np.ndarray, plan: np.ndarray, leg: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Full speed toward the way point, with a tenth of noise.

    Args:
        scene: where things are.
        position: (B, 2).
        plan: (B, 3, 2) way points.
        leg: (B,) which of them is next.
        rng: draws the noise.

    Returns:
        action (B, 2), and the way point that is next now (B,).
    """
    rows = np.arange(len(position))
    close = np.linalg.norm(plan[rows, leg] - position, axis=-1) < REACHED
    leg = np.minimum(leg + close, plan.shape[1] - 1)
    way = plan[rows, leg] - position
    speed = np.minimum(np.linalg.norm(way, axis=-1, keepdims=True) / scene.max_step, 1.0)
    direction = way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    return speed * direction + 0.1 * rng.standard_normal(position.shape), leg


@dataclass(frozen=True)
class Walks:
    """What the expert did: B walks, each padded by its last position.

    Args:
        positions: (B, max_steps + 1, 2).
        lengths: (B,) steps taken.
        side: (B,) -1 for left, 1 for right.
        arrived: (B,) bool.
    """

    positions: np.ndarray
    lengths: np.ndarray
    side: np.ndarray
    arrived: np.ndarray


def expert_walks(count: int, seed: int = 0, scene: Scene = FORK) -> Walks:
    """Let the expert walk, half of the walks on each side.

    Args:
        count: how many, B.
        seed: of all draws.
        scene: where things are.

    Returns:
        The walks.
    """
    rng = np.random.default_rng(seed)
    side = rng.permutation(np.where(np.arange(count) % 2, -1, 1))
    plan, position = expert_plan(scene, side, rng), starts(scene, rng, count)
    leg, lengths = np.zeros(count, int), np.zeros(count, int)
    active, arrived, track = np.ones(count, bool), np.zeros(count, bool), [position]
    for _ in range(scene.max_steps):
        action, leg = expert_action(scene, position, plan, leg, rng)
        after, crashed, reached = move(scene, position, action)
        position = np.where(active[:, None], after, position)
        lengths += active
        arrived |= active & reached
        active &= ~(crashed | reached)
        track.append(position)
    return Walks(np.stack(track, axis=1), lengths, side, arrived)
