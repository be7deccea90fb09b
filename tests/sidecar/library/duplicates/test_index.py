"""The index of hashes, against a plain search through a dictionary."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mediabridge.sidecar.library.duplicates import HashIndex, Hit, NotAnIndexError, PerceptualHash

WORDS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 3, 0xFFF, 0x1FFF, 2**63, 2**64 - 1])


def made(phash: int, dhash: int) -> PerceptualHash:
    return PerceptualHash(phash, dhash, paper=False, levels=bytes(128))


def plain(rows: dict[int, tuple[int, int]], wanted: tuple[int, int], most: int, most_dhash: int) -> list[Hit]:
    hits = [Hit(number, (p ^ wanted[0]).bit_count(), (d ^ wanted[1]).bit_count()) for number, (p, d) in rows.items()]
    near = [hit for hit in hits if hit.phash_distance <= most and hit.dhash_distance <= most_dhash]
    return sorted(near, key=lambda hit: (hit.phash_distance + hit.dhash_distance, hit.id))


class Index(RuleBasedStateMachine):
    """Any adding, replacing, removing, saving and searching, beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.index = HashIndex()
        self.rows: dict[int, tuple[int, int]] = {}

    @rule(number=st.integers(-5, 12), phash=WORDS, dhash=WORDS)
    def add(self, number: int, phash: int, dhash: int) -> None:
        self.index.add(number, made(phash, dhash))
        self.rows[number] = phash, dhash

    @rule(number=st.integers(-5, 12))
    def add_a_flat_one(self, number: int) -> None:
        self.index.add(number, None)
        self.rows.pop(number, None)

    @rule(number=st.integers(-5, 12))
    def remove(self, number: int) -> None:
        assert self.index.remove(number) == (self.rows.pop(number, None) is not None)

    @rule()
    def save(self) -> None:
        self.index = HashIndex.from_bytes(self.index.to_bytes())

    @rule(start=st.integers(100, 10**9), more=st.lists(st.tuples(WORDS, WORDS), max_size=4))
    def extend(self, start: int, more: list[tuple[int, int]]) -> None:
        fresh = {number: row for number, row in enumerate(more, start) if number not in self.rows}
        self.index.extend([(number, made(*row)) for number, row in fresh.items()] + [(99, None)])
        self.rows |= fresh

    @rule(phash=WORDS, dhash=WORDS, most=st.integers(0, 64), most_dhash=st.integers(0, 64))
    def search(self, phash: int, dhash: int, most: int, most_dhash: int) -> None:
        found = self.index.search(made(phash, dhash), most, most_dhash)
        assert found == plain(self.rows, (phash, dhash), most, most_dhash)

    @invariant()
    def it_knows_what_it_holds(self) -> None:
        assert len(self.index) == len(self.rows)
        assert all(number in self.index for number in self.rows)
        assert 13 not in self.index


Index.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestIndex = Index.TestCase


def test_more_than_one_block() -> None:
    chance = random.Random(5)
    rows = {number: (chance.getrandbits(64), chance.getrandbits(64)) for number in range(70_000)}
    index = HashIndex()
    index.extend((number, made(*row)) for number, row in rows.items())
    for number in (0, 65_535, 65_536, 69_999):
        phash, dhash = rows[number]
        assert index.search(made(phash ^ 0b1011, dhash ^ 1)) == [Hit(number, 3, 1)]
    assert index.remove(65_535)
    assert index.search(made(*rows[65_535])) == []
    assert index.search(made(*rows[69_999])) == [Hit(69_999, 0, 0)]


def test_a_flat_picture_is_like_nothing() -> None:
    index = HashIndex()
    index.add(1, made(0, 0))
    assert index.search(None) == []


@given(st.integers(0, 200), st.integers(1, 255))
def test_property_damaged_bytes_are_refused(place: int, change: int) -> None:
    index = HashIndex()
    index.extend((number, made(number * 7919, number)) for number in range(8))
    data = bytearray(index.to_bytes())
    data[place % len(data)] ^= change
    with pytest.raises(NotAnIndexError):
        HashIndex.from_bytes(bytes(data))


@given(st.binary(max_size=60))
def test_property_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(NotAnIndexError, match="index of hashes"):
        HashIndex.from_bytes(data)
