"""One request on its way to the upstream and its response on the way back."""

import asyncio
from asyncio import Task
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from time import perf_counter
from typing import Any

from . import headers, stalls
from .account import Account
from .balance import Place
from .cached import Watch
from .client import Client
from .connection import Connection
from .errors import (
    BadRequestError,
    BodyTooLargeError,
    BrokenOffError,
    ClientGoneError,
    Outcome,
    ProxyError,
    TooSlowError,
    UnreachableError,
    UpstreamError,
)
from .request import Request
from .response import Extras
from .trusted import Trusted
from .upstream import Endpoint

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# ASGI's extensions (https://asgi.readthedocs.io/en/latest/extensions.html).
EARLY_HINT, TRAILERS = "http.response.early_hint", "http.response.trailers"

_CLOSE = (b"connection", b"close")
# How long an answer waits for a client that still sends: closing under it would reset its connection, and the answer
# with it (RFC 9112 §9.6).
_LINGER_S, _LINGER_QUIET_S = 2.0, 0.3


class Exchange(Account):
    """Carries one request. ``run()`` raises a ``ProxyError`` when it cannot be carried to its end.

    At most one task besides the caller's: the upload, which afterwards listens for the client's leaving. A request
    without a body gets a listener only when it lasts longer than one pulse, so that quick ones cost no task.
    """

    begun = False  # whether a connection to the upstream was had
    watch: Watch | None = None  # looks at the response, for those who ask for the same
    _conn: Connection | None = None
    _place: Place | None = None
    _listener: Task[None] | None = None
    _error: BaseException | None = None
    _mark = -1
    _since = 0.0

    def __init__(self, client: Client, route: str, request: Request, receive: Receive, send: Send) -> None:
        Account.__init__(self, route, request)
        self.body_arrived = request.length == 0
        self._client = client
        self._limits = client.limits
        self._receive = receive
        self._send = send

    async def run(self, endpoints: Sequence[Endpoint], trusted: Trusted) -> None:
        """Carry the request to one of ``endpoints`` and its response back. Raises a ``ProxyError``."""
        request, client = self.request, self._client
        client.watch(self)
        try:
            if request.length is None and not request.http_version.startswith("1"):
                await self._look_for_body()
            answered = await self._ask(endpoints, trusted)
            try:
                await self._relay(answered)
            except RuntimeError as error:  # uvicorn on uvloop closed the connection: garbage behind the request
                raise ClientGoneError(f"The server would not take the response: {error}") from error
            self.outcome = Outcome.OK
        finally:
            client.unwatch(self)
            if self._listener is not None:
                self._listener.cancel()
            conn, self._conn = self._conn, None  # a word of the client that comes late must not end another's exchange
            if conn is not None:
                client.give_back(conn)
            if self._place is not None:
                client.balancer.release(self._place)

    async def _ask(self, endpoints: Sequence[Endpoint], trusted: Trusted) -> Connection:
        client, request = self._client, self.request
        place = self._place = client.balancer.take(endpoints)
        head = request.head(place.endpoint, trusted)  # may refuse the request, before a connection is opened for it
        conn = client.pooled(place.endpoint, careful=not request.repeatable)
        while True:
            if conn is None:
                conn, place = await self._reach(endpoints)
                head = request.head(place.endpoint, trusted)
            self._begin(conn, head)
            try:
                while not conn.status:
                    await conn.changed()
                    if conn.extras is not None:
                        await self._hint(conn.extras)
            except UpstreamError as error:
                # The upstream may have closed an idle connection just then (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
                stale = isinstance(error, BrokenOffError) and conn.exchanges > 1 and not conn.answered
                if not stale:
                    client.balancer.failed(place)
                if not stale or not request.repeatable:
                    raise
            else:
                self.first_byte_at = perf_counter()
                client.balancer.worked(place)
                return conn
            conn = None

    async def _hint(self, extras: Extras) -> None:
        """Pass on what a 103 said, where the server can."""
        links, extras.links = extras.links, []
        if links and EARLY_HINT in self.request.offered:
            await self._send({"type": EARLY_HINT, "links": links})

    async def _reach(self, endpoints: Sequence[Endpoint]) -> tuple[Connection, Place]:
        """A new connection: to another replica, where the first choice cannot be reached. Nothing is sent yet."""
        balancer, left = self._client.balancer, list(endpoints)
        while True:
            place = self._place = self._place or balancer.take(left)
            try:
                return await self._client.connect(place.endpoint), place
            except (UnreachableError, TooSlowError):
                balancer.failed(place)
                balancer.release(place)
                self._place = None
                left = [one for one in left if one.address != place.endpoint.address]
                if not left:
                    raise

    def _begin(self, conn: Connection, head: bytes) -> None:
        self._conn, self.begun = conn, True
        if self._error is not None:
            conn.abort()
            raise self._error
        has_body = self.request.length != 0
        conn.begin(head, head_only=self.request.method == "HEAD", request_done=not has_body)
        if has_body:
            self._listen(self._upload(conn))

    # The response's way

    async def _relay(self, conn: Connection) -> None:
        fields = conn.headers
        fields.append(headers.via(conn.http_version))
        fill = self.watch.begin(conn.status, fields) if self.watch is not None and conn.extras is None else None
        fields.append((headers.REQUEST_ID, self.request.request_id.encode()))
        early = not conn.request_done
        if early or self.request.asks_for_upgrade:
            fields.append(_CLOSE)
        self.status = conn.status
        start = {"type": "http.response.start", "status": conn.status, "headers": fields}
        trails = conn.extras is not None and conn.extras.announced and not early and TRAILERS in self.request.offered
        if trails:
            start["trailers"] = True
        await self._send(start)
        more = True
        while more:
            while not (conn.chunks or conn.complete):
                await conn.changed()
            data, more = conn.take_body()
            self.bytes_out += len(data)
            if fill is not None:
                fill.add(data)
            await self._send({"type": "http.response.body", "body": data, "more_body": more or early})
        if trails and conn.extras is not None:
            await self._send({"type": TRAILERS, "headers": conn.extras.trailers, "more_trailers": False})
        if early:
            await self.linger()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def linger(self) -> None:
        """Take, for a moment, what a client still sends of a body that nobody will read."""
        self._client.unwatch(self)
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait((self._listener,))
        if not self.body_arrived:
            await linger(self._receive)

    # The request's way

    async def _upload(self, conn: Connection) -> None:
        if self.request.expects_continue and not await conn.go_ahead(self._limits.continue_s):
            return
        more = True
        while more and not conn.closed:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGoneError("The client left in the middle of its upload")
            data, more = message.get("body", b""), message.get("more_body", False)
            self.body_arrived = not more
            self._count(data, more=more)
            if data:
                conn.send(*self._framed(data))
                await conn.drain()
        if more:
            return
        if self.request.length is None:
            conn.send(b"0\r\n\r\n")
        conn.finish()
        await self._watch()

    def _framed(self, data: bytes) -> tuple[bytes, ...]:
        """A part of the body as it is written: plain, or as one chunk (RFC 9112 §7.1)."""
        return (data,) if self.request.length is not None else (b"%x\r\n" % len(data), data, b"\r\n")

    async def _look_for_body(self) -> None:
        """HTTP/2 need not announce a body: only its first part tells whether there is one."""
        first, rest = await self._receive(), self._receive
        if first["type"] != "http.request":
            raise ClientGoneError("The client left before its request was complete")
        if not first.get("body") and not first.get("more_body", False):
            self.request.length = 0
            self.body_arrived = True
            return

        async def replay() -> Message:
            self._receive = rest
            return first

        self._receive = replay

    def _count(self, data: bytes, *, more: bool) -> None:
        self.bytes_in += len(data)
        length, limit = self.request.length, self.request.largest_body
        if limit is not None and self.bytes_in > limit:
            raise BodyTooLargeError(limit)
        if length is not None and (self.bytes_in > length or (not more and self.bytes_in < length)):
            raise BadRequestError("The request body is not as long as its Content-Length says")

    # The client's leaving, and time

    async def _watch(self) -> None:
        ended = False
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError("The client left before it had the whole response")
            if ended:  # a server that repeats the end of the body would keep this loop busy for ever
                return
            ended = not message.get("more_body", False)

    def _listen(self, work: Coroutine[Any, Any, None]) -> None:
        self._listener = self._client.loop.create_task(work)
        self._listener.add_done_callback(self._listened)

    def _listened(self, task: Task[None]) -> None:
        if task.cancelled():
            return
        self._listener = None
        error = task.exception()
        if error is not None:
            self._interrupt(error)

    def _interrupt(self, error: BaseException) -> None:
        self._error = error
        if self._conn is not None:
            self._conn.fail(error)

    def pulse(self, now: float) -> None:
        """Called every 50 ms: listen for the client, and see whether somebody is too slow."""
        if self._listener is None and self._may_listen():
            self._listen(self._watch())
        conn = self._conn
        if conn is None:
            return
        if self._client.stopping and conn.status and headers.is_event_stream(conn.headers):
            conn.cut()
            return
        if conn.activity != self._mark:
            self._mark, self._since = conn.activity, now
            return
        stalled = self._stalled(conn)
        if stalled is not None and now - self._since >= stalled[0]:
            self._interrupt(stalled[1])

    def _may_listen(self) -> bool:
        # The first receive() makes the server answer 100 to a client that asked for it: not ours to trigger here.
        return self.request.length == 0 or self.status is not None

    def _stalled(self, conn: Connection) -> tuple[float, ProxyError] | None:
        """Who is waited for: the seconds they have, and what it is called when they take longer."""
        if conn.complete or conn.reading_paused:
            return None
        if conn.status or conn.request_done:
            return stalls.for_response(self._limits, begun=bool(conn.status))
        return stalls.for_upload(self._limits, upstream_is_full=conn.writing_paused)


async def linger(receive: Receive) -> None:
    """Take and drop what arrives, until it ends, pauses for 0.3 s, or 2 s are over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _LINGER_S
    more = True
    while more and loop.time() < end:
        try:
            message = await asyncio.wait_for(receive(), _LINGER_QUIET_S)
        except TimeoutError:
            return
        more = message["type"] == "http.request" and message.get("more_body", False)
