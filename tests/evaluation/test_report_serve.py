"""A report of runs as they grow: to this machine only, and nothing but the page."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cave_rl.evaluation.report import ReportError, Viewer
from tests.evaluation.lines import line, written


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("a secret")
    return written(tmp_path / "run", [line()])


@pytest.fixture
def viewer(run: Path) -> Iterator[Viewer]:
    with Viewer([run]) as made:
        yield made


def get(viewer: Viewer, path: str, *, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    """One request, its path as it is: no client makes it harmless."""
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"127.0.0.1:{viewer.port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_page_is_at_the_root(viewer: Viewer) -> None:
    status, text = get(viewer, "/")
    assert (status, text.startswith("<!doctype html>")) == (200, True)
    assert "sum_values" in text
    assert viewer.url == f"http://127.0.0.1:{viewer.port}/"


def test_it_listens_on_loopback_only(viewer: Viewer) -> None:
    assert viewer._server.server_address[0] == "127.0.0.1"
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", viewer.port)) != 0, "it answers on another address, if only of loopback"


@pytest.mark.parametrize(
    "path",
    [
        "/traces.jsonl", "/run/traces.jsonl", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
        "//etc/passwd", "/etc/passwd", "/%00", "/./", "/?x", "/stamp/../../secret.txt", "/stamp?x", "http://evil/", "*",
        "/\\..\\secret.txt", "/" + "a" * 60_000,
    ],
)  # fmt: skip
def test_no_other_path_is_answered(viewer: Viewer, path: str) -> None:
    status, text = get(viewer, path)
    assert status in (404, 400)
    assert "secret" not in text
    assert "root:" not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1]", "0.0.0.0"])
def test_a_page_elsewhere_cannot_read_it_by_pointing_its_name_here(viewer: Viewer, host: str) -> None:
    assert get(viewer, "/", host=host or "x")[0] == 403
    assert get(viewer, "/stamp", host=host or "x")[0] == 403


def test_the_names_of_this_machine_are_answered(viewer: Viewer) -> None:
    assert [get(viewer, "/stamp", host=host)[0] for host in ("localhost", f"localhost:{viewer.port}", "127.0.0.1")] == [
        200, 200, 200,
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_reading_is_answered(viewer: Viewer, method: str) -> None:
    assert get(viewer, "/", method=method)[0] == 501


def test_a_run_that_grew_has_another_stamp_and_page(viewer: Viewer, run: Path) -> None:
    stamp, page = get(viewer, "/stamp")[1], get(viewer, "/")[1]
    assert f'data-stamp="{stamp}"' in page
    assert get(viewer, "/")[1] == page
    written(run, [line(), line(task="other/1")])
    later = get(viewer, "/stamp")[1]
    assert later != stamp
    page = get(viewer, "/")[1]
    assert f'data-stamp="{later}"' in page
    assert "other" in page


def test_what_is_wrong_with_a_run_is_told(viewer: Viewer, run: Path) -> None:
    (run / "traces.jsonl").write_text("{oops}\n")
    status, text = get(viewer, "/")
    assert (status, "line 1: not JSON" in text) == (500, True)
    (run / "traces.jsonl").unlink()
    assert get(viewer, "/stamp")[0] == 500


def test_answers_are_not_kept_and_not_framed(viewer: Viewer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=20)
    connection.request("GET", "/")
    headers = connection.getresponse().headers
    connection.close()
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_one_that_was_never_started_can_be_closed(run: Path) -> None:
    Viewer([run]).close()


def test_a_reader_who_leaves_early_is_no_trouble(viewer: Viewer, capfd: pytest.CaptureFixture[str]) -> None:
    get(viewer, "/")
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", viewer.port)) as leaving:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not closed
            leaving.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert get(viewer, "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_told(viewer: Viewer, run: Path) -> None:
    with pytest.raises(ReportError, match=f"cannot listen on 127.0.0.1, port {viewer.port}"):
        Viewer([run], port=viewer.port)
