"""A library with a few files made here, and exports of it with ExifTool itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mediabridge.sidecar.database import Door, url_of
from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.extraction.pool import start_pool
from mediabridge.sidecar.library import intake, tags
from mediabridge.sidecar.library.export.job import Parts, export
from mediabridge.sidecar.library.export.manifest import name_of
from mediabridge.sidecar.library.export.options import parse
from mediabridge.sidecar.library.intake import Dated, Found, Seen
from mediabridge.sidecar.library.origin import of_path, of_upload
from mediabridge.sidecar.storage.disk import LocalDisk
from mediabridge.sidecar.storage.record import Label
from mediabridge.sidecar.storage.store import ContentStore
from mediabridge.sidecar.storage.types import HEAD, TAIL, type_of

NOON = datetime(2024, 1, 31, 12, 0, 0)  # noqa: DTZ001


@dataclass
class Task:
    id: str
    payload: dict[str, Any]
    fence: int = 1


@dataclass
class Library:
    """`originals` is what was imported, `target` what is exported to."""

    folder: Path
    engine: Engine
    count: int = 0
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        for path in (self.originals, self.target.parent):
            path.mkdir(parents=True)
        self.door = Door(url_of(None, self.folder / "instance"))
        self.store = ContentStore(LocalDisk(self.folder / "store"))

    @property
    def originals(self) -> Path:
        return self.folder / "originals"

    @property
    def target(self) -> Path:
        return self.folder / "media" / "out"

    @property
    def parts(self) -> Parts:
        roots = [str(self.target.parent)]
        return Parts(door=self.door, store=self.store, engine=self.engine, timeout_s=20, roots=roots, zone=UTC)

    def put(self, name: str, data: bytes) -> Path:
        path = self.originals / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def add(
        self,
        path: Path,
        taken: datetime | None = NOON,
        offset_min: int | None = None,
        confidence: str = "high",
        words: Sequence[str] = (),
        evidence: Any = None,
    ) -> int:
        """As an import would have noted it; gives its number."""
        data, told = path.read_bytes(), path.stat()
        mime = type_of(data[:HEAD], data[-TAIL:], path.suffix[1:].lower()) or "application/octet-stream"
        seen = Seen(of_path(path), told.st_size, told.st_mtime_ns)
        return self._note(seen, data, mime, Dated.of(taken, None, confidence, evidence), offset_min, words)

    def upload(self, name: str, data: bytes, taken: datetime | None = NOON) -> int:
        sha256 = hashlib.sha256(data).hexdigest()
        incoming = self.store.accept(Label(name, None, None), len(data), len(data))
        incoming.write(data)
        self.store.keep(incoming)
        incoming.close()
        return self._note(
            Seen(of_upload(sha256, name), len(data), 0), data, "image/jpeg", Dated.of(taken, None, "high"), None, ()
        )

    def _note(
        self, seen: Seen, data: bytes, mime: str, dated: Dated, offset_min: int | None, words: Sequence[str]
    ) -> int:
        dated = Dated(dated.us, offset_min, dated.confidence, dated.evidence)
        number = self.door.write(lambda session: intake.register(session, [seen]))[seen.origin.key]
        kind: Any = mime.partition("/")[0].replace("image", "photo")
        found = Found(
            file_id=number,
            sha256=hashlib.sha256(data).hexdigest(),
            mime_type=mime,
            kind=kind if kind in intake.KINDS else "other",
            dated=dated,
        )
        self.door.write(lambda session: intake.finish(session, [found]))
        if words:
            self.door.write(lambda session: tags.add(session, {number: list(words)}, "user"))
        return number

    def job(self, number: str | None = None, fence: int = 1, **asked: Any) -> Task:
        self.count += number is None
        options, _ = parse({"target": str(self.target), **asked})
        return Task(number or f"JOB{self.count}", {"options": options.to_json()}, fence)

    def export(self, job: Task | None = None, **asked: Any) -> dict[str, Any]:
        return export(job or self.job(**asked), self.parts, lambda *_: None, lambda: None)

    def exported(self) -> list[str]:
        """What lies in the target, without manifests."""
        files = (path for path in self.target.rglob("*") if path.is_file() and path.parent != self.target)
        return sorted(path.relative_to(self.target).as_posix() for path in files)

    def manifest(self, number: str = "JOB1") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.target / name_of(number)).read_text("utf-8").splitlines()]

    def read(self, name: str) -> dict[str, Any]:
        """What ExifTool says of a copy, on one thread of its own."""
        reply = self.engine.run("-j", "-G1", "-struct", str(self.target / name), timeout_s=20)
        return json.loads(reply.stdout)[0]  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def engine(exiftool: Path) -> Iterator[Engine]:
    engine = start_pool(str(exiftool), 2)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once: each test has a copy of it."""
    folder = tmp_path_factory.mktemp("empty")
    door = Door(url_of(None, folder))
    door.open()
    door.close()
    return folder / "library.db"


