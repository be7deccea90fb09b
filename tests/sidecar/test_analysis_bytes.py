"""Analyses of the bytes: digests, container, what follows after its end."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import facts_of, jpeg, kinds, scene, subject
from PIL import Image

from mediabridge.sidecar import containers
from mediabridge.sidecar.analysis import hashes, structure, trailing
from mediabridge.sidecar.analysis.model import Facts, NotApplicable, Subject

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")


def encoded(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    scene(1, 64, 48).save(out, kind, **options)
    return out.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("hidden.txt", "hidden")
    return out.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_file_ends_at_its_end(tmp_path: Path, kind: str) -> None:
    content = encoded(kind)
    layout = containers.walk(write(tmp_path / "a", content))
    assert layout is not None
    assert (layout.end, layout.problems) == (len(content), [])
    assert trailing.examine(subject(tmp_path / "a")).findings == ()


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "BMP"])
@given(extra=st.binary(min_size=1, max_size=200).filter(any))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_appended_is_found_where_it_begins(tmp_path: Path, kind: str, extra: bytes) -> None:
    content = encoded(kind)
    (finding,) = trailing.examine(subject(write(tmp_path / "a", content + extra))).findings
    padding = len(content) & 1 if kind == "WEBP" else 0
    assert (finding.kind, finding.confidence) == ("trailingData", "high")
    assert finding.data["offset"] == len(content) + padding
    assert finding.data["bytes"] == len(extra) - padding


@pytest.mark.parametrize(
    ("extra", "looks_like"),
    [
        (archive(), "a ZIP archive"),
        (jpeg(scene(2, 32, 32)), "a JPEG picture"),
        (b"meet me at noon", "text"),
        (hashlib.shake_256(b"").digest(20_000), "compressed or encrypted data"),
    ],
)
def test_appended_data_is_named(tmp_path: Path, extra: bytes, looks_like: str) -> None:
    for kind in ("JPEG", "PNG"):
        (finding,) = trailing.examine(subject(write(tmp_path / "a", encoded(kind) + extra))).findings
        assert finding.data["looksLike"] == looks_like
        assert looks_like in finding.what


def test_empty_padding_is_no_finding(tmp_path: Path) -> None:
    examined = trailing.examine(subject(write(tmp_path / "a.jpg", encoded("JPEG") + bytes(500))))
    assert examined.findings == ()
    assert examined.facts["stretches"][0]["empty"] is True


def test_declared_further_pictures_are_no_finding(tmp_path: Path) -> None:
    """A phone's second picture, declared by its Multi-Picture Format index; the bytes after it are not declared."""
    first, second = encoded("JPEG"), jpeg(scene(2, 32, 32))
    tags = {"MPF": {"MPImage2:MPImageStart": len(first), "MPImage2:MPImageLength": len(second)}}
    path = write(tmp_path / "a.jpg", first + second)
    assert trailing.examine(subject(path, tags)).findings == ()
    write(path, first + second + b"more")
    (finding,) = trailing.examine(subject(path, tags)).findings
    assert finding.data["offset"] == len(first + second)


def test_a_motion_photo_is_no_finding(tmp_path: Path) -> None:
    video = b"\0\0\0\x10ftypmp42\0\0\0\0" * 4
    path = write(tmp_path / "a.jpg", encoded("JPEG") + video)
    assert trailing.examine(subject(path, {"XMP": {"MicroVideoOffset": len(video)}})).findings == ()


def test_the_end_marker_inside_of_a_thumbnail_is_not_the_end(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "FFD9 follows: \xff\xd9"
    content = jpeg(scene(1, 64, 48), comment=b"\xff\xd9", exif=exif)
    assert trailing.examine(subject(write(tmp_path / "a.jpg", content))).facts["end"] == len(content)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 2])
def test_scans_of_all_kinds_are_walked_through(tmp_path: Path, progressive: bool, restart: int) -> None:
    content = jpeg(scene(1, 200, 100), progressive=progressive, restart_marker_blocks=restart)
    layout = containers.walk(write(tmp_path / "a.jpg", content))
    assert layout is not None
    assert (layout.end, layout.problems) == (len(content), [])
    assert len(layout.named("scan")) == (1 if not progressive else len(layout.named("SOS")))


def test_text_has_no_end_to_look_for(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable):
        trailing.examine(subject(write(tmp_path / "a.txt", b"text")))


def problems(path: Path) -> set[str]:
    return {str(finding.data["problem"]) for finding in structure.examine(subject(path)).findings}


