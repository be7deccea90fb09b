"""A multipart form that is taken apart while it arrives: files go straight to scratch files, hashed on the way.

Waitress keeps a whole body in a file of its own before anybody may look at it; a large upload would be written twice,
and hashed only after its last byte. Here a form stands where waitress would put its buffer (`append`, `len`, `getfile`,
`close`), so that all is done when the last byte is there.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import IO

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from .faults import TRY_CURL, InvalidRequest
from .storage.scratch import Room, ScratchFile

ENVIRON = "mediabridge.form"  # where the WSGI environment has it

MULTIPART = "multipart/form-data"
FIELDS_LIMIT = 512 * 1024  # bytes of a field that is no file; what arrives at once must fit in as well
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
    return options.get("boundary", "").encode("ascii", "replace") or None if kind.lower() == MULTIPART else None


@dataclass(slots=True)
class _Part:
    """The part that arrives: a field's bytes, or the file that it goes to."""

    event: Field | File
    text: bytearray = field(default_factory=bytearray)
    file: ScratchFile | None = None


class Form:
    """One form. Feed it with `append`, end it with `finish`; `close` removes its files.

    `fields` and `files` hold what has arrived whole, by name.
    """

    def __init__(self, boundary: bytes, room: Room, limits: FormLimits) -> None:
        self.fields: Fields = MultiDict()
        self.files: Files = MultiDict()
        self._room = room
        self._limits = limits
        self._decoder = MultipartDecoder(boundary, FIELDS_LIMIT, max_parts=limits.parts)
        self._part: _Part | None = None
        self._size = 0

    def append(self, data: bytes) -> None:
        """Take what has arrived. Raises `InvalidRequest`, `PayloadTooLarge`, `StorageFull`."""
        self._size += len(data)
        for start in range(0, len(data), _PIECE):
            self._feed(data[start : start + _PIECE])

    def finish(self) -> None:
        """All has arrived. Raises `InvalidRequest` when something is missing."""
        self._feed(None)

    def close(self) -> None:
        """Remove the files."""
        self._room.close()

    def __len__(self) -> int:
        return self._size

    def getfile(self) -> io.BytesIO:
        """Nothing is left of the body to be read."""
        return io.BytesIO()

    def _feed(self, data: bytes | None) -> None:
        try:
            self._decoder.receive_data(data)
            while not isinstance(event := self._decoder.next_event(), (Epilogue, NeedData)):
                self._take(event)
        except RequestEntityTooLarge as problem:
            msg = f"The form has a field of more than {FIELDS_LIMIT} bytes or more than {self._limits.parts} parts."
            raise InvalidRequest(msg, f"Send the file as a file, not as a text field. {TRY_CURL}") from problem
        except ValueError as problem:
            msg = "The multipart body is broken: it does not end with its boundary, or a part has no proper header."
            raise InvalidRequest(msg, f"Let your HTTP library build the form. {TRY_CURL}") from problem

    def _take(self, event: Event) -> None:
        if isinstance(event, File):
            self._part = _Part(event, file=self._room.new_file(event.filename, self._limits.file_bytes))
        elif isinstance(event, Field):
            self._part = _Part(event)
        elif isinstance(event, Data) and self._part is not None:
            self._write(self._part, event.data)
            if not event.more_data:
                self._keep(self._part)

    def _write(self, part: _Part, data: bytes | bytearray) -> None:
        if part.file is not None:
            part.file.write(data)
            return
        part.text += data
        if len(part.text) > FIELDS_LIMIT:
            raise RequestEntityTooLarge

    def _keep(self, part: _Part) -> None:
        name = part.event.name
        if part.file is None:
            self.fields.add(name, part.text.decode("utf-8", "replace"))
        elif isinstance(part.event, File):
            self.files.add(name, FileStorage(part.file, part.event.filename, name))


def read(stream: IO[bytes], form: Form) -> Form:
    """Feed a form from a stream, for servers that know nothing of forms. Raises as `append` and `finish` do."""
    while data := stream.read(_PIECE):
        form.append(data)
    form.finish()
    return form
