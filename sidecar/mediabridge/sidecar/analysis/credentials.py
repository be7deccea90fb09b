"""C2PA content credentials, as the Content Authenticity Initiative's own library reads and checks them, offline.

"Invalid" does not mean tampered with (genuine files of known makers fail today), "valid" not that the scene is true: it
says that the file is as its signer left it. Without a list of trusted signers every signer is untrusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from .model import Confidence, Examined, Finding, NotApplicable, Subject

METHOD = "c2pa-python, offline: no remote manifest, no OCSP, no list of trusted signers"
# Neither may a file make the server ask an address of the file's choice (both default to what the library thinks best).
SETTINGS = {
    "version": 1,
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_reading": True},
}
_CODES = 40
_SYNTHETIC = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia")


def examine(subject: Subject) -> Examined:
    """`state` (`valid`, `invalid`, `trusted`), the signer, codes of the check, actions. Raises `NotApplicable`."""
    mime = str(subject.group("File").get("MIMEType", ""))
    try:
        report = read(str(subject.path), mime)
    except ImportError as problem:
        msg = "the library for content credentials (c2pa-python) is not installed"
        raise NotApplicable(msg) from problem
    if report is None:
        msg = "it carries no content credentials; that says nothing about it"
        raise NotApplicable(msg)
    if "error" in report:
        _refuse_without_marks(subject, report["error"])
        return Examined({"state": "unreadable"}, (_unreadable(report["error"]),))
    facts = _facts(report)
    return Examined(facts, (_signed(facts), *_declared(facts)))


def read(path: str, mime: str, anchors: str | None = None) -> dict[str, Any] | None:
    """The library's own report of a file; None when there are no credentials, `{"error"}` when they cannot be read.

    `anchors`: certificates (PEM) whose signers are trusted; without them nobody is. Raises `ImportError` without the
    library, `NotApplicable` for a format that it does not read.
    """
    import c2pa  # noqa: PLC0415  heavy, and not there on every platform

    if mime not in _formats():
        msg = f"the library for content credentials reads no {mime or 'unknown format'}"
        raise NotApplicable(msg)
    try:
        with open(path, "rb") as file:  # noqa: PTH123  the library wants a stream
            trust = {"trust": {"user_anchors": anchors}} if anchors else {}
            context = c2pa.Context(c2pa.Settings.from_dict({**SETTINGS, **trust}))
            reader = c2pa.Reader.try_create(mime, file, context=context)
            if reader is None:
                return None
            with reader:
                report: dict[str, Any] = json.loads(reader.json())
                return report
    except c2pa.C2paError as problem:
        return {"error": str(problem)}


@cache
def _formats() -> frozenset[str]:
    import c2pa  # noqa: PLC0415

    return frozenset(c2pa.Reader.get_supported_mime_types())


def _refuse_without_marks(subject: Subject, words: str) -> None:
    """That the library cannot parse a broken file is no news of credentials, unless another reader saw some."""
    if not words.startswith(("Remote", "Jumbf", "Claim", "Manifest")) and not subject.group("JUMBF"):
        msg = f"the library for content credentials cannot read through the file ({words[:200]})"
        raise NotApplicable(msg)


def _unreadable(words: str) -> Finding:
    if words.startswith("Remote"):
        what = "The file refers to content credentials at another address; they were not fetched."
        return Finding("credentialsRemote", what, "C2PA", "high", METHOD, {"reason": words[:300]})
    what = f"The file seems to carry content credentials that cannot be read: {words[:300]}"
    return Finding("credentialsUnreadable", what, "C2PA", "medium", METHOD, {"reason": words[:300]})


def _facts(report: dict[str, Any]) -> dict[str, Any]:
    active = report.get("manifests", {}).get(report.get("active_manifest"), {})
    signature = active.get("signature_info") or {}
    return {
        "state": str(report.get("validation_state", "unknown")).lower(),
        "issuer": signature.get("issuer"),
        "signer": signature.get("common_name"),
        "signedAt": signature.get("time"),
        "claimGenerator": _generator(active),
        "title": active.get("title"),
        "actions": [*_actions(active)],
        "ingredients": len(active.get("ingredients", [])),
        "manifests": len(report.get("manifests", {})),
        "failures": codes(report, "failure"),
        "notes": codes(report, "informational"),
    }


def _generator(active: dict[str, Any]) -> str | None:
    names = [entry.get("name") for entry in active.get("claim_generator_info") or [] if isinstance(entry, dict)]
    found = active.get("claim_generator") or ", ".join(name for name in names if name)
    return str(found)[:300] if found else None


def _actions(active: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in active.get("assertions", []):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in (assertion.get("data") or {}).get("actions", [])[:_CODES]:
                source = action.get("digitalSourceType")
                yield {"action": action.get("action"), "digitalSourceType": source}


def codes(report: dict[str, Any], kind: str) -> list[str]:
    """The validation codes of one kind (`success`, `informational`, `failure`), those of ingredients included."""
    results = report.get("validation_results") or {}
    tables = [results.get("activeManifest") or {}]
    tables += [delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or []]
    found = [str(entry.get("code")) for table in tables for entry in table.get(kind) or []]
    return list(dict.fromkeys(found))[:_CODES]


def _signed(facts: dict[str, Any]) -> Finding:
    by = facts["issuer"] or facts["signer"] or "an unnamed signer"
    what, confidence = {
        "trusted": (f"Signed by {by}, a signer on the list of trusted ones; unchanged since.", "high"),
        "valid": (f"Signed in the name of {by}; unchanged since. Nobody vouches for that name here.", "high"),
        "invalid": (
            f"Credentials in the name of {by} do not pass the check ({', '.join(facts['failures'][:3]) or 'no code'}). "
            "Genuine files fail too: the codes say why.",
            "high",
        ),
    }.get(facts["state"], (f"Credentials in the name of {by}; the check gave no verdict.", "low"))
    sure: Confidence = "high" if confidence == "high" else "low"
    data = {"state": facts["state"], "failures": facts["failures"], "issuer": facts["issuer"]}
    return Finding("contentCredentials", what, "C2PA", sure, METHOD, data)


def _declared(facts: dict[str, Any]) -> Iterator[Finding]:
    sources = [str(action["digitalSourceType"] or "").rpartition("/")[2] for action in facts["actions"]]
    for source in dict.fromkeys(source for source in sources if source in _SYNTHETIC):
        what = "The credentials declare that the picture was made, wholly or in part, by an algorithm."
        data = {"digitalSourceType": source, "state": facts["state"]}
        yield Finding(
            "declaredSynthetic", what, "C2PA", "high" if facts["state"] != "invalid" else "medium", METHOD, data
        )
