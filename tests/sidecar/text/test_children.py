"""Documents that end their child, and the answers about them. Real processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from documents import TYPES, docx, paragraphs, pdf, printed, scanned

from mediabridge.sidecar import faults
from mediabridge.sidecar.isolated import Limits, Pool
from mediabridge.sidecar.text import Texts, start_pool

# A reader that misbehaves by what the document says.
TASK = """
import ctypes, time

def work(request):
    yield {"page": 1, "bare": False}, b"first page"
    match open(request["path"], encoding="utf-8").read():
        case "hang":
            time.sleep(600)
        case "spin":
            while True:
                pass
        case "crash":
            ctypes.string_at(0)
        case "eat":
            bytearray(8 * 1024**3)
        case "flood":
            while True:
                yield {"page": 2, "bare": False}, bytes(10**6)
        case "bug":
            raise OSError("no such thing")
"""


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], tuple[Texts, Pool]]]:
    (tmp_path / "misbehaving_reader.py").write_text(TASK)
    monkeypatch.syspath_prepend(tmp_path)
    pools: list[Pool] = []

    def start(seconds: float) -> tuple[Texts, Pool]:
        pools.append(Pool("misbehaving_reader:work", 1, Limits(seconds=seconds, output_bytes=2 * 10**6)))
        return Texts(pools[0]), pools[0]

    yield start
    pools[0].close()


@pytest.fixture
def ask(texts: Texts, tmp_path: Path) -> Callable[[bytes, str], dict[str, Any]]:
    def read(content: bytes, kind: str) -> dict[str, Any]:
        path = tmp_path / "document"
        path.write_bytes(content)
        found = texts.read(path, TYPES[kind])
        json.dumps(found, allow_nan=False)
        return found

    return read


def pids_of_children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("hang", faults.ExtractionTimeout),
        ("spin", faults.ExtractionTimeout),
        ("crash", faults.UnreadableFile),
        ("eat", faults.UnreadableFile),
        ("flood", faults.UnreadableFile),
        ("bug", faults.UnreadableFile),
    ],
)
def test_the_child_is_killed_and_what_it_said_before_is_kept(
    misbehaving: Callable[[float], tuple[Texts, Pool]],
    tmp_path: Path,
    word: str,
    fault: type[faults.Fault],
    until: Callable[..., Any],
) -> None:
    texts, pool = misbehaving(1.2 if fault is faults.ExtractionTimeout else 30)
    before = pids_of_children()
    path = tmp_path / "document"
    path.write_text(word)
    with pytest.raises(fault) as caught:
        texts.read(path, "text/plain")
    if isinstance(caught.value, faults.UnreadableFile):
        assert str(caught.value.partial["text"]).startswith("first page")
    if word != "bug":
        assert pool.pids() == []
    texts.close()
    until(lambda: pids_of_children() <= before)


def test_the_answer_about_a_document_with_pages(ask: Callable[[bytes, str], dict[str, Any]]) -> None:
    answer = ask(pdf("one", "two"), "pdf")
    assert answer.pop("elapsedMs") > 0
    assert answer.pop("engine")["name"] == "pypdfium2"
    assert answer == {
        "status": "ok", "text": "one\n\ntwo", "mimeType": "application/pdf", "pageCount": 2,
        "pages": [{"number": 1, "text": "one"}, {"number": 2, "text": "two"}], "pagesWithoutText": [],
        "truncated": False, "warnings": [],
    }  # fmt: skip


def test_the_answer_about_a_text(ask: Callable[[bytes, str], dict[str, Any]]) -> None:
    answer = ask("ärger\r\n".encode("cp1252") * 20, "txt")
    assert (answer["status"], answer["encoding"], answer["text"]) == ("ok", "windows-1252", "ärger\n" * 20)
    assert "pages" not in answer


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (docx(paragraphs(" ")), "docx", "empty"),
        (pdf("", ""), "pdf", "empty"),
        (docx("<x"), "docx", "broken"),
        (scanned(printed("a scan")), "pdf", "needs_ocr"),
    ],
)
def test_statuses(ask: Callable[[bytes, str], dict[str, Any]], content: bytes, kind: str, status: str) -> None:
    assert ask(content, kind)["status"] == status


def test_what_is_not_read_is_refused_with_what_is(texts: Texts, tmp_path: Path) -> None:
    with pytest.raises(faults.UnsupportedMedia) as caught:
        texts.read(tmp_path / "video", "video/mp4")
    assert "application/pdf" in caught.value.supported


def test_memory_of_a_child_is_bounded(tmp_path: Path) -> None:
    """Sixty megabytes of text, in an archive of some kilobytes."""
    path = tmp_path / "bomb.docx"
    path.write_bytes(docx(paragraphs("x" * 60_000_000)))
    assert path.stat().st_size < 1_000_000
    texts = Texts(start_pool(1, Limits(seconds=20, memory_bytes=1024**3, output_bytes=64 * 1024**2)))
    try:
        answer = texts.read(path, TYPES["docx"])
    finally:
        texts.close()
    assert answer["truncated"]
    assert len(answer["text"]) <= 4 * 1024**2
