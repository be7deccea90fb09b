"""When the upstream fails: each failure its own status, always JSON, never a hang."""

import json
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from staging.scripted import Call
from staging.serving import Stage, request
from staging.wire import Message

from mediabridge.proxy import Limits, Outcome, Unavailable

FIELDS = {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"}


def explained(response: Message, status: int, code: str) -> dict[str, object]:
    assert response.status == status
    assert response.get("content-type") == "application/json"
    answer: dict[str, object] = json.loads(response.body)
    assert answer.keys() >= FIELDS
    assert all(answer[field] for field in FIELDS)
    assert (answer["status"], answer["code"]) == (status, code)
    assert answer["requestId"] == response.get("x-request-id")
    assert str(answer["timestamp"]).endswith("Z")
    age = datetime.now().astimezone() - datetime.fromisoformat(str(answer["timestamp"]))
    assert abs(age) < timedelta(seconds=60)
    return answer


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_upstream_that_refuses_connections_is_503_with_retry_after(stage: Stage, method: str) -> None:
    stage.upstream.stop_listening()
    response = stage.ask("/api/x", "Content-Length: 0", method=method)
    explained(response, 503, "sidecar_unavailable")
    assert response.get("retry-after") == "1"
    assert response.get("date")
    event = stage.event()
    assert (event.outcome, event.status, event.first_byte_ms) == (Outcome.UNREACHABLE, 503, None)


def test_missing_unix_socket_is_503(uds_stage: Stage) -> None:
    uds_stage.upstream.stop_listening()
    explained(uds_stage.ask(), 503, "sidecar_unavailable")


def test_refused_connection_is_told_in_the_words_of_an_upstream_that_knows_better(stage: Stage) -> None:
    stage.upstream.stop_listening()
    why = Unavailable("Flask server unavailable", "It was killed by SIGKILL", "Run: mediabridge doctor", 3.2)
    ready = [None, why]
    stage.fake.why_not_ready = lambda: ready.pop(0)  # type: ignore[method-assign]
    response = stage.ask()
    assert explained(response, 503, "sidecar_unavailable")["message"] == "It was killed by SIGKILL"
    assert response.get("retry-after") == "4"


@pytest.mark.parametrize(("method", "attempts"), [("GET", 1), ("POST", 1)])
def test_upstream_that_closes_without_an_answer_is_502(stage: Stage, method: str, attempts: int) -> None:
    """On a fresh connection: nothing to repeat."""

    def script(call: Call) -> None:
        call.request()

    stage.set_up(script)
    explained(stage.ask("/api/x", "Content-Length: 0", method=method), 502, "upstream_failed")
    assert len(stage.upstream.calls) == attempts
    assert stage.event().outcome is Outcome.UPSTREAM_FAILED


def test_upstream_that_breaks_off_inside_its_head_is_502(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Le")

    stage.set_up(script)
    explained(stage.ask(), 502, "upstream_failed")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 888 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 199 Odd\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 10_000,
    ],
    ids=lambda answer: repr(answer[:40]),
)
def test_answer_that_is_no_http_is_502(stage: Stage, answer: bytes) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(answer)
        call.at_end()

    stage.set_up(script)
    explained(stage.ask(), 502, "upstream_failed")
    assert stage.ask("/nothing").status == 404  # the host lives


def test_answer_that_stops_being_http_is_cut_off(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n")
        call.at_end()

    stage.set_up(script)
    assert not stage.ask().complete


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_response_head_in_time_is_504(stage: Stage, method: str) -> None:
    closed = []

    def script(call: Call) -> None:
        call.request()
        closed.append(call.at_end())

    stage.set_up(script, limits=Limits(first_byte_s=0.3))
    began = time.monotonic()
    explained(stage.ask("/api/x", "Content-Length: 0", method=method), 504, "upstream_timeout")
    assert 0.3 <= time.monotonic() - began < 2
    assert stage.event().outcome is Outcome.UPSTREAM_TIMEOUT
    stage.upstream.close()
    assert closed == [True]


def test_slow_upload_does_not_count_against_the_first_byte(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer()

    stage.set_up(script, limits=Limits(first_byte_s=0.3, client_idle_s=5))
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 8", method="POST"))
    wire.sock.settimeout(0.1)
    for _ in range(8):
        with pytest.raises(TimeoutError):
            wire.sock.recv(1)
        wire.send(b"x")
    wire.sock.settimeout(5)
    assert wire.response().status == 200


def test_response_that_stops_is_cut_off(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart")
        call.at_end()

    stage.set_up(script, limits=Limits(idle_s=0.3))
    response = stage.ask()
    assert (response.body, response.complete) == (b"part", False)
    event = stage.event()
    assert (event.outcome, event.aborted) == (Outcome.UPSTREAM_TIMEOUT, True)


def test_upstream_that_takes_no_body_is_504(stage: Stage) -> None:
    released = threading.Event()

    def script(call: Call) -> None:
        call.head()
        released.wait(5)

    stage.set_up(script, limits=Limits(idle_s=0.5, client_idle_s=5))
    wire = stage.client()

    def pour() -> None:
        with suppress(OSError):
            wire.send(request("/api/x", "Content-Length: 100000000", method="POST"), b"x" * 100_000_000)

    sender = threading.Thread(target=pour)
    sender.start()
    explained(wire.response(), 504, "upstream_timeout")
    released.set()
    wire.close()
    sender.join(5)


def test_client_that_stops_in_mid_upload_is_408(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.head()
        assert call.exactly(10) == (b"part", False)

    stage.set_up(script, limits=Limits(client_idle_s=0.3))
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 10", method="POST"), b"part")
    response = wire.response()
    explained(response, 408, "request_timeout")
    assert response.get("connection") == "close"
    assert wire.at_end()
    assert stage.event().outcome is Outcome.CLIENT_TOO_SLOW


def test_body_that_a_middleware_has_eaten_is_told_in_words(stage: Stage) -> None:
    async def greedy(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await stage.proxy(scope, receive, send)

    stage.set_up(limits=Limits(client_idle_s=0.3))
    stage.server.app = greedy
    response = stage.ask("/api/x", "Content-Length: 3", method="POST", body=b"abc")
    assert "middleware" in str(explained(response, 408, "request_timeout")["suggestion"])


def test_failure_leaves_the_clients_connection_usable(stage: Stage) -> None:
    stage.set_up(lambda call: call.request() and None)
    wire = stage.client()
    for _ in range(3):
        wire.send(request())
        explained(wire.response(), 502, "upstream_failed")


def test_503_of_the_upstream_passes_as_it_is_and_is_not_repeated(stage: Stage) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.answer(b"busy", b"Retry-After: 2", status=b"503 Service Unavailable")

    stage.set_up(script)
    response = stage.ask()
    assert (response.status, response.get("retry-after"), response.body) == (503, "2", b"busy")
    assert stage.upstream.requests.qsize() == 1


def test_errors_answer_head_without_a_body(stage: Stage) -> None:
    stage.upstream.stop_listening()
    wire = stage.client()
    for _ in range(2):
        wire.send(request(method="HEAD"))
        assert wire.response("HEAD").status == 503
