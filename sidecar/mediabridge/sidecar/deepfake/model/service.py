"""The model as the service sees it: scores, labels, figures, retraining, older versions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mediabridge.sidecar.faults import Fault, RetrainingFailed
from mediabridge.sidecar.isolated import Limits

from . import card, figures
from .connections import Connections
from .guards import Label
from .labels import Given, Labels, Vote
from .onnx import Detector
from .retraining import LIMITS, Retraining
from .schema import Database
from .store import DOMAINS, Store, domain_of
from .versions import Champion, Versions

if TYPE_CHECKING:
    from .document import Score
    from .external import Worth

Part = TypeVar("Part", Store, Labels, Versions)
_WORTH_S = 60.0
_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class ModelService:
    """One for a process; threads share it. Its file is opened when it is first needed.

    `score`, `describe` and `record` raise nothing; the others raise a `Fault`. `launch` starts a retraining of a domain
    somewhere and gives an id to ask for; wherever that is, it ends in `retrain`. `detector`: one of the operator's own.
    """

    def __init__(
        self,
        instance: Path,
        launch: Callable[[str], str] | None = None,
        detector: Detector | None = None,
        *,
        limits: Limits = LIMITS,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._connections = Connections(instance)
        self._launch = launch
        self._detector = detector or Detector(None)
        self._worth: tuple[float, str, Worth | None] | None = None
        self._clock = clock
        self._retraining = Retraining(self._connections, limits, clock)
        self._champions: dict[str, tuple[object, Champion | None]] = {}

    # What an analysis asks

    def score(self, features: Mapping[str, float], domain: Mapping[str, Any] | str = "image") -> Score | None:
        """The score of a file by its features; None without a promoted model, or when its score may not be given.

        `domain`: `image` or `video_frame`, or facts whose `mediaType` tells.
        """
        try:
            champion = self._champion(_domain(domain))
            if champion is None or not champion.measured["mayScore"] or not features:
                return None
            return champion.model.score(_row(features), str(champion.version))
        except (Fault, ValueError) as problem:
            _log.warning("no score: %s", problem)
            return None

    def describe(self, domain: Mapping[str, Any] | str = "image") -> dict[str, Any]:
        """The model of a domain. `thresholds` is null while it may give no verdict; `suspended` says why then."""
        try:
            champion = self._champion(_domain(domain))
        except Fault as problem:
            _log.warning("no model: %s", problem)
            return {**card.described(None), "problem": problem.message}
        return card.described(champion)

    def record(
        self,
        analysis_id: str,
        sha256: str,
        media_type: str,
        features: Mapping[str, float],
        format_facts: Mapping[str, Any],
        verdict: str,
        created: str,
    ) -> None:
        """Keep what feedback will refer to: the features, never the file. No features: nothing can be learnt from it.

        A clip has the mean of its frames' features (`features.mean`). `format_facts`: see `rounds.FORMAT_FACTS`, and
        `perceptualHash` for what `features.fingerprint` gives.
        """
        domain = domain_of(media_type)
        try:
            champion = self._champion(domain)
            inside = champion.model.novelty(_row(features)) <= 1 if champion and features else None
            self._writing(Store).keep(
                analysis_id, sha256, domain, features, format_facts, verdict, created, in_domain=inside
            )
        except (Fault, ValueError) as problem:
            _log.warning("the analysis %s is not kept, so that it cannot be labelled: %s", analysis_id, problem)

    def second_opinion(self, picture: Path) -> dict[str, Any] | None:
        """The evidence of the operator's own detector, None without one; raises nothing.

        It has a `probability` once the detector is calibrated.

        The evidence's `value` goes into the facts that `record` is given, under `onnx.FACT`.
        """
        if not self._detector.configured:
            return None
        evidence = self._detector.judge(picture)
        if evidence["status"] == "found":
            try:
                worth = self._worth_of(evidence["value"]["model"])
            except Fault as problem:
                _log.warning("the detector's worth is not known: %s", problem)
                return evidence
            if worth is not None and worth.calibrated:
                chance = round(worth.probability(evidence["value"]["raw"]), 4)
                evidence["value"] |= {"calibrated": True, "probability": chance, "golden": worth.to_json()}
        return evidence

    def _worth_of(self, model: str) -> Worth | None:
        """Measured anew once a minute."""
        from .external import measure  # noqa: PLC0415  see basics.py

        now, known = time.monotonic(), self._worth
        if known is None or known[1] != model or now - known[0] > _WORTH_S:
            known = self._worth = (now, model, measure(self._database(), model))
        return known[2]

    # Labels

    def feedback(
        self,
        analysis_id: str,
        label: Label,
        labeler: str,
        *,
        operator: bool = False,
        source: str | None = None,
        vouched: bool = True,
    ) -> Given:
        """Take a label, see `Vote`. Raises `ContentUnknown`, and `Conflict` when its labeler has said the opposite."""
        analysis = self._reading(Store).analysis(analysis_id)
        return self._writing(Labels).give(analysis, Vote(label, labeler, operator, source, vouched), self._clock())

    def freeze(self, analysis_id: str, label: Label, labeler: str) -> Given:
        """Put a file into the golden set. Raises `ContentUnknown`, `Conflict`."""
        analysis = self._reading(Store).analysis(analysis_id)
        return self._writing(Labels).freeze(analysis, label, labeler, self._clock())

    def thaw(self, sha256: str) -> None:
        """Take a file out of the golden set, and measure the model without it. Raises `ContentUnknown`."""
        domains = self._reading(Labels).golden_in(sha256)
        self._writing(Labels).thaw(sha256)
        self._measure_again(domains)

    def golden(self, domain: str = "image") -> list[dict[str, Any]]:
        """The golden set."""
        return self._reading(Labels).golden(domain)

    def waiting(
        self, limit: int = 100, before: int | None = None, reason: str | None = None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Labels that wait for the operator, and the id before which there are more; see `Labels.waiting`."""
        return self._reading(Labels).waiting(limit, before, reason)

    def decide(self, label_id: int, *, accept: bool) -> dict[str, Any]:
        """The operator's word on a label. Raises `ContentUnknown`."""
        return self._writing(Labels).decide(label_id, accept=accept)

    def forget(self, sha256: str) -> int:
        """Remove all that is kept of a file; gives how many rows that were. It leaves the golden set as by `thaw`."""
        domains = self._reading(Labels).golden_in(sha256)
        removed = self._writing(Store).forget(sha256)
        self._measure_again(domains)
        return removed

    # Figures

    def stats(self, domain: str = "image") -> dict[str, Any]:
        """All figures; no lock of anybody who writes or trains is waited for."""
        told = figures.stats(self._database(), domain, self.describe(domain), self._clock())
        onnx = self._detector.describe()
        if onnx["available"]:
            worth = self._worth_of(onnx["model"])
            onnx["golden"] = worth.to_json() if worth else None
        return {**told, "onnx": onnx}

    def card(self, domain: str = "image") -> dict[str, Any]:
        """The model card, from the model as it is now."""
        return card.card(self.stats(domain))

    def models(self, domain: str = "image") -> list[dict[str, Any]]:
        """All versions that are kept, the newest first."""
        return self._reading(Versions).listed(domain)

    # Retraining

    def start(self, domain: str = "image") -> str:
        """Have a model trained somewhere; gives the id of the job. Raises `RetrainingRefused` with what is missing."""
        self.check(domain)
        if self._launch is None:
            msg = "Nothing here can start a retraining."
            raise RetrainingFailed(msg)
        return self._launch(domain)

    def check(self, domain: str) -> None:
        """Raises `RetrainingRefused` when there are too few labels."""
        self._retraining.check(domain)

    def retrain(
        self, report: Callable[[int, int], object], check: Callable[[], object], domain: str = "image"
    ) -> dict[str, Any]:
        """Train a challenger and judge it; see `Retraining.run`."""
        return self._retraining.run(report, check, domain)

    def rollback(self, version: int) -> dict[str, Any]:
        """Make an older model the champion again: its scores are the same to the bit. Raises `ContentUnknown`.

        Whether it may give them is asked of today's golden set; with the champion's own version, that alone.
        """
        return self.describe(self._writing(Versions).rollback(version, self._clock()))

    def close(self) -> None:
        """Close the file."""
        self._connections.close()

    def _measure_again(self, domains: list[str]) -> None:
        for domain in domains:
            self._writing(Versions).measure_again(domain)

    # The file

    def _champion(self, domain: str) -> Champion | None:
        versions = self._reading(Versions)
        mark = versions.mark(domain)
        known = self._champions.get(domain)
        if known is None or known[0] != mark:
            try:
                known = (mark, versions.champion(domain))
            except ValueError as problem:
                _log.warning("the model of %s is not used: %s", domain, problem)
                known = (mark, None)
            self._champions[domain] = known
        return known[1]

    def _database(self) -> Database:
        return self._connections.reader()

    def _reading(self, part: type[Part]) -> Part:
        return part(self._database())

    def _writing(self, part: type[Part]) -> Part:
        return part(self._connections.writer())


def _row(features: Mapping[str, float]) -> Any:
    from .features import vector  # noqa: PLC0415  see basics.py

    return vector(features)


def _domain(domain: Mapping[str, Any] | str) -> str:
    if isinstance(domain, str):
        return domain if domain in DOMAINS else domain_of(domain)
    return domain_of(domain.get("mediaType", "image"))
