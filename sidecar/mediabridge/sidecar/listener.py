"""The listening socket: the bridge's, inherited as a descriptor, or one of our own."""

from __future__ import annotations

import contextlib
import socket
import stat
from pathlib import Path

BACKLOG = 1024


class CannotListenError(Exception):
    """The address cannot be listened on; the text says which and why."""


def inherit(descriptors: str) -> list[socket.socket]:
    """The sockets behind `MEDIABRIDGE_LISTEN_FD` (`5` or `5,7`): bound and listening already.

    The first is the sidecar's address, a second one the bridge's own way to ask for health. Raises `CannotListenError`.
    """
    try:
        listeners = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors.split(",")]
    except (ValueError, OSError) as problem:
        msg = f"MEDIABRIDGE_LISTEN_FD={descriptors!r} names no socket that was handed down: {problem}"
        raise CannotListenError(msg) from problem
    for listener in listeners:
        listener.set_inheritable(False)
    return listeners


def bind(host: str, port: int, path: str | None = None) -> socket.socket:
    """A new listening socket on `host:port` (0 = any free port), or on the Unix domain socket `path` when it is given.

    Raises `CannotListenError`.
    """
    address = path or f"{host}:{port}"
    try:
        return _bind_unix(path) if path else _bind_tcp(host, port)
    except OSError as problem:
        msg = f"The sidecar cannot listen on {address}: {problem.strerror or problem}"
        raise CannotListenError(msg) from problem


def describe(listener: socket.socket) -> str:
    """`http://host:port` or `unix:path`."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _bind_tcp(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _bind_unix(path: str) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        Path(path).chmod(0o600)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Remove a socket file that nobody listens on; anything else stays, and binding will say so."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as test:
            try:
                test.connect(path)
            except ConnectionRefusedError:
                Path(path).unlink()
