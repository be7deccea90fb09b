"""What is read of each format, and what is said of those that are encrypted, broken or bombs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from documents import archive, docx, epub, joined, odt, paragraphs, pdf, pptx, printed, relations, scanned, xlsx
from documents import with_password as locked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.text import flow, markup, notes, packages
from mediabridge.sidecar.text import pdf as reader
from mediabridge.sidecar.text.readers import TYPES, reader_of

Read = Callable[[bytes, str], tuple[str, dict[str, Any]]]
BOX = (
    "<w:p><mc:AlternateContent><mc:Choice><w:t>boxed</w:t></mc:Choice>"
    "<mc:Fallback><w:t>boxed</w:t></mc:Fallback></mc:AlternateContent></w:p>"
)
TABLE = (
    f"<w:tbl><w:tr><w:tc>{paragraphs('a')}</w:tc><w:tc>{paragraphs('b')}</w:tc></w:tr>"
    f"<w:tr><w:tc>{paragraphs('c')}</w:tc></w:tr></w:tbl>"
)
BILLION_LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def test_every_type_has_its_reader() -> None:
    assert all(callable(reader_of(kind)) for kind in TYPES)


def test_docx_with_all_that_stands_beside_the_body(read: Read) -> None:
    body = paragraphs("Ärger &amp; Lust", "two<w:tab/>") + TABLE + BOX + "<w:p><w:delText>gone</w:delText></w:p>"
    text, end = read(docx(body, header1=paragraphs("top"), footnotes=paragraphs("note"), comments=BOX), "docx")
    assert text.split("\n\n") == ["Ärger & Lust\ntwo\na\tb\nc\nboxed", "top", "note", "boxed"]
    assert end["end"] is None


def test_docx_whose_main_part_lies_elsewhere(read: Read) -> None:
    assert read(docx(paragraphs("here"), main="word/document2.xml"), "docx")[0] == "here"


def test_slides_are_pages_in_the_order_in_which_they_are_shown(read: Read) -> None:
    text, end = read(pptx("first", "second", "third"), "pptx")
    assert text == "first\nsecond\nthird"
    assert [piece["page"] for piece in end["pieces"]] == [1, 2, 3] == list(range(1, end["pageCount"] + 1))


def test_sheets_are_pages_with_rows_and_cells(read: Read) -> None:
    text, end = read(xlsx(one=[["name", "n"], ["x", 7]], two=[["y"]]), "xlsx")
    assert text == "name\tn\nx\t7\ny"
    assert end["pageCount"] == 2


def test_odt(read: Read) -> None:
    body = (
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h>Head</text:h>"
        '<text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d<text:span>e</text:span></text:p>\n  '
    )
    assert read(odt(body), "odt")[0] == "Head\na   b\tc\nde"


def test_epub_in_the_order_of_its_spine(read: Read) -> None:
    chapters = {
        "z.xhtml": "<!DOCTYPE html><html><head><title>T</title></head><body><h1>One</h1>caf&eacute;</body></html>",
        "a.xhtml": "<html><body><p>Two</p><script>no</script></body></html>",
    }
    assert read(epub(chapters), "epub")[0].split() == ["One", "café", "Two"]


def test_rtf(read: Read) -> None:
    text, end = read(rb"{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe\par \u8364?5{\*\generator no}}", "rtf")
    assert text == "Grüße\n€5"
    assert end["end"] is None
    assert "in the middle" in read(rb"{\rtf1 one {\b two", "rtf")[1]["warnings"][0]


def test_html_shows_what_a_reader_sees(read: Read) -> None:
    html = (
        "<title>no</title><style>p{}</style><p>a <b>b</b>c\n d<br>e</p><div hidden>no</div><p style='display: none'>no"
        "<ul><li>1<li>2</ul><pre>x\n  y</pre><script>no()</script><table><tr><td>p<td>q</table>&lt;&amp;"
    )
    assert markup.visible(html) == "a bc d\ne\n\n1\n2\n\nx\n  y\n\np\tq\n\n<&"
    assert read(html.encode(), "html")[0] == markup.visible(html)


@given(
    st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9)),
    st.sampled_from(["p", "li", "h1", "a"]),
)
def test_no_script_is_text_and_no_word_is_lost(words: list[str], tag: str) -> None:
    html = "".join(f"<script>hidden</script><{tag}>{word} </{tag}><style>hidden</style>" for word in words)
    assert markup.visible(html).split() == words


def test_pages_that_are_long_are_not_taken_for_deep_ones() -> None:
    html = "<p>a<li>b<td>c<br><img><a id='x'/></i>" * 5000 + "<div><b>d</b></div>" * 5000
    assert markup.visible(html).count("d") == 5000


def test_what_looks_like_a_tag_and_never_ends_costs_no_more_than_its_length() -> None:
    """With a pattern that tries all ways to split it, these took minutes."""
    for html in ("hello <" + "a" * 300_000, "hello " + "<a" * 100_000, "hello <a " + "x=/ " * 100_000):
        assert markup.visible(html).startswith("hello")


@given(st.text(max_size=500))
def test_any_html_is_read(html: str) -> None:
    assert isinstance(markup.visible(html), str)


def test_pdf_keeps_its_page_numbers(read: Read) -> None:
    text, end = read(pdf("first page", "", "third page"), "pdf")
    assert text == "first page\n\nthird page"
    assert [(piece["page"], piece["bare"]) for piece in end["pieces"]] == [(1, False), (2, False), (3, False)]


def test_scanned_pages_are_told_from_empty_ones(read: Read) -> None:
    picture = printed("Nobody can select this", width=1200)
    _, end = read(joined(pdf("a page with text", ""), scanned(picture, picture)), "pdf")
    assert [piece["bare"] for piece in end["pieces"]] == [False, False, True, True]


@given(st.floats(0.1, 20_000), st.floats(0.1, 20_000))
def test_pages_as_pictures_are_bounded(width: float, height: float) -> None:
    dpi = reader._dpi(width, height)
    assert 1 <= dpi <= reader.DPI
    assert dpi == 1 or (width * dpi / 72) * (height * dpi / 72) <= reader.MOST_PIXELS
    assert dpi == 1 or max(width, height) * dpi / 72 <= reader.MOST_SIDE


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
ENCRYPTED = [
    (locked(pdf("secret words")), "pdf"),
    (OLE + bytes(packages._BLOCK - 1017) + "EncryptedPackage".encode("utf-16-le"), "docx"),  # across two blocks
    (odt("<x/>", '<m:file-entry><m:encryption-data/></m:file-entry>'), "odt"),
    (
        epub({"a.xhtml": "x"}, **{"META-INF/encryption.xml": '<e><CipherReference URI="OPS/a.xhtml"/></e>'}),
        "epub",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "kind"), ENCRYPTED, ids=[kind for _, kind in ENCRYPTED])
def test_encrypted(read: Read, content: bytes, kind: str) -> None:
    text, end = read(content, kind)
    assert (text, end["end"]) == ("", "encrypted")


def test_fonts_that_are_encrypted_do_not_lock_a_book(read: Read) -> None:
    fonts = {"META-INF/encryption.xml": '<e><CipherReference URI="OPS/font.otf"/></e>'}
    assert read(epub({"a.xhtml": "<p>open</p>"}, **fonts), "epub")[0].strip() == "open"


BROKEN = [
    (b"%PDF-1.4\nno objects", "pdf", "cannot be opened"),
    (docx(paragraphs("x"))[:200], "docx", "archive is damaged"),
    (b"", "docx", "archive is damaged"),
    (OLE, "docx", "older format"),
    (archive({"a": "b"}), "docx", "has no word/document.xml"),
    (docx("<w:p></w:q>"), "docx", "is no XML"),
    (archive({"a": "b"}), "epub", "META-INF/container.xml"),
    (archive({"content.xml": "<a>"}), "odt", "is no XML"),
    (b"no rtf", "rtf", "does not begin as RTF"),
    (docx("<w:p>" * 600), "docx", "nested"),
    (b"<div>" * 300_000, "html", "nested"),
    (b"<div/>" * 300_000 + b"</div>" * 300_000, "html", "nested"),
    (epub({"a.xhtml": "<span>" * 50_000}), "epub", "nested"),
]


@pytest.mark.parametrize(("content", "kind", "words"), BROKEN)
def test_broken(read: Read, content: bytes, kind: str, words: str) -> None:
    _, end = read(content, kind)
    assert end["end"] == "broken"
    assert words in end["warnings"][0]


def test_what_stands_before_a_damage_is_given(read: Read) -> None:
    text, end = read(docx(paragraphs("saved") + "<w:p></w:q>"), "docx")
    assert (text, end["end"]) == ("saved", "broken")


@pytest.mark.parametrize("kind", ["docx", "odt", "pptx", "epub"])
def test_entities_of_a_document_are_refused(read: Read, kind: str) -> None:
    content = {
        "docx": archive({"word/document.xml": f"{BILLION_LAUGHS}<x><t>&b;</t></x>"}),
        "odt": archive({"content.xml": f"{BILLION_LAUGHS}<x><p>&b;</p></x>"}),
        "pptx": archive({"ppt/presentation.xml": f"{BILLION_LAUGHS}<x/>"}),
        "epub": archive({"META-INF/container.xml": f"{BILLION_LAUGHS}<x/>"}),
    }[kind]
    text, end = read(content, kind)
    assert (text.strip(), end["end"]) == ("", "broken")
    assert "entities" in end["warnings"][0]


@pytest.mark.parametrize("kind", ["docx", "epub", "odt", "xlsx"])
def test_zip_bombs_are_unpacked_no_further_than_allowed(read: Read, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(packages, "MOST_UNPACKED", 300_000)
    much = "all work and no play " * 200_000
    content = {
        "docx": docx(paragraphs(*["words"] * 100) + f"<w:p><w:t>{much}</w:t></w:p>"),
        "epub": epub({"a.xhtml": f"<p>{much}</p>"}),
        "odt": odt(f"<text:p>{much}</text:p>"),
        "xlsx": xlsx(one=[[much]]),
    }[kind]
    assert len(content) < 60_000
    text, end = read(content, kind)
    assert end["truncated"]
    assert "unpacks to more than 300000 bytes" in end["warnings"][0]
    assert len(text) <= 300_000
    assert end["end"] is None


def test_more_text_than_is_given(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediabridge.sidecar.text.work.MOST_CHARACTERS", 10)
    text, end = read("ä".encode() * 50, "txt")
    assert (text, end["truncated"]) == ("ä" * 10, True)
    text, end = read(pdf("eight 88", "never read", "nor this"), "pdf")
    assert (text, end["truncated"], len(end["pieces"])) == ("eight 88\nne", True, 2)


def test_pages_beyond_the_limit(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_PAGES", 2)
    text, end = read(pdf("one", "two", "three"), "pdf")
    assert (text, end["pageCount"], end["truncated"]) == ("one\ntwo", 3, True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.sampled_from(["docx", "odt", "epub", "pdf", "rtf", "xlsx", "pptx"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    st.floats(0.2, 1),
)
def test_spoiled_documents_are_answered(read: Read, kind: str, spoils: list[tuple[float, int]], kept: float) -> None:
    whole = {
        "docx": docx(paragraphs("a", "b") + TABLE),
        "odt": odt("<text:p>a</text:p>"),
        "epub": epub({"a.xhtml": "<p>a</p>"}),
        "pdf": pdf("a", "b"),
        "rtf": rb"{\rtf1\ansi one {\b two}\par \'e4 \u300?}",
        "xlsx": xlsx(one=[["a", 1]]),
        "pptx": pptx("a", "b"),
    }[kind]
    content = bytearray(whole[: int(len(whole) * kept)])
    for place, value in spoils:
        content[int(place * len(content))] = value
    _, end = read(bytes(content), kind)
    assert end["end"] in (None, "broken", "encrypted")


def test_external_relations_are_not_followed(read: Read) -> None:
    slides = relations(r0=("slide", "../../../etc/passwd"))
    content = archive({"ppt/presentation.xml": "<p><sldId id='r0'/></p>", "ppt/_rels/presentation.xml.rels": slides})
    assert read(content, "pptx")[0] == ""


def test_a_member_with_a_zip_password(read: Read) -> None:
    content = bytearray(archive({"word/document.xml": "<x/>"}, zipfile.ZIP_STORED))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + flags] |= 1
    assert read(bytes(content), "docx")[1]["end"] == "encrypted"


def test_collected_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_CHARACTERS", 100)
    collected = flow.Flow(flow.Rules(frozenset({"t"}), frozenset()))
    collected.start("t", {})
    for _ in range(1000):
        collected.text("ten words ")
    assert len(collected.collected) <= 120
    assert notes.tidy(" a \n\n\n\nb\t\n") == " a\n\nb"
