"""The disk tier by itself: bounded, in the order of use, mended when broken, off when the disk does not work."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.cache.codec import Entry, Key
from mediabridge.sidecar.cache.database import Budget, trouble
from mediabridge.sidecar.cache.disk import DiskTier

MIB = 1024 * 1024
KeyOf = Callable[[object], Key]


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        self.seconds += 0.01
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def disk(tmp_path: Path, clock: Clock) -> Iterator[DiskTier]:
    tier = DiskTier(tmp_path / "results", MIB, clock=clock, wall=clock)
    yield tier
    tier.close()


def entry(number: int, size: int = 100) -> Entry:
    """Bytes that do not compress."""
    return Entry(b"%d " % number + random.Random(number).randbytes(size), float(number))


def database(tier: DiskTier) -> Path:
    (path,) = tier.folder.glob("results-*.db")
    return path


def test_what_was_put_is_there_with_its_cost(disk: DiskTier, key: KeyOf) -> None:
    assert disk.get(key(1)) is None
    assert disk.put(key(1), entry(7))
    assert disk.get(key(1)) == entry(7)
    assert disk.put(key(1), entry(8))
    assert disk.get(key(1)) == entry(8)
    assert disk.count() == 1


def test_files_are_for_this_user_alone(disk: DiskTier, key: KeyOf) -> None:
    disk.put(key(1), entry(1))
    assert disk.folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in disk.folder.iterdir())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=80))
def test_whatever_is_put_is_kept_and_the_files_stay_below_the_limit(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    tier = DiskTier(tmp_path_factory.mktemp("cache"), MIB)
    for number, size in enumerate(sizes):
        assert tier.put(bytes([number]) * 32, entry(number, size))
        assert tier.bytes_on_disk() < MIB
        assert tier.get(bytes([number]) * 32) == entry(number, size)
    tier.close()


def test_the_least_recently_used_goes_first(disk: DiskTier, key: KeyOf) -> None:
    number = 0
    while not disk.stats.evictions:
        disk.put(key(number), entry(number, 10_000))
        if number:
            disk.get(key(0))  # used all the time
        number += 1
    there = [count for count in range(number) if disk.get(key(count))]
    gone = set(range(number)) - set(there)
    assert 0 in there
    assert gone == set(range(1, 1 + len(gone)))  # the oldest of the others, and only those


def test_a_hit_writes_nothing(disk: DiskTier, key: KeyOf) -> None:
    disk.put(key(1), entry(1))
    log = Path(f"{database(disk)}-wal")
    before = log.stat().st_mtime_ns, log.stat().st_size
    for _ in range(100):
        disk.get(key(1))
    assert (log.stat().st_mtime_ns, log.stat().st_size) == before
    disk.flush()
    assert log.stat().st_mtime_ns > before[0]


def test_a_giant_is_not_kept(disk: DiskTier, key: KeyOf) -> None:
    disk.put(key(1), entry(1))
    assert not disk.put(key(2), entry(2, MIB // 8))
    assert (disk.stats.too_large, disk.stats.evictions) == (1, 0)
    assert disk.get(key(1)) is not None


def test_a_damaged_entry_is_removed_and_the_others_stay(disk: DiskTier, key: KeyOf) -> None:
    for number in (1, 2):
        disk.put(key(number), entry(number))
    with contextlib.closing(sqlite3.connect(database(disk), isolation_level=None)) as other:
        other.execute("UPDATE bodies SET blob = zeroblob(50) WHERE id = 1")
    assert disk.get(key(1)) is None
    assert disk.get(key(2)) == entry(2)
    assert (disk.count(), disk.stats.damaged, disk.stats.repairs) == (1, 1, 0)


def test_a_generation_that_a_crash_has_left_is_removed(disk: DiskTier, key: KeyOf) -> None:
    disk.put(key(1), entry(1))
    disk.close()
    shutil.copy(database(disk), disk.folder / "results-7.db")
    assert disk.get(key(1)) == entry(1)
    assert database(disk).name == "results-7.db"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200_000), st.binary(min_size=1, max_size=300)), min_size=1, max_size=6))
def test_whatever_bytes_are_in_the_file_nothing_raises_and_nothing_wrong_comes_out(
    tmp_path_factory: pytest.TempPathFactory, strokes: list[tuple[int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    first = DiskTier(folder, MIB)
    for number in range(40):
        first.put(bytes([number]) * 32, entry(number, 3000))
    first.close()
    with database(first).open("r+b") as file:
        for place, stroke in strokes:
            file.seek(place)
            file.write(stroke)
    second = DiskTier(folder, MIB)
    for number in range(40):
        found = second.get(bytes([number]) * 32)
        assert found is None or found.body == entry(number, 3000).body
        second.put(bytes([number + 40]) * 32, entry(number, 3000))
    assert second.on
    second.count()
    second.close()


@pytest.mark.parametrize("how", ["garbage", "cut", "foreign", "empty tables", "middle", "schema"])
def test_a_broken_file_is_begun_anew(tmp_path: Path, key: KeyOf, how: str) -> None:
    first = DiskTier(tmp_path, MIB)
    for number in range(60):
        first.put(key(number), entry(number, 5000))
    first.close()
    path = database(first)
    if how == "garbage":
        path.write_bytes(random.Random(1).randbytes(20_000))
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:100_000])
    elif how == "schema":  # SQLite's message repeats these bytes, which are no UTF-8
        path.write_bytes(path.read_bytes().replace(b"key BLOB NOT NULL", b"key BLO\x98 N\xffT NULL"))
    elif how == "middle":
        whole = path.read_bytes()
        path.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    else:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA user_version=99" if how == "foreign" else "DROP TABLE bodies")
    second = DiskTier(tmp_path, MIB)
    for number in range(60, 120):
        second.put(key(number), entry(number, 5000))
    assert second.get(key(119)) == entry(119, 5000)
    assert second.on
    with contextlib.closing(sqlite3.connect(database(second))) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    second.close()


def test_a_folder_that_is_removed_while_it_is_used_is_made_again(disk: DiskTier, key: KeyOf) -> None:
    disk.put(key(1), entry(1))
    shutil.rmtree(disk.folder)
    assert disk.get(key(1)) is None
    assert disk.put(key(2), entry(2))
    assert disk.get(key(2)) == entry(2)


def test_a_file_that_a_larger_limit_has_left_is_begun_anew(tmp_path: Path, key: KeyOf) -> None:
    large = DiskTier(tmp_path, 8 * MIB)
    for number in range(150):
        large.put(key(number), entry(number, 15_000))
    assert large.bytes_on_disk() > MIB
    small = DiskTier(tmp_path, MIB)
    assert small.get(key(149)) is None
    assert small.put(key(1), entry(1))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < MIB
    assert large.get(key(1)) == entry(1)  # who had the old one open goes on with the new
    assert small.stats.repairs == 0
    small.close()
    large.close()


def test_another_writer_costs_an_entry_and_not_an_error(disk: DiskTier, key: KeyOf) -> None:
    disk.put(key(1), entry(1))
    with contextlib.closing(sqlite3.connect(database(disk), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not disk.put(key(2), entry(2))
        assert disk.get(key(1)) == entry(1)
        other.execute("ROLLBACK")
    assert disk.stats.busy == 1
    assert disk.put(key(2), entry(2))


def test_a_folder_that_cannot_be_made_turns_it_off_with_one_warning_until_it_can(
    tmp_path: Path, key: KeyOf, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    tier = DiskTier(tmp_path / "file" / "results", MIB, clock=clock, wall=clock)
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            assert not tier.put(key(number), entry(number))
            assert tier.get(key(number)) is None
            clock.seconds += 70
    assert sum("without its disk" in record.message for record in caplog.records) == 1
    assert tier.stats.turned_off == 5
    assert tier.reason
    (tmp_path / "file").unlink()
    clock.seconds += 70
    assert tier.put(key(9), entry(9))
    assert (tier.on, tier.reason) == (True, None)
    tier.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_turns_it_off(tiny_disk: Path, key: KeyOf, clock: Clock) -> None:
    tier = DiskTier(tiny_disk, 50 * MIB, clock=clock, wall=clock)
    kept = [tier.put(key(number), entry(number, 20_000)) for number in range(20)]
    assert kept[0]
    assert not kept[-1]
    assert (tier.on, tier.stats.turned_off) == (False, 1)
    assert "full" in (tier.reason or "")
    tier.close()


def test_a_read_only_disk_turns_it_off(tiny_disk: Path, key: KeyOf) -> None:
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    tier = DiskTier(tiny_disk, 50 * MIB)
    assert not tier.put(key(1), entry(1))
    assert tier.get(key(1)) is None
    assert (tier.on, tier.stats.turned_off) == (False, 1)
    tier.close()


@pytest.mark.parametrize(
    ("code", "means"),
    [
        (5, "busy"), (517, "busy"), (11, "damaged"), (26, "damaged"), (13, "full"), (10, "unusable"), (8, "unusable"),
        (14, "unusable"), (0, "unusable"),
    ],
)  # fmt: skip
def test_errors_of_sqlite_are_told_apart(code: int, means: str) -> None:
    problem = sqlite3.OperationalError()
    if code:
        problem.sqlite_errorcode = code
    assert trouble(problem) == means


@given(st.integers(0, 1 << 40))
def test_all_that_a_budget_gives_out_is_less_than_its_limit(limit: int) -> None:
    budget = Budget(limit)
    most = budget.most_pages * 4096 + budget.most_log + 2 * budget.largest
    assert most + most // 500 <= max(limit, MIB)
