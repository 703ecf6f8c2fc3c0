"""BFCL's dialogues in real episodes: what Python can say and call strings cannot, and how a turn is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.suites.third_party.bfcl.tasks import base, miss_func, miss_param, miss_param_official
from cave_rl.suites.third_party.bfcl.tasks.data import dialogues
from cave_rl.suites.third_party.bfcl.tasks.suite import CATEGORIES, Dialogues
from cave_rl.tasks import Task
from tests.suites.live import gold, instead, play

FILES, FINDING, SORTING, COMPARING = range(4)  # the turns of dialogue 0


def played(pool: Pool, task: Task, cells: Sequence[Sequence[str]]) -> Rollout:
    (rollout,) = play(pool, [(task, cells)])
    return rollout


def told(rollout: Rollout) -> dict[str, Any]:
    """What is told of the whole dialogue; the checker agrees with us, and the calls lead to the live state."""
    found: dict[str, Any] = rollout.infos[-1]["bfcl"]
    assert found["official"] == found["checker"]["valid"], found
    assert found["replayed"]
    return found


@pytest.mark.parametrize("style", ["functions", "objects"])
@pytest.mark.parametrize("category", CATEGORIES)
def test_the_answers_earn_everything_and_idling_nothing(pool: Pool, category: str, style: str) -> None:
    suite = Dialogues(category, style=style)  # type: ignore[arg-type]
    tasks = [suite.dialogue(number) for number in ((0, 103) if style == "functions" else (52, 154))]
    solved = play(pool, [(task, gold(task)) for task in tasks])
    idle = play(pool, [(task, [()] * len(task.turns)) for task in tasks])
    assert [each.reward for each in solved] == [1.0] * 2
    assert [each.reward for each in idle] == [0.0] * 2
    assert all(told(each)["official"] and told(each)["strict"] for each in solved)
    assert not any(told(each)["official"] or told(each)["strict"] for each in idle)


CELLS = {
    "a loop and a condition": (
        "for name in ['document']:\n    where = cd(name)\n"
        "if where['current_working_directory'] == 'document':\n    mkdir('temp')\n"
        "while 'final_report.pdf' in ls()['current_directory_content']:\n    mv('final_report.pdf', 'temp')"
    ),
    "arguments by position": "cd('document')\nmkdir('temp')\nmv('final_report.pdf', 'temp')",
    "arguments by keyword, in another order": (
        "cd(folder='document')\nmkdir(dir_name='temp')\nmv(destination='temp', source='final_report.pdf')"
    ),
    "arguments computed from results": (
        "where = cd('document')['current_working_directory']\nmkdir('temp' if where == 'document' else where)\n"
        "(report,) = [name for name in ls()['current_directory_content'] if name.startswith('final')]\n"
        "mv(f'{report}', ls()['current_directory_content'][-1])"
    ),
    "arguments unpacked": (
        "cd(*['document'])\nmkdir(**{'dir_name': 'temp'})\nmv(*('final_report.pdf',), destination='temp')"
    ),
    "by other names, with attributes": (
        "go, cd.calls = cd, 0\ngo('document')\ncd.calls += 1\nmkdir('temp')\n"
        "move = mv\nmove('final_report.pdf', 'temp')"
    ),
    "functions of functions": (
        "def within(folder, *steps):\n    cd(folder)\n    return [step() for step in steps]\n"
        "within('document', lambda: mkdir('temp'), lambda: mv('final_report.pdf', 'temp'))"
    ),
    "calls that raise, caught": (
        "cd('document')\nmkdir('temp')\ntry:\n    mv('final_report.pdf')\n"
        "except TypeError:\n    mv('final_report.pdf', 'temp')"
    ),
    "calls that were refused by what was called": (
        "cd('nowhere')\ncd('document')\nmkdir('temp')\nmkdir('temp')\nmv('final_report.pdf', 'temp')"
    ),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_calls_count_however_they_are_made(pool: Pool, cell: str) -> None:
    task = base.dialogue(0)
    rollout = played(pool, task, instead(task, FILES, [cell]))
    assert rollout.reward == 1.0
    assert told(rollout)["official"]


@pytest.mark.parametrize("broken", ["raise ValueError", "mv()", "mkdir('temp')['x']"])
def test_what_was_called_before_an_exception_stands_and_what_comes_after_was_not_called(
    pool: Pool, broken: str
) -> None:
    task = base.dialogue(0)
    cells = [f"cd('document')\nmkdir('temp')\n{broken}\ntouch('never')", "mv('final_report.pdf', 'temp')"]
    rollout = played(pool, task, instead(task, FILES, cells))
    assert rollout.outcomes[:2] == ["error", "ok"]
    assert rollout.reward == 1.0
    first, second = told(rollout)["calls"][0]
    assert first[:2] == ["cd(folder='document')", "mkdir(dir_name='temp')"]
    assert not any("never" in each for each in first)
    assert second == ["mv(source='final_report.pdf', destination='temp')"]


def test_results_are_kept_in_variables_from_turn_to_turn(pool: Pool) -> None:
    task = base.dialogue(0)
    cells = gold(task)
    cells[FINDING] = ["cd('temp')\nname = 'final_report.pdf'\nfound = grep(name, 'budget analysis')"]
    cells[SORTING] = ["if found['matching_lines']:\n    sort(name)"]
    assert played(pool, task, cells).reward == 1.0


def test_texts_with_parentheses_reach_the_checker_as_they_were(pool: Pool) -> None:
    task = base.dialogue(0)
    text = "10 shares (done), ls (a) and sort(b), \\( and \\x28"
    harm = ["touch('note.txt')", f"echo({text!r}, 'note.txt')\nrm('note.txt')", f"echo({text!r})"]
    rollout = played(pool, task, instead(task, SORTING, [*task.turns[SORTING].gold, *harm]))
    assert rollout.reward == 1.0
    assert told(rollout)["official"]
    left = played(pool, task, instead(task, SORTING, [*task.turns[SORTING].gold, *harm[:1], harm[1].split("\n")[0]]))
    assert left.reward == 0.0
    assert not told(left)["official"]


def test_what_is_returned_can_be_changed_and_changes_nothing(pool: Pool) -> None:
    task = base.dialogue(102)
    assert "get_order_details" in str(gold(task))
    spoil = (
        "details = get_order_details(12446)\ndetails['status'] = 'Cancelled'\ndetails.clear()\n"
        "stocks = get_watchlist()['watchlist']\nstocks.append('X')"
    )
    turns = [[*cells, spoil] if cells else [] for cells in gold(task)]
    rollout = played(pool, task, turns)
    assert rollout.reward == 1.0
    assert told(rollout)["official"]


def test_what_was_given_can_be_changed_afterwards_and_changes_nothing(pool: Pool) -> None:
    task = base.dialogue(5)
    turns = [list(cells) for cells in gold(task)]
    (at,) = (index for index, cells in enumerate(turns) if "tags=" in "".join(cells))
    (cell,) = turns[at]
    start, _, rest = cell.partition("tags=[")
    given, _, end = rest.partition("]")
    turns[at] = [f"tags = [{given}]\n{start}tags=tags{end}\ntags.append('#more')\ntags[0] = ''"]
    rollout = played(pool, task, turns)
    assert rollout.reward == 1.0
    (posted,) = [call for cell in told(rollout)["calls"][at] for call in cell if call.startswith("post_tweet")]
    assert "tags=['#DataManagement', '#Efficiency']" in posted


def test_a_dialogue_with_a_calculator_is_judged(pool: Pool) -> None:
    task = base.dialogue(15)
    assert "MathAPI" in dialogues("base")[15].classes
    rollout = played(pool, task, gold(task))
    assert rollout.reward == 1.0
    assert told(rollout)["official"]


def test_a_call_that_no_call_string_can_say_fails_nobody_else(pool: Pool) -> None:
    task = base.dialogue(0)
    rollout = played(pool, task, instead(task, FILES, ["echo({1, 2})", *task.turns[FILES].gold]))
    assert rollout.reward == 1.0


@pytest.mark.parametrize("missing", [FILES, FINDING, SORTING, COMPARING])
def test_a_turn_that_is_left_out_fails_the_dialogue(pool: Pool, missing: int) -> None:
    task = base.dialogue(0)
    rollout = played(pool, task, instead(task, missing, []))
    assert rollout.reward == 0.0
    assert not told(rollout)["official"]


def test_prefix_counting_pays_the_turns_before_the_first_that_fails(pool: Pool) -> None:
    task = Dialogues("base", counting="prefix").dialogue(0)
    rewards = [each.reward for each in play(pool, [(task, instead(task, turn, [])) for turn in range(4)])]
    assert rewards == [0.0, 0.25, 0.5, 0.75]
    assert played(pool, task, gold(task)).reward == 1.0


def test_acting_where_nothing_can_be_done_fails_strictly_and_passes_officially(pool: Pool) -> None:
    at = 0
    for suite, reward in ((miss_param, 0.0), (miss_param_official, 1.0)):
        task = suite.dialogue(50)
        assert task.turns[at].refusal
        rollout = played(pool, task, instead(task, at, task.turns[at + 1].gold))
        assert rollout.reward == reward
        assert told(rollout)["official"]
        assert not told(rollout)["strict"]
        assert told(rollout)["turns"] == {"official": [True, True], "strict": [False, True]}


def test_looking_around_without_a_call_is_no_acting(pool: Pool) -> None:
    task = miss_param.dialogue(50)
    rollout = played(pool, task, instead(task, 0, ["print(lockDoors, dir())", "lockDoors()"]))
    assert rollout.reward == 0.0, "a call that did not fit is a call"
    assert played(pool, task, instead(task, 0, ["print(lockDoors, dir())"])).reward == 1.0


@pytest.mark.parametrize("style", ["functions", "objects"])
def test_a_missed_function_can_be_called_only_from_its_turn_on(pool: Pool, style: str) -> None:
    task = Dialogues("miss_func", style=style).dialogue(0)  # type: ignore[arg-type]
    (cell,) = task.turns[3].gold
    rollout = played(pool, task, instead(task, SORTING, [cell]))
    (tried,) = [step for step in rollout.episode.trace if step.get("code") and step["turn"] == SORTING]
    assert tried["error"] == "NameError"
    assert "calls" not in tried
    assert rollout.reward == 1.0, "what did not happen is nothing"


def test_each_turn_is_told_of_as_it_ends(pool: Pool) -> None:
    task = miss_func.dialogue(0)
    rollout = played(pool, task, instead(task, FINDING, []))
    ends = [info["bfcl"] for info in rollout.infos if "bfcl" in info]
    assert [each["official"] for each in ends] == [True, False, False, False, False]
    assert ["checker" in each for each in ends] == [False, False, False, False, True]
    assert all("told" in verdict for verdict in rollout.verdicts if not verdict["gate"])


def test_a_turn_that_its_step_limit_ends_fails_unless_it_is_the_last(pool: Pool) -> None:
    task = base.dialogue(0)
    for turn, reward in ((SORTING, 0.0), (COMPARING, 1.0)):
        rollout = played(pool, task, instead(task, turn, [*task.turns[turn].gold, *["pwd()"] * 20]))
        assert rollout.reward == reward
        assert told(rollout)["official"] is bool(reward)
    enough = played(pool, task, instead(task, SORTING, [*task.turns[SORTING].gold, *["pwd()"] * 19]))
    assert enough.reward == 1.0, "so many steps, and the answer"
