"""The texts of `prompts.yaml`: loading, checking, and filling in.

Placeholders are `$name`. What is filled in is never looked at again, so braces, dollars and markup in a task's words
or in a program's output stay as they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cave_rl.runtime.nearest import nearest

__all__ = ["KEYS", "PromptFileError", "Prompts", "Texts", "load_prompts"]

_LISTS = frozenset({"functions", "variables", "types", "signatures"})
_DESCRIPTION = frozenset({"name", "signature", "description", "doc", "fields", "methods"})

# Every text a style must have, and the placeholders it may use.
KEYS: Mapping[str, frozenset[str]] = {
    "identity": frozenset(),
    "system": _LISTS | {"identity", "instructions", "language"},
    "none": frozenset(),
    "function": _DESCRIPTION,
    "variable": _DESCRIPTION,
    "type": _DESCRIPTION,
    "first_query": _LISTS | {"query"},
    "next_query": _LISTS | {"query"},
    "example_query": _LISTS | {"query"},
    "output": frozenset({"output", "advice", "reminder"}),
    "no_output": frozenset(),
    "value": frozenset({"value"}),
    "stderr": frozenset({"stderr"}),
    "error": frozenset({"error"}),
    "left_out": frozenset({"count"}),
    "advice": frozenset({"total"}),
    "reminder": frozenset(),
    "malformed.frame": frozenset({"problem", "language"}),
    "malformed.unclosed_thinking": frozenset({"language", "found", "count"}),
    "malformed.unclosed_fence": frozenset({"language", "found", "count"}),
    "malformed.several_fences": frozenset({"language", "found", "count"}),
    "malformed.wrong_language": frozenset({"language", "found", "count"}),
    "malformed.misplaced_fence": frozenset({"language", "found", "count"}),
    "malformed.tool_call_markup": frozenset({"language", "found", "count"}),
    "violations.frame": frozenset({"violations"}),
    "violations.item": frozenset({"rule", "name", "line", "column", "message", "advice"}),
    "violations.more": frozenset({"count"}),
    "stopped.frame": frozenset({"output", "problem", "state"}),
    "stopped.timeout": frozenset({"detail"}),
    "stopped.memory": frozenset({"detail"}),
    "stopped.crash": frozenset({"detail"}),
    "stopped.killed": frozenset({"detail"}),
    "stopped.blocked": frozenset({"detail"}),
    "state.kept": frozenset(),
    "state.restored": frozenset(),
    "state.lost": frozenset(),
}

# Texts that only protocols without live objects need: a prompt file may lack them.
MORE_KEYS: Mapping[str, frozenset[str]] = {
    "contract": frozenset({"query", "contract"}),
    "call": frozenset({"name", "result"}),
    "malformed.code_block": frozenset({"language", "found", "count"}),
    "malformed.bad_call": frozenset({"language", "found", "count"}),
    "malformed.contract": frozenset({"language", "found", "count"}),
}

_PLACEHOLDER = re.compile(r"\$(?:(?P<escaped>\$)|(?P<name>[A-Za-z_]\w*)|(?P<bad>))")


class PromptFileError(ValueError):
    """A prompt file, or an override of one of its texts, is not what it should be."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one style, by dotted key (see `KEYS`, and `MORE_KEYS` for those that may be missing)."""

    style: str
    texts: Mapping[str, str]

    def __post_init__(self) -> None:
        for key, text in self.texts.items():
            _check_text(self.style, key, text)
        if missing := sorted(KEYS.keys() - self.texts.keys()):
            raise PromptFileError(f"style {self.style!r} lacks the texts {', '.join(missing)}")

    def render(self, key: str, **values: object) -> str:
        """Fill in one text.

        A line whose placeholders are all empty disappears. Where a line is indented, so is what it brings in.
        """
        if key in MORE_KEYS and key not in self.texts:
            raise PromptFileError(f"style {self.style!r} lacks the text {key!r}, which its protocol needs")
        lines: list[str] = []
        for line in self.texts[key].split("\n"):
            names = [match["name"] for match in _PLACEHOLDER.finditer(line) if match["name"]]
            if names and not any(str(values[name]) for name in names):
                continue
            indent = line[: len(line) - len(line.lstrip(" "))]
            filled = _fill(line, values, indent)
            # An empty value leaves the space before it behind.
            lines.append(filled if all(str(values[name]) for name in names) else filled.strip(" "))
        return "\n".join(lines)

    def override(self, overrides: Mapping[str, str]) -> Texts:
        """Return these texts with some of them replaced."""
        return Texts(self.style, {**self.texts, **overrides}) if overrides else self


