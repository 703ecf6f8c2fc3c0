"""What of upstream's simulators has to be otherwise in a World.

`logarithm` returns a number of mpmath's, which is no plain data; here it returns the float that its description
promises. This imports upstream's package, so that a judge has done so before it is confined.
"""

from __future__ import annotations

import functools
from typing import Any

from bfcl_eval.eval_checker.multi_turn_eval.func_source_code import math_api


def plain(result: Any) -> Any:
    """A result with floats for mpmath's numbers."""
    if type(result) is dict:
        return {key: plain(each) for key, each in result.items()}
    return float(result) if type(result).__module__.partition(".")[0] == "mpmath" else result


class MathAPI(math_api.MathAPI):  # type: ignore[misc]
    """Upstream's, told of as upstream tells of it."""

    @functools.wraps(math_api.MathAPI.logarithm)
    def logarithm(self, *arguments: Any, **keywords: Any) -> Any:
        return plain(super().logarithm(*arguments, **keywords))


MathAPI.__doc__ = math_api.MathAPI.__doc__
