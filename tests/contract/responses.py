"""Responses: the same bytes, at once, and all that comes before and behind them."""

import gzip
import threading
from typing import Any

from staging.scripted import Call
from staging.serving import request

from .case import Book, Seen

BOOK = Book()
case = BOOK.case
NO_EARLY_HINTS = "its HTTP/1.1 side offers no `http.response.early_hint`"
NO_TRAILERS = "its HTTP/1.1 side offers no `http.response.trailers`"


@case("gzip body passes", "1C 36")
def packed(stage: Any) -> str:
    body = gzip.compress(b"x" * 600)

    def script(call: Call) -> None:
        call.request()
        call.answer(body, b"Content-Encoding: gzip")

    stage.set_up(script)
    response = stage.ask()
    same = (response.body, response.get("content-encoding"), response.get("content-length"))
    return "ok" if same == (body, "gzip", str(len(body))) else "altered"


@case("HEAD keeps Content-Length", "1C 42")
def head(stage: Any) -> str:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")

    stage.set_up(script)
    client = stage.client()
    lengths = []
    for _ in range(2):  # the second shows that nothing was left over
        client.send(request(method="HEAD"))
        lengths.append(client.response("HEAD").get("content-length"))
    return "ok" if lengths == ["1234", "1234"] else f"{lengths}"


@case("204/304", "1C 42", differs={"waitress": Seen("closes", "it keeps a connection only behind a Content-Length")})
def without_body(stage: Any) -> str:
    def script(call: Call) -> None:
        while (received := call.request()) is not None:
            status = received.target.removeprefix("/api/")
            call.send(f"HTTP/1.1 {status} Fine\r\nETag: x\r\n\r\n".encode())

    stage.set_up(script)
    client, closes = stage.client(), False
    for status in (204, 304, 204):
        if closes:
            client = stage.client()
        client.send(request(f"/api/{status}"))
        response = client.response()
        if response.status != status or response.get("transfer-encoding") or response.get("etag") != "x":
            return f"{status} -> {response.status}"
        closes = response.get("connection") == "close"
    return "closes" if closes else "ok"


@case("103 Early Hints then 200", "1C 42", differs={
    "uvicorn": Seen("hidden", NO_EARLY_HINTS), "waitress": Seen("hidden", "WSGI has one response for a request"),
})  # fmt: skip
def early_hints(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\n")
        call.answer(b"final")

    stage.set_up(script)
    client = stage.client()
    client.send(request())
    first = client.head()
    assert first is not None
    if first.status == 103:
        return "ok" if first.get("link") and client.response().body == b"final" else "broken"
    client.body(first)
    return "hidden" if (first.status, first.body) == (200, b"final") else "broken"


@case("trailers", "1C", differs={
    "uvicorn": Seen("dropped", NO_TRAILERS), "waitress": Seen("dropped", "WSGI has no trailers"),
})  # fmt: skip
def trailers(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")
        call.send(b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n")

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", "TE: trailers", "Connection: close"))
    while client.fill():
        pass
    head, _, body = client.buffer.lower().partition(b"\r\n\r\n")
    assert b"ok" in body
    if b"x-sum: 1" in body:
        return "ok"
    return "dropped, still announced" if b"\r\ntrailer:" in head else "dropped"


@case("SSE: first event at once; upstream stopped when the client leaves", "1C", good="yes", direct="yes")
def events(stage: Any) -> str:
    seen, stopped = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        call.send(b"9\r\ndata: x\n\n\r\n")
        assert seen.wait(8)  # nothing more comes before the client has this one
        call.send(b"9\r\ndata: y\n\n\r\n")
        while call.fill():
            pass
        stopped.set()

    stage.set_up(script)
    client = stage.client()
    client.send(request())
    assert client.head() is not None
    assert client.until(b"data: x\n\n") is not None
    seen.set()
    assert client.until(b"data: y\n\n") is not None
    client.close()
    return "yes" if stopped.wait(stage.patience_s) else "never stopped"


@case("slow Content-Length body flushed", "1C", good="at once", direct="at once")
def slow_body(stage: Any) -> str:
    received = threading.Semaphore(0)

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for part in (b"ab", b"cd", b"ef"):
            call.send(part)
            received.acquire(timeout=8)

    stage.set_up(script)
    client = stage.client()
    client.send(request())
    assert client.head() is not None
    for part in (b"ab", b"cd", b"ef"):
        try:
            assert client.exactly(2) == (part, True)
        except TimeoutError:
            return "buffers"
        received.release()
    return "at once"


@case("client reads nothing: the upstream waits", "45", good="yes", direct="yes")
def slow_reader(stage: Any) -> str:
    """What bounds the memory for a download of any size."""
    from .bodies import MANY, MUCH, pour

    sent, stuck = [], threading.Event()

    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MANY))
        sent.append(pour(call, MANY))
        stuck.set()

    stage.set_up(script)
    client = stage.client()
    client.send(request())
    assert client.head() is not None
    assert stuck.wait(8)
    client.close()
    return "yes" if sent[0] < MUCH else "buffers"


@case("HTTP/1.0 client, response of unknown length", "42", good="until the end", direct=None, differs={
    "uvicorn": Seen("chunks", "it frames a body of unknown length in chunks whatever the client's version is"),
})  # fmt: skip
def http_1_0(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    stage.set_up(script)
    client = stage.client()
    client.send(b"GET /api/x HTTP/1.0\r\nHost: example.test\r\n\r\n")
    response = client.response()
    assert response.body == b"hello"
    return "chunks" if response.get("transfer-encoding") else "until the end"
