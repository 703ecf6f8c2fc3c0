"""Which extra of ours installs a module that is missing."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires


def advice(module: str) -> str | None:
    """How to get a module that one of our extras installs; None for any other module.

    >>> advice("pandas")
    "pandas is not installed; it comes with: pip install 'cave-rl[data]'"
    """
    extra = _extras().get(module)
    return f"{module} is not installed; it comes with: pip install 'cave-rl[{extra}]'" if extra else None


def _extras() -> dict[str, str]:
    """The extra that installs each optional package: the smallest that does, `dev` aside."""
    try:
        requirements = requires("cave-rl") or []
    except PackageNotFoundError:  # run from its source, not installed
        return {}
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        match = re.match(r"""([\w.-]+).*extra == ['"](\w+)['"]""", requirement)
        if match and match[2] != "dev":
            extras.setdefault(match[2], []).append(match[1].replace("-", "_"))
    largest_first = sorted(extras, key=lambda extra: -len(extras[extra]))
    return {package: extra for extra in largest_first for package in extras[extra]}
