"""What is known of analysed files: that they were analysed, and the features they gave; never the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediabridge.sidecar.faults import ContentUnknown

from .basics import FEATURE_VERSION
from .schema import Database

DOMAINS = ("image", "video_frame")  # pictures, and clips by the mean of their frames
MOST_ANALYSES = 20_000  # the newest ones; files that were labelled stay
_TIDIED_EVERY = 200
_ANALYSE = "Analyse the file first: POST /api/deepfake/analyze; its answer has the analysisId."


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis. `usable`: it gave features of today's version; `declares_ai`: the file says so itself."""

    id: str
    sha256: str
    domain: str
    usable: bool
    declares_ai: bool


def domain_of(media_type: object) -> str:
    """The domain of a media type (`image`, `image/jpeg`, `video`, ...)."""
    return "video_frame" if str(media_type).startswith("video") else "image"


class Store:
    """Analyses and samples. Raises a `Fault` where the file cannot be used."""

    def __init__(self, database: Database, most: int = MOST_ANALYSES) -> None:
        self._database = database
        self._most = most

    def keep(
        self,
        analysis_id: str,
        sha256: str,
        domain: str,
        values: Mapping[str, float],
        facts: Mapping[str, Any],
        verdict: str,
        created: str,
        *,
        in_domain: bool | None,
    ) -> None:
        """Keep an analysis, and the features of its file unless there are none."""
        row = {"id": analysis_id, "sha256": sha256, "domain": domain, "verdict": verdict, "created": created}
        with self._database.transaction():
            known = self._database.run(
                "INSERT INTO analyses (id, sha256, domain, verdict, in_domain, created)"
                " VALUES (:id, :sha256, :domain, :verdict, :in_domain, :created) RETURNING seq",
                {**row, "in_domain": in_domain},
            )
            if values:
                self._keep_sample(sha256, domain, values, facts, declared_ai=verdict == "declared_ai")
            if known[0]["seq"] % _TIDIED_EVERY == 0:
                self._tidy(known[0]["seq"])

    def _keep_sample(
        self, sha256: str, domain: str, values: Mapping[str, float], facts: Mapping[str, Any], *, declared_ai: bool
    ) -> None:
        from .features import vector  # noqa: PLC0415  see basics.py

        self._database.run(
            "INSERT INTO samples (sha256, domain, feature_version, vector, facts, declared_ai)"
            " VALUES (:sha256, :domain, :version, :vector, :facts, :declared)"
            " ON CONFLICT (sha256, domain) DO UPDATE SET feature_version = :version, vector = :vector, facts = :facts,"
            " declared_ai = max(declared_ai, :declared)",
            {
                "sha256": sha256,
                "domain": domain,
                "version": FEATURE_VERSION,
                "vector": vector(values).astype("<f8").tobytes(),
                "facts": json.dumps(dict(facts)),
                "declared": declared_ai,
            },
        )

    def _tidy(self, newest: int) -> None:
        """Forget the oldest analyses, and the features of files that nobody labelled.

        Labels that nobody vouches for keep no file, and go with it: else strangers could have all of them kept.
        """
        gone = self._database.run(
            "DELETE FROM analyses AS a WHERE seq <= :oldest"
            " AND NOT EXISTS (SELECT 1 FROM labels l WHERE l.sha256 = a.sha256 AND l.domain = a.domain"
            " AND l.reason IS NOT 'not_vouched_for')"
            " AND NOT EXISTS (SELECT 1 FROM golden g WHERE g.sha256 = a.sha256 AND g.domain = a.domain)"
            " RETURNING sha256, domain",
            {"oldest": newest - self._most},
        )
        for row in gone:
            for table in ("samples", "labels"):
                self._database.run(
                    f"DELETE FROM {table} AS s WHERE s.sha256 = :sha256 AND s.domain = :domain"  # noqa: S608  of two names
                    " AND NOT EXISTS (SELECT 1 FROM analyses a WHERE a.sha256 = s.sha256 AND a.domain = s.domain)",
                    dict(row),
                )

    def analysis(self, analysis_id: str) -> Analysis:
        """The analysis with this id. Raises `ContentUnknown`."""
        rows = self._database.run(
            "SELECT a.id, a.sha256, a.domain, coalesce(s.feature_version = :version, 0) AS usable,"
            " coalesce(s.declared_ai, a.verdict = 'declared_ai') AS declares_ai"
            " FROM analyses a LEFT JOIN samples s USING (sha256, domain) WHERE a.id = :id",
            {"id": analysis_id, "version": FEATURE_VERSION},
        )
        if not rows:
            msg = f"There is no analysis {analysis_id[:64]!r}, or it is forgotten."
            raise ContentUnknown(msg, _ANALYSE)
        row = rows[0]
        return Analysis(row["id"], row["sha256"], row["domain"], bool(row["usable"]), bool(row["declares_ai"]))

    def forget(self, sha256: str) -> int:
        """Remove all that is kept of a file: features, analyses, labels, its place in the golden set; gives the rows.

        Models that learnt from it stay: their weights hold no file.
        """
        key = {"sha256": sha256}
        with self._database.transaction():
            gone = [
                *self._database.run("DELETE FROM labels WHERE sha256 = :sha256 RETURNING 1", key),
                *self._database.run("DELETE FROM golden WHERE sha256 = :sha256 RETURNING 1", key),
                *self._database.run("DELETE FROM learnt WHERE sha256 = :sha256 RETURNING 1", key),
                *self._database.run("DELETE FROM samples WHERE sha256 = :sha256 RETURNING 1", key),
                *self._database.run("DELETE FROM analyses WHERE sha256 = :sha256 RETURNING 1", key),
            ]
        return len(gone)
