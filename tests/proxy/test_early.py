"""Answers that come before the body: limits, Expect: 100-continue, an upstream that has decided already."""

import json
import threading

import pytest
from staging.scripted import Call
from staging.serving import Stage, request
from staging.wire import DEADLINE_S

from mediabridge.proxy import Limits, Outcome


@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
def test_announced_body_over_the_limit_is_413_unread(stage: Stage, expect: list[str]) -> None:
    stage.set_up(limits=Limits(max_body=1000))
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 1001", *expect, method="POST"))
    head = wire.head()
    assert head is not None
    assert (head.status, head.get("connection")) == (413, "close")
    wire.body(head)
    answer = json.loads(head.body)
    assert (answer["code"], answer["limitBytes"]) == ("payload_too_large", 1000)
    assert wire.at_end()
    assert not stage.upstream.calls
    assert stage.event().outcome is Outcome.TOO_LARGE


def test_413_is_not_lost_under_a_body_that_is_being_sent(stage: Stage) -> None:
    stage.set_up(limits=Limits(max_body=1000))
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 1000000", method="POST"), b"x" * 1_000_000)
    response = wire.response()
    assert (response.status, response.complete) == (413, True)


def test_body_at_the_limit_passes(stage: Stage) -> None:
    stage.set_up(limits=Limits(max_body=5))
    assert stage.ask("/api/x", "Content-Length: 5", method="POST", body=b"hello").status == 200
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    assert stage.ask("/api/x", "Transfer-Encoding: chunked", method="POST", body=chunked).status == 200


def test_chunked_body_over_the_limit_is_413_and_never_a_whole_request(stage: Stage) -> None:
    def script(call: Call) -> None:
        request = call.request()
        assert request is None or not request.complete

    stage.set_up(script, limits=Limits(max_body=10))
    wire = stage.client()
    wire.send(request("/api/x", "Transfer-Encoding: chunked", method="POST"), b"5\r\nhello\r\n", b"6\r\nworld!\r\n")
    response = wire.response()
    assert (response.status, response.get("connection")) == (413, "close")
    assert wire.at_end()
    assert stage.event().outcome is Outcome.TOO_LARGE


def test_expect_is_carried_end_to_end(stage: Stage) -> None:
    """The 100 comes from the upstream: without it the client gets none."""
    asked, allowed = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        head = call.head()
        assert head is not None
        assert head.get("expect") == "100-continue"
        asked.set()
        assert allowed.wait(DEADLINE_S)
        call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert call.exactly(5) == (b"hello", True)
        call.answer()

    stage.set_up(script, limits=Limits(continue_s=30))
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 5", "Expect: 100-continue", method="POST"))
    assert asked.wait(DEADLINE_S)
    wire.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        wire.sock.recv(1)
    wire.sock.settimeout(DEADLINE_S)
    allowed.set()
    interim = wire.head()
    assert interim is not None
    assert interim.status == 100
    wire.send(b"hello")
    assert wire.response().status == 200


def test_expect_does_not_wait_for_ever(stage: Stage) -> None:
    stage.set_up(limits=Limits(continue_s=0.1))  # this upstream reads the body without ever saying 100
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 5", "Expect: 100-continue", method="POST"))
    interim = wire.head()
    assert interim is not None
    assert interim.status == 100
    wire.send(b"hello")
    assert wire.response().status == 200
    assert stage.upstream.take().body == b"hello"


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_final_answer_instead_of_100_passes_and_no_body_is_asked_for(stage: Stage, framing: str) -> None:
    def script(call: Call) -> None:
        call.head()
        call.answer(b"no", status=b"401 Unauthorized")
        assert call.at_end()  # and not a byte of a body

    stage.set_up(script, limits=Limits(continue_s=30))
    wire = stage.client()
    wire.send(request("/api/x", framing, "Expect: 100-continue", method="POST"))
    head = wire.head()
    assert head is not None
    assert (head.status, head.get("connection")) == (401, "close")
    wire.body(head)
    assert head.body == b"no"
    assert wire.at_end()
    assert stage.event().bytes_in == 0


def test_client_gone_is_noticed_while_an_answer_instead_of_100_streams(stage: Stage) -> None:
    ended = threading.Event()

    def script(call: Call) -> None:
        call.head()
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        assert call.at_end()
        ended.set()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 5", "Expect: 100-continue", method="POST"))
    assert wire.head() is not None
    assert wire.chunk() == b"ok"
    wire.close()
    assert ended.wait(2)


@pytest.mark.parametrize("closes", [False, True])
def test_early_answer_passes_while_the_client_still_sends(stage: Stage, *, closes: bool) -> None:
    def script(call: Call) -> None:
        call.head()
        call.answer(b"too big", status=b"413 Content Too Large")
        if not closes:
            call.at_end()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 100000000", method="POST"), b"x" * 100_000)
    head = wire.head()
    assert head is not None
    assert (head.status, head.get("connection")) == (413, "close")
    wire.body(head)
    assert head.body == b"too big"
    wire.close()


def test_early_answer_reaches_a_client_that_sends_everything_first(stage: Stage) -> None:
    """8 MB are more than all buffers hold: the answer must survive what is still unread when it is given."""

    def script(call: Call) -> None:
        call.head()
        call.answer(b"too big", status=b"413 Content Too Large")
        call.at_end()

    stage.set_up(script)
    wire = stage.client()
    sent = []

    def pour() -> None:
        wire.send(b"x" * 8_000_000)
        sent.append(True)

    wire.send(request("/api/x", "Content-Length: 8000000", method="POST"))
    sender = threading.Thread(target=pour)
    sender.start()
    sender.join(DEADLINE_S)
    response = wire.response()
    assert (response.status, response.body, sent) == (413, b"too big", [True])


def test_early_answer_survives_the_reset_behind_it(stage: Stage) -> None:
    """Writing the body fails while the answer is still unread: it must be read all the same."""

    def script(call: Call) -> None:
        call.head()
        call.answer(b"too big", b"Connection: close", status=b"413 Content Too Large")
        call.reset()

    stage.set_up(script)
    for _ in range(10):
        wire = stage.client()
        wire.send(request("/api/x", "Content-Length: 500000", method="POST"), b"x" * 500_000)
        response = wire.response()
        assert (response.status, response.body) == (413, b"too big")


def test_early_failure_of_the_upstream_is_told_while_the_client_still_sends(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.head()

    stage.set_up(script)
    wire = stage.client()
    wire.send(request("/api/x", "Content-Length: 100000000", method="POST"), b"x" * 100_000)
    response = wire.response()
    assert (response.status, response.get("connection")) == (502, "close")
