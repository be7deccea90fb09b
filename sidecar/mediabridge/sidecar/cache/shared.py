"""What there is one of in a process: the cache that everybody asks for by `get_enhanced_cache`, and refusals."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .enhanced import EnhancedMetadataCache
from .limits import PROFILES
from .monitor import get_global_monitor

_DEFAULTS = asdict(PROFILES["development"])
_shared: EnhancedMetadataCache | None = None
_lock = threading.Lock()
_log = logging.getLogger(__name__)


def get_enhanced_cache(
    max_memory_entries: int | None = None,
    max_disk_size_mb: int | None = None,
    enable_memory_pressure_monitoring: bool | None = None,
    *,
    path: str | os.PathLike[str] | None = None,
    engine_version: str | None = None,
) -> EnhancedMetadataCache:
    """The cache of this process, made by the first call (100 entries, 50 MB and monitoring unless it says otherwise).

    Later calls get the same one. One that asks for something else replaces it, with the other settings as they were;
    who holds the old one may go on using it, and what is on disk is the same.
    """
    global _shared  # noqa: PLW0603  one per process is what the name promises
    asked = {
        "max_memory_entries": max_memory_entries,
        "max_disk_size_mb": max_disk_size_mb,
        "enable_memory_pressure_monitoring": enable_memory_pressure_monitoring,
        "path": Path(path) if path is not None else None,
        "engine_version": engine_version,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    with _lock:
        if _shared is None:
            _shared = _make({**_DEFAULTS, **given})
        elif any(getattr(_shared, name) != value for name, value in given.items()):
            _log.info("the result cache is made anew with %s", given)
            _shared = _make({**{name: getattr(_shared, name) for name in asked}, **given})
        return _shared


def _make(options: dict[str, Any]) -> EnhancedMetadataCache:
    return EnhancedMetadataCache(**options)


def forget(cache: EnhancedMetadataCache) -> None:
    """Close a cache; when it is the one of this process, the next call makes a new one."""
    global _shared  # noqa: PLW0603
    with _lock:
        if _shared is cache:
            _shared = None
    cache.close()


def refuse_when_critical(size_bytes: int) -> None:
    """Raise `MemoryShort` (503 with Retry-After) for new work of 4 MiB or more while memory is nearly exhausted."""
    get_global_monitor().refuse_when_critical(size_bytes)


def refuse_decoding_when_critical() -> None:
    """Raise `MemoryShort` while memory is nearly exhausted: a few bytes may unfold to hundreds of megabytes."""
    get_global_monitor().refuse_all_when_critical("No picture is decoded now.")
