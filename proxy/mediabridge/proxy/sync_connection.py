"""One blocking connection to the upstream, over ``ResponseReader``. Whoever waits decides how long: see ``Waiting``."""

import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from .errors import BrokenOffError
from .headers import NEVER_PASSED_BACK
from .readiness import is_readable, wait_for_either
from .response import ResponseReader

# Asked 20 times a second with the seconds that nothing has moved: whether to stop waiting. May raise to end it all.
Waiting = Callable[[float], bool]

PULSE_S = 0.05
_PART = 128 * 1024
_DONT_WAIT: int = getattr(socket, "MSG_DONTWAIT", 0)
_NOTHING_YET = (BlockingIOError, TimeoutError)


class SyncConnection(ResponseReader):
    """A pooled connection. It belongs to one thread at a time. ``address`` is the endpoint's.

    ``dropped``: names of response fields that are not passed back.
    """

    def __init__(
        self, sock: socket.socket, address: tuple[str, int, str | None], dropped: frozenset[bytes] = NEVER_PASSED_BACK
    ) -> None:
        super().__init__(dropped)
        self.address = address
        self.idle_since = 0.0
        self.exchanges = 0
        self.request_done = True
        self.closed = False
        self._sock = sock
        self._buffer = bytearray(_PART)
        self._view = memoryview(self._buffer)
        _wake_up_each_pulse(sock)

    def begin(self, head: bytes, waiting: Waiting, *, head_only: bool, request_done: bool) -> None:
        """Send a request's head. ``head_only``: the response has no body (RFC 9110 §9.3.2)."""
        self.expect(head_only=head_only)
        self.exchanges += 1
        self.request_done = request_done
        self.send(head, waiting)

    def send(self, data: bytes, waiting: Waiting) -> bool:
        """Send it; ``False`` when the upstream answered before it had it all. Raises ``BrokenOffError``."""
        try:
            sent = self._send_some(data)
            return sent == len(data) or self._send_on(memoryview(data)[sent:], waiting)
        except OSError as error:
            self._salvage(error)
            return False

    def read(self, waiting: Waiting) -> bool:
        """Wait for more of the response. ``False`` when ``waiting`` gave up. Raises ``BrokenOffError``."""
        since = 0.0
        while True:
            try:
                count = self._sock.recv_into(self._buffer)
            except _NOTHING_YET:
                now = monotonic()
                since = since or now - PULSE_S
                if waiting(now - since):
                    return False
            except OSError as error:
                self.closed = True
                raise self.broken_off(error) from error
            else:
                self._received(count)
                return True

    def has_news(self) -> bool:
        """Whether something, be it the end, has arrived that has not been read."""
        return is_readable(self._sock.fileno())

    def abort(self) -> None:
        """Close, also for copies of the socket that a fork may have made."""
        self.closed = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def forget(self) -> None:
        """Close this process's copy only: the connection is another's."""
        self.closed = True
        self._sock.close()

    @property
    def reusable(self) -> bool:
        """Whether the exchange left the connection fit for another (RFC 9112 §9.3)."""
        return self.complete and self.request_done and self._keep_alive and not self.closed

    def _received(self, count: int) -> None:
        if count:
            self.feed(self._view[:count])
            return
        self.closed = True
        self.end_of_stream()
        if not self.complete:
            raise self.broken_off()

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data, _DONT_WAIT)
        except _NOTHING_YET:
            return 0

    def _send_on(self, rest: memoryview, waiting: Waiting) -> bool:
        since = monotonic()
        while rest and not self.status:
            readable, writable = wait_for_either(self._sock.fileno(), PULSE_S)
            if readable:
                self.read(waiting)
            elif writable:
                rest = rest[self._send_some(rest) :]
                since = monotonic()
            else:
                waiting(monotonic() - since)
        return not rest

    def _salvage(self, error: OSError) -> None:
        """Read what had come before sending failed.

        An upstream that refuses an upload answers, then closes under the body (RFC 9112 §9.6).
        """
        self.closed = True
        with suppress(OSError):
            while not self.complete and (count := self._sock.recv_into(self._buffer, 0, _DONT_WAIT)):
                self.feed(self._view[:count])
            self.end_of_stream()
        if not self.status:
            raise BrokenOffError(f"The connection ended before it answered ({error})") from error


def _wake_up_each_pulse(sock: socket.socket) -> None:
    """Let ``recv`` come back after a pulse. The kernel's own timer saves the ``poll`` before each ``recv``."""
    is_plain = type(sock).__module__ == "socket"  # gevent's wait in its loop instead, which knows no such timer
    if sys.platform == "win32" or not is_plain:
        sock.settimeout(PULSE_S)
    else:
        sock.settimeout(None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(PULSE_S * 1_000_000)))
