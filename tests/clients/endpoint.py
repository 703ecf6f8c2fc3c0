"""A real HTTP server on loopback that speaks the OpenAI API by a script, and fails where it is told to."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What comes back.

    Attributes:
        text: of the message.
        finish: its finish reason.
        status: of HTTP; above 299 `text` is the error's message.
        headers: besides the usual.
        usage: whether tokens are told; a token is a character here.
        form: `whole`; `hang` never ends, `malformed` is no JSON, `cut` ends in its middle, `empty` has no choices.
        ids: token ids of the completion.
        calls: of functions, with their arguments as text.
        choice: what else its choice holds.
    """

    text: str = ""
    finish: str = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    usage: bool = True
    form: str = "whole"
    ids: list[int] | None = None
    calls: Sequence[tuple[str, str]] = ()
    choice: Body = field(default_factory=dict)


Script = Callable[[str, Body, int], Reply]
"""From the path, the request and how often the very same one came before to what comes back."""


class Endpoint:
    """The server. `requests` holds all it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.context: int | None = None
        self.requests: list[tuple[str, Body]] = []
        self.seen: Counter[str] = Counter()
        self.going = threading.Event()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def answer(self, path: str, body: Body) -> Reply:
        key = path + json.dumps(body, sort_keys=True)
        with self.lock:
            self.requests.append((path, body))
            before = self.seen[key]
            self.seen[key] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.script(path, body, before)
        finally:
            with self.lock:
                self.at_once -= 1


@contextmanager
def serving(script: Script) -> Iterator[tuple[str, Endpoint]]:
    """Serves a script; the URL of its API, and what it was asked."""
    endpoint = Endpoint(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, {"data": [{"id": "scripted", "max_model_len": endpoint.context}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = endpoint.answer(self.path.removeprefix("/v1"), body)
            if reply.form == "hang":
                endpoint.going.wait(30)
                self.close_connection = True
            elif reply.status > 299:
                self._send(reply.status, {"error": {"message": reply.text}}, reply.headers)
            elif reply.form == "malformed":
                self._write(200, b"<html>not JSON", {})
            elif reply.form == "empty":
                self._send(200, {"choices": []})
            else:
                self._send(200, completion(body, reply), reply.headers, cut=reply.form == "cut")

        def _send(self, status: int, data: Body, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
            self._write(status, json.dumps(data).encode(), headers or {}, cut=cut)

        def _write(self, status: int, data: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            self.close_connection = self.close_connection or cut

        def log_message(self, *_: object) -> None:
            pass

    with listening(Handler, endpoint.going.set) as url:
        yield url, endpoint


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], stop: Callable[[], None], port: int = 0) -> Iterator[str]:
    """A server on loopback; the URL of its API. At the end `stop` lets go of handlers that hang."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            pass  # a client that was killed

    server = Server(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        stop()
        server.shutdown()
        server.server_close()
        thread.join()


def completion(body: Body, reply: Reply) -> Body:
    """An answer as the API has it."""
    choice: Body = {"index": 0, "finish_reason": reply.finish}
    if "messages" in body:
        size = sum(len(message["content"]) for message in body["messages"])
        choice["message"] = {"role": "assistant", "content": reply.text}
        if reply.calls:
            functions = [{"name": name, "arguments": arguments} for name, arguments in reply.calls]
            calls = [{"id": f"c{at}", "type": "function", "function": each} for at, each in enumerate(functions)]
            choice["message"] |= {"content": reply.text or None, "tool_calls": calls}
    else:
        size = len(body["prompt"])
        choice["text"] = reply.text
    if reply.ids is not None:
        choice["token_ids"] = reply.ids
    choice |= reply.choice
    told = len(reply.ids) if reply.ids is not None else len(reply.text)
    usage = {"usage": {"prompt_tokens": size, "completion_tokens": told}} if reply.usage else {}
    return {"id": "1", "model": "scripted-1", "choices": [choice], **usage}
