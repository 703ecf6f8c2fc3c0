"""Configuration files: YAML, dotted overrides, and messages that name the nearest key.

An override takes a YAML value: `train.steps=50`, `suite.tags=[core]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cave_rl.runtime.nearest import nearest

M = TypeVar("M", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration that cannot be used; the message says where and what was expected."""


def read(path: str | Path) -> dict[str, Any]:
    """A configuration file as plain data.

    Raises:
        ConfigError: it cannot be read, or does not hold a mapping.
    """
    try:
        data = yaml.safe_load(Path(path).read_text()) or {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, not a {type(data).__name__}")
    return data


def override(data: dict[str, Any], text: str) -> None:
    """Applies a dotted override.

    >>> data = {"train": {"steps": 30}}
    >>> override(data, "train.steps=50")
    >>> data
    {'train': {'steps': 50}}

    Raises:
        ConfigError: it is none, or goes through a value.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"an override looks like train.steps=50, not {text!r}")
    try:
        put(data, key, yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of {text} is not YAML: {error}") from error


def put(data: dict[str, Any], key: str, value: Any) -> None:
    """Sets the value of a dotted key.

    Raises:
        ConfigError: it goes through a value.
    """
    *parents, last = key.split(".")
    for parent in parents:
        below = data.setdefault(parent, {})
        if below is None:
            below = data[parent] = {}
        if not isinstance(below, dict):
            raise ConfigError(f"{key}: {parent} is a value, not a section")
        data = below
    data[last] = value


def parse(kind: type[M], data: dict[str, Any]) -> M:
    """A configuration from plain data.

    Raises:
        ConfigError: a key or a value is wrong.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(kind, each) for each in error.errors())) from None


def dump(config: BaseModel) -> str:
    """A configuration as YAML, complete with its defaults."""
    return dump_data(config.model_dump(mode="json"))


def dump_data(data: Mapping[str, Any]) -> str:
    """Plain data as YAML."""
    return yaml.safe_dump(dict(data), sort_keys=False)


def differing(one: BaseModel, other: BaseModel) -> list[str]:
    """The dotted keys at which two configurations of a kind differ.

    >>> class Part(BaseModel):
    ...     steps: int = 1
    >>> class Whole(BaseModel):
    ...     train: Part = Part()
    >>> differing(Whole(), Whole(train=Part(steps=2)))
    ['train.steps']
    """
    return list(_differing(one.model_dump(mode="json"), other.model_dump(mode="json"), ""))


def _differing(one: Any, other: Any, at: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            yield from _differing(one.get(key), other.get(key), f"{at}.{key}" if at else str(key))
    elif one != other:
        yield at


def _explain(kind: type[BaseModel], error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):  # of a model, of a dataclass
        choices = re.findall(r"'([^']*)'", error["ctx"]["expected"]) if error["type"] == "literal_error" else []
        told = f"{where or 'config'}: {error['msg'].removeprefix('Value error, ')} (got {error['input']!r:.80})"
        return told + nearest(str(error["input"]), choices)
    known = _keys(kind, error["loc"][:-1])
    hint = nearest(str(error["loc"][-1]), known) or f"; there are {', '.join(known)}"
    return f"unknown key {where!r}{hint}"


def _keys(section: Any, path: Sequence[str | int]) -> list[str]:
    """The keys that a section may have."""
    for part in path:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        choices = [annotation, *getattr(annotation, "__args__", ())]
        section = next(c for c in choices if isinstance(c, type) and (hasattr(c, "model_fields") or is_dataclass(c)))
    return [field.name for field in fields(section)] if is_dataclass(section) else list(section.model_fields)
