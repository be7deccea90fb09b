"""All analyses of one file, in a child process: one that crashes or hangs never spoils the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mediabridge.sidecar.faults import ClientGone
from mediabridge.sidecar.isolated import Died, IsolationError, Limits, OutOfMemory, Runner, TookTooLong

from .model import Facts, Finding, Json

NAMES = (
    "hashes", "structure", "trailing", "timeline", "gps", "software", "thumbnail", "quantisation", "credentials",
)  # fmt: skip
LIMITS = Limits(seconds=45, memory_bytes=2 * 1024**3)
_TASK = "mediabridge.sidecar.analysis.work:examine_all"
_LEFT = "The client left before the answer was ready."
# After these the next analysis has a chance of its own; after the others none has.
_OF_ONE_ALONE = (Died, OutOfMemory, TookTooLong)


@dataclass(slots=True)
class Analysis:
    """What all analyses gave. `examined`: name -> `status` (`done`, `notApplicable`, `error`), `method`, `facts`, and
    `reason` where there is no result.

    An analysis without a result has a finding of the kind `notApplicable` or `error` in its place.
    """

    findings: list[dict[str, Json]] = field(default_factory=list)
    examined: dict[str, dict[str, Json]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """As the answer shows it."""
        return {"findings": self.findings, "examined": self.examined}

    def add(self, result: Mapping[str, Json]) -> None:
        """Take the result of one analysis as `work` gives it."""
        self.examined[result["analysis"]] = dict(result["examined"])
        self.findings += result["findings"]


def analyse(
    path: Path,
    metadata: Mapping[str, Any],
    facts: Facts,
    runner: Runner,
    *,
    limits: Limits = LIMITS,
    gone: Callable[[], bool] | None = None,
) -> Analysis:
    """Examine a file. `metadata` is a reading's, `limits.seconds` bounds all analyses together.

    Raises `ClientGone` when `gone`, asked after each analysis, says that nobody waits any more; nothing else.
    """
    analysis = Analysis()
    until = time.monotonic() + limits.seconds
    left = list(NAMES)
    request = {"path": str(path), "metadata": metadata, "facts": facts.to_json()}
    while left:
        # Half of the time that is left: if one analysis hangs, the others still have theirs.
        share = replace(limits, seconds=max((until - time.monotonic()) / 2, 0.05))
        try:
            for result in runner.stream(_TASK, {**request, "analyses": left}, share):
                analysis.add(result)
                left.remove(result["analysis"])
                if gone is not None and gone():
                    raise ClientGone(_LEFT)
        except IsolationError as problem:
            alone = isinstance(problem, _OF_ONE_ALONE) and time.monotonic() < until
            lost, left = (left[:1], left[1:]) if alone else (left, [])
            for name in lost:
                analysis.add(failed(name, "error", f"it ended without a result: {problem}"))
    return analysis


def failed(name: str, status: str, reason: str, method: str = "") -> dict[str, Json]:
    """The result of an analysis that has none; `status` is `error` or `notApplicable`."""
    what = f"{'No result' if status == 'error' else 'Not applicable'}: {reason}."
    finding = Finding(status, what, name, "high", method or "the analysis itself")
    examined = {"status": status, "method": method, "facts": {}, "reason": reason}
    return {"analysis": name, "examined": examined, "findings": [finding.to_json(name)]}
