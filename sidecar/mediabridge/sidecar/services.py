"""Everything that lives as long as the process: built once, closed in reverse."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import cast

from flask import current_app

from mediabridge.config import LargestBody, Settings

from .bodies import Bodies
from .cache import PROFILES, EnhancedMetadataCache, ResultCache, forget, get_enhanced_cache, refuse_when_critical
from .cache.place import default_folder
from .events import emit
from .extraction.answer import Gone, Subject
from .extraction.cores import usable_cores
from .extraction.engine import NAME, Engine, Wear
from .extraction.extract import Extractor, Reading
from .extraction.fallback import BuiltinExtractor
from .extraction.health import SAMPLE
from .extraction.pool import start_pool
from .extraction.reader import Reader
from .extraction.stored import CachedExtractor, version_of
from .extraction.tools import find_exiftool
from .faults import EngineUnavailable
from .forms import Forms
from .guard import Guard
from .images import ExifToolPreview, Pictures, Preset, parse, table
from .images import start_pool as start_decoders
from .images.shelf import Shelf
from .isolated import Runner
from .limits import MIB, Tiers, tiers
from .raw import RawBodies
from .storage.derived import Derived
from .storage.disk import LocalDisk
from .storage.place import folder_of
from .storage.scratch import Scratch
from .storage.store import ContentStore

_EXTENSION = "mediabridge.sidecar"
_MOST_DECODERS = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """What the bridge says about this start: its token, and the nonce that proves that this very launch answers."""

    token: str | None = None
    nonce: str | None = None


@dataclass(slots=True, kw_only=True)
class Services:
    """The parts that requests use. `uptime_s` counts from `started`."""

    guard: Guard
    tiers: Tiers
    max_bytes: int
    largest_body: LargestBody
    scratch: Scratch
    forms: Forms
    bodies: Bodies
    store: ContentStore
    derived: Derived
    shelf: Shelf
    engine: Engine
    reader: Reader
    runner: Runner
    cache: EnhancedMetadataCache
    health_sample: Path
    health_timeout_s: float
    exiftool_path: Callable[[], str | None]
    nonce: str | None = None
    version: str = "unknown"
    started: float = field(default_factory=time.monotonic)

    @property
    def uptime_s(self) -> float:
        """Seconds since the services were built."""
        return time.monotonic() - self.started

    def read(self, file: Subject, gone: Gone | None = None) -> tuple[Reading, bool]:
        """How every route reads a file, and whether the reading was there already. Raises a `Fault`."""
        return self.reader.read(file, gone)

    @property
    def results(self) -> ResultCache:
        """What was computed once, under keys of `cache.key_of`."""
        return self.cache.results

    def close(self, timeout_s: float = 1.0) -> None:
        """Stop ExifTool, close the cache and the stores, then remove the temporary files."""
        self.engine.close(timeout_s)
        self.shelf.close()
        forget(self.cache)
        self.derived.close()
        self.store.close()
        self.scratch.close()


def build(settings: Settings, launch: Launch | None = None, *, scratch_base: Path | None = None) -> Services:
    """Build and start all services. ExifTool starts in the background; that it is missing is no error here."""
    launch = launch or Launch()
    scratch = Scratch(scratch_base)
    wear = Wear(settings.extract_recycle_files, settings.extract_recycle_mb * MIB)
    engine = start_pool(settings.exiftool_path, settings.extract_processes, wear)
    if scratch.swept:
        _log.warning("removed temporary files of %d sidecars that did not end cleanly", scratch.swept)
    cache = _cache(settings)
    store, derived = _stores(settings)
    forms = Forms(scratch, settings.extract_max_bytes, settings.largest_body("", ""), refuse_when_critical)
    extractor = Extractor(engine, settings.extract_timeout_s)
    runner = Runner()
    return Services(
        guard=Guard(launch.token, settings.flask_host),
        tiers=tiers(settings.tier_sizes),
        max_bytes=settings.extract_max_bytes,
        largest_body=settings.largest_body,
        scratch=scratch,
        forms=forms,
        bodies=Bodies(forms, RawBodies(store, settings.extract_max_bytes, refuse_when_critical)),
        store=store,
        derived=derived,
        shelf=Shelf(_pictures(settings), store, derived, cache.results, table(_own_presets(settings))),
        engine=engine,
        reader=Reader(
            CachedExtractor(extractor, cache.results, NAME, version_of(engine)),
            BuiltinExtractor(runner, settings.extract_timeout_s),
        ),
        runner=runner,
        cache=cache,
        health_sample=scratch.keep("sample.gif", SAMPLE),
        health_timeout_s=settings.extract_health_timeout_s,
        exiftool_path=_path_teller(settings),
        nonce=launch.nonce,
        version=_version(),
    )


def _cache(settings: Settings) -> EnhancedMetadataCache:
    """The cache of this process; its file is opened when it is first used."""
    return get_enhanced_cache(**asdict(PROFILES[settings.cache_profile]), path=_cache_folder(settings))


def _cache_folder(settings: Settings) -> Path:
    return Path(settings.cache_path).expanduser() if settings.cache_path else default_folder()


def _stores(settings: Settings) -> tuple[ContentStore, Derived]:
    """Originals and what is made from them, without what dead processes left. A folder that fails is no error here."""
    disk, derived = LocalDisk(folder_of(settings.file_storage_path)), Derived(_cache_folder(settings))
    for name, sweep in (("FILE_STORAGE_PATH", disk.sweep), ("CACHE_PATH", derived.sweep)):
        try:
            if swept := sweep():
                words = f"removed unfinished files of {swept} sidecars that did not end cleanly from {name}"
                emit(_log, logging.WARNING, "storage.swept", words, setting=name, processes=swept)
        except OSError as problem:
            emit(
                _log, logging.ERROR, "storage.failed", f"{name} cannot be used: {problem}", error=type(problem).__name__
            )
    store = ContentStore(disk, settings.file_storage_quota_bytes)
    store.start()
    return store, derived


def _own_presets(settings: Settings) -> tuple[Preset, ...]:
    """The user's presets; none when one of them is wrong, which is told once."""
    try:
        return parse(settings.image_presets or "")
    except ValueError as problem:
        _log.warning("IMAGE_PRESETS=%r is not valid (%s); taking none", settings.image_presets, problem)
        return ()


def _pictures(settings: Settings) -> Pictures:
    """Their children start when the first picture is asked for: one for each core, four at most."""
    return Pictures(start_decoders(min(usable_cores(), _MOST_DECODERS)), ExifToolPreview(_path_teller(settings)))


def _path_teller(settings: Settings) -> Callable[[], str | None]:
    def tell() -> str | None:
        with contextlib.suppress(EngineUnavailable):
            return str(find_exiftool(settings.exiftool_path))
        return None

    return tell


def _version() -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("mediabridge")
    return "unknown"


def attach(app_extensions: dict[str, object], services: Services) -> None:
    """Give an app its services."""
    app_extensions[_EXTENSION] = services


def services() -> Services:
    """The services of the app that answers the current request."""
    return cast("Services", current_app.extensions[_EXTENSION])
