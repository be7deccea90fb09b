"""XMP files beside originals go along with the copies, and say what the copies say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediabridge.sidecar.library import intake, review
from mediabridge.sidecar.library.export.job import export
from mediabridge.sidecar.library.export.options import parse
from mediabridge.sidecar.library.export.plan import dry_run

from .conftest import Library, everything

Picture = Callable[..., bytes]
COPY = "2024/20240131_120000.jpg"
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" xmp:CreateDate="2001-01-01"
 xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.35"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="52,30.0N" exif:GPSLongitude="13,24.0E"
 xmlns:odd="http://example.org/odd/" odd:mine="kept">
<dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>old</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("name", ["x.xmp", "x.jpg.xmp", "x.XMP", "X.JPG.Xmp"])
def test_it_goes_along_with_all_that_is_in_it_and_the_copys_date(library: Library, picture: Picture, name: str) -> None:
    library.add(library.put("x.jpg", picture()), offset_min=60, words=["Rome"])
    source = library.put(name, XMP.encode())
    before = everything(library.originals)
    library.export()
    assert library.exported() == [COPY, f"{COPY}.xmp"]
    told = library.read(f"{COPY}.xmp")
    assert (told["XMP-xmp:Rating"], told["XMP-crs:Exposure2012"], told["XMP-odd:Mine"]) == (4, "+0.35", "kept")
    assert "52 deg 30" in told["XMP-exif:GPSLatitude"]
    assert told["XMP-exif:DateTimeOriginal"] == told["XMP-xmp:CreateDate"] == "2024:01:31 12:00:00+01:00"
    assert told["XMP-dc:Subject"] == ["Rome"]
    (line,) = library.manifest()
    assert (line["sidecar"], line["sidecarSource"], line["metadata"]) == (f"{COPY}.xmp", str(source), "embedded")
    assert line["sidecarSha256"] == hashlib.sha256((library.target / f"{COPY}.xmp").read_bytes()).hexdigest()
    assert everything(library.originals) == before


def test_one_that_nothing_is_written_into_is_the_same_to_the_byte(library: Library, picture: Picture) -> None:
    source = library.put("x.xmp", XMP.encode())
    library.add(library.put("x.jpg", picture()), words=["Rome"])
    library.export(metadata="none")
    assert (library.target / f"{COPY}.xmp").read_bytes() == source.read_bytes()
    assert library.manifest()[0]["metadata"] == "nothing"


def test_a_broken_one_goes_along_as_it_is_and_the_manifest_says_so(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()))
    source = library.put("x.jpg.xmp", b"<x:xmpmeta <<< no XML")
    library.put("x.xmp", XMP.encode())  # the other's name says more
    library.export()
    assert (library.target / f"{COPY}.xmp").read_bytes() == source.read_bytes()
    assert "goes along is as it was" in library.manifest()[0]["why"]


def test_beside_what_is_not_written_into_it_is_where_the_tags_are(library: Library, picture: Picture) -> None:
    library.add(library.put("x.bmp", picture("BMP")), words=["Rome"])
    library.put("x.xmp", XMP.encode())
    library.export()
    copy, beside = library.exported()
    told = library.read(beside)
    assert (beside, told["XMP-xmp:Rating"], told["XMP-dc:Subject"]) == (f"{copy}.xmp", 4, ["Rome"])
    assert library.manifest()[0]["metadata"] == "sidecar"


def test_a_link_is_none(library: Library, picture: Picture, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    library.add(library.put("x.jpg", picture()))
    (library.originals / "x.xmp").symlink_to(tmp_path / "secret")
    library.export()
    assert library.exported() == [COPY]


def test_the_second_export_sees_another_one(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()))
    library.put("x.xmp", XMP.encode())
    library.export()
    library.export()
    assert library.exported() == [COPY, f"{COPY}.xmp"]
    assert library.manifest("JOB2")[0]["result"] == "present"
    library.put("x.xmp", XMP.replace('Rating="4"', 'Rating="15"').encode())
    library.export()
    assert library.exported()[2:] == ["2024/20240131_120000_001.jpg", "2024/20240131_120000_001.jpg.xmp"]


class Stopped(BaseException):
    """As `Interrupted` is."""


def test_stopped_anywhere_each_copy_has_its_own_once(library: Library, picture: Picture) -> None:
    for number in range(3):
        library.add(library.put(f"{number}.jpg", picture(colour=number)))
        library.put(f"{number}.xmp", XMP.encode())
    job, stops = library.job(), 0

    def stopping(after: int) -> Callable[..., None]:
        seen = iter(range(after, -1, -1))

        def check(*_: Any) -> None:
            if next(seen, 0) == 0:
                raise Stopped

        return check

    for after in (4, 7, 9, 11):
        try:
            export(job, library.parts, lambda *_: None, stopping(after))
        except Stopped:
            stops += 1
    library.export(job)
    assert stops
    copies = ["20240131_120000", "20240131_120000_001", "20240131_120000_002"]
    assert library.exported() == [f"2024/{name}.jpg{end}" for name in copies for end in ("", ".xmp")]
    assert not [path for path in library.target.iterdir() if path.name.startswith(".")]


def test_a_dry_run_counts_them_and_names_what_is_gone(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()))
    library.put("x.xmp", XMP.encode())
    gone = library.put("gone.jpg", picture(colour=2))
    number = library.add(gone)
    gone.unlink()
    told = dry_run(parse({"target": str(library.target)})[0], library.parts)
    assert (told["files"], told["sidecars"], told["missing"]) == (2, 1, 1)
    assert told["problems"] == [{"id": number, "source": str(gone), "problem": "missing"}]
    assert library.export()["failed"] == 1
    failed = next(line for line in library.manifest() if line["result"] == "failed")
    assert (failed["source"], failed["error"]["kind"]) == (str(gone), "not_found")


def test_what_was_moved_is_exported_from_where_it_is(library: Library, picture: Picture) -> None:
    old = library.put("old.jpg", picture())
    number = library.add(old)
    other = library.add(library.put("new.jpg", old.read_bytes()))
    old.unlink()
    library.door.write(lambda session: intake.lose(session, [number]))
    told = dry_run(parse({"target": str(library.target)})[0], library.parts)
    assert (told["files"], told["missing"], told["leftOut"]["moved"]) == (1, 0, 1)
    assert library.export()["failed"] == 0
    library.door.write(lambda session: review.decide(session, other, "discard"))
    assert library.export(keepersOnly=True)["failed"] == 1  # nobody else has it now
