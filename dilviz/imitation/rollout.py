"""Let a policy act: one episode a seed, all at once, and what came of it as Episodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion.noise import Generator, Generators
from dilviz.errors import InputError
from dilviz.imitation.episodes import Episodes

AT_ONCE = 500  # episodes that run together: more are not quicker, and each keeps an environment in memory


class Policy(Protocol):
    """What acts: an expert or a learner.

    One that has an attribute `delay` above 0 is shown what was seen so many steps ago, or at the start where fewer have
    passed, and told how many they are: `late`. (For the first look of an episode the world waits.) One that has an
    attribute `remembers` that is true is also handed a `memory`: a list of dictionaries, one a row, to keep there what
    it wants to know when it acts again in the same episode.
    """

    obs_horizon: int

    def act(self, observations: Tensor, generator: Generators = None) -> Tensor:
        """Choose what to do next.

        Args:
            observations: (B, obs_horizon, obs_dim) in the environment's units, the newest last.
            generator: one, or a list of one a row.

        Returns:
            (B, action_horizon, act_dim) in the environment's units.
        """


class Environments(Protocol):
    """Several copies of an environment, stepped together; a copy that is done is not stepped again."""

    def reset(self, seeds: Sequence[int]) -> np.ndarray:
        """Start copy i from seed i.

        Args:
            seeds: one a copy.

        Returns:
            The first observations, (B, obs_dim).
        """

    def step(self, rows: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Step some of the copies.

        Args:
            rows: (b,) which.
            actions: (b, act_dim), one for each of them.

        Returns:
            Their observations (b, obs_dim), rewards (b,), whether the environment has ended the episode (b,), and
            whether the clock has (b,).
        """


class Task(Protocol):
    """What `rollout` needs of a task; `dilviz.tasks` has the whole."""

    @property
    def name(self) -> str:
        """As the command knows it."""

    def environments(self, count: int) -> Environments:
        """Copies of the environment.

        Args:
            count: how many.

        Returns:
            The copies, not yet reset.
        """

    def judge(self, observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> tuple[bool, str]:
        """What an episode came to.

        Args:
            observations: (n, obs_dim).
            actions: (n, act_dim).
            rewards: (n,).

        Returns:
            Whether it succeeded, and which way it took.
        """


def _seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)


def rollout(
    policy: Policy, task: Task, seeds: Sequence[int], generator: Callable[[int], Generator] = _seeded
) -> Episodes:
    """One episode a seed. A seed's episode does not depend on its neighbours, nor on how many there are.

    Args:
        policy: an expert or a learner.
        task: says which environment, what success is, which modes there are.
        seeds: of the episodes; each seeds its environment and its policy's noise.
        generator: makes the policy's noise from a seed: torch's by default, `CounterGenerator` for what a web page is
            to repeat.

    Returns:
        The episodes, in the order of the seeds.

    Raises:
        InputError: no seed, or a policy that gives no action.
    """
    if not len(seeds):
        raise InputError("there is no seed to roll out; give at least one.")
    parts = [seeds[first : first + AT_ONCE] for first in range(0, len(seeds), AT_ONCE)]
    return Episodes.joined([_rollout(policy, task, part, generator) for part in parts])


def _rollout(policy: Policy, task: Task, seeds: Sequence[int], generator: Callable[[int], Generator]) -> Episodes:
    environments = task.environments(len(seeds))
    act = _acting(policy, [generator(int(seed)) for seed in seeds])
    newest = environments.reset(seeds)
    delay, passed = getattr(policy, "delay", 0), 0
    # (B, obs_horizon + delay, obs_dim), the newest last.
    seen = np.repeat(newest[:, None], policy.obs_horizon + delay, axis=1)
    terminated, active = np.zeros(len(seeds), bool), np.arange(len(seeds))
    steps = []  # (rows, what they saw, did and got)
    while len(active):
        chunk = act(seen[:, : policy.obs_horizon], active, min(passed, delay))  # (b, action_horizon, act_dim)
        passed += chunk.shape[1]
        for k in range(chunk.shape[1]):
            observed, rewards, ended, cut = environments.step(active, chunk[:, k])
            steps.append((active, seen[active, -1], chunk[:, k], rewards))
            seen[active] = np.concatenate([seen[active, 1:], observed[:, None]], axis=1)
            terminated[active] = ended
            going = ~(ended | cut)
            chunk, active = chunk[going], active[going]  # who is done drops out; the others keep their chunk
            if not len(active):
                break
    return _gather(task, steps, seen[:, -1], terminated, seeds)


def _acting(policy: Policy, generators: list[Generator]) -> Callable[[np.ndarray, np.ndarray, int], np.ndarray]:
    """The policy as a function of what all have seen and of who is to act: each row has its noise and its memory."""
    memories: list[dict] = [{} for _ in generators]
    remembers = getattr(policy, "remembers", False)

    def act(seen: np.ndarray, active: np.ndarray, late: int) -> np.ndarray:
        own: dict = {"memory": [memories[i] for i in active]} if remembers else {}
        own |= {"late": late} if late else {}
        observations = torch.from_numpy(seen[active]).float()
        chunk = policy.act(observations, [generators[i] for i in active], **own).cpu().numpy()
        if chunk.ndim != 3 or chunk.shape[1] < 1:
            raise InputError(
                f"the policy gave a chunk of shape {chunk.shape}; give ({len(active)}, k, act_dim), k > 0."
            )
        return chunk

    return act


def _gather(task: Task, steps: list[tuple], last: np.ndarray, terminated: np.ndarray, seeds: Sequence[int]) -> Episodes:
    """Sort what was noted step by step into one episode after the other, and judge each."""
    rows, *columns = (np.concatenate(column) for column in zip(*steps, strict=True))
    order = np.argsort(rows, kind="stable")
    observations, actions, rewards = (column[order] for column in columns)
    ends = np.bincount(rows, minlength=len(seeds)).cumsum()
    parts = zip(*(np.split(column, ends[:-1]) for column in (observations, actions, rewards)), strict=True)
    verdicts = [task.judge(*part) for part in parts]
    return Episodes(
        observations=observations.astype(np.float32),
        actions=actions.astype(np.float32),
        rewards=rewards.astype(np.float64),
        episode_ends=ends,
        last=last.astype(np.float32),
        terminated=terminated,
        seeds=np.asarray(seeds, dtype=np.int64),
        success=np.array([success for success, _ in verdicts]),
        mode=np.array([mode for _, mode in verdicts]),
        task=task.name,
    )


def latency_ms(policy: Policy, observation: np.ndarray, repeats: int = 50) -> tuple[float, float]:
    """How long one chunk for one agent takes.

    Args:
        policy: any.
        observation: (obs_dim,) any that the policy may see.
        repeats: how often it is measured, after three that do not count.

    Returns:
        Median and 95th percentile, in milliseconds.
    """
    observations = torch.from_numpy(np.repeat(observation[None, None], policy.obs_horizon, axis=1)).float()
    times = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        policy.act(observations)
        times.append(time.perf_counter() - start)
    return tuple(float(1000 * q) for q in np.percentile(times[3:], [50, 95]))  # type: ignore[return-value]
