"""What a challenger must show on the golden set before it takes the champion's place, and before it may speak. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .guards import MOST_HARM

if TYPE_CHECKING:
    from .measures import Measured

LEAST_LABELS = 100  # of each class; with fewer, a cross-validated AUC means nothing
LEAST_GOLDEN = 60  # of each class
MOST_FORMAT_AUC = 0.75
LEAST_AUC = 0.60
AUC_SLACK, BRIER_SLACK, FALSE_ALARM_SLACK, CV_SLACK = 0.010, 0.005, 0.020, 0.050
BRIER_OF_HALF = 0.25
MOST_ECE = 0.10
MOST_FALSE_ALARMS = 0.05
LEAST_SOURCE_AUC = 0.60


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition with its numbers. `passed` is None where it could not be asked; `words` say why it is asked."""

    name: str
    passed: bool | None
    value: float | None
    limit: float | None
    words: str

    def to_json(self) -> dict[str, Any]:
        """As answers show it."""
        return {
            "gate": self.name,
            "passed": self.passed,
            "value": None if self.value is None else round(self.value, 4),
            "limit": None if self.limit is None else round(self.limit, 4),
            "words": self.words,
        }


def at_least(name: str, value: float | None, limit: float, words: str) -> Gate:
    """A gate that small values do not pass."""
    return Gate(name, None if value is None else value >= limit, value, limit, words)


def at_most(name: str, value: float | None, limit: float, words: str) -> Gate:
    """A gate that large values do not pass."""
    return Gate(name, None if value is None else value <= limit, value, limit, words)


def missing(labels: dict[str, int], golden: dict[str, int]) -> dict[str, dict[str, int]]:
    """How many labels are missing before a round may start; empty when none are."""
    short = {
        "labels": {name: LEAST_LABELS - labels[name] for name in ("real", "fake") if labels[name] < LEAST_LABELS},
        "golden": {name: LEAST_GOLDEN - golden[name] for name in ("real", "fake") if golden[name] < LEAST_GOLDEN},
    }
    return {kind: numbers for kind, numbers in short.items() if numbers}


def of_labels(format_auc: float | None, cv_auc: float, champion_cv: float | None, harm: float | None) -> list[Gate]:
    """Gates on the labels themselves. `harm`: the most that the golden set gains without one user's fresh labels."""
    return [
        at_most(
            "labels_follow_file_format",
            format_auc,
            MOST_FORMAT_AUC,
            "The file format alone (AUC) must not tell the labels: the model would learn formats. "
            "Save both classes in the same formats and qualities.",
        ),
        at_least(
            "cross_validation",
            cv_auc,
            LEAST_AUC if champion_cv is None else max(LEAST_AUC, champion_cv - CV_SLACK),
            "The cross-validated AUC must not fall far below the champion's: new labels may be wrong.",
        ),
        at_most(
            "influence",
            harm,
            MOST_HARM,
            "No user's new labels may make the golden set's Brier score worse; such labels are quarantined.",
        ),
    ]


def of_golden(found: Measured, champion: Measured | None) -> list[Gate]:
    """Gates on the golden set, against the champion on the same files."""
    return [
        at_least("auc_lower_bound", found.auc_interval[0], LEAST_AUC, "Clearly better than chance (AUC, lower 95 %)."),
        at_least(
            "auc", found.auc, (champion.auc if champion else 0.5) - AUC_SLACK, "Not worse than the champion (AUC)."
        ),
        at_most(
            "brier",
            found.brier,
            (champion.brier if champion else BRIER_OF_HALF) + BRIER_SLACK,
            "Probabilities not worse than the champion's (Brier score); without one, than a constant one half.",
        ),
        at_most(
            "false_alarms",
            found.false_alarms,
            champion.false_alarms + FALSE_ALARM_SLACK if champion else 1.0,
            "Not more real files above the threshold than the champion puts there.",
        ),
    ]


def of_serving(found: Measured, source_auc: float | None) -> list[Gate]:
    """Conditions for speaking, by a model that is promoted: `calibration` for a score, the others for a verdict."""
    return [
        at_most("calibration", found.ece, MOST_ECE, "Expected calibration error on the golden set; else no score."),
        at_most(
            "false_alarm_bound",
            found.false_alarms_upper,
            MOST_FALSE_ALARMS,
            "Upper 95 % bound of false alarms on the golden set; else no verdict.",
        ),
        at_least(
            "unseen_source",
            source_auc,
            LEAST_SOURCE_AUC,
            "AUC on sources that were left out of the training; else no verdict. Not asked when sources are not named.",
        ),
    ]


def of_size(golden: int) -> Gate:
    """The condition for being measured at all. `golden`: files of the smaller class."""
    return at_least("golden_files", golden, LEAST_GOLDEN, "Golden files of each class; with fewer nothing is measured.")


def passed(gates: Iterable[Gate]) -> bool:
    """Whether none of them failed."""
    return all(gate.passed is not False for gate in gates)
