"""Encodings: what can be decided is decided rightly, and nothing breaks it."""

from __future__ import annotations

import codecs
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.text import notes, plain
from mediabridge.sidecar.text.notes import Notes

# What languages look like; texts of the tests are sentences of these words.
GERMAN = "Die Größe der Übertragung wird in der Übersicht geprüft wo Straßen weiß sind und Bäume schön blühen"
RUSSIAN = "Все счастливые семьи похожи друг на друга каждая несчастливая семья несчастлива по своему Всё смешалось"
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα"
POLISH = "Książka leży na stole a dziecko śpi w łóżku Proszę przyjść jutro o ósmej"
JAPANESE = (
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗い所で泣いていた事だけは記憶している。"
)
CHINESE = "道可道，非常道。名可名，非常名。无名天地之始；有名万物之母。故常无欲，以观其妙；常有欲，以观其徼。"
KOREAN = "동해물과 백두산이 마르고 닳도록 하느님이 보우하사 우리나라 만세. 무궁화 삼천리 화려 강산."
DECIDABLE = [
    (GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (RUSSIAN, "iso8859_5"), (RUSSIAN, "cp866"),
    (GREEK, "cp1253"), (POLISH, "cp1250"),
]  # fmt: skip
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=300)


def decoded(data: bytes) -> tuple[str, Notes]:
    found = Notes()
    return plain.decode(data, found), found


@given(any_text)
def test_utf8_is_never_taken_for_anything_else(text: str) -> None:
    if "\x1b$" not in text:
        read, told = decoded(text.encode())
        assert (read, told.encoding, told.warnings) == (text, "utf-8", [])


@given(any_text.filter(lambda text: not text.startswith("\0")), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_a_byte_order_mark_decides(text: str, encoding: str) -> None:
    read, told = decoded(text.encode(encoding))
    assert read == text
    assert told.encoding is not None
    assert told.encoding.startswith(encoding[:5])


@given(any_text, st.sampled_from(["be", "le"]))
def test_utf16_of_either_order(text: str, order: str) -> None:
    mark = codecs.BOM_UTF16_BE if order == "be" else codecs.BOM_UTF16_LE
    if not text.startswith("\0"):
        assert decoded(mark + text.encode(f"utf-16-{order}"))[0] == text


@pytest.mark.parametrize(
    "text",
    ["café déjà vu à côté, l’été", "perché è così, più città", "Åke går på ängen över ån", "blåbærsyltetøy", "créée"],
)
def test_a_few_accents_are_those_of_western_europe(text: str) -> None:
    read, told = decoded(text.encode("cp1252"))
    assert (read, told.encoding) == (text, "windows-1252")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет, как дела?", "cp1251"),
        ("Zażółć gęślą jaźń", "cp1250"),
        ("Καλημέρα κόσμε", "cp1253"),
        ("你好，世界，这是中文", "gb18030"),
        ("Árvíztűrő tükörfúrógép", "cp1250"),
    ],
)
def test_a_few_signs_of_others_stay_theirs(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding))[0] == text


@given(st.sampled_from(DECIDABLE), st.integers(0, 20), st.integers(15, 60))
def test_older_encodings_by_what_their_language_looks_like(case: tuple[str, str], seed: int, count: int) -> None:
    words, encoding = case[0].split(), case[1]
    chosen = random.Random(seed)
    # Each word once at least: a language is known by its usual letters.
    text = " ".join(chosen.sample(words, len(words)) + [chosen.choice(words) for _ in range(count)])
    read, told = decoded(text.encode(encoding))
    assert read == text
    assert told.warnings == ["the encoding is a guess"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(JAPANESE, "shift_jis"), (JAPANESE, "euc_jp"), (JAPANESE, "iso2022_jp"), (CHINESE, "gb18030"), (KOREAN, "euc_kr")],
)
def test_several_bytes_a_character(text: str, encoding: str) -> None:
    assert decoded((text + "\n").encode(encoding))[0] == text + "\n"
    assert decoded((text * 20).encode(encoding))[0] == text * 20


@pytest.mark.parametrize(
    ("head", "encoding", "called"),
    [
        (b'<meta charset="iso-8859-1">', "cp1252", "windows-1252"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8_r", "koi8-r"),
        (b'<?xml version="1.0" encoding="Shift_JIS"?>', "cp932", "shift_jis"),
    ],
)
def test_what_markup_declares(head: bytes, encoding: str, called: str) -> None:
    text = {"cp1252": "Größe “ja”", "koi8_r": "да", "cp932": "猫①"}[encoding]
    read, told = decoded(head + text.encode(encoding))
    assert read.endswith(text)
    assert told.encoding == called


@pytest.mark.parametrize(
    "word", [b"no-such", b"utf-8", b"rot13", b"zip", b"idna", b"undefined", b"hex", b"punycode", b"unicode_escape"]
)
def test_a_declaration_that_cannot_be_true_is_passed_over(word: bytes) -> None:
    read, told = decoded(b"<meta charset=" + word + b">" + GERMAN.encode("cp1252"))
    assert read.endswith(GERMAN)
    assert told.warnings == ["the encoding is a guess"]


def test_utf8_with_a_few_broken_bytes_stays_utf8() -> None:
    read, told = decoded((RUSSIAN * 5).encode() + b" \xff " + RUSSIAN.encode())
    assert read.count("\ufffd") == 1
    assert told.encoding == "utf-8"
    assert "U+FFFD" in told.warnings[0]


@given(st.binary(max_size=400))
def test_any_bytes_are_some_text(data: bytes) -> None:
    read, told = decoded(data)
    assert isinstance(read, str)
    assert told.encoding


@pytest.mark.parametrize("cut_at", [1, 2, 3])
def test_a_file_that_is_too_long_is_cut_between_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    monkeypatch.setattr(plain, "MOST_BYTES", 30 + cut_at)
    path = tmp_path / "long.txt"
    path.write_text("語" * 30, encoding="utf-8")
    told = Notes()
    assert plain.load(path, told) == "語" * ((30 + cut_at) // 3)
    assert told.truncated


@given(st.text(max_size=200))
def test_a_clean_text_has_lines_and_no_control_characters(text: str) -> None:
    found = notes.clean(text)
    assert not {character for character in found if ord(character) < 32} - {"\t", "\n"}
    assert notes.clean(found) == found
