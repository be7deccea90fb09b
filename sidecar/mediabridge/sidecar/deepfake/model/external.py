"""What the operator's own detector is worth: its values on the golden set, and a calibration once that is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import gates, measures
from .document import Array, sigmoid
from .onnx import FACT
from .schema import Database

_FOLDS = 5
_STEPS = 30
_RIDGE = 1e-3  # keeps the slope finite when the detector makes no mistake


@dataclass(frozen=True, slots=True)
class Worth:
    """`auc` with its 95 % interval; `ece` of a calibration that was fitted to other golden files.

    Slope and offset are fitted to all of them, on values that are standardised by `centre` and `scale`.
    """

    real: int
    fake: int
    auc: float
    auc_interval: tuple[float, float]
    ece: float
    centre: float
    scale: float
    slope: float
    offset: float

    @property
    def calibrated(self) -> bool:
        """Whether its probabilities may be shown."""
        return self.ece <= gates.MOST_ECE and self.auc_interval[0] > 0.5  # noqa: PLR2004  chance

    def probability(self, raw: float) -> float:
        """For a base rate of one half."""
        return float(sigmoid(np.array([self.slope * (raw - self.centre) / self.scale + self.offset]))[0])

    def to_json(self) -> dict[str, Any]:
        """For `stats`."""
        return {
            "real": self.real,
            "fake": self.fake,
            "auc": round(self.auc, 4),
            "aucInterval": [round(end, 4) for end in self.auc_interval],
            "ece": round(self.ece, 4),
            "calibrated": self.calibrated,
        }


def measure(database: Database, model: str, domain: str = "image") -> Worth | None:
    """Of the detector with this SHA-256; None as long as too few golden files were analysed with it."""
    rows = database.run(
        "SELECT g.label, json_extract(s.facts, :path) AS given FROM golden g JOIN samples s USING (sha256, domain)"
        " WHERE g.domain = :domain AND given IS NOT NULL ORDER BY g.sha256",
        {"domain": domain, "path": f"$.{FACT}"},
    )
    told: list[tuple[bool, Mapping[str, Any]]] = [(row["label"] == "fake", json.loads(row["given"])) for row in rows]
    known = [(fake, float(given["raw"])) for fake, given in told if given.get("model") == model and "raw" in given]
    fakes = sum(fake for fake, _ in known)
    if min(fakes, len(known) - fakes) < gates.LEAST_GOLDEN:
        return None
    return worth(np.array([float(fake) for fake, _ in known]), np.array([raw for _, raw in known]))


def worth(fake: Array, raw: Array) -> Worth:
    """From the truth and the detector's values."""
    centre, scale = float(raw.mean()), max(float(raw.std()), 1e-12)
    standard = (raw - centre) / scale
    chances = np.zeros(len(raw))
    place = np.empty(len(raw), dtype=int)
    for truth in (0, 1):  # every fold has its share of both
        of_class = np.flatnonzero(fake == truth)
        place[of_class] = np.arange(len(of_class)) % _FOLDS
    for fold in range(_FOLDS):
        slope, offset = platt(standard[place != fold], fake[place != fold])
        chances[place == fold] = sigmoid(slope * standard[place == fold] + offset)
    slope, offset = platt(standard, fake)
    return Worth(
        real=int((fake < 1).sum()),
        fake=int((fake > 0).sum()),
        auc=measures.auc(fake, raw),
        auc_interval=measures.auc_interval(fake, raw),
        ece=measures.ece(fake, chances),
        centre=centre,
        scale=scale,
        slope=slope,
        offset=offset,
    )


def platt(values: Array, fake: Array) -> tuple[float, float]:
    """Slope and offset by Newton's method, classes weighing the same; numpy, since this serves."""
    weight = measures.balance(fake) * len(fake)
    table = np.stack([values, np.ones(len(values))], axis=1)
    found = np.zeros(2)
    for _ in range(_STEPS):
        chance = sigmoid(table @ found)
        slope = table.T @ (weight * (chance - fake)) + _RIDGE * found
        curve = (table * (weight * chance * (1 - chance))[:, None]).T @ table + _RIDGE * np.eye(2)
        found = found - np.linalg.solve(curve, slope)
    return float(found[0]), float(found[1])
