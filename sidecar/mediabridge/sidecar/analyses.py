"""The job `analysis`: a full analysis of an uploaded file, with the worker's parts.

Its answer is kept as long as there is room for derived files.
"""

from __future__ import annotations

import json
from typing import Any

from mediabridge.config import Settings

from .answers import to_bytes
from .deepfake.build import build_analyst
from .extraction.engine import NAME
from .extraction.extract import Extractor
from .extraction.fallback import BuiltinExtractor
from .extraction.reader import Reader
from .extraction.stored import CachedExtractor, version_of
from .faults import ContentUnknown
from .job_engine import engine_for_a_job
from .jobs.handling import HOPELESS, Run
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
    except HOPELESS:
        parts.held.drop(asked["held"])
        raise
    parts.held.drop(asked["held"])
    parts.held.sweep(needed(parts))
    return {"analysisId": answer["analysisId"], "verdict": answer["verdict"]}


def told(parts: Processing, job: Job) -> dict[str, Any]:
    """The answer of a job that is done. Raises `ContentUnknown` when it had to make room."""
    try:
        with parts.derived.open(job.payload["sha256"], _file(job.id)) as file:
            answer: dict[str, Any] = json.load(file)
    except NotStoredError as problem:
        msg = "The answer of this analysis is not kept any more."
        raise ContentUnknown(msg, _AGAIN) from problem
    return answer


def forget(parts: Processing, sha256: str) -> None:
    """Remove the answers about a file, and its copies that are held for jobs that failed."""
    for name in parts.derived.names(sha256):
        if name.startswith(_PREFIX):
            parts.derived.delete(sha256, name)
    for job in parts.queue.listed(statuses=["failed"], kind=KIND, limit=_ALL):
        if job.payload["sha256"] == sha256:
            parts.held.drop(job.payload["held"])


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
