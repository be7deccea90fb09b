"""Requests that two servers may read differently, or that are none."""

import json
import re
import selectors
from pathlib import Path
from typing import Any

from staging.scripted import Call
from staging.serving import request
from staging.wire import Message, Wire

from mediabridge.proxy import Routes

from .bodies import explained
from .case import Book, Seen

BOOK = Book()
case = BOOK.case
READS_CHUNKS = "it reads the chunks, as RFC 9112 §6.3 allows, and gives the length of what it has read"
OWN_WORDS = "it answers by itself, before it calls any application"
MENDS = "it unfolds a folded field, skips trailers, and of CL + TE reads the chunks; nothing is ambiguous after that"
# Of gunicorn 27.0.1, tests/requests/invalid (MIT licence, its notice is in the file).
VECTORS: dict[str, str] = json.loads(Path(__file__).with_name("invalid_requests.json").read_text("utf-8"))["vectors"]


@case(
    "CL + TE in one request",
    "1C 31",
    good="400",
    direct="both forwarded",
    differs={"waitress": Seen("CL only", READS_CHUNKS)},
)
def both_lengths(stage: Any) -> str:
    heads: list[Message] = []

    def script(call: Call) -> None:
        heads.append(call.head())
        call.answer()

    stage.set_up(script)
    client = stage.client()
    client.send(request("/api/x", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST"), b"0\r\n\r\n")
    status = client.response().status
    if not heads:
        return str(status)
    found = [name for name in ("content-length", "transfer-encoding") if heads[0].all(name)]
    words = {"content-length": "CL only", "transfer-encoding": "TE only"}
    return "both forwarded" if len(found) == 2 else words[found[0]]


@case("request with `Transfer-Encoding: gzip, chunked`", "31", good="400", direct="forwarded",
      differs={"waitress": Seen("501", OWN_WORDS)})  # fmt: skip
def unknown_coding(stage: Any) -> str:
    response = stage.ask("/api/x", "Transfer-Encoding: gzip, chunked", method="POST", body=b"0\r\n\r\n")
    return "forwarded" if stage.upstream.calls else str(response.status)


@case("two Host fields", "31", good="400 in JSON", direct=None)
def two_hosts(stage: Any) -> str:
    return refused(stage, b"GET /api/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")


@case("no Host field", "contract", good="400 in JSON", direct=None, differs={
    "express": Seen("400, no JSON", "Node asks for the field before any listener (`requireHostHeader`)"),
})  # fmt: skip
def no_host(stage: Any) -> str:
    return refused(stage, b"GET /api/x HTTP/1.1\r\n\r\n")


@case("request that is no HTTP", "contract", good="400 in JSON", direct=None, differs={
    "uvicorn": Seen("400, no JSON", OWN_WORDS), "waitress": Seen("400, no JSON", OWN_WORDS),
    "express-bare": Seen("400, no JSON", "Node's own 400; `sidecar.attach(server)` has a better one"),
})  # fmt: skip
def no_http(stage: Any) -> str:
    return refused(stage, b"GET /api/x HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n")


def refused(stage: Any, data: bytes) -> str:
    client = stage.client()
    client.send(data)
    response = client.response()
    assert not stage.upstream.calls
    is_json = response.get("content-type") == "application/json"
    return f"{response.status} in JSON" if is_json and explained(response, 400) else f"{response.status}, no JSON"


@case(
    "gunicorn's invalid request vectors: how many reach the upstream", "1C", good="11 of 81", direct=None,
    differs={"waitress": Seen("16 of 81", MENDS), "express": Seen("12 of 81", "Node skips a trailer field named Host")},
)  # fmt: skip
def vectors(stage: Any) -> str:
    """Those that every host passes are HTTP (or harmless: 041, Content-Type twice): gunicorn has narrower limits.

    None that arrives may be ambiguous: with two lengths, or as more than one request.
    """
    stage.may_log_errors = True  # waitress: ValueError of urllib's own for one of the targets
    stage.set_up(routes=Routes.of("/"))
    wires = {name: stage.client() for name in VECTORS}
    for name, wire in wires.items():
        wire.send(bytes_of(VECTORS[name]))
    passed = [name for name, status in statuses(wires).items() if status == "200"]
    print(sorted(passed))  # shown when the number has changed
    got = [stage.upstream.take() for _ in range(stage.upstream.requests.qsize())]
    assert sum(message.complete for message in got) == len(passed)
    assert not any(message.all("transfer-encoding") and message.all("content-length") for message in got)
    return f"{len(passed)} of {len(VECTORS)}"


def bytes_of(text: str) -> bytes:
    """As gunicorn's own tests read them: control characters are written out."""
    for written, meant in (("\n", ""), ("\\r\\n", "\r\n"), ("\\0", "\0"), ("\\n", "\n"), ("\\t", "\t")):
        text = text.replace(written, meant)
    return re.sub(r"\\x([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text).encode("latin-1")


def statuses(wires: dict[str, Wire]) -> dict[str, str]:
    """What each connection is answered, without those that wait for more; all at once, until nothing comes for 1 s."""
    found = {}
    with selectors.DefaultSelector() as waiting:
        for name, wire in wires.items():
            waiting.register(wire.sock, selectors.EVENT_READ, (name, wire))
        while waiting.get_map() and (ready := waiting.select(1)):
            for key, _ in ready:
                name, wire = key.data
                going_on = wire.fill()
                if b"\r\n" in wire.buffer or not going_on:
                    found[name] = wire.buffer[9:12].decode()
                    waiting.unregister(wire.sock)
    return found
