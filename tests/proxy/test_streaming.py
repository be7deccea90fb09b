"""Bodies on their way: at once, both ways, whole or visibly broken."""

import threading
import time

import pytest
from staging.scripted import Call
from staging.serving import Stage, request
from staging.wire import DEADLINE_S

from mediabridge.proxy import Limits, Outcome


def test_upload_streams(stage: Stage) -> None:
    """The first part is at the upstream before the client sends the second."""
    first_seen = threading.Event()

    def script(call: Call) -> None:
        call.head()
        assert call.exactly(5) == (b"first", True)
        first_seen.set()
        assert call.exactly(6) == (b"second", True)
        call.answer()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 11", method="POST"), b"first")
    assert first_seen.wait(DEADLINE_S)
    wire.send(b"second")
    assert wire.response().status == 200


def test_chunked_upload_streams_as_chunks(stage: Stage) -> None:
    first_seen = threading.Event()

    def script(call: Call) -> None:
        head = call.head()
        assert head is not None
        assert head.get("transfer-encoding") == "chunked"
        assert call.chunk() == b"first"
        first_seen.set()
        assert call.chunk() == b"second"
        assert call.chunk() == b""
        call.answer()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", "Transfer-Encoding: chunked", method="POST"), b"5;ext=1\r\nfirst\r\n")
    assert first_seen.wait(DEADLINE_S)
    wire.send(b"6\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n")
    assert wire.response().status == 200


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 100"])
def test_client_gone_in_mid_upload_leaves_a_request_cut_off(stage: Stage, framing: str) -> None:
    body = b"5\r\nfirst\r\n" if "chunked" in framing else b"first"
    begun = threading.Event()

    def script(call: Call) -> None:
        call.head()
        call.until(b"first")
        begun.set()
        assert call.until(b"0\r\n\r\n") is None  # the end came, and no last chunk before it

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", framing, method="POST"), body)
    assert begun.wait(DEADLINE_S)
    wire.close()
    event = stage.event()
    assert (event.outcome, event.status, event.bytes_in) == (Outcome.CLIENT_GONE, 499, 5)


@pytest.mark.parametrize("framing", ["", "Content-Length: 3"])
def test_client_gone_while_the_upstream_thinks_closes_the_upstream_call(stage: Stage, framing: str) -> None:
    thinking, left_after = threading.Event(), []

    def script(call: Call) -> None:
        call.request()
        thinking.set()
        assert call.at_end()
        left_after.append(time.monotonic())

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", *filter(None, [framing])), b"abc" if framing else b"")
    assert thinking.wait(DEADLINE_S)
    left_at = time.monotonic()
    wire.close()
    assert stage.event().outcome is Outcome.CLIENT_GONE
    stage.upstream.close()
    assert left_after[0] - left_at < 1


def test_server_sent_events_pass_at_once_and_stop_with_the_client(stage: Stage) -> None:
    stopped = threading.Event()
    received = threading.Semaphore(0)

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            call.send(b"9\r\ndata: x\n\n\r\n")
            assert received.acquire(timeout=DEADLINE_S)  # the next one only when the client has this one
        assert call.at_end()
        stopped.set()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request())
    head = wire.head()
    assert head is not None
    assert head.get("content-type") == "text/event-stream"
    for _ in range(3):
        assert wire.chunk() == b"data: x\n\n"
        received.release()
    wire.close()
    assert stopped.wait(1.5)
    assert stage.event().outcome is Outcome.CLIENT_GONE


def test_a_server_that_stops_ends_server_sent_events_and_nothing_else(stage: Stage) -> None:
    parts = {"/api/events": b"text/event-stream; charset=utf-8", "/api/slow": b"text/plain"}
    stopping, ended = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        target = call.request().target
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % parts[target])
        call.send(b"3\r\none\r\n")
        if target == "/api/events":
            assert call.at_end()
            ended.set()
        else:
            assert stopping.wait(DEADLINE_S)
            assert ended.wait(DEADLINE_S)
            call.send(b"3\r\ntwo\r\n0\r\n\r\n")

    stage.set_up(script)
    wires = {}
    for target in parts:
        wires[target] = stage.client()
        wires[target].send(request(target))
        assert wires[target].head() is not None
        assert wires[target].chunk() == b"one"
    stage.proxy.end_streams()
    stopping.set()
    assert wires["/api/events"].chunk() == b""  # the end of the body, not of the connection
    assert wires["/api/slow"].chunk() == b"two"
    assert wires["/api/slow"].chunk() == b""
    assert [stage.event().outcome for _ in parts] == [Outcome.OK, Outcome.OK]


def test_slow_body_with_a_length_passes_at_once(stage: Stage) -> None:
    received = threading.Semaphore(0)

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for part in (b"ab", b"cd", b"ef"):
            call.send(part)
            assert received.acquire(timeout=DEADLINE_S)

    stage.set_up(script)
    wire = stage.client()
    wire.send(request())
    head = wire.head()
    assert head is not None
    assert head.get("content-length") == "6"
    for part in (b"ab", b"cd", b"ef"):
        assert wire.exactly(2) == (part, True)
        received.release()


def test_head_of_the_response_passes_before_its_body(stage: Stage) -> None:
    go_on = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert go_on.wait(DEADLINE_S)
        call.send(b"ok")

    stage.set_up(script)
    wire = stage.client()
    wire.send(request())
    assert wire.head() is not None
    go_on.set()
    assert wire.exactly(2) == (b"ok", True)


