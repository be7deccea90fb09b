"""Serves somebody's WSGI application on the socket that the bridge holds. Run by path in the application's interpreter.

`python wsgi_runner.py package.module:application /health`. Needs waitress there, and nothing of ours.
"""

from __future__ import annotations

import hmac
import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def load(name: str) -> Application:
    """The application that `package.module:attribute` names. Raises ImportError in words."""
    module_name, _, attribute = name.partition(":")
    application = importlib.import_module(module_name)
    for part in (attribute or "app").split("."):
        try:
            application = getattr(application, part)
        except AttributeError:
            raise ImportError(f"{module_name} has no {attribute or 'app'}") from None
    if not callable(application):
        raise ImportError(f"{name} is not a WSGI application: it cannot be called")
    return application


STILL_S = 0.2
FORBIDDEN = b'{"error": "Forbidden", "message": "The token is missing.", "code": "forbidden", "status": 403}'


class WithReadiness:
    """The application behind a readiness route and, when the bridge made a token, behind that token."""

    def __init__(self, application: Application, health_path: str, token: str, nonce: str) -> None:
        self._application = application
        self._health_path = health_path
        self._token = token
        self._body = json.dumps({"status": "ok", "nonce": nonce, "pid": os.getpid()}).encode()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        given = environ.pop("HTTP_X_MEDIABRIDGE_TOKEN", "")
        if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
            return _answer(
                start_response, "403 Forbidden", b'{"error": "Forbidden", "code": "forbidden", "status": 403}'
            )
        if environ.get("PATH_INFO") == self._health_path:
            return _answer(start_response, "200 OK", self._body)
        return self._application(environ, start_response)


def _answer(start_response: StartResponse, status: str, body: bytes) -> list[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM, then finish what is under way."""
    sys.path.insert(0, str(Path.cwd()))
    name, health_path = arguments[0], arguments[1]
    application = WithReadiness(
        load(name), health_path, os.environ.pop("MEDIABRIDGE_TOKEN", ""), os.environ.get("MEDIABRIDGE_NONCE", "")
    )
    import waitress.server  # noqa: PLC0415  a missing waitress is told after the application's own faults

    fds = os.environ.get("MEDIABRIDGE_LISTEN_FD", "").split(",")
    sockets = [socket.socket(fileno=int(fd)) for fd in fds if fd]
    own = f"{os.environ.get('FLASK_HOST', '127.0.0.1')}:{os.environ.get('FLASK_PORT', '5001')}"
    channels: dict[int, Any] = {}
    server = waitress.server.create_server(
        application,
        map=channels,
        **({"sockets": sockets[:1]} if sockets else {"listen": own}),
        threads=8,
        ident=None,
        channel_request_lookahead=1,  # a client that leaves is noticed while its request is worked on
    )
    if sockets[1:]:  # the bridge's own: its question does not queue behind the work
        health = waitress.server.create_server(application, map={}, sockets=sockets[1:], threads=1, ident=None)
        threading.Thread(target=health.run, name="health", daemon=True).start()
    serve(server, channels, float(os.environ.get("FLASK_SHUTDOWN_TIMEOUT", "5000")) / 1000)


def serve(server: Any, channels: dict[int, Any], grace_s: float) -> None:
    """Run until SIGTERM or SIGINT, then accept nothing more and end when every answer is out.

    waitress itself drops the connections at once.
    """
    asked: list[float] = []
    wake = next(one for one in channels.values() if hasattr(one, "pull_trigger"))

    def ask(*_: object) -> None:
        asked.append(time.monotonic())
        wake.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    while not asked:
        server.asyncore.loop(timeout=30, map=channels, count=1)
    server.channel_class.task_class = _last_task()
    for listener in [one for one in channels.values() if getattr(one, "accepting", False)]:
        listener.del_channel()
        listener.socket.close()
    while time.monotonic() < asked[0] + grace_s and _busy(channels):
        server.asyncore.loop(timeout=0.05, map=channels, count=1)
    server.task_dispatcher.shutdown(timeout=0.1)


def _last_task() -> type:
    """A waitress task after which the connection is closed, and says so: the next request goes to another process."""
    import waitress.task  # noqa: PLC0415  as above

    class LastTask(waitress.task.WSGITask):
        def build_response_header(self) -> bytes:
            self.request.headers["CONNECTION"] = "close"  # type: ignore[attr-defined]  # the stub knows half of it
            return super().build_response_header()

    return LastTask


def _busy(channels: dict[int, Any]) -> bool:
    """Whether a request is read, worked on or answered; a connection that has been still for a moment is not."""
    now = time.time()
    connections = [one for one in channels.values() if hasattr(one, "total_outbufs_len")]
    return any(
        one.requests or one.request is not None or one.total_outbufs_len or now - one.last_activity < STILL_S
        for one in connections
    )


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder is not the application's
    main(sys.argv[1:])
