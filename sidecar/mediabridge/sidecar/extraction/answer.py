"""One file -> the answer of CONTRACT §4, or the error of CONTRACT §3: for `/api/extract`, batches and the command line.

Knows no HTTP. How a file is read (cache, fallback) is the caller's `Read`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from mediabridge.sidecar import errors, requestid
from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import Fault, InvalidRequest
from mediabridge.sidecar.limits import Tier, check_size

from .extract import File, Reading, show

_log = logging.getLogger(__name__)
Gone = Callable[[], bool]
Answer = dict[str, object]


class Subject(File, Protocol):
    """A file with what the answer tells of it."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def sha256(self) -> str:
        """Hex digest of its bytes."""


class Read(Protocol):
    """Reads one file; raises a `Fault`."""

    def __call__(self, file: Subject, gone: Gone | None, /) -> tuple[Reading, bool]:
        """The reading, and whether it was there already."""


def answer_for(file: Subject, tier: Tier, read: Read, *, started: float, gone: Gone | None = None) -> Answer:
    """Read one file and tell what the tier sees. `started`: `time.monotonic()` when the work for it began.

    Raises a `Fault`: `InvalidRequest` for an empty file, `PayloadTooLarge` over the tier's limit, what reading raises.
    """
    try:
        check(file, tier)
        reading, cached = read(file, gone)
        return payload(file, tier, reading, cached=cached, started=started)
    except Fault as fault:
        code = errors.kind_of(fault).code
        emit(
            _log,
            logging.INFO,
            "extraction.failed",
            f"a file of {file.size} bytes was not read: {code}",
            code=code,
            extension=file.extension,
            size=file.size,
            tier=tier.name,
            elapsedMs=elapsed_ms(started),
        )
        raise


def check(file: Subject, tier: Tier) -> None:
    """Raises `InvalidRequest` for an empty file, `PayloadTooLarge` for one over the tier's limit."""
    if not file.size:
        msg = f"file: {file.name} is empty (0 bytes)."
        raise InvalidRequest(msg, "Check the file on your side; it may not have been written completely.")
    check_size(file.name, file.size, tier)


def payload(file: Subject, tier: Tier, reading: Reading, *, cached: bool, started: float) -> Answer:
    """The answer to a reading. Raises `UnsupportedMedia` and `UnreadableFile` where that is what was found."""
    visible = show(reading, file.name, tier.shows)
    emit(
        _log,
        logging.INFO,
        "extraction.done",
        f"{reading.mime_type}: {visible.returned} of {visible.available} tags",
        mimeType=reading.mime_type,
        size=file.size,
        sha256=file.sha256,
        tier=tier.name,
        engine=reading.engine_name,
        tags=visible.available,
        cached=cached,
        elapsedMs=elapsed_ms(started),
    )
    return {
        "requestId": requestid.current.get(),
        "file": {
            "name": file.name,
            "size": file.size,
            "mimeType": reading.mime_type,
            "extension": file.extension or reading.usual_extension,
            "sha256": file.sha256,
        },
        "tier": tier.name,
        "engine": {"name": reading.engine_name, "version": reading.engine_version},
        "cached": cached,
        "elapsedMs": elapsed_ms(started),
        "metadata": visible.metadata,
        "fields": {"returned": visible.returned, "available": visible.available, "locked": list(visible.locked)},
        "warnings": list(reading.warnings),
    }


def failure(file: Subject, problem: Exception, *, url: str) -> Answer:
    """The error object of a file among others: that of CONTRACT §3, and which file it was.

    `url`: the server's address, for suggestions. What is no `Fault` is a bug: it is logged here with its traceback.
    """
    request_id = requestid.current.get()
    if isinstance(problem, Fault):
        told = errors.describe(problem, request_id=request_id, url=url)
    else:
        kind = type(problem).__name__
        emit(_log, logging.ERROR, "error.unexpected", "unexpected error at a file", trace=problem, kind=kind)
        told = errors.unexpected(request_id=request_id, url=url)
    return {**told, "file": {"name": file.name, "size": file.size, "sha256": file.sha256}}


def elapsed_ms(started: float) -> float:
    """Milliseconds since `started`, a reading of `time.monotonic()`."""
    return round((time.monotonic() - started) * 1000, 1)
