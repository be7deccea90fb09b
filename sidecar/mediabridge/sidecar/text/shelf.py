"""Texts of stored originals: read when they are first asked for, once however many ask, and kept.

An answer lies at `{sha256}/text.json` or `{sha256}/ocr-{languages}.json` as it is served. It begins with the version of
how it was made and with its status, so that it need not be understood to be judged.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.cache.codec import key_of
from mediabridge.sidecar.faults import ClientGone, StorageUnavailable
from mediabridge.sidecar.storage.derived import CHECK, Derived, not_kept
from mediabridge.sidecar.storage.record import Record
from mediabridge.sidecar.storage.store import ContentStore

from .extract import Texts
from .ocr import PAGES, TIFF, Ocr, Report, readable
from .program import Check
from .readers import PDF, TYPES

VERSION = "2"  # of how texts are read; another one reads all of them anew
LANGUAGES = ("eng",)
TEXT = "text.json"
_HEAD = re.compile(rb'\{"version":"([^"]*)","status":"([a-z_]+)"')
_TRIES = 4  # somebody may delete it meanwhile
_PARTIAL = timedelta(hours=1)  # after which what was not read in time is tried again
Gone = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is there. `tag`: the hex SHA-256 of its bytes; `settled`: it stays as it is for this version."""

    body: bytes
    status: str
    tag: str

    @property
    def settled(self) -> bool:
        """Whether caches may keep it for good."""
        return self.status != "partial"

    @property
    def answer(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class TextShelf:
    """Threads and processes may share it. All raise a `Fault`; `ContentUnknown` for a hash under which nothing lies."""

    def __init__(self, store: ContentStore, derived: Derived, results: ResultCache, texts: Texts, ocr: Ocr) -> None:
        self._store = store
        self._derived = derived
        self._results = results
        self._texts = texts
        self._ocr = ocr

    def get_text(self, content_hash: str, gone: Gone | None = None) -> Kept:
        """The text of a document; of a picture, that OCR is what it needs. `gone`: whether the client has left."""
        record = self._store.find(content_hash)
        if record.mime_type not in TYPES and readable(record.mime_type):
            return _picture(record)
        return self._kept(record, TEXT, lambda: self._read(record), gone)

    def peek_text(self, content_hash: str) -> Kept | None:
        """The same, if it is there."""
        record = self._store.find(content_hash)
        if record.mime_type not in TYPES and readable(record.mime_type):
            return _picture(record)
        return self._found(content_hash, TEXT)

    def get_ocr(
        self,
        content_hash: str,
        languages: Sequence[str] = LANGUAGES,
        gone: Gone | None = None,
        *,
        pages: int = PAGES,
        every_page: bool = False,
        check: Check | None = None,
        report: Report | None = None,
    ) -> Kept:
        """What OCR reads: `pages` of a PDF at most, and those alone that have no text unless it is `every_page`.

        Of several who ask at once, the one whose work it is has its `check` and `report` called; see `Ocr.read`.
        """
        record = self._store.find(content_hash)

        def read() -> dict[str, Any]:
            with self._store.local(content_hash) as path:
                return self._ocr.read(
                    path, record.mime_type, languages, most_pages=pages, every_page=every_page,
                    check=_both(check, gone), report=report or _nobody,
                )  # fmt: skip

        return self._kept(record, ocr_name(record.mime_type, languages, pages, every_page=every_page), read, gone)

    def peek_ocr(
        self, content_hash: str, languages: Sequence[str] = LANGUAGES, *, pages: int = PAGES, every_page: bool = False
    ) -> Kept | None:
        """The same, if it is there."""
        record = self._store.find(content_hash)
        return self._found(content_hash, ocr_name(record.mime_type, languages, pages, every_page=every_page))

    def require(self, languages: Sequence[str]) -> None:
        """Raises `InvalidRequest` for a language that is not installed, `EngineUnavailable` without Tesseract."""
        self._ocr.require(languages)

    def close(self) -> None:
        """End the children."""
        self._texts.close()

    def _kept(self, record: Record, name: str, read: Callable[[], dict[str, Any]], gone: Gone | None) -> Kept:
        for _ in range(_TRIES):
            if kept := self._found(record.content_hash, name):
                return kept
            self._once(record, name, read, gone)
        msg = f"{record.content_hash}/{name} is deleted as fast as it is made."
        raise StorageUnavailable(msg, CHECK)

    def _once(self, record: Record, name: str, read: Callable[[], dict[str, Any]], gone: Gone | None) -> None:
        """Of all who ask meanwhile, one reads it; the result itself is the file, nothing is kept in the cache."""
        key = key_of(record.content_hash, engine="text", version=VERSION, options=name)

        def make() -> dict[str, Any]:
            if self._found(record.content_hash, name) is None:  # another process may have been faster
                self._keep(record, name, read())
            return {}

        self._results.get_or_compute(key, make, gone=gone, keep=lambda _: False, shared=True)

    def _read(self, record: Record) -> dict[str, Any]:
        with self._store.local(record.content_hash) as path:
            answer = self._texts.read(path, record.mime_type)
        # Where there is something for OCR, the answer says under which address.
        return answer | _link(record) if answer.get("pagesWithoutText") else answer

    def _keep(self, record: Record, name: str, answer: dict[str, Any]) -> None:
        try:
            self._derived.replace(record.content_hash, name, _body(answer))
        except OSError as problem:
            raise not_kept("Texts", problem, self._derived) from problem

    def _found(self, content_hash: str, name: str) -> Kept | None:
        """What is kept, unless another version made it, or it is a partial one that may become whole now."""
        path = self._derived.find(content_hash, name)
        if path is None:
            return None
        with contextlib.suppress(OSError):  # just deleted
            body = path.read_bytes()
            head = _HEAD.match(body)
            if head and head[1].decode() == VERSION and body.endswith(b"}\n"):
                kept = Kept(body, head[2].decode(), hashlib.sha256(body).hexdigest())
                return kept if kept.settled or _age(kept) < _PARTIAL else None
        return None


def _age(kept: Kept) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(kept.answer["madeAt"])


def ocr_name(mime_type: str, languages: Sequence[str], pages: int, *, every_page: bool) -> str:
    """The derived file's name; most pictures have one page, whatever is asked for."""
    words = "-".join(languages).replace("/", ".").lower()
    if mime_type == TIFF:
        every_page = False
    elif mime_type != PDF:
        return f"ocr-{words}.json"
    return f"ocr-{words}{'.all' if every_page else ''}{'' if pages == PAGES else f'.{pages}'}.json"


def _picture(record: Record) -> Kept:
    """The answer about a picture: nothing needs to be read for it."""
    answer = {
        "status": "needs_ocr", "text": "", "mimeType": record.mime_type, "truncated": False, "warnings": [],
        "elapsedMs": 0.0, "engine": {"name": "mediabridge", "version": VERSION}, **_link(record),
    }  # fmt: skip
    body = _body(answer)
    return Kept(body, "needs_ocr", hashlib.sha256(body).hexdigest())


def _body(answer: dict[str, Any]) -> bytes:
    whole = {"version": VERSION, "status": answer["status"], **answer}
    if answer["status"] == "partial":  # its file's time is that of its last use
        whole["madeAt"] = datetime.now(UTC).isoformat(timespec="seconds")
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def _link(record: Record) -> dict[str, str]:
    return {"ocr": f"/cache/{record.content_hash}/ocr"}


def _both(check: Check | None, gone: Gone | None) -> Check:
    def look() -> None:
        if check is not None:
            check()
        if gone is not None and gone():
            msg = "The client left before the answer was ready."
            raise ClientGone(msg)

    return look


def _nobody(_done: int, _total: int) -> None:
    pass
