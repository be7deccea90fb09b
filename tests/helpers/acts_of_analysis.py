"""Children that misbehave at one step of an analysis."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mediabridge.sidecar.deepfake.evidence import Evidence
from mediabridge.sidecar.deepfake.steps import KINDS

Answers = Iterator[tuple[dict[str, Any], bytes]]


def _steps(request: Mapping[str, Any], bad: str, act: Callable[[], object]) -> Answers:
    for step in request["steps"]:
        if step == bad:
            act()
        if step == "decode":
            yield {"step": step, "ms": 0.0, "format": {"format": "PNG"}}, b""
        elif step == "features":
            yield {"step": step, "ms": 0.0, "features": {}, "unscored": None}, b""
        else:
            piece = Evidence(step, KINDS[step], "none", "Nothing.", "m", "c")
            yield {"step": step, "ms": 0.0, "evidence": piece.to_json()}, b""


def dies_at_noise(request: Mapping[str, Any]) -> Answers:
    return _steps(request, "noise", os.abort)


def hangs_at_noise(request: Mapping[str, Any]) -> Answers:
    return _steps(request, "noise", lambda: time.sleep(600))


def dies_at_decode(request: Mapping[str, Any]) -> Answers:
    return _steps(request, "decode", os.abort)
