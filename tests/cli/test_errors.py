from __future__ import annotations

import pytest

from cave_rl.cli import errors
from cave_rl.runtime.errors import SpawnFault


def absent(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "train"), ("trl", "train"), ("vllm", "vllm"), ("pandas", "data")]
)
def test_a_missing_package_of_an_extra_names_the_extra(module: str, extra: str) -> None:
    assert errors.tell(absent(module)) == f"{module} is not installed; it comes with: pip install 'cave-rl[{extra}]'"


@pytest.mark.parametrize("module", ["cave_rl.nowhere", "torch.nowhere", "pytest"])
def test_other_missing_modules_are_bugs_and_not_told(module: str) -> None:
    assert errors.tell(absent(module)) is None


def test_a_fault_for_want_of_a_package_names_its_extra_too() -> None:
    told = errors.tell(
        SpawnFault("the base could not import ['pandas']: ModuleNotFoundError: No module named 'pandas'")
    )
    assert told is not None
    assert told.splitlines()[-1].endswith("pip install 'cave-rl[data]'")
    assert errors.tell(SpawnFault("the base process is gone")) == "the base process is gone"
