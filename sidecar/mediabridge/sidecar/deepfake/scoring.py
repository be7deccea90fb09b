"""The border to the trained model: what an analysis asks of it, and what holds while there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = Any
Features = Mapping[str, float]


class Score(Protocol):
    """A calibrated probability that a file belongs with those that were labelled as fake, under `base_rate`."""

    @property
    def probability(self) -> float:
        """0 to 1."""

    @property
    def interval(self) -> Sequence[float]:
        """Low and high end of the 90 % interval of the training."""

    @property
    def base_rate(self) -> float:
        """The share of fakes for which the probability holds."""

    @property
    def contributions(self) -> Sequence[Mapping[str, Json]]:
        """`feature`, `value`, `contribution`; all contributions sum to the logit."""

    @property
    def in_domain(self) -> bool:
        """Whether the file is of the kind that the model was trained on."""

    @property
    def version(self) -> str:
        """Of the model."""


class Scorer(Protocol):
    """Any thread may call it. None of its methods raises."""

    def score(self, features: Features, domain: str) -> Score | None:
        """The score; None without a promoted model, or when it may not be given. `domain`: `image` or `video`."""

    def describe(self, domain: str) -> dict[str, Json]:
        """The field `model` of the answer. `loaded`; and `thresholds` (`low`, `high`), null while it is suspended."""

    def second_opinion(self, picture: Path) -> dict[str, Json] | None:
        """The evidence (as JSON) of another detector that the operator has set; None where there is none."""

    def record(
        self,
        analysis_id: str,
        sha256: str,
        media_type: str,
        features: Features,
        format_facts: Mapping[str, Json],
        verdict: str,
        created: str,
    ) -> None:
        """Keep what feedback will refer to; no picture. `format_facts`: of the file's form, never of its content."""


@dataclass(frozen=True, slots=True)
class NoModel:
    """No model, and nothing that could be trained."""

    def score(self, features: Features, domain: str) -> None:
        """None."""

    def second_opinion(self, picture: Path) -> None:
        """None."""

    def describe(self, domain: str = "image") -> dict[str, Json]:  # noqa: ARG002  it is so for all
        """Not loaded."""
        return {
            "loaded": False,
            "version": None,
            "featureVersion": None,
            "trainedAt": None,
            "samples": {"real": 0, "fake": 0},
            "golden": None,
            "thresholds": None,
        }

    def record(
        self,
        analysis_id: str,
        sha256: str,
        media_type: str,
        features: Features,
        format_facts: Mapping[str, Json],
        verdict: str,
        created: str,
    ) -> None:
        """Nothing is kept."""
