"""Everything that lives as long as the process: built once, closed in reverse."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import cast

from flask import current_app

from mediabridge.config import LargestBody, Settings

from .bodies import Bodies
from .cache import refuse_when_critical
from .deepfake.analyst import Analyst
from .deepfake.build import build_analyst, tell_of_detector
from .deepfake.model.operators import Operators
from .extraction.answer import Gone, Subject
from .extraction.engine import NAME, Engine, Wear
from .extraction.extract import Extractor, Reading
from .extraction.fallback import BuiltinExtractor
from .extraction.health import SAMPLE
from .extraction.pool import start_pool
from .extraction.reader import Reader
from .extraction.stored import CachedExtractor, version_of
from .forms import Forms
from .guard import Guard
from .images.warming import Warmer
from .library.export.roots import roots_of as export_roots_of
from .library.importing.roots import roots_of
from .limits import MIB, Tiers, tiers
from .processing import Processing, build_processing, build_warmer, path_teller
from .raw import RawBodies
from .storage.scratch import Scratch

_EXTENSION = "mediabridge.sidecar"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """What the bridge says about this start: its token, and the nonce that proves that this very launch answers."""

    token: str | None = None
    nonce: str | None = None


@dataclass(slots=True, kw_only=True)
class Services(Processing):
    """The parts that requests use. `uptime_s` counts from `started`."""

    guard: Guard
    tiers: Tiers
    max_bytes: int
    largest_body: LargestBody
    scratch: Scratch
    forms: Forms
    bodies: Bodies
    engine: Engine
    reader: Reader
    analyst: Analyst
    operators: Operators
    warmer: Warmer
    import_roots: tuple[Path, ...]
    export_roots: tuple[str, ...]
    health_sample: Path
    health_timeout_s: float
    exiftool_path: Callable[[], str | None]
    nonce: str | None = None
    version: str = "unknown"
    stopping: threading.Event = field(default_factory=threading.Event)  # what would go on without end ends then
    started: float = field(default_factory=time.monotonic)

    @property
    def uptime_s(self) -> float:
        """Seconds since the services were built."""
        return time.monotonic() - self.started

    def read(self, file: Subject, gone: Gone | None = None) -> tuple[Reading, bool]:
        """How every route reads a file, and whether the reading was there already. Raises a `Fault`."""
        return self.reader.read(file, gone)

    def close(self, timeout_s: float = 1.0) -> None:
        """Stop ExifTool, close the cache and the stores, then remove the temporary files."""
        self.warmer.close()
        self.analyst.close()
        self.engine.close(timeout_s)
        self.close_processing()
        self.scratch.close()


def build(settings: Settings, launch: Launch | None = None, *, scratch_base: Path | None = None) -> Services:
    """Build and start all services. ExifTool starts in the background; that it is missing is no error here."""
    launch = launch or Launch()
    scratch = Scratch(scratch_base)
    wear = Wear(settings.extract_recycle_files, settings.extract_recycle_mb * MIB)
    engine = start_pool(settings.exiftool_path, settings.extract_processes, wear)
    if scratch.swept:
        _log.warning("removed temporary files of processes that did not end cleanly (%d)", scratch.swept)
    processing = build_processing(settings)
    tell_of_detector(settings.deepfake_onnx)
    processing.store.start()
    processing.library.prepare()
    warmer = build_warmer(settings, processing)
    warmer.start()
    forms = Forms(scratch, settings.extract_max_bytes, settings.largest_body("", ""), refuse_when_critical)
    extractor = Extractor(engine, settings.extract_timeout_s)
    reader = Reader(
        CachedExtractor(extractor, processing.results, NAME, version_of(engine)),
        BuiltinExtractor(processing.runner, settings.extract_timeout_s),
    )
    return Services(
        **{each.name: getattr(processing, each.name) for each in fields(processing)},
        guard=Guard(launch.token, settings.flask_host),
        tiers=tiers(settings.tier_sizes),
        max_bytes=settings.extract_max_bytes,
        largest_body=settings.largest_body,
        scratch=scratch,
        forms=forms,
        bodies=Bodies(forms, RawBodies(processing.store, settings.extract_max_bytes, refuse_when_critical)),
        engine=engine,
        reader=reader,
        operators=Operators(settings.deepfake_operator_token),
        analyst=build_analyst(
            reader.read,
            processing.results,
            processing.model,
            trust_anchors=settings.deepfake_trust_anchors,
            ffmpeg_path=settings.ffmpeg_path,
        ),
        warmer=warmer,
        import_roots=roots_of(settings.import_roots),
        export_roots=export_roots_of(settings.export_roots),
        health_sample=scratch.keep("sample.gif", SAMPLE),
        health_timeout_s=settings.extract_health_timeout_s,
        exiftool_path=path_teller(settings),
        nonce=launch.nonce,
        version=_version(),
    )


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
