"""From evidence to words: pure functions that turn an exit, its stderr and its circumstances into a `Failure`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .launcher import EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND
from .status import ExitStatus, Failure, FailureKind

UNAVAILABLE = "Flask server unavailable"
START_FAILED = "Flask server failed to start"
DOCTOR = "Run: mediabridge doctor"
CANNOT_OPEN = 2  # Python's exit code when it cannot open its script

# The package that brings a module, where the names differ.
PACKAGE_OF = {
    "PIL": "pillow",
    "exiftool": "pyexiftool",
    "yaml": "pyyaml",
    "cv2": "opencv-python",
    "sklearn": "scikit-learn",
    "dotenv": "python-dotenv",
    "bs4": "beautifulsoup4",
    "docx": "python-docx",
    "magic": "python-magic",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one ended child. `ready` = it had been ready; `killed_for_memory` = the kernel said so.

    `who` begins the sentence.
    """

    exit: ExitStatus
    stderr_head: str = ""
    stderr_tail: str = ""
    command: Sequence[str] = ()
    target: str = ""
    ready: bool = False
    rss_bytes: int | None = None
    killed_for_memory: bool = False
    who: str = "The sidecar"

    @property
    def stderr(self) -> str:
        """All that is kept of stderr."""
        return self.stderr_head if self.stderr_tail in self.stderr_head else self.stderr_head + self.stderr_tail


def diagnose(evidence: Evidence) -> Failure:
    """The failure that the evidence speaks for; when nothing more special fits, the plain exit."""
    return next(failure for rule in RULES if (failure := rule(evidence)) is not None)


def _failure(kind: FailureKind, evidence: Evidence, message: str, suggestion: str, *, permanent: bool) -> Failure:
    return Failure(
        kind,
        UNAVAILABLE if evidence.ready else START_FAILED,
        message,
        suggestion,
        permanent=permanent and not evidence.ready,
        exit=evidence.exit,
        stderr_head=evidence.stderr_head,
        stderr_tail=evidence.stderr_tail,
    )


def _not_executed(evidence: Evidence) -> Failure | None:
    if evidence.exit.code not in (EXIT_NOT_FOUND, EXIT_NOT_EXECUTABLE) or "mediabridge: cannot execute" not in (
        evidence.stderr
    ):
        return None
    program = evidence.command[0] if evidence.command else "the command"
    if evidence.exit.code == EXIT_NOT_FOUND:
        return _failure(
            FailureKind.TARGET_MISSING,
            evidence,
            f"{program} was not found.",
            "Check the path, or set PYTHON_PATH to an existing interpreter.",
            permanent=True,
        )
    return _failure(
        FailureKind.PERMISSION_DENIED,
        evidence,
        f"{program} may not be executed ({_last_line(evidence.stderr)}).",
        f"Make it executable: chmod +x {program}",
        permanent=True,
    )


def _script_missing(evidence: Evidence) -> Failure | None:
    match = re.search(r"can't open file (['\"]?)(?P<file>.+)\1: \[Errno (?P<errno>\d+)\]", evidence.stderr)
    if match is None or evidence.exit.code != CANNOT_OPEN:
        return None
    if match["errno"] == "13":
        return _failure(
            FailureKind.PERMISSION_DENIED,
            evidence,
            f"The script {match['file']} may not be read.",
            f"Let this user read it: chmod +r {match['file']}",
            permanent=True,
        )
    return _failure(
        FailureKind.TARGET_MISSING,
        evidence,
        f"The script {match['file']} was not found.",
        "Check its path and the working folder.",
        permanent=True,
    )


def _module_missing(evidence: Evidence) -> Failure | None:
    found = re.search(r"No module named '?([\w.]+)'?", _last_error(evidence.stderr) or _last_line(evidence.stderr))
    if found is None:
        return None
    module = found[1]
    python = evidence.command[0] if evidence.command else "python"
    if evidence.target and module.split(".")[0] == re.split(r"[.:]", evidence.target)[0]:
        return _failure(
            FailureKind.TARGET_MISSING,
            evidence,
            f"The module {module} was not found by {python}.",
            "Check its name, the working folder and PYTHONPATH, or install it into that interpreter.",
            permanent=True,
        )
    package = PACKAGE_OF.get(module.split(".")[0], module.split(".")[0])
    return _failure(
        FailureKind.DEPENDENCY_MISSING,
        evidence,
        f"{evidence.who} {evidence.exit} (ModuleNotFoundError: No module named '{module}').",
        f"Install it: {python} -m pip install {package}",
        permanent=True,
    )


