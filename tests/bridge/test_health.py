"""One health question, against real small servers on TCP and on Unix sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge.health import BODY_LIMIT, TOKEN_HEADER, Answer, ProbeTarget, judge, probe

PROMPT_S = 5.0
SHORT_S = 0.05


class Server:
    """Answers every connection with the same bytes, or never when there are none; keeps what it was asked."""

    def __init__(self, sock: socket.socket, target: ProbeTarget) -> None:
        self.target = target
        self.response: bytes | None = None
        self.asked: list[bytes] = []
        self._sock = sock
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._sock.accept()
            except OSError:
                return
            self._open.append(connection)
            asked = b""
            while b"\r\n\r\n" not in asked and (more := connection.recv(65536)):
                asked += more
            self.asked.append(asked)
            if self.response is not None:
                with contextlib.suppress(OSError):  # who asked did not read to the end
                    connection.sendall(self.response)
                connection.close()

    def says(self, body: bytes | object, status: str = "200 OK") -> Server:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.response = f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        return self

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self._thread.join(PROMPT_S)
        for one in (self._sock, *self._open):
            one.close()


@pytest.fixture(params=["tcp", "uds"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    if request.param == "tcp":
        sock = socket.create_server(("127.0.0.1", 0))
        target = ProbeTarget("127.0.0.1", sock.getsockname()[1])
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "s"))
        sock.listen()
        target = ProbeTarget("localhost", 0, uds=str(tmp_path / "s"))
    server = Server(sock, target)
    yield server
    server.close()


def test_an_answer_of_200_is_well(server: Server) -> None:
    server.says(b"fine")
    assert probe(server.target, PROMPT_S) == Answer(ok=True)


def test_the_path_and_the_token_are_sent(server: Server) -> None:
    server.says(b"")
    probe(replace(server.target, path="/ready?full=1", token="s3cret"), PROMPT_S)
    assert server.asked[0].startswith(b"GET /ready?full=1 HTTP/1.1\r\n")
    assert f"{TOKEN_HEADER}: s3cret\r\n".encode() in server.asked[0]


@pytest.mark.parametrize("status", ["204 No Content", "301 Moved", "403 Forbidden", "500 Broken", "503 Starting"])
def test_another_status_is_not_well(server: Server, status: str) -> None:
    server.says(b"", status)
    assert probe(server.target, PROMPT_S).reason == f"/health answered with status {status[:3]}"


def test_the_nonce_of_this_launch_is_well(server: Server) -> None:
    server.says({"nonce": "mine", "pid": 42})
    assert probe(replace(server.target, nonce="mine"), PROMPT_S) == Answer(ok=True, pid=42)


@pytest.mark.parametrize("body", [{"nonce": "other"}, {"status": "ok"}, {"nonce": None}])
def test_another_nonce_is_a_stranger(server: Server, body: object) -> None:
    server.says(body)
    answer = probe(replace(server.target, nonce="mine"), PROMPT_S)
    assert answer == Answer(ok=False, reason="another program answers there, or an older start of this one")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'"mine"', b"\xff\xfe", b"[" * BODY_LIMIT, b"9" * BODY_LIMIT])
def test_what_is_no_json_object_is_not_well(server: Server, body: bytes) -> None:
    server.says(body)
    assert probe(replace(server.target, nonce="mine"), PROMPT_S).reason == "/health did not answer with a JSON object"


def test_an_answer_that_never_ends_is_read_in_part(server: Server) -> None:
    server.says(b'{"nonce": "mine"}' + b" " * 10 * BODY_LIMIT)
    assert probe(replace(server.target, nonce="mine"), PROMPT_S).ok


def test_the_fields_that_are_expected_are_well(server: Server) -> None:
    server.says({"status": "ok", "model": "v2", "more": 1})
    assert probe(replace(server.target, expect={"status": "ok", "model": "v2"}), PROMPT_S).ok


def test_fields_that_differ_are_named(server: Server) -> None:
    server.says({"status": "degraded", "model": "v2"})
    answer = probe(replace(server.target, expect={"status": "ok", "model": "v2", "gpu": True}), PROMPT_S)
    assert answer.reason == "/health answered with another status, gpu"


def test_silence_is_not_well(server: Server) -> None:
    assert probe(server.target, SHORT_S).reason == "no answer within 0.05 s"


def test_half_an_answer_is_not_well(server: Server) -> None:
    server.response = b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"nonce": "mi'
    answer = probe(replace(server.target, nonce="mine"), PROMPT_S)
    assert answer.reason == "/health did not answer with a JSON object"


def test_a_connection_that_is_closed_is_not_well(server: Server) -> None:
    server.response = b""
    assert probe(server.target, PROMPT_S).reason.startswith("RemoteDisconnected")


def test_what_is_no_http_is_not_well(server: Server) -> None:
    server.response = b"SSH-2.0-OpenSSH_9.7\r\n\r\n"
    assert probe(server.target, PROMPT_S).reason.startswith("BadStatusLine")


def test_a_refused_connection_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    assert probe(ProbeTarget("127.0.0.1", port), PROMPT_S).reason.startswith("ConnectionRefusedError")


def test_a_missing_socket_file_is_not_well(tmp_path: Path) -> None:
    assert probe(ProbeTarget("localhost", 0, uds=str(tmp_path / "s")), PROMPT_S).reason.startswith("FileNotFoundError")


@pytest.mark.parametrize("pid", [-5, 0, True, "42", 4.2, None, [1]])
def test_what_is_no_pid_is_not_taken_for_one(pid: object) -> None:
    assert judge(NONCE, 200, json.dumps({"nonce": "mine", "pid": pid}).encode()) == Answer(ok=True)


NONCE = ProbeTarget("localhost", 0, nonce="mine")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["nonce", "pid", "status"]), inner),
    max_leaves=8,
)
BODIES: st.SearchStrategy[bytes] = st.one_of(st.binary(max_size=50), JSON.map(lambda it: json.dumps(it).encode()))


@settings(max_examples=500)
@given(st.sampled_from([NONCE, replace(NONCE, nonce=None, expect={"status": "ok"})]), st.integers(100, 599), BODIES)
def test_property_no_answer_of_a_stranger_is_taken_for_ours(target: ProbeTarget, status: int, body: bytes) -> None:
    """Never raises; well only with status 200 and the very nonce or fields; says why else."""
    answer = judge(target, status, body)
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    ours = isinstance(content, dict) and (
        content.get("nonce") == "mine" if target.nonce else content.get("status") == "ok"
    )
    assert answer.ok == (status == 200 and ours)
    assert bool(answer.reason) != answer.ok


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda it: b"HTTP/1.1 200 OK\r\n" + it))
def test_property_a_probe_never_raises(response: bytes) -> None:
    once(response, lambda target: probe(target, PROMPT_S))


def once(response: bytes, ask: Callable[[ProbeTarget], Answer]) -> Answer:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = Server(sock, ProbeTarget("127.0.0.1", sock.getsockname()[1], nonce="mine"))
        server.response = response
        try:
            return ask(server.target)
        finally:
            server.close()
