"""The XMP file that lies beside an original goes along with its copy: ratings, edits and places are in it alone.

It is called after its copy, `{name}.{ext}.xmp`, and says the copy's date and tags: programs that read such files
believe them more than the picture. All else in it stays, or it is copied as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediabridge.sidecar.faults import EngineDied, ExtractionTimeout, UnreadableFile
from mediabridge.sidecar.library.listings import Folders

from . import originals, tagging
from .item import Item, Xmp
from .writing import Writer

_OURS = frozenset({"SourceFile", "XMP-x:XMPToolkit", *tagging.XMP_TAGS})


def with_xmp(item: Item, folders: Folders) -> Item:
    """The item with the XMP file that an import reads with it. Looks at the disk."""
    found = None if item.path is None else folders.xmp_of(Path(os.fsdecode(item.path)))
    if found is None:
        return item
    try:
        told = found.lstat()
    except OSError:
        return item
    return replace(item, xmp=Xmp(os.fsencode(found), told.st_size, told.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class Carried:
    """`file` in the work folder. `written`: it says date and tags of the copy; `why` not."""

    file: str
    sha256: str
    written: bool
    why: str | None = None


def carry(item: Item, xmp: Xmp, writer: Writer, *, write: bool, check: Callable[[], None]) -> Carried:
    """Copy it, prove that, write into a second file, prove that all else is in there. Raises as `originals` do."""
    raw, tagged = f"{item.step}.raw.xmp", f"{item.step}.xmp"
    fd = writer.work.create(raw)
    try:
        sha256 = originals.copy_xmp(xmp, fd, check)
        os.utime(fd, ns=(xmp.mtime_ns, xmp.mtime_ns))
        os.fsync(fd)
    finally:
        os.close(fd)
    arguments = tagging.beside(item) if write else []
    if not arguments:
        return Carried(raw, sha256, written=False)
    why = _written(arguments, raw, tagged, xmp.size, writer)
    if why:
        writer.work.remove(tagged)
        return Carried(raw, sha256, written=False, why=f"The XMP file that goes along is as it was: {why}")
    writer.work.remove(raw)
    fd = writer.work.open(tagged)
    try:
        os.fsync(fd)
        return Carried(tagged, originals.digest(fd, check), written=True)
    finally:
        os.close(fd)


def _written(arguments: list[str], raw: str, tagged: str, size: int, writer: Writer) -> str:
    """Empty when it is, and nothing else has changed."""
    if not tagging.is_safe(arguments):
        return "a tag holds a line break."
    try:
        before = _all_else(raw, writer)
        why = writer.write(arguments, raw, tagged, size)
        if why or before == _all_else(tagged, writer):
            return why
    except (EngineDied, ExtractionTimeout, UnreadableFile) as problem:
        return problem.message
    return "with the tags in it, something else was not the same any more."


def _all_else(name: str, writer: Writer) -> dict[str, Any]:
    told = writer.read("-j", "-G1", "-struct", "-XMP:All", name=name)
    found: dict[str, Any] = (json.loads(told) if told.strip() else [{}])[0]
    return {tag: value for tag, value in found.items() if tag not in _OURS}
