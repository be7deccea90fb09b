"""`GET /cache/{contentHash}/text` and `/ocr` of a real sidecar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documents import docx, paragraphs, pdf, png, printed, scanned, with_password


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("derived") / "cache"


@pytest.fixture(scope="module")
def serving(start_shared: Any, stand_in: Path, cache: Path) -> Any:
    return start_shared(EXIFTOOL_PATH=str(stand_in), CACHE_PATH=str(cache))


def store(sidecar: Any, content: bytes, name: str) -> str:
    answer = sidecar.request("POST", "/upload", content, {"x-filename": name})
    assert answer.status == 200, answer.body
    return str(answer.json["contentHash"])


def test_a_text_never_changes(serving: Any, cache: Path) -> None:
    content_hash = store(serving, pdf("first page", "second page"), "two.pdf")
    answer = serving.get(f"/cache/{content_hash}/text")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = answer.json
    assert (told["status"], told["text"]) == ("ok", "first page\n\nsecond page")
    assert told["pages"] == [{"number": 1, "text": "first page"}, {"number": 2, "text": "second page"}]
    assert (cache / content_hash / "text.json").read_bytes() == answer.body
    again = serving.request("GET", f"/cache/{content_hash}/text", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304
    head = serving.request("HEAD", f"/cache/{content_hash}/text")
    assert (head.status, int(head.headers["content-length"])) == (200, len(answer.body))


def test_a_scan_goes_to_ocr(serving: Any, cache: Path, tesseract: Path) -> None:
    content_hash = store(serving, scanned(printed("Read this page", "and this line")), "scan.pdf")
    told = serving.get(f"/cache/{content_hash}/text").json
    assert (told["status"], told["pagesWithoutText"]) == ("needs_ocr", [1])
    answer = serving.get(f"{told['ocr']}?lang=eng&pages=3")
    assert (answer.status, answer.json["text"].split()) == (200, ["Read", "this", "page", "and", "this", "line"])
    assert answer.json["confidence"] > 70
    assert "immutable" in answer.headers["cache-control"]
    assert (cache / content_hash / "ocr-eng.3.json").exists()


def test_a_text_in_an_older_encoding(serving: Any) -> None:
    content_hash = store(serving, "Grüße aus der Straße\r\n".encode("cp1252") * 5, "brief.txt")
    told = serving.get(f"/cache/{content_hash}/text").json
    assert (told["encoding"], told["text"]) == ("windows-1252", "Grüße aus der Straße\n" * 5)


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [
        (with_password(pdf("secret")), "a.pdf", "encrypted"),
        (b"%PDF-1.4 and nothing else", "b.pdf", "broken"),
        (docx(paragraphs("")), "c.docx", "empty"),
        (png(printed("words")), "d.png", "needs_ocr"),
    ],
)
def test_what_has_no_text_says_why(serving: Any, content: bytes, name: str, status: str) -> None:
    answer = serving.get(f"/cache/{store(serving, content, name)}/text")
    assert (answer.status, answer.json["status"], answer.json["text"]) == (200, status, "")


def test_faults_are_told_and_not_cached(serving: Any, tesseract: Path) -> None:
    picture = store(serving, png(printed("words")), "a.png")
    video = store(serving, b"\0\0\0\x14ftypisom\0\0\0\0isom" + bytes(100), "b.mp4")
    text = store(serving, b"only words\n", "c.txt")
    for path, status, code, words in (
        (f"/cache/{'0' * 64}/text", 404, "not_found", "contentHash"),
        (f"/cache/{'0' * 64}/ocr", 404, "not_found", "contentHash"),
        (f"/cache/{video}/text", 415, "unsupported_media_type", "video/mp4"),
        (f"/cache/{text}/ocr", 415, "unsupported_media_type", "text/plain"),
        (f"/cache/{picture}/ocr?lang=xyz", 400, "invalid_request", "Installed:"),
        (f"/cache/{picture}/ocr?lang=xyz&wait=0", 400, "invalid_request", "Installed:"),
        (f"/cache/{picture}/ocr?lang=../eng", 400, "invalid_request", "lang"),
        (f"/cache/{picture}/ocr?pages=0", 400, "invalid_request", "pages"),
        (f"/cache/{picture}/ocr?pages=many", 400, "invalid_request", "pages"),
    ):
        answer = serving.get(path)
        assert (answer.status, answer.json["code"]) == (status, code), answer.body
        assert words in answer.json["message"]
        assert answer.headers["cache-control"] == "no-store"


def test_without_tesseract_ocr_alone_is_off(start_sidecar: Any, stand_in: Path, tmp_path: Path) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), TESSERACT_PATH=str(tmp_path / "none"))
    picture = store(sidecar, png(printed("words")), "a.png")
    answer = sidecar.get(f"/cache/{picture}/ocr")
    assert (answer.status, answer.json["code"]) == (503, "engine_unavailable")
    assert "TESSERACT_PATH" in answer.json["message"]
    assert "apt-get install tesseract-ocr" in answer.json["suggestion"]
    assert sidecar.get(f"/cache/{picture}/text").json["status"] == "needs_ocr"
    words = store(sidecar, json.dumps({"a": "ä"}).encode(), "b.json")
    assert sidecar.get(f"/cache/{words}/text").json["text"] == '{"a": "\\u00e4"}'
