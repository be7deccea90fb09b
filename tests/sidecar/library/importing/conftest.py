"""Imports with ExifTool, the decoders and a database themselves, of files made here."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from databases import database, fresh
from pictures import scene
from PIL import Image
from sqlalchemy import select

from mediabridge.sidecar.cache import PROFILES, ResultCache
from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import File, Job, JobFile
from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.extraction.fallback import BuiltinExtractor
from mediabridge.sidecar.extraction.pool import start_pool
from mediabridge.sidecar.images import Pictures, table
from mediabridge.sidecar.images import start_pool as start_decoders
from mediabridge.sidecar.images.shelf import Shelf
from mediabridge.sidecar.isolated import Runner
from mediabridge.sidecar.library import steps, tags
from mediabridge.sidecar.library.importing.hashes import Hashes
from mediabridge.sidecar.library.importing.job import Tools, run_import
from mediabridge.sidecar.storage.derived import Derived
from mediabridge.sidecar.storage.disk import LocalDisk
from mediabridge.sidecar.storage.record import Label
from mediabridge.sidecar.storage.store import ContentStore
from mediabridge.sidecar.video import FFmpeg, Poster, find_tools

__all__ = ["database"]
_DATE = 0x9003


def photo(seed: int = 1, taken: str | None = "2024:01:31 12:00:00", turn: int = 1, **size: int) -> bytes:
    """A JPEG with the texture of a photograph; `turn` is its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = turn
    exif[0x010F] = "Canon"
    if taken:
        exif.get_ifd(0x8769)[_DATE] = taken
    out = io.BytesIO()
    scene(seed, size.get("width", 96), size.get("height", 64)).save(out, "JPEG", exif=exif)
    return out.getvalue()


class Stopped(BaseException):
    """As `Interrupted` is."""


@dataclass
class Run:
    """Stops the job when `stop` says so of a report."""

    payload: dict[str, Any]
    stop: Callable[[int, int, int], bool] = lambda *_: False
    reports: list[tuple[int, int, int]] = field(default_factory=list)

    def report(self, done: int, total: int = 0, failed: int = 0) -> None:
        self.reports.append((done, total, failed))
        if self.stop(done, total, failed):
            raise Stopped

    def check(self) -> None:
        pass


@dataclass
class Library:
    """`photos` is the folder that is imported."""

    folder: Path
    database: Database
    tools: Tools
    store: ContentStore
    engine: Engine
    count: int = 0

    @property
    def photos(self) -> Path:
        found = self.folder / "photos"
        found.mkdir(exist_ok=True)
        return found

    def put(self, name: str | bytes, content: bytes) -> Path:
        path = Path(os.fsdecode(os.path.join(os.fsencode(self.photos), os.fsencode(name))))  # noqa: PTH118
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def run(self, payload: dict[str, Any] | None = None, *, job: str | None = None, **more: Any) -> dict[str, Any]:
        self.count += 1
        tools = replace(self.tools, **more.pop("tools", {}))
        run = Run(payload or {"path": str(self.photos)}, **more)
        return run_import(tools, job or f"job-{self.count}", run)

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        incoming = self.store.accept(Label(name), 1 << 30, len(content))
        with contextlib.closing(incoming):
            incoming.write(content)
            record = self.store.keep(incoming).record
        return {"contentHash": record.content_hash, "name": name, "size": len(content)}

    def files(self) -> dict[str, File]:
        return {row.name: row for row in self.database.read(lambda session: session.scalars(select(File)).all())}

    def errors(self, job: str | None = None) -> dict[str, str]:
        found = self.database.read(lambda session: steps.errors(session, job or f"job-{self.count}"))
        names = {step.id: row.name if row is not None else (step.outcome or {}).get("name", "?") for step, row in found}
        return {names[step.id]: step.error["kind"] for step, _ in found}

    def outcomes(self, job: str | None = None) -> list[Any]:
        wanted = select(JobFile.outcome).where(JobFile.job_id == (job or f"job-{self.count}"))
        return self.database.read(lambda session: session.scalars(wanted.order_by(JobFile.id)).all())

    def job(self, job: str | None = None) -> Job:
        return self.database.read(lambda session: session.get(Job, job or f"job-{self.count}"))

    def tags(self, name: str) -> list[str]:
        number = self.files()[name].id
        return self.database.read(lambda session: tags.of_files(session, [number]))[number]

    def read(self) -> int:
        """Files that ExifTool has read so far."""
        return sum(process.files for process in self.engine.stats().processes)


@pytest.fixture(scope="session")
def engine(exiftool: Path) -> Iterator[Engine]:
    made = start_pool(str(exiftool), 1)
    yield made
    made.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    folder = tmp_path_factory.mktemp("links")
    count = iter(range(10**9))
    poster = Poster(FFmpeg(lambda: find_tools(None)))
    made = Pictures(start_decoders(2), None, poster, lambda: folder / str(next(count)))
    yield made
    made.close()


def build(folder: Path, opened: Database, engine: Engine, pictures: Pictures) -> Library:
    derived, store = Derived(folder / "cache"), ContentStore(LocalDisk(folder / "store"))
    cache = ResultCache(PROFILES["development"])
    tools = Tools(
        door=opened,  # type: ignore[arg-type]  # the same two methods
        shelf=Shelf(pictures, store, derived, cache, table()),
        engine=lambda: contextlib.nullcontext(engine),
        second=BuiltinExtractor(Runner(), 30),
        local=store.local,
        new_path=derived.new_path,
        zone=ZoneInfo("Europe/Berlin"),
        timeout_s=30,
        hashes=Hashes(),
        readers=2,
        decoders=2,
    )
    return Library(folder, opened, tools, store, engine)


@pytest.fixture
def library(tmp_path: Path, engine: Engine, pictures: Pictures) -> Iterator[Library]:
    opened = fresh("sqlite", tmp_path)
    yield build(tmp_path, opened, engine, pictures)
    opened.close()


@pytest.fixture
def on_both(tmp_path: Path, database: Database, engine: Engine, pictures: Pictures) -> Library:
    """On SQLite and on PostgreSQL."""
    return build(tmp_path, database, engine, pictures)


@pytest.fixture(name="photo", scope="session")
def photo_fixture() -> Callable[..., bytes]:
    return photo
