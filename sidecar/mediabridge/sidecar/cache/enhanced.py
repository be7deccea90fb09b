"""The cache as its users know it: metadata by path and tier. A shell around `ResultCache`, which does the work."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from mediabridge.sidecar.limits import DEFAULT_TIER, NAMES, Tier, find_tier, tiers

from . import figures
from .codec import Key, key_of
from .covering import covers, visible
from .hashing import ContentHashes, Signature
from .levels import MemoryStats, PressureLevel
from .limits import Limits
from .monitor import MemoryPressureMonitor, get_global_monitor
from .place import default_folder
from .results import ResultCache

_MISSES = 1024  # of which it is remembered what the file was
_TIERS = tiers(dict.fromkeys(NAMES, 1 << 62))  # sizes do not matter here, only who sees what
_log = logging.getLogger(__name__)

Metadata = dict[str, Any]


class EnhancedMetadataCache:
    """Metadata of files by their content: a copy of a file, or the same file under another name, is found again.

    Kept once for all tiers: what was put for a tier serves every tier that sees no more, each with its own part.
    `engine_version` says what the metadata is made by; another version finds none of it. `path` is the folder that all
    processes share (default: below the user's data folder). Nothing here raises because of a disk or of a file.
    """

    def __init__(
        self,
        max_memory_entries: int = 100,
        max_disk_size_mb: int = 50,
        enable_memory_pressure_monitoring: bool = True,
        *,
        path: str | os.PathLike[str] | None = None,
        engine_version: str = "unknown",
        monitor: MemoryPressureMonitor | None = None,
    ) -> None:
        self.max_memory_entries = max_memory_entries
        self.max_disk_size_mb = max_disk_size_mb
        self.enable_memory_pressure_monitoring = enable_memory_pressure_monitoring
        self.path = Path(path) if path is not None else default_folder()
        self.engine_version = engine_version
        self.results = ResultCache(Limits(max_memory_entries, max_disk_size_mb), self.path)
        self._given_monitor = monitor
        self._heard: MemoryPressureMonitor | None = None
        self._hashes = ContentHashes()
        self._missed: OrderedDict[Path, Signature] = OrderedDict()
        self._lock = threading.Lock()
        self._uncovered = 0
        self._listen()

    def get(self, path: str | os.PathLike[str], tier: str = DEFAULT_TIER, options: object = None) -> Metadata | None:
        """What `tier` sees of the metadata of a file with this content, or None. Raises `InvalidRequest` for the tier.

        `options` (JSON-able) says with which options it is extracted.
        """
        wanted, file = find_tier(_TIERS, tier), Path(path)
        try:
            hashed = self._hashes.of(file)
        except OSError as problem:
            _log.debug("%s is not looked up: %s", file, problem)
            return None
        found = self.results.get(self._key(hashed.sha256, options))
        if found is not None and covers(_TIERS[found["tier"]], wanted):
            return visible(found["metadata"], wanted)
        with self._lock:
            self._uncovered += found is not None
            self._missed[file] = hashed.signature
            while len(self._missed) > _MISSES:
                self._missed.popitem(last=False)
        return None

    def put(
        self,
        path: str | os.PathLike[str],
        metadata: Metadata,
        tier: str = DEFAULT_TIER,
        extraction_time_ms: float = 0.0,
        options: object = None,
    ) -> bool:
        """Keep what `tier` sees of the file. False when it is not kept: no file, no JSON, or changed since `get`."""
        made_for, file = find_tier(_TIERS, tier), Path(path)
        self._listen()
        try:
            hashed = self._hashes.of(file)
        except OSError as problem:
            _log.debug("%s is not cached: %s", file, problem)
            return False
        with self._lock:
            missed = self._missed.pop(file, hashed.signature)
        if missed != hashed.signature:
            return False  # the metadata may be that of the content before
        return self._keep(self._key(hashed.sha256, options), metadata, made_for, extraction_time_ms)

    def _keep(self, key: Key, metadata: Metadata, made_for: Tier, cost_ms: float) -> bool:
        known = self.results.peek(key)
        if known is not None and not covers(made_for, _TIERS[known["tier"]]):
            return True  # there is more of it already
        try:
            self.results.put(key, {"tier": made_for.name, "metadata": metadata}, cost_ms)
        except (TypeError, ValueError, RecursionError) as problem:
            _log.warning("metadata is not cached because it is no JSON: %s", problem)
            return False
        return True

    def get_stats(self) -> dict[str, Any]:
        """Figures of this process, and the size of the disk tier, which is that of all."""
        return figures.stats(self.results, self._uncovered, self._summary())

    def get_detailed_info(self) -> dict[str, Any]:
        """Each tier with its limits, place and troubles."""
        return figures.details(self.results, self._summary())

    def get_memory_status(self) -> dict[str, Any]:
        """What the cache takes of memory, and how scarce memory is."""
        return figures.memory(self.results, self._summary())

    def close(self) -> None:
        """Write down what was used, and close the file; the cache may be used again."""
        if self._heard is not None:
            for level in PressureLevel:
                self._heard.unregister_pressure_callback(level, self._on_pressure)
            self._heard = None
        self.results.close()

    def _key(self, sha256: str, options: object) -> Key:
        return key_of(sha256, engine="metadata", version=self.engine_version, options=[options])

    def _monitor(self) -> MemoryPressureMonitor | None:
        if not self.enable_memory_pressure_monitoring:
            return None
        return self._given_monitor or get_global_monitor()

    def _listen(self) -> None:
        """Hear of pressure. In a forked child there is another monitor."""
        monitor = self._monitor()
        if monitor is None or monitor is self._heard:
            return
        self._heard = monitor
        for level in PressureLevel:
            monitor.register_pressure_callback(level, self._on_pressure)
        self.results.relieve(monitor.get_current_stats().pressure_level)

    def _on_pressure(self, stats: MemoryStats) -> None:
        gone = self.results.relieve(stats.pressure_level)
        if gone:
            _log.info("memory pressure is %s: %d results left memory", stats.pressure_level.name, gone)

    def _summary(self) -> dict[str, Any]:
        monitor = self._monitor()
        return monitor.get_summary() if monitor is not None else {"status": "off"}
