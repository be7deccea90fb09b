"""Evidence and, where there is one, a score -> a verdict of a closed list, its reason, one sentence. Pure.

No verdict says "fake" or "authentic". Provenance goes before the model: what a file declares of itself against its own
interest, then what a trusted signer says, then the operator's own model. Measurements move no verdict at all, nor does
a capture claim of a signer whom nobody trusts: anybody can sign one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .evidence import Evidence
from .scoring import Score

Word = Literal["declared_ai", "provenance_verified", "manipulation_indicated", "no_indication", "inconclusive"]
WORDS: tuple[Word, ...] = get_args(Word)
Unscored = Literal["too_small", "unsupported_content"]

_REASONS = {
    "no_trained_model": "There is no trained model, so that no score is given; see what the provenance and the "
    "measurements show.",
    "model_suspended": "The trained model may not give verdicts now, since it does not meet a condition for that; "
    "the field model.suspended names it.",
    "no_score": "The trained model gives no score for this file.",
    "out_of_domain": "The file is unlike those that the model was trained on, so that its score would mean nothing.",
    "between_thresholds": "The model's score lies between its two thresholds; it decides neither way.",
    "too_small": "The picture is too small for a score.",
    "unsupported_content": "The pixels of this file cannot be judged; see what the provenance shows.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a word for programs, `explanation` a sentence for people."""

    verdict: Word
    reason: str
    explanation: str


def decide(
    evidence: Iterable[Evidence],
    score: Score | None,
    model: Mapping[str, Any],
    unscored: Unscored | None = None,
) -> Verdict:
    """The verdict. `model`: what `Scorer.describe` gives; `unscored`: why there are no features to score."""
    pieces = tuple(evidence)
    declared = [one for one in pieces if one.declares_ai]
    vouched = next((one for one in pieces if one.vouches_for_capture), None)
    if declared:
        return _declared(declared, vouched)
    if vouched is not None:
        return _verified(vouched)
    return _scored(score, model, unscored)


def _declared(declared: list[Evidence], vouched: Evidence | None) -> Verdict:
    first = declared[0]
    reason = str(first.value.get("declaredBy", first.id))
    words = f"The file itself declares that it was made by an algorithm, wholly or in part: {first.finding}"
    if vouched is not None:
        words += " A trusted signer speaks of a capture as well; the two contradict each other."
    return Verdict("declared_ai", reason, words)


def _verified(vouched: Evidence) -> Verdict:
    reason = str(vouched.value.get("vouched", "trusted_capture"))
    words = f"{vouched.finding} That says who signed it, not that the scene is true."
    return Verdict("provenance_verified", reason, words)


def _scored(score: Score | None, model: Mapping[str, Any], unscored: Unscored | None) -> Verdict:
    thresholds = model.get("thresholds")
    if unscored is not None:
        return _open(unscored)
    if not model.get("loaded"):
        return _open("no_trained_model")
    if not thresholds:
        return _open("model_suspended")
    if score is None:
        return _open("no_score")
    if not score.in_domain:
        return _open("out_of_domain")
    return _judged(score, thresholds["low"], thresholds["high"])


def _judged(score: Score, low: float, high: float) -> Verdict:
    percent = f"{score.probability:.0%} (with fakes making up {score.base_rate:.0%})"
    if score.probability >= high:
        words = f"The operator's model scores it at {percent}, above its upper threshold; that is no proof."
        return Verdict("manipulation_indicated", "above_threshold", words)
    if score.probability <= low:
        words = (
            f"The operator's model scores it at {percent}, below its lower threshold; that does not make it genuine."
        )
        return Verdict("no_indication", "below_threshold", words)
    return _open("between_thresholds")


def _open(reason: str) -> Verdict:
    return Verdict("inconclusive", reason, _REASONS[reason])
