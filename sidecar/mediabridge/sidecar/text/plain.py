"""Files that are text themselves: their encoding, and what they say. For the child process."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from charset_normalizer import from_bytes

from .notes import MOST_BYTES, Notes, Piece

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What is guessed among, by the names of Python, and what it is called (IANA, WHATWG Encoding Standard). Where several
# read a text as well as the others, the first one holds: several bytes a character before one, then by how common
# they are on the web.
_CANDIDATES = {
    "cp932": "shift_jis", "euc_jp": "euc-jp", "gb18030": "gb18030", "big5": "big5",
    "euc_kr": "euc-kr", "cp1252": "windows-1252",
    "cp1251": "windows-1251", "cp1250": "windows-1250", "cp1254": "windows-1254", "cp1253": "windows-1253",
    "cp1255": "windows-1255", "cp1256": "windows-1256", "cp1257": "windows-1257", "cp1258": "windows-1258",
    "cp874": "windows-874", "iso8859_2": "iso-8859-2", "iso8859_5": "iso-8859-5", "iso8859_7": "iso-8859-7",
    "koi8_r": "koi8-r", "cp866": "ibm866", "cp850": "ibm850", "mac_roman": "macintosh",
}  # fmt: skip
# What is called by the first is written in the second, which has more characters (WHATWG Encoding Standard, 4.2).
_LARGER = {"shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
_NAMES = _CANDIDATES | {"cp949": "euc-kr"}
_ORDER = {name: place for place, name in enumerate(_CANDIDATES)}
# What is not ASCII in texts of Western Europe.
_WESTERN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüŒœ¿¡«»°§€…–—‘’“”\u00a0")
_FEW = 12  # signs that are not ASCII: too few for statistics
_SAMPLE = 64 * 1024
_ODD = 0.1
_KANA = 0.2  # hiragana among signs that are not ASCII
_NEAR, _AS_GOOD = 0.01, 0.02  # differences that say nothing
_THRESHOLD = 0.35  # charset-normalizer's measure of how odd a text looks, from 0
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,200}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
_JAPANESE_MAIL = re.compile(rb"\x1b\$[@B]")  # RFC 1468: from here on two bytes a character
_PROBE = b"a\\u0041-\xff"
_HEAD = 1024  # bytes in which a declaration counts (WHATWG HTML, 13.2.3.2)
_MANY = 20  # good characters for each bad one


def read(path: Path, notes: Notes) -> Iterator[Piece]:
    """The whole file, as it is."""
    yield Piece(load(path, notes))


def load(path: Path, notes: Notes) -> str:
    """A file's text, `MOST_BYTES` of it at most."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if cut := len(data) > MOST_BYTES:
        notes.truncate(f"only the first {MOST_BYTES} bytes were read")
    return decode(data[:MOST_BYTES], notes, cut=cut)


def decode(data: bytes, notes: Notes, *, cut: bool = False) -> str:
    """Bytes as text: by their mark, as UTF-8 if they are, as they declare themselves, or by a guess.

    `cut`: the last character may be incomplete. `notes` is told the encoding, and what was doubtful.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _as(data[len(mark) :], name, notes, cut=cut)
    if _JAPANESE_MAIL.search(data[:_SAMPLE]):  # its bytes are ASCII, hence UTF-8 as well
        return _as(data, "iso2022_jp", notes, cut=cut)
    with_errors = data.decode("utf-8", "replace")
    bad = with_errors.count("\ufffd") - (1 if cut else 0)
    if bad <= 0 or bad * _MANY <= _foreign(with_errors):
        return _as(data, "utf-8", notes, cut=cut)
    name = _declared(data) or guess(data, notes)
    return _as(data, name, notes, cut=cut)


def guess(data: bytes, notes: Notes) -> str:
    """The likeliest encoding of bytes that are no UTF-8, by Python's name."""
    notes.warn("the encoding is a guess")
    sample = data[:_SAMPLE]
    if len(data) > _SAMPLE and (end := sample.rfind(b"\n")) > 0:  # not in the middle of a character
        sample = sample[: end + 1]
    if japanese := next((name for name in ("cp932", "euc_jp") if _has_kana(sample, name)), None):
        return japanese
    if _is_short_western(sample):
        return "cp1252"
    found = from_bytes(
        sample,
        cp_isolation=list(_CANDIDATES),
        threshold=_THRESHOLD,
        preemptive_behaviour=False,
        language_threshold=0.05,
    )
    # What decodes to the same text is one match of several names.
    names = [
        (name, one.chaos + _swapped(str(one)), one.coherence) for one in found for name in one.could_be_from_charset
    ]
    name = _likeliest([row for row in names if row[0] in _ORDER])
    return _LARGER.get(name, name)


