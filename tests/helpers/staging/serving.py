"""A real uvicorn in a thread, and the stage on which most tests play: client, uvicorn, proxy, upstream."""

import asyncio
import queue
import socket
import threading
from collections.abc import Collection
from typing import Any

import uvicorn

from mediabridge.proxy import AsgiProxy, Endpoint, Finished, Limits, Routes, Tally
from mediabridge.proxy.asgi import ASGIApp
from mediabridge.proxy.testing import FakeUpstream

from .scripted import Script, ScriptedUpstream, always_ok
from .wire import DEADLINE_S, Message, Wire

ROUTES = Routes.of("/api", "/health")


class Server:
    """uvicorn on a free port; the application is replaced from test to test."""

    def __init__(self, *, loop: str = "uvloop", http: Any = "httptools") -> None:
        self.app: ASGIApp | None = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        config = uvicorn.Config(
            self._delegate, interface="asgi3", loop=loop, http=http, lifespan="off", log_config=None, access_log=False,
            date_header=False, server_header=False, proxy_headers=False, timeout_keep_alive=60,
        )  # fmt: skip
        self._uvicorn = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._runner = asyncio.Runner(loop_factory=config.get_loop_factory())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(DEADLINE_S)

    async def _delegate(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def _run(self) -> None:
        with self._runner as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._started.set)
        await self._uvicorn.serve(sockets=[self.listener])

    def on_loop(self, work: Any) -> Any:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        self.listener.close()


class Stage:
    """One test's proxy on the shared server, in front of one scripted upstream."""

    def __init__(self, server: Server, upstream: ScriptedUpstream) -> None:
        self.server = server
        self.upstream = upstream
        self.fake = FakeUpstream(upstream.endpoint)
        self.events: queue.Queue[Finished] = queue.Queue()
        self._clients: list[Wire] = []
        self.set_up()

    def set_up(
        self,
        script: Script = always_ok,
        *,
        limits: Limits | None = None,
        trusted: Collection[str] = (),
        server_sets: Collection[str] = (),
        app: ASGIApp | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        routes: Routes = ROUTES,
    ) -> None:
        """The script, and a fresh proxy with these arguments."""
        self.upstream.script = script
        here = self.upstream.endpoint
        self.fake.be_ready(Endpoint(here.host, here.port, here.uds, headers))
        self.proxy = AsgiProxy(
            self.fake, routes=routes, app=app, limits=limits or Limits(), trusted=trusted, server_sets=server_sets,
            on_event=self.events.put,
        )  # fmt: skip
        self.server.app = self.proxy

    @property
    def tally(self) -> Tally:
        return self.proxy.tally

    def client(self) -> Wire:
        wire = Wire(socket.create_connection(("127.0.0.1", self.server.port)))
        self._clients.append(wire)
        return wire

    def ask(self, target: str = "/api/x", *headers: str, method: str = "GET", body: bytes = b"") -> Message:
        """One request on a connection of its own, and its response. The body's framing is the caller's."""
        wire = self.client()
        wire.send(request(target, *headers, method=method), body)
        response = wire.response(method)
        wire.close()
        return response

    def event(self) -> Finished:
        return self.events.get(timeout=DEADLINE_S)

    def close(self) -> None:
        for wire in self._clients:
            wire.close()
        self.server.on_loop(self.proxy.aclose())
        self.upstream.close()


def request(target: str = "/api/x", *headers: str, method: str = "GET", host: str = "example.test") -> bytes:
    """The head of a request."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")
