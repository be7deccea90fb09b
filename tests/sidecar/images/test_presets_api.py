"""`GET /cache/{contentHash}/{preset}` and `POST /optimize-for-ai`, asked of a real sidecar."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg, scene
from PIL import Image


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("derived") / "cache"


@pytest.fixture(scope="module")
def serving(start_shared: Any, stand_in: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    files = tmp_path_factory.mktemp("originals") / "files"
    return start_shared(EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(files), CACHE_PATH=str(cache))


def store(sidecar: Any, content: bytes, name: str = "photo.jpg") -> str:
    answer = sidecar.request("POST", "/upload", content, {"x-filename": name})
    assert answer.status == 200, answer.body
    return str(answer.json["contentHash"])


def optimise(sidecar: Any, **fields: Any) -> Any:
    return sidecar.request(
        "POST", "/optimize-for-ai", json.dumps(fields).encode(), {"Content-Type": "application/json"}
    )


@pytest.mark.parametrize(
    ("preset", "size", "kind"),
    [
        ("ai-chat", (1920, 960), "image/jpeg"),
        ("ai-vision", (2048, 1024), "image/jpeg"),
        ("preview", (800, 400), "image/jpeg"),
        ("thumbnail", (200, 100), "image/webp"),
    ],
)
def test_a_preset_is_made_on_demand_and_never_changes(
    serving: Any, cache: Path, preset: str, size: tuple[int, int], kind: str
) -> None:
    content_hash = store(serving, jpeg(scene(1, 2400, 1200)))
    answer = serving.get(f"/cache/{content_hash}/{preset}")
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.body)).size == size
    extension = {"image/jpeg": "jpg", "image/webp": "webp"}[kind]
    assert (cache / content_hash / f"{preset}.{extension}").read_bytes() == answer.body
    told = json.loads((cache / content_hash / "metadata.json").read_text())["presets"][preset]
    assert (told["made"]["width"], told["made"]["height"], told["made"]["size"]) == (*size, len(answer.body))
    again = serving.request("GET", f"/cache/{content_hash}/{preset}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304
    part = serving.request("GET", f"/cache/{content_hash}/{preset}", headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, answer.body[10:20])


def test_many_who_ask_get_the_same_bytes_made_once(serving: Any, cache: Path) -> None:
    content_hash = store(serving, jpeg(scene(2, 1600, 1200)))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: serving.get(f"/cache/{content_hash}/ai-chat"), range(16)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == len({answer.headers["etag"] for answer in answers}) == 1


def test_what_was_damaged_or_deleted_is_made_again(serving: Any, cache: Path) -> None:
    content_hash = store(serving, jpeg(scene(3)))
    first = serving.get(f"/cache/{content_hash}/thumbnail")
    file, told = cache / content_hash / "thumbnail.webp", cache / content_hash / "metadata.json"
    for spoil in (file.unlink, told.unlink, lambda: (told.unlink(), told.write_text("{")), lambda: cut(file)):
        spoil()
        again = serving.get(f"/cache/{content_hash}/thumbnail")
        assert (again.status, again.body) == (200, first.body)


def test_a_preset_of_other_settings_is_made_anew(serving: Any, cache: Path) -> None:
    content_hash = store(serving, jpeg(scene(4)))
    first = serving.get(f"/cache/{content_hash}/preview")
    told = cache / content_hash / "metadata.json"
    entry = json.loads(told.read_text())
    entry["presets"]["preview"]["settings"]["quality"] = 10
    told.unlink()
    told.write_text(json.dumps(entry))
    cut(cache / content_hash / "preview.jpg", len(first.body) - 1)
    assert serving.get(f"/cache/{content_hash}/preview").body == first.body


def cut(path: Path, size: int = 10) -> None:
    start = path.read_bytes()[:size]
    path.unlink()
    path.write_bytes(start)


def test_faults_are_told(serving: Any) -> None:
    good = store(serving, jpeg(scene(5)))
    broken = store(serving, jpeg(scene(5))[:20_000])
    text = store(serving, b"only words, in a file\n" * 20, "words.txt")
    for path, status, code in (
        (f"/cache/{good}/poster", 404, "not_found"),
        (f"/cache/{'0' * 64}/preview", 404, "not_found"),
        (f"/cache/{broken}/preview", 422, "unreadable_file"),
        (f"/cache/{text}/preview", 415, "unsupported_media_type"),
    ):
        answer = serving.get(path)
        assert (answer.status, answer.json["code"]) == (status, code), answer.body
    assert serving.get(f"/cache/{good}/preview").status == 200


def test_optimize_for_ai(serving: Any) -> None:
    content_hash = store(serving, jpeg(scene(6, 1600, 1200)))
    answer = optimise(serving, contentHash=content_hash, maxSize=500, quality=70)
    assert (answer.status, answer.json["mimeType"]) == (200, "image/jpeg")
    data = base64.b64decode(answer.json["data"], validate=True)
    assert len(data) == answer.json["size"]
    assert Image.open(io.BytesIO(data)).size == (500, 375)
    small = optimise(serving, contentHash=content_hash, maxBytes=15_000)
    assert small.json["size"] <= 15_000
    assert (
        max(Image.open(io.BytesIO(base64.b64decode(optimise(serving, contentHash=content_hash).json["data"]))).size)
        == 1600
    )


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "contentHash"),
        ({"contentHash": 5}, "contentHash"),
        ({"contentHash": "x", "maxSize": 0}, "maxSize"),
        ({"contentHash": "x", "quality": "high"}, "quality"),
        ({"contentHash": "x", "maxBytes": True}, "maxBytes"),
    ],
)
def test_what_is_wrong_with_the_request_is_named(serving: Any, fields: dict[str, Any], word: str) -> None:
    answer = optimise(serving, **fields)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert word in answer.json["message"]


def test_optimizing_what_is_not_stored(serving: Any) -> None:
    assert optimise(serving, contentHash="0" * 64).status == 404


@pytest.mark.parametrize(
    ("written", "status", "warned"), [("card=64x64:webp:70", 200, False), ("card=64x64:tiff", 404, True)]
)
def test_presets_of_the_users_own(
    start_sidecar: Any, stand_in: Path, tmp_path: Path, written: str, status: int, warned: bool
) -> None:
    sidecar = start_sidecar(
        EXIFTOOL_PATH=str(stand_in), FILE_STORAGE_PATH=str(tmp_path / "files"), CACHE_PATH=str(tmp_path / "cache"),
        IMAGE_PRESETS=written,
    )  # fmt: skip
    content_hash = store(sidecar, jpeg(scene(7)))
    assert sidecar.get(f"/cache/{content_hash}/card").status == status
    assert sidecar.get(f"/cache/{content_hash}/preview").status == 200
    assert ("IMAGE_PRESETS" in sidecar.log_file.read_text()) == warned
