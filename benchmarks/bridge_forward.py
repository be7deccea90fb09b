"""Forwards the lines of `writer.py` to standard output: `bridge_forward.py bridge|bare LINES WIDTH`.

`bare` is the least that can be done: a loop that reads the pipe and writes it on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mediabridge.bridge import BridgeOptions, PythonBridge, script

WRITER = Path(__file__).parents[1] / "tests" / "bridge" / "sidecars" / "writer.py"


def bare(*arguments: str) -> None:
    """Read the pipe, write it on."""
    with subprocess.Popen([sys.executable, str(WRITER), *arguments], stdout=subprocess.PIPE, bufsize=0) as child:
        while data := os.read(child.stdout.fileno(), 65536):  # type: ignore[union-attr]  # a pipe was asked for
            while data:
                data = data[os.write(1, data) :]


def bridge(*arguments: str) -> None:
    """The bridge with its own console."""
    target = script(str(WRITER), *arguments, health_path=None, own_interpreter=True)
    with PythonBridge(BridgeOptions(target=target, port=0)) as running:
        running.wait_for(timeout_s=600)  # no state: until somebody ends us


{"bare": bare, "bridge": bridge}[sys.argv[1]](*sys.argv[2:])
