"""The job `analysis`: a full analysis of an uploaded file, with the worker's parts.

Its answer is kept as long as there is room for derived files.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from mediabridge.config import Settings

from .answers import to_bytes
from .deepfake.analyst import unsupported
from .deepfake.build import build_analyst
from .extraction.engine import NAME
from .extraction.extract import Extractor
from .extraction.fallback import BuiltinExtractor
from .extraction.reader import Reader
from .extraction.stored import CachedExtractor, version_of
from .faults import ContentUnknown, Fault, StorageFull, StorageUnavailable, UnreadableFile, UnsupportedMedia
from .job_engine import engine_for_a_job
from .jobs.handling import HOPELESS, Run, fault_of
from .jobs.job import Job
from .processing import Processing
from .storage.backend import NotStoredError

KIND = "analysis"
_PREFIX = "analysis-"
_ALL = -1  # for SQLite no limit: a held file whose job is not in the list would be taken for one of nobody
_AGAIN = "Send the file to POST /api/deepfake/analyze again."


def analysed(settings: Settings, parts: Processing, run: Run) -> dict[str, Any]:
    """`{"held", "name", "sha256", "maps"}` → `{"analysisId", "verdict"}`; the answer itself is kept, see `told`."""
    asked = run.payload
    try:
        answer = _full(settings, parts, run)
        run.still_mine()
        parts.derived.replace(asked["sha256"], _file(run.job.id), to_bytes(answer))
    except HOPELESS as problem:
        parts.held.drop(asked["held"])
        if isinstance(problem, UnreadableFile):
            _keep_partial(parts, run, problem)
        raise
    parts.held.drop(asked["held"])
    parts.held.sweep(needed(parts))
    return {"analysisId": answer["analysisId"], "verdict": answer["verdict"]}


def told(parts: Processing, job: Job) -> dict[str, Any]:
    """The answer of a job that is done. Raises `ContentUnknown` when it had to make room."""
    answer = _kept(parts, job)
    if answer is None:
        msg = "The answer of this analysis is not kept any more."
        raise ContentUnknown(msg, _AGAIN)
    return answer


def failure(parts: Processing, job: Job) -> Fault:
    """Why a job failed, with all that the answer to a request would have told."""
    fault = fault_of(job)
    if isinstance(fault, UnreadableFile) and (kept := _kept(parts, job)) is not None:
        return UnreadableFile(fault.message, kept["suggestion"], partial=kept["partial"])
    return unsupported(fault.message) if isinstance(fault, UnsupportedMedia) else fault


def _keep_partial(parts: Processing, run: Run, problem: UnreadableFile) -> None:
    """What was found in a broken file all the same, for `failure`; without room for it the words alone are told."""
    run.still_mine()
    kept = {"suggestion": problem.suggestion, "partial": problem.partial}
    with contextlib.suppress(StorageFull, StorageUnavailable):
        parts.derived.replace(run.payload["sha256"], _file(run.job.id), to_bytes(kept))


def _kept(parts: Processing, job: Job) -> dict[str, Any] | None:
    try:
        with parts.derived.open(job.payload["sha256"], _file(job.id)) as file:
            answer: dict[str, Any] = json.load(file)
    except NotStoredError:
        return None
    return answer


def forget(parts: Processing, sha256: str) -> None:
    """Cancel the analyses of a file that are not done; remove its answers, and its copies that are held for jobs."""
    for job in parts.queue.listed(statuses=["queued", "running", "paused", "failed"], kind=KIND, limit=_ALL):
        if job.payload["sha256"] == sha256:
            parts.queue.cancel(job.id)
            parts.held.drop(job.payload["held"])
    for name in parts.derived.names(sha256):
        if name.startswith(_PREFIX):
            parts.derived.delete(sha256, name)


def needed(parts: Processing) -> set[str]:
    """The held files of jobs that are not over, dead letters included: they may be tried again."""
    jobs = parts.queue.listed(statuses=["queued", "running", "paused", "failed"], kind=KIND, limit=_ALL)
    return {job.payload["held"] for job in jobs}


def _full(settings: Settings, parts: Processing, run: Run) -> dict[str, Any]:
    asked = run.payload
    with engine_for_a_job(settings) as engine:
        reader = Reader(
            CachedExtractor(Extractor(engine, settings.extract_timeout_s), parts.results, NAME, version_of(engine)),
            BuiltinExtractor(parts.runner, settings.extract_timeout_s),
        )
        analyst = build_analyst(
            reader.read,
            parts.results,
            parts.model,
            trust_anchors=settings.deepfake_trust_anchors,
            ffmpeg_path=settings.ffmpeg_path,
        )
        try:
            path = parts.held.path(asked["held"])
            if not path.exists():
                msg = "The file of this analysis is not held any more."
                raise ContentUnknown(msg, _AGAIN)
            return analyst.full(path, run.report, run.check, name=asked["name"], maps=asked["maps"])
        finally:
            analyst.close()


def _file(job_id: str) -> str:
    return f"{_PREFIX}{job_id.lower()}.json"
