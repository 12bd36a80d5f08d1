"""Gymnasium's lunar lander: the expert is the heuristic that Gymnasium ships."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from dilviz.diffusion.noise import Generators
from dilviz.errors import MissingExtra


class LanderExpert:
    """Gymnasium's hand-written controller of `LunarLander-v3`, as a policy. It depends on what it sees alone.

    Raises:
        MissingExtra: Box2D is not installed.
    """

    obs_horizon = 1

    def __init__(self) -> None:
        try:
            from gymnasium.envs.box2d.lunar_lander import heuristic
        except ImportError as error:
            raise MissingExtra("the lander needs Box2D: pip install 'gymnasium[box2d]'.") from error
        self._heuristic = heuristic
        # The controller asks its environment one thing only: are the engines continuous?
        self._env = SimpleNamespace(unwrapped=SimpleNamespace(continuous=True), continuous=True)

    def act(self, observations: Tensor, generator: Generators = None) -> Tensor:
        """What the controller does.

        Args:
            observations: (B, 1, 8).
            generator: not needed; nothing is drawn.

        Returns:
            (B, 1, 2), main and side engine, each in [-1, 1].
        """
        actions = [self._heuristic(self._env, row) for row in observations[:, -1].double().numpy()]
        return torch.from_numpy(np.stack(actions))[:, None].float()
