"""The golden set, and what a model is worth on it as it is today. numpy only: what serves asks it too."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import features, gates, measures
from .document import Model
from .gates import Gate
from .measures import Measured
from .samples import Sample, counts, rows, truth
from .schema import Database

FILES = """
SELECT g.sha256, g.label, g.labeler, 1 AS operator, NULL AS source, s.vector, s.facts, 0 AS used
FROM golden g JOIN samples s USING (sha256, domain)
WHERE g.domain = :domain AND s.feature_version = :version ORDER BY g.sha256
"""


def sample_of(row: sqlite3.Row) -> Sample:
    """A row of `FILES`, and of the labelled files in `train.py`."""
    return Sample(
        sha256=row["sha256"],
        fake=row["label"] == "fake",
        row=np.frombuffer(row["vector"], dtype="<f8").astype(np.float64),
        labeler=row["labeler"],
        operator=bool(row["operator"]),
        fresh=not row["used"],
        source=row["source"],
        facts=json.loads(row["facts"]),
    )


def on_golden(model: Model, golden: Sequence[Sample]) -> Measured:
    """A model on the golden set. Both classes must be there."""
    return measures.measure(truth(golden), model.probabilities(rows(golden)), model.threshold_high)


def serving(found: Measured, of_sources: float | None) -> dict[str, Any]:
    """What a model may say, and on what grounds: as it is stored beside the model."""
    conditions: list[Gate] = gates.of_serving(found, of_sources)
    by_name = {gate.name: gate.passed is not False for gate in conditions}
    return {
        "golden": found.to_json(),
        "gates": [gate.to_json() for gate in conditions],
        "mayScore": by_name["calibration"],
        "mayJudge": all(by_name.values()),
    }


def serving_today(database: Database, model: Model, domain: str) -> dict[str, Any]:
    """The same, on the set as it is now; where it is too small for a round it is too small to speak by."""
    golden = [sample_of(row) for row in database.run(FILES, {"domain": domain, "version": features.VERSION})]
    least = min(counts(golden).values())
    if least >= gates.LEAST_GOLDEN:
        return serving(on_golden(model, golden), model.trained.get("sourceAuc"))
    return {"golden": None, "gates": [gates.of_size(least).to_json()], "mayScore": False, "mayJudge": False}
