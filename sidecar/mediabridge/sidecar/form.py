"""A multipart form that is taken apart while it arrives: files go straight to scratch files, hashed on the way.

Waitress keeps a whole body in a file of its own before anybody may look at it; a large upload would be written twice,
and hashed only after its last byte. Here a form stands where waitress would put its buffer (`append`, `len`, `getfile`,
`close`), so that all is done when the last byte is there.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header
from werkzeug.datastructures import FileStorage, MultiDict

from .faults import TRY_CURL, InvalidRequest
from .storage.scratch import Room, ScratchFile

ENVIRON = "mediabridge.body"  # where the WSGI environment has what arrived

MULTIPART = "multipart/form-data"
FIELDS_LIMIT = 512 * 1024  # bytes of a field that is no file
PARTS_LIMIT = 64
BATCH_LIMIT = 1000  # files of a batch
_PIECE = 256 * 1024

Fields = MultiDict[str, str]
Files = MultiDict[str, FileStorage]


@dataclass(frozen=True, slots=True)
class FormLimits:
    """`file_bytes` of one file, `parts` of the form."""

    file_bytes: int
    parts: int = PARTS_LIMIT


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a multipart form; None for another type, or without one."""
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "") if kind.lower() == MULTIPART else ""
    return boundary.encode("ascii", "replace") or None


class Form:
    """One form. Feed it with `append`, end it with `finish`; `close` removes its files.

    `fields` and `files` hold what has arrived whole, by name.
    """

    def __init__(self, boundary: bytes, room: Room, limits: FormLimits) -> None:
        self.fields: Fields = MultiDict()
        self.files: Files = MultiDict()
        self._room = room
        self._limits = limits
        self._parser = PushMultipartParser(boundary, max_segment_count=limits.parts)
        self._part: MultipartSegment | None = None
        self._file: ScratchFile | None = None  # where a file's bytes go
        self._text = bytearray()  # a field's bytes
        self._size = 0

    def append(self, data: bytes) -> None:
        """Take what has arrived. Raises `InvalidRequest`, `PayloadTooLarge`, `StorageFull`."""
        self._size += len(data)
        try:
            for event in self._parser.parse(data):
                self._take(event)
        except ParserLimitReached as problem:
            raise _too_much(self._limits) from problem
        except MultipartError as problem:
            raise _broken() from problem

    def finish(self) -> None:
        """All has arrived. Raises `InvalidRequest` when something is missing."""
        try:
            self._parser.close()
        except MultipartError as problem:
            raise _broken() from problem

    def close(self) -> None:
        """Remove the files."""
        self._room.close()

    def __len__(self) -> int:
        return self._size

    def getfile(self) -> io.BytesIO:
        """Nothing is left of the body to be read."""
        return io.BytesIO()

    def _take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if event is None:
            self._keep()
        elif isinstance(event, MultipartSegment):
            self._part, self._text, self._file = event, bytearray(), None
            if event.filename is not None:
                self._file = self._room.new_file(event.filename, self._limits.file_bytes)
        elif self._file is not None:
            self._file.write(event)
        else:
            self._text += event
            if len(self._text) > FIELDS_LIMIT:
                raise _too_much(self._limits)

    def _keep(self) -> None:
        part = self._part
        name = (part.name if part else None) or ""
        if part is not None and self._file is not None:
            self.files.add(name, FileStorage(self._file, part.filename, name))
        else:
            self.fields.add(name, self._text.decode("utf-8", "replace"))


def _too_much(limits: FormLimits) -> InvalidRequest:
    return InvalidRequest(
        f"The form has a field of more than {FIELDS_LIMIT} bytes or more than {limits.parts} parts.",
        f"Send the file as a file, not as a text field. {TRY_CURL}",
    )


def _broken() -> InvalidRequest:
    return InvalidRequest(
        "The multipart body is broken: it does not end with its boundary, or a part has no proper header.",
        f"Let your HTTP library build the form. {TRY_CURL}",
    )


def read(stream: IO[bytes], form: Form) -> Form:
    """Feed a form from a stream, for servers that know nothing of forms. Raises as `append` and `finish` do."""
    while data := stream.read(_PIECE):
        form.append(data)
    form.finish()
    return form
