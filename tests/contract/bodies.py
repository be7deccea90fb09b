"""Bodies of requests: whole, at once, in step, or refused before they are sent."""

import json
import threading
from contextlib import suppress
from typing import Any

from staging.scripted import Call
from staging.serving import request
from staging.wire import Message, Wire

from mediabridge.proxy import Limits

from .case import Book, Seen

BOOK = Book()
case = BOOK.case
SPOOLS = "it reads the whole body, into a file when it is large, before it calls any application"
ASKS_ITSELF = "it says 100 by itself, before it calls any application"
NODE_ASKS = "Node says 100 by itself where nobody listens for `checkContinue`; `sidecar.attach(server)` does"
MANY, MUCH = 64_000_000, 40_000_000  # bytes; the second is more than the buffers of two sockets and ours hold


@case("GET with body", "1C 44")
def get_with_body(stage: Any) -> str:
    return arrived(stage, "GET", "Content-Length: 5", b"hello")


@case("DELETE, chunked body", "1C 44")
def delete_with_chunks(stage: Any) -> str:
    return arrived(stage, "DELETE", "Transfer-Encoding: chunked", b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")


@case("DELETE with body and its length", "44")
def delete_with_length(stage: Any) -> str:
    return arrived(stage, "DELETE", "Content-Length: 5", b"hello")


def arrived(stage: Any, method: str, framing: str, body: bytes) -> str:
    response = stage.ask("/api/x", framing, method=method, body=body)
    if response.status != 200:
        return str(response.status)
    got = stage.upstream.take()
    return "ok" if (got.method, got.body, got.complete) == (method, b"hello", True) else "lost"


@case("trailers of a request", "1C", differs={
    "uvicorn": Seen("dropped", "ASGI has no trailers of a request"),
    "waitress": Seen("dropped", "WSGI has no trailers"),
})  # fmt: skip
def request_trailers(stage: Any) -> str:
    seen = []

    def script(call: Call) -> None:
        head = call.head()
        assert head is not None
        chunked = head.get("transfer-encoding") is not None
        call.until(b"hello\r\n0\r\n" if chunked else b"hello")
        seen.append(chunked and b"x-sum: 1" in (call.until(b"\r\n") or b"").lower())
        call.answer()

    stage.set_up(script)
    body = b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
    framing = ("Trailer: X-Sum", "Transfer-Encoding: chunked")
    assert stage.ask("/api/x", *framing, method="POST", body=body).status == 200
    return "ok" if seen == [True] else "dropped"


@case("upload streams", "1C", good="yes", direct="yes", differs={"waitress": Seen("buffers", SPOOLS)})
def streams(stage: Any) -> str:
    first = threading.Event()

    def script(call: Call) -> None:
        call.head()
        call.exactly(5)
        first.set()
        call.exactly(6)
        call.answer()

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 11", method="POST"), b"first")
    word = "yes" if first.wait(stage.patience_s) else "buffers"
    client.send(b"second")
    assert client.response().status == 200
    return word


@case("upstream takes nothing: the client waits", "45", good="yes", direct="yes",
      differs={"waitress": Seen("spools", SPOOLS)})  # fmt: skip
def upload_is_held_back(stage: Any) -> str:
    """What bounds the memory for an upload of any size: nobody takes more of it than the next can take."""
    released = threading.Event()

    def script(call: Call) -> None:
        call.head()
        released.wait(8)

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", f"Content-Length: {MANY}", method="POST"))
    sent = pour(client, MANY)
    released.set()
    return "yes" if sent < MUCH else "spools"


def pour(wire: Wire, size: int) -> int:
    """Send until nobody takes any more; how much was taken."""
    wire.sock.settimeout(0.5)
    part, sent = b"x" * 65536, 0
    with suppress(TimeoutError, ConnectionError):
        while sent < size:
            wire.sock.sendall(part)
            sent += len(part)
    return sent


@case(
    "`Expect: 100-continue` from upstream", "1C", good="end to end", direct="end to end",
    differs={"waitress": Seen("local 100", ASKS_ITSELF), "express-bare": Seen("local 100", NODE_ASKS)},
)  # fmt: skip
def expect(stage: Any) -> str:
    asked, allowed = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        call.head()
        asked.set()
        assert allowed.wait(8)
        call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.exactly(5)
        call.answer()

    stage.set_up(script, limits=Limits(continue_s=30))
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 5", "Expect: 100-continue", method="POST"))
    local = not asked.wait(stage.patience_s) or said_100(client, 0.2)
    allowed.set()
    assert local or said_100(client, 8)
    client.send(b"hello")
    assert client.response().status == 200
    return "local 100" if local else "end to end"


def said_100(client: Wire, seconds: float) -> bool:
    client.sock.settimeout(seconds)
    try:
        head = client.head()
    except TimeoutError:
        return False
    finally:
        client.sock.settimeout(8)
    assert head is not None
    assert head.status == 100
    return True


@case("`Expect: 100-continue` without a body", "40", good="ignored", direct="forwarded",
      differs={"waitress": Seen("no answer", "it says 100 and waits for a body nobody has announced")})  # fmt: skip
def expect_nothing(stage: Any) -> str:
    client = stage.client()
    client.send(request("/api/x", "Expect: 100-continue"))
    client.sock.settimeout(stage.patience_s)
    try:
        assert client.response().status == 200
    except TimeoutError:
        return "no answer"
    return "forwarded" if stage.upstream.take().get("expect") else "ignored"


@case(
    "`Expect: 100-continue` while not ready", "40", good="503, unread", direct=None,
    differs={"waitress": Seen("100, then 503", ASKS_ITSELF), "express-bare": Seen("100, then 503", NODE_ASKS)},
)  # fmt: skip
def expect_not_ready(stage: Any) -> str:
    stage.be_away()
    return refused_early(stage, 503)


@case(
    "`Expect: 100-continue` over the size limit", "40", good="413, unread", direct=None,
    differs={"waitress": Seen("100, then 413", ASKS_ITSELF), "express-bare": Seen("100, then 413", NODE_ASKS)},
)  # fmt: skip
def expect_too_large(stage: Any) -> str:
    stage.set_up(limits=Limits(max_body=1000))
    return refused_early(stage, 413)


def refused_early(stage: Any, status: int) -> str:
    """Whether the refusal comes without a 100 and without a byte of the body; no connection is opened."""
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 50000", "Expect: 100-continue", method="POST"))
    head = client.head()
    assert head is not None
    early = head.status != 100
    if not early:
        client.send(b"x" * 50000)
        head = client.response()
    else:
        client.body(head)
    assert explained(head, status)
    assert not stage.upstream.calls
    return f"{status}, unread" if early else f"100, then {status}"


def explained(message: Message, status: int) -> dict[str, Any]:
    """The JSON of CONTRACT §3."""
    assert message.status == status, message
    answer: dict[str, Any] = json.loads(message.body)
    assert {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"} <= answer.keys()
    assert answer["status"] == status
    return answer


@case("upstream answers 413 early", "1C 41", good="413", direct="413", differs={"waitress": Seen("waits", SPOOLS)})
def early_413(stage: Any) -> str:
    def script(call: Call) -> None:
        call.head()
        call.answer(b"too big", status=b"413 Content Too Large")
        call.at_end()

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 1000000", method="POST"), b"x" * 100_000)
    client.sock.settimeout(stage.patience_s)
    try:
        return str(client.response().status)
    except TimeoutError:
        return "waits"


@case("413 of the upstream reaches a client that sends all first", "41", good="413", direct=None)
def early_413_and_reset(stage: Any) -> str:
    """The upstream resets behind its answer: writing the body fails, the answer must be read all the same."""

    def script(call: Call) -> None:
        call.head()
        call.answer(b"too big", b"Connection: close", status=b"413 Content Too Large")
        call.reset()

    stage.set_up(script)
    return str(stage.ask("/api/x", "Content-Length: 500000", method="POST", body=b"x" * 500_000).status)


@case("client gone mid-upload (chunked)", "1C 35", good="aborts", direct="aborts",
      differs={"waitress": Seen("not sent", SPOOLS)})  # fmt: skip
def gone_in_upload(stage: Any) -> str:
    return left_behind(stage, "Transfer-Encoding: chunked", b"5\r\nfirst\r\n")


@case("client gone mid-upload (length)", "35", good="aborts", direct="aborts",
      differs={"waitress": Seen("not sent", SPOOLS)})  # fmt: skip
def gone_in_upload_with_length(stage: Any) -> str:
    return left_behind(stage, "Content-Length: 100", b"first")


def left_behind(stage: Any, framing: str, part: bytes) -> str:
    """What the upstream has of an upload whose client leaves after its first part."""
    begun, ended, words = threading.Event(), threading.Event(), []

    def script(call: Call) -> None:
        call.head()
        call.until(b"first")
        begun.set()
        words.append("aborts" if call.until(b"0\r\n\r\n") is None else "COMPLETE")
        ended.set()

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", framing, method="POST"), part)
    began = begun.wait(stage.patience_s)
    client.close()
    if not began:
        return "not sent" if not stage.upstream.calls else "begun late"
    return words[0] if ended.wait(stage.patience_s) else "left hanging"


@case(
    "body parser or middleware before the proxy has read the body", "43", good="told in words", direct=None,
    differs={"express-handler": Seen("passes", "`handler()` is asked before the application and its parsers")},
)  # fmt: skip
def eaten(stage: Any) -> str:
    stage.set_up(limits=Limits(client_idle_s=0.3))
    stage.eat_bodies()
    fields = ("Content-Type: application/json", "Content-Length: 18")
    response = stage.ask("/api/x", *fields, method="POST", body=b'{"a" :  1, "b": 2}')
    if response.status == 200:
        return "passes" if stage.upstream.take().body == b'{"a" :  1, "b": 2}' else "altered"
    answer = json.loads(response.body)
    told = f"{answer['message']} {answer['suggestion']}".lower()
    return "told in words" if "middleware" in told or "parser" in told else f"{response.status}: {told}"
