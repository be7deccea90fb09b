"""The dry run: what an export would do, and what would be in its way. Nothing is written, not even a folder."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from mediabridge.sidecar.faults import Fault
from mediabridge.sidecar.library import tags
from mediabridge.sidecar.library.listings import Folders

from . import records, tagging
from .along import with_xmp
from .item import Item
from .job import Parts
from .naming import Names, folder_and_name
from .options import Options
from .records import Outcome
from .target import Target

_BATCH = 500
_LISTS_S = 20.0
_TOLD = 20  # originals that are gone or changed; the manifest of the export has all
_TYPES = {"image/webp": "WEBP", "image/avif": "AVIF", "image/heic": "HEIC", "image/heif": "HEIF"}  # not of all versions


def dry_run(options: Options, parts: Parts, look: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Counts, bytes, collisions, what would not be written, free space. `look` is called now and then, and may raise.

    Raises `Forbidden` for a target that is not allowed.
    """
    with Target.open(options.target, parts.roots, make=False) as target:
        found = _Forecast(options, target, _unwritable(parts) if options.metadata == "embed" else frozenset())
        folders = Folders()
        for batch in _batches(options, parts):
            look()
            for item, mtime_ns, earlier in batch:
                whole = with_xmp(item, folders)
                found.add(whole, mtime_ns, earlier.get((whole.file_id, whole.recipe(options))))
        left_out = parts.door.read(lambda session: records.left_out(session, options))
        return {**found.to_json(), "leftOut": left_out}


_Row = tuple[Item, int, dict[tuple[int, str], Outcome]]  # with its mtime, and what earlier exports have left


class _Forecast:
    def __init__(self, options: Options, target: Target, unwritable: frozenset[str]) -> None:
        self._options, self._target, self._unwritable = options, target, unwritable
        self._names = Names(target.names)
        self._there: dict[str, frozenset[str]] = {}
        self._count = Counter[str]()
        self._problems: list[dict[str, Any]] = []
        self._folders, self._beside, self._plain = Counter[str](), Counter[str](), Counter[str]()

    def add(self, item: Item, mtime_ns: int, earlier: Outcome | None) -> None:
        """Count one file."""
        self._count["files"] += 1
        self._count["undated"] += item.taken_us is None
        if earlier is not None and self._is_there(earlier["folder"], earlier["name"]):
            self._count["present"] += 1
            return
        problem = _problem(item, mtime_ns)
        if problem:
            self._count[problem] += 1
            if len(self._problems) < _TOLD:
                self._problems.append({"id": item.file_id, "source": item.told()["source"], "problem": problem})
            return
        folder, name = folder_and_name(item.taken_us, item.name, item.mime_type)
        self._count["collisions"] += self._names.choose(folder, name)[1]
        self._folders[folder] += 1
        self._count["bytes"] += item.size + (0 if item.xmp is None else item.xmp.size)
        self._count["along"] += item.xmp is not None
        self._count["guessed"] += item.taken_us is not None and not item.writes_date
        self._write(item)

    def _write(self, item: Item) -> None:
        if self._options.metadata == "none" or not (item.writes_date or item.tags):
            self._count["nothing"] += 1
        elif self._options.metadata == "sidecar" or item.mime_type in self._unwritable:
            self._beside[item.mime_type] += 1
        elif tagging.arguments(item, None):
            self._count["embedded"] += 1
        else:
            self._beside[item.mime_type] += 1

    def _is_there(self, folder: str, name: str) -> bool:
        if folder not in self._there:
            self._there[folder] = frozenset(self._target.names(folder))
        return name in self._there[folder]

    def to_json(self) -> dict[str, Any]:
        """As a client gets it."""
        count, free = self._count, self._target.free_bytes()
        return {
            "dryRun": True,
            "target": self._options.target,
            "targetExists": not self._target.missing,
            "files": count["files"],
            "bytes": count["bytes"],
            "freeBytes": free,
            "fits": count["bytes"] <= free,
            "undated": count["undated"],
            "collisions": count["collisions"],
            "present": count["present"],
            "missing": count["missing"],
            "changed": count["changed"],
            "problems": self._problems,
            "sidecars": count["along"],
            "folders": dict(sorted(self._folders.items())),
            "metadata": {
                "embedded": count["embedded"],
                "sidecar": self._beside.total(),
                "nothing": count["nothing"],
                "sidecarByType": dict(sorted(self._beside.items())),
                "datesNotWritten": count["guessed"],
            },
        }


def _batches(options: Options, parts: Parts) -> Iterator[list[_Row]]:
    place = records.START
    while batch := parts.door.read(partial(_batch, options, place)):
        yield batch[0]
        place = batch[1]


def _batch(options: Options, place: records.Place, session: Session) -> tuple[list[_Row], records.Place] | None:
    files = records.chosen(session, options, place, _BATCH)
    if not files:
        return None
    ids = [file.id for file in files]
    words, earlier = tags.of_files(session, ids), records.earlier(session, "", ids)
    rows = [(records.item_of(file, words[file.id], options), file.mtime_ns, earlier) for file in files]
    return rows, (files[-1].taken_us, files[-1].id)


def _problem(item: Item, mtime_ns: int) -> str:
    """Whether the original is as it was; of uploads, the store knows."""
    if item.path is None:
        return ""
    try:
        told = os.lstat(item.path)
    except OSError:
        return "missing"
    same = stat.S_ISREG(told.st_mode) and (told.st_size, told.st_mtime_ns) == (item.size, mtime_ns)
    return "" if same else "changed"


def _unwritable(parts: Parts) -> frozenset[str]:
    """Types that this version of ExifTool does not write; all, where there is none."""
    try:
        listed = parts.engine.run("-listwf", timeout_s=_LISTS_S).stdout.decode("ascii", "replace").split()
    except Fault:
        return frozenset(tagging.FAMILIES)
    return frozenset(mime for mime, word in _TYPES.items() if word not in listed)
