"""A report of runs as they grow, on this machine's own address only.

Three paths are answered, and none of them is a file's: the page, the stamp that tells whether there is a newer one,
and nothing else. A request that names another host than this machine is refused, so that no web page elsewhere can read
traces by pointing its own name here.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from cave_rl.evaluation.report.page import render
from cave_rl.evaluation.report.runs import ReportError, read, trace_file

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")


class Viewer:
    """Serves a report on loopback until it is closed.

    >>> with Viewer([]) as viewer:
    ...     viewer.url.startswith("http://127.0.0.1:")
    True

    Args:
        runs: run directories, or trace files.
        port: 0 takes a free one.
        title: of the page.

    Raises:
        ReportError: the port is taken.
    """

    def __init__(self, runs: Sequence[Path | str], *, port: int = 0, title: str | None = None) -> None:
        self._runs = [Path(each) for each in runs]
        self._title = title
        self._lock = threading.Lock()
        self._made: tuple[str, bytes] = ("", b"")
        self._serving = False
        handler = type("Handler", (_Handler,), {"viewer": self})
        try:
            self._server = ThreadingHTTPServer((HOST, port), handler)
        except OSError as error:
            raise ReportError(f"cannot listen on {HOST}, port {port}: {error.strerror}") from error
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/"

    def serve(self) -> None:
        """Answers requests until `close`."""
        self._serving = True
        self._server.serve_forever(poll_interval=0.2)

    def start(self) -> None:
        """Answers requests in a thread of its own."""
        self._serving = True
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self) -> None:
        """Stops answering."""
        if self._serving:  # to stop what was never begun would wait for ever
            self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Viewer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stamp(self) -> str:
        """What names the present state of the runs' files.

        Raises:
            ReportError: a run is not there.
        """
        try:
            seen = [(str(each), each.stat().st_size, each.stat().st_mtime_ns) for each in map(trace_file, self._runs)]
        except OSError as error:
            raise ReportError(f"a run is gone: {error}") from error
        return hashlib.blake2b(repr(seen).encode(), digest_size=8).hexdigest()

    def page(self) -> bytes:
        """The page of that state, made once.

        Raises:
            ReportError: a run is not there, or is no run.
        """
        with self._lock:
            stamp = self.stamp()
            if self._made[0] != stamp:
                page = render(read(self._runs), title=self._title, stamp=stamp)
                self._made = (stamp, page.encode("utf-8"))
            return self._made[1]


class _Handler(BaseHTTPRequestHandler):
    viewer: ClassVar[Viewer]
    server_version = "cave-rl"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers the two paths there are."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in NAMES:
            self._answer(403, "text/plain", b"this is served to this machine only\n")
            return
        try:
            if self.path == "/":
                self._answer(200, "text/html", self.viewer.page())
            elif self.path == "/stamp":
                self._answer(200, "text/plain", self.viewer.stamp().encode())
            else:
                self._answer(404, "text/plain", b"there is only /\n")
        except ReportError as error:
            self._answer(500, "text/plain", f"{error}\n".encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("X-Frame-Options", "DENY"),
        ):
            self.send_header(name, value)
        with contextlib.suppress(ConnectionError):  # a reader who left needs no answer
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a person watches the page, not the requests."""
