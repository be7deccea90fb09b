"""Faults that real children have: the command that fails, and what the bridge is to say of it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mediabridge.bridge import FailureKind, launcher
from mediabridge.bridge.diagnosis import DOCTOR, Evidence
from mediabridge.bridge.output import Remembered
from mediabridge.bridge.tree_posix import exit_status

PY = sys.executable
K = FailureKind
BUSY_WORDS = "its address is in use by another process"


@dataclass(frozen=True)
class Fault:
    """What fails, the kind that it is to be called, and what the message and the mend must name."""

    kind: FailureKind
    message: str
    suggestion: str
    command: tuple[str, ...]
    permanent: bool = True
    target: str = "app"
    files: Mapping[str, str] | None = None
    launched: bool = False

    def happen(self, folder: Path) -> Evidence:
        """Run it, and see it as the bridge does."""
        for name, text in (self.files or {}).items():
            (folder / name).write_text(text)
        if self.launched:
            done = behind_the_launcher(self.command, folder)
        else:
            done = subprocess.run(self.command, cwd=folder, capture_output=True, check=False, preexec_fn=no_core)
        remembered = Remembered()
        remembered.add(done.stderr)
        end = exit_status(done.returncode)
        return Evidence(end, remembered.head, remembered.tail, command=self.command, target=self.target)


def no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def behind_the_launcher(command: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[bytes]:
    read, write = os.pipe()
    launched = [PY, "-I", "-S", launcher.__file__, str(read), "cookie", "--", *command]
    try:
        return subprocess.run(launched, cwd=folder, capture_output=True, check=False, pass_fds=[read])
    finally:
        os.close(read)
        os.close(write)


def code(text: str) -> tuple[str, ...]:
    return (PY, "-c", text)


def dies(name: str) -> tuple[str, ...]:
    return code(f"import os, signal; os.kill(os.getpid(), signal.{name})")


def app(text: str, **more: str) -> dict[str, str]:
    return {"app.py": text, **{f"{name}.py": content for name, content in more.items()}}


BUSY = """
import socket
held = socket.create_server(("127.0.0.1", 0))
socket.create_server(held.getsockname())
"""
BUSY_ASYNCIO = """
import asyncio, socket
held = socket.create_server(("127.0.0.1", 0))
asyncio.run(asyncio.start_server(print, *held.getsockname()))
"""
BUSY_FLASK = "import sys; print('Address already in use', file=sys.stderr); sys.exit(1)"
NO_MEMORY = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
bytearray(2**30)
"""
DENIED = """
import os, tempfile
folder = tempfile.mkdtemp()
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
else:
    os.chmod(folder, 0)
open(folder + "/file")
"""

FAULTS = {
    "a package is not installed": Fault(
        K.DEPENDENCY_MISSING,
        "code 1 (ModuleNotFoundError: No module named 'no_such')",
        f"{PY} -m pip install no_such",
        code("import no_such"),
    ),
    "a part of a package is not installed": Fault(
        K.DEPENDENCY_MISSING, "No module named 'no_such'", "pip install no_such", code("import no_such.part")
    ),
    "a package has another name than its module": Fault(
        K.DEPENDENCY_MISSING, "No module named 'bs4'", "pip install beautifulsoup4", code("import bs4")
    ),
    "the target module is missing": Fault(
        K.TARGET_MISSING,
        f"The module no_such was not found by {PY}",
        "PYTHONPATH",
        (PY, "-m", "no_such"),
        target="no_such",
    ),
    "the package of the target module is missing": Fault(
        K.TARGET_MISSING,
        "The module no_such was not found",
        "PYTHONPATH",
        (PY, "-m", "no_such.app"),
        target="no_such.app",
    ),
    "the target package cannot be run": Fault(
        K.TARGET_MISSING, "The module json.__main__ was not found", "its name", (PY, "-m", "json"), target="json"
    ),
    "the module of the application is missing": Fault(
        K.TARGET_MISSING, "The module no_such was not found", "its name", code("import no_such"), target="no_such:app"
    ),
    "a file does not parse": Fault(
        K.SYNTAX_ERROR,
        "(SyntaxError: ",
        "Correct the line",
        (PY, "app.py"),
        files=app("x = 1\ndef f(:\n"),
    ),
    "a file that is imported does not parse": Fault(
        K.SYNTAX_ERROR, "part.py, line 2", "the line", (PY, "app.py"), files=app("import part", part="if 1:\nx")
    ),
    "tabs and blanks are mixed": Fault(
        K.SYNTAX_ERROR, "TabError", "the line", (PY, "app.py"), files=app("if 1:\n        x = 1\n\ty = 2\n")
    ),
    "a name cannot be imported": Fault(
        K.IMPORT_ERROR,
        "cannot import name 'Flaks' from 'json'",
        DOCTOR,
        (PY, "app.py"),
        files=app("from json import Flaks"),
    ),
    "the script is missing": Fault(K.TARGET_MISSING, "no_such.py was not found", "Check its path", (PY, "no_such.py")),
    "a script with an odd name is missing": Fault(
        K.TARGET_MISSING, "C:/it's here.py was not found", "Check its path", (PY, "C:/it's here.py")
    ),
    "the address is in use": Fault(K.PORT_IN_USE, BUSY_WORDS, "FLASK_PORT", code(BUSY)),
    "the address is in use, says asyncio": Fault(K.PORT_IN_USE, BUSY_WORDS, "FLASK_PORT", code(BUSY_ASYNCIO)),
    "the address is in use, says Flask": Fault(K.PORT_IN_USE, BUSY_WORDS, "FLASK_PORT", code(BUSY_FLASK)),
    "a folder may not be read": Fault(
        K.PERMISSION_DENIED, "Permission denied: '/", "Give this user the right", code(DENIED)
    ),
    "the memory is used up": Fault(
        K.OUT_OF_MEMORY, "ran out of memory", "SIDECAR_MEMORY_LIMIT_MB", code(NO_MEMORY), permanent=False
    ),
    "it was killed": Fault(
        K.KILLED, "was killed by SIGKILL. Perhaps the system was out of", "dmesg", dies("SIGKILL"), permanent=False
    ),
    "it broke": Fault(K.KILLED, "was killed by SIGSEGV.", "dmesg", dies("SIGSEGV"), permanent=False),
    "it was asked to end": Fault(K.KILLED, "was killed by SIGTERM.", "log", dies("SIGTERM"), permanent=False),
    "it was interrupted": Fault(K.KILLED, "was killed by SIGINT.", "log", dies("SIGINT"), permanent=False),
    "it gave a code": Fault(K.EXITED, "exited with code 3.", DOCTOR, code("raise SystemExit(3)"), permanent=False),
    "it ended well": Fault(K.EXITED, "exited with code 0.", DOCTOR, code(""), permanent=False),
    "it raised": Fault(
        K.EXITED, "code 1 (RuntimeError: no licence)", DOCTOR, code("raise RuntimeError('no licence')"), permanent=False
    ),
    "it gave code 126": Fault(K.EXITED, "with code 126.", DOCTOR, code("raise SystemExit(126)"), permanent=False),
    "it gave code 127": Fault(K.EXITED, "with code 127.", DOCTOR, code("raise SystemExit(127)"), permanent=False),
    "the program is missing": Fault(
        K.TARGET_MISSING, "/no/such/python was not found", "PYTHON_PATH", ("/no/such/python", "app.py"), launched=True
    ),
    "the program may not be run": Fault(
        K.PERMISSION_DENIED,
        "./plain may not be executed",
        "chmod +x ./plain",
        ("./plain",),
        files={"plain": "x"},
        launched=True,
    ),
}
