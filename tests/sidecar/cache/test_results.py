"""The result cache in one process: computed once, never aliased, errors not kept."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.cache import Limits, PressureLevel, ResultCache
from mediabridge.sidecar.cache.codec import Key, Value
from mediabridge.sidecar.faults import ClientGone

from .conftest import fork

KeyOf = Callable[[object], Key]


@pytest.fixture(params=["memory", "disk", "both"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ResultCache]:
    entries = 0 if request.param == "disk" else 100
    made = ResultCache(Limits(entries, 10), None if request.param == "memory" else tmp_path)
    yield made
    made.close()


def never() -> Value:
    pytest.fail("it was computed again")


def test_what_was_computed_is_found_again(cache: ResultCache, key: KeyOf) -> None:
    assert cache.get_or_compute(key("a"), lambda: {"x": [1]}) == ({"x": [1]}, False)
    assert cache.get_or_compute(key("a"), never) == ({"x": [1]}, True)
    assert cache.get(key("a")) == {"x": [1]}
    assert cache.get(key("b")) is None
    assert (cache.counts.hits, cache.counts.misses) == (2, 2)


def test_who_changes_what_it_got_changes_nothing_else(cache: ResultCache, key: KeyOf) -> None:
    first, _ = cache.get_or_compute(key("a"), lambda: {"x": [1]})
    first["x"].append(2)
    second, _ = cache.get_or_compute(key("a"), never)
    assert second == {"x": [1]}
    second.clear()
    assert cache.get(key("a")) == {"x": [1]}


def test_an_error_is_not_kept(cache: ResultCache, key: KeyOf) -> None:
    def fail() -> Value:
        raise KeyError("why")

    with pytest.raises(KeyError):
        cache.get_or_compute(key("a"), fail)
    assert cache.get_or_compute(key("a"), lambda: {"y": 1}) == ({"y": 1}, False)
    assert cache.counts.failed == 1
    assert cache.under_way == 0


def test_what_may_not_be_kept_is_given_out_once(cache: ResultCache, key: KeyOf) -> None:
    assert cache.get_or_compute(key("a"), lambda: {"n": 1}, keep=lambda value: value["n"] > 1) == ({"n": 1}, False)
    assert cache.get_or_compute(key("a"), lambda: {"n": 2}, keep=lambda value: value["n"] > 1) == ({"n": 2}, False)
    assert cache.get_or_compute(key("a"), never) == ({"n": 2}, True)


def test_what_was_removed_is_computed_again(cache: ResultCache, key: KeyOf) -> None:
    for name in ("a", "b"):
        cache.put(key(name), {"name": name})
    cache.remove(key("a"))
    cache.remove(key("never there"))
    assert cache.get_or_compute(key("a"), lambda: {"name": "new"}) == ({"name": "new"}, False)
    assert cache.get(key("b")) == {"name": "b"}


def test_another_cache_on_the_same_folder_finds_it(tmp_path: Path, key: KeyOf) -> None:
    one, other = (ResultCache(Limits(), tmp_path) for _ in range(2))
    one.put(key("a"), {"x": 1}, cost_ms=40)
    assert other.get(key("a")) == {"x": 1}
    assert (other.counts.disk_hits, other.counts.saved_ms) == (1, 40)
    assert other.get(key("a")) == {"x": 1}
    assert other.counts.memory_hits == 1
    one.close()
    other.close()


class Work:
    """A computation that waits to be let go, and how many of it have begun."""

    def __init__(self, result: Callable[[], Value] = lambda: {"done": True}) -> None:
        self.begun = threading.Semaphore(0)
        self.count = 0
        self.let_go = threading.Event()
        self._result = result

    def __call__(self) -> Value:
        self.count += 1
        self.begun.release()
        assert self.let_go.wait(10)
        return self._result()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(12, thread_name_prefix="asks") as pool:
        yield pool


def test_threads_that_ask_at_the_same_time_compute_once(
    cache: ResultCache, key: KeyOf, threads: ThreadPoolExecutor
) -> None:
    work = Work()
    asked = [threads.submit(cache.get_or_compute, key("a"), work) for _ in range(10)]
    work.begun.acquire(timeout=10)
    work.let_go.set()
    answers = [future.result(10) for future in asked]
    assert work.count == 1
    assert [value for value, _ in answers] == [{"done": True}] * 10
    assert sorted(cached for _, cached in answers) == [False] + [True] * 9
    assert len({id(value) for value, _ in answers}) == 10


def test_those_who_wait_get_the_error_of_the_one_who_computes(
    cache: ResultCache, key: KeyOf, threads: ThreadPoolExecutor
) -> None:
    def fail() -> Value:
        raise KeyError("why")

    work = Work(fail)
    first = threads.submit(cache.get_or_compute, key("a"), work)
    work.begun.acquire(timeout=10)
    second = threads.submit(cache.get_or_compute, key("a"), never, gone=work.let_go.set)  # let go once it waits
    for future in (first, second):
        with pytest.raises(KeyError, match="why"):
            future.result(10)
    assert work.count == 1


def test_when_the_client_of_the_one_who_computes_leaves_another_computes(
    cache: ResultCache, key: KeyOf, threads: ThreadPoolExecutor
) -> None:
    def leave() -> Value:
        raise ClientGone("left")

    work = Work(leave)
    first = threads.submit(cache.get_or_compute, key("a"), work)
    work.begun.acquire(timeout=10)
    second = threads.submit(cache.get_or_compute, key("a"), lambda: {"by": "second"}, gone=work.let_go.set)
    with pytest.raises(ClientGone):
        first.result(10)
    assert second.result(10) == ({"by": "second"}, False)


def test_whose_client_leaves_while_it_waits_waits_no_longer(
    cache: ResultCache, key: KeyOf, threads: ThreadPoolExecutor
) -> None:
    work = Work()
    first = threads.submit(cache.get_or_compute, key("a"), work)
    work.begun.acquire(timeout=10)
    with pytest.raises(ClientGone):
        cache.get_or_compute(key("a"), never, gone=lambda: True)
    work.let_go.set()
    assert first.result(10) == ({"done": True}, False)


def test_whose_patience_ends_computes_for_itself(tmp_path: Path, key: KeyOf, threads: ThreadPoolExecutor) -> None:
    cache = ResultCache(Limits(), tmp_path, patience_s=0.05)
    work = Work()
    first = threads.submit(cache.get_or_compute, key("a"), work)
    work.begun.acquire(timeout=10)
    assert cache.get_or_compute(key("a"), lambda: {"by": "second"}) == ({"by": "second"}, False)
    work.let_go.set()
    assert first.result(10) == ({"done": True}, False)
    assert cache.under_way == 0
    cache.close()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 8))
def test_however_requests_come_each_content_is_computed_once(wanted: list[int], workers: int) -> None:
    cache, lock = ResultCache(Limits(100, 0)), threading.Lock()
    computed: list[int] = []

    def ask(number: int) -> Value:
        def compute() -> Value:
            with lock:
                computed.append(number)
            time.sleep(0)
            return {"number": number}

        return cache.get_or_compute(bytes([number]) * 32, compute)[0]

    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(ask, wanted))
    assert [answer["number"] for answer in answers] == wanted
    assert sorted(computed) == sorted(set(wanted))


def test_pressure_empties_memory_step_by_step_and_leaves_the_disk(tmp_path: Path, key: KeyOf) -> None:
    cache = ResultCache(Limits(100, 10), tmp_path)
    for number in range(100):
        cache.put(key(number), {"number": number})
    left = []
    for level in (PressureLevel.ELEVATED, PressureLevel.HIGH, PressureLevel.CRITICAL):
        cache.relieve(level)
        left.append(len(cache.tiers.memory))
    assert left == [75, 50, 0]
    assert (cache.counts.pressure_evictions, cache.counts.pressure_events, cache.counts.adjustments) == (100, 3, 3)
    cache.put(key("new"), {"x": 1})
    assert len(cache.tiers.memory) == 0
    assert cache.get(key("new")) == {"x": 1}
    assert cache.relieve(PressureLevel.NORMAL) == 0
    assert cache.get(key(3)) == {"number": 3}
    assert len(cache.tiers.memory) == 1
    cache.close()


def test_a_forked_child_uses_the_cache_while_its_parent_does(tmp_path: Path, key: KeyOf) -> None:
    cache = ResultCache(Limits(), tmp_path)
    cache.put(key("a"), {"x": 1})
    child = fork()
    if child == 0:
        found, _ = cache.get_or_compute(key("a"), dict)
        cache.put(key("b"), {"x": 2})
        cache.close()
        os._exit(0 if found == {"x": 1} else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get(key("b")) == {"x": 2}
    cache.put(key("c"), {"x": 3})
    assert cache.get(key("c")) == {"x": 3}
    cache.close()
