"""Environments, and experts that are scripted. Importing this makes `dilviz/Fork-v0` known to Gymnasium."""

import gymnasium

from dilviz.envs.fork import MAX_STEPS

for _name, _options in (("Fork", {}), ("ForkMoving", {"moving": True})):
    gymnasium.register(
        f"dilviz/{_name}-v0",
        entry_point="dilviz.envs.fork_env:ForkEnv",
        vector_entry_point="dilviz.envs.fork_env:ForkVectorEnv",
        max_episode_steps=MAX_STEPS,
        kwargs=_options,
    )
