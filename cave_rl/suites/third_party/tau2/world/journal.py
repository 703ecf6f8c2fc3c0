"""What has changed in a database, without looking at what nobody touched.

A database is a few thousand entries in a few collections; to hash it takes a tenth of a second, and a model may make
hundreds of calls. Here each collection notes which entries are taken out of it, and keeps them as they were: what
differs from that is what has changed. Two databases that began alike are equal if, and only if, the same has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_MISSING = object()


class Collection(dict[Any, Any]):
    """Entries by their keys; notes those that are asked for by key.

    Going through all of them notes nothing: upstream's tools search so, and change only what they look up.
    """

    def __init__(self, entries: Mapping[Any, Any]) -> None:
        super().__init__(entries)
        self.kept: dict[Any, Any] = {}
        self.touched: set[Any] = set()

    def __getitem__(self, key: Any) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._note(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._note(key)
        super().__delitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """As a dict has it, noted."""
        self._note(key)
        return super().get(key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        """As a dict has it, noted."""
        self._note(key)
        return super().pop(key, *default)

    def raw(self, key: Any) -> Any:
        """An entry, not noted; `_MISSING` if there is none."""
        return super().get(key, _MISSING)

    def undo(self) -> None:
        """Puts everything back."""
        for key, was in self.kept.items():
            if was is not _MISSING:
                super().__setitem__(key, was)
            elif key in self:
                super().__delitem__(key)
        self.kept.clear()
        self.touched.clear()

    def _note(self, key: Any) -> None:
        if key not in self.kept:
            was = self.raw(key)
            self.kept[key] = was.model_copy(deep=True) if isinstance(was, BaseModel) else was
        self.touched.add(key)


class Journal:
    """What has changed in a database since its journal was begun.

    Attributes:
        changed: the entries that are not as they were, as upstream hashes them, by `collection/key`; "" for what is
            gone.
    """

    def __init__(self, database: BaseModel) -> None:
        self.changed: dict[str, str] = {}
        self._collections: dict[str, Collection] = {}
        for name in type(database).model_fields:
            entries = getattr(database, name)
            if not isinstance(entries, dict):
                raise TypeError(f"{name} of a {type(database).__name__} is a {type(entries).__name__}, not a dict")
            self._collections[name] = Collection(entries)
            setattr(database, name, self._collections[name])

    def look(self) -> None:
        """Looks at what was touched since the last look."""
        for name, collection in self._collections.items():
            for key in sorted(collection.touched):
                before, now = text(collection.kept[key]), text(collection.raw(key))
                if before == now:
                    self.changed.pop(f"{name}/{key}", None)
                else:
                    self.changed[f"{name}/{key}"] = now
            collection.touched.clear()

    def undo(self) -> None:
        """Puts everything back."""
        for collection in self._collections.values():
            collection.undo()
        self.changed.clear()


def text(entry: Any) -> str:
    """An entry as upstream hashes it."""
    if entry is _MISSING:
        return ""
    plain = entry.model_dump() if isinstance(entry, BaseModel) else entry
    return json.dumps(plain, sort_keys=True, default=str)
