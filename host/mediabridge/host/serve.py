"""Runs bridge, server and the user's command together until a signal: the life of `mediabridge dev` and `serve`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator

import uvicorn

from mediabridge.bridge import ExitStatus, Listener, PythonBridge, StartError
from mediabridge.proxy import AsgiProxy

from .beside import Beside
from .joined import JoinedProtocol
from .reload import CodeWatch

log = logging.getLogger("mediabridge.host")

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: ours also know the bridge."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Runner:
    """One run: start all, wait for a signal, finish requests, end the sidecar. A second signal ends all at once."""

    def __init__(
        self,
        bridge: PythonBridge,
        app: AsgiProxy,
        listener: Listener,
        *,
        grace_s: float,
        watch: CodeWatch | None = None,
    ) -> None:
        self._bridge = bridge
        self._app = app
        self._listener = listener
        self._grace_s = grace_s
        self._watch = watch
        self._beside: Beside | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._config = uvicorn.Config(
            app,
            http=JoinedProtocol,
            loop="uvloop" if os.name == "posix" else "asyncio",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # the proxy judges X-Forwarded-* itself, by the peer that really called
            timeout_graceful_shutdown=max(1, round(grace_s)),
        )
        self._server = _Server(self._config)

    def run(self, beside: Beside | None = None) -> int:
        """Blocks until the end; gives the exit code."""
        self._beside = beside
        with asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
            runner.run(self._run())
        status = beside.exit if beside else None
        return status.code or 1 if status is not None and not status.ok and not self._asked else 0

    _asked = False

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle_signals(self._loop)
        starting = asyncio.create_task(asyncio.to_thread(self._start))
        try:
            await self._server.serve(sockets=[self._listener.socket])
        finally:
            await asyncio.to_thread(self._stop)
            await starting

    def _start(self) -> None:
        with contextlib.suppress(StartError):  # the bridge has logged it; the proxy answers 503 with the same words
            self._bridge.start()
            log.info("ready: %s", self._listener.address.url)
        if self._beside is not None and not self._server.should_exit:
            self._beside.start(self._bridge, self._listener.address.url)
        if self._watch is not None:
            self._watch.start(self._bridge.reload)

    def _stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        if self._beside is not None:
            self._beside.stop(self._grace_s)
        self._bridge.stop()

    def beside_ended(self, status: ExitStatus) -> None:
        """The user's command is gone: everything ends."""
        if self._loop is not None and not self._server.should_exit:
            log.log(logging.INFO if status.ok else logging.ERROR, "the command %s; stopping", status)
            self._loop.call_soon_threadsafe(self._finish)

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in SIGNALS:
            try:
                loop.add_signal_handler(number, self._on_signal)
            except NotImplementedError:  # Windows: the loop has no signal handlers
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._on_signal))

    def _on_signal(self) -> None:
        if self._asked:
            if self._beside is not None:
                self._beside.kill()
            self._bridge.kill()
            os._exit(0)
        self._asked = True
        log.info("stopping; once more to stop at once")
        self._finish()

    def _finish(self) -> None:
        self._server.should_exit = True
        self._app.end_streams()
