"""A clock that stands still: for cells, for hosted objects, and in every fork of them."""

from __future__ import annotations

import datetime
import importlib.util
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest

from cave_rl.runtime import Base, Hosted, Runtime, Setup, SetupFault, Template, clock
from cave_rl.runtime.clock import moment_of
from tests.runtime.test_world import value
from tests.runtime.world import Desk


@pytest.fixture(scope="module")
def desks(base: Base) -> Iterator[Template[Runtime]]:
    with base.template(
        Setup(
            hosted=[Hosted(Desk())], clock="2024-05-01 12:34:56", run="import datetime\nmade = datetime.datetime.now()"
        )
    ) as made:
        yield made


def test_the_time_of_day_stands_still_everywhere(desks: Template[Runtime]) -> None:
    code = (
        "import time, datetime\nfrom datetime import date\nnow = datetime.datetime.now()\n"
        "str(now), str(date.today()), time.strftime('%H:%M'), time.time()"
    )
    told = "('2024-05-01 12:34:56', '2024-05-01', '12:34', 1714566896.0)"
    with desks.start() as runtime:
        assert value(runtime, code) == value(runtime, code) == told
        assert value(runtime, "desk.now() == now == made, type(now) is datetime.datetime") == "(True, True)"
        assert type(runtime.retrieve("now")) is datetime.datetime
        with runtime.snapshot() as snapshot:
            (fork,) = snapshot.fork()
            with fork:
                assert value(fork, code) == told
                assert value(fork, "desk.now() == now") == "True"


def test_what_measures_durations_goes_on(desks: Template[Runtime]) -> None:
    with desks.start() as runtime:
        code = """
import time, asyncio
began = time.monotonic(), time.perf_counter()
time.sleep(0.02)
await asyncio.sleep(0.02)
time.monotonic() - began[0] > 0.03, time.perf_counter() - began[1] > 0.03
"""
        cell = runtime.execute(code)
        assert cell.value == "(True, True)"
        assert cell.wall_s > 0.03


def test_other_templates_of_the_base_have_the_host_s_time(
    desks: Template[Runtime], template: Template[Runtime]
) -> None:
    with template.start() as runtime:
        year = value(runtime, "import datetime\ndatetime.datetime.now().year")
        assert int(year) == datetime.datetime.now().year


@pytest.mark.parametrize(
    ("given", "moment", "zone"),
    [
        ("2024-05-01", "2024-05-01T00:00:00+00:00", "UTC"),
        (datetime.datetime(2024, 5, 1, 12), "2024-05-01T12:00:00+00:00", "UTC"),
        (
            datetime.datetime(2024, 5, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Rome")),
            "2024-05-01T10:00:00+00:00",
            "Europe/Rome",
        ),
        ("2024-05-01T12:00:00-05:00", "2024-05-01T17:00:00+00:00", "UTC"),
    ],
)
def test_moments_are_told_in_a_zone_of_their_own(given: Any, moment: str, zone: str) -> None:
    assert moment_of(given) == (moment, zone)


def test_a_zone_is_the_runtime_s_own(base: Base) -> None:
    rome = datetime.datetime(2024, 5, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Rome"))
    with base.template(Setup(clock=rome)) as template, template.start() as runtime:
        assert value(runtime, "import datetime, time\nstr(datetime.datetime.now()), time.tzname[0]") == (
            "('2024-05-01 12:00:00', 'CET')"
        )


def test_what_is_no_moment_is_refused() -> None:
    for given in ("yesterday", 5, datetime.date(2024, 5, 1)):
        with pytest.raises(ValueError, match="clock"):
            Setup(clock=given)  # type: ignore[arg-type]


def test_without_the_library_the_extra_is_named(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(SetupFault, match=r"pip install 'cave-rl\[clock\]'"):
        base.template(Setup(clock="2024-05-01"))
    monkeypatch.undo()
    assert importlib.util.find_spec("time_machine")
