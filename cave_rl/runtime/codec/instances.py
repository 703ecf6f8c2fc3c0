"""Instances of injected classes, rebuilt as instances of the task's own class.

The fields are a claim, the class is trusted. An instance is made without its `__new__` and `__init__`, its fields are
set without its `__setattr__`, and a dataclass's `__post_init__` does not run: it computes from arguments, not from a
state, and a live object may rightly differ from what it makes. What a class knows about valid states it says in one of
two ways:

* a pydantic model is put through its validator, strictly (a str is no int) and by field names. The claimed fields stay
  as they are; a validator that would change one (beyond 1 == 1.0), or that raises, makes the claim invalid. So
  validators that are not idempotent cannot be used in classes that are injected.
* any class may define `__validate_claim__(self)`; whatever it raises makes the claim invalid.

Both run when the whole value stands. An attribute that would replace a method, or that caches a computed property, is
refused: methods that assertions call are the task's own code.
"""

from __future__ import annotations

import enum
import functools
import sys
from collections.abc import Callable
from typing import Any

from cave_rl.runtime.codec.claims import ClaimError
from cave_rl.runtime.inside.encode_containers import Plan, plan_of

_plan: Callable[[type], Plan] = functools.lru_cache(maxsize=256)(plan_of)


def said(error: BaseException) -> str:
    """A short description of an exception, whatever it is."""
    try:
        text = str(error)
    except Exception:  # its __str__ is a stranger's, and may raise anything
        text = "?"
    return f"{type(error).__name__}: {text}"[:300]


def shell(cls: type) -> Any:
    """An instance without any state."""
    if _plan(cls).kind != "object":
        raise ClaimError(f"{cls.__name__} is not a class whose instances have fields")
    return object.__new__(cls)


def fill(value: Any, _: list[Any], parts: list[Any]) -> None:
    """Sets the fields of an instance: the names, then their values."""
    cls = type(value)
    plan = _plan(cls)
    half, odd = divmod(len(parts), 2)
    names = parts[:half]
    if odd or not all(type(name) is str for name in names) or len(set(names)) != half:
        raise ClaimError(f"fields of {cls.__name__} without a name, or with the same")
    own: dict[str, Any] = {}
    for name, each in zip(names, parts[half:], strict=True):
        if name in plan.slots:
            plan.slots[name].__set__(value, each)
        elif name in plan.guarded or name in plan.cached:
            raise ClaimError(f"{cls.__name__}.{name[:80]} is computed by its class, and was replaced")
        else:
            own[name] = each
    if own:
        if plan.dict_of is None:
            raise ClaimError(f"{cls.__name__} has no field {next(iter(own))[:80]!r}")
        plan.dict_of.__get__(value).update(own)


def namedtuple(cls: type, parts: list[Any]) -> tuple[Any, type]:
    """A namedtuple with these items, and its class."""
    if _plan(cls).kind != "namedtuple" or len(parts) != len(cls._fields):  # type: ignore[attr-defined]
        raise ClaimError(f"{cls.__name__} is not a namedtuple with {len(parts)} items")
    return tuple.__new__(cls, parts), cls


def member(find: Callable[[object], type], name: str, key: str | int) -> Any:
    """A member of an enumeration by its name, or a combination of flags by its value."""
    cls = find(name)
    if not issubclass(cls, enum.Enum):
        raise ClaimError(f"{cls.__name__} is not an enumeration")
    if type(key) is str:
        members = cls._member_map_
        if key not in members:
            raise ClaimError(f"{cls.__name__} has no member {key[:80]!r}")
        return members[key]
    if not issubclass(cls, enum.Flag):
        raise ClaimError(f"{cls.__name__} is not a flag")
    return cls(key)


def validate(value: Any, cls: type) -> None:
    """Puts a rebuilt instance to its class's own checks."""
    try:
        for check in _checks(cls):
            check(value)
    except ClaimError:
        raise
    except Exception as error:
        raise ClaimError(f"not a valid {cls.__name__}: {said(error)}") from None


@functools.lru_cache(maxsize=256)
def _checks(cls: type) -> tuple[Callable[[Any], None], ...]:
    pydantic = sys.modules.get("pydantic")
    found: list[Callable[[Any], None]] = []
    if pydantic is not None and issubclass(cls, pydantic.BaseModel):
        is_root = issubclass(cls, pydantic.RootModel)
        found.append(lambda value: _validate_model(value, cls, is_root))
    hook = getattr(cls, "__validate_claim__", None)
    return (*found, hook) if hook is not None else tuple(found)


def _validate_model(value: Any, cls: Any, is_root: bool) -> None:
    plan = _plan(cls)
    fields = plan.dict_of.__get__(value)
    extra, private, given = (getattr(value, f"__pydantic_{name}__") for name in ("extra", "private", "fields_set"))
    known = cls.model_fields
    if not fields.keys() <= known.keys():
        raise ClaimError(f"{cls.__name__} has no field {min(fields.keys() - known.keys())[:80]!r}")
    if type(given) is not set or not all(type(each) in (dict, type(None)) for each in (extra, private)):
        raise ClaimError(f"the insides of {cls.__name__} were replaced")
    if extra and cls.model_config.get("extra") != "allow":
        raise ClaimError(f"{cls.__name__} has fields of its own")
    data = fields["root"] if is_root else {**(extra or {}), **fields}
    trial = object.__new__(cls)
    cls.__pydantic_validator__.validate_python(data, strict=True, by_alias=False, by_name=True, self_instance=trial)
    valid = plan.dict_of.__get__(trial)
    for name, each in fields.items():
        if valid[name] is not each and not valid[name] == each:
            raise ClaimError(f"{cls.__name__}.{name} is not as its validator leaves it")
