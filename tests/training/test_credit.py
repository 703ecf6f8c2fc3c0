"""Credit through TRL: one real GRPO step under each, looked at from the inside."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from cave_rl.rollouts import Rollout
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.episode import Episode
from cave_rl.training import grpo, policy
from cave_rl.training.config import ConfigError, TrainConfig, TrainPart, parse
from cave_rl.training.credit import TokenCredit, Told, advantages
from cave_rl.training.prefix import PrefixGRPOTrainer
from tests.training import tiny

DIALOGUE: dict[str, Any] = {
    "suite__tags": ["dialogue"],
    "env__max_steps": 2,
    "rollout__budget": 90,
    "rollout__temperature": 0.8,
    "train__steps": 1,
}
MODES: dict[str, dict[str, Any]] = {
    "turn": {"train__credit": "turn", "train__scale_rewards": "none"},
    "turn, scaled": {"train__credit": "turn", "train__micro_batch": 2},
    "turn, shaped": {"train__credit": "turn", "train__scale_rewards": "none", "train__shaping": 0.5},
    "branch": {"train__credit": "branch", "train__scale_rewards": "none", "train__branches": {"continuations": 2}},
    "branch, bounded": {"train__credit": "branch", "train__gamma": 0.9, "train__branches": {"most": 3}},
}


@dataclass
class Step:
    """What one step saw and did."""

    trainer: Any
    batch: dict[str, Any]
    rollouts: list[Rollout]
    before: dict[str, torch.Tensor]
    log: dict[str, float]

    @property
    def changed(self) -> set[str]:
        """The weights that are no longer what they were."""
        now = self.trainer.model.state_dict()
        return {name for name, weight in self.before.items() if not torch.equal(weight, now[name])}

    def of_turns(self, i: int) -> list[float]:
        """The advantage that stands on each turn of a rollout; on all of its tokens the same."""
        row = self.batch["advantages"][i]
        found: dict[int, set[float]] = {}
        for start, end, turn in self.rollouts[i].spans:
            found.setdefault(turn, set()).update(row[start:end].tolist())
        assert all(len(each) == 1 for each in found.values())
        return [value for turn in sorted(found) for value in found[turn]]


def step_of(config: TrainConfig, pool: Pool) -> Step:
    """Trains for a step. Nothing is stood in for: what is computed is listened to."""
    loaded = policy.load(config.model.name, config.model.dtype)
    trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    seen: dict[str, Any] = {}
    generate = trainer._generate_and_score_completions

    def generating(inputs: Any) -> dict[str, Any]:
        batch: dict[str, Any] = generate(inputs)
        seen.update(batch=dict(batch), rollouts=[environment._rollout for environment in trainer.environments])
        return batch

    trainer._generate_and_score_completions = generating
    trainer.train()
    return Step(trainer=trainer, before=before, log=trainer.state.log_history[0], **seen)


@pytest.fixture(scope="module")
def steps(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Step]:
    """A step of two groups of four, by its mode."""

    @functools.cache
    def made(name: str) -> Step:
        return step_of(tiny.config(tmp_path_factory.mktemp("step"), **DIALOGUE, **MODES[name]), pool)

    return made


@pytest.fixture(params=list(MODES))
def step(request: pytest.FixtureRequest, steps: Callable[[str], Step]) -> Step:
    return steps(request.param)


def groups(step: Step) -> Iterator[list[int]]:
    """The numbers of the rollouts of each group."""
    yield list(range(4))
    yield list(range(4, 8))


# a step


def test_a_step_learns(step: Step) -> None:
    assert isinstance(step.trainer, TokenCredit)
    assert isinstance(step.trainer, PrefixGRPOTrainer)
    assert math.isfinite(step.log["loss"])
    assert step.log["grad_norm"] > 0
    assert step.changed & {name for name, weight in step.trainer.model.named_parameters() if weight.requires_grad}
    assert step.log["groups/without_advantages"] == 0.0


def test_advantages_stand_on_the_model_s_tokens_alone(step: Step) -> None:
    found = step.batch["advantages"]
    assert found.shape == step.batch["completion_ids"].shape
    assert found.isfinite().all()
    for i, rollout in enumerate(step.rollouts):
        assert len(step.of_turns(i)) == len(rollout.turn_rewards or ())
        written = torch.tensor(rollout.mask + [0] * (found.size(1) - len(rollout.mask))).bool()
        assert (found[i][~written] == 0).all()


def test_turn_credit_is_the_return_less_that_of_the_others(steps: Callable[[str], Step]) -> None:
    step = steps("turn")
    for group in groups(step):
        returns = [[sum((step.rollouts[i].turn_rewards or [])[k:]) for k in range(2)] for i in group]
        assert len({tuple(each) for each in returns}) > 1
        for place, i in enumerate(group):
            others = [each for j, each in enumerate(returns) if j != place]
            reached = len(step.rollouts[i].turn_rewards or ())
            expected = [returns[place][k] - sum(each[k] for each in others) / 3 for k in range(reached)]
            assert step.of_turns(i) == pytest.approx(expected, abs=1e-6)


def test_shaping_lowers_it_by_the_potential_over_that_of_the_others(steps: Callable[[str], Step]) -> None:
    """The suite pays what its statements say, so progress before the second turn is what the first has earned."""
    plain, shaped = steps("turn"), steps("turn, shaped")
    assert [rollout.ids for rollout in plain.rollouts] == [rollout.ids for rollout in shaped.rollouts]
    for group in groups(shaped):
        potentials = [0.5 * (shaped.rollouts[i].turn_rewards or [0.0])[0] for i in group]
        reached = [len(shaped.rollouts[i].turn_rewards or ()) == 2 for i in group]
        held = [potential if there else 0.0 for potential, there in zip(potentials, reached, strict=True)]
        for place, i in enumerate(group):
            assert shaped.of_turns(i)[0] == pytest.approx(plain.of_turns(i)[0], abs=1e-6), "all began in one state"
            if reached[place]:
                less = held[place] - (sum(held) - held[place]) / 3
                assert shaped.of_turns(i)[1] == pytest.approx(plain.of_turns(i)[1] - less, abs=1e-6)


def test_branch_credit_is_what_a_turn_changed_in_what_is_to_be_expected(steps: Callable[[str], Step]) -> None:
    step = steps("branch")
    reached = [i for i, rollout in enumerate(step.rollouts) if len(rollout.turn_rewards or ()) == 2]
    assert reached
    assert {i for i, rollout in enumerate(step.rollouts) if rollout.values} == set(reached)
    assert step.log["branches/played"] == 2 * len(reached)
    assert step.log["branches/faults"] == 0
    for group in groups(step):
        for i in group:
            rollout = step.rollouts[i]
            opening = sum(step.rollouts[j].reward or 0.0 for j in group if j != i) / 3
            rewards = rollout.turn_rewards or []
            assert rollout.values.keys() <= {1}
            if len(rewards) == 2:
                value = rollout.values[1]
                assert 2 * value / 0.5 == pytest.approx(round(2 * value / 0.5)), "a mean of two, each 0 or half"
                expected = [rewards[0] + value - opening, rewards[1] - value]
            else:
                expected = [rewards[0] - opening]
            assert step.of_turns(i) == pytest.approx(expected, abs=1e-6)


def test_branches_are_not_trained_on_and_change_nothing_of_what_is(steps: Callable[[str], Step]) -> None:
    plain, branch = steps("turn"), steps("branch")
    assert [rollout.ids for rollout in plain.rollouts] == [rollout.ids for rollout in branch.rollouts]
    assert branch.batch["completion_ids"].tolist() == plain.batch["completion_ids"].tolist()
    traces = Path(branch.trainer.args.output_dir).parent / "traces.jsonl"
    assert len(traces.read_text().splitlines()) == 8


def test_a_bound_on_branches_is_kept(steps: Callable[[str], Step]) -> None:
    step = steps("branch, bounded")
    assert step.log["branches/played"] == 3
    assert sum(len(rollout.values) for rollout in step.rollouts) == 3, "three states have one each"


def test_the_loss_of_equal_advantages_is_that_of_one_for_the_episode(pool: Pool, tmp_path: Path) -> None:
    """In tasks of one turn and message, turn credit and TRL's own differ by n / (n - 1) alone."""
    single = {"train__steps": 1, "train__scale_rewards": "none"}
    one = step_of(tiny.config(tmp_path / "a", **single), pool)
    two = step_of(tiny.config(tmp_path / "b", **single, train__credit="turn"), pool)
    assert [rollout.ids for rollout in one.rollouts] == [rollout.ids for rollout in two.rollouts]
    ours = torch.tensor([two.of_turns(i)[0] for i in range(8)])
    torch.testing.assert_close(ours, one.batch["advantages"] * 4 / 3)
    assert two.log["grad_norm"] == pytest.approx(one.log["grad_norm"] * 4 / 3, rel=1e-3)


