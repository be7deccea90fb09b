"""What works on stored files, built alike in the sidecar and in the worker, and closed in reverse."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mediabridge.config import Settings

from .ahead import Ahead
from .cache import (
    PROFILES,
    EnhancedMetadataCache,
    ResultCache,
    forget,
    get_enhanced_cache,
    refuse_decoding_when_critical,
)
from .cache.place import default_folder
from .database import Door, url_of
from .deepfake.model.onnx import Detector
from .deepfake.model.service import ModelService
from .events import emit
from .extraction.cores import usable_cores
from .extraction.tools import find_exiftool
from .faults import EngineUnavailable, Fault
from .images import ExifToolPreview, Pictures, Preset, parse, table
from .images import start_pool as start_decoders
from .images.popular import Popular
from .images.shelf import Shelf
from .images.warming import Warmer
from .isolated import Runner
from .jobs.place import folder_of as instance_folder
from .jobs.queue import Queue
from .storage.derived import Derived
from .storage.disk import LocalDisk
from .storage.held import Held
from .storage.place import folder_of, is_same
from .storage.store import ContentStore
from .text import Ocr, Tesseract, Texts, TextShelf, find_tesseract
from .text import start_pool as start_readers
from .video import FFmpeg, Poster, VideoShelf, find_tools

_APART = "derived"
_MOST_DECODERS = 4
_MOST_READERS = 3
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Processing:
    """Stores, what is made from their files, and the queue of work on them."""

    store: ContentStore
    derived: Derived
    shelf: Shelf
    videos: VideoShelf
    texts: TextShelf
    runner: Runner
    cache: EnhancedMetadataCache
    queue: Queue
    ahead: Ahead
    held: Held
    library: Door
    model: ModelService

    @property
    def results(self) -> ResultCache:
        """What was computed once, under keys of `cache.key_of`."""
        return self.cache.results

    def close_processing(self) -> None:
        """End decoders, close the cache, the stores and the queue."""
        self.shelf.close()
        self.texts.close()
        self.queue.close()
        self.library.close()
        self.model.close()
        forget(self.cache)
        self.derived.close()
        self.store.close()


def build_processing(settings: Settings) -> Processing:
    """Build all. Starts no process: each is started when it is first needed."""
    cache = _cache(settings)
    store, derived = _stores(settings)
    queue = Queue(instance_folder(settings.instance_path))
    ffmpeg = FFmpeg(lambda: find_tools(settings.ffmpeg_path))
    pictures = _pictures(settings, Poster(ffmpeg), derived)
    return Processing(
        store=store,
        derived=derived,
        shelf=Shelf(pictures, store, derived, cache.results, table(_own_presets(settings))),
        videos=VideoShelf(ffmpeg, store, derived, cache.results),
        texts=_texts(settings, pictures, store, derived, cache.results),
        runner=Runner(),
        cache=cache,
        queue=queue,
        ahead=Ahead(queue, lambda: _has_ffmpeg(settings)),
        held=Held(instance_folder(settings.instance_path)),
        library=Door(url_of(settings.database_url, instance_folder(settings.instance_path))),
        model=_model(settings, queue),
    )


def build_warmer(settings: Settings, parts: Processing, first_s: float = 30.0) -> Warmer:
    """What has pictures made again that are asked for often. It is started by its caller."""
    popular = Popular(_cache_folder(settings), parts.derived.new_path)

    def missing(content_hash: str, preset: str) -> bool:
        with contextlib.suppress(Fault):  # the original was deleted, or the preset is none any more
            return parts.shelf.peek(content_hash, preset) is None
        return False

    def idle() -> bool:
        figures = parts.queue.figures()
        return figures["pending"] == 0 and figures["workers"] > 0

    def submit(content_hash: str) -> object:
        return parts.ahead.submit("image", content_hash)

    warmer = Warmer(popular, missing, submit, idle, first_s=first_s)
    parts.derived.eviction.evicted = warmer.evicted
    return warmer


def _model(settings: Settings, queue: Queue) -> ModelService:
    """The operator's own model. Retrainings are jobs; one of a domain is waited for by all who ask for one."""

    def launch(domain: str) -> str:
        return queue.submit("retrain", {"domain": domain}, key=f"retrain:{domain}").id

    return ModelService(instance_folder(settings.instance_path), launch, Detector(settings.deepfake_onnx))


