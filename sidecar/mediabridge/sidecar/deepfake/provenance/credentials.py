"""C2PA content credentials as evidence: states and codes are those that the library gives.

A claim of AI speaks against its signer's interest and is reported whoever signed it. A claim of capture counts when who
signed that very claim is somebody whom the operator trusts, as are all who signed over it, and no check failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from mediabridge.sidecar.analysis import credentials
from mediabridge.sidecar.analysis.model import NotApplicable, Subject
from mediabridge.sidecar.deepfake.evidence import Evidence, without_result

from . import source_types, vouched

ID = "c2pa"
CAVEAT = (
    "'Invalid' does not mean tampered with (genuine files of known makers fail), 'Valid' not that the scene is true, "
    "and an untrusted signer can claim anything. That there are no credentials says nothing."
)
_PARENTS = ("parentOf", "componentOf")  # what an ingredient gave pixels to; `inputTo` is a prompt or a reference
_NO_EDIT = frozenset(
    {"c2pa.created", "c2pa.opened", "c2pa.published", "c2pa.transcoded", "c2pa.repackaged", "c2pa.converted"}
)
# ExifTool tells these apart from the format in whose files they lie; the library does not.
_LIES_IN = {
    "image/apng": "image/png",
    "image/mpo": "image/jpeg",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heif",
    "image/avif-sequence": "image/avif",
}


def gather(subject: Subject, mime: str, anchors: str | None = None) -> Evidence:
    """The content credentials of a file. `anchors`: PEM certificates of trusted signers, None for none."""
    try:
        report = credentials.read(str(subject.path), _LIES_IN.get(mime, mime), anchors)
    except ImportError:
        why = "the library for content credentials (c2pa-python) is not installed"
        return without_result(ID, "provenance", "not_applicable", why, "c2pa-python", CAVEAT)
    except NotApplicable as reason:
        return without_result(ID, "provenance", "not_applicable", str(reason), method(anchors), CAVEAT)
    if report is None:
        return Evidence(ID, "provenance", "none", "There are no content credentials.", method(anchors), CAVEAT)
    if "error" in report:
        return _unread(subject, str(report["error"])[:300], anchors)
    return weigh(report, anchors)


@cache
def _version() -> str:
    import c2pa  # noqa: PLC0415  heavy, and not there on every platform

    return str(c2pa.__version__)


def method(anchors: str | None) -> str:
    """How it was found, with what was left out."""
    try:
        version = _version()
    except ImportError:
        version = "not installed"
    trust = "signers trusted by DEEPFAKE_TRUST_ANCHORS" if anchors else "no list of trusted signers"
    return f"c2pa-python {version}, offline: no remote manifest, no OCSP, {trust}"


def weigh(report: dict[str, Any], anchors: str | None = None) -> Evidence:
    """Evidence from the library's report. Pure."""
    value = facts(report)
    by, state = value["issuer"] or value["signer"] or "an unnamed signer", value["state"]
    words = f"Content credentials in the name of {by}, state {state} as the library gives it"
    made = [one for one in value["digitalSourceTypes"] if source_types.is_ai(one)]
    if made:
        finding = f"{words}; they declare '{source_types.term(made[0])}'."
        value["declaredBy"] = f"c2pa_{'valid_untrusted' if state == 'Valid' else state.lower()}"
        return _evidence(finding, anchors, value, "declares_ai", "declared")
    if (captured := _vouched(value)) is not None:
        value["vouched"] = captured
        edits = "" if captured == "trusted_capture" else f", edited since ({', '.join(value['edits'][:3])})"
        finding = f"Signed by {by}, whom the operator trusts, as captured by a camera{edits}."
        return _evidence(finding, anchors, value, "declares_capture", "declared")
    claims = any(map(source_types.is_capture, value["captureTypes"]))
    claim = "; they claim a capture, which nobody vouches for here" if claims else ""
    return _evidence(f"{words}{claim}.", anchors, value, "neutral", "weak")


