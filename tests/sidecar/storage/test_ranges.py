"""Ranges as RFC 9110, section 14, has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.ranges import Range, UnsatisfiableError, parse

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-499", 0, 499),
        ("bytes=500-", 500, 999),
        ("bytes=999-", 999, 999),
        ("bytes=0-99999", 0, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-500", 500, 999),
        ("bytes=-5000", 0, 999),
        ("BYTES=1-2", 1, 2),
        (" bytes = 1-2 ", 1, 2),
        ("bytes=1 - 2", 1, 2),
        ("bytes=,1-2,", 1, 2),
        ("bytes=0-" + "9" * 5000, 0, 999),
        ("bytes=" + "0" * 5000 + "1-2", 1, 2),
        ("bytes=-" + "9" * 5000, 0, 999),
    ],
)
def test_a_range(header: str, first: int, last: int) -> None:
    found = parse(header, SIZE)
    assert found == Range(first, last)
    assert len(found) == last - first + 1


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=2-1", "bytes=1", "bytes=1-2-3", "bytes=--1", "items=0-1",
        "bytes=0-1,5-6", "bytes=0-1,99999-", "bytes=٣-٤", "bytes=0x1-2", "bytes=+1-2", "bytes=1-2;", "0-1",
        "bytes=0-0," * 1000, "bytes:0-1",
    ],
)  # fmt: skip
def test_what_is_ignored(header: str) -> None:
    assert parse(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_what_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        parse(header, SIZE)


def test_nothing_of_nothing() -> None:
    for header in ("bytes=0-", "bytes=-5"):
        with pytest.raises(UnsatisfiableError):
            parse(header, 0)


@given(st.text(max_size=40), st.integers(0, 10_000))
def test_no_header_breaks_it(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        try:
            found = parse(header, size)
        except UnsatisfiableError:
            continue
        assert found is None or 0 <= found.first <= found.last < size


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 1500))
def test_what_a_range_names_is_what_a_slice_would_give(first: int, last: int, size: int) -> None:
    content = bytes(index % 256 for index in range(size))
    for header, wanted in (
        (f"bytes={first}-{last}", content[first : last + 1]),
        (f"bytes={first}-", content[first:]),
        (f"bytes=-{last}", content[-last:] if last else b""),
    ):
        try:
            found = parse(header, size)
        except UnsatisfiableError:
            assert wanted == b""
            continue
        if found is None:
            assert last < first
        else:
            assert content[found.first : found.last + 1] == wanted
