"""`mediabridge doctor`: what the main job needs, each with its state and its mend."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import asdict

from mediabridge.bridge import Failure, Machine, find_python, listen
from mediabridge.config import Settings

from .ask import ask
from .checks import Check, database, exiftool, ffmpeg, folders, queue, tesseract


def examine(settings: Settings) -> list[Check]:
    """Look at everything. Starts nothing that stays."""
    return [
        _python(settings),
        exiftool(settings),
        ffmpeg(settings),
        tesseract(settings),
        _port("host port", settings.host, settings.port, settings),
        _port("sidecar port", settings.flask_host, settings.flask_port, settings),
        _scratch(),
        *folders(settings),
        queue(settings),
        database(settings),
    ]


def healthy(checks: list[Check]) -> bool:
    """Whether the main job can run."""
    return all(check.ok for check in checks if check.needed)


def in_words(checks: list[Check]) -> str:
    """A line each, the mend below what is broken."""
    lines = []
    for check in checks:
        mark = "ok  " if check.ok else "FAIL" if check.needed else "off "
        lines.append(f"{mark}  {check.name:<13} {check.found}")
        if not check.ok and check.mend:
            lines.append(f"      {'':<13} → {check.mend}")
    return "\n".join(lines)


def as_dicts(checks: list[Check]) -> list[dict[str, object]]:
    """For JSON."""
    return [asdict(check) for check in checks]


def _python(settings: Settings) -> Check:
    python = find_python(Machine(os.environ), settings.python_path, own_first=True)
    if isinstance(python, Failure):
        return Check("Python", ok=False, found=python.message, mend=python.suggestion)
    return Check(
        "Python", ok=True, found=f"{python} ({sys.version.split()[0]})" if python == sys.executable else python
    )


def _port(name: str, host: str, port: int, settings: Settings) -> Check:
    listener = listen(host, port, setting="" if name == "host port" else "FLASK")
    if not isinstance(listener, Failure):
        found = f"{listener.address} is free" if port else "any free one"
        listener.close()
        return Check(name, ok=True, found=found)
    if isinstance(ask(settings.host, settings.port), dict):
        return Check(name, ok=True, found=f"{host}:{port} is held by the mediabridge that runs")
    return Check(name, ok=False, found=listener.message, mend=listener.suggestion)


def _scratch() -> Check:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    ok = os.access(folder, os.W_OK) and free > 2**30
    found = f"{folder} ({free // 2**20} MB free)"
    return Check(
        "scratch", ok=ok, found=found, mend="Free some space, or set TMPDIR to a folder with more.", needed=False
    )
