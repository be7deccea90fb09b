"""Temporary files of uploads: written once, hashed on the way, removed whatever happens."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mediabridge.sidecar.faults import SMALLER, PayloadTooLarge, StorageFull
from mediabridge.sidecar.limits import megabytes

from .own import OwnFolder

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_EXTENSION = re.compile(r"[a-z0-9]{1,10}", re.ASCII)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(problem: OSError) -> bool:
    """Whether an error of the file system says that there is no room left."""
    return problem.errno in _FULL


def full() -> StorageFull:
    """The fault for a full disk."""
    usage = shutil.disk_usage(tempfile.gettempdir())
    return StorageFull(
        f"There is no room for the upload: {megabytes(usage.free)} of {megabytes(usage.total)} are free."
    )


def safe_extension(filename: str | None) -> str:
    """The lower-case extension of a client's file name when it is `[a-z0-9]{1,10}`, else an empty string."""
    extension = (filename or "").rpartition(".")[2].lower() if "." in (filename or "") else ""
    return extension if _EXTENSION.fullmatch(extension) else ""


class ScratchFile(io.FileIO):
    """A new file that counts and hashes (SHA-256) what is written to it. Write from start to end only.

    `limit` in bytes; `no_room` makes the fault for a full disk.
    """

    def __init__(self, path: Path, limit: int, no_room: Callable[[], StorageFull] = full) -> None:
        super().__init__(path, "x+")
        self.path = path
        self.size = 0
        self._limit = limit
        self._no_room = no_room
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Hex digest of all that was written."""
        return self._hash.hexdigest()

    def write(self, data: ReadableBuffer, /) -> int:
        """Append. Raises `PayloadTooLarge` at the first byte over the limit, `StorageFull` when there is no room."""
        view = memoryview(data)
        self.size += view.nbytes
        if self.size > self._limit:
            msg = f"file: it is larger than {megabytes(self._limit)} ({self._limit} bytes), the most that is taken."
            raise PayloadTooLarge(msg, SMALLER)
        self._hash.update(view)
        left = view
        while left:
            left = left[self._write_some(left) :]
        return view.nbytes

    def _write_some(self, view: memoryview) -> int:
        try:
            return super().write(view)
        except OSError as problem:
            if is_full(problem):
                raise self._no_room() from problem
            raise


class Room:
    """The temporary files of one request; leaving the `with` block removes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[ScratchFile] = []

    def new_file(self, filename: str | None, limit: int) -> ScratchFile:
        """A file of a name of ours that keeps the extension of the client's, as ExifTool looks at it.

        The one before is complete by then and is closed: a batch must not hold a descriptor for each file.
        """
        if self._files:
            self._files[-1].close()
        extension = safe_extension(filename)
        name = secrets.token_hex(12) + (f".{extension}" if extension else "")
        file = ScratchFile(self._folder / name, limit)
        self._files.append(file)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files; may be called again."""
        files, self._files = self._files, []
        for file in files:
            file.close()
            file.path.unlink(missing_ok=True)


class Scratch:
    """The folder of this process. `base` is shared by all sidecars of this user; by default it lies below TMPDIR."""

    def __init__(self, base: Path | None = None) -> None:
        base = _private(base or Path(tempfile.gettempdir()) / f"mediabridge-{os.getuid()}")
        self._own = OwnFolder(base, "sidecar-")
        self.folder = self._own.path
        self.swept = self._own.swept

    def room(self) -> Room:
        """Temporary files for one request."""
        return Room(self.folder)

    def keep(self, name: str, content: bytes) -> Path:
        """A file that stays until the process ends."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._own.close()


def _private(base: Path) -> Path:
    """The folder, made for this user alone. One that another user can write to is not used: a fresh one is made."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = base.lstat()
    if base.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        return Path(tempfile.mkdtemp(prefix="mediabridge-"))
    return base
