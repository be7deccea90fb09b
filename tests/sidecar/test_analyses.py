"""Files that are held for full analyses: none is lost while a job needs it, and none outlives its deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mediabridge.config import Settings, load
from mediabridge.sidecar import analyses
from mediabridge.sidecar.faults import ContentUnknown, UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.jobs.claims import Claims
from mediabridge.sidecar.jobs.handling import Run, error_of
from mediabridge.sidecar.jobs.job import Job
from mediabridge.sidecar.jobs.schema import Database
from mediabridge.sidecar.processing import Processing, build_processing

ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({f"{name}_PATH": str(tmp_path / name) for name in ("FILE_STORAGE", "CACHE", "INSTANCE")})[0]


@pytest.fixture
def parts(settings: Settings) -> Iterator[Processing]:
    made = build_processing(settings)
    yield made
    made.close_processing()


@pytest.fixture
def claims(parts: Processing, tmp_path: Path) -> Iterator[Claims]:
    database = Database(tmp_path / "INSTANCE")
    yield Claims(database)
    database.close()


def queued(parts: Processing, folder: Path, sha256: str) -> Job:
    source = folder / "a.jpg"
    source.write_bytes(b"a picture")
    held = parts.held.keep(source)
    return parts.queue.submit(analyses.KIND, {"held": held, "name": "a.jpg", "sha256": sha256, "maps": True})


def test_files_of_jobs_that_are_not_over_are_needed(parts: Processing, claims: Claims, tmp_path: Path) -> None:
    failed, done, cancelled, waiting = jobs = [queued(parts, tmp_path, ONE) for _ in range(4)]
    for _ in jobs[:2]:
        claimed = claims.claim("me", [analyses.KIND])
        assert claimed is not None
        if claimed.id == failed.id:
            claims.fail((claimed.id, claimed.fence), {"code": "x", "message": "x"}, hopeless=True)
        else:
            claims.complete((claimed.id, claimed.fence), "{}", claimed.progress)
    parts.queue.cancel(cancelled.id)
    assert parts.queue.get(done.id).status == "completed"  # type: ignore[union-attr]
    assert analyses.needed(parts) == {job.payload["held"] for job in (failed, waiting)}


def test_a_deleted_files_answer_and_its_copy_of_a_failed_job_go(
    parts: Processing, claims: Claims, tmp_path: Path
) -> None:
    jobs = [queued(parts, tmp_path, sha256) for sha256 in (ONE, OTHER, ONE)]
    for _ in jobs[:2]:
        claimed = claims.claim("me", [analyses.KIND])
        assert claimed is not None
        claims.fail((claimed.id, claimed.fence), {"code": "x", "message": "x"}, hopeless=True)
    for sha256 in (ONE, OTHER):
        parts.derived.put(sha256, f"analysis-{sha256[:26]}.json", b"{}")
        parts.derived.put(sha256, "thumbnail.webp", b"made from an original, which is no part of an analysis")
    analyses.forget(parts, ONE)
    held = [parts.held.path(job.payload["held"]).exists() for job in jobs]
    assert held == [False, True, False]
    waiting = parts.queue.get(jobs[2].id)
    assert waiting is not None
    assert waiting.status == "cancelled", "else what was deleted would be kept again"
    assert parts.derived.names(ONE) == ["thumbnail.webp"]
    assert len(parts.derived.names(OTHER)) == 2


@pytest.mark.parametrize(
    ("name", "content"), [("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100), ("a.txt", b"plain words\n")]
)
def test_a_job_that_failed_tells_what_a_request_would_have_told(
    settings: Settings, parts: Processing, claims: Claims, tmp_path: Path, exiftool: Any, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    payload = {"held": parts.held.keep(tmp_path / name), "name": name, "sha256": ONE, "maps": False}
    parts.queue.submit(analyses.KIND, payload)
    job = claims.claim("me", [analyses.KIND])
    assert job is not None
    with pytest.raises((UnreadableFile, UnsupportedMedia)) as raised:
        analyses.analysed(settings, parts, Run(job, claims))
    claims.fail((job.id, job.fence), error_of(raised.value), hopeless=True)
    failed = parts.queue.get(job.id)
    assert failed is not None
    told = analyses.failure(parts, failed)
    assert (type(told), told.message, told.suggestion) == (
        type(raised.value),
        raised.value.message,
        raised.value.suggestion,
    )
    extras = [(getattr(one, "partial", None), getattr(one, "supported", None)) for one in (told, raised.value)]
    assert extras[0] == extras[1] != (None, ())
    analyses.forget(parts, ONE)
    assert parts.derived.names(ONE) == []


def test_a_job_whose_file_is_held_no_more_says_so(settings: Settings, parts: Processing, exiftool: Any) -> None:
    asked: Any = SimpleNamespace(payload={"held": "none", "name": "a.jpg", "sha256": ONE, "maps": False})
    with pytest.raises(ContentUnknown, match="not held any more"):
        analyses.analysed(settings, parts, asked)
