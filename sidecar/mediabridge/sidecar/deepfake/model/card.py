"""What is told of a model: the field `model` of answers, and the model card (Mitchell et al. 2019)."""

from __future__ import annotations

from typing import Any

from . import gates, guards
from .basics import BASE_RATE, FEATURE_VERSION
from .versions import Champion

INTENDED = (
    "Helps a person who examines a picture: a calibrated probability that it is one of the kind that this "
    "installation's labellers called fake, with its interval and each feature's share."
)
NOT_INTENDED = (
    "It does not tell whether a picture is real. It is never the only ground for a decision about a person. "
    "It does not know generators and sources that it was not trained on: there such features were seen to be at chance "
    "or worse (AUC 0.23 to 0.63)."
)
CAVEATS = (
    "Resizing by 0.75 and saving again removed the skill on simulated traces of generators (AUC 0.71 to 0.52).",
    "The score holds for a base rate of one half on files like those of the golden set; where fakes are rare, most "
    "alarms are false.",
    "The golden set also decides which model is promoted, so that its numbers are somewhat too good.",
    "Edits of a small part of a picture are not seen: tiles of the middle are measured.",
    "Features are pixels' alone, but still carry the source of a picture: which camera, which website.",
)


def described(champion: Champion | None) -> dict[str, Any]:
    """The field `model`: loaded, version, sizes, metrics on the golden set, thresholds, why it is silent if it is."""
    if champion is None:
        return {
            "loaded": False,
            "version": None,
            "featureVersion": FEATURE_VERSION,
            "trainedAt": None,
            "since": None,
            "samples": {"real": 0, "fake": 0},
            "golden": None,
            "thresholds": None,
            "mayScore": False,
            "suspended": None,
            "baseRate": BASE_RATE,
        }
    model, measured = champion.model, champion.measured
    failed = [gate for gate in measured["gates"] if gate["passed"] is False]
    may_judge = measured["mayJudge"]
    return {
        "loaded": True,
        "version": str(champion.version),
        "featureVersion": model.feature_version,
        "trainedAt": model.trained["at"],
        "since": champion.since,
        "samples": {"real": model.trained["real"], "fake": model.trained["fake"]},
        "golden": measured["golden"],
        "thresholds": {"low": model.threshold_low, "high": model.threshold_high} if may_judge else None,
        "mayScore": measured["mayScore"],
        "suspended": failed or None,
        "baseRate": BASE_RATE,
    }


def card(stats: dict[str, Any]) -> dict[str, Any]:
    """The card as JSON, from what `figures.stats` tells."""
    return {
        "model": stats["model"],
        "domain": stats["domain"],
        "kind": "L2 logistic regression on clipped, standardised features of pixels; Platt calibration out of fold",
        "features": {"version": FEATURE_VERSION, "number": sum(groups().values()), "groups": groups()},
        "intendedUse": INTENDED,
        "outOfScope": NOT_INTENDED,
        "training": {
            "samples": stats["model"]["samples"],
            "labelledNow": {name: stats["samples"][name] for name in ("real", "fake")},
            "left": {name: stats["samples"][name] for name in ("quarantined", "conflicts")},
        },
        "evaluation": {"goldenFiles": stats["samples"]["golden"], "metrics": stats["model"]["golden"]},
        "conditions": {
            "expectedCalibrationErrorAtMost": gates.MOST_ECE,
            "falseAlarmsUpper95AtMost": gates.MOST_FALSE_ALARMS,
            "labelsOfEachClassAtLeast": gates.LEAST_LABELS,
            "goldenOfEachClassAtLeast": gates.LEAST_GOLDEN,
            "oneUsersShareOfAClassAtMost": guards.MOST_SHARE,
        },
        "drift": stats["drift"],
        "lastRound": stats["retrain"]["last"],
        "caveats": list(CAVEATS),
    }


def groups() -> dict[str, int]:
    """Features by group."""
    from .features import names  # noqa: PLC0415  see basics.py

    found: dict[str, int] = {}
    for name in names():
        group = name.partition(".")[0]
        found[group] = found.get(group, 0) + 1
    return found


def markdown(told: dict[str, Any]) -> str:
    """The card to read."""
    model = told["model"]
    state = f"version {model['version']}, trained {model['trainedAt']}" if model["loaded"] else "no model is promoted"
    lines = [f"# Model card: {told['domain']} ({state})", "", f"{told['kind']}.", ""]
    lines += ["## Use", "", told["intendedUse"], "", told["outOfScope"], ""]
    lines += ["## Training", "", f"Files: {_pairs(told['training']['samples'])}.", ""]
    lines += [f"Features: {told['features']['number']} ({_pairs(told['features']['groups'])}).", ""]
    lines += ["## Golden set", "", f"Files now: {_pairs(told['evaluation']['goldenFiles'])}.", ""]
    if metrics := told["evaluation"]["metrics"]:
        lines += [
            "| measure | value |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in metrics.items()),
            "",
        ]
    if model["suspended"]:
        lines += [
            "**Suspended**: "
            + "; ".join(f"{one['gate']} {one['value']} (limit {one['limit']})" for one in model["suspended"]),
            "",
        ]
    if last := told["lastRound"]:
        lines += ["## Last round", "", f"{last['state']}, {last['started']}.", ""]
        gates_told = (last["result"] or {}).get("gates", [])
        if gates_told:
            lines += ["| gate | passed | value | limit |", "| --- | --- | --- | --- |"]
            lines += [
                f"| {one['gate']} | {one['passed']} | {one['value']} | {one['limit']} |" for one in gates_told
            ] + [""]
    return "\n".join([*lines, "## Caveats", "", *(f"- {one}" for one in told["caveats"]), ""])


def _pairs(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())
