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
    def _range(self) -> Tensor:
        spread = self.high - self.low
        return torch.where(spread > 0, spread, 2 * torch.ones_like(spread))

    def scale(self, values: Tensor) -> Tensor:
        """To [-1, 1].

        Args:
            values: (…, dim) in the data's units.

        Returns:
            The same shape; beyond [-1, 1] where values lie beyond what was seen.
        """
        # From the low end: its neighbours differ by little, and a middle would be rounded away from both ends.
        return 2 * ((values - self.low) / self._range) - (self.high > self.low).to(values.dtype)

    def unscale(self, scaled: Tensor) -> Tensor:
        """Back to the data's units; the inverse of `scale`.

        Args:
            scaled: (…, dim).

        Returns:
            The same shape.
        """
        return torch.where(self.high > self.low, self.low + (scaled + 1) / 2 * self._range, self.low)

    def to(self, device: torch.device) -> MinMax:
        """The same scale on a device.

        Args:
            device: where to.

        Returns:
            The scale there.
        """
        return MinMax(self.low.to(device), self.high.to(device))
