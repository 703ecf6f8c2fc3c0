from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.training.config import ConfigError, TrainConfig, dump, load, parse

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text("seed: 3\ntrain: {steps: 7}\n")
    return path


def test_a_file_is_read_and_the_rest_is_defaults(file: Path) -> None:
    config = load(file)
    assert (config.seed, config.train.steps) == (3, 7)
    assert config.train.group_size == TrainConfig().train.group_size
    (file.parent / "empty.yaml").write_text("")
    assert load(file.parent / "empty.yaml") == TrainConfig()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_the_configurations_that_ship_can_be_used(path: Path) -> None:
    config = load(path)
    assert parse(yaml.safe_load(dump(config))) == config


def test_dotted_overrides_take_yaml_values(file: Path) -> None:
    config = load(
        file,
        [
            "train.steps=50",
            "train.learning_rate=5e-4",
            "model.lora=null",
            "suite.tags=[core, list]",
            "eval.greedy=false",
            "env.prompt={style: compact, examples: 2}",
            "env.prompt.examples=3",
            "env.max_steps=1",
            "output=out=dir",
            "train.grpo.num_iterations=2",
        ],
    )
    assert (config.train.steps, config.train.learning_rate, config.model.lora) == (50, 5e-4, None)
    assert (config.suite.tags, config.eval.greedy) == (["core", "list"], False)
    assert (config.env.prompt.style, config.env.prompt.examples) == ("compact", 3)
    assert config.output == "out=dir", "only the first sign separates"
    assert config.train.grpo == {"num_iterations": 2}
    assert config.seed == 3, "what is not named stays"