def test_both_directions_stream_at_the_same_time(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.head()
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while chunk := call.chunk():
            call.send(b"%x\r\n%b\r\n" % (len(chunk), chunk.upper()))
        call.send(b"0\r\n\r\n")

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", "Transfer-Encoding: chunked", method="POST"))
    assert wire.head() is not None
    for part in (b"one", b"two", b"six"):
        wire.send(b"3\r\n" + part + b"\r\n")
        assert wire.chunk() == part.upper()
    wire.send(b"0\r\n\r\n")
    assert wire.chunk() == b""
    assert stage.event().outcome is Outcome.OK


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "start", [b"Content-Length: 100\r\n\r\npart", b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"]
)
def test_response_cut_off_upstream_is_cut_off_here(
    stage: Stage, caplog: pytest.LogCaptureFixture, start: bytes, *, reset: bool
) -> None:
    go_on = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\n" + start)
        assert go_on.wait(DEADLINE_S)
        if reset:
            call.reset()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request())
    head = wire.head()
    assert head is not None
    assert head.status == 200
    while b"part" not in wire.buffer:
        assert wire.fill()
    go_on.set()
    wire.body(head)
    assert not head.complete
    event = stage.event()
    assert (event.outcome, event.aborted) == (Outcome.UPSTREAM_FAILED, True)
    # No traceback either: see the fixture.
    assert "Exception in ASGI" not in caplog.text


def test_response_cut_off_at_once_is_never_taken_for_a_whole_one(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")

    stage.set_up(script)
    response = stage.ask()
    assert not response.complete
    assert response.body == b"0123456789"


def test_response_without_length_lasts_until_the_connection_ends(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello ")
        call.send(b"world")

    stage.set_up(script)
    response = stage.ask()
    assert (response.body, response.complete) == (b"hello world", True)
    assert response.get("transfer-encoding") == "chunked"


def test_response_without_length_that_is_reset_is_cut_off(stage: Stage) -> None:
    go_on = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        assert go_on.wait(DEADLINE_S)
        call.reset()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request())
    head = wire.head()
    assert head is not None
    assert wire.chunk() == b"hello"
    go_on.set()
    assert wire.chunk() is None


@pytest.mark.parametrize("fields", [b"Content-Length: 1234", b"Transfer-Encoding: chunked", b"X-A: 1"])
def test_head_keeps_its_headers_and_has_no_body(stage: Stage, fields: bytes) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.send(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n")

    stage.set_up(script)
    wire = stage.client()
    for _ in range(2):  # the second shows that nothing was left over
        wire.send(request(method="HEAD"))
        head = wire.response("HEAD")
        assert head.status == 200
        assert head.get("content-length") == ("1234" if b"1234" in fields else None)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("fields", [b"", b"Content-Length: 5\r\n", b'ETag: "x"\r\n'])
def test_statuses_without_body(stage: Stage, status: bytes, fields: bytes) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.send(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n")

    stage.set_up(script)
    wire = stage.client()
    for _ in range(2):
        wire.send(request())
        response = wire.response()
        assert response.start.startswith(f"HTTP/1.1 {status.decode()[:3]}")
        assert response.get("content-length") is None
        assert response.get("transfer-encoding") is None
        assert response.get("etag") == ('"x"' if b"ETag" in fields else None)


def test_informational_responses_are_not_the_answer(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
        call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.answer(b"final")

    stage.set_up(script)
    response = stage.ask()
    assert (response.status, response.body, response.get("link")) == (200, b"final", None)


def test_trailers_are_dropped_with_their_announcement(stage: Stage) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.send(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")
            call.send(b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n")

    stage.set_up(script)
    wire = stage.client()
    for _ in range(2):
        wire.send(request())
        response = wire.response()
        assert (response.body, response.get("trailer"), response.complete) == (b"ok", None, True)
    assert len(stage.upstream.calls) == 1


def test_large_bodies_arrive_whole_both_ways(stage: Stage) -> None:
    body = bytes(range(256)) * 20_000

    def script(call: Call) -> None:
        received = call.request()
        assert received is not None
        call.answer(received.body)

    stage.set_up(script)
    wire = stage.client()
    sender = threading.Thread(
        target=wire.send, args=(request("/api/x", f"Content-Length: {len(body)}", method="POST"), body)
    )
    sender.start()
    response = wire.response()
    sender.join(DEADLINE_S)
    assert response.body == body
    event = stage.event()
    assert (event.bytes_in, event.bytes_out) == (len(body), len(body))


def test_client_that_does_not_read_makes_the_upstream_wait(stage: Stage) -> None:
    sent = [0]
    stuck = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        call.sock.settimeout(0.5)
        part = b"x" * 65536
        try:
            while sent[0] < 200_000_000:
                call.sock.sendall(part)
                sent[0] += len(part)
        except TimeoutError:
            stuck.set()

    stage.set_up(script, limits=Limits(idle_s=60))
    wire = stage.client()
    wire.send(request())
    wire.head()
    assert stuck.wait(DEADLINE_S)
    assert sent[0] < 40_000_000  # kernel buffers of two sockets, and little of ours
    wire.close()
    assert stage.event().outcome in (Outcome.CLIENT_GONE, Outcome.UPSTREAM_FAILED)
