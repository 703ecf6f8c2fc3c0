"""Rewards: assertions on claims, judged in a process that the rollout never touched.

`assertions` states what must be true, `judge` has it judged, `compose` makes rewards of the verdicts. See
`docs/rewards.md`.
"""

from cave_rl.rewards.assertions import (
    Assertion,
    answer_contains,
    call_count,
    called,
    chart_shows,
    close,
    deleted,
    equals,
    frame_equals,
    not_called,
    said_contains,
    satisfies,
    table_contains,
    table_equals,
    unchanged,
)
from cave_rl.rewards.compose import Conduct, RewardRules, episode_cost, episode_reward, turn_score
from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.rewards.judge import Judge, Ruling, judge_steps
from cave_rl.rewards.statements import Statements
from cave_rl.rewards.verdict import Verdict

__all__ = [
    "Assertion",
    "Call",
    "Conduct",
    "Evidence",
    "Judge",
    "RewardRules",
    "Ruling",
    "State",
    "Statements",
    "Verdict",
    "answer_contains",
    "call_count",
    "called",
    "chart_shows",
    "close",
    "deleted",
    "episode_cost",
    "episode_reward",
    "equals",
    "frame_equals",
    "judge_steps",
    "not_called",
    "said_contains",
    "satisfies",
    "table_contains",
    "table_equals",
    "turn_score",
    "unchanged",
]
