"""Texts as jobs: what a worker calls. Payloads and results are JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .ocr import PAGES
from .readers import PDF
from .shelf import LANGUAGES, TextShelf


class Run(Protocol):
    """What is used of `jobs.handling.Run`."""

    @property
    def payload(self) -> dict[str, Any]:
        """What was submitted."""

    def report(self, done: int, total: int = 0, failed: int = 0) -> None:
        """Tell how far it is."""

    def check(self) -> None:
        """Raises when it has to stop."""


def text(shelf: TextShelf, run: Run, ask_ocr: Callable[[str], object] | None = None) -> dict[str, Any]:
    """`{"contentHash"}` → `{"status", "pageCount"}`. `ask_ocr` is given the hash of a scanned PDF, to queue its OCR."""
    run.check()
    content_hash = run.payload["contentHash"]
    answer = shelf.get_text(content_hash).answer
    run.report(1, 1)
    if ask_ocr is not None and answer["status"] == "needs_ocr" and answer["mimeType"] == PDF:
        ask_ocr(content_hash)
    return {"status": answer["status"], "pageCount": answer.get("pageCount")}


def ocr(shelf: TextShelf, run: Run) -> dict[str, Any]:
    """`{"contentHash", "languages"?, "pages"?, "everyPage"?}` → `{"status", "pageCount", "confidence"}`."""
    asked = run.payload
    kept = shelf.get_ocr(
        asked["contentHash"],
        tuple(asked.get("languages") or LANGUAGES),
        pages=asked.get("pages") or PAGES,
        every_page=bool(asked.get("everyPage")),
        check=run.check,
        report=run.report,
    )
    answer = kept.answer
    return {"status": answer["status"], "pageCount": answer["pageCount"], "confidence": answer["confidence"]}
