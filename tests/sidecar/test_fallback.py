"""The built-in reader: the same names and values as ExifTool's wherever both read a tag, and bounded on anything."""

from __future__ import annotations

import json
import subprocess
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, metadata, plant, scene

from mediabridge.sidecar import faults
from mediabridge.sidecar.extraction import extract, groups, verdict
from mediabridge.sidecar.extraction.fallback import NAME, WARNING, BuiltinExtractor, pictures, tiff, values, work
from mediabridge.sidecar.isolated import Died, IsolationError, Limits, NoRoom, NotStarted, Runner, TookTooLong

# Tags on which the two may differ for a reason: (group, tag) -> why.
MAY_DIFFER = {
    ("Composite", "Aperture"): "ExifTool prefers a maker note's more exact value",
    ("Composite", "ShutterSpeed"): "ExifTool prefers a maker note's more exact value",
    ("EXIF", "ThumbnailOffset"): "ExifTool prefers another directory's in a RAW file",
    ("EXIF", "ThumbnailLength"): "the same",
    ("EXIF", "ThumbnailImage"): "the same",
    ("File", "FileType"): "ExifTool 12.57 takes an animated AVIF for an MP4",
    ("File", "FileTypeExtension"): "the same",
    ("File", "MIMEType"): "the same",
}
MAIN_TAGS = {
    ("File", "MIMEType"), ("File", "FileSize"), ("EXIF", "Make"), ("EXIF", "Model"), ("EXIF", "DateTimeOriginal"),
    ("EXIF", "Orientation"), ("EXIF", "ExposureTime"), ("EXIF", "FNumber"), ("EXIF", "ISO"), ("EXIF", "FocalLength"),
    ("EXIF", "Flash"), ("GPS", "GPSLatitude"), ("GPS", "GPSLongitude"), ("GPS", "GPSAltitude"), ("PDF", "PDFVersion"),
    ("Composite", "ImageSize"), ("Composite", "GPSPosition"), ("QuickTime", "CreateDate"), ("QuickTime", "Duration"),
}  # fmt: skip


@dataclass(frozen=True)
class Upload:
    path: Path
    name: str
    extension: str


def upload(path: Path) -> Upload:
    return Upload(path, path.name, path.suffix.lstrip(".").lower())


def read(path: Path) -> extract.Reading:
    return BuiltinExtractor(Runner()).read(upload(path))


def test_a_camera_file_has_the_values_that_exiftool_prints(exiftool: Path, tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(jpeg(scene(1, 64, 48), comment=b"hello", dpi=(300, 300)))
    plant(
        exiftool, path, "-Make=Canon", "-Model=EOS R5", "-Orientation#=6", "-DateTimeOriginal=2024:07:01 12:00:00",
        "-OffsetTimeOriginal=+02:00", "-SubSecTimeOriginal=07", "-ExposureTime=1/250", "-FNumber=2.8", "-ISO=100",
        "-FocalLength=50", "-Flash#=16", "-ExposureCompensation=-0.333333", "-UserComment=größer",
        "-LensInfo=24 70 2.8 2.8",
        "-GPSLatitude=41.853", "-GPSLatitudeRef=N", "-GPSLongitude=12.4888333", "-GPSLongitudeRef=W",
        "-GPSAltitude=21.5",
        "-GPSAltitudeRef#=0", "-GPSDateStamp=2024:07:01", "-GPSTimeStamp=10:00:00.25", "-Software=1.400",
    )  # fmt: skip
    reading, want = read(path), metadata(exiftool, path)
    assert (reading.engine_name, reading.verdict) == (NAME, verdict.Verdict(verdict.Kind.READABLE))
    assert reading.warnings == (WARNING,)
    for group in ("EXIF", "GPS", "JFIF"):
        assert reading.metadata[group] == {tag: want[group][tag] for tag in reading.metadata[group]}
        assert set(reading.metadata[group]) == set(want[group])
    assert {**want["File"], **reading.metadata["File"]} == want["File"]
    assert (reading.mime_type, reading.usual_extension) == ("image/jpeg", "jpg")


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "tif", "bmp", "avif"])
def test_pictures_of_all_kinds_have_exiftools_type_and_size(exiftool: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    scene(1, 64, 48).save(path)
    got, want = read(path).metadata, metadata(exiftool, path)
    for tag in ("FileType", "FileTypeExtension", "MIMEType", "FileSize"):
        assert got["File"][tag] == want["File"][tag]
    assert got["Composite"]["ImageSize"] == want["Composite"]["ImageSize"] == "64x48"
    assert got["Composite"]["Megapixels"] == want["Composite"]["Megapixels"]


def test_sound_has_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000 * 4 * 2))
    got = read(path).metadata
    assert (got["RIFF"]["NumChannels"], got["RIFF"]["SampleRate"]) == (2, 8000)
    assert got["Composite"]["Duration"] == "2.00 s"


def test_text_under_a_pictures_name_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("only text")
    assert read(tmp_path / "a.jpg").verdict.kind is verdict.Kind.MISTYPED
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    assert read(tmp_path / "a.bin").verdict.kind is verdict.Kind.MISTYPED
    (tmp_path / "a.txt").write_text("only text")
    assert read(tmp_path / "a.txt").verdict.kind is verdict.Kind.READABLE


def test_a_broken_pdf_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    reading = read(tmp_path / "a.pdf")
    assert reading.metadata["PDF"]["PDFVersion"] == 1.7
    assert any(text.startswith("Reading stopped early") for text in reading.warnings)


class Ending(Runner):
    """A child that ends as told, after some answers."""

    def __init__(self, problem: IsolationError, *answers: Any) -> None:
        super().__init__()
        self.problem, self.answers = problem, answers

    def stream(self, task: str, request: Any, limits: Limits | None = None) -> Iterator[Any]:
        yield from self.answers
        raise self.problem


