"""A trained policy as text that a web page can hold: weights in 16 bits, the sampler's numbers, the scales."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from dilviz.diffusion.denoisers import TIME_DIM, MLPDenoiser
from dilviz.diffusion.samplers import Sampler, sampling_plan
from dilviz.diffusion.schedule import NoiseSchedule
from dilviz.errors import InputError
from dilviz.imitation import CloningPolicy, DiffusionPolicy
from dilviz.imitation.chunks import ChunkPolicy


def packed(array: Any, dtype: str = "<f4") -> str:
    """Numbers as text.

    Args:
        array: numbers, of any shape.
        dtype: what each is rounded to; "<f2" is 16 bits, the low byte first.

    Returns:
        base64.

    Raises:
        InputError: a number is not finite, or too large for that type.
    """
    with np.errstate(over="ignore"):
        numbers = np.asarray(array, dtype=np.float64).astype(dtype)
    if not np.isfinite(numbers).all():
        raise InputError("a weight is not finite, or too large for 16 bits; train the policy anew.")
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def pack_policy(policy: ChunkPolicy, steps: Iterable[int]) -> dict[str, Any]:
    """A policy for the browser.

    Args:
        policy: a diffusion policy or a cloned one, of plain layers.
        steps: numbers of network passes for which the sampler's numbers are packed; its own is added.

    Returns:
        Plain values, as `makePolicy` of fork.js reads them.

    Raises:
        InputError: another kind of policy, or weights that are not finite in 16 bits.
    """
    if not isinstance(policy, DiffusionPolicy | CloningPolicy):
        raise InputError(f"a page runs policies of diffusion and cloning, not of {policy.kind!r}.")
    scales = {"observation": policy.observation_scale, "action": policy.action_scale}
    plain: dict[str, Any] = {
        "kind": policy.kind,
        "network": pack_network(policy.network),
        "scales": {n: {"low": s.low.tolist(), "high": s.high.tolist()} for n, s in scales.items()},
        "obs_horizon": policy.obs_horizon,
        "action_horizon": policy.action_horizon,
    }
    if isinstance(policy, DiffusionPolicy):
        sampler, T = policy.method, len(policy.schedule)
        counts = sorted({policy.num_inference_steps, *(n for n in steps if n <= T)})
        options = policy.sampler_options
        if policy.remembers or options.keys() - {"eta"}:
            says = f"starts warm ({policy.warm_start})" if policy.remembers else f"samples with {', '.join(options)}"
            raise InputError(f"the policy {says}, which a page does not; choose by `use` how it samples, and save it.")
        plain |= {
            "prediction_type": policy.denoiser.prediction_type,
            "plans": {str(n): pack_plan(sampler, policy.schedule, n, **options) for n in counts},
        }
    return plain


def pack_network(network: Any) -> dict[str, Any]:
    """A network of plain layers for the browser.

    Args:
        network: an MLPDenoiser or a ChunkRegressor.

    Returns:
        Plain values, as `makeNetwork` of network.js reads them: numbers in, units and numbers out; what the first
        layer sees, in order; and for each layer its weight (out, in) row by row, then its bias.

    Raises:
        InputError: weights that are not finite in 16 bits.
    """
    size = network.config
    chunk, cond = size["horizon"] * size["dim"], size["cond_dim"]
    parts = {"x": chunk, "time": TIME_DIM} if isinstance(network, MLPDenoiser) else {}
    parts |= {"cond": cond} if cond else {}
    return {
        "sizes": [sum(parts.values()), *[size["width"]] * size["depth"], chunk],
        "parts": parts,
        "weights": packed(torch.cat([weights.detach().flatten() for weights in network.parameters()]), "<f2"),
    }


def pack_plan(sampler: Sampler, schedule: NoiseSchedule, steps: int, **options: Any) -> str:
    """All numbers of a sample, as `makePlan` of samplers.js reads them.

    Args:
        sampler: a method.
        schedule: the noise.
        steps: network passes.
        options: `timestep_spacing`, and those of the method.

    Returns:
        base64 of (steps, 7) numbers of 32 bits.
    """
    return packed(sampling_plan(sampler, schedule, steps, **options))


def rounded_network(network: nn.Module) -> nn.Module:
    """The network that a page has: weights that went through 16 bits.

    Args:
        network: it is left as it is.

    Returns:
        A copy.
    """
    copy = deepcopy(network)
    with torch.no_grad():
        for weights in copy.parameters():
            weights.copy_(weights.half().float())
    return copy


def rounded_policy(policy: ChunkPolicy) -> ChunkPolicy:
    """The policy that a page has.

    Args:
        policy: it is left as it is.

    Returns:
        A copy, of rounded weights.
    """
    copy = deepcopy(policy)
    copy.network.load_state_dict(rounded_network(policy.network).state_dict())
    return copy
