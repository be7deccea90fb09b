"""The folder that an export writes to, held open: no symbolic link in it leads out, and nothing in it is replaced.

All is done relative to open folders that are entered one by one without following links (openat(2), O_NOFOLLOW).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from mediabridge.sidecar.faults import Conflict, Forbidden, StorageFull, StorageUnavailable

from .rename import rename_new
from .roots import below

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EINVAL})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_WORK = ".mediabridge-"


class Target:
    """An open target. `missing`: it is not there yet, and what is open is the folder that it would be made in."""

    def __init__(self, path: str, fd: int, *, missing: bool = False) -> None:
        self.path = path
        self.missing = missing
        self._fd = fd
        self._folders: dict[str, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str, roots: Iterable[str], *, make: bool) -> Self:
        """Open it, and make what is missing on the way there when `make` says so.

        Raises `Forbidden` outside of the roots and where a link stands in the way; `StorageUnavailable`.
        """
        root, names = below(path, roots)
        try:
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # a root may be a link: it is the owner's
        except OSError as problem:
            msg = f"The folder {root} of EXPORT_ROOTS cannot be opened ({problem.strerror})."
            raise StorageUnavailable(msg, "Make the folder, or correct EXPORT_ROOTS.") from problem
        for name in names:
            try:
                inner = _enter(fd, name, make=make)
            except FileNotFoundError:
                return cls(path, fd, missing=True)
            except OSError as problem:
                os.close(fd)
                raise _refused(name, problem) from problem
            os.close(fd)
            fd = inner
        return cls(path, fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all; the lock goes with it."""
        for fd in (*self._folders.values(), self._fd):
            os.close(fd)
        self._folders.clear()

    def claim(self) -> bool:
        """Be the only export that writes here, as long as it is open. False where the disk knows no such locks.

        Raises `Conflict`. The system lets go of the lock when the process ends, however it ends.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            msg = "Another export is writing to this folder."
            raise Conflict(msg, "Wait for its end, or choose another folder.") from problem
        except OSError:  # of network disks, some lock no folders
            return False
        return True

    def free_bytes(self) -> int:
        """What we may still write."""
        found = os.fstatvfs(self._fd)
        return found.f_bavail * found.f_frsize

    def names(self, folder: str) -> list[str]:
        """What is in a folder of the target; nothing in one that is not there. Raises `Forbidden` for a link."""
        if self.missing:
            return []
        try:
            return os.listdir(self._folder(folder, make=False))  # noqa: PTH208
        except FileNotFoundError:
            return []

    def digest(self, folder: str, name: str) -> str | None:
        """SHA-256 of a file there; None when there is none."""
        try:
            fd = os.open(name, _FILE, dir_fd=self._folder(folder, make=False))
        except (OSError, Forbidden):
            return None
        with open(fd, "rb", buffering=0) as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, folder: str, name: str) -> None:
        """Delete a file that is ours."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder(folder, make=False))

    def place(self, work: Work, temporary: str, folder: str, name: str) -> None:
        """Give a finished file its name; it stays under its temporary one, too, where the disk has hard links.

        Raises `FileExistsError` when something has this name: it is never replaced.
        """
        into = self._folder(folder, make=True)
        try:
            os.link(temporary, name, src_dir_fd=work.fd, dst_dir_fd=into, follow_symlinks=False)
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            rename_new(work.fd, temporary, into, name)

    def replace(self, work: Work, temporary: str, name: str) -> None:
        """The same in the target itself, for a name that is ours alone."""
        os.rename(temporary, name, src_dir_fd=work.fd, dst_dir_fd=self._fd)
        os.fsync(self._fd)

    def settle(self, folders: Iterable[str]) -> None:
        """Have the names in these folders outlive a loss of power."""
        for folder in folders:
            os.fsync(self._folder(folder, make=True))

    def work(self, job_id: str, fence: int) -> Work:
        """A folder for files that are not finished, on the same disk, for us alone."""
        name = f"{_WORK}{job_id}-{fence}"
        os.mkdir(name, 0o700, dir_fd=self._fd)
        return Work(os.open(name, _FOLDER, dir_fd=self._fd), f"{self.path}/{name}")

    def sweep(self, job_id: str, *, all_jobs: bool) -> None:
        """Remove what earlier runs of this job have left unfinished; of all jobs, when nobody else can be at work."""
        prefix = _WORK if all_jobs else f"{_WORK}{job_id}-"
        for name in os.listdir(self._fd):  # noqa: PTH208
            if name.startswith(prefix):
                with contextlib.suppress(OSError):  # no folder of ours, whatever it is
                    self._remove_work(name)

    def _remove_work(self, name: str) -> None:
        fd = os.open(name, _FOLDER, dir_fd=self._fd)
        try:
            for inner in os.listdir(fd):  # noqa: PTH208  an open folder has no Path
                os.unlink(inner, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=self._fd)

    def _folder(self, name: str, *, make: bool) -> int:
        with self._lock:
            if name not in self._folders:
                try:
                    self._folders[name] = _enter(self._fd, name, make=make)
                except FileNotFoundError:
                    raise
                except OSError as problem:
                    raise _refused(name, problem) from problem
            return self._folders[name]


class Work:
    """A folder for unfinished files. `place`: its path for programs beside us, which no renamed folder leads astray."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        through = f"/proc/{os.getpid()}/fd/{fd}"
        self.place = through if os.path.isdir(through) else path  # noqa: PTH112

    def create(self, name: str) -> int:
        """A new file, to be written and read back."""
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=self.fd)

    def open(self, name: str) -> int:
        """A file in it, to be read and made durable."""
        return os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd)

    def has(self, name: str) -> bool:
        """Whether a file is in it. Not by a list: threads that list one descriptor take names from each other."""
        try:
            return stat.S_ISREG(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False

    def remove(self, *names: str) -> None:
        """Delete files; those that are gone are no error."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.fd)

    def close(self) -> None:
        """Close it; `Target.sweep` removes it."""
        os.close(self.fd)


def fault_of(problem: OSError) -> StorageFull | StorageUnavailable:
    """What a failure of the target means to the job as a whole."""
    if problem.errno in _FULL:
        msg = f"The target of the export is full ({problem.strerror})."
        return StorageFull(msg, "Free disk space there, and resume the job: what is exported is not made again.")
    msg = f"The target of the export cannot be written to ({problem.strerror or problem})."
    return StorageUnavailable(msg, "Check that the disk is there, and that the server may write to the folder.")


def _enter(fd: int, name: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=fd)
            os.fsync(fd)
    return os.open(name, _FOLDER, dir_fd=fd)


def _refused(name: str, problem: OSError) -> Forbidden | StorageUnavailable | StorageFull:
    if problem.errno in (errno.ELOOP, errno.ENOTDIR):
        msg = f"target: {name!r} is a symbolic link or no folder, and is not followed."
        return Forbidden(msg, "Name the folder itself, or move away what stands there.")
    return fault_of(problem)


__all__: Sequence[str] = ("Target", "Work", "fault_of")
