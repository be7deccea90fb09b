"""The jobs as workers see them: claimed under a lease, renewed, ended. Every end names its fence, or is refused.

The lease is of the system's monotonic clock, which all processes share and nobody sets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from . import rules
from .job import Job, Progress, job_of
from .rules import KEPT, KINDS, LEASE_S, LONGEST_DELAY_S, SLACK_S, Verdict, Wish
from .schema import Database
from .table import moment

Claim = tuple[str, int]  # id and fence
# `rules.may_run` and `rules.pending`, as SQL; a test compares them.
_DUE = f"NOT (not_before > :now AND not_before <= :now + {LONGEST_DELAY_S + SLACK_S})"
_LEASED = f"(lease_until > :now AND lease_until <= :now + {LEASE_S + SLACK_S})"
_DIED = "WorkerDied"
_MINE = "id = :id AND fence = :fence AND status = 'running'"
_CLAIM = f"""
UPDATE jobs SET status = 'running', attempts = attempts + 1, fence = fence + 1, owner = :owner,
    lease_until = :now + {LEASE_S}, wish = NULL, updated_at = :moment
WHERE seq = (
    SELECT seq FROM jobs AS job JOIN json_each(:limits) AS kind ON kind.key = job.kind
    WHERE status = 'queued' AND {_DUE}
        AND (SELECT count(*) FROM jobs AS other WHERE other.status = 'running' AND other.kind = job.kind) < kind.value
    ORDER BY priority DESC, seq LIMIT 1
) RETURNING *
"""


@dataclass(frozen=True, slots=True)
class Claims:
    """The workers' side of the table. `clock` gives monotonic seconds."""

    database: Database
    clock: Callable[[], float] = time.monotonic

    def claim(self, owner: str, kinds: Iterable[str]) -> Job | None:
        """The next job of these kinds that may run, now the owner's; it has the lease for `LEASE_S`."""
        limits = {kind: KINDS[kind].at_once for kind in kinds}
        rows = self.database.run(
            _CLAIM, {"owner": owner, "limits": json.dumps(limits), "now": self.clock(), "moment": moment()}
        )
        return job_of(rows[0]) if rows else None

    def renew(self, owner: str, ids: Iterable[str]) -> dict[Claim, Wish | None]:
        """Renew the leases of jobs; gives those that are still the owner's, and what is wanted of each."""
        rows = self.database.run(
            f"UPDATE jobs SET lease_until = :now + {LEASE_S} WHERE status = 'running' AND owner = :owner"
            " AND id IN (SELECT value FROM json_each(:ids)) RETURNING id, fence, wish",
            {"now": self.clock(), "owner": owner, "ids": json.dumps(list(ids))},
        )
        return {(row["id"], row["fence"]): row["wish"] for row in rows}

    def wishes(self, owner: str) -> dict[Claim, Wish]:
        """What is wanted of the jobs that an owner runs. Only reads."""
        rows = self.database.run(
            "SELECT id, fence, wish FROM jobs WHERE status = 'running' AND owner = :owner AND wish IS NOT NULL",
            {"owner": owner},
        )
        return {(row["id"], row["fence"]): row["wish"] for row in rows}

    def tell(self, claim: Claim, progress: Progress) -> bool:
        """Store how far a job is. False: it is no longer ours."""
        return self._end(claim, "done = :done, total = :total, failed = :failed", **_steps(progress))

    def complete(self, claim: Claim, result: str, progress: Progress) -> bool:
        """Store the result, which is JSON, once. False: it is no longer ours, and the result is nobody's."""
        return self._end(
            claim,
            "status = 'completed', owner = NULL, wish = NULL, error = NULL, result = :result,"
            " done = :done, total = :total, failed = :failed",
            result=result,
            **_steps(progress),
        )

    def fail(self, claim: Claim, error: dict[str, str], *, hopeless: bool = False) -> Verdict | None:
        """After a handler raised. None: it is no longer ours."""
        with self.database.transaction():
            if (job := self._mine(claim)) is None:
                return None
            verdict = rules.after_failure(job.attempts, job.wish, hopeless=hopeless)
            self._put(claim, verdict, error=json.dumps(error))
        return verdict

    def stop(self, claim: Claim) -> Verdict | None:
        """After a handler stopped early, as was wished or because its worker ends; no try is used up."""
        with self.database.transaction():
            if (job := self._mine(claim)) is None:
                return None
            verdict = rules.after_wish(job.wish)
            self._put(claim, verdict, attempts=job.attempts - 1)
        return verdict

    def recover(self, dead: Callable[[str], bool]) -> list[tuple[Job, Verdict]]:
        """Take up what no worker runs any more: its owner is dead, or the lease is over."""
        owners = {row["owner"] for row in self.database.run("SELECT DISTINCT owner FROM jobs WHERE status = 'running'")}
        gone = [owner for owner in owners if dead(owner)]
        values: dict[str, object] = {"gone": json.dumps(gone), "now": self.clock()}
        lost = f"status = 'running' AND (owner IN (SELECT value FROM json_each(:gone)) OR NOT {_LEASED})"
        if not self.database.run(f"SELECT 1 FROM jobs WHERE {lost} LIMIT 1", values):
            return []  # the ordinary case does not write
        found = []
        with self.database.transaction():
            values["now"] = self.clock()  # only now is it later than all clocks that leases were set by
            for row in self.database.run(f"SELECT * FROM jobs WHERE {lost}", values):
                job = job_of(row)
                deaths = rules.deaths_now(job.deaths, job.progress.done, _died_at(job))
                verdict = rules.after_death(deaths, job.wish)
                error = {"kind": _DIED, "message": f"The worker ended in the middle, {deaths} times without progress."}
                error["done"] = str(job.progress.done)
                changes = {"attempts": job.attempts - 1, "deaths": deaths, "error": json.dumps(error)}
                self._put((job.id, job.fence), verdict, **changes)
                found.append((replace(job, deaths=deaths), verdict))
        return found

    def next_due(self, kinds: Collection[str]) -> float | None:
        """Seconds until the first of the jobs that wait for their next try may be claimed; None: none does."""
        rows = self.database.run(
            "SELECT min(not_before) - :now AS delay FROM jobs WHERE status = 'queued' AND not_before > :now"
            f" AND not_before <= :now + {LONGEST_DELAY_S + SLACK_S} AND kind IN (SELECT value FROM json_each(:kinds))",
            {"now": self.clock(), "kinds": json.dumps(list(kinds))},
        )
        delay: float | None = rows[0]["delay"]
        return delay

    def forget(self, kept: int = KEPT) -> None:
        """Remove old rows that are completed or cancelled; the age is counted in jobs, not by a clock."""
        self.database.run(
            "DELETE FROM jobs WHERE status IN ('completed', 'cancelled')"
            " AND seq <= (SELECT max(seq) FROM jobs) - :kept",
            {"kept": kept},
        )

    def _mine(self, claim: Claim) -> Job | None:
        rows = self.database.run(f"SELECT * FROM jobs WHERE {_MINE}", {"id": claim[0], "fence": claim[1]})
        return job_of(rows[0]) if rows else None

    def _put(self, claim: Claim, verdict: Verdict, **changes: object) -> None:
        """Let go of a running job. `changes`: further columns."""
        columns = "".join(f", {column} = :{column}" for column in changes)
        self._end(
            claim,
            f"status = :status, owner = NULL, wish = NULL, not_before = :not_before{columns}",
            status=verdict.status,
            not_before=self.clock() + verdict.delay_s if verdict.delay_s else 0.0,
            **changes,
        )

    def _end(self, claim: Claim, columns: str, **values: object) -> bool:
        rows = self.database.run(
            f"UPDATE jobs SET {columns}, updated_at = :moment WHERE {_MINE} RETURNING id",
            {"id": claim[0], "fence": claim[1], "moment": moment(), **values},
        )
        return bool(rows)


def _died_at(job: Job) -> int | None:
    """How far the job was when a worker last ended under it, while nothing else has become of it since."""
    error = job.error or {}
    return int(error["done"]) if error.get("kind") == _DIED and "done" in error else None


def _steps(progress: Progress) -> dict[str, object]:
    return {"done": progress.done, "total": progress.total, "failed": progress.failed}
