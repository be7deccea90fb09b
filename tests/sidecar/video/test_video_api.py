"""`GET /cache/{contentHash}/video` and the picture presets of videos, asked of a real sidecar."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .conftest import turned


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


def test_details_are_read_once_and_kept(serving: Any, cache: Path, quarters: Path) -> None:
    content_hash = store(serving, quarters.read_bytes(), "a.mp4")
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: serving.get(f"/cache/{content_hash}/video"), range(4)))
    told = answers[0].json
    assert {answer.status for answer in answers} == {200}
    assert (told["contentHash"], told["width"], told["videoCodec"], told["hasAudio"]) == (
        content_hash, 64, "mpeg4", True,
    )  # fmt: skip
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert "immutable" in answers[0].headers["cache-control"]
    etag = answers[0].headers["etag"]
    again = serving.request("GET", f"/cache/{content_hash}/video", headers={"If-None-Match": etag})
    assert again.status == 304
    kept = cache / content_hash / "video.json"
    altered = json.loads(kept.read_text())
    altered["video"]["fps"] = 99.0
    kept.unlink()
    kept.write_text(json.dumps(altered))
    assert serving.get(f"/cache/{content_hash}/video").json["fps"] == 99.0  # what is kept is told
    kept.write_text(json.dumps({**altered, "version": "0"}))
    assert serving.get(f"/cache/{content_hash}/video").json == told


def test_every_preset_works_for_a_video(serving: Any, quarters: Path) -> None:
    content_hash = store(serving, turned(quarters.read_bytes(), 90), "b.mp4")
    for preset in ("ai-chat", "ai-vision", "preview", "thumbnail"):
        answer = serving.get(f"/cache/{content_hash}/{preset}")
        assert (answer.status, Image.open(io.BytesIO(answer.body)).size) == (200, (48, 64)), answer.body
    body = json.dumps({"contentHash": content_hash, "maxSize": 32}).encode()
    small = serving.request("POST", "/optimize-for-ai", body, {"Content-Type": "application/json"})
    assert (small.json["width"], small.json["height"]) == (24, 32)


def test_refusals_say_why(serving: Any, film: Callable[..., Path]) -> None:
    sound = store(serving, film("sound.mp4", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac").read_bytes(), "a.mp4")
    told = serving.get(f"/cache/{sound}/video").json
    assert (told["hasVideo"], told["hasAudio"], told["width"], told["durationMs"] >= 900) == (False, True, None, True)
    assert serving.get(f"/cache/{sound}/thumbnail").status == 415
    words = store(serving, b"#EXTM3U\n/etc/passwd\n", "list.m3u8")
    refused = serving.get(f"/cache/{words}/video")
    assert (refused.status, "video/mp4" in refused.json["supported"]) == (415, True)
    assert serving.get(f"/cache/{words}/thumbnail").status == 415
    broken = store(serving, b"\0\0\0\x18ftypisom" + b"\0" * 200, "c.mp4")
    for name in ("video", "thumbnail"):
        answer = serving.get(f"/cache/{broken}/{name}")
        assert (answer.status, answer.json["code"]) == (422, "unreadable_file")
    assert serving.get(f"/cache/{'0' * 64}/video").status == 404


def test_without_ffmpeg_videos_are_refused_with_the_mend(start_sidecar: Any, stand_in: Path) -> None:
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), FFMPEG_PATH="/nowhere/ffmpeg")
    content_hash = store(sidecar, b"\0\0\0\x18ftypisom" + b"\0" * 200, "a.mp4")
    for name in ("video", "thumbnail"):
        answer = sidecar.get(f"/cache/{content_hash}/{name}")
        assert (answer.status, answer.json["code"]) == (503, "engine_unavailable")
        assert "FFMPEG_PATH" in answer.json["message"]
        assert "apt-get install ffmpeg" in answer.json["suggestion"]