def _swapped(text: str) -> float:
    """How odd it is that capitals follow small letters: Cyrillic encodings have them in each other's place."""
    pairs = list(pairwise(text))
    rises = sum(first.islower() and second.isupper() for first, second in pairs)
    falls = sum(first.isupper() and second.islower() for first, second in pairs)
    return _ODD if rises > falls else 0.0


def _has_kana(sample: bytes, name: str) -> bool:
    """Whether it reads as Japanese: every other sign of which is one that no other language has."""
    try:
        foreign = [character for character in sample.decode(name) if character > "\x7f"]
    except UnicodeDecodeError:
        return False
    return sum("\u3041" <= character <= "\u3096" for character in foreign) > _KANA * len(foreign)


def _is_short_western(sample: bytes) -> bool:
    """Whether a few accents in a text are those of Western Europe, each among plain letters.

    Other encodings may give letters as well then. The usual one holds, since no statistics can tell.
    """
    text = sample.decode("cp1252", "replace")
    foreign = [character for character in text if character > "\x7f"]
    letters = sum(character.isalpha() for character in text)
    return (
        len(foreign) <= _FEW
        and all(character in _WESTERN for character in foreign)
        and not set("õû") <= set(foreign)  # ő and ű, hence Hungarian
        and 2 * sum(character.isalpha() for character in foreign) < letters
        and not any(first != second and _accented(first) and _accented(second) for first, second in pairwise(text))
    )


def _accented(character: str) -> bool:
    return character > "\x7f" and character.isalpha()


def _likeliest(found: list[tuple[str, float, float]]) -> str:
    """Of (encoding, oddness, likeness to a language): the most usual one of those that are as good as the best."""
    least = min((chaos for _, chaos, _ in found), default=0.0)
    clear = [(name, likeness) for name, chaos, likeness in found if chaos <= least + _NEAR]
    most = max((likeness for _, likeness in clear), default=0.0)
    good = [name for name, likeness in clear if likeness >= most - _AS_GOOD]
    return min(good, key=_ORDER.__getitem__, default="cp1252")


def _as(data: bytes, name: str, notes: Notes, *, cut: bool) -> str:
    notes.encoding = _NAMES.get(name.replace("-", "_"), name.replace("_", "-"))
    decoder = codecs.getincrementaldecoder(name)("replace")
    text = decoder.decode(data, final=not cut)
    if "\ufffd" in text:
        notes.warn(f"some bytes are no {notes.encoding}; they were replaced by U+FFFD")
    return text.removeprefix("\ufeff")


def _foreign(text: str) -> int:
    """How many characters are neither ASCII nor replacements."""
    return sum(1 for character in text if character > "\x7f" and character != "\ufffd")


def _declared(data: bytes) -> str | None:
    """The encoding that HTML or XML names, as Python calls it."""
    if match := _DECLARED.search(data[:_HEAD]):
        word = match[1].decode("ascii").lower()
        # What is called so is Windows-1252 on the web (WHATWG Encoding Standard, 4.2).
        word = "cp1252" if word in ("iso-8859-1", "latin1", "us-ascii", "ascii") else word
        try:
            name = codecs.lookup(word).name
            if not _PROBE.decode(name, "replace").startswith(_PROBE[:-1].decode()):  # punycode, unicode_escape
                return None
        except (LookupError, UnicodeError, AssertionError):  # none, or no encoding of texts
            return None
        return None if name.startswith("utf") else _LARGER.get(name, name)
    return None
