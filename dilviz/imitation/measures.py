"""What a policy does beside succeeding: where it goes, how much it varies, which ways it takes.

No source measures the claim that a diffusion policy explores better, so the measures here are our own, as plain as we
could make them; each says what it counts.
"""

from __future__ import annotations

import numpy as np
import torch

from dilviz.imitation.episodes import Episodes
from dilviz.imitation.rollout import Policy

CELLS = 20  # a side of the grid of places
BINS, DRAWS = 8, 200  # of an action's range, and of draws at one observation


def box_of(episodes: Episodes) -> tuple[np.ndarray, np.ndarray]:
    """The box of places that some episodes visit.

    Args:
        episodes: whose first two numbers of an observation say where it is.

    Returns:
        Its lowest and its highest corner, (2,) each.
    """
    places = episodes.observations[:, :2]
    return places.min(0), places.max(0)


def state_coverage(episodes: Episodes, low: np.ndarray, high: np.ndarray) -> float:
    """The share of the places that is visited.

    The box is cut into CELLS by CELLS cells; a cell counts as soon as one step of one episode lies in it. Places
    outside count for the cell at the edge. It grows with the number of episodes: compare equal numbers only. That a
    policy goes to many places says nothing good by itself; a random one does.

    Args:
        episodes: whose first two numbers of an observation say where it is.
        low: (2,) corner of the box.
        high: (2,) the other.

    Returns:
        In (0, 1].
    """
    scaled = (episodes.observations[:, :2] - low) / np.maximum(high - low, 1e-9)
    cells = np.clip((CELLS * scaled).astype(int), 0, CELLS - 1)
    return len(np.unique(cells @ [CELLS, 1])) / CELLS**2


def action_entropy(policy: Policy, observations: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """How undecided a policy is at one and the same observation.

    DRAWS first actions are drawn at each observation and sorted into BINS equal bins for each number of an action;
    the entropy of the counts, −Σ p log p, is averaged over the observations. A policy that draws nothing has 0, two
    equally likely ways that differ by a bin have log 2 = 0.69, and DRAWS different bins have log DRAWS.

    Args:
        policy: an expert or a learner.
        observations: (n, obs_dim); it is as if the agent had stood there for all of obs_horizon.
        low: (act_dim,) lowest action; what lies outside counts for the outermost bin.
        high: (act_dim,) highest action.

    Returns:
        Nats.
    """
    entropies = []
    for k, seen in enumerate(observations):
        rows = np.broadcast_to(seen, (DRAWS, policy.obs_horizon, len(seen)))
        drawn = policy.act(torch.from_numpy(rows.copy()).float(), torch.Generator().manual_seed(k))[:, 0]
        scaled = (drawn.cpu().numpy() - low) / np.maximum(high - low, 1e-9)
        bins = np.clip((BINS * scaled).astype(int), 0, BINS - 1)
        counts = np.unique(bins, axis=0, return_counts=True)[1] / DRAWS
        entropies.append(-(counts * np.log(counts)).sum())
    return float(np.mean(entropies))


def mode_share(modes: dict[str, int]) -> float | None:
    """How evenly the ways are taken: the share of the rarest among the successes.

    Args:
        modes: successes by way.

    Returns:
        From 0 (a way is never taken) to 1 / number of ways (all equally often); None where there is one way only, or
        no success.
    """
    total = sum(modes.values())
    return min(modes.values()) / total if len(modes) > 1 and total else None


def turning(episodes: Episodes) -> float:
    """How much a policy jitters: the angle from one action to the next, averaged over all steps.

    An action whose length is nought points nowhere: angles to and from it are left out. Going round something turns,
    too: compare with an expert's.

    Args:
        episodes: whose actions' first two numbers are a direction.

    Returns:
        Degrees, 0 to 180; nan where no episode has two actions that point somewhere.
    """
    angles = np.arctan2(episodes.actions[:, 1], episodes.actions[:, 0])
    turned = np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi)
    points = np.linalg.norm(episodes.actions[:, :2], axis=1) > 0
    counts = points[1:] & points[:-1]
    counts[episodes.episode_ends[:-1] - 1] = False  # from one episode to the next
    return float(np.degrees(turned[counts].mean())) if counts.any() else float("nan")
