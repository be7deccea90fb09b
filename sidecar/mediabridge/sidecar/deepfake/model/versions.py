"""Models by version, and the rounds that made them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mediabridge.sidecar.faults import Conflict, ContentUnknown

from .labels import rfc3339
from .schema import Database

if TYPE_CHECKING:
    from .document import Model

KEPT = 10  # archived models of a domain
MOST_ROUNDS = 200
LONGEST_S = 150.0  # a round that has begun longer ago has died
_LIST = "GET /api/deepfake/models lists what there is."


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that speaks. `measured`: see `golden.serving`; `since`: when it became the champion."""

    version: int
    model: Model
    measured: Mapping[str, Any]
    created: str
    since: str


class Versions:
    """Raises a `Fault` where the file cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, domain: str) -> tuple[int, str] | None:
        """Of the champion: changes whenever `champion` would give something else."""
        rows = self._database.run(
            "SELECT version, since, measured FROM models WHERE domain = :domain AND state = 'champion'",
            {"domain": domain},
        )
        return (rows[0]["version"], rows[0]["since"] + rows[0]["measured"]) if rows else None

    def champion(self, domain: str) -> Champion | None:
        """The model that speaks. Raises `ValueError` when it is no model for today's features."""
        rows = self._database.run(
            "SELECT * FROM models WHERE domain = :domain AND state = 'champion'", {"domain": domain}
        )
        if not rows:
            return None
        row = rows[0]
        model = _model(row["document"])
        return Champion(row["version"], model, json.loads(row["measured"]), row["created"], row["since"])

    def listed(self, domain: str) -> list[dict[str, Any]]:
        """All models of a domain, the newest first, without their numbers."""
        rows = self._database.run(
            "SELECT version, state, parent, created, measured, json_extract(document, '$.trained') AS trained"
            " FROM models WHERE domain = :domain ORDER BY version DESC",
            {"domain": domain},
        )
        return [
            {
                "version": str(row["version"]),
                "state": row["state"],
                "parent": str(row["parent"]) if row["parent"] else None,
                "created": row["created"],
                "trained": json.loads(row["trained"]),
                **json.loads(row["measured"]),
            }
            for row in rows
        ]

    def begin(self, domain: str, now: datetime) -> int:
        """A new round. Raises `Conflict` while another one runs."""
        running = "SELECT * FROM rounds WHERE state = 'running' AND domain = :domain"
        with self._database.transaction():
            for row in self._database.run(running, {"domain": domain}):
                if _runs(row):
                    msg = "A retraining runs already."
                    raise Conflict(msg, "GET /api/deepfake/stats tells when it is done.")
                self.end(row["id"], "failed", {"outcome": "failed", "problem": "Its process ended in the middle."}, now)
            rows = self._database.run(
                "INSERT INTO rounds (domain, state, begun, pid, started)"
                " VALUES (:domain, 'running', :moment, :pid, :now) RETURNING id",
                {"domain": domain, "moment": time.time(), "pid": os.getpid(), "now": rfc3339(now)},
            )
            self._database.run("DELETE FROM rounds WHERE id <= :oldest", {"oldest": rows[0]["id"] - MOST_ROUNDS})
        return int(rows[0]["id"])

    def end(self, round_id: int, state: str, result: Mapping[str, Any], now: datetime) -> None:
        """The round is over."""
        self._database.run(
            "UPDATE rounds SET state = :state, result = :result, ended = :now WHERE id = :id AND state = 'running'",
            {"id": round_id, "state": state, "result": json.dumps(result), "now": rfc3339(now)},
        )

    def last_round(self, domain: str) -> dict[str, Any] | None:
        """The newest round of a domain."""
        rows = self._database.run(
            "SELECT * FROM rounds WHERE domain = :domain ORDER BY id DESC LIMIT 1", {"domain": domain}
        )
        return _round(rows[0]) if rows else None

    def promote(
        self,
        domain: str,
        document: str,
        measured: Mapping[str, Any],
        parent: int | None,
        used: Sequence[str],
        now: datetime,
    ) -> int | None:
        """Make a challenger the champion; gives its version. None when the champion is another by now."""
        with self._database.transaction():
            current = self.mark(domain)
            if (current[0] if current else None) != parent:
                return None
            values = {"domain": domain, "now": rfc3339(now), "parent": parent, "used": json.dumps(list(used))}
            self._archive(domain)
            rows = self._database.run(
                "INSERT INTO models (domain, state, parent, document, measured, created, since)"
                " VALUES (:domain, 'champion', :parent, :document, :measured, :now, :now) RETURNING version",
                {**values, "document": document, "measured": json.dumps(measured)},
            )
            version = int(rows[0]["version"])
            self._database.run(
                "UPDATE labels SET used_by = :version"
                " WHERE domain = :domain AND used_by IS NULL AND status = 'accepted'"
                " AND sha256 IN (SELECT value FROM json_each(:used))",
                {**values, "version": version},
            )
            self._database.run(
                "INSERT OR IGNORE INTO learnt SELECT value, :domain FROM json_each(:used) WHERE EXISTS"
                " (SELECT 1 FROM samples s WHERE s.sha256 = value AND s.domain = :domain)",  # else it was deleted since
                values,
            )
            self._database.run(
                "DELETE FROM models WHERE domain = :domain AND state = 'archived' AND version NOT IN (SELECT version"
                " FROM models WHERE domain = :domain AND state = 'archived' ORDER BY version DESC LIMIT :kept)",
                {**values, "kept": KEPT},
            )
        return version

    def remeasure(self, version: int, measured: Mapping[str, Any]) -> None:
        """What a model may say, by the golden set as it is now."""
        self._database.run(
            "UPDATE models SET measured = :measured WHERE version = :version",
            {"version": version, "measured": json.dumps(measured)},
        )

    def rollback(self, version: int, now: datetime) -> str:
        """Make a model the champion again, by what it is worth today; gives its domain.

        Raises `ContentUnknown` or `Conflict`.
        """
        with self._database.transaction():
            rows = self._database.run("SELECT * FROM models WHERE version = :version", {"version": version})
            if not rows:
                msg = f"version: there is no model {version}."
                raise ContentUnknown(msg, _LIST)
            domain = str(rows[0]["domain"])
            try:
                model = _model(rows[0]["document"])
            except ValueError as problem:
                msg = f"version: model {version} cannot be used: {problem}."
                raise Conflict(msg, _LIST) from problem
            self._archive(domain)
            self._database.run(
                "UPDATE models SET state = 'champion', since = :now WHERE version = :version",
                {"version": version, "now": rfc3339(now)},
            )
            self._measure(version, model, domain)
        return domain

    def measure_again(self, domain: str) -> None:
        """Measure the champion by the golden set as it is now: a file has left it."""
        with self._database.transaction(), contextlib.suppress(ValueError):  # one of other features speaks not at all
            if (champion := self.champion(domain)) is not None:
                self._measure(champion.version, champion.model, domain)

    def _measure(self, version: int, model: Model, domain: str) -> None:
        from .golden import serving_today  # noqa: PLC0415  see basics.py

        self.remeasure(version, serving_today(self._database, model, domain))

    def _archive(self, domain: str) -> None:
        self._database.run(
            "UPDATE models SET state = 'archived' WHERE domain = :domain AND state = 'champion'", {"domain": domain}
        )


def _runs(row: sqlite3.Row) -> bool:
    """Whether a round that says so still runs: its process lives, and has not had its time."""
    if not 0 <= time.time() - row["begun"] < LONGEST_S:
        return False
    try:
        os.kill(row["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _model(document: str) -> Model:
    from .document import Model  # noqa: PLC0415  see basics.py

    return Model.from_json(document)


def _round(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "state": "failed" if row["state"] == "running" and not _runs(row) else row["state"],
        "started": row["started"],
        "ended": row["ended"],
        "result": json.loads(row["result"]) if row["result"] else None,
    }
