"""Upstream's own evaluation of single-turn entries, from a model's text to its verdict, without its model handlers.

The runner reads the text as it reads that of a model that answers in Python, so calls reach its checker by another way
than ours do.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

from cave_rl.suites.third_party.bfcl.tasks.single.data import Entry
from cave_rl.suites.third_party.bfcl.tasks.single.official import MODELS, loaded

_PARSERS = {
    "java_parser": ("parse_java_function_call",),
    "js_parser": ("parse_javascript_function_call",),
    "json_parser": ("parse_json_function_call",),
    "xml_parser": ("parse_concise_xml_function_call", "parse_verbose_xml_function_call"),
}
_RETRYING = ("retry", "retry_if_exception_message", "retry_if_exception_type", "wait_random_exponential")
_PATHS = ("LOCK_DIR", "PROMPT_PATH", "POSSIBLE_ANSWER_PATH", "RESULT_FILE_PATTERN")


def evaluated(entry: Entry, text: str) -> dict[str, Any]:
    """What upstream's runner says of a model's answer to an entry: whether it is `valid`, and what is wrong if not."""
    runner, handler = _runner()
    told = {"id": entry.id, "function": [dict(each) for each in entry.functions]}
    if not entry.answers:
        return dict(runner._evaluate_single_relevance_entry(handler, entry.id, text, told, "cave", entry.category))
    python = runner.Language.PYTHON, runner.ReturnFormat.PYTHON
    answers = list(entry.answers)
    return dict(
        runner._evaluate_single_ast_entry(handler, entry.id, text, answers, told, "cave", entry.category, *python)
    )


@functools.cache
def _runner() -> tuple[ModuleType, SimpleNamespace]:
    """The runner, and a handler that decodes as those of models that are prompted do."""
    paths = {"bfcl_eval.constants.eval_config": _nothing(_PATHS)}  # to import it makes folders
    utils = loaded("bfcl_eval.utils", paths | {"filelock": _nothing(["FileLock"])})
    checker = loaded("bfcl_eval.eval_checker.ast_eval.ast_checker", MODELS)
    parsers = {f"bfcl_eval.model_handler.parser.{name}": _nothing(each) for name, each in _PARSERS.items()}
    common = {"bfcl_eval.utils": _public(utils)}
    decoding = loaded("bfcl_eval.model_handler.utils", parsers | common | {"tenacity": _nothing(_RETRYING)})
    runner = loaded(
        "bfcl_eval.eval_checker.eval_runner",
        paths
        | common
        | MODELS
        | {
            "bfcl_eval.eval_checker.ast_eval.ast_checker": _public(checker),
            "bfcl_eval.eval_checker.agentic_eval.agentic_checker": _nothing(["agentic_checker"]),
            "bfcl_eval.eval_checker.eval_runner_helper": {},
            "bfcl_eval.model_handler.base_handler": {"BaseHandler": object},
            "bfcl_eval.model_handler.utils": _nothing(["parse_prompt_variation_params"]),
            "dotenv": _nothing(["load_dotenv"]),
            "tqdm": _nothing(["tqdm"]),
        },
    )
    return runner, SimpleNamespace(decode_ast=decoding.default_decode_ast_prompting)


def _nothing(names: Sequence[str]) -> Mapping[str, Any]:
    return dict.fromkeys(names)


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: each for name, each in vars(module).items() if not name.startswith("__")}
