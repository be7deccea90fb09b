"""One connection to the upstream: an asyncio Protocol over ``ResponseReader``. No policy, no timers.

It carries one exchange at a time: ``begin`` writes the head; ``send`` and ``finish`` the body; ``changed`` waits for
more of the response. Both directions push back: nobody reads faster than the other side takes.
"""

import asyncio
import socket
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from .errors import BrokenOffError
from .headers import NEVER_PASSED_BACK
from .readiness import is_readable
from .response import ResponseReader

# Bytes of a body held before the upstream is told to pause; a read may add its own size once.
_HIGH_WATER = 128 * 1024


class Connection(ResponseReader, asyncio.Protocol):
    """A pooled connection. ``address`` is the endpoint's; ``on_lost`` is called once when it is gone.

    ``dropped``: names of response fields that are not passed back.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        address: tuple[str, int, str | None],
        on_lost: Callable[["Connection"], None],
        dropped: frozenset[bytes] = NEVER_PASSED_BACK,
    ) -> None:
        super().__init__(dropped)
        self.address = address
        self.idle_since = 0.0
        self.exchanges = 0
        self.activity = 0  # grows with every sign of progress, either way
        self.request_done = True
        self.reading_paused = False
        self.writing_paused = False
        self.closed = False
        self._loop = loop
        self._on_lost = on_lost
        self._transport: asyncio.Transport
        self._error: BaseException | None = None
        self._reader: Future[None] | None = None
        self._writer: Future[None] | None = None
        self._go_ahead: Future[None] | None = None
        self._spare: socket.socket | None = None

    # What the owner of the exchange calls

    def begin(self, head: bytes, *, head_only: bool, request_done: bool) -> None:
        """Send a request's head. ``head_only``: the response has no body (RFC 9110 §9.3.2)."""
        self.expect(head_only=head_only)
        self._error = None
        self.exchanges += 1
        self.activity += 1
        self.request_done = request_done
        self._go_ahead = None
        if not request_done:
            self._spare = _second_handle(self._transport)
        self._transport.write(head)

    def send(self, *pieces: bytes) -> None:
        """Write a part of the body. Follow with ``drain``."""
        if not self.closed:
            self.activity += 1
            self._transport.writelines(pieces)

    def finish(self) -> None:
        """The request is completely sent."""
        self.activity += 1
        self.request_done = True

    async def drain(self) -> None:
        """Wait until the upstream has taken enough for more to be written, or is gone."""
        if self.writing_paused and not self.closed:
            self._writer = self._loop.create_future()
            await self._writer

    async def go_ahead(self, timeout_s: float) -> bool:
        """Whether to send the body of a request with ``Expect: 100-continue`` (RFC 9110 §10.1.1).

        ``False`` when the final answer is there already; ``True`` after a 100, or when nothing came in time.
        """
        if not self.answered and not self.closed:
            self._go_ahead = self._loop.create_future()
            await asyncio.wait((self._go_ahead,), timeout=timeout_s)
        return not self.status and not self.closed

    def changed(self) -> Future[None]:
        """Resolves when more of the response has come, or it will not. Raises what ``fail`` was given."""
        if self._error is not None:
            raise self._error
        self._reader = self._loop.create_future()
        return self._reader

    def take_body(self) -> tuple[bytes, bool]:
        """What has come of the body, and whether more may follow."""
        data = self.take()
        if self.reading_paused and not self.closed:
            self.reading_paused = False
            self._transport.resume_reading()
        return data, not self.complete

    def fail(self, error: BaseException) -> None:
        """End the exchange: close the connection at once; who waits for the response gets ``error``."""
        if self.complete:
            return
        if self._error is None:
            self._error = error
        self.abort()
        self._wake()

    def cut(self) -> None:
        """Let what has come be the whole response, and close the connection."""
        self.complete = True
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Close without sending what is still unsent."""
        self.closed = True
        self._transport.abort()
        self.end()
        self._release_writers()

    def end(self) -> None:
        """The exchange is over."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    @property
    def reusable(self) -> bool:
        """Whether the exchange left the connection fit for another (RFC 9112 §9.3)."""
        return self.complete and self.request_done and self._keep_alive and not self.closed

    def is_quiet(self) -> bool:
        """Whether nothing, not even the end, has arrived that the event loop has not seen yet."""
        return not is_readable(self._transport.get_extra_info("socket").fileno())

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        """Part of ``asyncio.Protocol``."""
        self.activity += 1
        if self.complete:
            self.abort()
            return
        try:
            self.feed(data)
        except BrokenOffError as error:
            self.fail(error)
            return
        if self._buffered > _HIGH_WATER and not self.complete and not self.closed:
            self.reading_paused = True
            self._transport.pause_reading()
        if self._go_ahead is not None and (self.proceed or self.status):
            self._permit()
        self._wake()

    def eof_received(self) -> None:
        """Part of ``asyncio.Protocol``; the end of a body that has no other end (RFC 9112 §6.3, rule 8)."""
        if self._error is None:
            self.end_of_stream()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of ``asyncio.Protocol``."""
        self.closed = True
        if exc is not None:
            self._salvage()
        self.end()
        if not self.complete and self._error is None:
            self._error = self.broken_off(exc)
        self._release_writers()
        self._wake()
        self._on_lost(self)

    def pause_writing(self) -> None:
        """Part of ``asyncio.Protocol``."""
        self.writing_paused = True

    def resume_writing(self) -> None:
        """Part of ``asyncio.Protocol``."""
        self.activity += 1
        self.writing_paused = False
        self._release_writers()

    # Inside

    def _salvage(self) -> None:
        """Read what had come before a write failed, which ends the transport with its unread data.

        An upstream that refuses an upload answers, then closes under the body (RFC 9112 §9.6).
        """
        with suppress(OSError):
            while self._spare is not None and not self.complete and (data := self._spare.recv(_HIGH_WATER)):
                self.data_received(data)

    def _permit(self) -> None:
        if self._go_ahead is not None and not self._go_ahead.done():
            self._go_ahead.set_result(None)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _release_writers(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
        self._permit()


def _second_handle(transport: asyncio.Transport) -> socket.socket:
    original = transport.get_extra_info("socket")
    handle = socket.fromfd(original.fileno(), original.family, socket.SOCK_STREAM)
    handle.setblocking(False)
    return handle
