"""Tools end with whoever started them, at whatever moment that dies: ExifTool itself waits for ever."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG exists on Linux only")
STARTER = """
import os, pathlib, signal, sys, time
from mediabridge.sidecar.extraction import child_posix

def at_once():
    "Between fork and exec, before the kernel is told whose death to wait for."
    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
    parent = os.getppid()
    os.kill(parent, signal.SIGKILL)
    while os.getppid() == parent:
        time.sleep(0.001)
    child_posix.set_limits()

moment = {"early": at_once, "late": child_posix.set_limits}[sys.argv[2]]
child = child_posix.start(["sleep", "100"], limit=moment)
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["early", "late"])
def test_it_does_not_outlive_who_started_it(tmp_path: Path, moment: str, until: Callable[..., Any]) -> None:
    note = tmp_path / "pid"
    subprocess.run([sys.executable, "-c", STARTER, str(note), moment], check=False, timeout=30)
    pid = int(note.read_text())

    def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    try:
        until(gone)
    finally:
        if not gone():
            psutil.Process(pid).kill()
