"""Values as bytes: what goes in comes out, and a changed bit is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.cache.codec import DamagedError, copy, dump, key_of, load, pack, unpack

# Lone surrogates as well, but no two in a row: JSON itself makes one character of such a pair.
TEXT = st.text(max_size=20) | st.builds("{}\ud800{}".format, st.text(max_size=3), st.text(max_size=3))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
VALUES = st.dictionaries(st.text(max_size=8), JSON, max_size=6)
KEY = b"k" * 32


@given(VALUES)
def test_a_value_comes_back_from_memory_and_from_disk(value: dict[str, Any]) -> None:
    body = dump(value)
    assert load(body) == value
    assert list(load(body)) == list(value)
    assert unpack(KEY, pack(KEY, body)) == body


def containers(value: Any) -> set[int]:
    """The identities of all that could be changed."""
    if not isinstance(value, dict | list):
        return set()
    inner = value.values() if isinstance(value, dict) else value
    return {id(value)}.union(*(containers(item) for item in inner))


@given(VALUES)
def test_a_copy_is_equal_and_shares_nothing_that_could_be_changed(value: dict[str, Any]) -> None:
    original = load(dump(value))
    made = copy(original)
    assert made == original
    assert list(made) == list(original)
    assert not containers(made) & containers(original)


@given(VALUES, st.data())
def test_every_changed_bit_is_noticed(value: dict[str, Any], data: st.DataObject) -> None:
    blob = bytearray(pack(KEY, dump(value)))
    place = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[place // 8] ^= 1 << place % 8
    with pytest.raises(DamagedError):
        unpack(KEY, bytes(blob))


@given(st.binary(max_size=60))
def test_bytes_of_anybody_are_damage_and_no_crash(blob: bytes) -> None:
    with pytest.raises(DamagedError):
        unpack(KEY, blob)


def test_an_entry_that_lies_under_the_wrong_key_is_damage() -> None:
    with pytest.raises(DamagedError):
        unpack(b"l" * 32, pack(KEY, b"{}"))


def test_a_key_depends_on_each_of_its_parts_and_on_nothing_else() -> None:
    parts = [
        {"sha256": "a", "engine": "e", "version": "1", "options": {"x": 1, "y": 2}},
        {"sha256": "b", "engine": "e", "version": "1", "options": {"x": 1, "y": 2}},
        {"sha256": "a", "engine": "f", "version": "1", "options": {"x": 1, "y": 2}},
        {"sha256": "a", "engine": "e", "version": "2", "options": {"x": 1, "y": 2}},
        {"sha256": "a", "engine": "e", "version": "1", "options": {"x": 1}},
        {"sha256": "ae", "engine": "", "version": "1", "options": {"x": 1, "y": 2}},
    ]
    keys = [key_of(**part) for part in parts]  # type: ignore[arg-type]
    assert len(set(keys)) == len(parts)
    assert keys[0] == key_of("a", engine="e", version="1", options={"y": 2, "x": 1})
