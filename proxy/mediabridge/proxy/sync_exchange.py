"""One request on its way to the upstream and its response on the way back, in a thread of a WSGI server."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import cast

from . import environ, headers, stalls
from .account import Account
from .balance import Place
from .cache import Fill
from .cached import Watch
from .errors import (
    BodyTooLargeError,
    BrokenOffError,
    ClientGoneError,
    ClientTooSlowError,
    Outcome,
    ProxyError,
    TooSlowError,
    UnreachableError,
    UpstreamError,
)
from .headers import Headers
from .request import Request
from .sync_client import SyncClient
from .sync_connection import SyncConnection
from .trusted import Trusted
from .upstream import Endpoint

_PART = 128 * 1024


class SyncExchange(Account):
    """Carries one request: ``ask`` first, then ``fields`` and ``next_part``, in any case ``end``."""

    watch: Watch | None = None  # looks at the response, for those who ask for the same
    _fill: Fill | None = None
    _conn: SyncConnection | None = None
    _place: Place | None = None
    _ended = False

    def __init__(
        self,
        client: SyncClient,
        route: str,
        request: Request,
        asked: environ.Environ,
        report: Callable[["SyncExchange"], None],
    ) -> None:
        super().__init__(route, request)
        self._client = client
        self._limits = client.limits
        self._environ = asked
        self._report = report

    def ask(self, endpoints: Sequence[Endpoint], trusted: Trusted) -> None:
        """Carry the request to one of ``endpoints``, and wait for the head of the response. Raises a ``ProxyError``."""
        request, client = self.request, self._client
        place = self._place = client.balancer.take(endpoints)
        head = request.head(place.endpoint, trusted)  # may refuse the request, before a connection is opened for it
        conn = client.pooled(place.endpoint)
        while True:
            if conn is None:
                conn, place = self._reach(endpoints)
                head = request.head(place.endpoint, trusted)
            self._conn = conn
            try:
                self._send(conn, head)
                while not conn.status:
                    conn.read(self._patience)
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
                return
            self._let_go()
            conn = None

    def _reach(self, endpoints: Sequence[Endpoint]) -> tuple[SyncConnection, Place]:
        """A new connection: to another replica, where the first choice cannot be reached. Nothing is sent yet."""
        balancer, left = self._client.balancer, list(endpoints)
        while True:
            place = self._place = self._place or balancer.take(left)
            try:
                return self._client.connect(place.endpoint), place
            except (UnreachableError, TooSlowError):
                balancer.failed(place)
                balancer.release(place)
                self._place = None
                left = [one for one in left if one.address != place.endpoint.address]
                if not left:
                    raise

    def fields(self) -> Headers:
        """The header fields for the client. With them the response begins."""
        conn = cast("SyncConnection", self._conn)
        self.status = conn.status
        fields = conn.headers
        fields.append(headers.via(conn.http_version))
        if self.watch is not None and conn.extras is None:
            self._fill = self.watch.begin(conn.status, fields)
        fields.append((headers.REQUEST_ID, self.request.request_id.encode()))
        return fields

    @property
    def arrived(self) -> tuple[bool, bool]:
        """Whether some of the response's body is here, and whether all of it is."""
        conn = cast("SyncConnection", self._conn)
        return bool(conn.chunks), conn.complete

    def next_part(self) -> bytes:
        """The next part of the body as soon as there is one; empty at the end. Raises a ``ProxyError``."""
        conn = self._conn
        if conn is None:
            if self.outcome is Outcome.OK:
                return b""
            raise BrokenOffError(self.message)
        while not (conn.chunks or conn.complete):
            conn.read(self._patience)
        data = conn.take()
        self.bytes_out += len(data)
        if self._fill is not None:
            self._fill.add(data)
        if conn.complete:
            self.outcome = Outcome.OK
            self._release()
        return data

    def fail(self, error: ProxyError) -> None:
        """It cannot be carried to its end; a response that had begun is cut off."""
        self.outcome, self.message = error.outcome, str(error)
        self.aborted = self.status is not None and self.outcome is not Outcome.CLIENT_GONE
        self._release()

    def end(self) -> None:
        """It is over: report it. May be called again."""
        if not self._ended:
            self._ended = True
            self._release()
            self._report(self)

    def _release(self) -> None:
        self._let_go()
        if self._place is not None:
            self._client.balancer.release(self._place)
            self._place = None

    def _let_go(self) -> None:
        if self._conn is not None:
            self._client.give_back(self._conn)
            self._conn = None

    # The request's way

    def _send(self, conn: SyncConnection, head: bytes) -> None:
        request = self.request
        has_body = request.length != 0
        conn.begin(head, self._patience, head_only=request.method == "HEAD", request_done=not has_body)
        if has_body and self._may_go_on(conn):
            self._upload(conn)

    def _may_go_on(self, conn: SyncConnection) -> bool:
        """Whether to send the body; for ``Expect: 100-continue`` see RFC 9110 §10.1.1."""
        if self.request.expects_continue:
            while not (conn.proceed or conn.status) and conn.read(self._patience_for_continue):
                pass
        return not conn.status

    def _upload(self, conn: SyncConnection) -> None:
        for part in self._parts():
            if conn.has_news():
                conn.read(self._patience)
            if conn.status or not conn.send(part, self._patience):
                return  # answered early
        conn.request_done = True

    def _parts(self) -> Iterator[bytes]:
        """The body as it is written: plain, or in chunks (RFC 9112 §7.1)."""
        read, left = environ.reader_of(self._environ), self.request.length
        while left != 0:
            data = self._read(read, _PART if left is None else min(left, _PART))
            if left is None:
                yield b"%x\r\n%b\r\n" % (len(data), data)
                left = None if data else 0
            elif data:
                yield data
                left -= len(data)
            elif self.bytes_in or environ.has_left(self._environ, body_read=False):
                raise ClientGoneError("The client left in the middle of its upload")
            else:
                raise ClientTooSlowError("Nothing of the request body is there to be read")

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except OSError as error:  # so gunicorn and werkzeug report a body that breaks off, or is not chunked as it says
            raise ClientGoneError(f"The request body broke off: {error}") from error
        self.bytes_in += len(data)
        limit = self.request.largest_body
        if limit is not None and self.bytes_in > limit:
            raise BodyTooLargeError(limit)
        return data

    # Time, and the client's leaving

    def _patience(self, waited_s: float) -> bool:
        conn = cast("SyncConnection", self._conn)
        if environ.has_left(self._environ, body_read=conn.request_done):
            raise ClientGoneError("The client left before it had the whole response")
        if conn.request_done or conn.status:
            seconds, error = stalls.for_response(self._limits, begun=bool(conn.status))
        else:
            seconds, error = stalls.for_upload(self._limits, upstream_is_full=True)
        if waited_s >= seconds:
            raise error
        return False

    def _patience_for_continue(self, waited_s: float) -> bool:
        return waited_s >= self._limits.continue_s