@dataclass(frozen=True, slots=True)
class Prompts:
    """The styles of a prompt file."""

    styles: Mapping[str, Texts]

    def style(self, name: str) -> Texts:
        """Return the texts of one style."""
        if name not in self.styles:
            known = ", ".join(sorted(self.styles))
            raise PromptFileError(f"no style {name!r}; there are {known}{nearest(name, self.styles)}")
        return self.styles[name]


def load_prompts(path: str | Path | None = None) -> Prompts:
    """Read a prompt file; without a path, the one that ships with the package.

    Raises:
        PromptFileError: it cannot be read, or is not what it should be.
    """
    return _load(str(path) if path is not None else str(Path(__file__).with_name("prompts.yaml")))


@functools.lru_cache(maxsize=16)
def _load(path: str) -> Prompts:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptFileError(f"cannot read the prompt file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PromptFileError(f"cannot read the prompt file {path}: {error}") from error
    except yaml.YAMLError as error:
        raise PromptFileError(f"{path} is not YAML: {error}") from error
    styles = data.get("styles") if isinstance(data, dict) else None
    if not isinstance(styles, dict) or not all(isinstance(style, dict) for style in styles.values()):
        raise PromptFileError(f"{path}: expected a mapping `styles:` of style names to texts")
    return Prompts({name: Texts(name, _inherited(path, name, styles, ())) for name in styles})


def _inherited(path: str, name: str, styles: Mapping[str, dict[str, object]], below: tuple[str, ...]) -> dict[str, str]:
    if name not in styles:
        near = nearest(name, styles)
        raise PromptFileError(f"{path}: style {below[-1]!r} inherits from {name!r}: no such style{near}")
    if name in below:
        raise PromptFileError(f"{path}: styles inherit from each other in a circle: {' -> '.join((*below, name))}")
    own = dict(styles[name])
    parent = own.pop("inherits", None)
    texts = {} if parent is None else _inherited(path, str(parent), styles, (*below, name))
    return texts | _flat(own, "")


def _flat(tree: Mapping[str, object], prefix: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value  # type: ignore[assignment]  # Texts says which text is not a str
    return flat


def _check_text(style: str, key: str, text: object) -> None:
    known = {**KEYS, **MORE_KEYS}
    if key not in known:
        raise PromptFileError(f"style {style!r} has an unknown text {key!r}{nearest(key, known)}")
    if not isinstance(text, str):
        raise PromptFileError(f"text {key!r} of style {style!r} must be a string, got {type(text).__name__}")
    for match in _PLACEHOLDER.finditer(text):
        if match["bad"] is not None:
            raise PromptFileError(f"text {key!r} of style {style!r} has a lone $; write $$ for a dollar sign")
        if match["name"] and match["name"] not in known[key]:
            allowed = ", ".join("$" + name for name in sorted(known[key])) or "none"
            raise PromptFileError(f"text {key!r} of style {style!r} uses ${match['name']}; it may use: {allowed}")


def _fill(line: str, values: Mapping[str, object], indent: str) -> str:
    def fill(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        text = str(values[match["name"]])
        return re.sub(r"\n(?!\n)", "\n" + indent, text) if indent else text

    return _PLACEHOLDER.sub(fill, line)
