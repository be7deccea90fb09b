"""What a child prints: cut into lines, made safe to show, remembered in part for the crash report.

Whole blocks of lines are handled at once, so that a million lines cost little more than copying them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from .status import ExitStatus

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")

LINE_LIMIT = 16 * 2**20  # bytes of one line kept together; a longer one is passed on in pieces
HEAD = 4096
TAIL = 8192

_SAFE = bytes(range(0x20, 0x7F)) + b"\n\t"
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])"
)  # ECMA-48: CSI, OSC, others
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, UTF-8, each ending with a newline and free of control characters, as `source` printed them."""

    source: str
    stream: Stream
    data: bytes

    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.data.decode().split("\n")[:-1]


Sink = Callable[[Block], None]


class Reader(Protocol):
    """Who takes what a pump reads. One call at a time, from a thread of the pump."""

    def data(self, stream: Stream, chunk: bytes) -> None:
        """Bytes of `stdout` or `stderr`."""

    def quiet(self) -> None:
        """Nothing came for a while."""

    def exited(self, status: ExitStatus) -> None:
        """The child has ended, and what it had written before was delivered."""

    def closed(self) -> None:
        """Nothing more will come."""


def clean(data: bytes) -> bytes:
    """The same lines in valid UTF-8, without escape sequences; a lone carriage return ends a line, as on a screen.

    Invalid bytes become U+FFFD, other control characters are shown as `\\xNN`.
    """
    if not data.translate(None, _SAFE):
        return data
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    text = _ESCAPES.sub("", text)
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text).encode()


class Lines:
    """Cuts the bytes of one stream into blocks of whole, clean lines."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> bool:
        """Whether the beginning of a line waits for its end."""
        return bool(self._rest)

    def feed(self, chunk: bytes) -> bytes:
        """Take what was read; give the lines that are complete now."""
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, -1)) + 1
        if not end:
            self._keep(chunk)
            return self.flush() if self._size > LINE_LIMIT else b""
        whole = b"".join((*self._rest, memoryview(chunk)[:end])) if self._rest or end < len(chunk) else chunk
        self._rest, self._size = [], 0
        if end < len(chunk):
            self._keep(chunk[end:])
        return _ended(clean(whole))

    def _keep(self, part: bytes) -> None:
        self._rest.append(part)
        self._size += len(part)

    def flush(self, *, final: bool = False) -> bytes:
        """Give an unfinished line as a line of its own; the bytes of an unfinished character wait, unless `final`."""
        part = b"".join(self._rest)
        keep = 0 if final else _unfinished(part)
        rest = part[len(part) - keep :]
        self._rest, self._size = ([rest] if rest else []), len(rest)
        part = part[: len(part) - keep]
        return _ended(clean(part)) if part else b""


def _ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"


def _unfinished(data: bytes) -> int:
    """How many bytes at the end begin a character that is not complete."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data[-4:])
    return len(decoder.getstate()[0])


class Remembered:
    """The first and the last part of a stream, for the crash report."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._seen = 0

    def add(self, block: bytes) -> None:
        """Take the next lines."""
        if len(self._head) < HEAD:
            self._head += block[: HEAD - len(self._head)]
        self._tail = (self._tail + block[-TAIL:])[-TAIL:]
        self._seen += len(block)

    @property
    def head(self) -> str:
        """The first 4 KB."""
        return self._head.decode("utf-8", "replace")

    @property
    def tail(self) -> str:
        """The last 8 KB that the head does not hold."""
        fresh = min(len(self._tail), max(0, self._seen - len(self._head)))
        return self._tail[len(self._tail) - fresh :].decode("utf-8", "replace")


def prefixed(block: Block, *, colour: str = "") -> bytes:
    """The lines with `[source] ` before each; `colour` is an SGR number for a terminal, or empty."""
    prefix = f"[{block.source}] ".encode()
    if colour:
        prefix = b"\x1b[" + colour.encode() + b"m" + prefix[:-1] + b"\x1b[0m "
    after = block.data.replace(b"\n", b"\n" + prefix)
    return b"".join((prefix, memoryview(after)[: -len(prefix)]))  # a copy less than by slices
