"""Bytes on sockets, read by hand: what a test sends and sees is exactly what was on the wire."""

import socket
from dataclasses import dataclass, field

DEADLINE_S = 8.0


@dataclass
class Message:
    """A request or a response as it came. ``complete`` is false when the connection ended inside it."""

    start: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = True

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    @property
    def method(self) -> str:
        return self.start.split(" ")[0]

    @property
    def target(self) -> str:
        return self.start.split(" ")[1]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


class Wire:
    """A socket with a buffer. Every wait has a deadline: a hang is a ``TimeoutError``, so a failed test."""

    def __init__(self, sock: socket.socket, *, deadline_s: float = DEADLINE_S) -> None:
        self.sock = sock
        self.sock.settimeout(deadline_s)
        self.buffer = b""

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def fill(self) -> bool:
        """Read once; false at the end of the stream, clean or not."""
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            return False
        self.buffer += data
        return bool(data)

    def until(self, mark: bytes) -> bytes | None:
        """Everything up to and including ``mark``; ``None`` when the stream ends before it."""
        while mark not in self.buffer:
            if not self.fill():
                return None
        taken, _, self.buffer = self.buffer.partition(mark)
        return taken + mark

    def exactly(self, size: int) -> tuple[bytes, bool]:
        while len(self.buffer) < size:
            if not self.fill():
                break
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken, len(taken) == size

    def head(self) -> Message | None:
        block = self.until(b"\r\n\r\n")
        if block is None:
            return None
        start, *lines = block[:-4].decode("latin-1").split("\r\n")
        pairs = [line.split(":", 1) for line in lines]
        return Message(start, [(name.lower(), value.strip(" ")) for name, value in pairs])

    def chunk(self) -> bytes | None:
        """One chunk's data, ``b""`` for the last; ``None`` when the stream ends before it."""
        line = self.until(b"\r\n")
        if line is None:
            return None
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return b"" if self.until(b"\r\n") is not None else None
        data, whole = self.exactly(size + 2)
        return data[:-2] if whole else None

    def body(self, message: Message, *, to_end: bool = False) -> None:
        """Read the body that the head announces; ``to_end``: without a length it lasts until the end."""
        if message.get("transfer-encoding"):
            assert message.get("content-length") is None, "both Content-Length and Transfer-Encoding"
            while chunk := self.chunk():
                message.body += chunk
            message.complete = chunk is not None
        elif length := message.get("content-length"):
            message.body, message.complete = self.exactly(int(length))
        elif to_end:
            while self.fill():
                pass
            message.body, self.buffer = self.buffer, b""

    def request(self) -> Message | None:
        """The next request, ``None`` at the end. Sends no 100."""
        message = self.head()
        if message is not None:
            self.body(message)
        return message

    def response(self, method: str = "GET") -> Message:
        """The next final response."""
        message = self.head()
        assert message is not None, f"the connection ended before a response; left: {self.buffer!r}"
        if 100 <= message.status < 200:
            return self.response(method)
        if method != "HEAD" and message.status not in (204, 304):
            self.body(message, to_end=True)
        return message

    def at_end(self) -> bool:
        """Wait for the end of the stream; false when bytes come instead."""
        return not self.buffer and not self.fill()

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self) -> None:
        self.sock.close()
