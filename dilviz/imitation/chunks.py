"""What policies that act in chunks share: scaling, horizons, one file of weights."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from dilviz.diffusion.checkpoint import read_checkpoint, read_recipe, write_checkpoint
from dilviz.diffusion.noise import Generators
from dilviz.errors import InputError
from dilviz.imitation.episodes import Windows, check_horizons
from dilviz.imitation.scaling import MinMax


class ChunkPolicy:
    """See the last observations, predict a chunk of actions, give the first few of it.

    A kind of policy says how the chunk comes about (`_predict`), and what of itself it keeps beside the weights.

    Args:
        network: with a `config` of plain values, from which one like it is made.
        cond_dim: numbers that the network takes as condition.
        act_dim: numbers in an action.
        observation_scale: min-max of the observations that it was trained on.
        action_scale: likewise of the actions.
        obs_horizon: observations that it sees, the newest last.
        pred_horizon: actions that it predicts, from the oldest observation on.
        action_horizon: actions that it gives at a time.

    Raises:
        InputError: horizons or scales that do not fit together.
    """

    kind = ""

    def __init__(
        self,
        network: nn.Module,
        cond_dim: int,
        act_dim: int,
        observation_scale: MinMax,
        action_scale: MinMax,
        obs_horizon: int,
        pred_horizon: int,
        action_horizon: int,
    ) -> None:
        check_horizons(obs_horizon, pred_horizon, action_horizon)
        _check_scale("observation", observation_scale, cond_dim / obs_horizon)
        _check_scale("action", action_scale, act_dim)
        self.network, self.observation_scale, self.action_scale = network, observation_scale, action_scale
        self.obs_horizon, self.pred_horizon, self.action_horizon = obs_horizon, pred_horizon, action_horizon
        self.delay = 0

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return next(chain(self.network.parameters(), self.network.buffers())).device

    def wait(self, delay: int) -> Self:
        """Simulate that a decision takes time: from now on actions begin `delay` steps after what was seen for them.

        Args:
            delay: steps that pass meanwhile, 0 for none; pred_horizon has to reach beyond them.

        Returns:
            Itself.

        Raises:
            InputError: a delay below 0, or one after which an action that is executed is not predicted.
        """
        most = self.pred_horizon - (self.obs_horizon - 1) - self.action_horizon
        if delay not in range(most + 1):
            raise InputError(
                f"delay is {delay}; give 0 to {most}: pred_horizon {self.pred_horizon} holds action_horizon "
                f"{self.action_horizon} and no more than that."
            )
        self.delay = delay
        return self

    @torch.no_grad()
    def act(self, observations: Tensor, generator: Generators = None, late: int = 0) -> Tensor:
        """Choose what to do next.

        Args:
            observations: (B, obs_horizon, obs_dim) in the environment's units, the newest last.
            generator: one, or a list of one a row; None is a fresh one seeded 0.
            late: steps that have passed since the newest observation; their actions are left out.

        Returns:
            (B, action_horizon, act_dim) in the environment's units, where the network lives.

        Raises:
            InputError: observations of another shape.
        """
        actions = self._predict(self.condition(observations), generator)
        return self.action_scale.to(actions.device).unscale(actions[:, late : late + self.action_horizon])

    def _predict(self, cond: Tensor, generator: Generators) -> Tensor:
        """Scaled actions, (B, n, act_dim), from the newest observation on; n is action_horizon or more."""
        raise NotImplementedError

    def condition(self, observations: Tensor) -> Tensor:
        """What the network is told.

        Args:
            observations: (B, obs_horizon, obs_dim) in the environment's units.

        Returns:
            (B, obs_horizon · obs_dim), scaled, where the network lives.

        Raises:
            InputError: observations of another shape.
        """
        expected = (self.obs_horizon, len(self.observation_scale.low))
        if observations.ndim != 3 or observations.shape[1:] != expected:
            raise InputError(
                f"observations have shape {tuple(observations.shape)}; "
                f"this policy takes (B, {expected[0]}, {expected[1]})."
            )
        observations = observations.to(self.device)
        return self.observation_scale.to(observations.device).scale(observations.float()).flatten(1)

    def save(self, path: str | Path, recipe: dict) -> None:
        """Write weights, scales and what else it is made of in one safetensors file.

        Args:
            path: the file.
            recipe: plain values that say how it was made; kept in the header.

        Raises:
            InputError: the file cannot be written.
        """
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, scale in (("observation", self.observation_scale), ("action", self.action_scale)):
            tensors |= {f"{name}.low": scale.low, f"{name}.high": scale.high}
        own = {
            "kind": self.kind, "network": self.network.config, "obs_horizon": self.obs_horizon,
            "action_horizon": self.action_horizon,
        }  # fmt: skip
        more_tensors, more = self._more()
        write_checkpoint(path, tensors | more_tensors, recipe | own | more)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` has written.

        Args:
            path: the file.

        Returns:
            The same policy, on the CPU.

        Raises:
            InputError: no such file, or not a whole policy of this kind.
        """
        recipe, tensors = read_recipe(path), read_checkpoint(path)
        if recipe.get("kind") != cls.kind:
            raise InputError(f"{path} holds a policy of kind {recipe.get('kind')!r}, not {cls.kind!r}.")
        try:
            for name, tensor in tensors.items():
                if not tensor.isfinite().all():
                    raise InputError(f"{name} has a value that is not finite")
            policy = cls._restored(recipe, tensors)
            weights = {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
            policy.network.eval().load_state_dict(weights)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            says = " ".join(str(error).split())  # torch says it in several lines
            raise InputError(
                f"{path} is damaged or no whole {cls.kind} policy ({type(error).__name__}: {says}); train it anew."
            ) from error
        return policy

    def _more(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a kind keeps beside network, scales and horizons: tensors and plain values."""
        return {}, {}

    @classmethod
    def _restored(cls, recipe: dict, tensors: dict[str, Tensor]) -> Self:
        """A policy as it was saved, but for the weights of its network."""
        raise NotImplementedError


class DirectPolicy(ChunkPolicy):
    """A policy whose network goes straight from what was seen to the actions from now on.

    Args:
        network: of the kind's `network_type`; its `config` names horizon, dim and cond_dim.
        observation_scale: min-max of the observations that it was trained on.
        action_scale: likewise of the actions.
        obs_horizon: observations that it sees, the newest last.
        action_horizon: actions that it gives at a time.

    Raises:
        InputError: horizons or scales that do not fit together.
    """

    network_type: type[nn.Module]
    network: Any  # each kind's own

    def __init__(
        self,
        network: nn.Module,
        observation_scale: MinMax,
        action_scale: MinMax,
        obs_horizon: int,
        action_horizon: int,
    ) -> None:
        size: dict[str, int] = network.config  # type: ignore[assignment]
        super().__init__(
            network, size["cond_dim"], size["dim"], observation_scale, action_scale, obs_horizon,
            obs_horizon - 1 + size["horizon"], action_horizon,
        )  # fmt: skip

    @classmethod
    def of(cls, windows: Windows, action_horizon: int, **size: Any) -> Self:
        """An untrained one, with the scales of some demonstrations.

        Args:
            windows: of the demonstrations.
            action_horizon: actions that it gives at a time.
            size: of the network, beside what the windows say.

        Returns:
            The policy.
        """
        horizon = windows.pred_horizon - windows.obs_horizon + 1
        (*_, dim), (*_, obs_dim) = windows.actions().shape, windows.observations().shape
        network = cls.network_type(horizon=horizon, dim=dim, cond_dim=windows.obs_horizon * obs_dim, **size)
        return cls(network, *scales_of(windows), windows.obs_horizon, action_horizon)

    def examples(self, windows: Windows) -> tuple[Tensor, Tensor]:
        """What the network learns from: the expert's chunks from each newest observation on, and what was seen.

        Args:
            windows: of demonstrations.

        Returns:
            (windows, horizon, act_dim) and (windows, cond_dim), scaled.
        """
        chunks = windows.actions()[:, self.obs_horizon - 1 :]
        return self.action_scale.scale(chunks), self.condition(windows.observations())

    @classmethod
    def _restored(cls, recipe: dict, tensors: dict[str, Tensor]) -> Self:
        network = cls.network_type(**recipe["network"])
        return cls(network, *saved_scales(tensors), recipe["obs_horizon"], recipe["action_horizon"])


def saved_scales(tensors: dict[str, Tensor]) -> tuple[MinMax, MinMax]:
    """The scales that a policy's file holds.

    Args:
        tensors: of the file.

    Returns:
        Those of observations and actions.
    """
    return tuple(MinMax(tensors[f"{n}.low"], tensors[f"{n}.high"]) for n in ("observation", "action"))  # type: ignore[return-value]


def scales_of(windows: Windows) -> tuple[MinMax, MinMax]:
    """The scales of some demonstrations.

    Args:
        windows: of the demonstrations.

    Returns:
        Those of observations and actions.
    """
    return MinMax.of(windows.observations()), MinMax.of(windows.actions())


def _check_scale(name: str, scale: MinMax, dim: float) -> None:
    if not scale.low.shape == scale.high.shape == (dim,):
        raise InputError(
            f"the {name} scale has shapes {tuple(scale.low.shape)} and {tuple(scale.high.shape)}, but the network's "
            f"{name}s have {dim:g} numbers; give the scale of the data that it was trained on."
        )
