"""A training run from a configuration: evaluate, train, evaluate again, and show the difference.

Everything lands in the run's directory as it becomes known, so an interrupted run loses nothing: the same command
goes on where it stopped. Under `accelerate launch` all processes train, and the first evaluates, writes and tells.

    config.yaml         the resolved configuration
    before.jsonl        episodes of the evaluation before training (and after.jsonl)
    traces.jsonl        every training episode
    metrics.jsonl       the trainer's log, one line a step
    evaluations.jsonl   what was measured while training, where that is asked for (`eval.during`)
    best/               the model that did best in it
    alerts.jsonl        signs of collapse
    checkpoints/        the trainer's state
    adapter/            what was trained
    summary.json        the table, as data
    summary.md          the table, and episodes before and after
    learning_curve.png
    report.html         curves of training, and every episode before and after
    tensorboard/        the trainer's log for TensorBoard, where that is installed
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from cave_rl.confinement import Confinement
from cave_rl.evaluation.bar import progress_bar
from cave_rl.evaluation.evaluate import Evaluation, choose, evaluate
from cave_rl.rollouts import prompts, traces
from cave_rl.rollouts.backends import Sampling
from cave_rl.rollouts.chat import Chat
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.suite import Suite
from cave_rl.training import files, page, policy, ranks
from cave_rl.training.check import check
from cave_rl.training.config import ConfigError, DuringPart, EvalTable, TrainConfig, dump
from cave_rl.training.generation import is_sharded, served_player
from cave_rl.training.plot import learning_curve
from cave_rl.training.progress import StepLog, Stopper
from cave_rl.training.server import Server, ServerGone
from cave_rl.training.tables import Row, as_markdown, as_table, compare


class Interrupted(Exception):
    """The run was stopped by the user; the same command goes on."""


def train(config: TrainConfig, console: Console | None = None) -> list[Row]:
    """Runs a configuration to its end, or goes on with it.

    Returns:
        The lines of the before/after table.

    Raises:
        ConfigError, SuiteError, TaskError, PromptFileError: it is refused; see `cave_rl.training.check`.
        Fault, ModelError, ChatTemplateError: it cannot start.
        ServerGone: the server that generates has gone meanwhile; its message says how to go on.
        Interrupted: Ctrl-C; what was reached is saved.
    """
    console = (console or Console()) if ranks.first() else Console(quiet=True)
    suite = check(config)
    directory = Path(config.output)
    if (directory / "summary.json").is_file():
        told = f"{directory} is done already; remove it, or choose another output, to run again."
        console.print(f"{told}\n{(directory / 'summary.md').read_text()}", markup=False, soft_wrap=True)
        return []
    loaded = policy.load_for(config)
    directory.mkdir(parents=True, exist_ok=True)
    if ranks.first():
        files.write(directory / "config.yaml", dump(config))  # from here on it is this run's
    with Pool(Confinement(require=config.confinement, memory_mb=config.memory_mb)) as pool:
        run = _Run(config, directory, suite, loaded, pool, console)
        before = run.evaluate("before")
        run.train()
        after = run.evaluate("after")
    return run.finish(before, after) if ranks.first() else []


class _Run:
    """What the parts of a run share."""

    def __init__(
        self, config: TrainConfig, directory: Path, suite: Suite, loaded: policy.Loaded, pool: Pool, console: Console
    ) -> None:
        self.config = config
        self.directory = directory
        self.suite = suite
        self.loaded = loaded
        self.pool = pool
        self.console = console
        self.server: Server | None = None  # known while training

    def evaluate(self, side: str) -> dict[tuple[str, str], Evaluation]:
        """All tables under all decodings; read back where they were measured before."""
        if not ranks.first():
            return {}
        path = self.directory / f"{side}.jsonl"
        wanted = [(table, decoding) for table in self.config.eval.tables for decoding in self._decodings()]
        found = _whole_tables(path, {f"{_title(table)}, {decoding}": table.rollouts for table, (decoding, _) in wanted})
        started = time.monotonic()
        with progress_bar(self.console) as bar:
            for table, (decoding, temperature) in wanted:
                label = f"{_title(table)}, {decoding}"
                if label in found:
                    continue
                task = bar.add_task(f"{side}: {label}", total=table.rollouts, note="")
                told = functools.partial(_tell, bar, task)
                evaluation = self._evaluate(table, temperature, label, told)
                if not evaluation.scored:
                    raise Fault(f"{side}: {label}: every episode failed on our side: {evaluation.rows[0]['fault']}")
                traces.append(path, evaluation.rows)
                found[label] = evaluation.rows
                bar.update(task, note=f"[bold]{evaluation.success()}")
                if not self.console.is_terminal:
                    self.console.print(f"{side}: {label}: {evaluation.success()}", markup=False, highlight=False)
        self._time(f"eval_{side}_s", time.monotonic() - started)
        return {
            (_title(table), decoding): Evaluation(label, found[label])
            for table, (decoding, _) in wanted
            for label in (f"{_title(table)}, {decoding}",)
        }

    def train(self) -> None:
        """GRPO, from the last checkpoint if there is one."""
        import transformers

        from cave_rl.training.during import Measured, StoppedBefore, Watched
        from cave_rl.training.grpo import make_trainer
        from cave_rl.training.weights import refresh

        adapter = self.directory / "adapter"
        part = self.config.train
        with progress_bar(self.console) as bar:
            task = bar.add_task("train", total=part.steps, note="")
            say = functools.partial(bar.console.print, markup=False, highlight=False)
            with Stopper() as stopper:
                watched = Watched(part.collapse, self.directory, say)
                callbacks = [StepLog(self.directory, bar, task), stopper, watched]
                if (during := self.config.eval.during) is not None:
                    measured = Measured(during, self.directory, self._measure, self._save, say)
                    callbacks.append(measured)
                trainer = make_trainer(
                    self.config, self.loaded.model, self.loaded.tokenizer, self.suite, self.pool, callbacks
                )
                trainer.remove_callback(transformers.PrinterCallback)
                if during is not None:
                    if is_sharded(trainer):
                        raise ConfigError("eval.during: the first process measures alone, and has not the whole model")
                    measured.report = trainer.callback_handler.on_log
                    if trainer.server is not None:
                        measured.refresh = functools.partial(refresh, trainer)
                self.server = trainer.server
                started = time.monotonic()
                try:
                    trainer.train(resume_from_checkpoint=files.last_checkpoint(self.directory / "checkpoints"))
                except StoppedBefore as stopped:
                    say(str(stopped))
                except ServerGone as gone:
                    raise ServerGone(f"{gone}. {self._how_to_go_on()}") from gone
                seconds = time.monotonic() - started
        if ranks.first():
            self._time("train_s", seconds)
        if is_sharded(trainer):
            trainer.save_model(str(adapter))  # every rank takes part
            if ranks.first():
                policy.name_base(adapter, self.config.model.name)
                self._keep_prompt(adapter)
                self.loaded = (
                    policy.load(str(adapter), self.config.model.dtype) if self.config.eval.tables else self.loaded
                )
        else:
            if ranks.first():
                self._save(trainer.model, adapter)
            # Evaluated as it will be used: merged. It is also quicker.
            trained = trainer.model.merge_and_unload() if hasattr(trainer.model, "merge_and_unload") else trainer.model
            self.loaded.model = trained.eval()
        if stopper.asked and trainer.state.global_step < part.steps:
            raise Interrupted(
                f"stopped after step {trainer.state.global_step} of {part.steps}; what was learned is in {adapter}. "
                "The same command goes on from here"
            )

    def finish(self, before: dict[tuple[str, str], Evaluation], after: dict[tuple[str, str], Evaluation]) -> list[Row]:
        """Writes and shows the table, episodes and the plot."""
        rows = [compare(*key, before[key], after[key]) for key in before]
        history = traces.read(self.directory / "metrics.jsonl")
        model = self.config.model.name.rpartition("/")[2]
        title = f"{model} on {self.suite.name}, GRPO, seed {self.config.seed}"
        learning_curve(history, rows, title, self.directory / "learning_curve.png")
        shown = "\n".join(_examples(before[key], after[key]) for key in list(before)[:1])
        times = _times(self.directory)
        spent = ", ".join(f"{name.removesuffix('_s')} {seconds:.0f} s" for name, seconds in times.items())
        markdown = f"# {title}\n\n{as_markdown(rows)}\n{spent}\n\n{shown}"
        files.write(self.directory / "summary.md", markdown)
        summary = {
            "rows": [row.as_dict() for row in rows],
            "before": {" / ".join(key): each.summary() for key, each in before.items()},
            "after": {" / ".join(key): each.summary() for key, each in after.items()},
            "seconds": times,
        }
        page.write(self.directory, title)
        files.write(self.directory / "summary.json", json.dumps(summary, indent=1))
        self.console.print(as_table(rows))
        written = f"{self.directory}: summary.md, report.html, learning_curve.png, adapter/, traces.jsonl"
        self.console.print(f"{shown}\n{spent}\n{written}", markup=False, soft_wrap=True)
        return rows

    def _save(self, model: Any, directory: Path) -> None:
        policy.save_adapter(model, self.loaded.tokenizer, directory, base=self.config.model.name)
        self._keep_prompt(directory)

    def _measure(self, model: Any) -> Evaluation:
        """The evaluation while training, of a model as it is now; of the server's, which is the same, where one is.

        Raises:
            ServerGone: it could not be asked.
        """
        part = self.config.eval.during
        assert part is not None
        decoding, temperature = self._decodings()[0] if not part.greedy else ("greedy", 0.0)
        loaded = policy.Loaded(model, self.loaded.tokenizer)
        by = loaded if self.server is None else self.server
        found = self._evaluate(part, temperature, f"{part.split}, {decoding}", lambda done: None, by)
        if self.server is not None and found.faults:
            self.server.check_there()
        return found

    def _evaluate(
        self,
        table: EvalTable | DuringPart,
        temperature: float,
        label: str,
        progress: Callable[[int], None],
        by: policy.Loaded | Server | None = None,
    ) -> Evaluation:
        part = self.config.rollout
        sampling = Sampling(temperature, part.top_p, part.top_k, part.max_tokens)
        role = self.config.env.prompt.observation_role
        if isinstance(by, Server):
            play = served_player(by, Chat(self.loaded.tokenizer, role=role), self.config, sampling)
        else:
            loaded = by or self.loaded
            play = loaded.player(sampling, role=role, budget=part.tokens, seed=self.config.seed)
        return evaluate(
            play,
            choose(self.suite, table.split, table.rollouts, families=table.families, tags=table.tags),
            pool=self.pool,
            config=self.config.env,
            label=label,
            seed=self.config.seed,
            examples=self.suite.examples,
            concurrency=self.config.eval.concurrency,
            progress=progress,
        )

    def _keep_prompt(self, directory: Path) -> None:
        part, prompt = self.config.suite, self.config.env.prompt
        family = self.suite.select("train", families=part.families, tags=part.tags)[0]
        prompts.keep(directory, part.name, family, prompt, Chat(self.loaded.tokenizer, role=prompt.observation_role))

    def _decodings(self) -> list[tuple[str, float]]:
        sampled = (f"T={self.config.rollout.temperature:g}", self.config.rollout.temperature)
        return [sampled, ("greedy", 0.0)] if self.config.eval.greedy else [sampled]

    def _how_to_go_on(self) -> str:
        checkpoint = files.last_checkpoint(self.directory / "checkpoints")
        origin = f"step {checkpoint.rpartition('-')[2]}" if checkpoint else "the beginning: there is no checkpoint yet"
        return f"Start it again (`cave-rl serve-model CONFIG`); then the same command goes on from {origin}"

    def _time(self, name: str, seconds: float) -> None:
        times = _times(self.directory)
        times[name] = times.get(name, 0.0) + seconds
        files.write(self.directory / "times.json", json.dumps(times))


def _tell(bar: Progress, task: TaskID, done: int) -> None:
    bar.update(task, completed=done)


def _title(table: EvalTable) -> str:
    return table.title or table.split


def _whole_tables(path: Path, lengths: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """The tables that a file holds whole, by label; what an interrupted evaluation left of another is dropped."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in traces.read(path):
        found.setdefault(row["eval"], []).append(row)
    whole = {label: rows for label, rows in found.items() if len(rows) == lengths.get(label)}
    traces.keep(path, lambda row: row["eval"] in whole)
    return whole


def _times(directory: Path) -> dict[str, float]:
    path = directory / "times.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _examples(before: Evaluation, after: Evaluation, most: int = 3) -> str:
    """Episodes that went wrong before and right after, of different families."""
    lines = ["Learned (same task, before and after):"]
    families: set[str] = set()
    for old, new in zip(before.rows, after.rows, strict=True):
        learned = new["solved"] and not old["solved"] and old["fault"] is None
        if learned and new["family"] not in families and len(families) < most:
            families.add(new["family"])
            query = next(m["content"] for m in reversed(new["messages"]) if m["role"] == "user")
            texts = [m["content"] for row in (old, new) for m in row["messages"][-1:]]
            lines += ["", f"[{new['family']}]", query, "--- before", texts[0], "--- after", texts[1]]
    return "\n".join(lines) + "\n" if families else ""
