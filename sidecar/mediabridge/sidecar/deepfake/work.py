"""The child's part of an analysis: runs the steps one by one, each guarded, over one decoding."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mediabridge.sidecar.analysis.model import Facts, Subject
from mediabridge.sidecar.extraction import groups

from .evidence import Evidence, Picture, without_result
from .provenance import credentials, source_types, traces
from .steps import DECODE, FEATURES, KINDS

Json = Any
Result = tuple[dict[str, Json], bytes]
_MEASURES = {
    "error_levels": "error_levels", "noise": "noise", "spectrum": "spectrum", "jpeg_ghosts": "ghosts",
    "copy_move": "copy_move",
}  # fmt: skip  # the step's name -> the module that measures


def examine(request: Mapping[str, Json]) -> Iterator[Result]:
    """The child's task: `{"path", "mime", "metadata", "facts", "anchors", "maps", "steps"}` -> a result for each step.

    A result is `step`, `ms`, and one of `evidence`, `format` (of the file), `features`; `map` where its bytes are a
    PNG. The `problem` of a decoding (`kind`, `reason`) ends what needs pixels.
    """
    path = Path(request["path"])
    facts = Facts.from_json(request["facts"])
    work = _Work(Subject(path, request["metadata"], facts), request["mime"], request["anchors"], request["maps"])
    ours = [(str(path), facts.name), (path.name, facts.name), (str(path.parent), ".")]
    for step in request["steps"]:
        started = time.monotonic()
        told, data = work.run(step)
        told |= {"step": step, "ms": round((time.monotonic() - started) * 1000, 1)}
        yield groups.without(told, ours), data


class _Work:
    """One file. `maps`: whether pictures are wanted."""

    def __init__(self, subject: Subject, mime: str, anchors: str | None, maps: bool) -> None:
        self._subject = subject
        self._maps = maps
        self._pixels: Any = None  # of `measures.pixels`, which loads numpy
        self._problem: dict[str, str] | None = None
        self._provenance: dict[str, Callable[[], Evidence]] = {
            credentials.ID: partial(credentials.gather, subject, mime, anchors),
            source_types.ID: partial(source_types.gather, subject),
            traces.GENERATOR: partial(traces.gather_generators, subject),
            traces.EDITOR: partial(traces.gather_editors, subject),
            traces.THUMBNAIL: partial(traces.gather_thumbnail, subject),
        }

    def run(self, step: str) -> Result:
        """One step's result; whatever it raises is one as well."""
        try:
            told, data = self._run(step)
            json.dumps(told, allow_nan=False)
        except Exception as problem:  # noqa: BLE001  decoders raise anything on broken files; the others go on
            why = f"{type(problem).__name__}: {problem}"[:300]
            return {"evidence": without_result(step, KINDS[step], "error", why).to_json()}, b""
        return told, data

    def _run(self, step: str) -> Result:
        if step in self._provenance:
            return {"evidence": self._provenance[step]().to_json()}, b""
        self._decode()
        if step == DECODE:
            told = {"problem": self._problem} if self._problem else {"format": self._pixels.facts()}
            return told, b""
        if step == FEATURES:
            return self._features(), b""
        return self._measured(step)

    def _decode(self) -> None:
        if self._pixels is not None or self._problem is not None:
            return
        from .measures import pixels  # noqa: PLC0415  numpy, which what is not decoded does not need

        try:
            self._subject.check_decodable()
            self._pixels = pixels.read(self._subject.path)
        except Exception as problem:  # noqa: BLE001  told by its name: see `judge.problem_of`
            self._problem = {"kind": type(problem).__name__, "reason": str(problem)[:300]}

    def _features(self) -> dict[str, Json]:
        if self._pixels is None:
            return {"features": None, "unscored": "unsupported_content"}
        from .model.features import TooSmall, extract, fingerprint  # noqa: PLC0415  see above

        form = {**self._pixels.facts(), "perceptualHash": fingerprint(self._pixels.reduced())}
        try:
            return {"features": extract(self._pixels.upright_middle()), "unscored": None, "format": form}
        except TooSmall:
            return {"features": None, "unscored": "too_small", "format": form}

    def _measured(self, step: str) -> Result:
        if self._pixels is None:
            why = (self._problem or {}).get("reason") or "it cannot be decoded"
            return {"evidence": without_result(step, "measurement", "not_applicable", why).to_json()}, b""
        if step == "double_quantisation":
            from .measures import resaved  # noqa: PLC0415  see above

            return {"evidence": resaved.measure(self._subject).to_json()}, b""
        module = importlib.import_module(f"{__package__}.measures.{_MEASURES[step]}")
        piece, shown = module.measure(self._pixels)
        return self._with_map(piece, shown)

    def _with_map(self, piece: Evidence, shown: Picture | None) -> Result:
        if shown is None or not self._maps:
            return {"evidence": piece.to_json()}, b""
        return {"evidence": piece.to_json(), "map": shown.to_json("")}, shown.png
