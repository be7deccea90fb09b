"""Waitress, served on a socket that the bridge holds, and stopped without cutting anybody off."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

from .bodies import OpenBody
from .connection import Channel
from .events import emit
from .guard import Guard
from .lanes import LaneDispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 4  # at least; a pool of more processes needs more
_JOIN_S = 0.2  # for idle threads, which end at once
_CUT_S = 0.3  # for the answers of requests that were cut off
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """`max_bytes` of an upload; `largest_body`: bytes of a body by path and query; `open_body`: takes what a request
    brings while it arrives, by its method, path, headers and size; `drain_s`: how long requests may go on after the
    first signal; `threads` for work.
    """

    max_bytes: int
    largest_body: Callable[[str, str], int]
    open_body: OpenBody
    drain_s: float
    threads: int = THREADS


class Server:
    """Waitress on one or several listening sockets, TCP or Unix, with one set of threads."""

    def __init__(
        self, app: WSGIApplication, listeners: Sequence[socket.socket], guard: Guard, options: ServerOptions
    ) -> None:
        self._options = options
        self._signals = 0
        self._done = False
        self._map: dict[int, Any] = {}
        self._dispatcher = LaneDispatcher(options.threads)
        self._servers = [_waitress_server(app, one, options, self._map, self._dispatcher) for one in listeners]
        for server in self._servers:
            server.channel_class = Channel
            # For its channels.
            server.guard, server.max_bytes, server.largest_body = guard, options.max_bytes, options.largest_body
            server.open_body = options.open_body
            server.accept_connections()

    def signal(self, _number: int, _frame: FrameType | None) -> None:
        """A signal handler: the first signal asks for a clean stop, the second cuts it short."""
        self._signals += 1
        if not self._done:
            self._servers[0].pull_trigger()

    def run(self, cut: Callable[[], None], stopping: Callable[[], object] = lambda: None) -> None:
        """Serve until a signal comes, then finish what is under way. `stopping` is called in between.

        `cut` is called when that takes longer than `drain_s`, or a second signal comes: it must end all work.
        """
        while not self._signals:
            self._turn(1.0)
        emit(_log, logging.INFO, "sidecar.stopping", "stopping")
        stopping()
        for server in self._servers:
            wasyncore.dispatcher.close(server)  # nobody new; who waits in the queue is the next server's
        self._turn(0)  # what a client has already sent on an open connection counts as under way
        self._drain(self._options.drain_s, until_signal=2)
        if under_way := self._under_way():
            words = f"{under_way} requests are cut off while the sidecar stops"
            emit(_log, logging.WARNING, "sidecar.cut", words, requests=under_way)
            cut()
            self._drain(_CUT_S)
        self._done = True
        self._dispatcher.shutdown(timeout=_JOIN_S)
        wasyncore.close_all(self._map)

    def _drain(self, seconds: float, until_signal: int | None = None) -> None:
        deadline = time.monotonic() + seconds
        while self._under_way() and time.monotonic() < deadline:
            if until_signal is not None and self._signals >= until_signal:
                return
            self._turn(0.05)

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout_s, use_poll=True, map=self._map, count=1)

    def _under_way(self) -> int:
        """How many connections are busy; those at rest are closed on the way."""
        channels = [channel for server in self._servers for channel in server.active_channels.values()]
        resting = [channel for channel in channels if channel.at_rest]
        for channel in resting:
            channel.handle_close()
        return len(channels) - len(resting)


def _waitress_server(
    app: WSGIApplication, listener: socket.socket, options: ServerOptions, sockets: Any, dispatcher: LaneDispatcher
) -> Any:
    return create_server(
        app,
        map=sockets,
        _start=False,
        _dispatcher=dispatcher,
        sockets=[listener],
        ident=None,
        # One byte more, since waitress refuses a body that is as large as its limit.
        max_request_body_size=options.largest_body("", "") + 1,
        channel_request_lookahead=1,  # lets a request learn that its client has left
        clear_untrusted_proxy_headers=False,  # the proxy wrote them itself; they can only take rights away
        recv_bytes=65536,
        connection_limit=1000,
        asyncore_use_poll=True,  # select() ends at descriptor 1024
        log_socket_errors=False,  # a client that leaves is no event
    )