# faults


def test_a_fault_has_no_advantage_and_is_no_baseline(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of the second group: the fourth has nothing to be compared with."""
    real, begun = Episode.begin_steps, []

    def begin(episode: Episode) -> Any:
        begun.append(episode)
        if len(begun) - 1 in (1, 4, 5, 6):
            raise Fault("no room")
        return (yield from real(episode))

    monkeypatch.setattr(Episode, "begin_steps", begin)
    step = step_of(tiny.config(tmp_path, **DIALOGUE, **MODES["turn"], seed=1), pool)
    assert [rollout.fault is not None for rollout in step.rollouts] == [i in (1, 4, 5, 6) for i in range(8)]
    assert (step.batch["advantages"][[1, 4, 5, 6, 7]] == 0).all()
    good = [0, 2, 3]
    returns = [step.rollouts[i].reward or 0.0 for i in good]
    for place, i in enumerate(good):
        expected = returns[place] - (sum(returns) - returns[place]) / 2
        assert step.of_turns(i)[0] == pytest.approx(expected, abs=1e-6)
    assert math.isfinite(step.log["loss"])
    assert step.log["groups/without_advantages"] == 0.5


# its parts


def test_groups_are_told_apart() -> None:
    told = [Told([reward], [0.0], [None]) for reward in (1.0, 0.0, 0.25, 0.75)]
    part = TrainPart(credit="turn", scale_rewards="none", group_size=2)
    assert advantages(told, part, 2) == [[1.0], [-1.0], [-0.5], [0.5]]
    assert advantages([Told(None, [], [])] * 4, part, 2) == [None] * 4


def test_branch_credit_takes_the_other_members_for_the_first_state() -> None:
    told = [Told([0.5, 0.5], [0.0, 0.5], [None, 0.25]), Told([0.0], [0.0], [None]), Told(None, [], [])]
    part = TrainPart(credit="branch", scale_rewards="none", group_size=3)
    assert advantages(told, part, 3) == [[0.5 + 0.25 - 0.0, 0.5 - 0.25], [0.0 - 1.0], None]


def test_what_was_not_asked_for_is_trl_s() -> None:
    assert grpo.trainer_class(TrainPart(), alone=False) is GRPOTrainer
    assert grpo.trainer_class(TrainPart(), alone=True) is PrefixGRPOTrainer
    sharded = grpo.trainer_class(TrainPart(credit="turn"), alone=False)
    assert issubclass(sharded, TokenCredit)
    assert not issubclass(sharded, PrefixGRPOTrainer)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"shaping": 0.5}, "shaping cancels out with credit: episode"),
        ({"shaping": 0.5, "credit": "branch"}, "shaping cancels out with credit: branch"),
        ({"gamma": 0.9}, "credit: episode knows no turns"),
        ({"credit": "turns"}, "did you mean 'turn'"),
        ({"gamma": 0.0, "credit": "turn"}, "train.gamma: Input should be greater than 0"),
        ({"branches": {"continuation": 2}}, "did you mean 'continuations'"),
    ],
)
def test_what_would_come_to_nothing_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({"train": given})
