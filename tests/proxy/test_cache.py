"""The cache alone, with a clock of its own: bounds, freshness, what makes it forget."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.proxy import Endpoint, Limits
from mediabridge.proxy.cache import Cache, Fill, Key

HERE, THERE = (Endpoint(port=1),), (Endpoint(port=1, generation=1),)
BODY = bytes(2000)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def cache_of(**limits: float) -> tuple[Cache, Clock]:
    clock = Clock()
    cache = Cache(Limits(**limits), clock, clock)  # type: ignore[arg-type]
    cache.follow(HERE)
    return cache, clock


def key_of(path: bytes, query: bytes | None = None, host: bytes = b"a.test") -> Key:
    return path, query, host, "http", ()


def fields_of(body: bytes, tag: bytes = b'"t"', max_age: int = 1000) -> list[tuple[bytes, bytes]]:
    control = b"public, max-age=%d, immutable" % max_age
    return [(b"etag", tag), (b"cache-control", control), (b"content-length", b"%d" % len(body))]


def asking(cache: Cache, key: Key) -> Fill:
    return cache.fill(key, "/cache", cache.turn, cache.clock())


def put(cache: Cache, key: Key, body: bytes = BODY, **more: int) -> None:
    fill = asking(cache, key)
    fill.begin(200, fields_of(body, **more))  # type: ignore[arg-type]
    fill.add(body)
    fill.end(complete=True)


def kept(cache: Cache, key: Key) -> bool:
    return cache.find(key, cache.clock()) is not None


A = key_of(b"/cache/h/thumbnail")


def test_query_host_scheme_and_bytes_of_the_path_tell_entries_apart() -> None:
    cache, _ = cache_of()
    put(cache, A)
    assert kept(cache, A)
    others = [
        key_of(A[0], b"download=1"), key_of(A[0], None, b"b.test"), key_of(A[0], b""), (*A[:3], "https", ()),
        key_of(b"/cache/%68/thumbnail"), (*A[:4], ((b"x-forwarded-host", b"b.test"),)),
    ]  # fmt: skip
    assert not any(kept(cache, other) for other in others)


def test_an_entry_is_served_for_its_seconds_and_no_longer() -> None:
    cache, clock = cache_of(cache_fresh_s=5)
    put(cache, A)
    clock.now += 4.9
    assert kept(cache, A)
    clock.now += 0.1
    assert not kept(cache, A)


def test_its_seconds_begin_when_it_was_asked_for_however_slow_the_client_is() -> None:
    cache, clock = cache_of(cache_fresh_s=5)
    fill = asking(cache, A)
    fill.begin(200, fields_of(BODY))
    fill.add(BODY)
    clock.now += 3
    fill.end(complete=True)
    clock.now += 1.9
    assert kept(cache, A)
    clock.now += 0.1
    assert not kept(cache, A)


def test_a_shorter_lifetime_of_the_response_counts() -> None:
    cache, clock = cache_of(cache_fresh_s=5)
    put(cache, A, max_age=2)
    clock.now += 2
    assert not kept(cache, A)


def test_while_one_asks_the_others_are_served_but_not_for_ever() -> None:
    cache, clock = cache_of(cache_fresh_s=5)
    put(cache, A)
    clock.now += 6
    fill = asking(cache, A)
    assert kept(cache, A)
    clock.now += 3.9
    assert kept(cache, A)
    clock.now += 0.2
    assert not kept(cache, A)
    fill.end(complete=False)


def test_when_the_one_that_asks_fails_the_next_one_asks() -> None:
    cache, clock = cache_of()
    put(cache, A)
    clock.now += 6
    fill = asking(cache, A)
    fill.begin(200, fields_of(BODY))
    fill.end(complete=False)
    assert not kept(cache, A)
    put(cache, A)
    assert kept(cache, A)


def test_a_304_with_the_same_tag_renews_and_one_with_another_does_not() -> None:
    for tag, renewed in ((b'"t"', True), (b'"u"', False), (b'W/"t"', False)):
        cache, clock = cache_of()
        put(cache, A)
        clock.now += 6
        fill = asking(cache, A)
        fill.begin(304, [(b"etag", tag), (b"x-news", b"1")])
        fill.end(complete=True)
        assert kept(cache, A) is renewed
    cache, clock = cache_of()
    put(cache, A)
    clock.now += 6
    fill = asking(cache, A)
    fill.begin(304, [(b"etag", b'"t"'), (b"x-news", b"1")])
    fill.end(complete=True)
    entry = cache.find(A, clock.now)
    assert entry is not None
    assert entry.body == BODY
    assert (b"x-news", b"1") in entry.fields


def test_another_answer_drops_the_entry_when_its_head_comes() -> None:
    for status, fields in ((404, []), (410, fields_of(BODY)), (200, []), (206, fields_of(BODY)), (500, [])):
        cache, clock = cache_of()
        put(cache, A)
        clock.now += 6
        fill = asking(cache, A)
        assert kept(cache, A)
        fill.begin(status, fields)
        assert not kept(cache, A), status
        fill.end(complete=True)
        assert len(cache) == cache.size == 0


def test_only_a_complete_body_of_its_announced_length_is_kept() -> None:
    cache, _ = cache_of()
    for body, complete in ((BODY, False), (BODY[:-1], True), (BODY + b"x", True), (b"", True)):
        fill = asking(cache, A)
        fill.begin(200, fields_of(BODY))
        fill.add(body)
        fill.end(complete=complete)
        assert len(cache) == 0


def test_a_large_response_is_not_gathered() -> None:
    cache, _ = cache_of(cache_entry_bytes=2000)
    put(cache, A, bytes(2001))
    assert not kept(cache, A)
    put(cache, A, bytes(2000))
    assert kept(cache, A)


def test_a_new_sidecar_has_everything_forgotten_also_what_is_on_its_way() -> None:
    cache, _ = cache_of()
    put(cache, A)
    fill = asking(cache, key_of(b"/cache/x/y"))
    fill.begin(200, fields_of(BODY))
    fill.add(BODY)
    cache.follow(tuple(HERE))
    cache.follow([Endpoint(port=1)])
    assert kept(cache, A)
    cache.follow(THERE)
    fill.end(complete=True)
    assert len(cache) == cache.size == 0


def test_an_unsafe_request_has_forgotten_what_lies_at_its_path_and_below() -> None:
    paths = [b"/cache/h", b"/cache/h/thumbnail", b"/cache/h/a/b", b"/cache/hh", b"/cache/x/thumbnail"]
    for path, left in (
        (b"/cache/h", {b"/cache/hh", b"/cache/x/thumbnail"}),
        (b"/cache/h/", {b"/cache/hh", b"/cache/x/thumbnail"}),
        (b"/cache/h/a", set(paths) - {b"/cache/h/a/b"}),
        (b"/cache/h/a/b", set(paths) - {b"/cache/h/a/b"}),
        (b"/cache", set()),
        (b"/", set()),
        (b"/upload", set(paths)),
    ):
        cache, _ = cache_of()
        for one in paths:
            put(cache, key_of(one))
            put(cache, key_of(one, b"q", b"b.test"))
        cache.drop_below(path)
        assert {one for one in paths if kept(cache, key_of(one)) and kept(cache, key_of(one, b"q", b"b.test"))} == left
        assert len(cache) == 2 * len(left)


def test_what_was_on_its_way_during_an_unsafe_request_is_not_kept() -> None:
    cache, _ = cache_of()
    for path, stays in ((b"/cache/h", False), (b"/upload", True)):
        fill = asking(cache, A)
        fill.begin(200, fields_of(BODY))
        cache.drop_below(path)
        fill.add(BODY)
        fill.end(complete=True)
        assert kept(cache, A) is stays


def test_who_has_missed_too_many_changes_to_know_keeps_nothing() -> None:
    cache, _ = cache_of()
    for changes, stays in ((256, True), (257, False)):
        cache.drop_below(A[0])
        fill = asking(cache, A)
        fill.begin(200, fields_of(BODY))
        for _ in range(changes):
            cache.drop_below(b"/upload")
        fill.add(BODY)
        fill.end(complete=True)
        assert kept(cache, A) is stays


ACTS = st.lists(
    st.tuples(st.sampled_from("pppfdw"), st.integers(0, 9), st.integers(0, 6000), st.floats(0, 3)), max_size=60
)


@settings(max_examples=150)
@given(ACTS)
def test_the_bound_holds_the_least_used_goes_first_and_the_sums_are_right(
    acts: list[tuple[str, int, int, float]],
) -> None:
    cache, clock = cache_of(cache_bytes=20_000, cache_entry_bytes=5000)
    order: list[Key] = []
    for act, number, size, wait_s in acts:
        key = key_of(b"/cache/%d/x" % number)
        if act == "p":
            put(cache, key, bytes(size))
            order = [*(one for one in order if one != key), *([key] if size <= 5000 else [])]
        elif act == "f" and kept(cache, key):
            order = [*(one for one in order if one != key), key]
        elif act == "d":
            cache.drop_below(key[0])
            order.remove(key) if key in order else None
        else:
            clock.now += wait_s
        entries = cache._entries
        assert cache.size == sum(entry.size for entry in entries.values()) <= 20_000
        order = order[len(order) - len(entries) :]
        assert list(entries) == order
        below = {path for key in entries for path in (b"", b"/cache", key[0].rpartition(b"/")[0], key[0])}
        assert set(cache._below) == below


def test_the_age_counts_seconds() -> None:
    cache, clock = cache_of()
    put(cache, A)
    for wait_s, age in ((0.0, b"0"), (0.9, b"0"), (0.2, b"1"), (3.0, b"4")):
        clock.now += wait_s
        entry = cache.find(A, clock.now)
        assert entry is not None
        assert (b"age", age) in entry.aged(200, clock.now)
        assert (b"age", age) in entry.aged(304, clock.now)
