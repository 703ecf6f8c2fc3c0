"""Episodes as lines of `traces.jsonl`: everything a person needs to see what happened, and why.

Files are only ever appended to. An episode that was played again (after a fault, say) has several lines of one `key`;
the last one counts: `latest`. A line is an object; what it holds, in schema 2:

| field        | what                                                                                               |
|--------------|----------------------------------------------------------------------------------------------------|
| schema       | 2; raised when a field changes its meaning                                                          |
| key          | names the episode in its run: `Types-v0/test/sort_list/0#3`; absent in training                     |
| split, index | where the suite has the task: `suite.task(split, family, index)`; absent in training                |
| rollout      | its number among those of the task, from 0; absent in training                                      |
| protocol     | how actions were written, where that is not `cave`                                                  |
| seed         | the environment's                                                                                   |
| suite, family, task, tags, difficulty | of the task; `task` is its id, `family/content`                            |
| task_seed    | what its family was given to make it                                                                |
| turns        | how many turns the task has                                                                         |
| reward       | the episode's; null after a fault                                                                   |
| solved       | whether every turn scored 1                                                                         |
| scores       | of the turns that were judged                                                                       |
| stop         | `answered`, `max_steps` (or a bound on a turn's user), `malformed`, `lost`, `cut` (a message over   |
|              | its token limit), `budget`,                                                                         |
|              | `context` (the chat outgrew the model's), `time`, or `fault`                                        |
| fault        | `Type: message` of what failed on our side or the endpoint's, else null                             |
| fault_type   | its type alone, else null                                                                           |
| outcomes     | how each message ended; see `cave_rl.tasks.episode`                                                 |
| verdicts     | all, each with `turn`, `name`, `passed`, `weight`, `message`, `gate`, and `told` where a suite says |
|              | more, as that of BFCL does                                                                          |
| messages     | the chat: `role`, `content`                                                                         |
| opening      | how many of them stood there before the model's first                                               |
| queries      | of the turns that began; where a user begins, what it said first                                    |
| prompt_hash  | of the opening: `messages` (of its text), `ids` (of its token ids; null where they are not known)   |
| tokens       | `prompt`, `completion`, `observation`; `sent` is what all calls together were given; `by` tells who |
|              | counted: `ids` (the very tokens), `usage` (the endpoint's word), null (nobody: the counts are null) |
| start        | digests of the state before the first message                                                       |
| steps        | what came of each message, and of each turn's host event; below                                     |
| calls        | one an answered request, see `Call`; empty where no endpoint was asked                              |
| users        | of tasks with users: how many `messages` these wrote, and their `prompt` and `completion` tokens as |
|              | far as they were counted; no part of `tokens`                                                       |
| wall_s, env_s, policy_s | seconds in all, in the environment, and waiting for the model                            |

A step:

| field        | what                                                                                               |
|--------------|----------------------------------------------------------------------------------------------------|
| turn, step   | the turn's index from 0; the message's number in the episode from 1                                 |
| outcome      | as in `outcomes`; of a host event `event: ok` and the like; `event: user` where a user begins       |
| message      | its index in `messages`; null for an event, and for a cut message that had no room at all           |
| code         | the cell, also one that was refused, or the calls of protocol `json`; null where there is none      |
| observation  | what the model was told of it (the next turn's query left out)                                      |
| state        | digests of what the process claims its variables are, afterwards: name -> 12 hex digits; null where |
|              | none was taken (`env.digests` takes one after every cell)                                           |
| diff         | names `created`, `changed`, `deleted`; of cells and events only, as all below                       |
| error        | the type that the cell raised, or null                                                              |
| detail       | what is known where the outcome does not tell                                                       |
| wall_s, cpu_s, peak_kb | what it used                                                                              |
| user         | what the turn's user said to the message: `text`, `over`, `stop` (what ended the dialogue),         |
|              | `limited` (a bound did), `prompt_tokens`, `completion_tokens`; `acts`, if it used tools before      |
|              | (`name`, `arguments`, `result`); of a simulator also `seconds`, `model`, `finish`, `retries`; only  |
|              | where one spoke                                                                                     |
| opinion      | what the turn's referee said as it ended: `met`, `findings` (`statement`, `met`, `reason`),          |
|              | `prompt_tokens`, `completion_tokens`, also `seconds`, `model`, `retries`; only where one was asked  |

Numbers are finite, text is ASCII with escapes. Timings aside, the same task, seed and messages give the same line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cave_rl.rollouts.calls import prompt_hash
from cave_rl.rollouts.play import Rollout

SCHEMA = 2


def record(rollout: Rollout, /, **extra: Any) -> dict[str, Any]:
    """One rollout as plain data; `extra` adds fields of the caller's."""
    episode = rollout.episode
    task = episode.task
    protocol = episode.config.protocol
    users = {"users": _users(episode.trace)} if any(turn.user is not None for turn in task.turns) else {}
    return {
        "schema": SCHEMA,
        **({} if protocol == "cave" else {"protocol": protocol}),
        **extra,
        "seed": episode.seed,
        "suite": task.suite,
        "family": task.family,
        "task": task.id,
        "tags": list(task.tags),
        "difficulty": task.difficulty,
        "task_seed": task.seed,
        "turns": len(task.turns),
        "reward": rollout.reward,
        "solved": episode.solved and rollout.fault is None,
        "scores": list(episode.scores),
        "stop": rollout.stop,
        "fault": rollout.fault,
        "fault_type": rollout.fault and rollout.fault.partition(":")[0],
        "outcomes": rollout.outcomes,
        "verdicts": rollout.verdicts,
        "messages": list(episode.messages),
        "opening": rollout.opening,
        "queries": list(episode.queries),
        "prompt_hash": prompt_hash(episode.messages[: rollout.opening], rollout.prompt_ids),
        "tokens": rollout.tokens(),
        "start": episode.start,
        "steps": episode.trace,
        "calls": [call.as_dict() for call in rollout.calls],
        **users,
        "wall_s": rollout.wall_s or rollout.env_s + rollout.policy_s,
        "env_s": rollout.env_s,
        "policy_s": rollout.policy_s,
    }


def _users(steps: Iterable[dict[str, Any]]) -> dict[str, int]:
    """What the users of an episode took."""
    said = [step["user"] for step in steps if "user" in step]
    sums = {kind: sum(each[f"{kind}_tokens"] or 0 for each in said) for kind in ("prompt", "completion")}
    return {"messages": sum(bool(each["text"]) for each in said), **sums}


def append(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Adds lines to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for each in records:
            file.write(json.dumps(each, ensure_ascii=True) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, none where there is no file. A last line that was torn, when its writer was killed, is not
    one.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def latest(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last line of each key, in the order in which the keys first came."""
    return list({row["key"]: row for row in rows}.values())


def keep(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Takes the lines that are not wanted out of a file, and one that was torn."""
    if path.is_file():
        rows = [row for row in read(path) if wanted(row)]
        rewritten = path.with_name(f".{path.name}")
        rewritten.write_text("")
        append(rewritten, rows)
        rewritten.replace(path)
