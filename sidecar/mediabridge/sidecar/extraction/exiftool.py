"""One ExifTool process in stay-open mode: PyExifTool with its four holes closed (DESIGN §3.11).

PyExifTool 0.5.6 lets a line break in an argument become an argument of its own, waits without a limit, spins when the
process dies, and answers two threads with each other's output. It also reads the error pipe only after the output
pipe, so that a process which fills the first blocks both.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import selectors
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import exiftool

from . import child_posix

START_TIMEOUT_S = 15.0
COMMAND_TIMEOUT_S = 180.0
OUTPUT_LIMIT = 64 * 1024 * 1024  # bytes of one answer
_BLOCK = 64 * 1024
_STATUS = re.compile(rb"=(\d+|\$\{status\})=\s*$")


class UnsafeArgumentError(ValueError):
    r"""An argument holds `\r`, `\n` or `\0`: ExifTool would read what follows as an argument of its own."""


class ProcessFailedError(Exception):
    """Base: the process is of no use any more and must be replaced."""


class ProcessUnusableError(ProcessFailedError):
    """It did not start, or it is no ExifTool that we can work with."""


class ProcessDiedError(ProcessFailedError):
    """It ended. `sent` is false when the command did not reach it, so that another process may take the command."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ProcessHungError(ProcessFailedError):
    """It did not answer within the time limit."""


class OutputTooLargeError(ProcessFailedError):
    """Its answer passed the limit of bytes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one command printed, and ExifTool's exit status for it (0, or 1 when a file had an `Error`)."""

    stdout: bytes
    stderr: bytes
    status: int


@dataclass(slots=True)
class _Stream:
    """What came out of one pipe so far, up to and with the mark that ends a command."""

    mark: bytes
    data: bytearray = field(default_factory=bytearray)

    @property
    def complete(self) -> bool:
        return self.data[-len(self.mark) - 4 :].strip().endswith(self.mark)

    def content(self) -> bytes:
        return bytes(memoryview(self.data)[: self.data.rfind(self.mark)])


class ExifToolProcess(exiftool.ExifTool):  # type: ignore[misc]  # PyExifTool has no types
    """One process. The thread that calls `run` owns it, must live as long, and is the only one that may use it;
    `kill` alone may be called by any thread.
    """

    _process: Any  # subprocess.Popen[bytes] with three pipes, or None; PyExifTool's attribute

    def __init__(self, path: Path, *, output_limit: int = OUTPUT_LIMIT) -> None:
        # An empty config file keeps a user's .ExifTool_config out.
        super().__init__(executable=str(path), common_args=None, config_file="", encoding="utf-8")
        self._output_limit = output_limit
        self._owner: int | None = None
        self._version = ""

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def version(self) -> str:
        """ExifTool's version as it prints it (`12.57`, `13.50`); empty before `run`."""
        return self._version

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self.running else None

    def run(self) -> None:
        """Start the process and ask for its version. Raises `ProcessUnusableError`."""
        self._owner = threading.get_ident()
        command = [self._executable, "-config", self._config_file, "-stay_open", "True", "-@", "-"]
        try:
            self._process = child_posix.start(command)
            self._running = True
            self._version = self.ask("-ver", timeout_s=START_TIMEOUT_S).stdout.decode("ascii", "replace").strip()
        except (OSError, subprocess.SubprocessError, ProcessFailedError) as problem:
            self.terminate(timeout=0)
            msg = f"{self._executable} does not work as ExifTool: {problem}"
            raise ProcessUnusableError(msg) from problem

    def ask(self, *arguments: str | bytes, timeout_s: float) -> Reply:
        """Run one command. Raises `UnsafeArgumentError`, or a `ProcessFailedError`, after which the process is lost."""
        if self._owner != threading.get_ident():
            msg = "an ExifTool process is used by a thread that did not start it"
            raise RuntimeError(msg)
        number = secrets.randbelow(900_000) + 100_000  # a file cannot guess the mark that ends its command
        out, err = _Stream(b"{ready%d}" % number), _Stream(b"post%d" % number)
        lines = [_safe(argument) for argument in arguments]
        lines += [b"-echo4", b"=${status}=" + err.mark, b"-execute%d" % number, b""]
        self._send(b"\n".join(lines))
        self._receive(out, err, time.monotonic() + timeout_s, timeout_s)
        status = _STATUS.search(err.content())
        if status is None or not status[1].isdigit():
            msg = "it reports no exit status; ExifTool 12.15 or newer is needed"
            raise ProcessUnusableError(msg)
        return Reply(out.content(), err.content()[: status.start()], int(status[1]))

    def execute(self, *params: str | bytes, raw_bytes: bool = False) -> str | bytes:
        """PyExifTool's own call, on the guarded path, so that no inherited method goes around it."""
        reply = self.ask(*params, timeout_s=COMMAND_TIMEOUT_S)
        self._last_stdout = reply.stdout if raw_bytes else reply.stdout.decode("utf-8", "replace")
        self._last_stderr = reply.stderr if raw_bytes else reply.stderr.decode("utf-8", "replace")
        self._last_status = reply.status
        return self._last_stdout

    def kill(self) -> None:
        """End the process now. Whoever waits for its answer gets `ProcessDiedError`."""
        if (process := self._process) is not None:
            child_posix.kill(process)

    def terminate(self, timeout: float = 1.0, _del: bool = False) -> None:
        """Ask the process to end, wait `timeout` seconds, kill it, and close its pipes."""
        if (process := self._process) is None:
            return
        if timeout > 0:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                process.stdin.write(b"-stay_open\nFalse\n")
                process.wait(timeout)
        child_posix.kill(process)
        with contextlib.suppress(subprocess.TimeoutExpired):  # uninterruptible sleep: the kernel reaps it later
            process.wait(5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        self._flag_running_false()

    def _send(self, data: bytes) -> None:
        if not self.running:
            msg = "the process had ended"
            raise ProcessDiedError(msg, sent=False)
        view = memoryview(data)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except BrokenPipeError as problem:
            msg = "the process ended before it took the command"
            raise ProcessDiedError(msg, sent=False) from problem

    def _receive(self, out: _Stream, err: _Stream, deadline: float, timeout_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ, out)
            selector.register(self._process.stderr, selectors.EVENT_READ, err)
            while selector.get_map():
                left = deadline - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    msg = f"no answer within {timeout_s:g} s"
                    raise ProcessHungError(msg)
                for key, _ in ready:
                    if self._read(key.fileobj, key.data):
                        selector.unregister(key.fileobj)

    def _read(self, pipe: Any, stream: _Stream) -> bool:
        chunk = os.read(pipe.fileno(), _BLOCK)
        if not chunk:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            raise ProcessDiedError(child_posix.how_it_ended(self._process), sent=True)
        stream.data += chunk
        if len(stream.data) > self._output_limit:
            msg = f"its answer passed {self._output_limit} bytes"
            raise OutputTooLargeError(msg)
        return stream.complete


def _safe(argument: str | bytes) -> bytes:
    data = os.fsencode(argument)
    if not data or any(byte in data for byte in b"\r\n\0"):
        msg = f"not an argument for ExifTool: {argument!r}"
        raise UnsafeArgumentError(msg)
    return data
