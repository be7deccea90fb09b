"""The memory tier against the plainest model of it: a list in the order of use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.cache.codec import Held
from mediabridge.sidecar.cache.lru import LARGEST_SHARE, OVERHEAD, ByteLru

KEYS = st.sampled_from([bytes([number]) * 32 for number in range(8)])
SIZES = st.integers(0, 900)
STEPS = st.lists(
    st.tuples(st.just("put"), KEYS, SIZES)
    | st.tuples(st.just("get"), KEYS, st.just(0))
    | st.tuples(st.just("remove"), KEYS, st.just(0))
    | st.tuples(st.just("resize"), st.integers(0, 6), st.integers(0, 8000)),
    max_size=60,
)


class Model:
    """Most recently used last."""

    def __init__(self, entries: int, size: int) -> None:
        self.bounds = (entries, size)
        self.items: list[tuple[bytes, int]] = []

    def do(self, what: str, first: bytes | int, second: int) -> None:
        if what == "resize":
            self.bounds = (int(first), second)  # type: ignore[arg-type]
        else:
            found = [item for item in self.items if item[0] == first]
            if what != "get" or found:
                self.items = [item for item in self.items if item[0] != first]
            if what == "get":
                self.items += found
            if what == "put" and second + OVERHEAD <= self.bounds[1] // LARGEST_SHARE:
                self.items.append((first, second))  # type: ignore[arg-type]
        while len(self.items) > self.bounds[0] or self.size > self.bounds[1]:
            self.items.pop(0)

    @property
    def size(self) -> int:
        return sum(size + OVERHEAD for _, size in self.items)


@given(st.integers(0, 6), st.integers(0, 16_000), STEPS)
def test_it_does_what_the_model_does_and_stays_within_its_bounds(entries: int, size: int, steps: list) -> None:  # type: ignore[type-arg]
    lru, model = ByteLru(entries, size), Model(entries, size)
    for what, first, second in steps:
        if what == "put":
            lru.put(first, Held({}, second))
        else:
            getattr(lru, what)(*((first, second) if what == "resize" else (first,)))
        model.do(what, first, second)
        assert (len(lru), lru.size_bytes) == (len(model.items), model.size)
        assert len(lru) <= model.bounds[0]
        assert lru.size_bytes <= model.bounds[1]
    held = {key: lru.get(key) for key in [bytes([number]) * 32 for number in range(8)]}
    assert {key: entry.size for key, entry in held.items() if entry} == dict(model.items)


def test_put_and_resize_say_how_many_had_to_go() -> None:
    lru = ByteLru(2, 100_000)
    assert [lru.put(bytes([number]), Held({}, 1)) for number in range(4)] == [0, 0, 1, 1]
    assert lru.resize(0, 0) == 2


def test_a_giant_does_not_push_out_the_rest() -> None:
    lru = ByteLru(10, 100_000)
    lru.put(b"small", Held({}, 1))
    assert lru.put(b"giant", Held({}, 50_000)) == 0
    assert lru.get(b"giant") is None
    assert lru.get(b"small") is not None
