"""What a rollout may read: the standard library, the packages it was promised, their shared libraries, little else.

A whole site-packages directory is never readable: it may hold the tasks, the answers and the code that generates them.
Neither is it listable, although imports list directories: `warm_import_caches` fills the importers' own caches first,
and these stay good while the directories do not change. (Model code that calls `importlib.invalidate_caches()` can
afterwards not import what was not imported yet.)
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec

_SITE_NAMES = ("site-packages", "dist-packages")
_ALWAYS_DENIED = ("cave_rl",)
_SYSTEM_FILES = (
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    "/usr/lib/locale",
    "/usr/share/locale",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
)
_LIBRARY_ROOTS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


def readable_paths(modules: Iterable[str] = (), *, deny: Iterable[str] = ()) -> tuple[str, ...]:
    """The real paths a process needs to go on importing and using what it has, and no others.

    Args:
        modules: Packages that must be importable in full, named by their top-level name. What is already loaded from
            a site-packages directory counts as named; of code that lives elsewhere (a project, an editable install)
            only the very files that are loaded do.
        deny: Module names or absolute paths of which nothing may be readable, whatever else would allow it. `cave_rl`
            is always among them.
    """
    denied = sorted({path for entry in (*_ALWAYS_DENIED, *deny) for path in _places(entry)})
    wanted: set[str] = set(_standard_library())
    wanted.update(_system_libraries())
    wanted.update(path for path in _SYSTEM_FILES if os.path.exists(path))
    named = {name.partition(".")[0] for name in modules}
    for name in sorted(named):
        spec = _spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"readable module {name!r} is not importable here", name=name)
        wanted.update(_package_paths(spec))
    wanted.update(_loaded_paths())
    allowed = {part for path in wanted for part in _without(os.path.realpath(path), denied)}
    return tuple(sorted(_outermost(allowed)))


def warm_import_caches() -> None:
    """Let every importer on `sys.path` list its directory now, while it may."""
    for entry in sys.path:
        finder = sys.path_importer_cache.get(entry or os.getcwd())
        if finder is None:
            for hook in sys.path_hooks:
                try:
                    finder = hook(entry or os.getcwd())
                except ImportError:
                    continue
                sys.path_importer_cache[entry or os.getcwd()] = finder
                break
        if finder is not None and hasattr(finder, "find_spec"):
            finder.find_spec("cave_rl_no_such_module")


def _places(entry: str) -> Iterator[str]:
    """Where a denied module or path lives. Nothing is imported to find out: it is denied, after all."""
    if os.path.isabs(entry):
        yield os.path.realpath(entry)
        return
    top, _, rest = entry.partition(".")
    spec = _spec(top)
    if spec is None:
        return
    for place in spec.submodule_search_locations or ():
        path = os.path.realpath(os.path.join(place, *rest.split(".")))
        yield path
        yield from (path + suffix for suffix in (".py", *EXTENSION_SUFFIXES) if os.path.exists(path + suffix))
    if spec.has_location and spec.origin is not None and not spec.submodule_search_locations:
        yield os.path.realpath(spec.origin)


def _spec(name: str) -> ModuleSpec | None:
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__spec__", None)
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _package_paths(spec: ModuleSpec) -> Iterator[str]:
    """A top-level package's directory or file, and the libraries a wheel bundles beside it."""
    places = list(spec.submodule_search_locations or ())
    if not places and spec.has_location and spec.origin is not None:
        places = [spec.origin]
    for place in places:
        yield place
        libraries = os.path.join(os.path.dirname(place), spec.name.lower() + ".libs")
        if os.path.isdir(libraries):
            yield libraries


def _loaded_paths() -> Iterator[str]:
    for name, module in sorted(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if not isinstance(origin, str) or name in ("__main__", "__mp_main__"):
            continue
        top = _spec(name.partition(".")[0])
        if top is None or not _in_site_packages(origin):
            yield origin
        elif top.has_location:
            yield from _package_paths(top)
        else:  # a namespace package is shared by unrelated distributions: only what is loaded of it
            yield os.path.dirname(origin) if os.path.basename(origin) == "__init__.py" else origin


def _in_site_packages(path: str) -> bool:
    return any(f"/{site}/" in path for site in _SITE_NAMES)


def _standard_library() -> Iterator[str]:
    paths = sysconfig.get_paths()
    for root in {paths["stdlib"], paths["platstdlib"]}:
        if not os.path.isdir(root):
            continue
        children = os.listdir(root)
        if not any(child in _SITE_NAMES for child in children):
            yield root
            continue
        yield from (os.path.join(root, child) for child in children if child not in _SITE_NAMES)
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    archive = os.path.join(os.path.dirname(paths["stdlib"]), f"python{version}.zip")
    if os.path.exists(archive):
        yield archive


def _system_libraries() -> Iterator[str]:
    """Directories of shared libraries, or only the libraries in them where a Python lives in between."""
    roots = [*_LIBRARY_ROOTS, sysconfig.get_config_var("LIBDIR") or ""]
    for root in {os.path.realpath(root) for root in roots if os.path.isdir(root)}:
        for child in os.listdir(root):
            path = os.path.join(root, child)
            if ".so" in child or child.endswith("-linux-gnu"):
                yield path


def _without(path: str, denied: list[str]) -> Iterator[str]:
    """`path`, taken apart where something denied lies in it."""
    if any(_holds(outer, path) for outer in denied):
        return
    if not any(_holds(path, inner) for inner in denied):
        yield path
    elif os.path.isdir(path):
        for child in os.listdir(path):
            yield from _without(os.path.realpath(os.path.join(path, child)), denied)


def _outermost(paths: set[str]) -> Iterator[str]:
    last = None
    for path in sorted(paths, key=lambda path: path.split("/")):
        if last is None or not _holds(last, path):
            last = path
            yield path


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")
