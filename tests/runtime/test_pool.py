from __future__ import annotations

import os
import signal

import pytest

from cave_rl.runtime import Pool, Runtime, Setup, SetupFault, Steps, Template, Variable, run, run_all, shared_pool
from cave_rl.runtime.errors import Fault
from tests.conftest import settled


def template(pool: Pool, key: int, made: list[int] | None = None) -> Steps[Template[Runtime]]:
    def make() -> Steps[Template[Runtime]]:
        if made is not None:
            made.append(key)
        return (yield from pool.base().template_steps(Setup(variables=(Variable("key", key),))))

    return (yield from pool.template_steps(key, make))


def test_a_base_is_kept_per_module_set_whatever_its_order() -> None:
    with Pool() as pool:
        assert pool.base(("json", "math")) is pool.base(("math", "json", "math"))
        assert pool.base() is not pool.base(("json",))
        assert pool.base() is not pool.base((), judging=True)


def test_a_template_is_made_once_per_key_also_by_many_at_once() -> None:
    made: list[int] = []
    with Pool() as pool:
        first = run(template(pool, 1, made))
        assert run(template(pool, 1, made)) is first
        together = run_all([template(pool, key, made) for key in (2, 2, 2, 3, 1, 3)])
        assert together[0] is together[1] is together[2]
        assert together[3] is together[5]
        assert together[4] is first
    assert sorted(made) == [1, 2, 3]


def test_a_set_up_that_fails_fails_for_all_who_wait_and_is_tried_again() -> None:
    with Pool() as pool:

        def broken() -> Steps[Template[Runtime]]:
            return (yield from pool.base().template_steps(Setup(run="1/0")))

        for _ in range(2):
            with pytest.raises(SetupFault):
                run_all([pool.template_steps("k", broken) for _ in range(3)])
        assert run(template(pool, 1)).start().execute("key").ok


def test_of_two_that_were_made_for_one_key_the_first_is_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited too long for another's makes one of their own."""
    from cave_rl.runtime import pool as module

    monkeypatch.setattr(module, "START_S", 0.0)
    with Pool() as pool:
        made = run_all([template(pool, 1), template(pool, 1)])
        assert made[0] is not made[1]
        assert sorted(each.closed for each in made) == [False, True]
        assert not run(template(pool, 1)).closed


def test_the_least_recently_used_idle_template_is_retired() -> None:
    with Pool(templates=2) as pool:
        one, two = run(template(pool, 1)), run(template(pool, 2))
        run(template(pool, 1))
        three = run(template(pool, 3))
        assert (one.closed, two.closed, three.closed) == (False, True, False)


def test_a_template_in_use_outlives_its_place_in_the_cache() -> None:
    with Pool(templates=1) as pool:
        one = run(template(pool, 1))
        runtime = one.start()
        run(template(pool, 2))
        assert not one.closed
        assert runtime.execute("key").value == "1"
        again = run(template(pool, 1))
        assert again is not one
        runtime.close()
        assert one.closed


def test_more_tasks_at_once_than_templates_are_kept() -> None:
    def use(pool: Pool, key: int) -> Steps[str | None]:
        runtime = yield from (yield from template(pool, key)).start_steps(key)
        done = yield from runtime.execute_steps("key")
        runtime.close()
        return done.value

    with Pool(templates=3) as pool:
        assert run_all([use(pool, key) for key in range(12)]) == [str(key) for key in range(12)]


def test_a_pool_recovers_from_a_base_that_was_killed() -> None:
    with Pool() as pool:
        old = pool.base()
        run(template(pool, 1))
        os.kill(old._process.pid, signal.SIGKILL)

        def recovered() -> bool:
            try:
                with run(template(pool, 1)).start() as runtime:
                    return runtime.execute("key").value == "1"
            except Fault:
                return False

        assert settled(recovered, True)
        assert pool.base() is not old


def test_a_closed_pool_can_be_used_again() -> None:
    pool = Pool()
    for _ in range(2):
        with run(template(pool, 1)).start() as runtime:
            assert runtime.execute("key").value == "1"
        pool.close()
        pool.close()


def test_the_shared_pool_is_one_per_policy() -> None:
    from cave_rl.confinement import Confinement

    assert shared_pool() is shared_pool(Confinement())
    assert shared_pool() is not shared_pool(Confinement(memory_mb=512))
