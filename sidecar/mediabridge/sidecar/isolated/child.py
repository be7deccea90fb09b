"""The child's main: `python start.py CPU_SECONDS`, with the question on standard input.

Limits are set before the task's module, and with it any decoder, is loaded. Answers go to a copy of standard output,
one JSON value a line; what libraries print goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import IO, Any

from . import confine_posix


def main() -> int:
    """Answer the one question. The exit code is 0 even when the task failed: the answer says so."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        question = json.load(sys.stdin)
        confine_posix.confine(
            memory_bytes=question["limits"]["memory_bytes"],
            cpu_seconds=int(sys.argv[1]),
            file_bytes=question["limits"]["file_bytes"],
        )
        _answer(question["task"], question["request"], out)
    return 0


def _answer(task: str, request: Any, out: IO[str]) -> None:
    try:
        for answer in _function(task)(request):
            _say(out, {"answer": answer})
    except Exception as problem:  # noqa: BLE001  whatever a decoder raises is the parent's to judge
        _say(out, {"type": type(problem).__name__, "message": str(problem)[:1000]})
    else:
        _say(out, {"end": True})


def _say(out: IO[str], value: Any) -> None:
    out.write(json.dumps(value, allow_nan=False) + "\n")
    out.flush()


def _function(task: str) -> Any:
    module, _, name = task.partition(":")
    function: Any = getattr(importlib.import_module(module), name)
    return function
