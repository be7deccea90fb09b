"""Files that are held for full analyses: none is lost while a job needs it, and none outlives its deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mediabridge.config import Settings, load
from mediabridge.sidecar import analyses
from mediabridge.sidecar.faults import ContentUnknown
from mediabridge.sidecar.jobs.claims import Claims
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
    assert held == [False, True, True], "a job that is yet to run needs its file"
    assert parts.derived.names(ONE) == ["thumbnail.webp"]
    assert len(parts.derived.names(OTHER)) == 2


def test_a_job_whose_file_is_held_no_more_says_so(settings: Settings, parts: Processing, exiftool: Any) -> None:
    asked: Any = SimpleNamespace(payload={"held": "none", "name": "a.jpg", "sha256": ONE, "maps": False})
    with pytest.raises(ContentUnknown, match="not held any more"):
        analyses.analysed(settings, parts, asked)