@pytest.mark.parametrize(
    ("problem", "fault"),
    [
        (TookTooLong("it was not done within 30 s"), faults.ExtractionTimeout),
        (NoRoom("no process was free within 30 s"), faults.EngineBusy),
        (NotStarted("no process could be started"), faults.EngineUnavailable),
        (Died("killed by SIGSEGV"), faults.EngineUnavailable),
    ],
)
def test_without_any_answer_the_fault_says_why(tmp_path: Path, problem: IsolationError, fault: type[Exception]) -> None:
    with pytest.raises(fault, match=str(problem)):
        BuiltinExtractor(Ending(problem)).read(upload(tmp_path / "a.jpg"))


def test_nothing_is_read_for_a_client_that_left(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(scene(1, 32, 32)))
    with pytest.raises(faults.ClientGone):
        BuiltinExtractor(Runner()).read(upload(tmp_path / "a.jpg"), lambda: True)


def test_what_was_read_before_a_crash_is_kept(tmp_path: Path) -> None:
    answer = {"pairs": [["File:FileType", "JPEG"], ["File:MIMEType", "image/jpeg"], ["File:ImageWidth", 5]]}
    reading = BuiltinExtractor(Ending(Died("killed by SIGSEGV"), answer)).read(upload(tmp_path / "a.jpg"))
    assert reading.metadata["File"]["ImageWidth"] == 5
    assert reading.warnings == (WARNING, "Reading stopped early: killed by SIGSEGV.")


def without_child(path: Path) -> tuple[groups.Metadata, list[str]]:
    """The same reader in this process: hundreds of files need no process each."""
    parts = list(work.read({"path": str(path), "extension": path.suffix.lstrip(".").lower()}))
    pairs = [(key, value) for part in parts for key, value in part.get("pairs", ())]
    return groups.regroup(pairs, path.name), [part["warning"] for part in parts if "warning" in part]


def test_on_the_corpus_each_tag_that_both_read_has_the_same_value(exiftool: Path, corpus: Path) -> None:
    files = [path for path in sorted(corpus.rglob("*")) if path.is_file() and "hostile" not in path.parts]
    run = subprocess.run(
        [exiftool, "-config", "", *groups.ARGUMENTS, "-@", "-"],
        input="\n".join(map(str, files)).encode(), capture_output=True, check=False,
    )  # fmt: skip
    same, wrong, seen = 0, [], Counter[tuple[str, str]]()
    for tags in json.loads(run.stdout):
        path = Path(tags["SourceFile"])
        want, (got, _) = groups.regroup(list(tags.items()), path.name), without_child(path)
        for group, table in got.items():
            for tag, value in table.items():
                if tag not in want.get(group, {}):
                    continue
                seen[group, tag] += 1
                theirs = want[group][tag]
                if value == theirs and type(value) is type(theirs):
                    same += 1
                elif (group, tag) not in MAY_DIFFER and path.name != "exif.mp4":  # in which sizes are written unshifted
                    wrong.append((path.name, group, tag, value, theirs))
    assert wrong == []
    assert same > 5000
    assert set(seen) >= MAIN_TAGS


def test_hostile_files_of_the_corpus_are_no_exception(corpus: Path) -> None:
    builtin = BuiltinExtractor(Runner())
    files = [path for path in sorted((corpus / "hostile").rglob("*")) if path.is_file()]
    for path in files:
        reading = builtin.read(upload(path))
        json.dumps(reading.metadata, allow_nan=False)
        assert reading.metadata["File"]["FileSize"]
    assert len(files) > 30


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]))
def test_no_directory_raises_or_runs_on(data: bytes, head: bytes) -> None:
    block = head + data
    pairs = list(pictures.exif(lambda offset, count: block[offset : offset + count], 0))
    json.dumps(pairs, allow_nan=False)


def test_directories_that_point_at_themselves_end() -> None:
    entry = (
        (0x8769).to_bytes(2, "little")
        + (4).to_bytes(2, "little")
        + (1).to_bytes(4, "little")
        + (8).to_bytes(4, "little")
    )
    block = b"II*\0\x08\0\0\0" + b"\1\0" + entry + b"\x08\0\0\0"
    assert len(list(tiff.directories(lambda offset, count: block[offset : offset + count]))) < 20


@pytest.mark.parametrize(
    ("words", "value", "expected"),
    [
        (values.seconds, 0.004, "1/250"), (values.seconds, 0.5, 0.5), (values.seconds, 2.0, 2),
        (values.f_number, 2.8, 2.8), (values.f_number, 4.0, 4.0), (values.f_number, 0.95, 0.95),
        (values.compensation, -0.3333333333, "-1/3"), (values.compensation, 0.5, "+1/2"), (values.compensation, 0, 0),
        (values.compensation, 1.0, "+1"), (values.degrees, (45.0, 30.0, 2.4), "45 deg 30' 2.40\""),
        (values.degrees, (59.0, 59.0, 59.999), "60 deg 0' 0.00\""), (values.time_of_day, (7.0, 9.0, 8.5), "07:09:08.5"),
        (values.lens, (24.0, 70.0, 2.8, 2.8), "24-70mm f/2.8"), (values.file_size, 1999, "1999 bytes"),
        (values.file_size, 5440, "5.4 kB"), (values.file_size, 166_987, "167 kB"), (values.duration, 65.2, "0:01:05"),
        (values.plain, "1.400", 1.4), (values.plain, "0220", "0220"), (values.plain, "1e999", "1e999"),
    ],
)  # fmt: skip
def test_values_are_worded_as_exiftool_words_them(words: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert words(value) == expected
    assert type(words(value)) is type(expected)
