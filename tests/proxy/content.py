"""An immutable content behind the proxy, and what the tests of the cache look at."""

import threading
from email.utils import formatdate

from running import until
from staging.scripted import Call
from staging.serving import Stage, request
from staging.wire import DEADLINE_S, Message

PATH = "/api/h/thumbnail"
BODY = bytes(range(256)) * 20
TAG = '"t1"'
CONTROL = b"Cache-Control: public, max-age=31536000, immutable"
FIELDS = (CONTROL, b"Content-Type: image/webp", b"X-Content-Type-Options: nosniff", b"Accept-Ranges: bytes")


class Content:
    """An upstream that serves one content as the sidecar does, and counts the requests that reached it."""

    def __init__(self, body: bytes = BODY, tag: str = TAG, fields: tuple[bytes, ...] = FIELDS) -> None:
        self.body, self.tag, self.fields = body, tag, fields
        self.gone = False
        self.asked = 0
        self.hold: threading.Event | None = None
        self.held = ("GET", "HEAD")

    def __call__(self, call: Call) -> None:
        while (message := call.request()) is not None:
            self.asked += 1
            if self.hold is not None and message.method in self.held:
                assert self.hold.wait(DEADLINE_S)
            self.answer(call, message)

    def answer(self, call: Call, message: Message) -> None:
        date = b"Date: " + formatdate(usegmt=True).encode()
        fields = (b"ETag: " + self.tag.encode(), *self.fields, date)
        if message.method == "DELETE":
            self.gone = True
        if self.gone:
            call.answer(b"no", status=b"404 Not Found")
        elif self.tag in (condition := ", ".join(message.all("if-none-match"))) or condition == "*":
            kept = (field for field in fields if not field.startswith(b"Content-"))
            call.send(b"\r\n".join([b"HTTP/1.1 304 Not Modified", *kept, b"", b""]))
        elif message.method == "GET" and message.all("range"):
            call.answer(self.body[:1], *fields, b"Content-Range: bytes 0-0/5120", status=b"206 Partial Content")
        elif message.method == "HEAD":
            call.send(b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(self.body), *fields, b"", b""]))
        else:
            call.answer(self.body, *fields)


def new(message: Message) -> bool:
    """Whether it is from memory, and has come there just now."""
    age = message.get("age")
    return age is not None and int(age) < 5


def in_flight(stage: Stage) -> int:
    return sum(counts.in_flight for counts in stage.tally.by_route().values())


def later(stage: Stage, seconds: float) -> None:
    """Let time go by, for the cache alone."""
    cache = stage.proxy._cached.cache
    until(lambda: not in_flight(stage), "what was on its way is there")
    clock = cache.clock
    cache.clock = lambda: clock() + seconds


def same(one: Message, other: Message) -> None:
    moving = {"age", "date", "x-request-id"}
    assert one.status == other.status
    assert [p for p in one.headers if p[0] not in moving] == [p for p in other.headers if p[0] not in moving]
    assert one.body == other.body


def nothing_is_kept_while_it_changes(stage: Stage, content: Content) -> None:
    """Neither what was there before an unsafe request, nor what comes while it is under way."""
    stage.ask(PATH)
    content.hold, content.held = threading.Event(), ("PUT",)
    changing = stage.client()
    changing.send(request("/api/h", method="PUT"))
    until(lambda: content.asked == 2, "the change has reached the sidecar")
    assert [new(stage.ask(PATH)) for _ in range(2)] == [False, True]
    content.hold.set()
    assert changing.response().status == 200
    until(lambda: not in_flight(stage), "all is over")
    assert stage.ask(PATH).get("age") is None
