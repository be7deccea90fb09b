"""The documents and scans of the development corpus: words found, characters right, hostile files answered."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mediabridge.sidecar import faults
from mediabridge.sidecar.images import Pictures
from mediabridge.sidecar.storage.types import HEAD, TAIL, type_of
from mediabridge.sidecar.text import TYPES, Ocr, Tesseract, Texts

# Words of three letters or more, as those were counted who made the corpus.
WORD = re.compile(r"[^\W_]{3,}")
# Their words repeat the copy of a text box for old programs; overprinted letters make other words.
COUNTED_OTHERWISE = ("text-box.docx", "simple3.pdf")


def type_at(path: Path) -> str | None:
    content = path.read_bytes()
    return type_of(content[:HEAD], content[-TAIL:], path.suffix[1:].lower())


def words(text: str) -> Counter[str]:
    return Counter(word.lower() for word in WORD.findall(text))


def test_the_words_of_documents_are_found(corpus: Path, texts: Texts) -> None:
    expected = json.loads((corpus.parent / "gt" / "text_words.json").read_text("utf-8"))
    poor, found, all_of_them = [], 0, 0
    for name, told in expected.items():
        path = corpus.parent / name
        have = words(texts.read(path, str(type_at(path)))["text"])
        hits = sum(min(have[word], count) for word, count in told["words"].items())
        found, all_of_them = found + hits, all_of_them + told["n"]
        if hits < 0.99 * told["n"] and not name.endswith(COUNTED_OTHERWISE):
            poor.append((name, hits, told["n"]))
    assert poor == []
    assert found / all_of_them > 0.99


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("textract__tests_odt_raw_text.txt", "odt/raw_text.odt"),
        ("textract__tests_rtf_raw_text.txt", "rtf/raw_text.rtf"),
        ("textract__tests_epub_raw_text.txt", "epub/raw_text.epub"),
        ("textract__tests_html_tables.txt", "html/tables.html"),
        ("textract__tests_csv_raw_text.txt", "csv/raw_text.csv"),
    ],
)
def test_formats_without_a_second_opinion(corpus: Path, texts: Texts, name: str, file: str) -> None:
    """What the source of the file expects; the libraries that made it repeat nested tables, and join as they like."""
    path = corpus / "text" / "textract" / file
    want = words((corpus.parent / "gt" / "text" / name).read_text("utf-8", "replace"))
    have = words(texts.read(path, str(type_at(path)))["text"])
    assert len(want.keys() & have.keys()) >= 0.97 * len(want)


def test_what_is_locked_or_hostile_is_answered(corpus: Path, texts: Texts) -> None:
    statuses: dict[str, Any] = {}
    for path in sorted(corpus.rglob("*")):
        kind = type_at(path) if path.is_file() else None
        if kind in TYPES and ("hostile" in path.parts or "encryption" in str(path) or "password" in path.name):
            try:
                statuses[path.name] = texts.read(path, kind)["status"]
            except faults.UnreadableFile:
                statuses[path.name] = "unreadable"
    locked = {"encryption_openpassword.pdf", "aes-256.pdf", "libreoffice-writer-password.pdf"}
    assert {name for name, status in statuses.items() if status == "encrypted"} == locked
    assert len(statuses) > 8


@pytest.mark.parametrize(
    ("file", "most"),
    [
        ("test/testing/phototest.tif", 0.01),
        ("test/testing/phototest-rotated-180.png", 0.01),
        ("test/testing/phototest-rotated-L.png", 0.01),
        ("test/testing/eurotext.tif", 0.03),
        ("textract/png/raw_text.png", 0.01),
        ("textract/gif/standardized_text.gif", 0.01),
    ],
)
def test_scans_are_read(
    corpus: Path, texts: Texts, pictures: Pictures, tesseract: Path, file: str, most: float
) -> None:
    path = corpus / "ocr" / file
    _, want = json.loads((corpus.parent / "gt" / "ocr.json").read_text("utf-8"))[f"files/ocr/{file}"]
    ocr = Ocr(Tesseract(lambda: tesseract), texts, pictures)
    have = ocr.read(path, str(type_at(path)), ("eng",))["text"]
    assert distance(" ".join(have.split()), " ".join(want.split())) <= most * len(want)


def distance(first: str, second: str) -> int:
    """Levenshtein's."""
    row = list(range(len(second) + 1))
    for number, letter in enumerate(first, 1):
        line = [number]
        for place, other in enumerate(second, 1):
            line.append(min(row[place] + 1, line[-1] + 1, row[place - 1] + (letter != other)))
        row = line
    return row[-1]
