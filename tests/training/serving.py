"""A real model behind real HTTP on loopback: the part of vLLM's API that training uses, by transformers.

Nothing is canned: tokens are sampled from the model that was loaded last, and their log-probabilities are the model's.
It fails where it is told to.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file

from cave_rl.training import policy
from tests.clients.endpoint import listening
from tests.training import tiny

Body = dict[str, Any]
CONTEXT = 1024


class Model:
    """What is served. `failing` tells of the n-th completion how it goes wrong: 429, 500, "hang", or None; where it is
    not `listed`, not even its name is told.
    """

    def __init__(
        self,
        failing: Callable[[int], int | str | None] = lambda n: None,
        slow_s: float = 0.0,
        directory: str | None = None,
    ) -> None:
        self.failing = failing
        self.slow_s = slow_s
        self.directory = directory or tiny.directory()
        self.base = policy.load(self.directory, "float32").model
        self.adapters: dict[str, Any] = {}
        self.version: int | None = None
        self.listed = True
        self.requests: list[tuple[str, Body]] = []
        self.completions = 0
        self.at_once = self.most_at_once = 0
        self.going = threading.Event()
        self.lock = threading.RLock()

    def post(self, path: str, body: Body) -> tuple[int, Any]:
        """Status and answer."""
        with self.lock:
            self.requests.append((path, body))
            if path == "/collective_rpc":
                return 200, {"results": [self.call(body["method"], body["kwargs"])]}
            if path == "/v1/load_lora_adapter":
                fresh = policy.load(self.directory, "float32").model
                self.adapters[body["lora_name"]] = PeftModel.from_pretrained(fresh, body["lora_path"]).eval()
                return 200, "Success: it was added."
            if path == "/v1/unload_lora_adapter":
                if self.adapters.pop(body["lora_name"], None) is None:
                    return 404, {"error": {"message": f"The lora adapter '{body['lora_name']}' cannot be found."}}
                return 200, "Success: it was removed."
            if path == "/reset_prefix_cache":
                return 200, {}
        if path == "/v1/completions":
            return self.completion(body)
        return 404, {"error": {"message": "Not Found"}}

    def call(self, method: str, given: Body) -> Body:
        """What a worker does."""
        if method == "cave_reload":
            found = self.base.load_state_dict(load_file(f"{given['path']}/model.safetensors"), strict=False)
            assert not found.unexpected_keys, found.unexpected_keys
            assert set(found.missing_keys) <= {"lm_head.weight"}, found.missing_keys
            self.version = given["version"]
        return {"version": self.version}

    def completion(self, body: Body) -> tuple[int, Any]:
        with self.lock:
            number, self.completions = self.completions, self.completions + 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            how = self.failing(number)
            if how == "hang":
                self.going.wait(30)
                return 500, {"error": {"message": "hung"}}
            if isinstance(how, int):
                return how, {"error": {"message": "try again"}}
            time.sleep(self.slow_s)
            if len(body["prompt"]) + (body["max_tokens"] or 1) > CONTEXT:
                return 400, {"error": {"message": f"This model's maximum context length is {CONTEXT} tokens."}}
            with self.lock:
                model = self.base if body["model"] == "policy" else self.adapters.get(body["model"])
                if model is None:
                    return 404, {"error": {"message": f"The model `{body['model']}` does not exist."}}
                ids, logprobs = sample(model, body)
        finally:
            with self.lock:
                self.at_once -= 1
        choice = {"index": 0, "text": "", "finish_reason": "stop", "token_ids": ids, "prompt_token_ids": body["prompt"]}
        if body.get("logprobs") is not None:
            choice["logprobs"] = {"token_logprobs": logprobs}
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(ids)}
        return 200, {"model": body["model"], "choices": [choice], "usage": usage}


@torch.no_grad()
def sample(model: Any, body: Body) -> tuple[list[int], list[float]]:
    """Tokens and their log-probabilities after temperature and cuts, as vLLM's `processed_logprobs`."""
    drawn = torch.Generator().manual_seed(body["seed"])
    ids: list[int] = []
    logprobs: list[float] = []
    given, cache = torch.tensor([body["prompt"]]), None
    while len(ids) < (body["max_tokens"] or 16):
        out = model(input_ids=given, past_key_values=cache, use_cache=True)
        cache, logits = out.past_key_values, out.logits[0, -1] / (body["temperature"] or 1e-3)  # 0 is the likeliest
        if body.get("top_k"):
            logits[logits < logits.topk(body["top_k"]).values[-1]] = -torch.inf
        spread = torch.log_softmax(logits, -1)
        token = int(torch.multinomial(spread.exp(), 1, generator=drawn))
        ids.append(token)
        logprobs.append(float(spread[token]))
        if token in body["stop_token_ids"]:
            break
        given = torch.tensor([[token]])
    return ids, logprobs


@contextmanager
def serving(model: Model, port: int = 0) -> Iterator[str]:
    """Serves a model; the URL of its API."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            listed = [{"id": "policy", "max_model_len": CONTEXT}, *({"id": name} for name in model.adapters)]
            self.send(200 if model.listed else 503, {"data": listed})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.send(*model.post(self.path, body))

        def send(self, status: int, data: Any) -> None:
            written = (data if isinstance(data, str) else json.dumps(data)).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: object) -> None:
            pass

    with listening(Handler, model.going.set, port) as url:
        yield url


if __name__ == "__main__":  # a server that a test can kill: python -m tests.training.serving MODEL PORT
    torch.set_num_threads(1)
    with serving(Model(directory=sys.argv[1]), int(sys.argv[2])):
        threading.Event().wait()