def _cache(settings: Settings) -> EnhancedMetadataCache:
    """The cache of this process; its file is opened when it is first used."""
    return get_enhanced_cache(**asdict(PROFILES[settings.cache_profile]), path=_cache_folder(settings))


def _cache_folder(settings: Settings) -> Path:
    """CACHE_PATH. Where originals lie there as well, both have files of the same names, and an eviction would take the
    originals: what is made from them goes into a folder of its own then.
    """
    folder = _configured_cache(settings)
    return folder / _APART if is_same(folder, folder_of(settings.file_storage_path)) else folder


def _configured_cache(settings: Settings) -> Path:
    return Path(settings.cache_path).expanduser() if settings.cache_path else default_folder()


def _stores(settings: Settings) -> tuple[ContentStore, Derived]:
    """Originals and what is made from them, without what dead processes left. A folder that fails is no error here."""
    disk = LocalDisk(folder_of(settings.file_storage_path))
    folder = _cache_folder(settings)
    if folder != _configured_cache(settings):
        _log.warning("CACHE_PATH is the folder of FILE_STORAGE_PATH; what is made from originals goes to %s", folder)
    derived = Derived(folder, settings.cache_files_bytes)
    for name, sweep in (("FILE_STORAGE_PATH", disk.sweep), ("CACHE_PATH", derived.sweep)):
        try:
            if swept := sweep():
                words = f"removed unfinished files of processes that did not end cleanly ({swept}) from {name}"
                emit(_log, logging.WARNING, "storage.swept", words, setting=name, processes=swept)
        except OSError as problem:
            emit(
                _log, logging.ERROR, "storage.failed", f"{name} cannot be used: {problem}", error=type(problem).__name__
            )

    def mended(content_hash: str) -> None:
        with contextlib.suppress(OSError):
            for name in derived.names(content_hash):
                derived.delete(content_hash, name)

    return ContentStore(disk, settings.file_storage_quota_bytes, mended), derived


def _own_presets(settings: Settings) -> tuple[Preset, ...]:
    """The user's presets; none when one of them is wrong, which is told once."""
    try:
        return parse(settings.image_presets or "")
    except ValueError as problem:
        _log.warning("IMAGE_PRESETS=%r is not valid (%s); taking none", settings.image_presets, problem)
        return ()


def most_decoders() -> int:
    """How many pictures are decoded at once."""
    return min(usable_cores(), _MOST_DECODERS)


def _pictures(settings: Settings, poster: Poster, derived: Derived) -> Pictures:
    """Their children start when the first picture is asked for: one for each core, four at most."""
    decoders = start_decoders(most_decoders())
    return Pictures(
        decoders, ExifToolPreview(path_teller(settings)), poster, derived.new_path, refuse_decoding_when_critical
    )


def _texts(
    settings: Settings, pictures: Pictures, store: ContentStore, derived: Derived, results: ResultCache
) -> TextShelf:
    texts = Texts(start_readers(min(usable_cores(), _MOST_READERS)), refuse_decoding_when_critical)
    tesseract = Tesseract(lambda: find_tesseract(settings.tesseract_path))
    return TextShelf(store, derived, results, texts, Ocr(tesseract, texts, pictures, new_path=derived.new_path))


def _has_ffmpeg(settings: Settings) -> bool:
    with contextlib.suppress(EngineUnavailable):
        find_tools(settings.ffmpeg_path)
        return True
    return False


def path_teller(settings: Settings) -> Callable[[], str | None]:
    """Says where ExifTool is, None when it is nowhere."""

    def tell() -> str | None:
        with contextlib.suppress(EngineUnavailable):
            return str(find_exiftool(settings.exiftool_path))
        return None

    return tell
