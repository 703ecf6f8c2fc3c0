"""One real GRPO step through TRL, looked at from the inside. The model has 90k weights and is in float32."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Chat, Rollout, Sampling, Transformers, play_messages
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.semantic.template import ChatTemplateError
from cave_rl.suites.types.tasks import suite as types
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.suite import Suite, SuiteError
from cave_rl.tasks.task import Task, Turn
from cave_rl.training import grpo, policy
from cave_rl.training.config import TrainConfig
from tests.training import tiny

BROKEN = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')", suite="Tiny-v0", family="broken")


@dataclass
class Step:
    """What one step saw and did."""

    trainer: Any
    batch: dict[str, Any]
    rollouts: list[Rollout]
    rewards: torch.Tensor
    logps: torch.Tensor
    before: dict[str, torch.Tensor]
    log: dict[str, float]

    @property
    def mask(self) -> torch.Tensor:
        """Where the loss looks."""
        found: torch.Tensor = self.batch["completion_mask"] * self.batch["tool_mask"]
        return found

    @property
    def changed(self) -> set[str]:
        """The weights that are no longer what they were."""
        now = self.trainer.model.state_dict()
        return {name for name, weight in self.before.items() if not torch.equal(weight, now[name])}


def step_of(config: TrainConfig, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Step:
    """Trains for the steps of a configuration and shows the first. Nothing is stood in for: calls are listened to."""

    def telling(trainer: Any, chat: Chat, *, seed: int) -> Transformers:
        return Transformers(trainer.model, sorted(chat.eos_ids), chat.pad_id, seed=seed, logprobs=True)

    monkeypatch.setattr(grpo, "generation_backend", telling)
    loaded = policy.load(config.model.name, config.model.dtype)
    trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    seen: list[dict[str, Any]] = []
    generate, calculate = trainer._generate_and_score_completions, trainer._calculate_rewards

    def calculating(*given: Any) -> torch.Tensor:
        found: torch.Tensor = calculate(*given)
        seen.append({"rewards": found})
        return found

    def generating(inputs: Any) -> dict[str, Any]:
        batch: dict[str, Any] = generate(inputs)
        with torch.no_grad():
            logps = trainer._get_per_token_logps_and_entropies(
                trainer.model,
                torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1),
                torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1),
                batch["completion_ids"].size(1),
            )[0]
        rollouts = [environment._rollout for environment in trainer.environments]
        seen[-1] |= {"batch": dict(batch), "rollouts": rollouts, "logps": logps}
        return batch

    trainer._generate_and_score_completions, trainer._calculate_rewards = generating, calculating
    trainer.train()
    return Step(trainer=trainer, before=before, log=trainer.state.log_history[0], **seen[0])


CONFIGS: dict[str, dict[str, Any]] = {
    "lora": {},
    "all weights": {"model__lora": None},
    "dialogue": {
        "suite__tags": ["dialogue"],
        "env__max_steps": 2,
        "rollout__budget": 90,
        "rollout__temperature": 0.8,
        "train__micro_batch": 2,
    },
}


@pytest.fixture(scope="module")
def steps(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Step]:
    """A step of two groups of four, by the name of its configuration."""

    @functools.cache
    def made(name: str) -> Step:
        with pytest.MonkeyPatch.context() as patch:
            return step_of(tiny.config(tmp_path_factory.mktemp("step"), train__steps=1, **CONFIGS[name]), pool, patch)

    return made


@pytest.fixture(params=list(CONFIGS))
def step(request: pytest.FixtureRequest, steps: Callable[[str], Step]) -> Step:
    return steps(request.param)


# a step


def test_a_step_learns(step: Step) -> None:
    assert math.isfinite(step.log["loss"])
    assert step.rewards.isfinite().all()
    assert len(set(step.rewards[:, 1].tolist())) > 1, "groups that all score alike teach nothing: look at the warm-up"
    assert step.log["grad_norm"] > 0
    trained = {name for name, weight in step.trainer.model.named_parameters() if weight.requires_grad}
    assert step.changed & trained
    assert step.changed <= trained | {"lm_head.weight"}, "the other weights stay (the head is the embedding)"


def test_the_reward_is_the_episode_s_alone(step: Step) -> None:
    assert step.trainer.reward_func_names == ["solved", "CaveRollout"]
    assert step.trainer.reward_weights.tolist() == [0.0, 1.0]
    assert step.rewards[:, 1].tolist() == [rollout.reward for rollout in step.rollouts]
    assert step.rewards[:, 0].tolist() == [float(rollout.episode.solved) for rollout in step.rollouts]
    grouped = step.rewards[:, 1].view(2, 4)
    expected = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)
    torch.testing.assert_close(step.batch["advantages"].view(2, 4), expected)


def test_a_group_shares_its_prompt_its_task_and_its_seed(step: Step) -> None:
    one, two = step.rollouts[:4], step.rollouts[4:]
    for group in (one, two):
        assert len({tuple(rollout.prompt_ids) for rollout in group}) == 1
        assert len({rollout.episode.task.id for rollout in group}) == 1
    assert one[0].episode.task.id != two[0].episode.task.id
    seeds = [environment._row["seed"] for environment in step.trainer.environments]
    assert [len(set(seeds[:4])), len(set(seeds[4:])), len(set(seeds))] == [1, 1, 2]


def test_what_is_trained_on_is_what_was_sampled(step: Step) -> None:
    width = step.batch["completion_ids"].size(1)
    for i, rollout in enumerate(step.rollouts):
        rest = width - len(rollout.ids)
        assert step.batch["completion_ids"][i].tolist() == rollout.ids + [tiny.tokenizer().pad_token_id] * rest
        assert step.batch["completion_mask"][i].tolist() == [1] * len(rollout.ids) + [0] * rest
        assert step.mask[i].tolist() == rollout.mask + [0] * rest
        assert step.batch["prompt_ids"][i][step.batch["prompt_mask"][i].bool()].tolist() == rollout.prompt_ids
    assert step.batch["num_items_in_batch"] == sum(sum(rollout.mask) for rollout in step.rollouts)


def test_the_trainer_s_logprobs_are_those_it_was_sampled_by(step: Step) -> None:
    for i, rollout in enumerate(step.rollouts):
        assert rollout.logprobs is not None
        found = step.logps[i, : len(rollout.ids)]
        written = torch.tensor(rollout.mask).bool()
        torch.testing.assert_close(found[written], torch.tensor(rollout.logprobs)[written], atol=1e-4, rtol=0)


def test_observations_stand_in_the_context_and_not_in_the_loss(steps: Callable[[str], Step]) -> None:
    step = steps("dialogue")
    long = [i for i, rollout in enumerate(step.rollouts) if len(rollout.spans) > 2]
    assert long, "some episode reached its second turn"
    for i in long:
        hidden = step.batch["completion_ids"][i][(step.batch["completion_mask"][i] * (1 - step.mask[i])).bool()]
        assert "Set x to" in tiny.tokenizer().decode(hidden.tolist()), "the next query"
        shown = tiny.tokenizer().decode(step.batch["completion_ids"][i][step.mask[i].bool()].tolist())
        said = [m["content"] for m in step.rollouts[i].episode.messages if m["role"] == "assistant"]
        assert shown.split("<|im_end|>")[: len(said) - 1] == said[:-1]


def test_every_episode_is_written_down(steps: Callable[[str], Step]) -> None:
    step = steps("lora")
    lines = (Path(step.trainer.args.output_dir).parent / "traces.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["train_step"] for row in found] == [0] * 8
    assert [row["reward"] for row in found] == step.rewards[:, 1].tolist()


def test_the_log_tells_what_is_worth_a_curve(steps: Callable[[str], Step]) -> None:
    step = steps("dialogue")
    rewards = step.rewards[:, 1]
    assert step.log["reward"] == pytest.approx(rewards.mean().item())
    assert step.log["solved"] == pytest.approx(step.rewards[:, 0].mean().item())
    assert step.log["faults"] == 0
    assert step.log["family/both"] == step.log["solved"]
    hidden = [len(rollout.mask) - sum(rollout.mask) for rollout in step.rollouts]
    assert step.log["observation_tokens"] == pytest.approx(sum(hidden) / 8)
    assert sum(value for name, value in step.log.items() if name.startswith("outcome/")) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_step(
    steps: Callable[[str], Step], pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = step_of(tiny.config(tmp_path, train__steps=1), pool, monkeypatch)
    first = steps("lora")
    assert [rollout.ids for rollout in again.rollouts] == [rollout.ids for rollout in first.rollouts]
    assert again.log["loss"] == first.log["loss"]
    other = step_of(tiny.config(tmp_path / "other", train__steps=1, seed=1), pool, monkeypatch)
    assert [rollout.ids for rollout in other.rollouts] != [rollout.ids for rollout in first.rollouts]


# faults


def faulty(monkeypatch: pytest.MonkeyPatch, *which: int) -> None:
    """The rollouts with these numbers get a task whose set-up fails."""
    real, count = grpo.Setting.episode, itertools.count()

    def episode(setting: grpo.Setting, row: dict[str, Any]) -> Episode:
        made = real(setting, row)
        if next(count) in which:
            return Episode(BROKEN, pool=setting.pool, config=setting.config)
        return made

    monkeypatch.setattr(grpo.Setting, "episode", episode)


def test_a_fault_is_no_reward_and_teaches_nothing(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(monkeypatch, 2, 4, 5, 6, 7)
    step = step_of(tiny.config(tmp_path, train__steps=1), pool, monkeypatch)
    bad, good = [2, 4, 5, 6, 7], [0, 1, 3]
    assert [rollout.fault is not None for rollout in step.rollouts] == [i in bad for i in range(8)]
    assert step.rewards[bad].isnan().all(), "None from every reward function: a single 0 would be a reward"
    assert step.rewards[good].isfinite().all()
    assert step.batch["advantages"][bad].tolist() == [0.0] * 5
    assert step.mask[bad].sum() == 0, "not a token of theirs is in the loss"
    rest = step.rewards[good, 1]
    torch.testing.assert_close(step.batch["advantages"][good], (rest - rest.mean()) / (rest.std() + 1e-4))
    assert step.log["faults"] == 5
    assert step.log["solved"] == pytest.approx(step.rewards[good, 0].mean().item())
    assert math.isfinite(step.log["loss"])


def test_where_all_are_faults_nothing_is_learned(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(monkeypatch, *range(8))
    step = step_of(tiny.config(tmp_path, train__steps=1), pool, monkeypatch)
    assert step.rewards.isnan().all()
    assert step.log["loss"] == 0.0
    assert step.log["faults"] == 8
    assert step.changed == set()


# its parts


def test_the_environment_has_two_public_methods(pool: Pool) -> None:
    """TRL takes every other one for a tool; with tools it would train on observations."""
    setting = grpo.Setting(tiny.suite, pool, tiny.COMPACT, None)
    made = grpo.environment_class(setting)
    public = {name for name, _ in inspect.getmembers(made, inspect.isfunction) if not name.startswith("_")}
    assert public == {"reset", "get_reward"}
    environment = made()
    row = {"split": "train", "family": "put", "index": 5, "seed": 1, "prompt": []}
    assert [environment.reset(**row), environment.reset(**row)] == [None, None], "TRL would add it to the prompt"
    assert environment.get_reward() is None, "nothing was played"


def test_an_episode_is_a_pure_function_of_its_row(pool: Pool) -> None:
    setting = grpo.Setting(tiny.suite, pool, tiny.COMPACT.but(max_steps=2), None)

    def look(episode: Episode) -> str:
        return fenced("import random\nprint(x, random.random(), hash('x'))") if not episode.turn_steps else "Done."

    row = {"split": "train", "family": "put", "index": 3, "seed": 7}
    same = play_messages([setting.episode(row) for _ in range(3)], look)
    (other,) = play_messages([setting.episode({**row, "seed": 8})], look)
    said = [rollout.episode.messages[3]["content"] for rollout in [*same, other]]
    assert len(set(said[:3])) == 1
    assert said[3] != said[0]
    for rollout in [*same, other]:
        rollout.episode.close()


def test_the_rollouts_of_a_group_share_one_task(pool: Pool) -> None:
    """Only the object: what they do to their state is their own."""
    setting = grpo.Setting(tiny.suite, pool, tiny.COMPACT, None)
    row = {"split": "train", "family": "put", "index": 3, "seed": 7}
    one, same, other = (setting.episode(each) for each in (row, row, {**row, "index": 4}))
    assert one.task is same.task is not other.task


def test_no_task_comes_twice_and_none_that_the_prompt_shows() -> None:
    suite = Suite("Few-v0")

    @suite.family
    def few(rng: random.Random) -> Task:
        n = rng.randrange(40)
        return Task([Turn(f"Set x to {n}.", equals("x", n), gold=f"x = {n}")])

    trained = {suite.task("train", "few", index).content: index for index in range(400)}
    suite.examples = (suite.task("train", "few", 0),)
    config = tiny.config("out", suite={"name": "Few-v0"}, train__steps=len(trained) - 1, train__groups=1)
    contents = [suite.task("train", "few", row["index"]).content for row in grpo.rows(suite, config)]
    assert sorted([*contents, suite.examples[0].content]) == sorted(trained)
    more = tiny.config("out", suite={"name": "Few-v0"}, train__steps=len(trained), train__groups=1)
    with pytest.raises(SuiteError, match=r"family 'few' of Few-v0 gave no new task .* too few distinct tasks"):
        grpo.rows(suite, more)


def test_rows_are_one_a_group_balanced_and_never_twice() -> None:
    config = tiny.config("out", suite__tags=[], train__steps=20, train__groups=3)
    found = grpo.rows(tiny.suite, config)
    assert len(found) == 60
    assert Counter(row["family"] for row in found) == {"put": 20, "add": 20, "both": 20}
    assert all(Counter(row["family"] for row in found[i : i + 3]).most_common(1)[0][1] == 1 for i in range(0, 60, 3))
    assert len({(row["family"], row["index"]) for row in found}) == 60
    assert found == grpo.rows(tiny.suite, config)
    assert found[:9] == grpo.rows(tiny.suite, tiny.config("out", suite__tags=[], train__steps=3, train__groups=3))


def test_other_seeds_give_other_tasks_and_held_out_families_none() -> None:
    def tasks(seed: int) -> set[str]:
        found = grpo.rows(types, tiny.config("out", suite={"name": "Types-v0"}, train__steps=40, seed=seed))
        return {types.task("train", row["family"], row["index"]).id for row in found}

    assert len(tasks(0)) == len(tasks(1)) == 80, "no task twice"
    assert not tasks(0) & tasks(1)
    assert not {name.partition("/")[0] for name in tasks(0)} & set(types.names("heldout"))


def test_the_families_to_train_on_can_be_narrowed() -> None:
    found = grpo.rows(tiny.suite, tiny.config("out", suite__families=["add"], suite__tags=[]))
    assert {row["family"] for row in found} == {"add"}
    with pytest.raises(SuiteError, match="no family 'take' in split 'train'"):
        grpo.rows(tiny.suite, tiny.config("out", suite__families=["take"]))


def test_a_template_without_tools_is_stood_in_for_towards_trl_only() -> None:
    tokenizer = tiny.tokenizer()
    stand_in = grpo.trl_tokenizer(tokenizer)
    assert tokenizer.chat_template == tiny.CHATML
    chat = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
    for prompt in (True, False):
        own = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt)
        assert stand_in.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt) == own
    assert grpo.trl_tokenizer(stand_in) is stand_in


def test_a_template_that_cannot_serve_is_refused_before_anything_runs(pool: Pool, tmp_path: Path) -> None:
    loaded = policy.load(tiny.directory(), "float32")
    loaded.tokenizer.chat_template = tiny.CHATML.replace("m.content", "(m.content if loop.last else '')")
    with pytest.raises(ChatTemplateError, match="changes the tokens"):
        grpo.make_trainer(tiny.config(tmp_path), loaded.model, loaded.tokenizer, tiny.suite, pool)


def test_the_trainer_s_own_generation_gives_the_same_tokens(pool: Pool, tmp_path: Path) -> None:
    """It is used where the model is served or sharded. The likeliest token alone may be drawn, so both must agree."""
    loaded = policy.load(tiny.directory(), "float32")
    config = tiny.config(tmp_path, rollout__top_k=1)
    trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
    chat = Chat(loaded.tokenizer)
    prompts = [
        chat.opening(tiny.conversation(tiny.suite.task("test", family, i), random.Random(0))[:2])
        for i, family in enumerate(["put", "add", "put"])
    ]
    prompts[1] = prompts[1] + prompts[1]  # of another length
    theirs = grpo.TrainerBackend(trainer)
    ours = grpo.generation_backend(trainer, chat, seed=0)
    assert isinstance(ours, Transformers)
    for tokens in (4, 24):
        sampling = Sampling(top_k=1, max_tokens=tokens)
        found = theirs.generate(prompts, sampling)
        assert [each.ids for each in found] == [each.ids for each in ours.generate(prompts, sampling)]
        assert max(len(each.ids) for each in found) <= tokens
