"""A real waitress in a thread, and the stage for the WSGI proxy on it."""

import socket
import threading
from collections.abc import Collection
from typing import Any

import waitress.server

from mediabridge.proxy import Endpoint, Limits, Routes, Tally, WsgiProxy

from .scripted import Script, ScriptedUpstream, always_ok
from .serving import ROUTES, Stage
from .wire import DEADLINE_S


class WaitressServer:
    """waitress on a free port; the application is replaced from test to test."""

    def __init__(self) -> None:
        self.app: Any = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._server: Any = waitress.server.create_server(
            lambda env, start: self.app(env, start),  # noqa: PLW0108  replaced later
            map=self._map, sockets=[self.listener], threads=8, ident=None,
            channel_request_lookahead=1, asyncore_use_poll=True, clear_untrusted_proxy_headers=False,
        )  # fmt: skip
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._server.asyncore.loop(timeout=0.05, map=self._map, count=1, use_poll=True)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(DEADLINE_S)
        self._server.task_dispatcher.shutdown()
        self._server.asyncore.close_all(self._map)
        self.listener.close()


class WsgiStage(Stage):
    """Client, waitress, WSGI proxy and upstream."""

    def __init__(self, server: WaitressServer, upstream: ScriptedUpstream) -> None:
        super().__init__(server, upstream)  # type: ignore[arg-type]  # it has what a stage needs of a server

    def set_up(  # type: ignore[override]  # another kind of application
        self,
        script: Script = always_ok,
        *,
        limits: Limits | None = None,
        trusted: Collection[str] = (),
        server_sets: Collection[str] = (),
        app: Any = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        routes: Routes = ROUTES,
    ) -> None:
        """The script, and a fresh proxy with these arguments."""
        if hasattr(self, "wsgi"):
            self.wsgi.close()
        self.upstream.script = script
        here = self.upstream.endpoint
        self.fake.be_ready(Endpoint(here.host, here.port, here.uds, headers))
        self.wsgi = WsgiProxy(
            self.fake, routes=routes, app=app, limits=limits or Limits(), trusted=trusted, server_sets=server_sets,
            on_event=self.events.put,
        )  # fmt: skip
        self.server.app = self.wsgi  # type: ignore[assignment]

    @property
    def tally(self) -> Tally:
        return self.wsgi.tally

    def close(self) -> None:
        for wire in self._clients:
            wire.close()
        self.wsgi.close()
        self.upstream.close()
