"""Traces of picture generators and of editors in the metadata, and the embedded thumbnail, as evidence."""

from __future__ import annotations

import re

from mediabridge.sidecar.analysis import software, thumbnail
from mediabridge.sidecar.analysis.model import Examined, Finding, NotApplicable, Subject
from mediabridge.sidecar.deepfake.evidence import Evidence, without_result

GENERATOR, EDITOR, THUMBNAIL = "generator_traces", "editor_traces", "thumbnail"
_GENERATOR_CAVEAT = (
    "Such texts can be planted, and are lost when a picture is saved anew or sent by a messenger; that they are "
    "missing says nothing."
)
_EDITOR_CAVEAT = "Editing is ordinary: cropping, developing and resizing leave the same traces. Neutral by itself."
_THUMBNAIL_CAVEAT = (
    "Programs that rotate, crop or develop a picture may leave the old thumbnail; one that fits was perhaps made anew."
)
# Tags into which people write of anything; a generator's name in them is a word like others.
_FREE = frozenset({"Comment", "Source", "Credit", "Creator"})
_GOOGLES_CREDIT = re.compile(r"\s*made with google ai\s*", re.IGNORECASE)  # what Google's generators write as Credit


def gather_generators(subject: Subject) -> Evidence:
    """Parameter blocks and names of picture generators. Of credentials (JUMBF) the credentials speak themselves."""
    found = [one for one in _findings(subject) if one.kind.startswith("generator") and _places(one)]
    declared = [one for one in found if _declares(one)]
    if not found:
        words = "No text of a known picture generator is in the metadata."
        return Evidence(GENERATOR, "provenance", "none", words, software.METHOD, _GENERATOR_CAVEAT)
    value = {"traces": [_shown(one) for one in found[:20]]}
    if not declared:
        words = f"A text that anybody may write into names {found[0].data['name']}, a generator of pictures."
        return Evidence(
            GENERATOR, "provenance", "found", words, software.METHOD, _GENERATOR_CAVEAT, "neutral", "weak", value
        )
    first = declared[0]
    by = "generator_parameters" if first.kind == "generatorParameters" else "generator_named"
    return Evidence(
        GENERATOR, "provenance", "found", f"{first.what} ({first.where})", software.METHOD, _GENERATOR_CAVEAT,
        "declares_ai", "declared", {**value, "declaredBy": by},
    )  # fmt: skip


def gather_editors(subject: Subject) -> Evidence:
    """Names and resources of editors and libraries: facts, for or against nothing."""
    kinds = ("editorNamed", "editorResources", "libraryNamed")
    found = [one for one in _findings(subject) if one.kind in kinds]
    if not found:
        words = "The metadata name no known editor."
        return Evidence(EDITOR, "provenance", "none", words, software.METHOD, _EDITOR_CAVEAT)
    names = list(dict.fromkeys(str(one.data["name"]) for one in found))
    words = f"By its metadata it went through {', '.join(names[:5])}."
    value = {"traces": [_shown(one) for one in found[:20]]}
    return Evidence(EDITOR, "provenance", "found", words, software.METHOD, _EDITOR_CAVEAT, "neutral", "weak", value)


def gather_thumbnail(subject: Subject) -> Evidence:
    """Does the embedded thumbnail show the picture?"""
    try:
        examined = thumbnail.examine(subject)
    except NotApplicable as reason:
        return without_result(
            THUMBNAIL, "provenance", "not_applicable", str(reason), thumbnail.METHOD, _THUMBNAIL_CAVEAT
        )
    return weigh_thumbnail(examined)


def weigh_thumbnail(examined: Examined) -> Evidence:
    """Evidence from the analysis of the thumbnails. Pure."""
    value = {"thumbnails": examined.facts["thumbnails"]}
    differs = next((one for one in examined.findings if one.kind == "thumbnailDiffers"), None)
    other = differs or next(iter(examined.findings), None)
    if other is None:
        words = "The embedded thumbnail shows the same picture."
        return Evidence(THUMBNAIL, "provenance", "none", words, thumbnail.METHOD, _THUMBNAIL_CAVEAT, value=value)
    suggests = other.kind in ("thumbnailDiffers", "thumbnailUnlike")
    words = "The embedded thumbnail shows something else than the picture does." if differs else other.what
    return Evidence(
        THUMBNAIL, "provenance", "found", words, thumbnail.METHOD, _THUMBNAIL_CAVEAT,
        "suggests_edit" if suggests else "neutral", "moderate" if differs else "weak", value,
    )  # fmt: skip


def _findings(subject: Subject) -> tuple[Finding, ...]:
    try:
        return software.examine(subject).findings
    except NotApplicable:
        return ()


def _declares(finding: Finding) -> bool:
    if finding.kind == "generatorParameters" or not _FREE.issuperset(_places(finding)):
        return True
    text = str(finding.data.get("value", ""))
    return "Credit" in _places(finding) and _GOOGLES_CREDIT.fullmatch(text) is not None


def _places(finding: Finding) -> list[str]:
    """The tags in which it was found, but for those of credentials."""
    places = (finding.where, *finding.data.get("alsoIn", ()))
    return [place.rpartition(":")[2] for place in places if not place.startswith("JUMBF:")]


def _shown(finding: Finding) -> dict[str, object]:
    return {"name": finding.data["name"], "where": finding.where, "value": finding.data.get("value")}
