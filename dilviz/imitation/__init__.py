"""Learning to act from demonstrations: Episodes, Windows over them, policies, and rollouts that make Episodes again."""

from dilviz.imitation.cloning import CloningPolicy, train_cloning
from dilviz.imitation.diffusion_policy import DiffusionPolicy, train_diffusion_policy
from dilviz.imitation.episodes import Episodes, Windows
from dilviz.imitation.rollout import rollout

__all__ = [
    "CloningPolicy",
    "DiffusionPolicy",
    "Episodes",
    "Windows",
    "rollout",
    "train_cloning",
    "train_diffusion_policy",
]
