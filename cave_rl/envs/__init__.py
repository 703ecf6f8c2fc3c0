"""Environments: they only drive `cave_rl.tasks.Episode`.

`CaveEnv` plays one episode, `CaveVectorEnv` many together. Importing this package registers the installed suites with
Gymnasium.
"""

from cave_rl.envs.env import CaveEnv
from cave_rl.envs.registration import register, register_installed
from cave_rl.envs.spaces import AnyText, AnyTexts
from cave_rl.envs.vector import CaveVectorEnv

register_installed()

__all__ = ["AnyText", "AnyTexts", "CaveEnv", "CaveVectorEnv", "register", "register_installed"]
