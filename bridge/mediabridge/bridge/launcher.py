"""The first program of every child: it leaves a watcher behind, then becomes the sidecar.

Run by path as `python -I -S launcher.py DEATH_FD COOKIE -- COMMAND...`; it imports the standard library only, since
the sidecar's interpreter may know nothing of us. The watcher is a process, not a thread of the sidecar: it needs no
GIL, works for any command, and outlives a sidecar that was killed. It holds nothing of the sidecar but the read end of
the death pipe, whose only writer is the host: end of file means that the host is gone, however it went.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

COOKIE = "MEDIABRIDGE_NONCE"  # inherited by every descendant, so that those in sessions of their own are found
WATCHER = "mediabridge-eye"  # the watcher's name in ps and top (15 bytes at most, PR_SET_NAME in prctl(2))
TERM_S = 1.0  # from SIGTERM to SIGKILL after the host's death; all are to be gone within 2 s
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


def members(root: int, cookie: str) -> list[int]:
    """Pids of the tree of `root`: by cookie, by process group or session, and by descent. Zombies are left out.

    Reads /proc; without one (macOS) the list holds what `kill(0)` says of `root`.
    """
    table = dict(_table())
    if not table:
        return [root] if _exists(root) else []
    found = {pid for pid, (_, group, session) in table.items() if root in (pid, group, session) or _marked(pid, cookie)}
    grown = True
    while grown:
        more = {pid for pid, (parent, _, _) in table.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return sorted(found - {os.getpid()})


def _table() -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Pid -> (parent, process group, session) of every process that is not a zombie (proc(5), stat fields 3 to 6)."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                state, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
                if state not in (b"Z", b"X"):
                    yield int(name), (int(parent), int(group), int(session))


def _marked(pid: int, cookie: str) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        return f"{COOKIE}={cookie}".encode() in file.read().split(b"\0")
    return False


def _exists(pid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each; one that is gone, or is not ours to signal, counts as done."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def clear(root: int, cookie: str, patience_s: float) -> None:
    """Ask the tree of `root` to end, wait, then kill until it is empty."""
    signal_all(members(root, cookie), signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while members(root, cookie) and time.monotonic() < deadline:
        time.sleep(0.02)
    deadline = time.monotonic() + 5
    while (left := members(root, cookie)) and time.monotonic() < deadline:
        signal_all(left, signal.SIGKILL)
        time.sleep(0.02)


def leave_watcher(death_fd: int, root: int, cookie: str) -> None:
    """Fork twice: a sidecar that waits for all its children must not find one that it never had."""
    asking = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
    signal.pthread_sigmask(signal.SIG_BLOCK, asking)  # until the watcher ignores them
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        return
    if os.fork() == 0:
        for number in asking:
            signal.signal(number, signal.SIG_IGN)
        _detach(death_fd)
        os.read(death_fd, 1)  # end of file: the host has cleaned up, or is gone
        clear(root, cookie, TERM_S)
    os._exit(0)


def _detach(keep: int) -> None:
    """Leave the sidecar's session and descriptors: a watcher holds no pipe and no port open."""
    os.setsid()
    os.chdir("/")
    _rename(WATCHER)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, keep)
    os.closerange(keep + 1, min(os.sysconf("SC_OPEN_MAX"), 1 << 20))


def _rename(name: str) -> None:
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(name)


def _forget_signals() -> None:
    """What Python ignores, and what a thread of the host blocks, is not the sidecar's business."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main(arguments: list[str]) -> int:
    """Fork the watcher, then execute the command. Returns only when the command could not be executed."""
    death_fd, cookie, command = int(arguments[0]), arguments[1], arguments[3:]
    leave_watcher(death_fd, os.getpid(), cookie)
    os.close(death_fd)
    _forget_signals()
    try:
        os.execvp(command[0], command)
    except OSError as problem:
        sys.stderr.write(f"mediabridge: cannot execute {command[0]}: {problem.strerror}\n")
        return EXIT_NOT_FOUND if isinstance(problem, FileNotFoundError) else EXIT_NOT_EXECUTABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
