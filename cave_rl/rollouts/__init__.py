"""Rollouts: token-exact episodes, and the backends that sample them.

`play` plays episodes together by any `Backend`; `Chat` is a tokenizer's chat; `traces` writes what happened.
"""

from cave_rl.rollouts.backends import Backend, Generated, Sampling, Scripted, Transformers
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.messages import POLICIES, Policy, gold, noop, play_messages
from cave_rl.rollouts.play import Rollout, play

__all__ = [
    "POLICIES",
    "Backend",
    "Chat",
    "Generated",
    "Policy",
    "Rollout",
    "Sampling",
    "Scripted",
    "Transformers",
    "gold",
    "noop",
    "play",
    "play_messages",
]
