"""Any request that the host accepts reaches the upstream unchanged, and its response comes back unchanged."""

import threading
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.proxy import headers

from .scripted import Call
from .serving import Stage, request
from .wire import Message

Pairs = list[tuple[str, str]]

_URL = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='?#<>"\\^`{|}')
_PATHS = st.text(_URL, max_size=40).map(lambda text: text.replace(".", "%41"))
_NAMES = st.from_regex(r"x-[a-z0-9!#$&'*+.^`|~-]{1,12}", fullmatch=True).filter(
    lambda name: headers.rule(name.encode()) == headers.KEEP and name != "x-request-id"
)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="".join(map(chr, range(0x7F, 0xA0)))),
                  max_size=30).map(str.strip)  # fmt: skip
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


@_SETTINGS
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY", "PROPFIND"]),
    path=_PATHS,
    query=st.text(_URL, min_size=1, max_size=40),
    sent=_HEADERS,
    body=st.one_of(st.none(), _FRAMED),
    status=st.integers(200, 599),
    answered=_HEADERS,
    answer=_FRAMED,
)
def test_request_and_response_pass_unchanged(
    stage: Stage, method: str, path: str, query: str, sent: Pairs, body: Body | None, status: int, answered: Pairs,
    answer: Body,
) -> None:  # fmt: skip
    bodiless = method == "HEAD" or status in (204, 304)

    def script(call: Call) -> None:
        while call.request() is not None:
            head = "\r\n".join([f"HTTP/1.1 {status} Any", answer.header, *lines(answered), "", ""])
            call.send(head.encode("latin-1"), b"" if bodiless else answer.wire)

    stage.set_up(script)
    target = f"/api/{path}?{query}"
    wire = stage.client()
    framing = [] if body is None else [body.header]
    head = request(target, *framing, *lines(sent), method=method)
    sender = threading.Thread(target=wire.send, args=(head, body.wire if body else b""))
    sender.start()
    response = wire.response(method)
    sender.join()

    received = stage.upstream.take()
    assert (received.method, received.target) == (method, target)
    assert ours(received, sent) == sent
    assert received.complete
    assert received.body == (body.whole if body else b"")
    assert received.get("content-length") == (None if body is None or body.chunked else str(len(body.whole)))

    assert response.complete
    assert response.status == status
    assert ours(response, answered) == answered
    assert response.body == (b"" if bodiless else answer.whole)
    if not answer.chunked and status not in (204, 304):
        assert response.get("content-length") == str(len(answer.whole))
    stage.server.on_loop(stage.proxy.aclose())
    wire.close()
