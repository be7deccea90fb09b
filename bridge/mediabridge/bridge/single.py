"""One sidecar per host, however many workers the host has: a lock file makes one the leader, the others follow it.

The lock is the kernel's: it ends with its process, however that ends. What the leader knows stands beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .control import status_from, status_json
from .forked import not_in_copies
from .listener import Address
from .status import Status

if sys.platform == "win32":
    from .tree_windows import try_lock
else:
    from .tree_posix import try_lock


@dataclass(frozen=True, slots=True)
class Published:
    """What a leader lets its followers know. Each address comes with its generation, which changes when it restarts."""

    pid: int
    token: str
    status: Status
    addresses: tuple[tuple[Address, int], ...]


def runtime_folder() -> Path:
    """A folder that only this user may read: below XDG_RUNTIME_DIR, else below the folder for temporary files."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(base) / "mediabridge" if base else Path(tempfile.gettempdir()) / f"mediabridge-{user}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def key_of(*parts: object) -> str:
    """A short name for everything that makes two bridges the same one."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


class Single:
    """The lock and the published state of one key."""

    def __init__(self, key: str, folder: Path | None = None) -> None:
        self._folder = folder or runtime_folder()
        self._lock = self._folder / f"{key}.lock"
        self._state = self._folder / f"{key}.json"
        self._fd = -1
        self._last = ""
        not_in_copies(self)

    @property
    def leads(self) -> bool:
        """Whether this process holds the lock."""
        return self._fd >= 0

    def try_lead(self) -> bool:
        """Take the lock if nobody has it. Never waits."""
        if self.leads:
            return True
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not try_lock(fd):
            os.close(fd)
            return False
        self._fd = fd
        return True

    def publish(self, content: Published) -> None:
        """Write the state, whole or not at all."""
        text = json.dumps(
            {
                "pid": content.pid,
                "token": content.token,
                "status": status_json(content.status),
                "addresses": [[a.host, a.port, a.uds, generation] for a, generation in content.addresses],
            }
        )
        if text == self._last:
            return
        fresh = self._state.with_suffix(".new")  # the leader alone writes it
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        fresh.replace(self._state)
        self._last = text

    def read(self) -> Published | None:
        """What the leader published; None when there is nothing that can be read."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            content = json.loads(self._state.read_text())
            return Published(
                content["pid"],
                content["token"],
                status_from(content["status"]),
                tuple((Address(host, port, uds), generation) for host, port, uds, generation in content["addresses"]),
            )
        return None

    def let_go(self) -> None:
        """In a forked copy of the leader: the lock is the parent's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def release(self) -> None:
        """Give the lock back; the state goes first, so that nobody follows what is gone."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._state.unlink()
            os.close(self._fd)
            self._fd = -1
