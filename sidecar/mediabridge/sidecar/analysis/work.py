"""The child's part of `analyse`: runs the analyses one by one, each guarded."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from mediabridge.sidecar.extraction import groups

from .analyse import failed
from .model import Examined, Facts, Json, NotApplicable, Subject


def examine_all(request: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """A result for each name in `request["analyses"]`, as soon as it is there."""
    path = Path(request["path"])
    subject = Subject(path, request["metadata"], Facts.from_json(request["facts"]))
    ours = [(str(path), subject.facts.name), (path.name, subject.facts.name), (str(path.parent), ".")]
    for name in request["analyses"]:
        yield groups.without(_result(name, subject), ours)


def _result(name: str, subject: Subject) -> dict[str, Json]:
    method = ""
    try:
        # Loaded when its turn comes: a decoder that is not installed costs its own analysis alone.
        module = importlib.import_module(f"{__package__}.{name}")
        method = module.METHOD
        examined: Examined = module.examine(subject)
        findings = [finding.to_json(name) for finding in examined.findings]
        facts = {"status": "done", "method": method, "facts": dict(examined.facts)}
        json.dumps([facts, findings], allow_nan=False)
    except NotApplicable as reason:
        return failed(name, "notApplicable", str(reason), method)
    except Exception as problem:  # noqa: BLE001  decoders raise anything on broken files; the others go on
        return failed(name, "error", f"{type(problem).__name__}: {problem}"[:300], method)
    return {"analysis": name, "examined": facts, "findings": findings}
