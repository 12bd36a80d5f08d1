"""The learners by name: how each is trained from windows, and how what it learned is read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dilviz.diffusion import History
from dilviz.diffusion.checkpoint import read_recipe
from dilviz.errors import InputError
from dilviz.imitation.chunks import ChunkPolicy
from dilviz.imitation.cloning import CloningPolicy, train_cloning
from dilviz.imitation.dagger import train_dagger
from dilviz.imitation.diffusion_policy import DiffusionPolicy, train_diffusion_policy, train_diffusion_unet
from dilviz.imitation.lookup import LookupPolicy, remember
from dilviz.imitation.mixture_density import MixtureDensityPolicy, train_mixture_density

WEIGHTS = "policy.safetensors"  # the policy's file in the folder of a training


@dataclass(frozen=True)
class Learner:
    """A way to learn a policy.

    Args:
        train: called with windows and what the learner's recipe says; gives the policy and what `fit` did.
        uses: fields of a task's recipe that it is handed.
        one_step: whether it predicts a single action, whatever the task's horizons are.
        asks: whether it is also handed the task, to act in it and to ask its expert.
    """

    train: Callable[..., tuple[ChunkPolicy, History]]
    uses: tuple[str, ...]
    one_step: bool = False
    asks: bool = False


_SIZE = ("width", "depth", "steps")
_NOISE = ("prediction_type", "num_train_timesteps", "num_inference_steps")
LEARNERS: dict[str, Learner] = {
    "diffusion": Learner(train_diffusion_policy, (*_SIZE, *_NOISE)),
    "cloning": Learner(train_cloning, _SIZE),
    "cloning-onestep": Learner(train_cloning, _SIZE, one_step=True),
    "mdn": Learner(train_mixture_density, _SIZE),
    "mdn-onestep": Learner(train_mixture_density, _SIZE, one_step=True),
    "lookup": Learner(remember, ()),
    "dagger": Learner(train_dagger, _SIZE, one_step=True, asks=True),
    "diffusion-unet": Learner(train_diffusion_unet, ("steps", *_NOISE)),
}
_KINDS: dict[str, type[ChunkPolicy]] = {
    kind.kind: kind for kind in (DiffusionPolicy, CloningPolicy, MixtureDensityPolicy, LookupPolicy)
}


def get_learner(name: str) -> Learner:
    """The learner of a name.

    Args:
        name: as in `LEARNERS`.

    Returns:
        The learner.

    Raises:
        InputError: no such learner.
    """
    if name not in LEARNERS:
        raise InputError(f"policy {name!r} is unknown; take one of {', '.join(LEARNERS)}.")
    return LEARNERS[name]


def load_policy(path: str | Path) -> ChunkPolicy:
    """Read a policy of any kind.

    Args:
        path: the file that its `save` has written.

    Returns:
        The policy, on the CPU.

    Raises:
        InputError: no such file, or not a whole policy.
    """
    kind = str(read_recipe(path).get("kind"))
    if kind not in _KINDS:
        raise InputError(f"{path} holds {kind!r}, which is no kind of policy that dilviz knows; train it anew.")
    return _KINDS[kind].load(path)
