"""What differs on Windows: process groups and CTRL_BREAK, Job Objects, reader threads, file locks.

A Job Object with KILL_ON_JOB_CLOSE is the death pipe of Windows: its only handle is the host's, so that the whole tree
ends with the host however it goes (learn.microsoft.com, "Job Objects"). No descriptor can be handed to the child there,
hence a sidecar binds its own port. The calls to the system are in `Kernel`, which tests replace.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .output import STREAMS, Reader, Stream
from .status import ExitStatus

CREATE_NEW_PROCESS_GROUP = 0x200
CTRL_BREAK = getattr(signal, "CTRL_BREAK_EVENT", 1)
LIMIT_KILL_ON_JOB_CLOSE = 0x2000
EXTENDED_LIMITS, ACCOUNTING = 9, 1  # JOBOBJECTINFOCLASS
NTSTATUS_CRASH = 0xC0000000  # exit codes from here up are crashes


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("times", ctypes.c_int64 * 2),
        ("flags", ctypes.c_uint32),
        ("working_set", ctypes.c_size_t * 2),
        ("active", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("classes", ctypes.c_uint32 * 2),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (("basic", _BasicLimits), ("io", ctypes.c_uint64 * 6), ("memory", ctypes.c_size_t * 4))


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("times", ctypes.c_int64 * 4),
        ("faults", ctypes.c_uint32),
        ("total", ctypes.c_uint32 * 2),
        ("ended", ctypes.c_uint32),
    )


class KernelLike(Protocol):
    """The few calls to the system."""

    def create_job(self) -> int:
        """A job that ends with its last handle."""

    def assign(self, job: int, process: int) -> None:
        """Put a process, by its handle, into the job; its children follow."""

    def active(self, job: int) -> int:
        """How many processes of the job live."""

    def terminate(self, job: int) -> None:
        """End all of them at once."""

    def close(self, job: int) -> None:
        """Close the handle."""


class Kernel:
    """kernel32. Raises OSError with the system's own words."""

    def __init__(self) -> None:
        self._dll: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # Windows only
        self._dll.CreateJobObjectW.restype = ctypes.c_void_p

    def _checked(self, done: Any) -> Any:
        if not done:
            raise ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined]  # Windows only
        return done

    def create_job(self) -> int:
        """CreateJobObjectW and SetInformationJobObject."""
        job = int(self._checked(self._dll.CreateJobObjectW(None, None)))
        limits = _ExtendedLimits()
        limits.basic.flags = LIMIT_KILL_ON_JOB_CLOSE
        size = ctypes.sizeof(limits)
        self._checked(
            self._dll.SetInformationJobObject(ctypes.c_void_p(job), EXTENDED_LIMITS, ctypes.byref(limits), size)
        )
        return job

    def assign(self, job: int, process: int) -> None:
        """AssignProcessToJobObject."""
        self._checked(self._dll.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(process)))

    def active(self, job: int) -> int:
        """QueryInformationJobObject; the last counters are total, active and ended processes."""
        counts = _Accounting()
        size = ctypes.sizeof(counts)
        self._checked(
            self._dll.QueryInformationJobObject(ctypes.c_void_p(job), ACCOUNTING, ctypes.byref(counts), size, None)
        )
        return int(counts.total[1])

    def terminate(self, job: int) -> None:
        """TerminateJobObject."""
        self._checked(self._dll.TerminateJobObject(ctypes.c_void_p(job), 1))

    def close(self, job: int) -> None:
        """CloseHandle."""
        self._dll.CloseHandle(ctypes.c_void_p(job))


class Tree:
    """One child with all its descendants, in a job."""

    def __init__(self, popen: subprocess.Popen[bytes], job: int, kernel: KernelLike) -> None:
        self.popen = popen
        self.pid = popen.pid
        self._job = job
        self._kernel = kernel

    @classmethod
    def spawn(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        cookie: str,
        fds: Sequence[int],
        kernel: KernelLike | None = None,
    ) -> Tree:
        """Start `command` in a process group and a job of its own. Raises OSError, also for any `fds`."""
        if fds:
            raise OSError("descriptors cannot be handed to a child on Windows")
        kernel = kernel or Kernel()
        job = kernel.create_job()
        try:
            popen = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**env, "MEDIABRIDGE_NONCE": cookie},
                cwd=cwd,
                creationflags=CREATE_NEW_PROCESS_GROUP if os.name == "nt" else 0,
            )
        except BaseException:
            kernel.close(job)
            raise
        kernel.assign(job, int(getattr(popen, "_handle", 0)))
        return cls(popen, job, kernel)

    def ask(self) -> None:
        """CTRL_BREAK to the process group: SIGTERM would be TerminateProcess, which nobody can answer."""
        if self.popen.returncode is None:
            with contextlib.suppress(OSError):
                self.popen.send_signal(CTRL_BREAK)

    def alive(self) -> int:
        """How many processes of the job live."""
        return self._kernel.active(self._job) if self._job else 0

    def owns(self, pid: int) -> bool:
        """Whether a process is the child; a venv's launcher has a child of another pid, which nobody is asked about."""
        return pid == self.pid or os.name == "nt"

    def kill(self) -> None:
        """End the whole job at once."""
        if self._job:
            with contextlib.suppress(OSError):
                self._kernel.terminate(self._job)

    def release(self) -> None:
        """Close the job: what is left in it ends."""
        if self._job:
            self._kernel.close(self._job)
            self._job = 0


def exit_status(returncode: int) -> ExitStatus:
    """From `Popen.returncode`; NTSTATUS codes are shown in hexadecimal, as Windows does."""
    code = returncode & 0xFFFFFFFF
    return ExitStatus(signal=f"0x{code:08X}") if code >= NTSTATUS_CRASH else ExitStatus(code=returncode)


def try_lock(fd: int) -> bool:
    """Lock the first byte of a file for this process, without waiting."""
    import msvcrt  # noqa: PLC0415  Windows only

    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows only
    except OSError:
        return False
    return True


class Pump:
    """A thread for each pipe and one that waits for the end: pipes cannot be selected on there."""

    def __init__(self, popen: subprocess.Popen[bytes], reader: Reader) -> None:
        self._popen = popen
        self._reader = reader
        self._one_at_a_time = threading.Lock()
        pipes = zip(STREAMS, (popen.stdout, popen.stderr), strict=True)
        self._readers = [self._thread(self._read, name, pipe) for name, pipe in pipes if pipe is not None]
        self._waiter = self._thread(self._wait)

    def _thread(self, work: Any, *args: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, name=f"mediabridge-pump-{self._popen.pid}", daemon=True)
        thread.start()
        return thread

    def _read(self, name: Stream, pipe: Any) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under our hands by `end`
            while chunk := pipe.read(65536):
                with self._one_at_a_time:
                    self._reader.data(name, chunk)

    def _wait(self) -> None:
        status = exit_status(self._popen.wait())
        for thread in self._readers:
            thread.join(0.5)  # a descendant may keep a pipe open
        with self._one_at_a_time:
            self._reader.exited(status)

    def end(self, timeout_s: float) -> None:
        """Read what is still there, then let go."""
        for thread in (*self._readers, self._waiter):
            thread.join(timeout_s)
        with self._one_at_a_time:
            self._reader.closed()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None and not any(thread.is_alive() for thread in self._readers):
                pipe.close()
