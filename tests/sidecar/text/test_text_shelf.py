"""Texts are read once, kept as they are served, and read anew by another version. Real children, cache and disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from documents import pdf

from mediabridge.sidecar import faults
from mediabridge.sidecar.cache import PROFILES, ResultCache
from mediabridge.sidecar.storage.derived import Derived
from mediabridge.sidecar.storage.record import Label, Record
from mediabridge.sidecar.text import Texts, TextShelf, tasks

HASH = "b" * 64
PDF = "application/pdf"


class OneFile:
    """A store of one original."""

    def __init__(self, path: Path, mime_type: str) -> None:
        self.path = path
        self.mime_type = mime_type

    def find(self, content_hash: str) -> Record:
        if content_hash != HASH:
            raise faults.ContentUnknown("nothing")
        return Record.of(HASH, 1, self.mime_type, Label("file"))

    @contextlib.contextmanager
    def local(self, content_hash: str) -> Iterator[Path]:
        yield self.path


class CountedTexts(Texts):
    """Says how often it was asked."""

    asked = 0

    def read(self, path: Path, mime_type: str) -> dict[str, Any]:
        self.asked += 1
        return super().read(path, mime_type)


class OcrOf:
    """In place of OCR: what it was asked for, and an answer of that status."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.status = "ok"
        self.hold = threading.Event()
        self.hold.set()

    def read(self, path: Path, mime_type: str, languages: Any, **more: Any) -> dict[str, Any]:
        self.asked.append((languages, more["most_pages"], more["every_page"]))
        more["report"](1, 2)
        while not self.hold.wait(0.01):
            more["check"]()
        return {"status": self.status, "text": f"try {len(self.asked)}", "pageCount": 2, "confidence": 88.0}


@pytest.fixture
def parts(texts: Texts, tmp_path: Path) -> Iterator[Any]:
    class Parts:
        file = OneFile(tmp_path / "file.pdf", PDF)
        counted = CountedTexts(texts._pool)
        ocr = OcrOf()
        derived = Derived(tmp_path / "cache")
        results = ResultCache(PROFILES["development"], None)
        shelf = TextShelf(file, derived, results, counted, ocr)  # type: ignore[arg-type]
        folder = tmp_path / "cache" / HASH

    Parts.file.path.write_bytes(pdf("one", "two"))
    yield Parts
    Parts.results.close()
    Parts.derived.close()


def test_it_is_read_once_and_kept_as_it_is_served(parts: Any) -> None:
    assert parts.shelf.peek_text(HASH) is None
    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(lambda _: parts.shelf.get_text(HASH), range(16)))
    assert parts.counted.asked == 1
    assert {one.body for one in kept} == {(parts.folder / "text.json").read_bytes()}
    assert kept[0].tag == hashlib.sha256(kept[0].body).hexdigest()
    assert (kept[0].status, kept[0].answer["text"], kept[0].settled) == ("ok", "one\n\ntwo", True)
    assert parts.shelf.peek_text(HASH) == kept[0]


@pytest.mark.parametrize("spoil", ["delete", "cut", "version", "nonsense"])
def test_what_was_deleted_damaged_or_made_by_another_version_is_read_anew(parts: Any, spoil: str) -> None:
    first = parts.shelf.get_text(HASH).answer
    path = parts.folder / "text.json"
    body = path.read_bytes()
    path.unlink()
    if spoil != "delete":
        changed = {"cut": body[:-9], "version": body.replace(b'"version":"', b'"version":"0'), "nonsense": b"[]\n"}
        path.write_bytes(changed[spoil])
    again = parts.shelf.get_text(HASH).answer
    assert parts.counted.asked == 2
    assert (again["text"], path.read_bytes()[:12]) == (first["text"], b'{"version":"')


def test_nothing_is_opened_while_memory_is_short(parts: Any) -> None:
    def refuse() -> None:
        raise faults.MemoryShort("short")

    with pytest.raises(faults.MemoryShort):
        Texts(parts.counted._pool, refuse).read(parts.file.path, PDF)


def test_faults_are_not_kept(parts: Any) -> None:
    parts.file.mime_type = "video/mp4"
    for _ in range(2):
        with pytest.raises(faults.UnsupportedMedia):
            parts.shelf.get_text(HASH)
    assert parts.counted.asked == 2
    with pytest.raises(faults.ContentUnknown):
        parts.shelf.get_text("0" * 64)
    assert not parts.folder.exists()


