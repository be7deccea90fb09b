"""Names of files: nothing that a client sends leads out of a folder, runs, or hides what it is."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediabridge.sidecar.routes.serving import disposition
from mediabridge.sidecar.storage.names import NAME_BYTES, UNNAMED, extension_of, from_header, sanitise


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Urlaub in Köln – Tag 1.JPG", "Urlaub in Köln – Tag 1.JPG"),
        ("日本語.png", "日本語.png"),
        ("👨‍👩‍👧.png", "👨👩👧.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\cmd.exe", "cmd.exe"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("/abs/olute", "olute"),
        ("folder/", UNNAMED),
        ("..", UNNAMED),
        (". . .", UNNAMED),
        ("", UNNAMED),
        ("   ", UNNAMED),
        ("a\0b\r\nc\x1b[31m.jpg", "abc[31m.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("zero\u200bwidth.jpg", "zerowidth.jpg"),
        ("line\u2028break.jpg", "linebreak.jpg"),
        ('a<b>:"|?*.jpg', "a_b______.jpg"),
        ("photo.jpg. . ", "photo.jpg"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("console.txt", "console.txt"),
        (".htaccess", ".htaccess"),
        ("e\u0301.jpg", "é.jpg"),
        ("\ud800.jpg", ".jpg"),
        ("a" * 300 + ".jpg", "a" * 251 + ".jpg"),
        ("ä" * 300, "ä" * 127),
        ("a." + "b" * 300, "a." + "b" * 253),
        ("x/" * 100_000 + "end.jpg", "end.jpg"),
    ],
)
def test_sanitised(given_name: str, kept: str) -> None:
    assert sanitise(given_name) == kept


@given(st.text(st.characters(), max_size=600))
@example("\u0344" * 200 + ".jpg")
@example(" \u3000. .\u2003" * 50)
@example("a" * 250 + " . .jpg")
def test_whatever_is_sent_is_harmless_and_stays_as_it_is(name: str) -> None:
    kept = sanitise(name)
    assert kept
    assert kept not in (".", "..")
    assert len(kept.encode("utf-8")) <= NAME_BYTES
    assert not re.search(r'[/\\<>:"|?*]', kept)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in kept)
    assert kept == kept.strip()
    assert not kept.endswith(".")
    assert sanitise(kept) == kept


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_a_name_comes_through_a_header_percent_encoded_or_raw(name: str) -> None:
    assert from_header(quote(name, safe="")) == name
    if "%" not in name:
        assert from_header(name.encode().decode("latin-1")) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("100%.jpg", "100%.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("a%2Fb.jpg", "a/b.jpg"),
        ("caf\xe9.jpg", "café.jpg"),
        ("%FF.jpg", "ÿ.jpg"),
    ],
)
def test_headers(value: str, name: str) -> None:
    assert from_header(value) == name


def test_extensions() -> None:
    assert [extension_of(name) for name in ("a.JPG", "a", ".x", "a.tar.gz", "a.")] == ["jpg", "", "x", "gz", ""]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.jpg", 'attachment; filename="a.jpg"'),
        ("é.jpg", "attachment; filename=\"e.jpg\"; filename*=UTF-8''%C3%A9.jpg"),
        ("日本", "attachment; filename=\"file\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
        ("a'b (1);x.jpg", 'attachment; filename="a\'b (1);x.jpg"'),
        ("50%25.jpg", "attachment; filename=\"5025.jpg\"; filename*=UTF-8''50%2525.jpg"),
    ],
)
def test_disposition(name: str, header: str) -> None:
    assert disposition(name) == header


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = disposition(sanitise(name))
    assert re.fullmatch(
        r"attachment; filename=\"[\x20-\x7e]*\"(; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]*)?", header
    )
    assert header.count('"') == 2
