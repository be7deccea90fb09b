"""The text of one file, read in a child process. What the rest of the domain calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import EngineBusy, ExtractionTimeout, Fault, UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.isolated import IsolationError, Limits, NoRoom, NotStarted, Pool, TaskFailed, TookTooLong, Wear

from .engines import engine_of
from .readers import TYPES

Status = Literal["ok", "empty", "needs_ocr", "encrypted", "broken"]
LIMITS = Limits(seconds=60.0, memory_bytes=1024**3, output_bytes=64 * 1024**2, file_bytes=1024**2)
WEAR = Wear(questions=500, resident_bytes=256 * 1024**2)
_TASK = "mediabridge.sidecar.text.work:work"
_log = logging.getLogger(__name__)


def start_pool(most: int = 2, limits: Limits = LIMITS) -> Pool:
    """Children that read documents. Each holds 30 to 60 MB."""
    return Pool(_TASK, most, limits, WEAR)


class Texts:
    """Threads may share it. `refuse` is called before a document is opened, and raises while none may be."""

    def __init__(self, pool: Pool, refuse: Callable[[], None] = lambda: None) -> None:
        self._pool = pool
        self._refuse = refuse

    def read(self, path: Path, mime_type: str) -> dict[str, Any]:
        """The answer about a file, without what its address adds. See `docs` in the sidecar's README for its fields.

        Raises `UnsupportedMedia`; `ExtractionTimeout`; `UnreadableFile` for what ends the child, with the text that
        came before under `partial`; `EngineBusy`.
        """
        if mime_type not in TYPES:
            msg = f"No text is read from {mime_type}."
            raise UnsupportedMedia(msg, "The list under 'supported' says from what.", supported=sorted(TYPES))
        self._refuse()
        started, pieces = time.monotonic(), list[tuple[Any, str]]()
        try:
            for told, data in self._pool.stream({"do": "text", "path": str(path), "mimeType": mime_type}):
                pieces.append((told, data.decode()))
        except IsolationError as problem:
            raise _fault(problem, pieces) from problem
        told, _ = pieces.pop()
        answer = _answer(told, pieces)
        return {
            "status": answer.pop("status"),
            "mimeType": mime_type,
            **answer,
            "elapsedMs": round((time.monotonic() - started) * 1000, 1),
            "engine": engine_of(mime_type),
        }

    def page(self, path: Path, number: int) -> tuple[bytes, int | None]:
        """A page of a PDF as a PNG, and its dots per inch. Raises `UnreadableFile` and the like."""
        told, data = self._ask({"do": "page", "path": str(path), "number": number})
        return data, told["dpi"]

    def frames(self, path: Path) -> list[int]:
        """The frames of a TIFF that are pages. Raises the same."""
        found: list[int] = self._ask({"do": "frames", "path": str(path)})[0]["frames"]
        return found

    def frame(self, path: Path, number: int) -> tuple[bytes, int | None]:
        """One of them as a PNG. Raises the same."""
        told, data = self._ask({"do": "frame", "path": str(path), "number": number})
        return data, told["dpi"]

    def _ask(self, request: dict[str, Any]) -> tuple[Any, bytes]:
        """The one answer about a picture."""
        self._refuse()
        try:
            ((told, data),) = self._pool.stream(request)
        except IsolationError as problem:
            raise _fault(problem, []) from problem
        if "problem" in told:
            raise UnreadableFile(f"The page cannot be drawn: {told['problem']}.")
        return told, data

    def close(self) -> None:
        """End the children."""
        self._pool.close()


def _answer(told: Mapping[str, Any], pieces: list[tuple[Any, str]]) -> dict[str, Any]:
    """Pieces and what the child said at the end, as the answer's fields. Pure."""
    pages = [{"number": piece["page"], "text": text} for piece, text in pieces if piece["page"] is not None]
    bare = [piece["page"] for piece, _ in pieces if piece["bare"]]
    text = "\n\n".join(page["text"] for page in pages if page["text"]) if pages else "".join(text for _, text in pieces)
    fields: dict[str, Any] = {"status": status_of(told["end"], text, len(pages), len(bare)), "text": text}
    if told["encoding"] is not None:
        fields["encoding"] = told["encoding"]
    if told["pageCount"] is not None:
        fields |= {"pageCount": told["pageCount"], "pages": pages, "pagesWithoutText": bare}
    warnings = list(told["warnings"])
    if bare and fields["status"] == "ok":
        warnings.append(f"{len(bare)} of {len(pages)} pages show something that is no text; OCR may read it")
    return fields | {"truncated": told["truncated"], "warnings": warnings}


def status_of(end: Status | None, text: str, pages: int, bare: int) -> Status:
    """What the answer is called: a document of which half the pages or more only show their text is one for OCR."""
    if end is not None:
        return end
    if bare and bare * 2 >= pages:
        return "needs_ocr"
    return "ok" if text.strip() else "empty"


def _fault(problem: IsolationError, pieces: list[tuple[Any, str]]) -> Fault:
    """What became of the child, as a client is told it."""
    match problem:
        case NoRoom() | NotStarted():
            return EngineBusy(f"The text cannot be read now: {problem}.")
        case TookTooLong():
            return ExtractionTimeout(f"The text cannot be read: {problem}.", "Send a smaller or different file.")
        case TaskFailed():  # a bug of ours or of a library; the file is what made it show
            emit(_log, logging.ERROR, "error.unexpected", f"a reader failed: {problem}", kind=problem.type_name)
    partial = {"text": "\n\n".join(text for _, text in pieces), "warnings": [str(problem)]}
    msg = f"The text cannot be read: {problem}."
    return UnreadableFile(msg, "Check that the file opens in its own program, and upload it again.", partial=partial)
