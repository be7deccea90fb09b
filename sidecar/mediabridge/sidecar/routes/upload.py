"""Reads uploaded files from a multipart request straight into scratch files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from mediabridge.sidecar.faults import TRY_BATCH, TRY_CURL, InvalidRequest
from mediabridge.sidecar.storage.scratch import Room, ScratchFile, safe_extension

_FIELD_LIMIT = 512 * 1024  # bytes of all fields that are no file; werkzeug's read buffer must fit in as well
_PARTS_LIMIT = 64
BATCH_LIMIT = 1000  # files of a batch
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
    fields, files = _parse(request, room, limit, _PARTS_LIMIT, "file")
    chosen = files.getlist("file")
    if not chosen:
        raise InvalidRequest(_why_no_file(fields, files, "file"))
    if len(chosen) > 1:
        msg = f"file: {len(chosen)} files were sent; this call takes one."
        raise InvalidRequest(msg, "Send one file per request, or all of them to /api/extract/batch as 'files'.")
    upload = _upload(chosen[0])
    if not upload.size:
        what = f"{upload.name} is empty" if chosen[0].filename else "no file was chosen"
        msg = f"file: {what} (0 bytes)."
        raise InvalidRequest(msg, "Check the file on your side; it may not have been written completely.")
    return upload, fields


def receive_many(request: Request, room: Room, limit: int) -> tuple[list[Upload], MultiDict[str, str]]:
    """The files of the parts `files`, empty ones too, and the other fields.

    Raises what `receive` raises, but not for the number of files or for what is wrong with a single one.
    """
    fields, files = _parse(request, room, limit, BATCH_LIMIT + _PARTS_LIMIT, "files")
    chosen = files.getlist("files")
    if not chosen:
        raise InvalidRequest(_why_no_file(fields, files, "files"), TRY_BATCH)
    if len(chosen) > BATCH_LIMIT:
        msg = f"files: {len(chosen)} files were sent; this call takes {BATCH_LIMIT}."
        raise InvalidRequest(msg, "Send them in several requests.")
    return [_upload(part) for part in chosen], fields


def _parse(
    request: Request, room: Room, limit: int, most_parts: int, wanted: str
) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    if request.mimetype != "multipart/form-data":
        found = request.mimetype or "missing"
        msg = f"Content-Type: multipart/form-data is needed, with the file in the part '{wanted}'; it is {found[:100]}."
        raise InvalidRequest(msg)
    parser = FormDataParser(
        stream_factory=lambda filename=None, **_: room.new_file(filename, limit),  # type: ignore[arg-type]
        max_form_memory_size=_FIELD_LIMIT,
        max_form_parts=most_parts,
        silent=False,
    )
    try:
        _, fields, files = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except RequestEntityTooLarge as problem:
        msg = f"The form has a field of more than {_FIELD_LIMIT} bytes or more than {most_parts} parts."
        raise InvalidRequest(msg, f"Send the file as a file, not as a text field. {TRY_CURL}") from problem
    except ValueError as problem:
        msg = "The multipart body is broken: it does not end with its boundary, or a part has no proper header."
        raise InvalidRequest(msg, f"Let your HTTP library build the form. {TRY_CURL}") from problem
    return fields, files


def _why_no_file(fields: MultiDict[str, str], files: MultiDict[str, FileStorage], wanted: str) -> str:
    if wanted in fields:
        return f"{wanted}: it was sent as a text field, not as a file."
    others = ", ".join(repr(str(name)[:40]) for name in [*files, *fields][:5])
    return f"{wanted}: the form has no part of that name{f' (it has {others})' if others else ''}."


def _upload(part: FileStorage) -> Upload:
    file = part.stream
    if not isinstance(file, ScratchFile):
        msg = f"an upload came as {type(file)}"
        raise TypeError(msg)
    file.close()
    name = _base_name(part.filename)
    return Upload(file.path, name, file.size, file.sha256, safe_extension(name))


def _base_name(filename: str | None) -> str:
    """The client's name of the file without folders and control characters; some browsers send the whole path."""
    name = re.split(r"[/\\]", filename or "")[-1]
    return _CONTROL.sub("", name)[-_NAME_LIMIT:] or "unnamed"
