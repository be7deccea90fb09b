"""The uploaded files of a request, and what is wrong with them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import Request, request
from werkzeug.datastructures import FileStorage

from mediabridge.sidecar.faults import URL, InvalidRequest
from mediabridge.sidecar.form import BATCH_LIMIT, ENVIRON, MULTIPART, Fields, Files, Form, boundary_of, read
from mediabridge.sidecar.storage.scratch import ScratchFile, safe_extension

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


@contextlib.contextmanager
def incoming(request: Request, wanted: str, open_form: Callable[[bytes], Form]) -> Iterator[Form]:
    """The form of a request, whose files are there until the end of the `with` block.

    `wanted` is the name of the part with the file. It has arrived already under our own server; elsewhere it is read
    now, into what `open_form` makes for its boundary. Raises `InvalidRequest` when it is none, or broken;
    `PayloadTooLarge`, `StorageFull`.
    """
    arrived: Form | None = request.environ.get(ENVIRON)
    form = arrived or open_form(_boundary(request, wanted))
    try:
        yield arrived or read(request.stream, form)
    finally:
        form.close()


def _boundary(request: Request, wanted: str) -> bytes:
    boundary = boundary_of(request.content_type or "")
    if boundary is not None:
        return boundary
    if request.mimetype == MULTIPART:
        msg = "The multipart body is broken: its Content-Type names no boundary."
        raise InvalidRequest(msg, _example(wanted))
    found = request.mimetype or "missing"
    msg = f"Content-Type: {MULTIPART} is needed, with the file in the part '{wanted}'; it is {found[:100]}."
    raise InvalidRequest(msg, _example(wanted))


def _example(wanted: str) -> str:
    """The same request, as it works."""
    parts = "-F files=@a.jpg -F files=@b.jpg" if wanted == "files" else f"-F {wanted}=@photo.jpg"
    return f"Try: curl {parts} {URL}{request.path}"


def one_file(form: Form) -> Upload:
    """The file of the part `file`. Raises `InvalidRequest` for none, for several, for an empty one."""
    chosen = form.files.getlist("file")
    if not chosen:
        raise InvalidRequest(_why_no_file(form.fields, form.files, "file"), _example("file"))
    if len(chosen) > 1:
        msg = f"file: {len(chosen)} files were sent; this call takes one."
        batch = ", or all of them to /api/extract/batch as 'files'" if request.path.startswith("/api/extract") else ""
        raise InvalidRequest(msg, f"Send one file per request{batch}.")
    upload = _upload(chosen[0])
    if not upload.size:
        what = f"{upload.name} is empty" if chosen[0].filename else "no file was chosen"
        msg = f"file: {what} (0 bytes)."
        raise InvalidRequest(msg, "Check the file on your side; it may not have been written completely.")
    return upload


def many_files(form: Form) -> list[Upload]:
    """The files of the parts `files`, empty ones too. Raises `InvalidRequest` for none, or too many."""
    chosen = form.files.getlist("files")
    if not chosen:
        raise InvalidRequest(_why_no_file(form.fields, form.files, "files"), _example("files"))
    if len(chosen) > BATCH_LIMIT:
        msg = f"files: {len(chosen)} files were sent; this call takes {BATCH_LIMIT}."
        raise InvalidRequest(msg, "Send them in several requests.")
    return [_upload(part) for part in chosen]


def _why_no_file(fields: Fields, files: Files, wanted: str) -> str:
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
