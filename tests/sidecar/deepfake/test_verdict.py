"""What may be said, for any evidence and any score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.deepfake import WORDS, Evidence, NoModel, decide, verdict
from mediabridge.sidecar.deepfake.evidence import Direction, Status, Strength
from mediabridge.sidecar.deepfake.steps import DECODE, FEATURES, STEPS

LOADED = {"loaded": True, "thresholds": {"low": 0.2, "high": 0.8}}


@dataclass(frozen=True)
class Scored:
    probability: float
    interval: tuple[float, float] = (0.0, 1.0)
    base_rate: float = 0.5
    contributions: tuple[dict[str, Any], ...] = ()
    in_domain: bool = True
    version: str = "v1"


def piece(direction: str = "neutral", strength: str | None = "weak", status: str = "found", **more: Any) -> Evidence:
    made = {"kind": "provenance", "id": "c2pa", "value": {}, **more}
    return Evidence(made["id"], made["kind"], status, "It is so.", "m", "c", direction, strength, made["value"])  # type: ignore[arg-type]


DECLARED = piece("declares_ai", "declared", value={"declaredBy": "c2pa_invalid"})
VOUCHED = piece("declares_capture", "declared", value={"vouched": "trusted_capture"})
CLAIMED = piece("neutral", "weak", value={"captureTypes": ["digitalCapture"]})

statuses, directions, strengths = (st.sampled_from(get_args(one)) for one in (Status, Direction, Strength))
provenance = st.builds(piece, directions, st.none() | strengths, statuses)
measured = st.builds(
    piece,
    st.sampled_from(["neutral", "suggests_edit"]),
    st.none() | st.sampled_from(["weak", "moderate"]),
    statuses,
    kind=st.just("measurement"),
)
scores = st.none() | st.builds(Scored, st.floats(0, 1), in_domain=st.booleans())
models = st.sampled_from([NoModel().describe(), LOADED, {"loaded": True, "thresholds": None}])
reasons = st.sampled_from([None, "too_small", "unsupported_content"])


@given(st.lists(provenance), scores, models, reasons)
def test_every_verdict_is_of_the_list_and_explains_itself(
    evidence: list[Evidence], score: Any, model: Any, unscored: Any
) -> None:
    judged = decide(evidence, score, model, unscored)
    assert judged.verdict in WORDS
    assert judged.reason.replace("_", "").isalnum()
    assert judged.explanation.endswith(".")
    said = f"{judged.verdict} {judged.reason} {judged.explanation}".lower()
    assert "authentic" not in said
    assert "a fake" not in said


@given(st.lists(provenance), st.lists(measured), scores, models, reasons)
def test_measurements_move_no_verdict(
    evidence: list[Evidence], measurements: list[Evidence], score: Any, model: Any, unscored: Any
) -> None:
    assert decide([*evidence, *measurements], score, model, unscored) == decide(evidence, score, model, unscored)


@given(st.lists(provenance), scores, models, reasons)
def test_an_untrusted_capture_claim_changes_nothing(
    evidence: list[Evidence], score: Any, model: Any, unscored: Any
) -> None:
    assert decide([*evidence, CLAIMED], score, model, unscored) == decide(evidence, score, model, unscored)


@given(st.lists(provenance), scores, reasons)
def test_without_a_model_the_verdict_is_what_provenance_allows(
    evidence: list[Evidence], score: Any, unscored: Any
) -> None:
    judged = decide(evidence, score, NoModel().describe(), unscored)
    assert judged.verdict in {"declared_ai", "provenance_verified", "inconclusive"}
    assert (judged.verdict == "declared_ai") == any(one.declares_ai for one in evidence)
    assert judged.verdict != "provenance_verified" or any(one.vouches_for_capture for one in evidence)


@given(st.lists(provenance), scores, models)
def test_what_declares_itself_ai_stays_so_whatever_else_is_found(
    evidence: list[Evidence], score: Any, model: Any
) -> None:
    assert decide([*evidence, DECLARED], score, model).verdict == "declared_ai"


@pytest.mark.parametrize(
    ("score", "model", "unscored", "expected"),
    [
        (None, NoModel().describe(), None, ("inconclusive", "no_trained_model")),
        (None, {"loaded": True, "thresholds": None}, None, ("inconclusive", "model_suspended")),
        (Scored(0.9), {"loaded": True, "thresholds": None}, None, ("inconclusive", "model_suspended")),
        (None, LOADED, None, ("inconclusive", "no_score")),
        (None, LOADED, "too_small", ("inconclusive", "too_small")),
        (Scored(0.9), LOADED, None, ("manipulation_indicated", "above_threshold")),
        (Scored(0.8), LOADED, None, ("manipulation_indicated", "above_threshold")),
        (Scored(0.5), LOADED, None, ("inconclusive", "between_thresholds")),
        (Scored(0.2), LOADED, None, ("no_indication", "below_threshold")),
        (replace(Scored(0.9), in_domain=False), LOADED, None, ("inconclusive", "out_of_domain")),
    ],
)
def test_the_model_speaks_within_its_limits(score: Any, model: Any, unscored: Any, expected: tuple[str, str]) -> None:
    judged = decide([CLAIMED], score, model, unscored)
    assert (judged.verdict, judged.reason) == expected


def test_a_contradiction_is_told() -> None:
    judged = decide([VOUCHED, DECLARED], Scored(0.0), LOADED)
    assert (judged.verdict, judged.reason) == ("declared_ai", "c2pa_invalid")
    assert "contradict" in judged.explanation


def test_a_trusted_signer_goes_before_the_model() -> None:
    judged = decide([VOUCHED], Scored(0.99), LOADED)
    assert (judged.verdict, judged.reason) == ("provenance_verified", "trusted_capture")


def test_the_page_names_every_verdict_reason_and_method() -> None:
    page = (Path(__file__).parents[3] / "docs" / "deepfake.md").read_text("utf-8")
    methods = {step.id for step in STEPS} - {DECODE, FEATURES}
    for word in {*WORDS, *verdict._REASONS, *methods, *get_args(Direction), *get_args(Status)}:
        assert f"`{word}`" in page, word


@given(st.lists(provenance))
def test_evidence_comes_back_from_its_json(evidence: list[Evidence]) -> None:
    assert [Evidence.from_json(one.to_json()) for one in evidence] == evidence
