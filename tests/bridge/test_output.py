"""What a child prints: cut into lines, cleaned, prefixed, remembered."""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediabridge.bridge import Block
from mediabridge.bridge.output import HEAD, LINE_LIMIT, TAIL, Lines, Remembered, clean, prefixed

# Bytes that matter: ends of lines, escape sequences (CSI, OSC, C1), whole, broken and overlong UTF-8.
ENDS = [b"\n", b"\r", b"\r\n"]
ODD = [b"\x00", b"\x07", b"\x1b", b"\x1b[31m", b"\x1b]0;t", b"\x1b\\", b"\x9b", b"\x85", b"\t"]
WHOLE = [b"a", b"word ", *(char.encode() for char in ("é", "€", "😀", "\u2028", "\u0085"))]
BROKEN = [b"\xe2\x82", b"\xf0\x9f", b"\xff", b"\xc0\x80", b"\xed\xa0\x80"]
SNIPPETS = st.sampled_from([*ENDS, *ODD, *WHOLE, *BROKEN])
PRINTED = st.one_of(st.binary(max_size=200), st.lists(SNIPPETS, max_size=40).map(b"".join))
CUTS = st.lists(st.integers(0, 200), max_size=20)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def fed(*parts: bytes) -> bytes:
    lines = Lines()
    return b"".join([lines.feed(part) for part in parts if part]) + lines.flush(final=True)


def shown(data: bytes) -> list[str]:
    return Block("Python", "stdout", data).lines()


@settings(max_examples=400)
@given(PRINTED, CUTS)
@example(b"\x1b]0;a\nb\x07\n", [6])
@example(b"a\r\n", [2])
def test_property_the_way_bytes_arrive_does_not_change_the_lines(data: bytes, cuts: list[int]) -> None:
    assert fed(*chunks(data, cuts)) == fed(data)


@settings(max_examples=400)
@given(PRINTED, CUTS)
def test_property_every_line_arrives(data: bytes, cuts: list[int]) -> None:
    """As many lines as were ended, by a newline, a carriage return or both, and one more for what was not ended."""
    ends = re.findall(rb"\r\n|\r|\n", data)
    unfinished = bool(data) and not data.endswith((b"\n", b"\r"))
    assert fed(*chunks(data, cuts)).count(b"\n") == len(ends) + unfinished


@settings(max_examples=400)
@given(PRINTED, CUTS)
def test_property_what_comes_out_is_safe_text(data: bytes, cuts: list[int]) -> None:
    text = fed(*chunks(data, cuts)).decode()
    assert not [char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\t"]
    assert text == "" or text.endswith("\n")


@settings(max_examples=300)
@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])), max_size=20))
def test_property_plain_lines_arrive_as_they_were_written_in_their_order(lines: list[str]) -> None:
    assert shown(fed("".join(line + "\n" for line in lines).encode())) == lines


@settings(max_examples=300)
@given(st.lists(PRINTED, max_size=10))
def test_property_every_block_holds_whole_lines(parts: list[bytes]) -> None:
    lines = Lines()
    blocks = [lines.feed(part) for part in parts if part]
    assert all(block == b"" or block.endswith(b"\n") for block in blocks)


@settings(max_examples=300)
@given(PRINTED, st.sampled_from(["", "36"]))
def test_property_every_line_gets_the_prefix(data: bytes, colour: str) -> None:
    block = Block("Python 2", "stdout", fed(data) or b"\n")
    prefix = "\x1b[36m[Python 2]\x1b[0m " if colour else "[Python 2] "
    assert prefixed(block, colour=colour).decode().split("\n") == [*(prefix + line for line in block.lines()), ""]


TEXT = b"".join(b"line %d\n" % number for number in range(10_000))


@settings(max_examples=300)
@given(st.lists(st.integers(1, 9000), max_size=8))
def test_property_the_first_4_kb_and_the_last_8_kb_are_remembered_exactly(sizes: list[int]) -> None:
    remembered, data = Remembered(), TEXT[: sum(sizes)]
    for block in chunks(data, list(accumulate(sizes))):
        remembered.add(block)
    assert remembered.head == data[:HEAD].decode()
    assert remembered.tail == data[HEAD:][-TAIL:].decode()


def test_the_sizes_that_are_remembered() -> None:
    assert (HEAD, TAIL) == (4096, 8192)


def test_a_character_cut_by_the_4_kb_is_shown_as_broken_and_nothing_is_raised() -> None:
    remembered = Remembered()
    remembered.add(b"a" * 4095 + "é\n".encode())
    assert remembered.head.endswith("a\ufffd")


def test_a_progress_bar_becomes_a_line_for_each_step() -> None:
    assert shown(fed(b"10%\r20%\r30%\n")) == ["10%", "20%", "30%"]


def test_a_windows_line_end_is_one_end() -> None:
    assert shown(fed(b"one\r", b"\ntwo\r\n")) == ["one", "two"]


def test_colours_are_removed() -> None:
    assert clean(b"\x1b[1;31mred\x1b[0m \x1b[2Kline\n") == b"red line\n"


def test_a_title_sequence_is_removed() -> None:
    assert clean(b"\x1b]0;title\x07text\n\x1b]8;;http://x\x1b\\link\n") == b"text\nlink\n"


def test_a_title_sequence_without_end_swallows_no_line() -> None:
    assert shown(fed(b"\x1b]0;title\nnext\n")) == ["0;title", "next"]


def test_what_two_removed_sequences_leave_is_no_sequence() -> None:
    assert b"\x1b" not in clean(b"\x1b\x1b[m[31mred\n")


def test_control_characters_are_shown_as_numbers() -> None:
    assert clean(b"bell\x07 nul\x00\n") == b"bell\\x07 nul\\x00\n"


def test_a_tabulator_stays() -> None:
    assert clean(b"a\tb\n") == b"a\tb\n"


def test_invalid_utf_8_is_replaced() -> None:
    assert shown(fed(b"caf\xe9\n")) == ["caf\ufffd"]


@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_a_character_that_comes_in_two_reads_is_one_character(text: str) -> None:
    data = text.encode()
    for cut in range(1, len(data)):
        assert shown(fed(data[:cut], data[cut:] + b"\n")) == [text]


def test_a_line_of_megabytes_is_one_line() -> None:
    line = b"0123456789abcdef" * (3 * 2**16)
    assert shown(fed(*chunks(line + b"\n", list(range(0, len(line), 65536))))) == [line.decode()]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines, part = Lines(), b"x" * 2**20
    out = [lines.feed(part) for _ in range(LINE_LIMIT // len(part) + 1)]
    assert [len(block) for block in out if block] == [LINE_LIMIT + len(part) + 1]
    assert not lines.pending


def test_an_unfinished_line_waits() -> None:
    lines = Lines()
    assert lines.feed(b"Password: ") == b""
    assert lines.pending


def test_an_unfinished_line_is_shown_on_demand() -> None:
    lines = Lines()
    lines.feed(b"Password: ")
    assert (lines.flush(), lines.pending) == (b"Password: \n", False)


def test_an_unfinished_character_waits_when_its_line_is_shown() -> None:
    lines = Lines()
    lines.feed(b"caf\xc3")
    assert (lines.flush(), lines.feed(b"\xa9\n")) == (b"caf\n", "é\n".encode())


def test_an_unfinished_character_is_shown_at_the_end() -> None:
    lines = Lines()
    lines.feed(b"caf\xc3")
    assert lines.flush(final=True).decode() == "caf\ufffd\n"


def test_nothing_unfinished_shows_nothing() -> None:
    assert Lines().flush(final=True) == b""
