"""Connections to the upstream: which are used again, which are not, and what is repeated."""

import threading

import pytest
from staging.scripted import Call, ScriptedUpstream, always_ok
from staging.serving import Stage, request
from staging.wire import DEADLINE_S

from mediabridge.proxy import Endpoint, Limits


def test_connections_are_reused(stage: Stage) -> None:
    for framing, body in ((), b""), (("Content-Length: 2",), b"ab"), (("Transfer-Encoding: chunked",), b"0\r\n\r\n"):
        assert stage.ask("/api/x", *framing, method="POST", body=body).status == 200
    assert len(stage.upstream.calls) == 1


def test_the_one_used_last_is_used_next(stage: Stage) -> None:
    both = threading.Barrier(2)

    def script(call: Call) -> None:
        while (received := call.request()) is not None:
            if received.target == "/api/both":
                both.wait(DEADLINE_S)
            call.answer(str(call.number).encode())

    stage.set_up(script)
    wires = [stage.client(), stage.client()]
    for wire in wires:
        wire.send(request("/api/both"))
    first, second = (wire.response().body for wire in wires)
    assert {first, second} == {b"1", b"2"}
    used = [stage.ask().body for _ in range(3)]
    assert used in ([b"1"] * 3, [b"2"] * 3)


def test_keep_alive_race_get_is_repeated_once(stage: Stage) -> None:
    """The upstream takes the second request of a connection and closes without a byte."""

    def script(call: Call) -> None:
        call.request()
        call.answer()
        call.request()

    stage.set_up(script)
    assert [stage.ask().status for _ in range(3)] == [200, 200, 200]
    assert stage.upstream.requests.qsize() == 5


def test_keep_alive_race_post_is_not_repeated(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer()
        call.request()

    stage.set_up(script)
    statuses = [stage.ask("/api/x", "Content-Length: 2", method="POST", body=b"ab").status for _ in range(2)]
    assert statuses == [200, 502]
    assert stage.upstream.requests.qsize() == 2  # each arrived once


def test_post_uses_no_connection_that_the_upstream_has_closed(stage: Stage) -> None:
    closed = threading.Semaphore(0)

    def script(call: Call) -> None:
        call.request()
        call.answer()
        call.close()
        closed.release()

    stage.set_up(script)
    for _ in range(20):
        assert stage.ask("/api/x", "Content-Length: 2", method="POST", body=b"ab").status == 200
        assert closed.acquire(timeout=DEADLINE_S)


def test_repeated_request_is_repeated_only_once(stage: Stage) -> None:
    served = [0]

    def script(call: Call) -> None:
        if call.number == 1:
            call.request()
            call.answer()
        call.request()
        served[0] += 1

    stage.set_up(script)
    assert [stage.ask().status for _ in range(2)] == [200, 502]
    assert stage.upstream.requests.qsize() == 3


def test_nothing_is_repeated_after_a_byte_of_an_answer(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer()
        call.request()
        call.send(b"HTTP/1.1 2")

    stage.set_up(script)
    assert [stage.ask().status for _ in range(2)] == [200, 502]
    assert stage.upstream.requests.qsize() == 2


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b"x", b"\r\n"])
def test_connection_with_stray_bytes_is_not_reused(stage: Stage, stray: bytes) -> None:
    """Bytes that come while a connection is idle must never become the answer to the next request."""
    closed = threading.Semaphore(0)

    def script(call: Call) -> None:
        call.request()
        call.answer(b"right")
        assert stage.event().status == 200  # the connection is idle now
        call.send(stray)
        assert call.at_end()
        closed.release()

    stage.set_up(script)
    for number in range(1, 4):
        assert stage.ask().body == b"right"
        assert closed.acquire(timeout=DEADLINE_S)
        assert len(stage.upstream.calls) == number


def test_second_answer_in_the_same_packet_is_nobodys(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nrightHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        assert call.at_end()

    stage.set_up(script)
    for number in range(1, 4):
        assert stage.ask().body == b"right"
        assert len(stage.upstream.calls) == number


def test_body_behind_an_answer_to_head_is_nobodys(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        call.at_end()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request(method="HEAD"))
    assert wire.response("HEAD").status == 200
    stage.set_up(always_ok)
    wire.send(request())
    assert wire.response().body == b"ok"


@pytest.mark.parametrize("fields", [b"Connection: close\r\n", b"connection: X-A, Close\r\n"])
def test_connection_that_the_upstream_will_close_is_not_reused(stage: Stage, fields: bytes) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + fields + b"\r\nok")
        assert call.at_end()

    stage.set_up(script)
    for number in range(1, 4):
        assert stage.ask().status == 200
        assert len(stage.upstream.calls) == number


def test_idle_connections_grow_old_and_are_closed(stage: Stage) -> None:
    closed = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.answer()
        assert call.at_end()
        closed.set()

    stage.set_up(script, limits=Limits(pool_idle_s=0.2))
    stage.ask()
    assert closed.wait(2)


def test_pool_is_closed_with_the_proxy(stage: Stage) -> None:
    closed = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.answer()
        assert call.at_end()
        closed.set()

    stage.set_up(script)
    stage.ask()
    stage.server.on_loop(stage.proxy.aclose())
    assert closed.wait(DEADLINE_S)


def test_pool_keeps_no_more_than_its_size(stage: Stage) -> None:
    together = threading.Barrier(4)

    def script(call: Call) -> None:
        call.request()
        together.wait(DEADLINE_S)
        call.answer()
        call.at_end()

    stage.set_up(script, limits=Limits(pool_size=2))
    wires = [stage.client() for _ in range(4)]
    for wire in wires:
        wire.send(request())
    assert [wire.response().status for wire in wires] == [200] * 4
    client = stage.proxy._client
    assert client is not None
    assert len(client._pool) == 2


def test_new_endpoint_gets_new_connections(stage: Stage) -> None:
    stage.ask()
    other = ScriptedUpstream(lambda call: call.request() and call.answer(b"other"))
    stage.fake.be_ready(Endpoint(port=other.endpoint.port))
    assert stage.ask().body == b"other"
    other.close()


def test_restarted_upstream_is_used_again_without_a_failure(stage: Stage) -> None:
    """Every connection of the pool died with the old process."""
    die, dead = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.answer()
        assert die.wait(DEADLINE_S)
        call.reset()
        dead.set()

    stage.set_up(script)
    for method in ("POST", "GET"):
        die.clear()
        dead.clear()
        assert stage.ask(method=method).status == 200
        die.set()
        assert dead.wait(DEADLINE_S)
