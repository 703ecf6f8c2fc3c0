"""What a training run is made of: one YAML file, checked before anything is loaded.

    cave-rl train configs/quickstart.yaml train.steps=50 model.lora.r=8

Dotted overrides take YAML values. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cave_rl.rollouts.backends import Sampling
from cave_rl.tasks import settings
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.settings import ConfigError, dump
from cave_rl.tasks.suite import Split

__all__ = ["ConfigError", "EvalTable", "LoraPart", "ModelPart", "SuitePart", "TrainConfig", "dump", "load", "parse"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraPart(_Part):
    """Low-rank adapters (PEFT)."""

    r: int = Field(16, ge=1, description="rank")
    alpha: int = Field(32, ge=1, description="scale: alpha / r")
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = Field("all-linear", description="which linear layers")


class ModelPart(_Part):
    """The policy."""

    name: str = Field("HuggingFaceTB/SmolLM2-135M-Instruct", description="a hub name or a directory")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the weights; auto is bfloat16 where the machine computes in it, else float32"
    )
    lora: LoraPart | None = Field(default_factory=LoraPart, description="null trains all weights")
    chat_template: str | None = Field(
        None, description="a Jinja file, or a chat template of TRL's by its name, such as qwen3_training"
    )


class SuitePart(_Part):
    """Which tasks are trained on."""

    name: str = Field("Types-v0", description="a suite's name, or module:attribute")
    tags: list[str] = Field(default_factory=list, description="only families with all of these tags")
    families: list[str] | None = Field(None, description="only these families of the training split")


class RolloutPart(_Part):
    """How episodes are sampled."""

    max_tokens: int = Field(256, ge=1, description="most tokens of one message")
    budget: int | None = Field(None, ge=1, description="most tokens after the prompt; default: those of one message")
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        return Sampling(self.temperature, self.top_p, self.top_k, self.max_tokens)

    @property
    def tokens(self) -> int:
        """Most tokens after the prompt."""
        return self.budget or self.max_tokens


class ServerPart(_Part):
    """What `cave-rl serve-model` starts."""

    host: str | None = Field(None, description="the address it listens on; default: that of generation.url")
    python: str = Field("", description="an interpreter that has vLLM; default: $CAVE_RL_VLLM_PYTHON, else this one")
    dtype: str = Field("auto", description="of the weights, in vLLM's word")
    max_model_len: int | None = Field(None, ge=1, description="longest prompt and message; default: the model's")
    tensor_parallel: int = Field(1, ge=1, description="GPUs that share a copy of the model")
    gpu_memory: float = Field(0.9, gt=0, le=1, description="share of each GPU's memory")
    health_s: float = Field(900.0, gt=0, description="most seconds until it must be ready")
    args: list[str] = Field(default_factory=list, description="anything else of `vllm serve`")


class GenerationPart(_Part):
    """Where rollouts are sampled; see docs/serving.md."""

    backend: Literal["auto", "transformers", "trainer", "vllm_http", "vllm_colocate"] = Field(
        "auto", description="auto: vllm_http where a url is given, else whatever generates in this process"
    )
    stream: bool = Field(False, description="in this process: generate for whoever is ready; not reproducible")
    url: str | None = Field(None, description="of a vLLM server's API: http://127.0.0.1:8000/v1")
    served: str = Field("policy", description="the name that it serves the model by")
    key_env: str = Field("CAVE_RL_API_KEY", description="the environment variable that holds its key, if it wants one")
    sync: Literal["auto", "weights", "lora", "nccl"] = Field(
        "auto", description="how the server gets new weights; auto: lora where one is trained, else weights"
    )
    share: str | None = Field(None, description="directory that both see, for weights; default: in /dev/shm")
    timeout_s: float = Field(300.0, gt=0, description="most seconds for a message")
    retries: int = Field(6, ge=0, description="how often a request is sent again")
    concurrency: int = Field(256, ge=1, description="most episodes of a process alive at once, where they stream")
    agreement: float = Field(
        0.1, gt=0, description="mean difference of sampled and trained log-probabilities that is warned of"
    )
    server: ServerPart = Field(default_factory=ServerPart)

    @property
    def over_http(self) -> bool:
        """Whether rollouts are asked of a server."""
        return self.backend == "vllm_http" or (self.backend == "auto" and self.url is not None)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.backend == "vllm_http" and self.url is None:
            raise ValueError(
                "generation.backend is vllm_http, and generation.url is not given: start a server with "
                "`cave-rl serve-model CONFIG` and give its URL, such as http://127.0.0.1:8000/v1"
            )
        if self.url is not None and not self.over_http:
            raise ValueError(f"generation.url is given, but generation.backend {self.backend} asks no server")
        if self.url is not None and not self.url.rstrip("/").endswith("/v1"):
            raise ValueError(f"generation.url ends in /v1, as in http://127.0.0.1:8000/v1, not {self.url!r}")
        if self.stream and self.backend not in ("auto", "transformers"):
            raise ValueError(f"generation.stream is of generation in this process; {self.backend} decides by itself")
        return self


class BranchesPart(_Part):
    """Continuations that value live states, for `train.credit: branch`."""

    continuations: int = Field(4, ge=1, description="of each state in which a turn begins, but the first")
    most: int | None = Field(128, ge=1, description="in a step, over all states; null is no bound")


class CurriculumPart(_Part):
    """Families drawn by their measured success p, in proportion to p (1 - p)."""

    floor: float = Field(0.2, ge=0, le=1, description="the share of draws that is spread evenly over all families")
    memory: int = Field(64, ge=1, description="how many rollouts of a family are remembered, about")


class CollapsePart(_Part):
    """From where on a policy counts as collapsed."""

    patience: int = Field(5, ge=1, description="for how many steps in a row")
    entropy: float = Field(0.005, ge=0, description="entropy of a token below this, while not all is solved")
    cut: float = Field(0.9, gt=0, description="episodes cut by the token limit, as a share")
    malformed: float = Field(0.5, gt=0, description="messages that could not be read as an action, as a share")
    stop: bool = Field(False, description="whether an alert ends training")


class TrainPart(_Part):
    """GRPO."""

    steps: int = Field(30, ge=1, description="optimizer steps")
    groups: int = Field(2, ge=1, description="tasks a step")
    group_size: int = Field(8, ge=2, description="rollouts of each task, all from the same state")
    micro_batch: int | None = Field(None, ge=1, description="rollouts in one backward pass; default: all of a step")
    learning_rate: float = Field(5e-4, gt=0)
    scale_rewards: Literal["group", "batch", "none"] = Field("group", description="what advantages are divided by")
    credit: Literal["episode", "turn", "branch"] = Field("episode", description="what an advantage is given to")
    gamma: float = Field(1.0, gt=0, le=1, description="what a reward is worth one turn earlier")
    shaping: float = Field(0.0, ge=0, description="weight of the potential that partial verdicts are; turn credit only")
    branches: BranchesPart = Field(default_factory=BranchesPart)
    collapse: CollapsePart = Field(default_factory=CollapsePart)
    curriculum: CurriculumPart | None = Field(None, description="{} draws families by success; null: all in turn")
    save_every: int = Field(10, ge=1, description="steps between checkpoints")
    report_to: list[str] | None = Field(
        None, description="loggers: tensorboard, wandb, trackio; null: TensorBoard where it is installed, [] none"
    )
    grpo: dict[str, Any] = Field(default_factory=dict, description="anything else of trl.GRPOConfig")

    @property
    def rollouts(self) -> int:
        """Rollouts a step."""
        return self.groups * self.group_size

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.micro_batch is not None and self.rollouts % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide groups * group_size = {self.rollouts}")
        return self

    @model_validator(mode="after")
    def _credit_has_a_use_for_it(self) -> Self:
        if self.shaping and self.credit != "turn":
            raise ValueError(
                f"shaping cancels out with credit: {self.credit} (its terms sum to nothing over an episode, and a "
                "value of the state contains them): it needs credit: turn"
            )
        if self.gamma != 1 and self.credit == "episode":
            raise ValueError("credit: episode knows no turns, so gamma has to be 1: it needs credit: turn or branch")
        return self


class SftPart(_Part):
    """A warm start: `cave-rl sft`."""

    source: Literal["gold", "rollouts"] = Field(
        "gold", description="gold, or own rollouts of which the solved are kept"
    )
    tasks: int = Field(256, ge=1, description="tasks of the training split")
    rollouts: int = Field(8, ge=1, description="own rollouts of each task")
    keep: int = Field(1, ge=1, description="most solved rollouts of a task that are learned from")
    epochs: float = Field(1.0, gt=0)
    batch: int = Field(8, ge=1, description="episodes in an optimizer step")
    micro_batch: int = Field(8, ge=1, description="episodes in one backward pass")
    learning_rate: float = Field(2e-4, gt=0)
    trl: dict[str, Any] = Field(default_factory=dict, description="anything else of trl.SFTConfig")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.batch % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide batch {self.batch}")
        return self


class EvalTable(_Part):
    """One table of the evaluation before and after."""

    split: Split = "test"
    title: str = ""
    tags: list[str] = Field(default_factory=list)
    families: list[str] | None = None
    rollouts: int = Field(200, ge=1, description="episodes a side and decoding, each of a task of its own")


class DuringPart(_Part):
    """What is measured while training, by its sampling; the best model is kept."""

    every: int = Field(10, ge=1, description="steps between two evaluations; there is one after the last step too")
    split: Split = "validation"
    tags: list[str] = Field(default_factory=list)
    families: list[str] | None = None
    rollouts: int = Field(64, ge=1, description="episodes, each of a task of its own")
    greedy: bool = Field(False, description="by greedy decoding instead")


class EvalPart(_Part):
    """What is measured before, while and after training."""

    tables: list[EvalTable] = Field(default_factory=list, description="before and after")
    during: DuringPart | None = Field(None, description="{} measures every 10 steps on the validation split")
    greedy: bool = Field(True, description="also by greedy decoding")
    concurrency: int = Field(64, ge=1, description="most episodes alive at once")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [table.title or table.split for table in self.tables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two tables are called {twice[0]!r}: give each a title of its own")
        return self


class TrainConfig(_Part):
    """A training run."""

    output: str = Field("outputs/run", description="where everything is written")
    seed: int = Field(0, ge=0)
    confinement: Literal["contained", "limits", "none"] = Field("contained", description="what this machine must give")
    memory_mb: int = Field(2048, ge=64, description="address space of a rollout beyond its template's")
    model: ModelPart = Field(default_factory=ModelPart)
    suite: SuitePart = Field(default_factory=SuitePart)
    env: EpisodeConfig = Field(default_factory=lambda: EpisodeConfig(max_steps=1))
    rollout: RolloutPart = Field(default_factory=RolloutPart)
    generation: GenerationPart = Field(default_factory=GenerationPart)
    train: TrainPart = Field(default_factory=TrainPart)
    sft: SftPart = Field(default_factory=SftPart)
    eval: EvalPart = Field(default_factory=EvalPart)

    @property
    def sync(self) -> str:
        """How the server gets new weights."""
        if self.generation.sync != "auto":
            return self.generation.sync
        return "lora" if self.model.lora is not None else "weights"

    @model_validator(mode="after")
    def _adapters_are_there_to_be_swapped(self) -> Self:
        if self.generation.sync == "lora" and self.model.lora is None:
            raise ValueError(
                "generation.sync is lora, and model.lora is null: there is no adapter to load; use sync: weights"
            )
        return self

    @model_validator(mode="after")
    def _branches_are_parked_in_lockstep(self) -> Self:
        if self.train.credit == "branch" and (self.generation.over_http or self.generation.stream):
            raise ValueError(
                "train.credit: branch forks all rollouts between two messages, which streamed generation "
                "(generation.url, generation.stream) does not stop for: use credit: turn, or generate in this process"
            )
        return self

    @model_validator(mode="after")
    def _many_messages_need_a_budget(self) -> Self:
        if self.rollout.budget is None and self.env.max_steps > 1:
            raise ValueError(
                f"env.max_steps is {self.env.max_steps}, and rollout.budget is not given: set it to the tokens of all "
                "messages and observations of an episode (or env.max_steps to 1)"
            )
        return self

    @model_validator(mode="after")
    def _live_objects(self) -> Self:
        if self.env.protocol != "cave":
            raise ValueError(f"training is in protocol cave; {self.env.protocol} is there to be evaluated against")
        return self

    @model_validator(mode="after")
    def _costs_need_no_scale(self) -> Self:
        if self.env.reward.has_costs and self.train.scale_rewards != "none":
            raise ValueError(
                "costs need train.scale_rewards: none (divided by the group's standard deviation, a tiny cost becomes "
                "a large advantage)"
            )
        return self


def load(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads a configuration file and applies dotted overrides.

    Raises:
        ConfigError: the file cannot be read, or a key or a value is wrong.
    """
    data = settings.read(path)
    for override in overrides:
        settings.override(data, override)
    return parse(data)


def parse(data: dict[str, Any]) -> TrainConfig:
    """A configuration from plain data.

    Raises:
        ConfigError: a key or a value is wrong.
    """
    return settings.parse(TrainConfig, data)