@pytest.fixture
def library(tmp_path: Path, engine: Engine, empty_database: Path) -> Iterator[Library]:
    (tmp_path / "instance").mkdir()
    shutil.copy(empty_database, tmp_path / "instance")
    library = Library(tmp_path, engine)
    yield library
    library.door.close()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """A small picture; another `colour` is another picture."""
    import io

    def make(kind: str = "JPEG", colour: int = 0, **more: Any) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (16, 12), (colour % 256, colour // 256 % 256, 99)).save(file, kind, **more)
        return file.getvalue()

    return make


def everything(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Bytes, dates, numbers and attributes of all that is in a folder, and of the folders; looking changes nothing."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        told = path.lstat()
        attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        accessed = told.st_atime_ns if path.is_file() else 0
        facts = (told.st_mtime_ns, told.st_ctime_ns, accessed, told.st_ino, told.st_mode, told.st_nlink, told.st_size)
        found[str(path)] = (bytes_of(path) if path.is_file() else b"", attributes, *facts)
    return found


def bytes_of(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOATIME", 0))  # the test's own files: it may
    with os.fdopen(fd, "rb") as file:
        return file.read()


@pytest.fixture(scope="session")
def movie() -> bytes:
    """A film of no pictures: one track with one chunk of sixteen bytes in front of `moov`, as cameras write it."""

    def box(kind: bytes, *content: bytes) -> bytes:
        data = b"".join(content)
        return (len(data) + 8).to_bytes(4, "big") + kind + data

    def full(kind: bytes, *content: bytes) -> bytes:
        return box(kind, bytes(4), *content)

    one = (1).to_bytes(4, "big")
    start = box(b"ftyp", b"mp42", bytes(4), b"mp42isom")
    data = box(b"mdat", bytes(range(16)))
    matrix = b"".join(number.to_bytes(4, "big") for number in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    offset = (len(start) + 8).to_bytes(4, "big")
    table = box(
        b"stbl",
        full(b"stsd", one, box(b"mp4v", bytes(6), b"\0\1", bytes(70))),
        full(b"stts", one, one, one),
        full(b"stsc", one, one, one, one),
        full(b"stsz", (16).to_bytes(4, "big"), one),
        full(b"stco", one, offset),
    )
    place = box(b"dinf", full(b"dref", one, box(b"url ", one)))  # 1: in this very file
    handler = full(b"hdlr", bytes(4), b"vide", bytes(13))
    media = box(
        b"mdia",
        full(b"mdhd", bytes(8), one, one, bytes(4)),
        handler,
        box(b"minf", full(b"vmhd", bytes(8)), place, table),
    )
    head = full(b"mvhd", bytes(8), one, one, one, bytes(12), matrix, bytes(24), one)
    track = box(b"trak", full(b"tkhd", bytes(8), one, bytes(8), bytes(16), matrix, bytes(8)), media)
    return start + data + box(b"moov", head, track)
