"""Single turns in real episodes: what earns, and that calls are what the World has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cave_rl.rollouts import play_messages
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.semantic.protocols import ProtocolName, call_text
from cave_rl.suites.third_party.bfcl.tasks import single, single_official
from cave_rl.tasks import Episode, EpisodeConfig
from cave_rl.tasks.validation.validate import validate
from tests.suites.live import gold, play


def played(pool: Pool, name: str, *cells: str, official: bool = False) -> Rollout:
    (rollout,) = play(pool, [((single_official if official else single).entry(name), [cells])])
    return rollout


def told(rollout: Rollout) -> dict[str, Any]:
    found: dict[str, Any] = rollout.infos[-1]["bfcl"]
    assert rollout.reward == float(found["official"])
    return found


def test_answers_earn_everything_and_idling_only_where_nothing_may_be_called(pool: Pool) -> None:
    names = ["simple_python_1", "live_multiple_0-0-0", "live_parallel_multiple_0-0-0", "live_relevance_0-0-0"]
    tasks = [single.entry(name) for name in (*names, "irrelevance_3")]
    assert [each.reward for each in play(pool, [(task, gold(task)) for task in tasks])] == [1.0] * 5
    assert [each.reward for each in play(pool, [(task, [()]) for task in tasks])] == [0.0] * 4 + [1.0]


TRIANGLE = "multiple_0"
RIGHT = {
    "by position": ["triangle_properties_get(5, 4, 3)"],
    "by keyword, in another order": ["triangle_properties_get(side3=3, side2=4, side1=5, get_area=True)"],
    "from variables and a loop": [
        "sides = dict(zip(['side1', 'side2', 'side3'], (5, 4, 3)))",
        "for call in [triangle_properties_get]:\n    result = call(**sides)\nprint(result)",
    ],
    "before something raises": ["triangle_properties_get(5, 4, 3)\n1 / 0"],
    "after something raised": ["triangle(5)", "triangle_properties_get(5, 4, 3)"],
}
WRONG = {
    "another function": ["circle_properties_get(5)"],
    "once too often": ["triangle_properties_get(5, 4, 3)\ntriangle_properties_get(5, 4, 3)"],
    "after one that did not fit": ["try:\n    triangle_properties_get(5, 4)\nexcept TypeError:\n    pass",
                                   "triangle_properties_get(5, 4, 3)"],
    "with numbers of another type": ["triangle_properties_get(5.0, 4.0, 3.0)"],
    "by a function of the same name": ["triangle_properties_get = lambda *a: {'status': 'success'}\n"
                                       "triangle_properties_get(5, 4, 3)"],
    "as text": ["print('triangle_properties.get(side1=5, side2=4, side3=3)')"],
    "and ends its interpreter": ["triangle_properties_get(5, 4, 3)\nimport os\nos._exit(0)"],
}  # fmt: skip


@pytest.mark.parametrize("cells", RIGHT.values(), ids=RIGHT)
def test_a_call_counts_however_it_is_made(pool: Pool, cells: Sequence[str]) -> None:
    assert told(played(pool, TRIANGLE, *cells))["official"]


@pytest.mark.parametrize("cells", WRONG.values(), ids=WRONG)
def test_what_is_no_such_call_earns_nothing(pool: Pool, cells: Sequence[str]) -> None:
    rollout = played(pool, TRIANGLE, *cells)
    assert rollout.reward == 0.0
    assert not rollout.infos[-1].get("bfcl", {}).get("official")


def test_what_is_sent_past_the_proxies_is_recorded_as_any_call(pool: Pool) -> None:
    link = (
        "link = next(each.cell_contents for each in triangle_properties_get.__closure__ "
        "if hasattr(each.cell_contents, 'call'))\n"
    )
    assert told(played(pool, TRIANGLE, link + "link.call('triangle_properties_get', (5, 4, 3), {})"))["official"]
    rollout = played(pool, TRIANGLE, link + "link.call('triangle_properties.get', (5, 4, 3), {})")
    assert told(rollout)["calls"] == [], "by upstream's name there is nothing to call"
    faked = "type(link).call = lambda *a: {'status': 'success'}\ntriangle_properties_get(5, 4, 3)"
    assert told(played(pool, TRIANGLE, link + faked))["calls"] == []


def test_a_default_cannot_be_forged(pool: Pool) -> None:
    forged = "class Omitted:\n    shown = 'True'\ntriangle_properties_get(5, 4, 3, Omitted())"
    assert not told(played(pool, TRIANGLE, forged))["official"]


def test_calling_where_nothing_answers_fails_and_computing_does_not(pool: Pool) -> None:
    name = "irrelevance_0"
    assert not told(played(pool, name, "determine_body_mass_index(10, 5.0)"))["official"]
    assert not told(played(pool, name, "try:\n    determine_body_mass_index()\nexcept TypeError:\n    pass"))[
        "official"
    ]
    assert told(played(pool, name, "print(10 * 5 / 2)"))["official"]


def test_officially_the_first_message_with_code_is_the_answer(pool: Pool) -> None:
    cells = ["print(triangle_properties_get)", "triangle_properties_get(5, 4, 3)"]
    assert told(played(pool, TRIANGLE, *cells))["official"]
    rollout = played(pool, TRIANGLE, *cells, official=True)
    assert told(rollout)["checker"]["error_type"] == "multiple_function_checker:wrong_count"
    assert len(rollout.infos) == 1


@pytest.mark.parametrize("protocol", ["codeact", "json"])
def test_several_calls_of_one_message_count_in_every_protocol(pool: Pool, protocol: ProtocolName) -> None:
    task = single_official.entry("parallel_0")
    calls = [{"artist": "Taylor Swift", "duration": 20}, {"artist": "Maroon 5", "duration": 15}]
    texts = {
        "codeact": fenced("\n".join(f"spotify_play(**{each})" for each in calls)),
        "json": "\n".join(call_text("spotify_play", each) for each in calls),
    }
    episode = Episode(task, pool=pool, config=EpisodeConfig(protocol=protocol))
    (rollout,) = play_messages([episode], lambda episode: texts[protocol])
    episode.close()
    assert told(rollout)["official"], rollout.infos


def test_neither_answers_nor_upstreams_names_are_in_a_rollout(pool: Pool) -> None:
    import bfcl_eval

    answers = f"{bfcl_eval.__path__[0]}/data/possible_answer/BFCL_v4_multiple.json"
    cell = (
        "import sys, gc, inspect\n"
        f"sys.path.append({str(bfcl_eval.__path__[0] + '/..')!r})\n"
        "for name in ('bfcl_eval', 'cave_rl.suites.third_party.bfcl.tasks.single.data', "
        "'cave_rl.suites.third_party.bfcl.stubs'):\n"
        "    try:\n        __import__(name)\n        print('imported', name)\n"
        "    except (ImportError, OSError):\n        pass\n"
        f"try:\n    print('read', open({answers!r}).read(9))\n"
        "except OSError:\n    pass\n"
        "texts = [each for each in gc.get_objects() if isinstance(each, (dict, list))]\n"
        "print('held', any('triangle_properties.' + 'get' in repr(each) for each in texts if len(each) < 50))"
    )
    rollout = played(pool, TRIANGLE, cell)
    (said,) = [each["observation"] for each in rollout.episode.trace if each.get("code")]
    assert "imported" not in said
    assert "read" not in said
    assert "held False" in said


def test_validation_finds_nothing_wrong(pool: Pool) -> None:
    report = validate([single.entry("parallel_3"), single.entry("irrelevance_5")], hacks=1, pool=pool)
    assert report.ok, [str(each) for each in report.errors]
