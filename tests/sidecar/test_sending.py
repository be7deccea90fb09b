"""How answers leave: all of a large one reaches a slow reader, and a small one costs the loop no turns."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mediabridge.sidecar.connection import Channel
from mediabridge.sidecar.guard import Guard
from mediabridge.sidecar.server import Server, ServerOptions

MIB = 1024 * 1024


@contextlib.contextmanager
def serving(app: Callable[..., Iterable[bytes]]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = ServerOptions(
            max_bytes=MIB, largest_body=lambda *_: MIB, open_body=lambda *_: None, drain_s=0.2, threads=2
        )
        server = Server(app, [listener], Guard(None, "127.0.0.1"), options)
        thread = threading.Thread(target=server.run, args=(lambda: None,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.signal(15, None)
            thread.join(10)


def ask(port: int, chunk: int = 65536, window: int | None = None) -> bytes:
    with socket.socket() as sock:
        if window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        sock.settimeout(30)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: sock.recv(chunk), b""))


@pytest.mark.parametrize("pieces", [[40 * MIB], [MIB] * 40, [1000] * 2000])
def test_a_large_answer_reaches_a_slow_reader_whole(pieces: list[int]) -> None:
    """Above waitress's high-water mark (16 MiB) the application waits for the loop to send."""

    def app(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(sum(pieces)))])
        for number, size in enumerate(pieces):
            yield bytes([number % 251]) * size

    with serving(app) as port:
        body = ask(port, window=4096).partition(b"\r\n\r\n")[2]
    assert body == b"".join(bytes([number % 251]) * size for number, size in enumerate(pieces))


def test_the_loop_leaves_the_socket_to_the_thread_that_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen where the thread has the lock and the bytes, and the loop is asked what to wait for."""
    wanted = []
    flush = Channel._flush_some

    def look(self: Channel, *args: Any, **kwargs: Any) -> Any:
        if self.requests:
            wanted.append((self.total_outbufs_len > 0, self.writable()))
        return flush(self, *args, **kwargs)

    monkeypatch.setattr(Channel, "_flush_some", look)

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with serving(app) as port:
        assert ask(port).endswith(b"ok")
    assert wanted
    assert set(wanted) == {(True, False)}


def test_a_reader_that_leaves_in_the_middle_ends_the_answer() -> None:
    ended = threading.Event()

    def app(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(100 * MIB))])
        try:
            for _ in range(100):
                yield bytes(MIB)
        finally:
            ended.set()

    with serving(app) as port:
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sock.recv(1000)
        assert ended.wait(20)
