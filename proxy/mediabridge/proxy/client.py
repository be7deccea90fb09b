"""The upstream client: connects, pools, and keeps time. One for each event loop."""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from threading import get_ident
from typing import Protocol

from .balance import Balancer
from .connection import Connection
from .errors import TooSlowError, UnreachableError
from .limits import Limits
from .pool import Pool
from .upstream import Endpoint

_PULSE_S = 0.05


class Timed(Protocol):
    """What wants to be looked at 20 times a second while it is in flight."""

    def pulse(self, now: float) -> None:
        """Look at progress and deadlines; ``now`` is the loop's time in seconds."""
        ...


class Client:
    """Connections to upstreams, from this event loop. Every method belongs to the loop's thread.

    ``dropped``: names of response fields that are not passed back.
    """

    def __init__(self, loop: AbstractEventLoop, limits: Limits, dropped: frozenset[bytes]) -> None:
        self.loop = loop
        self.limits = limits
        self.balancer = Balancer()
        self.stopping = False  # what has no end is ended
        self._thread = get_ident()
        self._dropped = dropped
        self._pool = Pool(loop, max_idle_s=limits.pool_idle_s, size=limits.pool_size)
        self._in_flight: set[Timed] = set()
        self._timer: TimerHandle | None = None

    def is_here(self) -> bool:
        """Whether it belongs to the event loop that runs the caller: a thread runs one at a time."""
        return get_ident() == self._thread and self.loop.is_running()

    def pooled(self, endpoint: Endpoint, *, careful: bool) -> Connection | None:
        """An idle connection, if there is one. ``careful``: it must also be quiet at this very moment."""
        return self._pool.take(endpoint.address, careful=careful)

    async def connect(self, endpoint: Endpoint) -> Connection:
        """A new connection. Raises ``UnreachableError`` or ``TooSlowError``."""
        try:
            async with asyncio.timeout(self.limits.connect_s):
                return await self._open(endpoint)
        except TimeoutError:
            raise TooSlowError(f"No connection to {endpoint} within {self.limits.connect_s:g} s") from None
        except OSError as error:
            raise UnreachableError(f"No connection to {endpoint}: {error.strerror or error}") from error

    async def _open(self, endpoint: Endpoint) -> Connection:
        def build() -> Connection:
            return Connection(self.loop, endpoint.address, self._pool.forget, self._dropped)

        if endpoint.uds is not None:
            _, connection = await self.loop.create_unix_connection(build, endpoint.uds)
        else:
            _, connection = await self.loop.create_connection(build, endpoint.host, endpoint.port)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep the connection if its exchange left it fit for another, else close it."""
        connection.end()
        if connection.reusable:
            self._pool.put(connection)
        elif not connection.closed:
            connection.abort()

    # One timer for all requests in flight, because one for each costs more than most requests.

    def watch(self, exchange: Timed) -> None:
        """Call ``exchange.pulse`` every 50 ms until ``unwatch``."""
        self._in_flight.add(exchange)
        if self._timer is None:
            self._timer = self.loop.call_later(_PULSE_S, self._pulse)

    def unwatch(self, exchange: Timed) -> None:
        """The exchange has ended."""
        self._in_flight.discard(exchange)

    def _pulse(self) -> None:
        self._timer = self.loop.call_later(_PULSE_S, self._pulse) if self._in_flight else None
        now = self.loop.time()
        for exchange in list(self._in_flight):
            exchange.pulse(now)

    async def close(self) -> None:
        """Close the idle connections and the timer. Exchanges in flight end with their requests."""
        self._pool.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.sleep(0)  # lets the transports report that they are closed
