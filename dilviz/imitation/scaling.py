"""Min-max scaling to [-1, 1], kept with the weights: samplers clip to that range, so data has to lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MinMax:
    """Scale each dimension so that what was seen spans [-1, 1]; a dimension that never changed becomes 0.

    Args:
        low: (dim,) least value seen.
        high: (dim,) greatest value seen.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, values: Tensor) -> MinMax:
        """The scale of some data.

        Args:
            values: (…, dim).

        Returns:
            Its scale.
        """
        flat = values.reshape(-1, values.shape[-1]).float()
        return cls(flat.amin(0), flat.amax(0))

    @property
    def _half_range(self) -> Tensor:
        half = (self.high - self.low) / 2
        return torch.where(half > 0, half, torch.ones_like(half))

    def scale(self, values: Tensor) -> Tensor:
        """To [-1, 1].

        Args:
            values: (…, dim) in the data's units.

        Returns:
            The same shape; beyond [-1, 1] where values lie beyond what was seen.
        """
        return (values - (self.high + self.low) / 2) / self._half_range

    def unscale(self, scaled: Tensor) -> Tensor:
        """Back to the data's units; the inverse of `scale`.

        Args:
            scaled: (…, dim).

        Returns:
            The same shape.
        """
        constant = self.high == self.low
        return torch.where(constant, self.low, scaled * self._half_range + (self.high + self.low) / 2)

    def to(self, device: torch.device) -> MinMax:
        """The same scale on a device.

        Args:
            device: where to.

        Returns:
            The scale there.
        """
        return MinMax(self.low.to(device), self.high.to(device))
