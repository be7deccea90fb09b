"""Which manifests of a report are signed by somebody whom the operator trusts, all the way down to a capture. Pure.

The library's state `Trusted` is the active manifest's alone. What an ingredient's signer is worth stands in the record
that was stored when the ingredient was added (C2PA 2.1, 10.3.2, `validationResults`), and where it is another one today
in the report's `ingredientDeltas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

TRUSTED, UNTRUSTED = "signingCredential.trusted", "signingCredential.untrusted"
# A component is a part of a picture: that it was captured does not make the picture a capture.
_PARENT = "parentOf"
_MANIFESTS = 50


def trusted_path(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The active manifest when its signer is trusted, then that of its parent while this one's is too, and so on.

    One that nobody vouches for ends it: what lies under it, it may have put there under another picture.
    """
    if report.get("validation_state") == "Trusted":
        yield from walk(report, lambda one: one.get("relationship") == _PARENT and _is_trusted(one, report))


def walk(report: dict[str, Any], follows: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """The active manifest, then those of the ingredients that are to be followed, each once."""
    manifests = report.get("manifests") or {}
    labels: list[Any] = [report.get("active_manifest")]
    seen: set[Any] = set()
    while labels and len(seen) < _MANIFESTS:
        label = labels.pop(0)
        manifest = manifests.get(label)
        if label in seen or not isinstance(manifest, dict):
            continue
        seen.add(label)
        yield manifest
        labels += [one.get("active_manifest") for one in manifest.get("ingredients") or [] if follows(one)]


def _is_trusted(ingredient: dict[str, Any], report: dict[str, Any]) -> bool:
    """Whether its manifest is of a trusted signer, and nothing failed when it was added."""
    label = ingredient.get("active_manifest")
    stored = ingredient.get("validation_results") or {}
    tables = [stored.get("activeManifest") or {}]
    failures = [*_entries([*tables, *_deltas(stored)], "failure"), *(ingredient.get("validation_status") or [])]
    if any(one.get("code") not in (UNTRUSTED, TRUSTED) for one in failures if one.get("success") is not True):
        return False
    said_then, said_today = _of_signer(tables, label), _of_signer(_deltas(report), label)
    return (said_today or said_then) == {TRUSTED}


def _of_signer(tables: list[dict[str, Any]], label: object) -> set[object]:
    """The codes on the signer of a manifest; they bear its address, `self#jumbf=/c2pa/{label}/c2pa.signature`."""
    entries = [one for kind in ("success", "informational", "failure") for one in _entries(tables, kind)]
    ours = [one for one in entries if str(one.get("url")).split("/")[1:3] == ["c2pa", label]]
    return {one.get("code") for one in ours} & {TRUSTED, UNTRUSTED}


def _deltas(results: dict[str, Any]) -> list[dict[str, Any]]:
    """`ingredientDeltas` of a report, or of the results stored with an ingredient."""
    results = results.get("validation_results") or results
    return [one.get("validationDeltas") or {} for one in results.get("ingredientDeltas") or []]


def _entries(tables: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for table in tables for one in table.get(kind) or []]
