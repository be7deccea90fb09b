"""What was gathered, and the model of the moment -> the answer. Pure but for asking the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from mediabridge.sidecar.extraction import engine

from .gathered import Gathered
from .scoring import Score, Scorer
from .steps import CROP, Depth, MediaType, left_out
from .verdict import Unscored, Verdict, decide

Json = Any
_WATERMARKS = "Watermarks of single makers (SynthID and others) are not read; that none is told says nothing."
_FRAMES = "Of a video a few frames are measured; neither its movement nor its sound is looked at."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, and of which file. `reader`: the name of the engine that read the metadata."""

    sha256: str
    media_type: MediaType
    depth: Depth
    maps: bool
    trusts: bool
    reader: str


def answer_of(analysis_id: str, asked: Asked, gathered: Gathered, scorer: Scorer) -> dict[str, Json]:
    """Every field of the answer but `cached` and the times around it."""
    model = scorer.describe(asked.media_type)
    score = scorer.score(gathered.features, asked.media_type) if gathered.features is not None else None
    judged = decide(gathered.pieces, score, model, _unscored(gathered))
    shown = score if score is not None and score.in_domain else None
    return {
        "analysisId": analysis_id,
        "sha256": asked.sha256,
        "mediaType": asked.media_type,
        "depth": asked.depth,
        **_told(judged),
        "score": _score_json(shown),
        "inDomain": score.in_domain if score is not None else None,
        "model": model,
        "evidence": gathered.evidence,
        "contributions": [dict(one) for one in shown.contributions] if shown is not None else [],
        "maps": gathered.maps,
        "frames": None if gathered.frames is None else [_frame(frame, scorer) for frame in gathered.frames],
        "limits": list(limits(asked, gathered)),
    }


def limits(asked: Asked, gathered: Gathered) -> Iterator[str]:
    """What this answer could not look at, in sentences."""
    missing = left_out(asked.depth, asked.media_type, maps=asked.maps)
    if missing and gathered.not_judged is None:  # else it would find no more
        yield f"depth=quick leaves out {', '.join(missing)}; send depth=full for them."
    if (why := gathered.not_judged) is not None:
        yield f"The pixels were not judged: {why}."
    if asked.media_type == "image" and gathered.features is not None and (part := _part(gathered.format or {})):
        yield part
    if asked.reader != engine.NAME:
        yield "The metadata were read without ExifTool; traces that only ExifTool finds are missing."
    if not asked.trusts:
        yield "No signer is trusted, since DEEPFAKE_TRUST_ANCHORS is not set; a valid signature alone verifies nothing."
    if asked.media_type == "video":
        yield _FRAMES
    if gathered.no_frames is not None:
        yield f"There are no frames: {gathered.no_frames}"
    yield _WATERMARKS


def _part(form: Mapping[str, Json]) -> str | None:
    if not form:
        return None
    if max(form["width"], form["height"]) <= CROP:
        return None
    middle = f"{min(form['width'], CROP)}x{min(form['height'], CROP)}"
    return f"A model looks at tiles of the middle {middle} of {form['width']}x{form['height']} pixels alone."


def _told(judged: Verdict) -> dict[str, str]:
    return {"verdict": judged.verdict, "verdictReason": judged.reason, "explanation": judged.explanation}


def _frame(frame: Mapping[str, Json], scorer: Scorer) -> dict[str, Json]:
    """What the answer shows of a frame; its features are kept to be scored by the model of the day."""
    shown = {name: value for name, value in frame.items() if name not in ("features", "perceptualHash")}
    score = scorer.score(frame["features"], "video") if frame["features"] else None
    return {**shown, "score": _score_json(score if score is not None and score.in_domain else None)}


def _unscored(gathered: Gathered) -> Unscored | None:
    if gathered.problem is not None or gathered.features is None:
        return cast("Unscored", gathered.unscored or "unsupported_content")
    return None


def _score_json(score: Score | None) -> dict[str, Json] | None:
    if score is None:
        return None
    return {"probability": score.probability, "interval": list(score.interval), "baseRate": score.base_rate}
