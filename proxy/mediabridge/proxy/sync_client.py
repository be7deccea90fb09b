"""The blocking upstream client: one pool for all threads of a process."""

import os
import socket
import threading
from collections import defaultdict
from time import monotonic

from .balance import SharedBalancer
from .errors import TooSlowError, UnreachableError
from .headers import NEVER_PASSED_BACK
from .limits import Limits
from .sync_connection import SyncConnection
from .upstream import Endpoint

Address = tuple[str, int, str | None]


class SyncClient:
    """Connections to upstreams. Thread-safe, and a process that was forked from this one starts with an empty pool.

    Idle connections are used last in first out; those that have grown old are closed when another comes back.
    ``dropped``: names of response fields that are not passed back.
    """

    def __init__(self, limits: Limits, dropped: frozenset[bytes] = NEVER_PASSED_BACK) -> None:
        self.limits = limits
        self.balancer = SharedBalancer()
        self._dropped = dropped
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: defaultdict[Address, list[SyncConnection]] = defaultdict(list)
        self._sweep_at = monotonic() + limits.pool_idle_s

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def pooled(self, endpoint: Endpoint) -> SyncConnection | None:
        """The connection used last that the upstream has neither closed nor sent anything on, if there is one.

        A stray byte must never become the answer to the next request.
        """
        if self._pid != os.getpid():
            self._start_anew()
        while True:
            with self._lock:
                idle = self._idle[endpoint.address]
                if not idle:
                    return None
                connection = idle.pop()
            if monotonic() - connection.idle_since < self.limits.pool_idle_s and not connection.has_news():
                return connection
            connection.abort()

    def connect(self, endpoint: Endpoint) -> SyncConnection:
        """A new connection. Raises ``UnreachableError`` or ``TooSlowError``."""
        try:
            return SyncConnection(_open(endpoint, self.limits.connect_s), endpoint.address, self._dropped)
        except TimeoutError:
            raise TooSlowError(f"No connection to {endpoint} within {self.limits.connect_s:g} s") from None
        except OSError as error:
            raise UnreachableError(f"No connection to {endpoint}: {error.strerror or error}") from error

    def give_back(self, connection: SyncConnection) -> None:
        """Keep the connection if its exchange left it fit for another, else close it."""
        if not connection.reusable:
            connection.abort()
            return
        connection.idle_since = now = monotonic()
        with self._lock:
            idle = self._idle[connection.address]
            spare = len(idle) >= self.limits.pool_size
            if not spare:
                idle.append(connection)
            old = self._grown_old(now) if now >= self._sweep_at else []
        for one in (*old, connection) if spare else old:
            one.abort()

    def close(self) -> None:
        """Close the idle connections. Those in use end with their requests."""
        if self._pid != os.getpid():
            self._start_anew()
        with self._lock:
            every = [connection for idle in self._idle.values() for connection in idle]
            self._idle.clear()
        for connection in every:
            connection.abort()

    def _grown_old(self, now: float) -> list[SyncConnection]:
        oldest = now - self.limits.pool_idle_s
        self._sweep_at = now + self.limits.pool_idle_s
        old = []
        for address, idle in list(self._idle.items()):
            old += [connection for connection in idle if connection.idle_since <= oldest]
            idle[:] = [connection for connection in idle if connection.idle_since > oldest]
            if not idle:
                del self._idle[address]
        return old

    def _start_anew(self) -> None:
        """After a fork: the connections are the other process's, and so is whoever held the lock."""
        theirs, self._idle = self._idle, defaultdict(list)
        self._lock = threading.Lock()
        self.balancer = SharedBalancer()
        self._pid = os.getpid()
        for idle in theirs.values():
            for connection in idle:
                connection.forget()


def _open(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    if endpoint.uds is None:
        sock = socket.create_connection((endpoint.host, endpoint.port), timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout_s)
        sock.connect(endpoint.uds)
    except BaseException:
        sock.close()
        raise
    return sock