def test_a_picture_needs_ocr_and_says_where(parts: Any) -> None:
    parts.file.mime_type = "image/heic"
    kept = parts.shelf.get_text(HASH)
    assert (kept.status, kept.answer["ocr"], kept.answer["text"]) == ("needs_ocr", f"/cache/{HASH}/ocr", "")
    assert parts.shelf.peek_text(HASH) == kept
    assert parts.counted.asked == 0


def test_each_way_of_asking_has_its_file(parts: Any) -> None:
    for languages, pages, every_page in ((("eng",), 50, False), (("eng", "deu"), 50, True), (("eng",), 3, False)):
        for _ in range(2):
            parts.shelf.get_ocr(HASH, languages, pages=pages, every_page=every_page)
    assert parts.ocr.asked == [(("eng",), 50, False), (("eng", "deu"), 50, True), (("eng",), 3, False)]
    assert parts.derived.names(HASH) == ["ocr-eng-deu.all.json", "ocr-eng.3.json", "ocr-eng.json"]
    assert parts.shelf.peek_ocr(HASH, ("deu",)) is None
    assert parts.shelf.peek_ocr(HASH, ("eng",)).answer["text"] == "try 1"
    parts.file.mime_type = "image/png"
    parts.shelf.get_ocr(HASH, ("eng",), pages=7)
    assert len(parts.ocr.asked) == 3


def test_a_partial_answer_is_tried_again_after_an_hour(parts: Any) -> None:
    parts.ocr.status = "partial"
    kept = parts.shelf.get_ocr(HASH)
    assert not kept.settled
    assert parts.shelf.get_ocr(HASH) == kept
    path = parts.folder / "ocr-eng.json"
    told = json.loads(path.read_bytes())
    told["madeAt"] = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
    parts.derived.replace(HASH, path.name, json.dumps(told, separators=(",", ":")).encode() + b"\n")
    parts.ocr.status = "ok"
    assert parts.shelf.get_ocr(HASH).answer["text"] == "try 2"


def test_ocr_ends_when_the_client_has_left(parts: Any) -> None:
    parts.ocr.hold.clear()
    with pytest.raises(faults.ClientGone):
        parts.shelf.get_ocr(HASH, gone=lambda: bool(parts.ocr.asked))
    parts.ocr.hold.set()
    assert parts.shelf.get_ocr(HASH).answer["text"] == "try 2"


def test_a_full_disk_is_told(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.derived, "replace", full)
    with pytest.raises(faults.StorageFull, match="No space left") as caught:
        parts.shelf.get_text(HASH)
    assert "CACHE_PATH" in caught.value.suggestion


class Run:
    def __init__(self, **payload: Any) -> None:
        self.payload = {"contentHash": HASH, **payload}
        self.told: list[tuple[int, int]] = []
        self.stopped = False

    def report(self, done: int, total: int = 0, failed: int = 0) -> None:
        self.told.append((done, total))

    def check(self) -> None:
        if self.stopped:
            raise KeyboardInterrupt


def test_jobs(parts: Any) -> None:
    asked: list[str] = []
    assert tasks.text(parts.shelf, Run(), asked.append) == {"status": "ok", "pageCount": 2}
    assert asked == []
    run = Run(languages=["deu"], pages=9)
    assert tasks.ocr(parts.shelf, run) == {"status": "ok", "pageCount": 2, "confidence": 88.0}
    assert (run.told, parts.ocr.asked) == ([(1, 2)], [(("deu",), 9, False)])


def test_a_scanned_document_goes_to_ocr_and_a_picture_does_not(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    scan = {"status": "needs_ocr", "mimeType": PDF, "text": "", "pageCount": 4, "pagesWithoutText": [1, 2, 3, 4]}
    monkeypatch.setattr(parts.counted, "read", lambda *_: scan)
    assert tasks.text(parts.shelf, Run(), asked.append)["status"] == "needs_ocr"
    assert asked == [HASH]
    assert json.loads((parts.folder / "text.json").read_bytes())["ocr"] == f"/cache/{HASH}/ocr"
    parts.file.mime_type = "image/png"
    tasks.text(parts.shelf, Run(), asked.append)
    assert asked == [HASH]


def test_a_job_that_has_to_stop_stops(parts: Any) -> None:
    parts.ocr.hold.clear()
    run = Run()
    run.stopped = True
    with pytest.raises(KeyboardInterrupt):
        tasks.ocr(parts.shelf, run)
    with pytest.raises(KeyboardInterrupt):
        tasks.text(parts.shelf, run)
