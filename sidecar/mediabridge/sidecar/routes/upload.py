"""Reads one uploaded file from a multipart request straight into a scratch file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from mediabridge.sidecar.faults import TRY_CURL, InvalidRequest
from mediabridge.sidecar.storage.scratch import Room, ScratchFile, safe_extension

_FIELD_LIMIT = 512 * 1024  # bytes of all fields that are no file; werkzeug's read buffer must fit in as well
_PARTS_LIMIT = 64
_NAME_LIMIT = 255  # characters, as most file systems have it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file. `name` is the client's, without folders; `extension` is lower case and may be empty."""

    path: Path
    name: str
    size: int
    sha256: str
    extension: str


def receive(request: Request, room: Room, limit: int) -> tuple[Upload, MultiDict[str, str]]:
    """The file of the part `file`, and the other fields.

    Raises `InvalidRequest` (no multipart, broken, no file, several, empty), `PayloadTooLarge` (over `limit` bytes),
    `StorageFull`.
    """
    fields, files = _parse(request, room, limit)
    chosen = files.getlist("file")
    if not chosen:
        raise InvalidRequest(_why_no_file(fields, files))
    if len(chosen) > 1:
        msg = f"file: {len(chosen)} files were sent; this call takes one."
        raise InvalidRequest(msg, "Send one file per request.")
    return _upload(chosen[0]), fields


def _parse(request: Request, room: Room, limit: int) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    if request.mimetype != "multipart/form-data":
        found = request.mimetype or "missing"
        msg = f"Content-Type: multipart/form-data is needed, with the file in the part 'file'; it is {found[:100]}."
        raise InvalidRequest(msg)
    parser = FormDataParser(
        stream_factory=lambda filename=None, **_: room.new_file(filename, limit),  # type: ignore[arg-type]
        max_form_memory_size=_FIELD_LIMIT,
        max_form_parts=_PARTS_LIMIT,
        silent=False,
    )
    try:
        _, fields, files = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except RequestEntityTooLarge as problem:
        msg = f"The form has a field of more than {_FIELD_LIMIT} bytes or more than {_PARTS_LIMIT} parts."
        raise InvalidRequest(msg, f"Send the file as a file, not as a text field. {TRY_CURL}") from problem
    except ValueError as problem:
        msg = "The multipart body is broken: it does not end with its boundary, or a part has no proper header."
        raise InvalidRequest(msg, f"Let your HTTP library build the form. {TRY_CURL}") from problem
    return fields, files


def _why_no_file(fields: MultiDict[str, str], files: MultiDict[str, FileStorage]) -> str:
    if "file" in fields:
        return "file: it was sent as a text field, not as a file."
    others = ", ".join(repr(str(name)[:40]) for name in [*files, *fields][:5])
    return f"file: the form has no part of that name{f' (it has {others})' if others else ''}."


def _upload(part: FileStorage) -> Upload:
    file = part.stream
    if not isinstance(file, ScratchFile):
        msg = f"an upload came as {type(file)}"
        raise TypeError(msg)
    file.close()
    name = _base_name(part.filename)
    if not file.size:
        what = f"{name} is empty" if part.filename else "no file was chosen"
        msg = f"file: {what} (0 bytes)."
        raise InvalidRequest(msg, "Check the file on your side; it may not have been written completely.")
    return Upload(file.path, name, file.size, file.sha256, safe_extension(name))


def _base_name(filename: str | None) -> str:
    """The client's name of the file without folders and control characters; some browsers send the whole path."""
    name = re.split(r"[/\\]", filename or "")[-1]
    return _CONTROL.sub("", name)[-_NAME_LIMIT:] or "unnamed"
