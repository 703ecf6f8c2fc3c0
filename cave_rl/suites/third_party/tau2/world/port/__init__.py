"""The port of tau2 that is inside `inspect-evals`, as modules below this one.

`inspect_evals/tau2/retail/tools.py` is `cave_rl.suites.third_party.tau2.world.port.retail.tools`, and what it imports
of `inspect_ai`, whose hundred dependencies none of it needs, comes from `stand_in`. The modules are upstream's files as
they are, read with other names in their imports; the package under its own name is left alone, and may be imported
beside it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType

STAND_IN = f"{__name__.rpartition('.')[0]}.stand_in"


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads a file with other names in its imports. Its bytecode is kept nowhere: the file's own is of other code."""

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text(encoding="utf-8")
        source = re.sub(r"\binspect_evals\.tau2\b", __name__, source)
        source = re.sub(r"\binspect_ai(\.\w+)*", STAND_IN, source)
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the modules below this one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(f"{__name__}."):
            return None
        finders = (importlib.machinery.FileFinder(each, (_Loader, [".py"])) for each in path or ())
        return next((spec for each in finders if (spec := each.find_spec(fullname))), None)


def root() -> Path:
    """Where the port lies.

    Raises:
        ModuleNotFoundError: `inspect-evals` is not installed.
    """
    if not __path__:
        raise ModuleNotFoundError("inspect_evals is not installed", name="inspect_evals")
    return Path(__path__[0])


_spec = importlib.util.find_spec("inspect_evals")
__path__ = [f"{each}/tau2" for each in (_spec and _spec.submodule_search_locations) or ()]
sys.meta_path.insert(0, _Finder())