def facts(report: dict[str, Any]) -> dict[str, Any]:
    """What the answer shows of a report."""
    chain = [*_chain(report)]
    active = chain[0] if chain else {}
    signature = active.get("signature_info") or {}
    actions = [action for manifest in chain for action in _actions(manifest)]
    found = dict.fromkeys(one[:200] for manifest in chain for one in source_types.named(manifest.get("assertions")))
    names = dict.fromkeys(str(one.get("action"))[:100] for one in actions)
    return {
        "state": str(report.get("validation_state", "Unknown")),
        "codes": {kind: credentials.codes(report, kind) for kind in ("success", "informational", "failure")},
        "issuer": signature.get("issuer"),
        "signer": signature.get("common_name"),
        "signedAt": signature.get("time"),
        "claimGenerator": _generator(active),
        "digitalSourceTypes": list(found)[:20],
        "captureTypes": _captures(chain),
        "trustedCaptureTypes": _captures(vouched.trusted_path(report)),
        "actions": list(names)[:40],
        "edits": [name for name in names if name not in _NO_EDIT][:40],
        "manifests": len(report.get("manifests") or {}),
    }


def _evidence(finding: str, anchors: str | None, value: dict[str, Any], direction: Any, strength: Any) -> Evidence:
    return Evidence(ID, "provenance", "found", finding, method(anchors), CAVEAT, direction, strength, value)


def _vouched(value: dict[str, Any]) -> str | None:
    if value["codes"]["failure"] or not value["trustedCaptureTypes"]:
        return None
    return "trusted_capture_edited" if value["edits"] else "trusted_capture"


def _chain(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The active manifest, then those of the ingredients that gave it pixels, each once."""
    return vouched.walk(report, lambda one: one.get("relationship") in _PARENTS)


def _captures(manifests: Iterable[dict[str, Any]]) -> list[str]:
    """The source types of captures that these claim."""
    actions = [action for manifest in manifests for action in _actions(manifest)]
    created = [str(one.get("digitalSourceType") or "")[:200] for one in actions if one.get("action") == "c2pa.created"]
    return [one for one in dict.fromkeys(created) if source_types.is_capture(one)]


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in manifest.get("assertions") or []:
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            actions = (assertion.get("data") or {}).get("actions") or []
            yield from (action for action in actions[:100] if isinstance(action, dict))


def _generator(active: dict[str, Any]) -> str | None:
    names = [entry.get("name") for entry in active.get("claim_generator_info") or [] if isinstance(entry, dict)]
    found = active.get("claim_generator") or ", ".join(str(name) for name in names if name)
    return str(found)[:300] if found else None


def _unread(subject: Subject, words: str, anchors: str | None) -> Evidence:
    """Credentials that the library cannot read, or that lie elsewhere; another reader may see what they declare."""
    declared = [one for one in source_types.named(subject.group("JUMBF")) if source_types.is_ai(one)]
    value = {"state": "Unreadable", "reason": words, "digitalSourceTypes": declared[:20]}
    if declared:
        finding = f"Content credentials that cannot be checked declare '{source_types.term(declared[0])}'."
        return _evidence(finding, anchors, {**value, "declaredBy": "c2pa_unchecked"}, "declares_ai", "declared")
    if words.startswith("Remote"):
        finding = "The file refers to content credentials at another address; they were not fetched."
        return _evidence(finding, anchors, {**value, "state": "Remote"}, "neutral", "weak")
    if not words.startswith(("Jumbf", "Claim", "Manifest")) and not subject.group("JUMBF"):
        why = f"the library for content credentials cannot read through the file ({words})"
        return without_result(ID, "provenance", "not_applicable", why, method(anchors), CAVEAT)
    why = f"the file seems to carry content credentials that cannot be read ({words})"
    return Evidence(ID, "provenance", "error", f"No result: {why}.", method(anchors), CAVEAT, value=value)
