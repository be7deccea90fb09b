"""When the upstream fails: a status of its own for each way, in JSON, and nothing repeated that must not be."""

import json
import time
from typing import Any

from staging.scripted import Call, ScriptedUpstream
from staging.serving import request
from staging.wire import DEADLINE_S

from mediabridge.proxy import Limits

from .case import Book, Seen

BOOK = Book()
case = BOOK.case


def word_of(stage: Any, method: str) -> str:
    """The status, and the number of tries where it was not one."""
    body = b"x" if method == "POST" else b""
    framing = [f"Content-Length: {len(body)}"] if body else []
    response = stage.ask("/api/x", *framing, method=method, body=body)
    if response.status != 200:
        assert json.loads(response.body)["status"] == response.status
    tries = stage.upstream.requests.qsize()
    return str(response.status) if tries < 2 else f"{response.status} ({tries} tries)"


@case("no answer (upstream closes): GET", "1C 47", good="502", direct=None)
def no_answer_to_get(stage: Any) -> str:
    """On a connection of its own: nothing to repeat, the upstream has failed on this very request."""
    stage.set_up(lambda call: call.request() and None)
    return word_of(stage, "GET")


@case("no answer (upstream closes): POST", "1C 47", good="502", direct=None)
def no_answer_to_post(stage: Any) -> str:
    stage.set_up(lambda call: call.request() and None)
    return word_of(stage, "POST")


@case("keep-alive race: GET", "1C 37", good="retried, 200", direct=None)
def race_of_get(stage: Any) -> str:
    return "retried, 200" if (word := race(stage, "GET")) == "200 (2 tries)" else word


@case("keep-alive race: POST", "1C 37", good="502", direct=None)
def race_of_post(stage: Any) -> str:
    """It was read: nobody knows whether it was done, so once is all (RFC 9110 §9.2.2)."""
    return race(stage, "POST")


def race(stage: Any, method: str) -> str:
    """The second request on a connection is read and dropped."""

    def script(call: Call) -> None:
        call.request()
        call.answer()
        call.request()

    stage.set_up(script)
    assert stage.ask().status == 200
    stage.upstream.take()
    return word_of(stage, method)


@case("idle connection closed by the upstream, then POST", "37", good="200", direct=None)
def stale_for_post(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.answer()  # and closes

    stage.set_up(script)
    for _ in range(3):
        assert stage.ask().status == 200
        stage.upstream.take()
        until_closed(stage.upstream)
    return word_of(stage, "POST")


def until_closed(upstream: ScriptedUpstream) -> None:
    """Wait until the end of every connection is on its way."""
    end = time.monotonic() + DEADLINE_S
    while any(call.sock.fileno() != -1 for call in upstream.calls):
        assert time.monotonic() < end
        time.sleep(0.001)


@case("POST read whole, then the upstream closes: times sent", "38", good="1", direct="1")
def sent_once(stage: Any) -> str:
    stage.set_up(lambda call: call.request() and None)
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 100000", method="POST"), b"x" * 100_000)
    while client.fill():
        if b"\r\n\r\n" in client.buffer:
            break
    return str(stage.upstream.requests.qsize())


@case("no response headers", "1C 47", good="504 in time", direct="none")
def silent(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.at_end()

    stage.set_up(script, limits=Limits(first_byte_s=0.3))
    client = stage.client()
    client.send(request())
    client.sock.settimeout(stage.patience_s)
    try:
        return f"{client.response().status} in time"
    except TimeoutError:
        return "none"


@case("upstream falls silent in mid-body", "47", good="cut off in time", direct="none")
def silent_in_body(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart")
        call.at_end()

    stage.set_up(script, limits=Limits(idle_s=0.3))
    client = stage.client()
    client.send(request())
    client.sock.settimeout(stage.patience_s)
    try:
        return "looks complete" if client.response().complete else "cut off in time"
    except TimeoutError:
        return "none"


@case("client falls silent in mid-upload", "47", good="408 in time", direct="none", differs={
    "waitress": Seen("none", "it waits for the whole body itself, by its `channel_timeout` of 120 s"),
})  # fmt: skip
def silent_client(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()

    stage.set_up(script, limits=Limits(client_idle_s=0.3))
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 10", method="POST"), b"part")
    client.sock.settimeout(stage.patience_s)
    try:
        return f"{client.response().status} in time"
    except TimeoutError:
        return "none"


@case("upstream down", "1C 47", good="503 in JSON", direct="refused")
def down(stage: Any) -> str:
    stage.upstream.stop_listening()
    try:
        return f"{word_of(stage, 'GET')} in JSON"
    except ConnectionRefusedError:
        return "refused"


@case("Retry-After on that", "1C", good="yes", direct=None)
def retry_after(stage: Any) -> str:
    stage.upstream.stop_listening()
    return "yes" if (stage.ask().get("retry-after") or "").isdigit() else "none"


@case("`503 Retry-After: 2` of the upstream: times asked", "48", good="1", direct="1")
def storm(stage: Any) -> str:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.answer(b"busy", b"Retry-After: 2", status=b"503 Service Unavailable")

    stage.set_up(script)
    response = stage.ask()
    assert (response.status, response.get("retry-after"), response.body) == (503, "2", b"busy")
    return str(stage.upstream.requests.qsize())


@case("upstream's answer with two lengths or an unknown coding", "50", good="502", direct=None)
def framed_twice(stage: Any) -> str:
    framings = (
        b"Content-Length: 2\r\nContent-Length: 3", b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
    )  # fmt: skip
    found = set()
    for framing in framings:

        def script(call: Call, framing: bytes = framing) -> None:
            call.request()
            call.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n0\r\n\r\n")

        stage.set_up(script)
        found.add(str(stage.ask().status))
    return ", ".join(sorted(found))


@case("upstream status 999 or 888", "50", good="502, host lives", direct="999")
def no_status(stage: Any) -> str:
    def script(call: Call) -> None:
        while (received := call.request()) is not None:
            call.answer(status=received.target.removeprefix("/api/").encode() + b" Odd")

    stage.set_up(script)
    found = {stage.ask(f"/api/{status}").status for status in (999, 888)}
    assert stage.ask("/api/200").status == 200
    return "502, host lives" if found == {502} else str(max(found))
