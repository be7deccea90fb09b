"""OCR of one file: its pages as pictures, each read by Tesseract, within limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from mediabridge.sidecar.faults import (
    EngineBusy,
    ExtractionTimeout,
    UnreadableFile,
    UnsupportedMedia,
)
from mediabridge.sidecar.images import Pictures, Preset
from mediabridge.sidecar.images.make import own_path
from mediabridge.sidecar.images.shelf import told
from mediabridge.sidecar.storage.derived import not_kept

from . import program
from .extract import Texts
from .program import Check
from .readers import PAGE_SIZE, PDF
from .tesseract import Command, Page, Tesseract, require

Report = Callable[[int, int], None]  # pages done, pages in all
Status = Literal["ok", "empty", "partial", "encrypted", "broken"]
PAGES = 50
MOST_PAGES = 500
TIFF = "image/tiff"
_PAGE = Preset("page", *PAGE_SIZE, "png")
_ACTIVE = "image/svg+xml"


@dataclass(frozen=True, slots=True)
class OcrLimits:
    """In seconds: for one page, for a file, and until it is a file's turn. `at_once` files are read."""

    page_s: float = 60.0
    file_s: float = 600.0
    turn_s: float = 60.0
    at_once: int = 1


class Ocr:
    """Threads may share it. `new_path` says where a page may lie while it is read."""

    def __init__(
        self,
        tesseract: Tesseract,
        texts: Texts,
        pictures: Pictures,
        limits: OcrLimits | None = None,
        new_path: Callable[[], Path] = own_path,
    ) -> None:
        self._tesseract = tesseract
        self._texts = texts
        self._pictures = pictures
        self._limits = limits or OcrLimits()
        self._new_path = new_path
        self._room = threading.BoundedSemaphore(self._limits.at_once)

    def require(self, languages: Sequence[str]) -> list[str]:
        """All that are installed. Raises `InvalidRequest` when one of these is not, `EngineUnavailable`."""
        installed = self._tesseract.installed()
        require(languages, installed)
        return installed

    def read(
        self,
        path: Path,
        mime_type: str,
        languages: Sequence[str],
        *,
        most_pages: int = PAGES,
        every_page: bool = False,
        check: Check = lambda: None,
        report: Report = lambda _done, _total: None,
    ) -> dict[str, Any]:
        """The answer about a picture or a PDF. Pages of a PDF that have text keep it, unless `every_page` is asked for.

        `check` is called several times a second and ends the work by raising; `report` is told of each page. Raises a
        `Fault`: `InvalidRequest` for a language that is not installed, `EngineUnavailable` without Tesseract,
        `UnsupportedMedia`, `UnreadableFile`, `ExtractionTimeout` when no page was read in time, `EngineBusy`.
        """
        if not readable(mime_type):
            msg = f"OCR reads pictures and PDF, not {mime_type}."
            raise UnsupportedMedia(msg, "Ask for its text instead.", supported=(PDF, "image/*"))
        installed = self.require(languages)
        engine = {"name": "tesseract", "version": self._tesseract.version()}
        started = time.monotonic()
        with self._turn(check):
            command = self._tesseract.command(languages, installed)
            work = _Work(command, self._limits, check, report, self._new_path)
            fields = self._read(path, mime_type, work, most_pages, every_page=every_page)
        elapsed_ms = round((time.monotonic() - started) * 1000, 1)
        return {
            **fields,
            "mimeType": mime_type,
            "languages": list(languages),
            "elapsedMs": elapsed_ms,
            "engine": engine,
        }

    def _read(self, path: Path, mime_type: str, work: _Work, most_pages: int, *, every_page: bool) -> dict[str, Any]:
        if mime_type == PDF:
            return self._document(path, work, most_pages, every_page=every_page)
        frames = self._texts.frames(path) if mime_type == TIFF else []
        return self._scan(path, work, frames, most_pages) if len(frames) > 1 else self._picture(path, work)

    def _scan(self, path: Path, work: _Work, frames: list[int], most_pages: int) -> dict[str, Any]:
        shown = frames[:most_pages]
        work.total = len(shown)
        for number, frame in enumerate(shown, 1):
            work.add(number, partial(self._texts.frame, path, frame))
        return work.answer(page_count=len(frames), warnings=[], truncated=len(shown) < len(frames))

    def _picture(self, path: Path, work: _Work) -> dict[str, Any]:
        drawn: list[bytes] = []
        with told():
            self._pictures.make(path, [_PAGE], lambda _made, data: drawn.append(data))
        work.total = 1
        work.add(1, lambda: (drawn[0], None))
        return work.answer(page_count=1, warnings=[], truncated=False)

    def _document(self, path: Path, work: _Work, most_pages: int, *, every_page: bool) -> dict[str, Any]:
        answer = self._texts.read(path, PDF)
        pages, bare = answer.get("pages", []), set(answer.get("pagesWithoutText", []))
        shown = pages[:most_pages]
        work.total = len(shown)
        for page in shown:
            number = page["number"]
            if page["text"] and number not in bare and not every_page:
                work.keep(number, page["text"])
            else:
                work.add(number, partial(self._texts.page, path, number))
        count, warnings = answer.get("pageCount", 0), list(answer["warnings"])
        fields = work.answer(page_count=count, warnings=warnings, truncated=len(shown) < count)
        if answer["status"] in ("encrypted", "broken"):
            fields["status"] = answer["status"]
        return fields

    @contextmanager
    def _turn(self, check: Check) -> Iterator[None]:
        until = time.monotonic() + self._limits.turn_s
        while not self._room.acquire(timeout=0.2):
            check()
            if time.monotonic() >= until:
                msg = f"OCR of other files went on for more than {self._limits.turn_s:g} s."
                raise EngineBusy(msg)
        try:
            yield
        finally:
            self._room.release()


