"""Renaming that replaces nothing, on disks without hard links: FAT, exFAT, some network shares."""

from __future__ import annotations

import ctypes
import errno
import os

_NO_REPLACE = 1  # RENAME_NOREPLACE of renameat2(2)


def rename_new(old_folder: int, old: str, new_folder: int, new: str) -> None:
    """Rename between open folders. Raises `FileExistsError`, and `OSError` where the system or the disk cannot."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    if call(old_folder, os.fsencode(old), new_folder, os.fsencode(new), _NO_REPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), new)
