"""What differs on POSIX: sessions, group signals, the death pipe, how an exit is noticed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import launcher
from .forked import not_in_copies
from .output import STREAMS, Reader, Stream
from .status import ExitStatus

QUIET_S = 1.0  # after that long without news an unfinished line is shown; a busy machine may stop a writer for less
READ = 56 * 1024  # bytes at once; with its prefixes it mostly fits into a pipe (64 KB, pipe(7)) that leads on
BURST = 16
REAP_S = 0.5  # how long a killed child may take to become a zombie
LAUNCHER = str(Path(launcher.__file__))


class Tree:
    """One child with all its descendants. The write end of its death pipe lives here, and nowhere else."""

    def __init__(self, popen: subprocess.Popen[bytes], cookie: str, death_fd: int) -> None:
        self.popen = popen
        self.pid = popen.pid
        self._cookie = cookie
        self._death_fd = death_fd
        not_in_copies(self)

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, env: Mapping[str, str], cwd: str | None, cookie: str, fds: Sequence[int]
    ) -> Tree:
        """Start `command` in a session of its own, behind the launcher; `fds` are inherited under their numbers.

        Raises OSError when the launcher itself cannot be started or `cwd` does not exist.
        """
        death_read, death_write = os.pipe()
        try:
            popen = subprocess.Popen(
                [sys.executable, "-I", "-S", LAUNCHER, str(death_read), cookie, "--", *command],
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**env, launcher.COOKIE: cookie},
                cwd=cwd,
                pass_fds=(death_read, *fds),
                start_new_session=True,
            )
        except BaseException:
            os.close(death_write)
            raise
        finally:
            os.close(death_read)
        return cls(popen, cookie, death_write)

    def ask(self) -> None:
        """SIGTERM to the child's process group; once the child has ended, to every process that it left behind."""
        if _has_ended(self.popen):
            launcher.signal_all(self._members(), signal.SIGTERM)
            return
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGTERM)

    def alive(self) -> int:
        """How many processes of the tree live, the watcher apart."""
        return len(self._members())

    def owns(self, pid: int) -> bool:
        """Whether a process belongs to the tree."""
        return pid in self._members()

    def kill(self) -> None:
        """SIGKILL to every process of the tree, those in groups and sessions of their own too."""
        launcher.signal_all(self._members(), signal.SIGKILL)

    def _members(self) -> list[int]:
        return [pid for pid in launcher.members(self.pid, self._cookie) if not _is_watcher(pid)]

    def release(self) -> None:
        """Let the watcher go: its work is done, or, when somebody could not be killed, is beyond it as well."""
        if self._death_fd >= 0:
            self.let_go()
            launcher.signal_all(launcher.members(self.pid, self._cookie), signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(REAP_S)

    def let_go(self) -> None:
        """Close the death pipe."""
        if self._death_fd >= 0:
            os.close(self._death_fd)
            self._death_fd = -1


def _is_watcher(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text() == launcher.WATCHER + "\n"
    return False


def try_lock(fd: int) -> bool:
    """Lock a file for this process, without waiting; the lock ends with the last copy of the descriptor."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _has_ended(popen: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):
        return popen.returncode is not None
    try:
        return os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _status_of(popen: subprocess.Popen[bytes]) -> ExitStatus:
    """How an ended child ended. It stays a zombie until its tree is released: nobody else can get its pid before.

    Unknown when another part of the host has waited for it (pre-forking servers wait for any child).
    """
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return exit_status(popen.wait())
    try:
        end = os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return ExitStatus()
    return exit_status(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status) if end else ExitStatus()


def exit_status(returncode: int) -> ExitStatus:
    """From `Popen.returncode`: negative means a signal."""
    if returncode >= 0:
        return ExitStatus(code=returncode)
    try:
        return ExitStatus(signal=signal.Signals(-returncode).name)
    except ValueError:
        return ExitStatus(signal=f"signal {-returncode}")


class Pump:
    """One thread per child that reads both pipes and notices the exit, also when a descendant keeps a pipe open."""

    def __init__(self, popen: subprocess.Popen[bytes], reader: Reader) -> None:
        self._popen = popen
        self._reader = reader
        self._wake_r, self._wake_w = os.pipe()
        self._exit_fd = _exit_fd(popen)
        self._selector = selectors.DefaultSelector()
        for name, pipe in (("stdout", popen.stdout), ("stderr", popen.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe.fileno(), selectors.EVENT_READ, name)
        self._selector.register(self._exit_fd, selectors.EVENT_READ, "exit")
        self._selector.register(self._wake_r, selectors.EVENT_READ, "wake")
        self._thread = threading.Thread(target=self._run, name=f"mediabridge-pump-{popen.pid}", daemon=True)
        self._thread.start()

    def end(self, timeout_s: float) -> None:
        """Read what is still there, then let go of the pipes, whoever holds their other end."""
        with contextlib.suppress(OSError):
            os.write(self._wake_w, b".")
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pending = False
        try:
            while True:
                ready = {key.data: key.fd for key, _ in self._selector.select(QUIET_S if pending else None)}
                if not ready:
                    self._reader.quiet()
                read = [self._read(ready[name], name) for name in STREAMS if name in ready]
                pending = any(read)
                if "exit" in ready:
                    self._exited()
                if "wake" in ready:
                    return
        finally:
            self._close()

    def _read(self, fd: int, name: Stream) -> bool:
        """Whether something came. After as much as fits, more is read without asking the selector in between."""
        for done in range(BURST):
            try:
                data = os.read(fd, READ)
            except BlockingIOError:
                return done > 0
            if not data:
                self._selector.unregister(fd)
                return False
            self._reader.data(name, data)
            if len(data) < READ:
                break
        return True

    def _drain(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data in ("stdout", "stderr"):
                for _ in range(64):  # a descendant that writes for ever must not hold the exit back
                    if not self._read(key.fd, key.data):
                        break

    def _exited(self) -> None:
        self._selector.unregister(self._exit_fd)
        status = _status_of(self._popen)
        self._drain()
        self._reader.exited(status)

    def _close(self) -> None:
        self._drain()
        self._reader.closed()
        self._selector.close()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
        for fd in (self._wake_r, self._wake_w, self._exit_fd):
            os.close(fd)


def _exit_fd(popen: subprocess.Popen[bytes]) -> int:
    """A descriptor that becomes readable when the child has ended."""
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(popen.pid)
    read, write = os.pipe()  # no pidfd (macOS, old kernels): a thread waits

    def wait() -> None:
        _status_of(popen)
        os.close(write)

    threading.Thread(target=wait, name=f"mediabridge-wait-{popen.pid}", daemon=True).start()
    return read
