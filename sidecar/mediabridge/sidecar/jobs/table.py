"""The jobs as those see them who want something done; `claims.py` is the side of the workers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from mediabridge.sidecar import requestid
from mediabridge.sidecar.faults import QueueFull

from .job import Job, Payload, job_of
from .rules import BECOMES, KINDS, MOST_WAITING, Status
from .schema import Asked

_ROOM = f"(SELECT count(*) FROM jobs WHERE status = 'queued') < {MOST_WAITING}"


class Jobs:
    """The table. `ring` is called after a change that workers should see.

    Every method may be called from any thread and raises a `Fault` where the file cannot be used.
    """

    def __init__(self, database: Asked, ring: Callable[[], object] = lambda: None) -> None:
        self._database = database
        self._ring = ring

    def submit(self, kind: str, payload: Payload, key: str | None = None) -> Job:
        """Add a job; it is there, whatever dies, once this returns. Raises `QueueFull`, and `KeyError` for a new kind.

        `key` names the work: while a job with it is queued, runs or is paused, that job is the answer.
        """
        values = {
            "id": requestid.make(),
            "kind": kind,
            "key": key,
            "payload": json.dumps(payload),
            "priority": KINDS[kind].priority,
            "now": moment(),
        }
        with self._database.transaction():
            known = self._database.run(
                "SELECT * FROM jobs WHERE key = :key AND status IN ('queued', 'running', 'paused')", {"key": key}
            )
            rows = known or self._database.run(
                "INSERT INTO jobs (id, kind, key, payload, priority, status, created_at, updated_at)"
                f" SELECT :id, :kind, :key, :payload, :priority, 'queued', :now, :now WHERE {_ROOM} RETURNING *",
                values,
            )
        return self._told(rows)

    def get(self, job_id: str) -> Job | None:
        """The job with this id."""
        rows = self._database.run("SELECT * FROM jobs WHERE id = :id", {"id": job_id})
        return job_of(rows[0]) if rows else None

    def listed(
        self, *, statuses: Iterable[Status] = (), kind: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[Job]:
        """Jobs, the newest first; without statuses those of all."""
        rows = self._database.run(
            "SELECT * FROM jobs WHERE (:statuses = '[]' OR status IN (SELECT value FROM json_each(:statuses)))"
            " AND (:kind IS NULL OR kind = :kind) ORDER BY seq DESC LIMIT :limit OFFSET :offset",
            {"statuses": json.dumps(list(statuses)), "kind": kind, "limit": limit, "offset": offset},
        )
        return [job_of(row) for row in rows]

    def has_failed(self, key: str) -> bool:
        """Whether the last job for this work failed for good."""
        rows = self._database.run("SELECT status FROM jobs WHERE key = :key ORDER BY seq DESC LIMIT 1", {"key": key})
        return bool(rows) and rows[0]["status"] == "failed"

    def oldest_waiting(self) -> Job | None:
        """The job that has waited longest."""
        rows = self._database.run("SELECT * FROM jobs WHERE status = 'queued' ORDER BY seq LIMIT 1")
        return job_of(rows[0]) if rows else None

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[Job]:
        """Jobs that failed for good; they stay until somebody retries them."""
        return self.listed(statuses=["failed"], limit=limit, offset=offset)

    def counts(self) -> dict[Status, int]:
        """Jobs by status, those without any left out."""
        rows = self._database.run("SELECT status, count(*) AS jobs FROM jobs GROUP BY status")
        return {row["status"]: row["jobs"] for row in rows}

    def cancel(self, job_id: str) -> Job | None:
        """Cancel a job: at once while it waits, else as soon as its handler looks. None: unknown, or over already.

        What is done before its handler looks is completed all the same.
        """
        return self._want(job_id, "cancelled", "cancel")

    def pause(self, job_id: str) -> Job | None:
        """Pause a job, as `cancel`. A paused job keeps its progress."""
        return self._want(job_id, "paused", "pause")

    def _want(self, job_id: str, status: Status, wish: str) -> Job | None:
        rows = self._database.run(
            "UPDATE jobs SET status = iif(status = 'running', status, :status), updated_at = :now,"
            # a job that is to be cancelled is not paused
            " wish = iif(status = 'running', iif(wish = 'cancel', wish, :wish), NULL)"
            f" WHERE id = :id AND status IN ({sources(status)}) RETURNING *",
            {"id": job_id, "status": status, "wish": wish, "now": moment()},
        )
        return self._told(rows) if rows else None

    def resume(self, job_id: str) -> Job | None:
        """Queue a paused job again, however many wait. None: it is not paused, nor about to be."""
        rows = self._database.run(
            "UPDATE jobs SET status = iif(status = 'paused', 'queued', status), wish = NULL, updated_at = :now"
            " WHERE id = :id AND (status = 'paused' OR status = 'running' AND wish = 'pause') RETURNING *",
            {"id": job_id, "now": moment()},
        )
        return self._told(rows) if rows else None

    def retry(self, job_id: str) -> Job | None:
        """Queue a dead letter again, with all its tries. None: it is none. Raises `QueueFull`.

        Where its work is under way under the same key by now, that job is the answer and the dead letter stays.
        """
        with self._database.transaction():
            found = self._database.run("SELECT * FROM jobs WHERE id = :id AND status = 'failed'", {"id": job_id})
            if not found:
                return None
            rows = self._database.run(
                "SELECT * FROM jobs WHERE key = :key AND status IN ('queued', 'running', 'paused')",
                {"key": found[0]["key"]},
            ) or self._database.run(
                "UPDATE jobs SET status = 'queued', attempts = 0, deaths = 0, not_before = 0, error = NULL,"
                f" done = 0, total = 0, failed = 0, updated_at = :now WHERE id = :id AND {_ROOM} RETURNING *",
                {"id": job_id, "now": moment()},
            )
        return self._told(rows)

    def _told(self, rows: list[sqlite3.Row]) -> Job:
        if not rows:
            msg = f"{MOST_WAITING} jobs are waiting already."
            raise QueueFull(msg)
        self._ring()
        return job_of(rows[0])


def sources(status: Status) -> str:
    """The statuses from which a job may come to this one, as SQL."""
    return ", ".join(f"'{old}'" for old, news in BECOMES.items() if status in news)


def moment() -> str:
    """Now, for people."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
