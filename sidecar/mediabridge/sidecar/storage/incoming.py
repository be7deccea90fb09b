"""A file on its way into the store: written once, hashed on the way, refused as soon as its type is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mediabridge.sidecar.faults import InvalidRequest, StorageFull, UnsupportedMedia

from .names import extension_of
from .record import Label
from .scratch import ScratchFile
from .types import HEAD, SUPPORTED, TAIL, may_be_supported, type_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SHOWN = 8  # bytes of an unknown beginning


class Incoming:
    """One upload. `write` what comes, then `check` it; `close` removes what was not kept.

    `limit` in bytes; `claimed` are those that its owner holds for it in the drive's quota; `release` is called once, at
    the end.
    """

    def __init__(
        self,
        path: Path,
        label: Label,
        limit: int,
        no_room: Callable[[], StorageFull],
        release: Callable[[Incoming], None],
    ) -> None:
        self.label = label
        self.claimed = 0
        self._release: Callable[[Incoming], None] | None = release
        self._file = ScratchFile(path, limit, no_room)
        self._extension = extension_of(label.name)
        self._head = bytearray()
        self._judged = False

    @property
    def path(self) -> Path:
        """Where it lies until it is kept."""
        return self._file.path

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._file.size

    @property
    def sha256(self) -> str:
        """Of what has come so far, in hex."""
        return self._file.sha256

    def write(self, data: ReadableBuffer) -> None:
        """Take what comes. Raises `PayloadTooLarge`, `StorageFull`, `UnsupportedMedia`."""
        if not self._judged:
            self._head += memoryview(data)[: HEAD - len(self._head)]
            if len(self._head) >= HEAD:
                self._judge()
        self._file.write(data)

    def check(self) -> str:
        """All has come: its media type. Raises `InvalidRequest` for nothing at all, `UnsupportedMedia`."""
        if not self.size:
            msg = "body: it is empty (0 bytes)."
            raise InvalidRequest(msg, "Send the bytes of the file as the body of the request.")
        if not self._judged:
            self._judge()
        self._file.seek(max(self.size - TAIL, 0))
        found = type_of(bytes(self._head), self._file.read(TAIL), self._extension)
        if found is None:
            raise self._unsupported()
        return found

    def close(self) -> None:
        """Remove the file; may be called again."""
        self._file.close()
        self._file.path.unlink(missing_ok=True)
        release, self._release = self._release, None
        if release is not None:
            release(self)

    def _judge(self) -> None:
        self._judged = True
        if not may_be_supported(bytes(self._head), self._extension):
            raise self._unsupported()

    def _unsupported(self) -> UnsupportedMedia:
        return UnsupportedMedia(
            f"{self.label.name}: its content is of no supported type; it begins with {self._head[:_SHOWN].hex(' ')}.",
            "Send one of the types under 'supported'. What counts is the content, not the name.",
            supported=SUPPORTED,
        )
