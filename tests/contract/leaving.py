"""Who leaves too early: the other side must hear of it, and nothing broken off may look whole."""

import threading
from typing import Any

from staging.scripted import Call
from staging.serving import request

from .case import Book

BOOK = Book()
case = BOOK.case


@case("client gone while upstream thinks", "1C 39", good="told at once", direct="told at once")
def thinking(stage: Any) -> str:
    return told(stage, "GET")


@case("client gone while upstream thinks about an upload", "39", good="told at once", direct="told at once")
def thinking_about_an_upload(stage: Any) -> str:
    return told(stage, "POST")


def told(stage: Any, method: str) -> str:
    thinking, ended = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        call.request()
        thinking.set()
        if call.at_end():
            ended.set()

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 3", method=method), b"abc")
    assert thinking.wait(8)
    client.close()
    return "told at once" if ended.wait(2) else "not told"


@case("client gone, in the log", "47", good="499", direct=None)
def logged(stage: Any) -> str:
    told(stage, "GET")
    event = stage.event()
    return str(event.status) if event.outcome == "client_gone" else f"{event.outcome}"


@case("upstream cut, Content-Length", "1C 34", good="aborts", direct="aborts")
def cut(stage: Any) -> str:
    return broken_off(stage, b"Content-Length: 100\r\n\r\n0123456789")


@case("upstream cut, chunked", "1C 34", good="aborts", direct="aborts")
def cut_in_chunks(stage: Any) -> str:
    return broken_off(stage, b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")


def broken_off(stage: Any, start: bytes) -> str:
    seen = threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\n" + start)
        assert seen.wait(8)

    stage.set_up(script)
    client = stage.client()
    client.send(request())
    head = client.head()
    assert head is not None
    while b"0123456789" not in client.buffer:
        assert client.fill()
    seen.set()
    try:
        client.body(head)
    except TimeoutError:
        return "client hangs"
    return "looks complete" if head.complete else "aborts"
