"""What `GET /api/deepfake/stats` tells, from one read of the database: it waits for nobody who writes or trains."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from . import gates
from .basics import FEATURE_VERSION
from .labels import rfc3339
from .schema import Database
from .versions import Versions

DRIFT_DAYS = 7
_MOST_DRIFT = 2000  # the newest analyses that are looked at
LIMITS = (
    "It knows the kinds of files that it was trained on; of others it knows nothing.",
    "A low score is no finding of authenticity.",
    "Resizing and saving again remove most traces.",
    "No ground for a decision about a person by itself.",
)


def stats(database: Database, domain: str, described: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The figures of a domain. `described`: what the service says of the model."""
    samples, golden, waiting = counts(database, domain)
    last = Versions(database).last_round(domain)
    return {
        "status": "ok",
        "domain": domain,
        "training_samples": sum(samples.values()),
        "model_loaded": described["loaded"],
        "last_updated": described["since"],
        "samples": {
            **samples,
            "golden": golden,
            "quarantined": waiting["quarantined"],
            "conflicts": waiting["conflict"],
            "missing": gates.missing(samples, golden),
        },
        "model": dict(described),
        "calibration": _calibration(described),
        "drift": drift(database, domain, now),
        "retrain": {"state": last["state"] if last else "never", "last": last},
        "featureVersion": FEATURE_VERSION,
        "limits": list(LIMITS),
    }


def counts(database: Database, domain: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Labelled files by class that are not in the golden set, those that are, and labels that wait."""
    rows = database.run(
        "SELECT 'label' AS kind, label AS name, count(DISTINCT sha256) AS n FROM labels"
        " WHERE domain = :domain AND status = 'accepted' AND NOT EXISTS"  # as in training, which leaves them out
        " (SELECT 1 FROM golden g WHERE g.sha256 = labels.sha256 AND g.domain = labels.domain) GROUP BY label"
        " UNION ALL SELECT 'golden', label, count(*) FROM golden WHERE domain = :domain GROUP BY label"
        " UNION ALL SELECT 'waiting', status, count(*) FROM labels"
        " WHERE domain = :domain AND status IN ('quarantined', 'conflict') GROUP BY status",
        {"domain": domain},
    )
    found = {(row["kind"], row["name"]): row["n"] for row in rows}
    return (
        {name: found.get(("label", name), 0) for name in ("real", "fake")},
        {name: found.get(("golden", name), 0) for name in ("real", "fake")},
        {name: found.get(("waiting", name), 0) for name in ("quarantined", "conflict")},
    )


def drift(database: Database, domain: str, now: datetime) -> dict[str, Any]:
    """How many of the last week's files were unlike the training's."""
    rows = database.run(
        "SELECT count(in_domain) AS asked, coalesce(sum(NOT in_domain), 0) AS outside FROM"
        " (SELECT in_domain, domain, created FROM analyses ORDER BY seq DESC LIMIT :most)"
        " WHERE domain = :domain AND created > :since",
        {"most": _MOST_DRIFT, "domain": domain, "since": rfc3339(now - timedelta(days=DRIFT_DAYS))},
    )
    asked, outside = rows[0]["asked"], rows[0]["outside"]
    return {
        "days": DRIFT_DAYS,
        "analyses": asked,
        "outOfDomain": outside,
        "share": round(outside / asked, 4) if asked else None,
    }


def _calibration(described: Mapping[str, Any]) -> dict[str, Any] | None:
    golden = described["golden"]
    if not golden:
        return None
    files = golden["real"] + golden["fake"]
    return {"ece": golden["ece"], "brier": golden["brier"], "files": files, "limit": gates.MOST_ECE}