class _Work:
    """Pages of one file, one after the other. What goes wrong with one page is told beside it."""

    def __init__(
        self, command: Command, limits: OcrLimits, check: Check, report: Report, new_path: Callable[[], Path]
    ) -> None:
        self._command = command
        self._new_path = new_path
        self._limits = limits
        self._until = time.monotonic() + limits.file_s
        self._check = check
        self._report = report
        self._pages: list[dict[str, Any]] = []
        self._read: list[Page] = []
        self._late = False
        self.total = 0

    def keep(self, number: int, text: str) -> None:
        """A page that says itself what it says."""
        self._done({"number": number, "text": text, "confidence": None, "words": len(text.split()), "source": "native"})

    def add(self, number: int, draw: Callable[[], tuple[bytes, int | None]]) -> None:
        """A page that is read; `draw` gives its picture, and dots per inch where they are known."""
        self._check()
        entry: dict[str, Any] = {"number": number, "text": "", "confidence": None, "words": 0, "source": "ocr"}
        left = min(self._limits.page_s, self._until - time.monotonic())
        try:
            page = self._words(draw, left)
            self._read.append(page)
            entry |= {"text": page.text, "confidence": page.confidence, "words": page.words}
        except program.TookTooLong:
            self._late = True
            entry["error"] = f"given up after {max(left, 0):.0f} s"
        except program.Failed as problem:
            entry["error"] = f"Tesseract failed: {problem}"
        except (UnreadableFile, ExtractionTimeout) as problem:
            entry["error"] = problem.message
        self._done(entry)

    def answer(self, *, page_count: int, warnings: list[str], truncated: bool) -> dict[str, Any]:
        """The fields of all that was read. Raises `ExtractionTimeout` or `UnreadableFile` when that is nothing."""
        failed = [page for page in self._pages if "error" in page]
        if failed and len(failed) == len(self._pages):
            msg = f"No page could be read: {failed[0]['error']}."
            if self._late:
                raise ExtractionTimeout(msg, "Ask for fewer pages (pages=1), or send a smaller picture.")
            raise UnreadableFile(msg, "Check that the file opens in a viewer, and upload it again.")
        if truncated:
            warnings = [*warnings, f"{len(self._pages)} of {page_count} pages were read"]
        text = "\n\n".join(page["text"] for page in self._pages if page["text"])
        words = sum(page.words for page in self._read)
        total = sum((page.confidence or 0) * page.words for page in self._read)
        return {
            "status": "partial" if failed else "ok" if text else "empty",
            "text": text,
            "confidence": round(total / words, 1) if words else None,
            "pageCount": page_count,
            "pages": self._pages,
            "truncated": truncated,
            "warnings": [*warnings, *(f"page {page['number']}: {page['error']}" for page in failed)],
        }

    def _words(self, draw: Callable[[], tuple[bytes, int | None]], left: float) -> Page:
        if left <= 0:
            raise program.TookTooLong
        data, dpi = draw()
        with self._as_file(data) as path:
            return self._command.read(path, left, self._check, dpi=dpi)

    @contextmanager
    def _as_file(self, data: bytes) -> Iterator[Path]:
        try:
            path = self._new_path()
            try:
                path.write_bytes(data)
                yield path
            finally:
                path.unlink(missing_ok=True)
        except OSError as problem:
            raise not_kept("Pages on their way to Tesseract", problem) from problem

    def _done(self, entry: dict[str, Any]) -> None:
        self._pages.append(entry)
        self._report(len(self._pages), self.total)


def readable(mime_type: str) -> bool:
    """Whether OCR is for files of this type."""
    return mime_type == PDF or (mime_type.startswith("image/") and mime_type != _ACTIVE)
