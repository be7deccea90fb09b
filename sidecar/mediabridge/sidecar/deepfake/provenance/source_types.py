"""IPTC's digital source types: what a file declares of how it came to be. Pure.

Source: https://cv.iptc.org/newscodes/digitalsourcetype/. `algorithmicMedia` is made by an algorithm *without* any
sampled training data (a fractal, a rendered scene): it is told, and is no declaration of AI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mediabridge.sidecar.analysis.model import Subject
from mediabridge.sidecar.deepfake.evidence import Evidence

ID = "iptc_source_type"
METHOD = "the IPTC property DigitalSourceType in the XMP and IPTC metadata"
CAVEAT = "Anybody can write this property or take it away; that it is missing says nothing."
_DEEPEST = 12
# The term, and the name that the vocabulary gives it, both without anything but letters.
AI = frozenset(
    {
        "trainedalgorithmicmedia", "compositewithtrainedalgorithmicmedia", "trainedalgorithmicdata",
        "createdusinggenerativeai", "editedusinggenerativeai",
    }
)  # fmt: skip
CAPTURE = frozenset({"digitalcapture", "computationalcapture"})


def term(text: str) -> str:
    """The last word of a URI, as it is written: `…/digitalsourcetype/digitalCapture` -> `digitalCapture`."""
    return re.split(r"[/:]", text.strip().rstrip("/"))[-1][:100]


def is_ai(text: str) -> bool:
    """Whether a type says that a trained model made the picture, or part of it."""
    return _letters(text) in AI


def is_capture(text: str) -> bool:
    """Whether a type says that a camera captured it."""
    return _letters(text) in CAPTURE


def named(value: Any, depth: int = 0) -> Iterator[str]:
    """All values of keys called `digitalSourceType` (in any spelling, with any prefix) in a JSON value."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str) and _letters(name).endswith(("digitalsourcetype", "digitalsourcefiletype")):
                yield item
            else:
                yield from named(item, depth + 1)
    elif isinstance(value, list):
        for item in value[:1000]:
            yield from named(item, depth + 1)


def gather(subject: Subject) -> Evidence:
    """Whether the metadata declare a digital source type."""
    declared = {group: list(dict.fromkeys(named(subject.group(group)))) for group in ("XMP", "IPTC", "XML")}
    where = next((group for group, types in declared.items() if types), None)
    if where is None:
        return Evidence(ID, "provenance", "none", "The metadata declare no digital source type.", METHOD, CAVEAT)
    types = [one[:200] for group in declared.values() for one in group][:20]
    value = {"digitalSourceTypes": types, "where": where, "signed": False}
    made = list(filter(is_ai, types))
    if made:
        finding = f"The metadata declare the digital source type '{term(made[0])}'."
        return Evidence(
            ID, "provenance", "found", finding, METHOD, CAVEAT, "declares_ai", "declared",
            {**value, "declaredBy": "iptc_source_type"},
        )  # fmt: skip
    finding = f"The metadata declare the digital source type {_listed(types)}; nobody signed that."
    return Evidence(ID, "provenance", "found", finding, METHOD, CAVEAT, "neutral", "weak", value)


def _listed(types: Iterable[str]) -> str:
    return ", ".join(f"'{term(one)}'" for one in types)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", re.split(r"[/:]", text.strip().rstrip("/"))[-1].lower())
