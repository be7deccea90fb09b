"""Idle connections, last in first out, each young enough that the upstream has not closed it."""

from asyncio import AbstractEventLoop, TimerHandle
from collections import defaultdict

from .connection import Connection

Address = tuple[str, int, str | None]


class Pool:
    """Idle connections of one event loop. ``max_idle_s`` in seconds, ``size`` for each address."""

    def __init__(self, loop: AbstractEventLoop, *, max_idle_s: float, size: int) -> None:
        self._loop = loop
        self._max_idle_s = max_idle_s
        self._size = size
        self._idle: defaultdict[Address, list[Connection]] = defaultdict(list)
        self._sweeper: TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, address: Address, *, careful: bool) -> Connection | None:
        """The connection used last, or ``None``. ``careful`` asks the socket once more, for what cannot be repeated."""
        idle = self._idle[address]
        while idle:
            connection = idle.pop()
            usable = not connection.closed and self._loop.time() - connection.idle_since < self._max_idle_s
            if usable and (not careful or connection.is_quiet()):
                return connection
            connection.abort()
        return None

    def put(self, connection: Connection) -> None:
        """Keep a connection for the next exchange, or close it when there are enough."""
        idle = self._idle[connection.address]
        if len(idle) >= self._size:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._max_idle_s, self._sweep)

    def forget(self, connection: Connection) -> None:
        """A connection is gone; no-op for one that was not idle."""
        idle = self._idle.get(connection.address, [])
        if connection in idle:
            idle.remove(connection)

    def close(self) -> None:
        """Close every idle connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = self._loop.time() - self._max_idle_s
        for address, idle in list(self._idle.items()):
            for connection in [c for c in idle if c.idle_since <= oldest]:
                idle.remove(connection)
                connection.abort()
            if not idle:
                del self._idle[address]
        if self._idle:
            self._sweeper = self._loop.call_later(self._max_idle_s, self._sweep)
