"""Labels: who says what of which file, what counts at once, and what waits for the operator."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from mediabridge.sidecar.faults import Conflict, ContentUnknown, InvalidRequest

from .guards import NOT_VOUCHED, WORDS, Label, Reason, quarantine
from .schema import Database
from .store import Analysis

Status = Literal["accepted", "quarantined", "conflict", "duplicate", "golden"]
_WITHDRAW = "The operator may withdraw the first one: DELETE /api/deepfake/feedback/{id}"
_DAY = timedelta(days=1)
_MOST_ID = 2**63 - 1  # SQLite takes no larger number
_SAID = ("accepted", "conflict")  # labels that say something about their file


@dataclass(frozen=True, slots=True)
class Vote:
    """One label as it is sent. `operator`: the operator's own; `source`: where the file is from; `vouched`: whether the
    operator, or who has its token, sent it in the labeler's name."""

    label: Label
    labeler: str
    operator: bool = False
    source: str | None = None
    vouched: bool = True


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a label. `reason` is a word, `explanation` a sentence; both are None when it counts.

    `id` is None for a place in the golden set, and for what nobody vouches for, see `Labels.give`.
    """

    id: int | None
    status: Status
    reason: str | None = None
    explanation: str | None = None


def rfc3339(moment: datetime) -> str:
    """UTC, milliseconds; such texts are in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Labels:
    """Votes and the golden set. Raises a `Fault` where the file cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, analysis: Analysis, vote: Vote, now: datetime) -> Given:
        """Take a label. Raises `Conflict` when the same labeler has said the opposite.

        A label on a file of the golden set checks its labeler, and is answered as it would be on any other file.
        """
        _check_usable(analysis)
        with self._database.transaction():
            said = self._of_file(analysis)
            own = next((row for row in said if row["labeler"] == vote.labeler), None)
            status, reason = self._status(analysis, vote, said, now)
            if reason == NOT_VOUCHED:
                return self._set_aside(analysis, vote, said, now)
            if own is not None and not _outranks(vote, own):
                return _repeated(own, vote)
            golden = self._is_golden(_key(analysis))
            made = self._store(analysis, vote, "check" if golden else status, reason, now)
            if golden:
                return Given(made["id"], status, reason, WORDS[reason] if reason else None)
            if own is not None or status == "conflict" or (vote.operator and status == "accepted"):
                self._settle(analysis)
                made = next(row for row in self._of_file(analysis) if row["id"] == made["id"])
        return Given(made["id"], made["status"], made["reason"], WORDS.get(made["reason"]))

    def _set_aside(self, analysis: Analysis, vote: Vote, said: list[sqlite3.Row], now: datetime) -> Given:
        """One label that nobody vouches for waits for each file, so that strangers cannot fill the list.

        The answer, which has no id, is always the same: it tells nothing of what else was said under that name.
        """
        if not any(row["labeler"] == vote.labeler or row["reason"] == NOT_VOUCHED for row in said):
            self._store(analysis, vote, "quarantined", NOT_VOUCHED, now)
        return Given(None, "quarantined", NOT_VOUCHED, WORDS[NOT_VOUCHED])

    def _store(self, analysis: Analysis, vote: Vote, status: str, reason: Reason | None, now: datetime) -> sqlite3.Row:
        """Keep a label, in the place of that with less right under the same name if there is one."""
        rows = self._database.run(
            "INSERT INTO labels (sha256, domain, label, labeler, operator, source, status, reason, created)"
            " VALUES (:sha256, :domain, :label, :labeler, :operator, :source, :status, :reason, :now)"
            " ON CONFLICT (sha256, domain, labeler) DO UPDATE SET label = :label, operator = :operator,"
            " source = :source, status = :status, reason = :reason, created = :now RETURNING *",
            {**_key(analysis), **_vote(vote), "status": status, "reason": reason, "now": rfc3339(now)},
        )
        return rows[0]

    def _status(
        self, analysis: Analysis, vote: Vote, said: list[sqlite3.Row], now: datetime
    ) -> tuple[Status, Reason | None]:
        today, agreed, checked = self._record(vote, now)
        reason = quarantine(
            label=vote.label,
            declares_ai=analysis.declares_ai,
            operator=vote.operator,
            vouched=vote.vouched,
            today=today,
            agreed=agreed,
            checked=checked,
        )
        if reason is not None:
            return "quarantined", reason
        others = {row["label"] for row in said if row["labeler"] != vote.labeler and _says(row)}
        if others - {vote.label} and not vote.operator:
            return "conflict", "labels_differ"
        return "accepted", None

    def _is_golden(self, key: Mapping[str, object]) -> bool:
        return bool(self._database.run("SELECT 1 FROM golden WHERE sha256 = :sha256 AND domain = :domain", key))

    def _record(self, vote: Vote, now: datetime) -> tuple[int, int, int]:
        """Of a user: labels in the last 24 hours; right ones, and all, on files whose truth is known."""
        who = {"labeler": vote.labeler, "since": rfc3339(now - _DAY)}
        today = self._database.run(
            "SELECT count(*) AS n FROM labels WHERE labeler = :labeler AND NOT operator AND created > :since"
            " AND reason IS NOT 'not_vouched_for'",  # anybody could say that in their name
            who,
        )
        checks = self._database.run(
            "SELECT count(*) AS n, coalesce(sum(l.label = g.label), 0) AS agreed FROM labels l"
            " JOIN golden g USING (sha256, domain) WHERE l.labeler = :labeler AND l.status = 'check'"
            " AND NOT l.operator AND l.reason IS NOT 'not_vouched_for'",
            who,
        )
        return today[0]["n"], checks[0]["agreed"], checks[0]["n"]

    def _settle(self, analysis: Analysis) -> None:
        """Labels of a file count when they agree; where they do not, the operator's own count alone."""
        rows = [row for row in self._of_file(analysis) if row["status"] in _SAID]
        said = {row["label"] for row in rows if row["operator"]} or {row["label"] for row in rows}
        for row in rows:
            counts = len(said) == 1 and row["label"] in said
            self._database.run(
                "UPDATE labels SET status = :status, reason = :reason WHERE id = :id",
                {
                    "id": row["id"],
                    "status": "accepted" if counts else "conflict",
                    "reason": None if counts else "labels_differ",
                },
            )

    def waiting(
        self, limit: int = 100, before: int | None = None, reason: str | None = None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Labels that wait for the operator, the newest first, and the id before which there are more.

        `before`: older ones than the label with this id; `reason`: those that wait for this one alone.
        """
        rows = self._database.run(
            "SELECT * FROM labels WHERE status IN ('quarantined', 'conflict') AND (:before IS NULL OR id < :before)"
            " AND (:reason IS NULL OR reason = :reason) ORDER BY id DESC LIMIT :limit",
            {"limit": limit + 1, "before": None if before is None else min(before, _MOST_ID), "reason": reason},
        )
        shown = rows[:limit]
        return [_told(row) for row in shown], shown[-1]["id"] if len(rows) > limit else None

    def decide(self, label_id: int, *, accept: bool) -> dict[str, Any]:
        """Accept a label, whatever others say, or remove it. Raises `ContentUnknown`."""
        with self._database.transaction():
            known = {"id": min(label_id, _MOST_ID)}
            rows = self._database.run("SELECT * FROM labels WHERE id = :id", known)
            if not rows:
                msg = f"There is no label {label_id}."
                raise ContentUnknown(msg, "GET /api/deepfake/feedback lists those that wait.")
            row = rows[0]
            if accept:
                self._accept({**dict(row), **known})
            else:
                self._database.run("DELETE FROM labels WHERE id = :id", known)
            self._settle(Analysis("", row["sha256"], row["domain"], usable=True, declares_ai=False))
        return {**_told(row), "status": "accepted" if accept else "removed", "reason": None, "explanation": None}

    def _accept(self, row: Mapping[str, Any]) -> None:
        """From now on it is the operator's word, and what was said of its source is nobody's.

        On a file of the golden set it teaches nothing, and the labels of others stay, since they check who gave them.
        """
        golden = self._is_golden(row)
        self._database.run(
            "UPDATE labels SET status = :now, reason = NULL, operator = 1,"
            " source = CASE WHEN operator THEN source END WHERE id = :id",
            {"id": row["id"], "now": "check" if golden else "accepted"},
        )
        if not golden:
            self._database.run(
                "DELETE FROM labels WHERE sha256 = :sha256 AND domain = :domain AND label != :label", row
            )

    def freeze(self, analysis: Analysis, label: Label, labeler: str, now: datetime) -> Given:
        """Put a file into the golden set. Raises `Conflict` when it is there otherwise, or was learnt from."""
        _check_usable(analysis)
        key = {**_key(analysis), "label": label, "labeler": labeler, "now": rfc3339(now)}
        with self._database.transaction():
            known = self._database.run("SELECT label FROM golden WHERE sha256 = :sha256 AND domain = :domain", key)
            if known and known[0]["label"] == label:
                return Given(None, "duplicate")
            if known:
                msg = f"The file is in the golden set as {known[0]['label']!r}; what is there does not change."
                raise Conflict(msg, "Remove it first: DELETE /api/deepfake/golden/{sha256}")
            if self._database.run("SELECT 1 FROM learnt WHERE sha256 = :sha256 AND domain = :domain", key):
                msg = "A model has learnt from this file; the golden set is of files that none has seen."
                raise Conflict(msg, "Take another file.")
            self._database.run(
                "INSERT INTO golden (sha256, domain, label, labeler, created)"
                " VALUES (:sha256, :domain, :label, :labeler, :now)",
                key,
            )
            self._database.run(
                "UPDATE labels SET status = 'check', reason = CASE WHEN status = 'quarantined' THEN reason END"
                " WHERE sha256 = :sha256 AND domain = :domain",
                key,
            )
        return Given(None, "golden")

    def golden(self, domain: str) -> list[dict[str, Any]]:
        """The golden set."""
        rows = self._database.run("SELECT * FROM golden WHERE domain = :domain ORDER BY created", {"domain": domain})
        names = {"sha256": "sha256", "label": "label", "labeler": "labeler", "created": "created"}
        return [{name: row[column] for name, column in names.items()} for row in rows]

    def golden_in(self, sha256: str) -> list[str]:
        """The domains in whose golden set a file is."""
        rows = self._database.run("SELECT domain FROM golden WHERE sha256 = :sha256", {"sha256": sha256})
        return [row["domain"] for row in rows]

    def thaw(self, sha256: str) -> None:
        """Take a file out of the golden set; its labels count, or wait, again. Raises `ContentUnknown`."""
        with self._database.transaction():
            rows = self._database.run("DELETE FROM golden WHERE sha256 = :sha256 RETURNING domain", {"sha256": sha256})
            for row in rows:
                file = Analysis("", sha256, row["domain"], usable=True, declares_ai=False)
                self._database.run(
                    "UPDATE labels SET status = CASE WHEN reason IS NULL THEN 'accepted'"
                    " WHEN reason = 'labels_differ' THEN 'conflict' ELSE 'quarantined' END"
                    " WHERE sha256 = :sha256 AND domain = :domain AND status = 'check'",
                    _key(file),
                )
                self._settle(file)
        if not rows:
            msg = f"The golden set has no file {sha256[:64]!r}."
            raise ContentUnknown(msg, "GET /api/deepfake/golden lists it.")

    def quarantine_of(self, labelers: list[str], domain: str, version: int) -> int:
        """Set aside what these users said since that model, which had bad influence; gives how many."""
        gone = 0
        for labeler in labelers:
            gone += len(
                self._database.run(
                    "UPDATE labels SET status = 'quarantined', reason = 'harmful_influence' WHERE labeler = :labeler"
                    " AND domain = :domain AND status = 'accepted' AND NOT operator"
                    " AND (used_by IS NULL OR used_by > :version) RETURNING 1",
                    {"labeler": labeler, "domain": domain, "version": version},
                )
            )
        return gone

    def _of_file(self, analysis: Analysis) -> list[sqlite3.Row]:
        return self._database.run(
            "SELECT * FROM labels WHERE sha256 = :sha256 AND domain = :domain ORDER BY id", _key(analysis)
        )


def _outranks(vote: Vote, own: sqlite3.Row) -> bool:
    """Whether a label takes the place of one that somebody gave under the same name with less right to it."""
    return (vote.operator and not own["operator"]) or (vote.vouched and own["reason"] == NOT_VOUCHED)


def _says(row: sqlite3.Row) -> bool:
    """Whether a label says something about its file, or would if that were not in the golden set."""
    return row["status"] in _SAID or (row["status"] == "check" and row["reason"] in (None, "labels_differ"))


def _repeated(own: sqlite3.Row, vote: Vote) -> Given:
    if own["label"] == vote.label:
        return Given(own["id"], "duplicate", None, "The same label of the same labeler was there already.")
    msg = f"label: {vote.labeler!r} has labelled this file as {own['label']!r} before."
    raise Conflict(msg, _WITHDRAW.replace("{id}", str(own["id"])))


def _check_usable(analysis: Analysis) -> None:
    if not analysis.usable:
        msg = "analysisId: this analysis gave no features to learn from: too small, unreadable, or of an older version."
        raise InvalidRequest(msg, "Analyse the file again, in a larger size if there is one.")


def _key(analysis: Analysis) -> dict[str, object]:
    return {"sha256": analysis.sha256, "domain": analysis.domain}


def _vote(vote: Vote) -> dict[str, object]:
    return {"label": vote.label, "labeler": vote.labeler, "operator": vote.operator, "source": vote.source}


def _told(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "sha256": row["sha256"],
        "domain": row["domain"],
        "label": row["label"],
        "labeler": row["labeler"],
        "status": row["status"],
        "reason": row["reason"],
        "explanation": WORDS.get(row["reason"]),
        "created": row["created"],
    }
