"""Clients: one small asyncio client of OpenAI-compatible APIs, for policies, user simulators and judges."""

from cave_rl.clients.errors import (
    BadResponse,
    ContentFiltered,
    ContextOverflow,
    NotReached,
    OutOfQuota,
    ProviderError,
    RateLimited,
    Refused,
    RequestTimeout,
    ServerError,
    Unauthorized,
)
from cave_rl.clients.openai import Client, Completion

__all__ = [
    "BadResponse",
    "Client",
    "Completion",
    "ContentFiltered",
    "ContextOverflow",
    "NotReached",
    "OutOfQuota",
    "ProviderError",
    "RateLimited",
    "Refused",
    "RequestTimeout",
    "ServerError",
    "Unauthorized",
]