def test_an_override_reaches_below_what_the_file_left_empty(file: Path) -> None:
    file.write_text("model:\n")
    assert load(file, ["model.lora.r=4"]).model.lora.r == 4  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("train.step=5", "unknown key 'train.step'; did you mean 'steps'?"),
        ("model.lora.rank=5", "unknown key 'model.lora.rank'; there are r, alpha, dropout, target_modules"),
        ("sede=5", "unknown key 'sede'; did you mean 'seed'?"),
        ("env.max_step=5", "unknown key 'env.max_step'; did you mean 'max_steps'?"),
        ("env.prompt.example=5", "unknown key 'env.prompt.example'; did you mean 'examples'?"),
        ("env.limits.cpu=5", "unknown key 'env.limits.cpu'; did you mean 'cpu_s'?"),
        ("env.limits.cpu_s=-1", "env.limits: cpu_s must be a number above 0, and finite, not -1"),
        ("env.limits.claim_bytes=0", "env.limits: claim_bytes must be a number above 0"),
        ("env.rules.import=[os]", "unknown key 'env.rules.import'; did you mean 'imports'?"),
        ("env.rules.patterns=['(']", "env.rules.patterns: '(' is no regular expression"),
        ("env.rules=os", "env.rules: must be a mapping of deny lists (imports, functions, attributes, patterns)"),
        ("env.max_steps=3", "env.max_steps is 3, and rollout.budget is not given: set it to the tokens of all"),
        ("env.reward.steps_cost=1", "unknown key 'env.reward.steps_cost'; did you mean 'step_cost'?"),
        ("eval.tables=[{splt: test}]", "unknown key 'eval.tables.0.splt'; did you mean 'split'?"),
        ("train.steps=many", "train.steps: "),
        ("train.steps=0", "train.steps: Input should be greater than or equal to 1 (got 0)"),
        ("rollout.temperature=0", "rollout.temperature: Input should be greater than 0"),
        ("eval.tables=[{split: tst}]", "eval.tables.0.split: Input should be 'train', 'validation'"),
        ("train=3", "train: "),
        ("seed.below=3", "seed is a value, not a section"),
        ("train.steps", "an override looks like train.steps=50, not 'train.steps'"),
        ("=3", "an override looks like"),
        ("train.steps=[1", "the value of train.steps=[1 is not YAML"),
        ("train.micro_batch=3", "train: micro_batch 3 does not divide groups * group_size = 16"),
        ("eval.tables=[{split: test}, {tags: [a]}]", "eval: two tables are called 'test': give each a title"),
        ("env={max_steps: 1, reward: {step_cost: 0.1}}", "costs need train.scale_rewards: none"),
        ("env={max_steps: 1, protocol: json}", "training is in protocol cave"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(file: Path, override: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, [override])
    assert told in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, ["sede=1", "train.steps=0"])
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [("- a\n", "must hold a mapping of keys, not a list"), ("a: [", "is not YAML"), ("a: \xff", "cannot read")],
)
def test_a_file_that_is_no_configuration(file: Path, content: str, told: str) -> None:
    file.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=told):
        load(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*missing.yaml: No such file"):
        load(tmp_path / "missing.yaml")


def test_costs_are_taken_where_advantages_are_not_scaled() -> None:
    config = parse({"env": {"max_steps": 1, "reward": {"token_cost": 0.001}}, "train": {"scale_rewards": "none"}})
    assert config.env.reward.has_costs


def test_a_step_is_divided_into_equal_parts() -> None:
    config = parse({"train": {"groups": 3, "group_size": 4, "micro_batch": 6}})
    assert config.train.rollouts == 12
    with pytest.raises(ConfigError, match="micro_batch 5 does not divide groups \\* group_size = 12"):
        parse({"train": {"groups": 3, "group_size": 4, "micro_batch": 5}})


def test_the_budget_is_one_message_unless_it_is_given() -> None:
    assert parse({"rollout": {"max_tokens": 40}}).rollout.tokens == 40
    assert parse({"rollout": {"max_tokens": 40, "budget": 100}}).rollout.tokens == 100


def test_several_messages_need_a_budget() -> None:
    """One message's would cut every episode after its first."""
    assert parse({"env": {"max_steps": 3}, "rollout": {"budget": 300}}).env.max_steps == 3
    with pytest.raises(ConfigError, match=r"env.max_steps is 8, and rollout.budget is not given"):
        parse({"env": {"prompt": {"style": "compact"}}})


def test_rules_are_written_and_read_back(file: Path) -> None:
    file.write_text("env: {max_steps: 1, rules: {imports: [os], functions: [eval], attributes: [__globals__]}}")
    config = load(file, ["env.rules.patterns=['while True']"])
    assert config.env.rules is not None
    found = config.env.rules.check("import os\neval('1')\nwhile True: f.__globals__")
    assert [violation.line for violation in found] == [1, 2, 3, 3]
    assert parse(yaml.safe_load(dump(config))) == config


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the keys."""
    return st.fixed_dictionaries({}, optional=values)


TEXT = st.text(max_size=4)


@given(
    some(
        seed=st.integers(0, 2**31),
        output=st.text(min_size=1, max_size=8),
        memory_mb=st.integers(64, 10_000),
        train=some(steps=st.integers(1, 99), learning_rate=st.floats(1e-9, 1)),
        suite=some(tags=st.lists(TEXT, max_size=3)),
        env=some(
            max_steps=st.integers(1, 9),
            checkpoint=st.booleans(),
            limits=some(cpu_s=st.floats(0.1, 60)),
            prompt=some(overrides=st.dictionaries(TEXT, TEXT)),
        ),
        model=some(lora=st.none() | st.just({"target_modules": ["q_proj"]})),
    )
)
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    config = parse({**data, "rollout": {"budget": 500}})
    assert parse(yaml.safe_load(dump(config))) == config
    assert dump(parse(yaml.safe_load(dump(config)))) == dump(config)


# generation


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"backend": "vllm_http"}, "generation.url is not given: start a server with"),
        (
            {"backend": "trainer", "url": "http://h/v1"},
            "generation.url is given, but generation.backend trainer asks no",
        ),
        ({"url": "http://h:8000"}, "generation.url ends in /v1"),
        ({"url": "http://h/v1", "stream": True, "backend": "vllm_http"}, "generation.stream is of generation in this"),
        ({"bakend": "trainer"}, r"unknown key 'generation.bakend'; did you mean 'backend'\?"),
    ],
)
def test_a_generation_that_cannot_be_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({"generation": given})


@pytest.mark.parametrize("generation", [{"url": "http://h/v1"}, {"stream": True}], ids=["over http", "streamed"])
def test_branch_credit_needs_rollouts_in_lockstep(generation: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="credit: branch forks all rollouts between two messages"):
        parse({"train": {"credit": "branch"}, "generation": generation})
    assert parse({"train": {"credit": "turn"}, "generation": generation}).train.credit == "turn"


def test_what_is_trained_tells_how_a_server_gets_it() -> None:
    assert parse({"generation": {"url": "http://h/v1"}}).sync == "lora"
    assert parse({"model": {"lora": None}}).sync == "weights"
    assert parse({"generation": {"sync": "weights"}}).sync == "weights"
    assert parse({"generation": {"url": "http://h/v1"}}).generation.over_http
    assert not parse({}).generation.over_http
    with pytest.raises(ConfigError, match="there is no adapter to load"):
        parse({"model": {"lora": None}, "generation": {"sync": "lora"}})
