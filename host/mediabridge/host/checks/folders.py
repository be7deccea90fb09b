"""The folders of originals, derived files and databases: can they be written, is there room, where do they lie."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

from mediabridge.config import Settings

from .check import Check

_LITTLE = 2**30  # bytes
_MOUNTS = Path("/proc/self/mountinfo")  # proc_pid_mountinfo(5)
# SQLite's locks do not hold there, and its write-ahead log needs memory that all processes share (sqlite.org/wal.html,
# sqlite.org/useovernet.html).
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "lustre", "beegfs", "gpfs"}
    | {f"fuse.{name}" for name in ("sshfs", "s3fs", "glusterfs", "ceph", "rclone", "gcsfuse", "blobfuse2", "davfs2")}
)


def folders(settings: Settings, mounts: Path = _MOUNTS) -> list[Check]:
    """All three. None is needed to read metadata of files. `mounts` lists file systems."""
    originals, derived = place_of(settings.file_storage_path, "files"), place_of(settings.cache_path, "cache")
    return [
        _folder("originals", "FILE_STORAGE_PATH", originals),
        _apart(_folder("derived files", "CACHE_PATH", derived), derived, originals),
        _local(_folder("databases", "INSTANCE_PATH", instance(settings)), instance(settings), mounts),
    ]


def instance(settings: Settings) -> Path:
    """Where the databases lie."""
    return place_of(settings.instance_path, "instance")


def place_of(configured: str | None, name: str) -> Path:
    """What the sidecar takes: the setting, else `mediabridge/{name}` below the user's data folder."""
    if configured:
        return Path(configured).expanduser()
    return platformdirs.user_data_path("mediabridge", appauthor=False) / name


def file_system(path: Path, mounts: str) -> str | None:
    """The type of the file system that has a path, by the text of `mountinfo`; None when it does not say."""
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        words = left.split()
        if len(words) < 5 or not right:  # noqa: PLR2004  the fifth is the mount point
            continue
        point = Path(words[4].encode().decode("unicode_escape"))
        if path.is_relative_to(point) and (found is None or len(point.parts) >= found[0]):
            found = (len(point.parts), right.split()[0])
    return found[1] if found else None


def why_not(path: Path) -> str | None:
    """What keeps this user from writing into a folder, or from making it; None when nothing does."""
    there = _existing(path)
    try:
        if not os.access(there, os.W_OK | os.X_OK):
            return "cannot be written"
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as problem:
        return f"cannot be used ({problem.strerror or type(problem).__name__})"


def _folder(name: str, setting: str, path: Path) -> Check:
    mend = f"Make it writable for this user, or set {setting} to another folder."
    if why := why_not(path):
        return Check(name, ok=False, found=f"{path} {why}", mend=mend, needed=False)
    free = shutil.disk_usage(_existing(path)).free
    found = f"{path} ({free // 2**20} MB free{'' if path.exists() else '; it will be made'})"
    if free < _LITTLE:
        return Check(name, ok=False, found=found, mend=f"Free some space, or set {setting}.", needed=False)
    return Check(name, ok=True, found=found, needed=False)


def _apart(check: Check, derived: Path, originals: Path) -> Check:
    """The same check, refused where originals lie as well: both have files of the same names."""
    if os.path.realpath(derived) != os.path.realpath(originals):
        return check
    found = f"{derived} is the folder of FILE_STORAGE_PATH; derived files go to its folder 'derived'"
    return Check(check.name, ok=False, found=found, mend="Set CACHE_PATH to another folder.", needed=False)


def _local(check: Check, path: Path, mounts: Path) -> Check:
    """The same check, refused on a network's file system."""
    kind = file_system(_existing(path).resolve(), mounts.read_text("utf-8")) if mounts.exists() else None
    if not check.ok or kind not in _NETWORK:
        return check
    found = f"{path} lies on a file system of the network ({kind}), where SQLite's locks do not hold"
    mend = "Set INSTANCE_PATH to a folder on a local disk, or DATABASE_URL to PostgreSQL."
    return Check(check.name, ok=False, found=found, mend=mend, needed=False)


def _existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(one for one in (absolute, *absolute.parents) if one.exists())
