"""A job as it lies in the table."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from .rules import Status, Wish

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, in steps of its own; `total` 0 = not known yet."""

    done: int = 0
    total: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One row. `fence` counts the claims: a result is taken only with the number of the last one.

    `attempts` counts the tries that were not cut short, `deaths` the workers that ended in the middle. `error` is
    `{"kind", "message"}` of the last failure; `result` what the handler gave. Times are RFC 3339 in UTC.
    """

    id: str
    kind: str
    payload: Payload
    status: Status
    attempts: int
    deaths: int
    fence: int
    owner: str | None
    wish: Wish | None
    progress: Progress
    result: Any
    error: dict[str, str] | None
    created_at: str
    updated_at: str


def job_of(row: sqlite3.Row) -> Job:
    """A row of the table as a job."""
    return Job(
        id=row["id"],
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        status=row["status"],
        attempts=row["attempts"],
        deaths=row["deaths"],
        fence=row["fence"],
        owner=row["owner"],
        wish=row["wish"],
        progress=Progress(row["done"], row["total"], row["failed"]),
        result=_value(row["result"]),
        error=_value(row["error"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
