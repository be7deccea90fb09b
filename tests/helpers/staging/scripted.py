"""An upstream that does on each connection what its script says, in a thread."""

import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mediabridge.proxy import Endpoint

from .wire import DEADLINE_S, Message, Wire

Script = Callable[["Call"], None]


class Call(Wire):
    """One connection that reached the upstream. ``number`` counts from 1."""

    def __init__(self, sock: socket.socket, number: int, upstream: "ScriptedUpstream") -> None:
        super().__init__(sock)
        self.number = number
        self.upstream = upstream

    def request(self) -> Message | None:
        """The next request, recorded, also when it is cut off."""
        message = super().request()
        if message is not None:
            self.upstream.requests.put(message)
        return message

    def answer(self, body: bytes = b"ok", *headers: bytes, status: bytes = b"200 OK") -> None:
        fields = b"".join(header + b"\r\n" for header in headers)
        self.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n" % len(body) + fields + b"\r\n" + body)


def always_ok(call: Call) -> None:
    while call.request() is not None:
        call.answer()


class ScriptedUpstream:
    """Listens on loopback or on a Unix socket; ``script`` may be replaced between requests."""

    def __init__(self, script: Script = always_ok, *, uds: Path | None = None) -> None:
        self.script = script
        self.requests: queue.Queue[Message] = queue.Queue()
        self.failures: list[BaseException] = []
        self.calls: list[Call] = []
        self.listener = socket.socket(socket.AF_UNIX if uds else socket.AF_INET)
        self.listener.bind(str(uds) if uds else ("127.0.0.1", 0))
        self.listener.listen(128)
        port = 0 if uds else self.listener.getsockname()[1]
        self.endpoint = Endpoint(port=port, uds=str(uds) if uds else None)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                call = Call(sock, len(self.calls) + 1, self)
                self.calls.append(call)
                thread = threading.Thread(target=self._run, args=(call,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _run(self, call: Call) -> None:
        try:
            with suppress(ConnectionError), call.sock:
                self.script(call)
        except BaseException as error:  # noqa: BLE001 - reported when the test ends
            self.failures.append(error)

    def take(self) -> Message:
        """The next request that came, complete or cut off."""
        return self.requests.get(timeout=DEADLINE_S)

    def stop_listening(self) -> None:
        # close() alone does not wake a thread in accept().
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._threads[0].join(DEADLINE_S)

    def close(self) -> None:
        self.stop_listening()
        for call in self.calls:
            with suppress(OSError):
                call.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        for call in self.calls:
            call.sock.close()
        assert not self.failures, self.failures
