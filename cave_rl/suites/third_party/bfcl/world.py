"""What of upstream's simulators has to be otherwise in a World.

`logarithm` returns a number of mpmath's, which is no plain data; here it returns the float that its description
promises. Upstream's package is imported with the first use.
"""

from __future__ import annotations

import functools
from typing import Any


def plain(result: Any) -> Any:
    """A result with floats for mpmath's numbers."""
    if type(result) is dict:
        return {key: plain(each) for key, each in result.items()}
    return float(result) if type(result).__module__.partition(".")[0] == "mpmath" else result


def __getattr__(name: str) -> type:
    if name == "MathAPI":
        return _math()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _math() -> type:
    from bfcl_eval.eval_checker.multi_turn_eval.func_source_code import math_api

    class MathAPI(math_api.MathAPI):  # type: ignore[misc]
        @functools.wraps(math_api.MathAPI.logarithm)
        def logarithm(self, *arguments: Any, **keywords: Any) -> Any:
            return plain(super().logarithm(*arguments, **keywords))

    MathAPI.__qualname__, MathAPI.__doc__ = "MathAPI", math_api.MathAPI.__doc__
    return MathAPI
