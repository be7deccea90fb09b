"""`python -m mediabridge.sidecar`: the sidecar as a process. Its contract with the bridge is in the environment.

MEDIABRIDGE_LISTEN_FD  inherited, listening sockets (5 or 5,7); without it FLASK_SOCKET or FLASK_HOST:FLASK_PORT
MEDIABRIDGE_TOKEN      every request must carry it as X-Mediabridge-Token
MEDIABRIDGE_NONCE      `GET /health` gives it back
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from mediabridge.config import Settings, load

from . import listener, logs
from .app import create_app
from .events import emit
from .server import THREADS, Server, ServerOptions
from .services import Launch, Services, build

_RESERVE_MS = 500  # of the shutdown timeout, for ExifTool and the temporary files
_STOPS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger("mediabridge.sidecar")


def main() -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean stop, 1 when the address cannot be listened on."""
    for number in _STOPS:  # until the server takes them over
        signal.signal(number, lambda *_: sys.exit(0))
    # Popped, so that ExifTool does not inherit it.
    launch = Launch(os.environ.pop("MEDIABRIDGE_TOKEN", None) or None, os.environ.get("MEDIABRIDGE_NONCE"))
    settings, warnings = load(os.environ, toml=Path("mediabridge.toml"))
    logs.configure(settings.flask_env, level=settings.log_level)
    descriptor = os.environ.pop("MEDIABRIDGE_LISTEN_FD", None)
    if descriptor is None:  # the bridge has told its user already
        for warned in warnings:
            _log.warning("%s", warned)
    try:
        own = descriptor is None
        listening = [_bind(settings)] if own else listener.inherit(descriptor or "")
    except listener.CannotListenError as problem:
        _log.error("%s", problem)
        return 1
    services = build(settings, launch)
    try:
        _serve(settings, services, listening)
    finally:
        services.close(timeout_s=0.2)
        if own and settings.flask_socket:
            with contextlib.suppress(OSError):
                Path(settings.flask_socket).unlink()
    return 0


def _bind(settings: Settings) -> socket.socket:
    return listener.bind(settings.flask_host, settings.flask_port, settings.flask_socket)


def _serve(settings: Settings, services: Services, listening: list[socket.socket]) -> None:
    drain_ms = max(settings.flask_shutdown_timeout_ms - _RESERVE_MS, 0)
    options = ServerOptions(
        max_bytes=services.max_bytes,
        largest_body=services.largest_body,
        open_body=services.bodies.open,
        drain_s=drain_ms / 1000,
        # Two for each process: while one file is read, the next is received.
        threads=max(THREADS, 2 * services.engine.size),
    )
    server = Server(create_app(services), listening, services.guard, options)
    for number in _STOPS:
        signal.signal(number, server.signal)
    where = listener.describe(listening[0])
    words = f"sidecar ready on {where} (pid {os.getpid()})"
    emit(_log, logging.INFO, "sidecar.ready", words, address=where, processes=services.engine.size)
    server.run(cut=lambda: services.engine.close(0.1), stopping=services.stopping.set)


if __name__ == "__main__":
    sys.exit(main())
