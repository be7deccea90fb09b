"""A file that is the body of a request itself: it goes straight into the content store's own folder."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from .faults import SMALLER, URL, InvalidRequest, PayloadTooLarge
from .form import MULTIPART
from .limits import megabytes
from .storage.incoming import Incoming
from .storage.names import from_header, sanitise
from .storage.record import Label
from .storage.store import ContentStore

TRY_UPLOAD = f"Try: curl --data-binary @photo.jpg -H 'x-filename: photo.jpg' {URL}/upload"
_ID_LIMIT = 200  # characters
_UNKNOWN = 1 << 30  # bytes that a body of unknown length is taken for
_PIECE = 256 * 1024


class RawBody:
    """One file on its way. Feed it with `append`, end it with `finish`; `close` removes what was not kept."""

    def __init__(self, file: Incoming) -> None:
        self.file = file

    def append(self, data: bytes) -> None:
        """Take what has arrived. Raises `PayloadTooLarge`, `StorageFull`, `UnsupportedMedia`."""
        self.file.write(data)

    def finish(self) -> None:
        """All has arrived. The store judges it when it is kept, off the thread that serves all connections."""

    def close(self) -> None:
        """Remove the file, unless it was kept."""
        self.file.close()

    def __len__(self) -> int:
        return self.file.size

    def getfile(self) -> io.BytesIO:
        """Nothing is left of the body to be read."""
        return io.BytesIO()


@dataclass(frozen=True, slots=True)
class RawBodies:
    """`max_bytes` of a file; `admit` raises a `Fault` when a body of a size cannot be taken now."""

    store: ContentStore
    max_bytes: int
    admit: Callable[[int], None]

    def open(self, headers: Mapping[str, str], size: int | None) -> RawBody:
        """The body of a request with these headers, named as in WSGI without `HTTP_`; `size` None for unknown.

        Raises `InvalidRequest`, `PayloadTooLarge`, `StorageFull`, `StorageUnavailable`, and what `admit` raises.
        """
        label = label_of(headers)
        if size is not None and size > self.max_bytes:
            most = f"{megabytes(self.max_bytes)} ({self.max_bytes} bytes)"
            msg = f"{label.name} has {megabytes(size)} ({size} bytes); files up to {most} are taken."
            raise PayloadTooLarge(msg, SMALLER)
        self.admit(_UNKNOWN if size is None else size)
        return RawBody(self.store.accept(label, self.max_bytes, size))


def label_of(headers: Mapping[str, str]) -> Label:
    """What the headers say of the file. Raises `InvalidRequest`, naming the header."""
    if headers.get("CONTENT_TYPE", "").lower().startswith(MULTIPART):
        msg = f"Content-Type: this call takes the bytes of a file as they are, not a form ({MULTIPART})."
        raise InvalidRequest(msg, TRY_UPLOAD)
    name = from_header(headers.get("X_FILENAME", "").strip())
    if not name.strip():
        msg = "x-filename: the header is missing or empty; it names the file."
        raise InvalidRequest(msg, TRY_UPLOAD)
    return Label(sanitise(name), _identifier(headers, "X_DRIVE_ID"), _identifier(headers, "X_USER_ID"))


def _identifier(headers: Mapping[str, str], name: str) -> str | None:
    word = from_header(headers.get(name, "").strip())
    if len(word) > _ID_LIMIT or not word.isprintable():
        msg = f"{name.lower().replace('_', '-')}: it is longer than {_ID_LIMIT} characters, or not printable."
        raise InvalidRequest(msg, "Send an identifier of printable characters, or leave the header out.")
    return word or None


def read(stream: IO[bytes], body: RawBody) -> RawBody:
    """Feed a body from a stream, for servers that know nothing of them. Raises as `append` and `finish` do."""
    while data := stream.read(_PIECE):
        body.append(data)
    body.finish()
    return body
