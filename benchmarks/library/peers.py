"""Programs that order photos into folders by their dates, where they can be had: phockup and elodie."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

_ARGUMENTS = {
    "phockup": lambda source, target: [str(source), str(target)],
    "elodie": lambda source, target: ["import", "--destination", str(target), str(source)],
}
_LONGEST_S = 1800


def figures(source: Path, count: int, folder: Path) -> list[tuple[str, str]]:
    """A line for each: files/s, or why it was left out. They copy, and make neither pictures nor a catalogue."""
    return [(name, _figure(name, source, count, folder)) for name in _ARGUMENTS]


def _figure(name: str, source: Path, count: int, folder: Path) -> str:
    program = os.environ.get(name.upper()) or shutil.which(name) or _installed(name, folder)
    if program is None:
        return f"left out: not on PATH, not in {name.upper()}, and pip does not have it"
    target = folder / f"{name}-target"
    target.mkdir()
    begun = time.monotonic()
    command = [program, *_ARGUMENTS[name](source, target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return f"left out: not done after {_LONGEST_S} s"
    seconds = time.monotonic() - begun
    copied = sum(1 for path in target.rglob("*") if path.is_file())
    shutil.rmtree(target)
    if done.returncode != 0 or not copied:
        return f"left out: it ended with {done.returncode}: {done.stderr.decode(errors='replace')[-200:].strip()}"
    return f"{count / seconds:.1f} files/s ({copied} copied)"


def _installed(name: str, folder: Path) -> str | None:
    """From pip, in an environment of its own."""
    home = folder / f"{name}-venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    pip = [home / "bin/pip", "install", "-q", "--disable-pip-version-check", name]
    done = subprocess.run(pip, capture_output=True, check=False)
    program = home / "bin" / name
    return str(program) if done.returncode == 0 and program.exists() else None
