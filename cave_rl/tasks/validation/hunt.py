"""The hunt itself: its source is sent as a cell, so it stands alone and uses the standard library only.

It looks for texts without holding them: each comes in pieces that are shorter than any of them, so its own source, and
whatever the interpreter makes of it, is not what it finds.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import types

found: set[tuple[int, str]] = set()
needles: list[tuple[bytes, ...]] = []
FILE_BYTES, MOST_FOUND = 1 << 23, 100


def hunt(
    pieces: list[tuple[bytes, ...]], near: list[str], files: list[str], modules: list[str]
) -> list[tuple[int, str]]:
    """Where in this process, and in what it may read, the needles are: pairs of an index and a place.

    Args:
        pieces: those of each needle.
        near: files to look into, as one who knows where they lie (directories may not be listed).
        files: files that must not open.
        modules: modules that must not import; -1 stands for them, for such files, and for what belongs to tasks.
    """
    needles[:] = pieces
    look_into_objects()
    look_into_frames()
    look_into_modules(modules)
    look_into_process()
    look_into_memory()
    look_into_files(near, files)
    return sorted(found, key=lambda pair: pair[0] != 0)[:MOST_FOUND]


def look(where: str, data: bytes) -> None:
    """Notes the needles that stand in some bytes."""
    for index, pieces in enumerate(needles):
        at = data.find(pieces[0])
        while at >= 0 and not stands(pieces, data, at):
            at = data.find(pieces[0], at + 1)
        if at >= 0:
            found.add((index, where))


def stands(pieces: tuple[bytes, ...], data: bytes, at: int) -> bool:
    """Whether pieces follow each other from a place on."""
    for piece in pieces:
        if not data.startswith(piece, at):
            return False
        at += len(piece)
    return True


def look_into_objects() -> None:
    """All texts that the collector's objects refer to, and the constants of all code."""
    gc.unfreeze()
    layer = gc.get_referents(*gc.get_objects())
    for _ in range(4):  # it tracks no container that holds only atoms: these are looked into layer by layer
        texts(layer)
        for code in [each for each in layer if type(each) is types.CodeType]:
            texts(constants(code))
        plain = [each for each in layer if type(each) in (tuple, dict, list, set, frozenset)]
        layer = gc.get_referents(*[each for each in plain if not gc.is_tracked(each)])


def texts(objects: list[object]) -> None:
    """Looks into those of some objects that are texts or bytes."""
    kept = {each for each in objects if type(each) is str}
    look("an object", "\n".join(kept).encode("utf-8", "surrogatepass"))
    look("an object", b"\n".join([bytes(each) for each in objects if type(each) in (bytes, bytearray)]))  # type: ignore[call-overload]


def constants(code: types.CodeType) -> list[object]:
    """The constants of code, and of the code inside it."""
    inner = [each for each in code.co_consts if type(each) is types.CodeType]
    return [*code.co_consts, *(constant for each in inner for constant in constants(each))]


def look_into_frames() -> None:
    """The locals of every frame below the cell's."""
    frame = sys._getframe()
    while (frame := frame.f_back) is not None:  # type: ignore[assignment]
        if frame.f_globals is not globals():
            look("a frame", repr(list(frame.f_locals.values()))[: 1 << 22].encode("utf-8", "replace"))


def look_into_modules(modules: list[str]) -> None:
    """What belongs to tasks must not be loaded, nor importable what makes them."""
    for name, module in list(sys.modules.items()):
        for attribute, value in list(vars(module).items()) if isinstance(module, types.ModuleType) else ():
            owner = value if isinstance(value, type) else type(value)
            if getattr(owner, "__cave_host_only__", False) is True:
                found.add((-1, f"module {name}, whose {attribute} belongs to tasks"))
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
            found.add((-1, f"module {name}, which makes the tasks: it can be imported"))


def look_into_process() -> None:
    """The environment, the arguments, and what the open descriptors hold."""
    look("the environment", repr([dict(os.environ), sys.argv, sys.orig_argv]).encode("utf-8", "replace"))
    for fd in range(256):
        with contextlib.suppress(OSError):
            look("an open file", os.pread(fd, 1 << 24, 0))


def look_into_memory() -> None:
    """All that can be written to, and so may hold what came from elsewhere, where the kernel lets it be read."""
    with contextlib.suppress(OSError), open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps.read().splitlines():
            span, mode, *rest = line.split(None, 5)
            low, high = (int(each, 16) for each in span.split("-"))
            file = rest[3] if len(rest) > 3 else ""
            if "rw" in mode and high - low < 1 << 28 and (file[:1] != "/" or "deleted" in file):
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    memory.seek(low)
                    look("memory", memory.read(high - low))


def look_into_files(near: list[str], files: list[str]) -> None:
    """Files that must not open, and those beside them that do."""
    for path in files:
        if content(path) is not None:
            found.add((-1, f"file {path}, which holds tasks: it can be read"))
    for path in near:
        look(f"file {path}", content(path) or b"")


def content(path: str) -> bytes | None:
    """The head of a file; None if it cannot be read."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(FILE_BYTES)
    return None
