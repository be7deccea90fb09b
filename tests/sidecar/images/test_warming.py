"""What is asked for most is counted by all processes together, and made again when it is missing."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import jpeg, scene

from mediabridge.config import load
from mediabridge.sidecar import faults
from mediabridge.sidecar.images.popular import MOST, NAME, Popular, merged
from mediabridge.sidecar.images.warming import Warmer
from mediabridge.sidecar.jobs.bell import Bell
from mediabridge.sidecar.jobs.place import folder_of
from mediabridge.sidecar.processing import build_processing, build_warmer
from mediabridge.sidecar.storage.own import take_lock
from mediabridge.sidecar.storage.record import Label

HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(3 * MOST)]
KEYS = st.tuples(st.sampled_from(HASHES[:4]), st.sampled_from(["thumbnail", "preview"]))


@pytest.fixture
def popular(tmp_path: Path) -> Callable[..., Popular]:
    numbers = itertools.count()

    def made(now: Callable[[], float] = lambda: 1000.0) -> Popular:
        return Popular(tmp_path / "cache", lambda: tmp_path / f"new-{next(numbers)}", now)

    return made


def test_counts_of_several_processes_add_up(popular: Callable[..., Popular]) -> None:
    one, other = popular(), popular()
    for each, content_hash, times in ((one, HASHES[0], 3), (other, HASHES[1], 2), (other, HASHES[0], 2)):
        for _ in range(times):
            each.note(content_hash, "thumbnail")
    one.flush()
    other.flush()
    one.flush()
    assert popular().top(5) == [(HASHES[0], "thumbnail"), (HASHES[1], "thumbnail")]
    assert popular().top(1) == [(HASHES[0], "thumbnail")]


def test_while_another_writes_nothing_is_lost(popular: Callable[..., Popular], tmp_path: Path) -> None:
    one = popular()
    one.note(HASHES[0], "thumbnail")
    (tmp_path / "cache").mkdir()
    lock = take_lock((tmp_path / "cache" / NAME).with_suffix(".lock"))
    one.flush()
    assert one.top(1) == []
    os.close(lock)
    one.flush()
    assert one.top(1) == [(HASHES[0], "thumbnail")]


def test_old_counts_fade(popular: Callable[..., Popular]) -> None:
    then, now = popular(lambda: 0.0), popular(lambda: 2 * 24 * 3600.0)
    for _ in range(7):
        then.note(HASHES[0], "thumbnail")
    then.flush()
    for _ in range(2):
        now.note(HASHES[1], "thumbnail")
    now.flush()
    assert now.top(1) == [(HASHES[1], "thumbnail")]


def test_memory_and_file_are_bounded(popular: Callable[..., Popular], tmp_path: Path) -> None:
    one = popular()
    for _ in range(3):
        one.note(HASHES[0], "preview")
    for content_hash in HASHES:
        one.note(content_hash, "thumbnail")
    assert len(one._fresh) <= 2 * MOST
    one.flush()
    assert one.top(1) == [(HASHES[0], "preview")]
    assert len(one.top(10 * MOST)) == MOST
    assert (tmp_path / "cache" / NAME).stat().st_size < 200 * MOST


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"at": 1, "counts": [["x", "y", 1]]}', b'{"counts": 5, "at": "x"}']
)
def test_a_broken_file_is_begun_anew(popular: Callable[..., Popular], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / NAME).write_bytes(content)
    one = popular()
    assert one.top(5) == []
    one.note(HASHES[0], "thumbnail")
    one.flush()
    assert one.top(5) == [(HASHES[0], "thumbnail")]


@given(st.dictionaries(KEYS, st.floats(0.01, 1e6)), st.floats(-10, 1e7), st.dictionaries(KEYS, st.integers(1, 1000)))
def test_merging(old: dict[Any, float], age_s: float, fresh: dict[Any, int]) -> None:
    found = merged(old, age_s, fresh)
    assert set(fresh) <= set(found) <= set(old) | set(fresh)
    for key, count in found.items():
        assert fresh.get(key, 0) <= count <= old.get(key, 0) + fresh.get(key, 0)


class Queue:
    """What is submitted here is made at once, when `makes`."""

    def __init__(self, *missing: str) -> None:
        self.missing, self.submitted, self.busy = set(missing), list[str](), threading.Event()

    def submit(self, content_hash: str) -> None:
        self.submitted.append(content_hash)
        self.missing.discard(content_hash)

    def warmer(self, popular: Popular, **more: Any) -> Warmer:
        times = {"first_s": 0.0, "poll_s": 0.005, **more}
        return Warmer(popular, lambda one, _: one in self.missing, self.submit, lambda: not self.busy.is_set(), **times)


@pytest.fixture
def started() -> Iterator[list[Warmer]]:
    warmers: list[Warmer] = []
    yield warmers
    for warmer in warmers:
        warmer.close()


def counted(popular: Popular, **times: int) -> Popular:
    for name, count in times.items():
        for _ in range(count):
            popular.note(HASHES[int(name[1:])], "thumbnail")
            popular.note(HASHES[int(name[1:])], "preview")
    popular.flush()
    return popular


def test_the_most_asked_that_are_missing_are_queued_in_turn(
    popular: Callable[..., Popular], started: list[Warmer], until: Any
) -> None:
    queue = Queue(HASHES[0], HASHES[2], HASHES[3])
    started.append(queue.warmer(counted(popular(), h0=1, h1=9, h2=5, h3=2), most=6))
    started[0].start()
    until(lambda: len(queue.submitted) == 2)
    until(lambda: started[0]._left == [])
    assert queue.submitted == [HASHES[2], HASHES[3]]  # the other is not among the first


def test_nothing_is_queued_while_others_wait(
    popular: Callable[..., Popular], started: list[Warmer], until: Any
) -> None:
    queue = Queue(HASHES[0])
    queue.busy.set()
    started.append(queue.warmer(counted(popular(), h0=1)))
    started[0].start()
    until(lambda: started[0]._left)
    assert queue.submitted == []
    queue.busy.clear()
    until(lambda: queue.submitted == [HASHES[0]])


def test_an_eviction_brings_another_round(popular: Callable[..., Popular], started: list[Warmer], until: Any) -> None:
    queue = Queue()
    started.append(queue.warmer(counted(popular(), h0=1), again_s=0.05))
    started[0].start()
    until(lambda: not started[0]._wanted)
    queue.missing.add(HASHES[0])
    started[0].evicted()
    until(lambda: queue.submitted == [HASHES[0]])


def test_a_queue_that_fails_ends_the_round(popular: Callable[..., Popular], started: list[Warmer], until: Any) -> None:
    queue = Queue(HASHES[0], HASHES[1])

    def full(content_hash: str) -> None:
        queue.submitted.append("asked")
        raise faults.QueueFull("full")

    queue.submit = full  # type: ignore[method-assign]
    started.append(queue.warmer(counted(popular(), h0=1, h1=1)))
    started[0].start()
    until(lambda: queue.submitted and not started[0]._left)
    assert queue.submitted == ["asked"]
    assert started[0]._thread.is_alive()


def test_after_a_start_what_is_asked_for_often_is_made_by_jobs(tmp_path: Path, until: Any) -> None:
    settings, _ = load({f"{name}_PATH": str(tmp_path / name) for name in ("FILE_STORAGE", "CACHE", "INSTANCE")})
    parts = build_processing(settings)
    incoming = parts.store.accept(Label("a.jpg"), 10**6, None)
    incoming.write(jpeg(scene(1)))
    content_hash = parts.store.keep(incoming).record.content_hash
    incoming.close()
    kept = parts.shelf.get(content_hash, "thumbnail")
    first = build_warmer(settings, parts)
    first.note(content_hash, "thumbnail")
    first.note(content_hash, "unknown")
    first.note(HASHES[0], "thumbnail")  # was deleted
    first.close()
    bell = Bell(folder_of(settings.instance_path))  # a worker lives
    kept.path.unlink()
    second = build_warmer(settings, parts, first_s=0.0)
    second.start()
    (job,) = until(parts.queue.listed)
    assert (job.kind, job.payload["contentHash"]) == ("image", content_hash)
    second.close()
    bell.close()
    parts.close_processing()
