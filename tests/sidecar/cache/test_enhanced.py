"""The cache under the names that its users know: by path and tier, filtered on the way out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.cache import EnhancedMetadataCache, MemoryPressureMonitor, forget, get_enhanced_cache
from mediabridge.sidecar.cache.covering import covers, visible
from mediabridge.sidecar.cache.hashing import ContentHashes
from mediabridge.sidecar.cache.levels import MIB, Bound, Readings
from mediabridge.sidecar.faults import InvalidRequest
from mediabridge.sidecar.limits import Tier

METADATA = {
    "File": {"FileType": "JPEG"},
    "EXIF": {"Make": "Canon"},
    "MakerNotes": {"SerialNumber": 7},
    "GPS": {"GPSLatitude": "41 N"},
    "Composite": {"Aperture": 2.8, "GPSPosition": "41 N 12 E"},
}
GROUPS = ["File", "EXIF", "MakerNotes", "GPS", "XMP"]


class Machine:
    percent = 10

    def __call__(self) -> Readings:
        return Readings((Bound("system", 1000 * MIB, self.percent * 10 * MIB),))


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def monitor(machine: Machine) -> MemoryPressureMonitor:
    return MemoryPressureMonitor(read=machine)


@pytest.fixture
def cache(tmp_path: Path, monitor: MemoryPressureMonitor) -> Iterator[EnhancedMetadataCache]:
    made = EnhancedMetadataCache(path=tmp_path / "cache", engine_version="13.0", monitor=monitor)
    yield made
    made.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a photo")
    return path


def test_what_was_put_is_there_under_every_name_and_place_of_the_same_content(
    cache: EnhancedMetadataCache, photo: Path, tmp_path: Path
) -> None:
    assert cache.get(str(photo), "forensic") is None
    assert cache.put(str(photo), METADATA, "forensic", 41.5)
    copy = tmp_path / "copy.jpeg"
    copy.write_bytes(photo.read_bytes())
    assert cache.get(photo, "forensic") == cache.get(copy, "enterprise") == METADATA
    photo.write_bytes(b"another photo")
    assert cache.get(photo, "forensic") is None
    stats = cache.get_stats()
    assert (stats["hits"], stats["misses"], stats["hit_rate_percent"]) == (2, 2, 50.0)
    assert stats["extraction_time_saved_ms"] == 83.0


def test_each_tier_sees_its_part_of_one_entry(cache: EnhancedMetadataCache, photo: Path) -> None:
    cache.put(photo, METADATA)
    assert cache.get(photo, "enterprise") == METADATA
    premium, free = cache.get(photo, "premium"), cache.get(photo, "free")
    assert premium == {"File": METADATA["File"], "EXIF": METADATA["EXIF"], "Composite": {"Aperture": 2.8}}
    assert free == premium
    assert cache.get_stats()["disk_entries"] == 1


def test_what_was_made_for_a_lower_tier_is_not_given_to_a_higher_one(cache: EnhancedMetadataCache, photo: Path) -> None:
    free = {"EXIF": METADATA["EXIF"]}
    cache.put(photo, free, "free")
    assert cache.get(photo, "free") == free
    assert cache.get(photo, "premium") is None
    assert cache.get_stats()["hit_rate_percent"] == 50.0
    cache.put(photo, METADATA, "enterprise")
    cache.put(photo, free, "free")  # must not take away what is there
    assert cache.get(photo, "enterprise") == METADATA


def test_metadata_without_groups_comes_back_as_it_was(cache: EnhancedMetadataCache, photo: Path) -> None:
    metadata = {"tags": ["test"], "format": "image", "size": 3, "nothing": None}
    cache.put(photo, metadata)
    assert cache.get(photo) == metadata
    assert cache.get(photo, "free") == {}


def test_another_version_or_other_options_find_nothing(
    cache: EnhancedMetadataCache, photo: Path, tmp_path: Path, monitor: MemoryPressureMonitor
) -> None:
    cache.put(photo, METADATA, options={"fast": True})
    assert cache.get(photo) is None
    assert cache.get(photo, options={"fast": True}) == METADATA
    newer = EnhancedMetadataCache(path=tmp_path / "cache", engine_version="13.1", monitor=monitor)
    assert newer.get(photo, options={"fast": True}) is None
    newer.close()


def test_a_file_that_changed_since_it_was_looked_up_is_not_kept(cache: EnhancedMetadataCache, photo: Path) -> None:
    assert cache.get(photo) is None
    photo.write_bytes(b"changed while it was read")
    assert not cache.put(photo, METADATA)
    assert cache.get(photo) is None
    assert cache.put(photo, METADATA)


def test_no_file_and_no_json_are_no_errors(cache: EnhancedMetadataCache, photo: Path, tmp_path: Path) -> None:
    assert cache.get(tmp_path / "none") is None
    assert not cache.put(tmp_path / "none", METADATA)
    assert cache.get(tmp_path) is None
    assert not cache.put(photo, {"bytes": b"x"})
    with pytest.raises(InvalidRequest, match="golden"):
        cache.get(photo, "golden")


def test_pressure_takes_memory_away_and_gives_it_back(
    cache: EnhancedMetadataCache, machine: Machine, monitor: MemoryPressureMonitor, tmp_path: Path
) -> None:
    for number in range(10):
        path = tmp_path / str(number)
        path.write_text(str(number))
        cache.put(path, {"EXIF": {"Number": number}})
    machine.percent = 97
    monitor.sample()
    stats = cache.get_stats()
    assert (stats["memory_entries"], stats["pressure_evictions"], stats["pressure_events"]) == (0, 10, 1)
    assert stats["memory_pressure"]["system"]["percent"] == 97
    assert cache.get_memory_status()["cache"]["pressure_level"] == "CRITICAL"
    assert cache.get(tmp_path / "3") == {"EXIF": {"Number": 3}}
    machine.percent = 10
    monitor.sample()
    cache.get(tmp_path / "3")
    assert cache.get_memory_status()["cache"]["entries"] == 1


def test_all_figures_are_json(cache: EnhancedMetadataCache, photo: Path) -> None:
    cache.put(photo, METADATA)
    for figures in (cache.get_stats(), cache.get_detailed_info(), cache.get_memory_status()):
        json.dumps(figures, allow_nan=False)
    info = cache.get_detailed_info()
    assert (info["memory"]["entries"], info["disk"]["entries"], info["disk"]["enabled"]) == (1, 1, True)


def test_there_is_one_cache_in_a_process(tmp_path: Path) -> None:
    first = get_enhanced_cache(
        max_memory_entries=500, max_disk_size_mb=200, enable_memory_pressure_monitoring=True, path=tmp_path
    )
    assert get_enhanced_cache() is first
    assert get_enhanced_cache(max_memory_entries=500) is first
    second = get_enhanced_cache(max_memory_entries=7)
    assert second is not first
    assert (second.max_memory_entries, second.max_disk_size_mb, second.path) == (7, 200, tmp_path)
    forget(first)
    assert get_enhanced_cache() is second
    forget(second)


def test_without_monitoring_it_says_so(tmp_path: Path) -> None:
    cache = EnhancedMetadataCache(enable_memory_pressure_monitoring=False, path=tmp_path)
    assert cache.get_stats()["memory_pressure"] == {"status": "off"}
    cache.close()


TIERS = st.builds(
    lambda only, locked: Tier("t", 1, only, locked),
    st.none() | st.frozensets(st.sampled_from(GROUPS)),
    st.frozensets(st.sampled_from(GROUPS)),
)
TABLES = st.dictionaries(
    st.sampled_from([*GROUPS, "Comment"]),
    st.dictionaries(st.sampled_from(["Make", "GPSLatitude", "Size"]), st.integers(), min_size=1) | st.integers(),
)


@given(TIERS, TIERS, TABLES)
def test_a_tier_gets_the_same_from_a_wider_one_as_from_everything(
    wide: Tier, narrow: Tier, metadata: dict[str, Any]
) -> None:
    assert covers(wide, wide)
    if covers(wide, narrow):
        assert visible(visible(metadata, wide), narrow) == visible(metadata, narrow)


@given(TIERS, TABLES)
def test_what_a_tier_sees_is_in_the_order_of_the_whole(tier: Tier, metadata: dict[str, Any]) -> None:
    seen = visible(metadata, tier)
    assert list(seen) == [name for name in metadata if name in seen]
    assert all(tier.shows(name) for name in seen)
    if not tier.shows("GPS"):
        assert "GPSLatitude" not in json.dumps(seen)


def test_a_hash_is_remembered_only_for_a_file_that_has_settled(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    times = path.stat()
    for settled in (False, True):
        hashes = ContentHashes(now=lambda later=10 if settled else 0: times.st_ctime + later)  # type: ignore[misc]
        first = hashes.of(path)
        assert (first.signature in hashes._known) == settled
        assert hashes.of(path) == first
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the size and the time of before
    assert hashes.of(path).sha256 != first.sha256