def test_cut_files_are_told(tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG", "GIF"):
        assert "noEnd" in problems(write(tmp_path / "a", encoded(kind)[:-20])), kind
    for kind in ("WEBP", "AVIF", "BMP"):
        assert "pastEnd" in problems(write(tmp_path / "a", encoded(kind)[:-20])), kind


def test_a_changed_png_fails_its_checksum(tmp_path: Path) -> None:
    content = bytearray(encoded("PNG"))
    content[content.index(b"IDAT") + 10] ^= 1
    assert problems(write(tmp_path / "a.png", bytes(content))) == {"badChecksum"}


def test_foreign_bytes_between_segments_are_told(tmp_path: Path) -> None:
    content = encoded("JPEG")
    at = content.index(b"\xff\xdb")
    assert problems(write(tmp_path / "a.jpg", content[:at] + b"junk" + content[at:])) == {"bytesBetweenSegments"}


@pytest.mark.parametrize("filler", [b"\xff" * 3_000_000, b"\0" * 3_000_000])
def test_a_header_full_of_nothing_is_told_and_not_decoded(tmp_path: Path, filler: bytes) -> None:
    content = encoded("JPEG")
    at = content.index(b"\xff\xdb")
    path = write(tmp_path / "a.jpg", content[:at] + filler + content[at:])
    assert "filler" in problems(path)
    facts = hashes.examine(subject(path)).facts
    assert (facts["perceptual"], facts["whyNoPerceptual"]) == (None, "its header holds too much filler to be decoded")
    few = write(tmp_path / "b.jpg", content[:at] + b"\xff\xff\xff" + content[at:])
    assert problems(few) == set()


def test_a_second_exif_is_told(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    content = jpeg(scene(1, 64, 48), exif=exif)
    at = content.index(b"\xff\xe1")
    segment = content[at : at + 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]]
    twice = write(tmp_path / "a.jpg", content[:at] + segment + content[at:])
    assert kinds(structure.examine(subject(twice))) == {"repeatedExif"}


def test_a_false_extension_and_a_foreign_size_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encoded("JPEG"))
    basics = {"FileType": "JPEG", "FileTypeExtension": "jpg", "ImageWidth": 64, "ImageHeight": 48}
    tags = {"File": basics, "EXIF": {"ExifImageWidth": 4000, "ExifImageHeight": 3000}, "ExifTool": {"Warning": "Bad x"}}
    assert kinds(structure.examine(subject(path, tags))) == {"extensionMismatch", "sizeMismatch", "readerWarning"}
    turned = {"File": basics, "EXIF": {"ExifImageWidth": 48, "ExifImageHeight": 64}}
    assert (
        kinds(structure.examine(Subject(path, turned, Facts("a.jpeg", "jpeg", "", facts_of(path).received_at))))
        == set()
    )


@pytest.mark.parametrize(
    ("name", "file_type", "usual"),
    [
        ("a.docx", "ZIP", "zip"),
        ("a.log", "TXT", "txt"),
        ("a.jpeg", "JPEG", "jpg"),
        ("a.avif", "MP4", "mp4"),
        ("a", "PNG", "png"),
    ],
)
def test_names_that_fit_are_no_mismatch(tmp_path: Path, name: str, file_type: str, usual: str) -> None:
    path = write(tmp_path / name, encoded("AVIF"))
    tags = {"File": {"FileType": file_type, "FileTypeExtension": usual}}
    assert kinds(structure.examine(subject(path, tags))) == set()


@pytest.mark.parametrize("kind", FORMATS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_broken_files_never_raise(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path / "a", bytes(content[: data.draw(st.integers(0, len(content)))]))
    for examine in (structure.examine, trailing.examine):
        try:
            examine(subject(path))
        except NotApplicable:
            continue


def test_digests_are_those_of_hashlib(tmp_path: Path) -> None:
    content = encoded("PNG")
    found = hashes.examine(subject(write(tmp_path / "a.png", content)))
    assert found.facts["md5"] == hashlib.md5(content).hexdigest()
    assert found.facts["sha1"] == hashlib.sha1(content).hexdigest()
    assert found.facts["sha256"] == hashlib.sha256(content).hexdigest()
    assert found.findings == ()
    told = Subject(tmp_path / "a.png", {}, Facts("a.png", "png", "0" * 64, facts_of(tmp_path / "a.png").received_at))
    assert kinds(hashes.examine(told)) == {"digestMismatch"}


def phash(path: Path, which: str = "phash") -> str:
    return str(hashes.examine(subject(path)).facts["perceptual"][which])


@pytest.mark.parametrize("which", ["phash", "dhash"])
def test_perceptual_hashes_are_near_for_copies_and_far_for_others(tmp_path: Path, which: str) -> None:
    original = scene(1)
    original.save(tmp_path / "a.png")
    jpeg_copy = write(tmp_path / "b.jpg", jpeg(original.resize((320, 240)), 40))
    write(tmp_path / "c.jpg", jpeg(scene(2), 92))
    one, copy, other = (phash(tmp_path / name, which) for name in ("a.png", jpeg_copy.name, "c.jpg"))
    assert hashes.distance(one, copy) <= 6
    assert hashes.distance(one, other) >= 16


def test_perceptual_hashes_are_of_the_upright_picture(tmp_path: Path) -> None:
    original = scene(1)
    original.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    turned = original.transpose(Image.Transpose.ROTATE_90)
    for kind in ("jpg", "tif", "webp", "avif"):
        turned.save(tmp_path / f"b.{kind}", exif=exif)
        assert hashes.distance(phash(tmp_path / "a.png"), phash(tmp_path / f"b.{kind}")) <= 6, kind


@pytest.mark.parametrize("make", [lambda: Image.new("RGB", (50, 50), "white"), lambda: Image.new("RGBA", (50, 50))])
def test_a_picture_without_contrast_has_no_perceptual_hash(tmp_path: Path, make: Callable[[], Image.Image]) -> None:
    make().save(tmp_path / "a.png")
    facts = hashes.examine(subject(tmp_path / "a.png")).facts
    assert facts["perceptual"] is None
    assert "contrast" in facts["whyNoPerceptual"]
