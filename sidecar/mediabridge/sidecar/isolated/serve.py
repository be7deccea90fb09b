"""A long-lived child's main: one question a line on standard input, until it closes.

An answer is a line of JSON, followed by as many raw bytes as its `bytes` says. Limits are set before the task's module,
and with it any decoder, is loaded; processor time is counted for each question by itself.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import sys
from collections.abc import Iterator
from typing import IO, Any

from . import confine_posix

_IDLE_S = 1.0  # nobody asked for that long
_BLOCK = 64 * 1024


def main() -> int:
    """Answer questions. A task that fails is an answer too."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        questions = _lines(sys.stdin.fileno())  # no buffered reader: `select` does not see what one holds back
        setup = json.loads(next(questions))
        confine_posix.confine(memory_bytes=setup["memory_bytes"], cpu_seconds=None, file_bytes=setup["file_bytes"])
        module, _, name = setup["task"].partition(":")
        task = getattr(importlib.import_module(module), name)
        for question in questions:
            confine_posix.allow(setup["cpu_seconds"])
            _answer(task, json.loads(question), out)
    return 0


def _lines(pipe: int) -> Iterator[bytes]:
    """Lines until the pipe closes. While there is none, memory that the last one needed goes back to the system."""
    begun = b""
    while True:
        if not select.select([pipe], [], [], _IDLE_S)[0]:
            confine_posix.give_memory_back()
        block = os.read(pipe, _BLOCK)
        if not block:
            return
        *lines, begun = (begun + block).split(b"\n")
        yield from lines


def _answer(task: Any, request: Any, out: IO[bytes]) -> None:
    try:
        for answer, data in task(request):
            _say(out, {"answer": answer, "bytes": len(data)}, data)
    except Exception as problem:  # noqa: BLE001  whatever a decoder raises is the parent's to judge
        _say(out, {"type": type(problem).__name__, "message": str(problem)[:1000]})
    _say(out, {"end": confine_posix.resident_bytes()})


def _say(out: IO[bytes], value: Any, data: bytes = b"") -> None:
    out.write(json.dumps(value, allow_nan=False).encode() + b"\n")
    out.write(data)
    out.flush()
