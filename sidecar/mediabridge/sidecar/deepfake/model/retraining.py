"""Trains a challenger in a child, and makes it the champion when it passes all gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mediabridge.sidecar.faults import Fault, RetrainingFailed, RetrainingRefused
from mediabridge.sidecar.isolated import IsolationError, Limits, Runner

from . import figures, gates
from .connections import Connections
from .guards import MOST_FRESH, MOST_SHARE
from .labels import Labels, rfc3339
from .versions import Versions

LIMITS = Limits(seconds=120, memory_bytes=1024**3)
_TRAINING = "mediabridge.sidecar.deepfake.model.train:work"  # by its name: scikit-learn is loaded in a child alone
_WHERE = {"labels": "to learn from", "golden": "in the golden set"}
Report = Callable[[int, int], object]
Check = Callable[[], object]


class Retraining:
    """One at a time for each domain, over all processes that have the file open."""

    def __init__(self, connections: Connections, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._connections = connections
        self._limits = limits
        self._clock = clock
        self._runner = Runner(1)  # its own: a retraining takes no place of a request's child

    def run(self, report: Report, check: Check, domain: str) -> dict[str, Any]:
        """Train a challenger in a child, and make it the champion when it passes all gates; gives every gate's numbers.

        `report(done, total)` and `check()` are called now and then; what they raise ends it. Raises
        `RetrainingRefused`, `RetrainingFailed`, and `Conflict` while another one runs.
        """
        self.check(domain)
        versions = Versions(self._connections.writer())
        number = versions.begin(domain, self._clock())
        try:
            made = self._train(report, check, domain)
            check()
            told = self._conclude(domain, made)
        except BaseException as problem:
            # Words of what is no fault may tell paths, and stay in the log.
            why = problem.message if isinstance(problem, Fault) else type(problem).__name__
            versions.end(number, "failed", {"outcome": "failed", "problem": why}, self._clock())
            raise
        versions.end(number, told["outcome"], told, self._clock())
        if told["outcome"] == "refused":
            _refuse(told["missing"], sum(told["leftOut"].values()))
        return told

    def check(self, domain: str) -> None:
        """Raises `RetrainingRefused` when there are too few labels."""
        samples, golden, _ = figures.counts(self._connections.reader(), domain)
        _refuse(gates.missing(samples, golden))

    def _train(self, report: Report, check: Check, domain: str) -> dict[str, Any]:
        request = {"path": str(self._connections.reader().path), "domain": domain, "at": rfc3339(self._clock())}
        try:
            for step in self._runner.stream(_TRAINING, request, self._limits):
                if "round" in step:
                    return dict(step["round"])
                report(step["done"], step["total"])
                check()
        except IsolationError as problem:
            msg = f"The training broke off: {problem}."
            raise RetrainingFailed(msg) from problem
        msg = "The training ended without a result."
        raise RetrainingFailed(msg)

    def _conclude(self, domain: str, made: dict[str, Any]) -> dict[str, Any]:
        """Write down what came of it; the child wrote nothing."""
        told: dict[str, Any] = {"domain": domain, **made["told"], "version": None}
        parent, versions = told["champion"], Versions(self._connections.writer())
        if made["harmful"]:
            told["quarantined"] = Labels(self._connections.writer()).quarantine_of(made["harmful"], domain, parent or 0)
        if parent is not None and made["championMeasured"]:
            versions.remeasure(parent, made["championMeasured"])
        if made["promoted"]:
            now = self._clock()
            version = versions.promote(domain, made["document"], made["measured"], parent, made["used"], now)
            if version is None:
                return {**told, "outcome": "rejected", "reason": "champion_changed"}
            return {**told, "version": str(version)}
        return told


def _refuse(missing: Mapping[str, Mapping[str, int]], left_out: int = 0) -> None:
    if missing:
        words = "; ".join(
            f"{', '.join(f'{number} {name}' for name, number in numbers.items())} {_WHERE[kind]}"
            for kind, numbers in missing.items()
        )
        msg = f"Too few files are labelled. Missing: {words}."
        if left_out:
            msg += (
                f" {left_out} labels of users were left out: one user gives at most {MOST_SHARE:.0%} of a class, and "
                f"once there is a model, new ones at most {MOST_FRESH:.0%}; those that the operator gives or accepts "
                "are not bounded."
            )
        raise RetrainingRefused(msg, missing=missing)
