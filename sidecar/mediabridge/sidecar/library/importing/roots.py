"""Below which folders an import may read: IMPORT_ROOTS, none unless it is set."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mediabridge.sidecar.faults import ContentUnknown, Forbidden, InvalidRequest
from mediabridge.sidecar.library.origin import is_path

_ALLOW = "Set IMPORT_ROOTS to the folders below which imports may read (separated as PATH is), and start again."


def roots_of(setting: str | None) -> tuple[Path, ...]:
    """IMPORT_ROOTS as folders, links resolved; what is not absolute is none."""
    parts = (os.path.expanduser(part.strip()) for part in (setting or "").split(os.pathsep))  # noqa: PTH111
    return tuple(Path(os.path.realpath(part)) for part in parts if part.startswith("/"))


def readable(asked: str, roots: Iterable[Path]) -> Path:
    """The folder that is asked for, links resolved, when it lies below one of the roots.

    Raises `InvalidRequest` for no path, `Forbidden` for one outside, also of a folder that is not there: who may not
    look there shall not learn what is; `ContentUnknown` for none inside, `InvalidRequest` for a file there.
    """
    if not asked.startswith("/") or not is_path(asked):
        msg = "path: it must be an absolute path of a folder on the server."
        raise InvalidRequest(msg, 'Send {"path": "/absolute/folder"}.')
    known = tuple(roots)
    if not known:
        msg = "Imports by path are off: no folder is allowed."
        raise Forbidden(msg, _ALLOW)
    real = Path(os.path.realpath(asked))
    if not any(real == root or root in real.parents for root in known):
        msg = "path: the folder lies outside of those that imports may read."
        raise Forbidden(msg, _ALLOW)
    if not os.path.isdir(real):  # noqa: PTH112  says no, where a Path would raise
        if os.path.isfile(real):  # noqa: PTH113
            msg = f"path: {asked[:200]!r} is a file."
            raise InvalidRequest(msg, "Name the folder that it lies in, or send the file to POST /api/upload.")
        msg = f"path: there is no folder {asked[:200]!r}."
        raise ContentUnknown(msg, "Check the path on the server.")
    return real
