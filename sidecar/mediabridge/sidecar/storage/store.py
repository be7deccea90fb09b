"""The content store: originals under their SHA-256, each with its `metadata.json`, which is there once all is.

`metadata.json` is written last and deleted first: an original without it was never acknowledged, and is not shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import ContentDamaged, ContentUnknown, StorageFull, StorageUnavailable
from mediabridge.sidecar.limits import megabytes

from .backend import Backend, NotStoredError, is_hash
from .incoming import Incoming
from .quota import Quota
from .record import Label, NoRecordError, Record
from .scratch import is_full
from .tally import Counted, Tally

ORIGINAL = "original"
METADATA = "metadata.json"
_TRIES = 20  # somebody may delete the content while it is kept
_RECORD_BYTES = 64 * 1024
_BLOCK = 1024 * 1024
_COUNT_S = 60.0  # a quota waits for the count that long
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """`record` of the content, by whoever brought it first; `is_new`: that was this upload."""

    record: Record
    is_new: bool


class ContentStore:
    """`quota` in bytes of each drive, 0 = none. Every method raises `StorageUnavailable` when the place fails.

    `mended` hears of each original that was damaged and is not any more: what was made from it may be wrong.
    """

    def __init__(self, backend: Backend, quota: int = 0, mended: Callable[[str], object] = lambda _: None) -> None:
        self._backend = backend
        self._mended = mended
        self._quota = quota
        self._tally = Tally(self._scan, time.time_ns, backend.changed_ns)
        self._claims = Quota(quota, lambda drive: self._tally.figures().drives[drive], self._over_quota)
        self._damaged: dict[str, int] = {}  # when the file was written that has other bytes
        self._renewed: set[str] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Count what is there, in the background."""
        self._tally.start()

    def accept(self, label: Label, limit: int, size: int | None) -> Incoming:
        """A file that is to come, of `limit` bytes at most and of `size` as far as that is known.

        Raises `StorageFull` when there is no room for it, or not in the drive's quota.
        """
        claimed = size or 0
        with self._faults():
            if claimed > self._backend.space().free:
                raise self._full(f"The upload has {megabytes(claimed)}.")
            incoming = Incoming(self._backend.new_path(), label, limit, self._full, self._release)
        try:
            self._claims.claim(label.drive, claimed)
        except StorageFull:
            incoming.close()
            raise
        incoming.claimed = claimed
        return incoming

    def keep(self, incoming: Incoming) -> Kept:
        """Store what has come, durably. Raises `InvalidRequest`, `UnsupportedMedia`, `StorageFull`."""
        record = Record.of(incoming.sha256, incoming.size, incoming.check(), incoming.label)
        self._claim_all(incoming)
        with self._faults():
            kept = self._keep(record, incoming.path)
            if kept.is_new:
                with contextlib.suppress(NotStoredError):  # deleted meanwhile
                    self._tally.add(self._counted(kept.record))
        _tell(kept)
        return kept

    def find(self, content_hash: str) -> Record:
        """Raises `ContentUnknown`; `ContentDamaged` for metadata that cannot be read or do not fit the original, and
        for an original that `verify` found damaged.
        """
        with self._faults(), self._known(content_hash):
            there = self._backend.stat(key_of(content_hash, ORIGINAL))
            record = self._read_record(content_hash)
        if record is None:
            raise self._damage(content_hash, METADATA, f"The metadata of {content_hash} cannot be read.")
        if record.size != there.size:
            msg = f"The content under {content_hash} has {there.size} bytes; {record.size} were stored."
            raise self._damage(content_hash, ORIGINAL, msg)
        if self._damaged.get(content_hash) == there.modified_ns:  # else another process has mended it
            msg = f"The content under {content_hash} has changed on the disk."
            raise self._damage(content_hash, ORIGINAL, msg)
        return record

    def open(self, content_hash: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """The original's bytes from `start`; the reader stops after `length`. Raises `ContentUnknown`."""
        with self._faults(), self._known(content_hash):
            return self._backend.open(key_of(content_hash, ORIGINAL), start, length)

    @contextlib.contextmanager
    def local(self, content_hash: str) -> Iterator[Path]:
        """The original as a file, to be read only, within the `with` block. Raises `ContentUnknown`."""
        with self._faults(), self._known(content_hash):
            manager = self._backend.local(key_of(content_hash, ORIGINAL))
            path = manager.__enter__()
        try:
            yield path
        finally:
            manager.__exit__(None, None, None)

    def verify(self, content_hash: str) -> None:
        """Read the original as a whole. Raises `ContentUnknown`, `ContentDamaged`."""
        original = key_of(content_hash, ORIGINAL)
        with self._faults(), self._known(content_hash):
            written = self._backend.stat(original).modified_ns
            with self._backend.open(original) as file:
                found = digest(file)
        self._remember(content_hash, None if found == content_hash else written)
        if found != content_hash:
            msg = f"The content under {content_hash} has changed on the disk: its hash is {found} now."
            raise self._damage(content_hash, ORIGINAL, msg)

    def was_damaged(self, content_hash: str) -> bool:
        """Whether other bytes may have been served under this hash, before an upload mended it."""
        return content_hash in self._renewed

    def delete(self, content_hash: str) -> bool:
        """Whether there was anything to delete."""
        with self._faults():
            try:
                record = self._read_record(content_hash)
                counted = self._counted(record) if record else None
            except NotStoredError:
                counted = None
            known = self._backend.delete(key_of(content_hash, METADATA))
            if known and counted is not None:
                self._tally.add(counted, -1)
            return self._backend.delete(key_of(content_hash, ORIGINAL)) or known

    def status(self) -> dict[str, object]:
        """`files`, `totalSize`, `availableSpace` (bytes); `counting` until the first two are complete."""
        figures = self._tally.figures()
        status: dict[str, object] = {"files": figures.files, "totalSize": figures.total}
        try:
            status["availableSpace"] = self._backend.space().free
        except OSError:
            status["availableSpace"] = None
        return {**status, "counting": not self._tally.complete.is_set()}

    def close(self) -> None:
        """Remove what was not kept."""
        self._backend.close()

    def _keep(self, record: Record, path: Path) -> Kept:
        for _ in range(_TRIES):
            known = self._is_known(record)
            if self._backend.put(key_of(record.content_hash, ORIGINAL), path):
                kept = self._describe(record)
                if known:  # it was lost, or put aside as damaged
                    self._tell_mended(record.content_hash)
            elif known and self._is_whole(record):
                kept = self._describe(record)
            else:
                kept = self._mend(record, path)
            if kept is not None:
                return kept
        msg = f"{record.content_hash} is deleted as fast as it is stored."
        raise StorageUnavailable(msg)

    def _describe(self, record: Record) -> Kept | None:
        """Of an original that is there: None when it was deleted meanwhile."""
        original, metadata = key_of(record.content_hash, ORIGINAL), key_of(record.content_hash, METADATA)
        is_new = self._backend.put(metadata, record.to_bytes())
        with contextlib.suppress(NotStoredError):
            self._backend.stat(original)
            found = record if is_new else self._read_record(record.content_hash)
            if found is None:
                self._backend.replace(metadata, record.to_bytes())
            return Kept(found or record, is_new)
        return None

    def _is_known(self, record: Record) -> bool:
        with contextlib.suppress(NotStoredError):
            self._backend.stat(key_of(record.content_hash, METADATA))
            return True
        return False

    def _is_whole(self, record: Record) -> bool:
        """Whether what lies there are those bytes: who sends them again may keep no other copy."""
        original = key_of(record.content_hash, ORIGINAL)
        with contextlib.suppress(NotStoredError):
            there = self._backend.stat(original)
            if there.size != record.size:
                return False
            with self._backend.open(original) as file:
                whole = digest(file) == record.content_hash
            self._remember(record.content_hash, None if whole else there.modified_ns)
            return whole
        return False

    def _mend(self, record: Record, path: Path) -> Kept | None:
        """What lies there has lost bytes, or was never told of and may be cleared away; this upload has all of it."""
        with self._backend.mending():
            if not self._is_whole(record):
                self._backend.replace(key_of(record.content_hash, ORIGINAL), path)
                if self._is_known(record):
                    self._tell_mended(record.content_hash)
            return self._describe(record)

    def _tell_mended(self, content_hash: str) -> None:
        words = f"a damaged original was replaced by a new upload of the same content: {content_hash}"
        emit(_log, logging.WARNING, "storage.mended", words, sha256=content_hash)
        self._remember(content_hash, None)
        with self._lock:
            self._renewed.add(content_hash)
        self._mended(content_hash)

    def _remember(self, content_hash: str, damaged: int | None) -> None:
        """`damaged`: when the file was written that is; None when it is whole."""
        with self._lock:
            if damaged is None:
                self._damaged.pop(content_hash, None)
            else:
                self._damaged[content_hash] = damaged

    def _read_record(self, content_hash: str) -> Record | None:
        """None when it cannot be understood. Raises `NotStoredError`."""
        with self._backend.open(key_of(content_hash, METADATA)) as file:
            content = file.read(_RECORD_BYTES)
        with contextlib.suppress(NoRecordError):
            return Record.from_bytes(content)
        return None

    def _counted(self, record: Record) -> Counted:
        """Raises `NotStoredError`."""
        since = self._backend.stat(key_of(record.content_hash, METADATA)).modified_ns
        return Counted(record.size, record.drive_id, since)

    def _scan(self) -> Iterator[Counted]:
        """All that is stored; whose it is only where a quota asks for it."""
        for content_hash in self._backend.hashes():
            with contextlib.suppress(NotStoredError):
                since = self._backend.stat(key_of(content_hash, METADATA)).modified_ns
                size = self._backend.stat(key_of(content_hash, ORIGINAL)).size
                record = self._read_record(content_hash) if self._quota else None
                yield Counted(size, record.drive_id if record else None, since)

    def _claim_all(self, incoming: Incoming) -> None:
        """The quota as it is now that the size is known, and all that was there at the start is counted."""
        if self._quota:
            self._tally.complete.wait(_COUNT_S)
            self._claims.release(incoming.label.drive, incoming.claimed)
            incoming.claimed = 0
            self._claims.claim(incoming.label.drive, incoming.size)
            incoming.claimed = incoming.size

    def _release(self, incoming: Incoming) -> None:
        self._claims.release(incoming.label.drive, incoming.claimed)

    def _full(self, what: str = "There is no room for the upload.") -> StorageFull:
        space = self._backend.space()
        return StorageFull(
            f"{what} {megabytes(space.free)} of {megabytes(space.total)} are free where originals are stored.",
            "Free disk space there (FILE_STORAGE_PATH), and send the file again.",
            storage=self.status(),
        )

    def _over_quota(self, quota: Mapping[str, object]) -> StorageFull:
        drive, limit, used = quota["driveId"], quota["limit"], quota["used"]
        return StorageFull(
            f"The quota of {f'drive {drive}' if drive else 'uploads without a drive'} does not allow for the upload: "
            f"{used} of {limit} bytes are used.",
            "Use another drive, or raise FILE_STORAGE_QUOTA_MB (MiB) where the server is started.",
            storage={**self.status(), "quota": quota},
        )

    def _damage(self, content_hash: str, name: str, msg: str) -> ContentDamaged:
        words = f"stored content is damaged: {content_hash}/{name}"
        emit(_log, logging.ERROR, "storage.damaged", words, sha256=content_hash, file=name)
        return ContentDamaged(msg)

    @contextlib.contextmanager
    def _known(self, content_hash: str) -> Iterator[None]:
        unknown = ContentUnknown(f"contentHash: nothing is stored under {content_hash[:64]!r}.")
        if not is_hash(content_hash):
            raise unknown
        try:
            self._backend.stat(key_of(content_hash, METADATA))
            yield
        except NotStoredError as problem:
            raise unknown from problem

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            if is_full(problem):
                raise self._full() from problem
            words = f"the content store fails: {problem}"
            emit(_log, logging.ERROR, "storage.failed", words, error=type(problem).__name__)
            msg = f"Originals cannot be stored or read now ({problem.strerror or type(problem).__name__})."
            raise StorageUnavailable(msg) from problem


def _tell(kept: Kept) -> None:
    record = kept.record
    words = f"{record.content_hash} {'is stored' if kept.is_new else 'was stored already'} ({record.size} bytes)"
    emit(
        _log,
        logging.INFO,
        "storage.stored",
        words,
        sha256=record.content_hash,
        size=record.size,
        mimeType=record.mime_type,
        isNew=kept.is_new,
    )


def digest(file: BinaryIO) -> str:
    """Hex SHA-256 of what is left to be read. Raises `OSError`."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def key_of(content_hash: str, name: str) -> str:
    """The backend's key for a file of a content."""
    return f"{content_hash}/{name}"
