"""Starts and kills one tool process; holds what is particular to POSIX."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping

MEMORY_LIMIT = 2 * 1024**3  # bytes of address space; a file that wants more ends the tool, not the machine

# Perl orders its hashes at random, and for some files (EPUB) ExifTool's values depend on that order: without this the
# same bytes would give different answers from one process to the next.
_REPEATABLE = {"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}
_PR_SET_PDEATHSIG = 1  # prctl(2), linux/prctl.h
# Looked up before any fork: between fork and exec a child of a threaded process must not load a library.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def set_limits() -> None:
    """Of memory, no core dump, and on Linux an end with its parent: what every tool gets between fork and exec."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(
    command: list[str], *, env: Mapping[str, str] | None = None, limit: Callable[[], None] = set_limits
) -> subprocess.Popen[bytes]:
    """Start a process with pipes, in a process group of its own, so that a Ctrl+C in the terminal passes it by.

    On Linux the kernel kills it when the *thread* that called this ends: ExifTool itself waits for ever at the end
    of its input. `env` is ours without it; a `limit` of the caller's own calls `set_limits` too, and must make system
    calls alone. Raises `OSError`.
    """
    parent = os.getpid()

    def ready() -> None:
        limit()
        if os.getppid() != parent:  # it ended before the kernel knew whose death to wait for
            os._exit(1)

    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd="/",
        env={**(os.environ if env is None else env), **_REPEATABLE},
        process_group=0,
        preexec_fn=ready,  # noqa: PLW1509  some system calls; no import, no lock, no library is touched
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to its group. Any thread may call it; already gone is success."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """`exit code 1` or `killed by SIGKILL`."""
    code = process.poll()
    if code is None:
        return "closed its output"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
