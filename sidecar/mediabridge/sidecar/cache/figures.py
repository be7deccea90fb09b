"""The figures of a cache as JSON objects, under the names that its users' dashboards read."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .disk import DiskTier
from .limits import MIB
from .results import ResultCache


def stats(cache: ResultCache, uncovered: int, pressure: dict[str, Any]) -> dict[str, Any]:
    """One flat object. `uncovered`: entries that were found, but hold less than the tier that asked may see."""
    counts, memory, disk = cache.counts, cache.tiers.memory, cache.tiers.disk
    hits, misses = counts.hits - uncovered, counts.misses + uncovered
    entries, size = (disk.count(), disk.bytes_on_disk()) if disk is not None else (0, 0)
    return {
        "hits": hits,
        "misses": misses,
        "total_requests": hits + misses,
        "hit_rate_percent": round(100 * hits / (hits + misses), 2) if hits + misses else 0.0,
        "memory_hits": counts.memory_hits,
        "disk_hits": counts.disk_hits,
        "shared_hits": counts.shared,
        "failed": counts.failed,
        "memory_entries": len(memory),
        "memory_size_mb": round(memory.size_bytes / MIB, 3),
        "max_memory_entries": cache.limits.max_memory_entries,
        "disk_enabled": disk is not None and disk.on,
        "disk_entries": entries,
        "disk_size_mb": round(size / MIB, 3),
        "max_disk_size_mb": cache.limits.max_disk_size_mb,
        "evictions": counts.evictions + counts.pressure_evictions + (disk.stats.evictions if disk is not None else 0),
        "pressure_evictions": counts.pressure_evictions,
        "pressure_events": counts.pressure_events,
        "adaptive_adjustments": counts.adjustments,
        "extraction_time_saved_ms": round(counts.saved_ms, 1),
        "memory_pressure": pressure,
    }


def details(cache: ResultCache, pressure: dict[str, Any]) -> dict[str, Any]:
    """Each tier by itself."""
    disk = cache.tiers.disk
    return {
        "memory": _memory(cache),
        "disk": _disk(disk, cache.limits.max_disk_size_mb) if disk is not None else None,
        "computing": cache.under_way,
        "memory_pressure": pressure,
    }


def memory(cache: ResultCache, pressure: dict[str, Any]) -> dict[str, Any]:
    """The memory tier beside the memory of the system."""
    return {"cache": _memory(cache), "memory_pressure": pressure}


def _disk(disk: DiskTier, limit_mb: int) -> dict[str, Any]:
    entries, size = disk.count(), disk.bytes_on_disk()  # first: they find out whether the disk works
    return {
        "path": str(disk.folder),
        "enabled": disk.on,
        "reason": disk.reason,
        "entries": entries,
        "size_mb": round(size / MIB, 3),
        "max_size_mb": limit_mb,
        **asdict(disk.stats),
    }


def _memory(cache: ResultCache) -> dict[str, Any]:
    tier = cache.tiers.memory
    entries, size = tier.bounds
    return {
        "entries": len(tier),
        "size_mb": round(tier.size_bytes / MIB, 3),
        "max_entries": entries,
        "max_size_mb": round(size / MIB, 3),
        "pressure_level": cache.level.name,
    }
