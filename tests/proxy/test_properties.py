"""Any request that the host accepts reaches the upstream unchanged, and its response comes back unchanged."""

import threading
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staging.scripted import Call
from staging.serving import Stage, request
from staging.wire import Message

from mediabridge.proxy import headers
from mediabridge.proxy.routes import has_dot_segment

Pairs = list[tuple[str, str]]

_URL = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='?#<>"\\^`{|}')
_PATHS = st.text(_URL, max_size=40).filter(lambda text: not has_dot_segment(f"/{text}".encode()))
_NAMES = st.from_regex(r"x-[a-z0-9!#$&'*+.^`|~-]{1,12}", fullmatch=True).filter(
    lambda name: headers.rule(name.encode()) == headers.KEEP and name != "x-request-id"
)
_NO_TEXT = "".join(map(chr, range(0x7F, 0xA0)))
_TEXT = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters=_NO_TEXT)
_VALUES = st.text(_TEXT, max_size=30).map(str.strip)
_HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)
_BODIES = st.one_of(st.binary(max_size=100), st.integers(1, 200_000).map(lambda n: bytes(range(256)) * (n // 256 + 1)))
_PARTS = st.lists(_BODIES.filter(bool), max_size=4)
_SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass
class Body:
    """``chunked``: each part a chunk of its own; else announced by its length, or absent."""

    parts: list[bytes]
    chunked: bool

    @property
    def whole(self) -> bytes:
        return b"".join(self.parts)

    @property
    def header(self) -> str:
        return "Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {len(self.whole)}"

    @property
    def wire(self) -> bytes:
        if not self.chunked:
            return self.whole
        return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in self.parts) + b"0\r\n\r\n"


_FRAMED = st.builds(Body, _PARTS, st.booleans())


def lines(pairs: Pairs) -> list[str]:
    return [f"{name}: {value}" for name, value in pairs]


def ours(message: Message, pairs: Pairs) -> Pairs:
    names = {name for name, _ in pairs}
    return [pair for pair in message.headers if pair[0] in names]


@dataclass
class Asked:
    method: str
    target: str
    headers: Pairs
    body: Body | None


@dataclass
class Answered:
    status: int
    headers: Pairs
    body: Body


_METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY", "PROPFIND"])
_TARGETS = st.builds("/api/{}?{}".format, _PATHS, st.text(_URL, min_size=1, max_size=40))


@_SETTINGS
@given(
    asked=st.builds(Asked, _METHODS, _TARGETS, _HEADERS, st.one_of(st.none(), _FRAMED)),
    answered=st.builds(Answered, st.integers(200, 599), _HEADERS, _FRAMED),
)
def test_request_and_response_pass_unchanged(stage: Stage, asked: Asked, answered: Answered) -> None:
    bodiless = asked.method == "HEAD" or answered.status in (204, 304)

    def script(call: Call) -> None:
        while call.request() is not None:
            start = f"HTTP/1.1 {answered.status} Any"
            head = "\r\n".join([start, answered.body.header, *lines(answered.headers), "", ""])
            call.send(head.encode("latin-1"), b"" if bodiless else answered.body.wire)

    stage.set_up(script)
    response = exchanged(stage, asked)
    check_request(stage.upstream.take(), asked)
    check_response(response, answered, bodiless=bodiless)
    stage.server.on_loop(stage.proxy.aclose())


def exchanged(stage: Stage, asked: Asked) -> Message:
    """Send from a thread of its own: an answer may come before the whole body is sent."""
    framing = [] if asked.body is None else [asked.body.header]
    head = request(asked.target, *framing, *lines(asked.headers), method=asked.method)
    wire = stage.client()
    sender = threading.Thread(target=wire.send, args=(head, asked.body.wire if asked.body else b""))
    sender.start()
    response = wire.response(asked.method)
    sender.join()
    wire.close()
    return response


def check_request(received: Message, asked: Asked) -> None:
    assert (received.method, received.target) == (asked.method, asked.target)
    assert ours(received, asked.headers) == asked.headers
    assert received.complete
    assert received.body == (asked.body.whole if asked.body else b"")
    has_length = asked.body is not None and not asked.body.chunked
    assert received.get("content-length") == (str(len(received.body)) if has_length else None)


def check_response(response: Message, answered: Answered, *, bodiless: bool) -> None:
    assert response.complete
    assert response.status == answered.status
    assert ours(response, answered.headers) == answered.headers
    assert response.body == (b"" if bodiless else answered.body.whole)
    if not answered.body.chunked and answered.status not in (204, 304):
        assert response.get("content-length") == str(len(answered.body.whole))
