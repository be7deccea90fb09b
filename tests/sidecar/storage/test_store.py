"""The store itself: records, quotas, counts, deletion."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.faults import ContentDamaged, ContentUnknown, InvalidRequest, StorageFull, UnsupportedMedia
from mediabridge.sidecar.storage.disk import LocalDisk
from mediabridge.sidecar.storage.quota import Quota
from mediabridge.sidecar.storage.record import Label, NoRecordError, Record
from mediabridge.sidecar.storage.store import ContentStore, Kept
from mediabridge.sidecar.storage.tally import Counted, Tally


def make_store(root: Path, quota: int = 0) -> ContentStore:
    store = ContentStore(LocalDisk(root), quota)
    store.start()
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ContentStore]:
    made = make_store(tmp_path / "files")
    yield made
    made.close()


def keep(store: ContentStore, content: bytes, label: Label = Label("a.txt"), size: int | None = None) -> Kept:  # noqa: B008
    incoming = store.accept(label, 1_000_000, size)
    try:
        incoming.write(content)
        return store.keep(incoming)
    finally:
        incoming.close()


def figures(store: ContentStore, until: Callable[..., Any]) -> tuple[object, object]:
    until(lambda: not store.status()["counting"])
    status = store.status()
    return status["files"], status["totalSize"]


def test_what_another_process_mends_is_damaged_to_nobody(tmp_path: Path) -> None:
    one, other = make_store(tmp_path / "files"), make_store(tmp_path / "files")
    digest = keep(one, b"hello world").record.content_hash
    path = tmp_path / "files" / digest / "original"
    path.chmod(0o644)
    path.write_bytes(b"hello_world")
    with pytest.raises(ContentDamaged):
        one.verify(digest)
    with pytest.raises(ContentDamaged):
        one.find(digest)
    assert not keep(other, b"hello world").is_new
    assert one.find(digest) == other.find(digest)
    one.verify(digest)
    assert (one.was_damaged(digest), other.was_damaged(digest)) == (False, True)


def test_what_is_kept_is_found_opened_and_deleted(store: ContentStore, until: Any) -> None:
    kept = keep(store, b"hello world")
    digest = kept.record.content_hash
    assert digest == hashlib.sha256(b"hello world").hexdigest()
    assert store.find(digest) == kept.record
    with store.open(digest, 6) as file:
        assert file.read() == b"world"
    with store.local(digest) as path:
        assert path.read_bytes() == b"hello world"
    store.verify(digest)
    assert figures(store, until) == (1, 11)
    assert store.delete(digest)
    assert not store.delete(digest)
    assert figures(store, until) == (0, 0)
    for ask in (store.find, store.open, store.verify):
        with pytest.raises(ContentUnknown):
            ask(digest)
    with pytest.raises(ContentUnknown), store.local(digest):
        pass
    assert keep(store, b"hello world").is_new


@pytest.mark.parametrize("word", ["", "x", "../" * 20, "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 64])
def test_no_word_leads_out_of_the_store(store: ContentStore, word: str) -> None:
    with pytest.raises(ContentUnknown):
        store.open(word)


def test_what_is_refused_leaves_nothing(store: ContentStore, tmp_path: Path) -> None:
    for content, fault in ((b"", InvalidRequest), (b"\0\1\2", UnsupportedMedia), (b"\0" * 9000, UnsupportedMedia)):
        with pytest.raises(fault):
            keep(store, content)
    assert [
        path for path in (tmp_path / "files" / ".incoming").rglob("*") if path.is_file() and path.name != ".lock"
    ] == []


def test_an_error_of_the_user_in_the_with_block_is_the_users(store: ContentStore) -> None:
    digest = keep(store, b"x").record.content_hash
    with pytest.raises(KeyError), store.local(digest):
        raise KeyError


def test_deletion_while_the_same_content_comes(store: ContentStore) -> None:
    digest = hashlib.sha256(b"contested").hexdigest()
    with ThreadPoolExecutor(6) as pool:
        comes = [pool.submit(keep, store, b"contested") for _ in range(40)]
        goes = [pool.submit(store.delete, digest) for _ in range(40)]
        for done in (*comes, *goes):
            done.result()
    keep(store, b"contested")
    store.verify(digest)
    assert store.find(digest).size == 9


def test_a_quota_holds_for_uploads_at_once(tmp_path: Path) -> None:
    store = make_store(tmp_path / "files", quota=1000)

    def one(number: int) -> bool:
        try:
            keep(store, f"{number:0200}".encode(), Label("a.txt", "drive"), 200 if number % 2 else None)
        except StorageFull:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(one, range(30)))
    assert stored.count(True) == 5
    assert keep(store, b"x" * 900, Label("a.txt", "other")).is_new
    store.close()
    again = make_store(tmp_path / "files", quota=1000)
    with pytest.raises(StorageFull) as caught:
        keep(again, b"y", Label("a.txt", "drive"))
    assert caught.value.storage is not None
    assert caught.value.storage["quota"] == {"driveId": "drive", "limit": 1000, "used": 1000}
    again.close()


def test_a_quota_is_free_again_after_a_deletion_or_a_refusal(tmp_path: Path) -> None:
    store = make_store(tmp_path / "files", quota=100)
    label = Label("a.txt", "drive")
    kept = keep(store, b"x" * 100, label)
    with pytest.raises(StorageFull):
        store.accept(label, 1000, 1)
    store.delete(kept.record.content_hash)
    with pytest.raises(UnsupportedMedia):
        keep(store, b"\0" * 100, label, 100)
    keep(store, b"y" * 100, label, 100)
    store.close()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60), st.booleans()), max_size=30))
def test_claims_never_pass_the_limit(steps: list[tuple[str, int, bool]]) -> None:
    used: Counter[str | None] = Counter()
    claims: Counter[str | None] = Counter()

    def over(_: Mapping[str, object]) -> Exception:
        return StorageFull("over")

    quota = Quota(100, lambda drive: used[drive], over)
    for drive, size, comes in steps:
        try:
            quota.claim(drive, size)
        except StorageFull:
            assert used[drive] + claims[drive] + size > 100 or used[drive] >= 100
            continue
        claims[drive] += size
        assert used[drive] + claims[drive] <= 100
        if comes:
            used[drive] += size
            quota.release(drive, size)
            claims[drive] -= size


def test_what_is_added_during_a_count_is_counted_once() -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def scan() -> Iterator[Counted]:
        yield Counted(1, "a", 5)
        waiting.set()
        assert go_on.wait(10)
        yield Counted(10, "a", 11)  # stored after the count began, and seen by it as well
        yield Counted(100, "b", 9)

    tally = Tally(scan, lambda: 10, lambda: 1)
    tally.start()
    tally.start()  # one count at a time
    assert waiting.wait(10)
    tally.add(Counted(10, "a", 11))
    assert not tally.complete.is_set()
    assert tally.figures().files == 1
    go_on.set()
    assert tally.complete.wait(10)
    found = tally.figures()
    assert (found.files, found.total, dict(found.drives)) == (3, 111, {"a": 11, "b": 100})


def test_what_others_store_is_counted_after_a_while() -> None:
    stored, now, changed = [Counted(1, None, 0)], [0.0], [1]
    tally = Tally(lambda: iter(list(stored)), lambda: 10, lambda: changed[0], lambda: now[0])
    tally.start()
    assert tally.complete.wait(10)
    stored.append(Counted(2, None, 0))
    changed[0] = 2
    assert tally.figures().files == 1
    now[0] = 1000.0
    tally.figures()
    for thread in threading.enumerate():
        if thread.name == "storage-count":
            thread.join(10)
    assert tally.figures().files == 2


def test_a_place_that_fails_counts_as_empty() -> None:
    def scan() -> Iterator[Counted]:
        raise PermissionError
        yield

    tally = Tally(scan, lambda: 10, lambda: 1)
    tally.start()
    assert tally.complete.wait(10)
    assert tally.figures().files == 0


@given(st.text(), st.none() | st.text(), st.none() | st.text(), st.integers(0))
def test_a_record_is_read_as_it_was_written(name: str, drive: str | None, user: str | None, size: int) -> None:
    record = Record.of("0" * 64, size, "text/plain", Label(name, drive, user))
    try:
        written = record.to_bytes()
    except UnicodeEncodeError:
        return  # a lone surrogate: `sanitise` takes them out
    assert Record.from_bytes(written) == record


@given(st.binary(max_size=100) | st.sampled_from([b"null", b"[]", b'""', b"1", b'{"contentHash":[]}', b"[" * 60_000]))
def test_nothing_else_is_a_record(content: bytes) -> None:
    with pytest.raises(NoRecordError):
        Record.from_bytes(content)
