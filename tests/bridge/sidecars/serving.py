"""What the hostile sidecars share: a health server small enough to start at once, and kin of every kind."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable

Answer = Callable[[str], tuple[int, str] | None]


def healthy(_path: str) -> tuple[int, str]:
    """Status and body of a sidecar that is well; with MEDIABRIDGE_TEST_NONCE it lies about who it is."""
    nonce = os.environ.get("MEDIABRIDGE_TEST_NONCE") or os.environ.get("MEDIABRIDGE_NONCE")
    return 200, json.dumps({"status": "ok", "nonce": nonce, "pid": os.getpid()})


def listeners() -> list[socket.socket]:
    """The held sockets when there are any, else one of our own at FLASK_HOST and FLASK_PORT."""
    fds = os.environ.get("MEDIABRIDGE_LISTEN_FD")
    if fds:
        return [socket.socket(fileno=int(fd)) for fd in fds.split(",")]
    return [socket.create_server((os.environ["FLASK_HOST"], int(os.environ["FLASK_PORT"])))]


def serve(answer: Answer = healthy) -> None:
    """Answer every request on every listener, from threads; `answer` gives status and body, or None to hang up."""
    for listener in listeners():
        threading.Thread(target=_accept, args=(listener, answer), daemon=True).start()


def _accept(listener: socket.socket, answer: Answer) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_reply, args=(connection, answer), daemon=True).start()


def _reply(connection: socket.socket, answer: Answer) -> None:
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65536)
            if not chunk:
                return
            head += chunk
        reply = answer(head.split()[1].decode())
        if reply is not None:
            status, body = reply
            text = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
            connection.sendall(text.encode())


def sleeper(*, stubborn: bool = False, session: bool = False, daemon: bool = False, quiet: bool = False) -> None:
    """A process that sleeps for good: in our group, in a session of its own, or as a daemon (forked twice).

    `stubborn` ignores SIGTERM and SIGHUP; `quiet` lets go of stdout and stderr.
    """
    if os.fork():
        if daemon:
            os.wait()
        return
    if session or daemon:
        os.setsid()
    if daemon and os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if stubborn else signal.SIG_DFL)
    if quiet:
        for fd in (1, 2):
            os.close(fd)
    while True:
        signal.pause()


def three_sleepers(*, stubborn: bool = False, quiet: bool = False) -> None:
    """One in our group, one in a session of its own, one daemon."""
    sleeper(stubborn=stubborn, quiet=quiet)
    sleeper(stubborn=stubborn, session=True, quiet=quiet)
    sleeper(stubborn=stubborn, daemon=True, quiet=quiet)


def forever() -> None:
    """Until a signal ends us."""
    while True:
        signal.pause()
