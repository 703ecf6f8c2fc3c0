from __future__ import annotations

import pytest

from cave_rl.runtime import Base, Runtime, Setup, Template, Variable

DRAW = """
import random, uuid, secrets, os
out = [random.random(), str(uuid.uuid4()), secrets.token_hex(4), os.urandom(4).hex(),
       random.SystemRandom().random(), random.Random().random()]
"""
DRAW_DATA = (
    DRAW
    + """
import numpy as np
out += [np.random.rand(), float(np.random.default_rng().random()), float(np.random.RandomState().rand())]
"""
)


def drawn(template: Template[Runtime], seed: int, code: str = DRAW) -> list[object]:
    with template.start(seed=seed) as runtime:
        done = runtime.execute(code)
        assert done.ok, done.error
        found = runtime.retrieve("out")
        assert isinstance(found, list)
        return found


@pytest.mark.parametrize("which", ["template", "data_template"])
def test_the_same_seed_draws_the_same_in_two_forks(which: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(which)
    code = DRAW_DATA if which == "data_template" else DRAW
    assert drawn(template, 7, code) == drawn(template, 7, code)


@pytest.mark.parametrize("which", ["template", "data_template"])
def test_different_seeds_differ_in_every_source(which: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(which)
    code = DRAW_DATA if which == "data_template" else DRAW
    assert all(one != other for one, other in zip(drawn(template, 1, code), drawn(template, 2, code), strict=True))


def test_seeds_may_be_large(template: Template[Runtime]) -> None:
    assert drawn(template, 2**64 - 1) == drawn(template, 2**64 - 1)


def test_forks_of_a_snapshot_draw_the_same_and_go_on_from_where_it_was(runtime: Runtime) -> None:
    runtime.execute("import random, os\nrandom.random(), os.urandom(8)")
    with runtime.snapshot() as snapshot:
        one, other = snapshot.fork(2)
        with one, other:
            code = "random.random(), os.urandom(4)"
            assert one.execute(code).value == other.execute(code).value == runtime.execute(code).value


def test_a_fork_of_a_snapshot_can_be_reseeded(runtime: Runtime) -> None:
    with runtime.snapshot() as snapshot:
        (one,), (same,), (other,) = snapshot.fork(seed=1), snapshot.fork(seed=1), snapshot.fork(seed=2)
        with one, same, other:
            code = "import random; random.random()"
            assert one.execute(code).value == same.execute(code).value != other.execute(code).value


def test_hashes_of_text_do_not_vary(base: Base) -> None:
    values = []
    for _ in range(2):
        with base.template(Setup(variables=(Variable("s", {"a", "b", "c"}),))) as template, template.start() as runtime:
            values.append(runtime.execute("list(s), hash('x')").value)
    assert values[0] == values[1]