def _does_not_import(evidence: Evidence) -> Failure | None:
    last = _last_error(evidence.stderr)
    name = last.partition(":")[0]
    if name in ("SyntaxError", "IndentationError", "TabError"):
        kind, advice = FailureKind.SYNTAX_ERROR, "Correct the line that the traceback names, then start again."
    elif name == "ImportError":
        kind, advice = FailureKind.IMPORT_ERROR, f"Check that the installed packages fit each other. {DOCTOR}"
    else:
        return None
    where = re.findall(r'File "([^"]+)", line (\d+)', evidence.stderr)
    place = f" in {where[-1][0]}, line {where[-1][1]}" if where else ""
    return _failure(kind, evidence, f"{evidence.who} {evidence.exit} ({last}){place}.", advice, permanent=True)


def _address_in_use(evidence: Evidence) -> Failure | None:
    said = _last_error(evidence.stderr) or evidence.stderr
    if not re.search(r"address already in use|EADDRINUSE|WinError 10048", said, flags=re.IGNORECASE):
        return None
    return _failure(
        FailureKind.PORT_IN_USE,
        evidence,
        f"{evidence.who} {evidence.exit}: its address is in use by another process.",
        "Stop that process, or choose another port with FLASK_PORT.",
        permanent=True,
    )


def _permission(evidence: Evidence) -> Failure | None:
    last = _last_error(evidence.stderr)
    if not last.startswith("PermissionError"):
        return None
    return _failure(
        FailureKind.PERMISSION_DENIED,
        evidence,
        f"{evidence.who} {evidence.exit} ({last}).",
        "Give this user the right to that file or folder, or choose another one in the settings.",
        permanent=True,
    )


def _out_of_memory(evidence: Evidence) -> Failure | None:
    if not evidence.killed_for_memory and "MemoryError" not in _last_error(evidence.stderr):
        return None
    last_seen = f"; it last used {evidence.rss_bytes // 2**20} MB" if evidence.rss_bytes else ""
    return _failure(
        FailureKind.OUT_OF_MEMORY,
        evidence,
        f"{evidence.who} {evidence.exit}: the machine or its container ran out of memory{last_seen}.",
        "Give it more memory, or lower SIDECAR_REPLICAS or SIDECAR_MEMORY_LIMIT_MB.",
        permanent=False,
    )


def _killed(evidence: Evidence) -> Failure | None:
    if evidence.exit.signal is None:
        return None
    perhaps = " Perhaps the system was out of memory." if evidence.exit.signal == "SIGKILL" else ""
    last_seen = f" It last used {evidence.rss_bytes // 2**20} MB." if perhaps and evidence.rss_bytes else ""
    return _failure(
        FailureKind.KILLED,
        evidence,
        f"{evidence.who} {evidence.exit}.{perhaps}{last_seen}",
        "See who sent the signal (system log, dmesg); the last lines of its output are in the log.",
        permanent=False,
    )


def _exited(evidence: Evidence) -> Failure:
    last = _last_error(evidence.stderr)
    detail = f" ({last})" if last else ""
    return _failure(
        FailureKind.EXITED,
        evidence,
        f"{evidence.who} {evidence.exit}{detail}.",
        f"Read its last lines in the log. {DOCTOR}",
        permanent=False,
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _last_error(stderr: str) -> str:
    """The last `SomeError: words` line at the left margin, as a traceback ends."""
    lines = re.findall(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt)\b.*)$", stderr, flags=re.MULTILINE)
    return lines[-1].strip()[:300] if lines else ""


RULES: tuple[Callable[[Evidence], Failure | None], ...] = (
    _out_of_memory,
    _killed,
    _not_executed,
    _script_missing,
    _module_missing,
    _does_not_import,
    _address_in_use,
    _permission,
    _exited,
)
