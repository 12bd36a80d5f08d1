"""Learning to act from demonstrations: Episodes, Windows over them, policies, and rollouts that make Episodes again."""

from dilviz.imitation.diffusion_policy import DiffusionPolicy, train_diffusion_policy
from dilviz.imitation.episodes import Episodes, Windows
from dilviz.imitation.rollout import rollout

__all__ = ["DiffusionPolicy", "Episodes", "Windows", "rollout", "train_diffusion_policy"]
