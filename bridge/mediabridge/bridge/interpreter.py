"""Finds the Python that runs the sidecar: explicit, then the active virtual environment, then PATH; says why not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .diagnosis import START_FAILED
from .status import Failure, FailureKind

OLDEST = (3, 11)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the search needs to know of the machine; the tests pass their own."""

    environ: Mapping[str, str]
    windows: bool = sys.platform == "win32"
    executable: str = sys.executable
    version: tuple[int, int] = sys.version_info[:2]
    which: Callable[[str, str | None], str | None] = lambda name, path: shutil.which(name, path=path)
    version_of: Callable[[str], tuple[int, int] | str] = lambda path: version_of(path)  # noqa: PLW0108  defined below


def candidates(machine: Machine) -> Iterator[tuple[str, str]]:
    """Pairs (where it was looked for, path or name), the best first."""
    venv = machine.environ.get("VIRTUAL_ENV")
    if venv:
        inside = "Scripts/python.exe" if machine.windows else "bin/python"
        yield "the active virtual environment", str(Path(venv) / inside)
    if machine.executable:
        yield "this program's own interpreter", machine.executable
    for name in ("py", "python", "python3") if machine.windows else ("python3", "python"):
        yield "PATH", name


def find(machine: Machine, explicit: str | None = None, *, own_first: bool = False) -> str | Failure:
    """The interpreter's path, or why there is none.

    An explicit one is never silently replaced by another. `own_first` prefers this program's interpreter, which has the
    default sidecar installed, to an active virtual environment, which may not.
    """
    if explicit:
        path = machine.which(explicit, machine.environ.get("PATH"))
        refused = f"{explicit} does not exist or may not be executed" if path is None else _refusal(machine, path)
        return path if path and not refused else _not_found([f"PYTHON_PATH: {refused}"], explicit)
    if own_first and machine.executable and machine.version >= OLDEST:
        return machine.executable
    reasons = []
    for where, name in candidates(machine):
        path = machine.which(name, machine.environ.get("PATH"))
        refused = f"{name} was not found" if path is None else _refusal(machine, path)
        if path and not refused:
            return path
        reasons.append(f"{where}: {refused}")
    return _not_found(reasons, None)


def _refusal(machine: Machine, path: str) -> str:
    version = machine.version if path == machine.executable else machine.version_of(path)
    if isinstance(version, str):
        return f"{path} {version}"
    if version < OLDEST:
        return f"{path} is Python {version[0]}.{version[1]}, too old (needs {OLDEST[0]}.{OLDEST[1]} or newer)"
    return ""


def version_of(path: str) -> tuple[int, int] | str:
    """Ask an interpreter for (major, minor); else say why it did not tell."""
    script = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-I", "-S", "-c", script], capture_output=True, timeout=10, check=False)
    except OSError as problem:
        return f"cannot be executed ({problem.strerror})"
    except subprocess.TimeoutExpired:
        return "did not answer within 10 s"
    try:
        major, minor = map(int, done.stdout.split())
    except ValueError:
        return "is not a Python interpreter"
    return major, minor


def _not_found(reasons: list[str], explicit: str | None) -> Failure:
    old = any("too old" in reason for reason in reasons)
    mend = (
        "Correct PYTHON_PATH, or unset it to have Python found."
        if explicit
        else (f"Install Python {OLDEST[0]}.{OLDEST[1]} or newer, or set PYTHON_PATH.")
    )
    return Failure(
        FailureKind.PYTHON_TOO_OLD if old else FailureKind.PYTHON_NOT_FOUND,
        START_FAILED,
        f"No usable Python interpreter: {'; '.join(reasons)}.",
        mend,
        permanent=True,
    )
