"""What can go wrong between us and a model's provider, typed, and which of it may pass by itself.

| what came                              | error           | sent again |
|----------------------------------------|-----------------|------------|
| no connection, or one that broke       | NotReached      | yes        |
| no answer in time, 408                 | RequestTimeout  | yes        |
| 429                                    | RateLimited     | yes, after `Retry-After` |
| 429 because the account is used up     | OutOfQuota      | no         |
| 5xx, 409, 425                          | ServerError     | yes        |
| 2xx that is not the JSON it should be  | BadResponse     | yes        |
| 401, 403                               | Unauthorized    | no         |
| 400, 413, 422: the chat is too long    | ContextOverflow | no         |
| 2xx, stopped by the provider's filter  | ContentFiltered | no         |
| all else                               | Refused         | no         |
"""

from __future__ import annotations

import re
from typing import ClassVar

_TOO_LONG = re.compile(
    r"context_length_exceeded|(?:maximum|max) (?:context|model) len|max_model_len|context (?:window|size|length)"
    r"|prompt is too long|exceeds? the (?:maximum number of|available) (?:tokens|context)|too many (?:input )?tokens",
    re.IGNORECASE,
)
_USED_UP = re.compile(r"insufficient_quota|billing|credit balance", re.IGNORECASE)


class ProviderError(Exception):
    """A request to a model's endpoint that has no answer. What it was for can neither be scored nor blamed on a model.

    Attributes:
        passes: whether the same request may succeed later.
        after_s: how long the endpoint asks to wait; None where it does not say.
    """

    passes: ClassVar[bool] = False

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class NotReached(ProviderError):
    """There is no connection, or it broke before the answer was whole."""

    passes = True


class RequestTimeout(ProviderError):
    """The answer took too long."""

    passes = True


class RateLimited(ProviderError):
    """Too many requests."""

    passes = True


class ServerError(ProviderError):
    """The endpoint failed."""

    passes = True


class BadResponse(ProviderError):
    """The answer does not have the form that the API gives it."""

    passes = True


class OutOfQuota(ProviderError):
    """The account has nothing left."""


class Unauthorized(ProviderError):
    """No key, or one that may not do this."""


class ContextOverflow(ProviderError):
    """The chat, with the room asked for the answer, is longer than the model's context."""


class ContentFiltered(ProviderError):
    """The provider's filter took the answer."""


class Refused(ProviderError):
    """The request is wrong, in the endpoint's eyes."""


def error_of(status: int, body: str, after_s: float | None = None) -> ProviderError:
    """The error that an HTTP status and its body stand for.

    >>> error_of(400, "This model's maximum context length is 2048 tokens.")
    ContextOverflow("HTTP 400: This model's maximum context length is 2048 tokens.")
    >>> error_of(503, "").passes
    True
    """
    told = f"HTTP {status}: {' '.join(body.split())[:500]}".removesuffix(": ")
    if status == 429:
        return OutOfQuota(told) if _USED_UP.search(body) else RateLimited(told, after_s)
    if status in (409, 425) or status >= 500:
        return ServerError(told, after_s)
    if status == 408:
        return RequestTimeout(told, after_s)
    if status in (401, 403):
        return Unauthorized(told)
    if status in (400, 413, 422) and _TOO_LONG.search(body):
        return ContextOverflow(told)
    return Refused(told)
