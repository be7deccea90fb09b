"""How the workers are, by themselves and not by names of processes.

A worker's pipe tells that it lives, its jobs that it moves, and the oldest job that waits whether anybody takes any.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .queue import Queue
from .rules import LEASE_S

FINE, SLOW, SILENT = "ok", "degraded", "down"
_LATE_S = 60.0  # a job that may run and was not taken for so long: there are not enough workers


def look(queue: Queue) -> dict[str, Any]:
    """`status`, `workers`, counts, `running` jobs with the seconds since each was last heard of, `oldestWaitingS`."""
    figures = queue.figures()
    now = datetime.now(UTC)
    running = [
        {"id": job.id, "kind": job.kind, "lastHeardS": _since(job.updated_at, now), "attempt": job.attempts}
        for job in queue.listed(statuses=["running"])
    ]
    waiting = queue.oldest_waiting()
    waited = None if waiting is None else _since(waiting.created_at, now)
    return {
        "status": _status(figures["workers"], waited),
        **figures,
        "running": running,
        "oldestWaitingS": waited,
        "leaseS": LEASE_S,
    }


def _status(workers: int, waited_s: float | None) -> str:
    if not workers:
        return SILENT
    return SLOW if waited_s is not None and waited_s > _LATE_S else FINE


def _since(moment: str, now: datetime) -> float:
    return round(max((now - datetime.fromisoformat(moment)).total_seconds(), 0.0), 1)
