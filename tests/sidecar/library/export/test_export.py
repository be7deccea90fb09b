"""Exports with ExifTool itself, of small files."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import Job, JobFile, Tag
from mediabridge.sidecar.extraction.pool import start_pool
from mediabridge.sidecar.faults import Conflict, EngineUnavailable, Forbidden, StorageFull, StorageUnavailable
from mediabridge.sidecar.library import jobs, review
from mediabridge.sidecar.library.export.job import export
from mediabridge.sidecar.library.export.rename import rename_new
from mediabridge.sidecar.library.export.target import Target

from .conftest import NOON, Library, everything

Picture = Callable[..., bytes]


def test_copies_are_named_by_their_dates_and_the_undated_by_themselves(library: Library, picture: Picture) -> None:
    library.add(library.put("a/IMG_1.JPG", picture(colour=1)))
    library.add(library.put("b/IMG_1.jpg", picture(colour=2)))
    library.add(library.put("c.png", picture("PNG")), NOON + timedelta(seconds=1))
    library.add(library.put("d/Oma.jpeg", picture(colour=3)), None, confidence="none")
    library.add(library.put("e/Oma.jpeg", picture(colour=4)), None, confidence="none")
    found = library.export()
    assert (found["exported"], found["failed"], found["total"]) == (5, 0, 5)
    assert library.exported() == [
        "2024/20240131_120000.jpg",
        "2024/20240131_120000_001.jpg",
        "2024/20240131_120001.png",
        "unknown/Oma.jpeg",
        "unknown/Oma_001.jpeg",
    ]
    assert sorted(path.name for path in library.target.iterdir()) == ["2024", "export-JOB1.jsonl", "unknown"]


def test_originals_keep_every_byte_and_date(library: Library, picture: Picture) -> None:
    for number, kind in enumerate(("JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP")):
        path = library.put(f"deep/{kind}.{kind.lower()}", picture(kind))
        os.utime(path, ns=(10**18, 10**18 + 1 + number))  # read before its last change: a read would be noted
        try:
            os.setxattr(path, "user.note", b"mine")
        except OSError:
            pytest.skip("the disk has no attributes")
        library.add(path, words=["Rome"])
    before = everything(library.originals)
    library.export()
    assert len(library.exported()) >= 6
    assert everything(library.originals) == before


def test_a_copy_says_when_it_was_taken_and_its_tags(library: Library, picture: Picture) -> None:
    moment = datetime(2024, 1, 31, 12, 0, 0, 250_000)  # noqa: DTZ001
    library.add(library.put("x.jpg", picture()), moment, 60, words=["Rome", "日本 2", "<=/etc/passwd", "-o", "a, b"])
    library.export()
    told = library.read("2024/20240131_120000.jpg")
    assert told["ExifIFD:DateTimeOriginal"] == told["ExifIFD:CreateDate"] == "2024:01:31 12:00:00"
    assert (told["ExifIFD:SubSecTimeOriginal"], told["ExifIFD:OffsetTimeOriginal"]) == (25, "+01:00")
    assert told["XMP-exif:DateTimeOriginal"] == "2024:01:31 12:00:00.25+01:00"
    words = ["-o", "<=/etc/passwd", "a, b", "Rome", "日本 2"]
    assert sorted(told["IPTC:Keywords"]) == sorted(told["XMP-dc:Subject"]) == sorted(words)


def test_a_line_break_in_a_tag_is_no_argument(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()), words=["Rome"])
    bad = f"x\n-o\n{library.folder}/injected.jpg\n-Artist=me"
    library.door.write(lambda session: session.execute(update(Tag).values(name=bad)))  # which no door lets in
    library.export()
    assert not (library.folder / "injected.jpg").exists()
    assert library.exported() == ["2024/20240131_120000.jpg", "2024/20240131_120000.jpg.xmp"]
    assert "line break" in library.manifest()[0]["why"]


def test_a_film_says_it_in_utc(library: Library, movie: bytes) -> None:
    library.add(library.put("x.mp4", movie), NOON, 120)
    library.export()
    told = library.read("2024/20240131_120000.mp4")
    assert told["QuickTime:CreateDate"] == told["QuickTime:ModifyDate"] == "2024:01:31 10:00:00"
    assert told["Keys:CreationDate"] == "2024:01:31 12:00:00+02:00"


def test_what_stands_in_the_file_of_another_time_goes(library: Library, picture: Picture, engine: Any) -> None:
    path = library.put("x.jpg", picture())
    old = ("-SubSecTimeOriginal=77", "-OffsetTimeOriginal=-04:00", "-XMP-exif:DateTimeOriginal=2001:01:01 00:00:00")
    engine.run(*old, "-IPTC:Caption-Abstract=Café", "-overwrite_original", str(path), timeout_s=20)
    library.add(path, words=["Zoë"])
    library.export()
    told = library.read("2024/20240131_120000.jpg")
    assert not {"ExifIFD:SubSecTimeOriginal", "ExifIFD:OffsetTimeOriginal"} & told.keys()
    assert told["XMP-exif:DateTimeOriginal"] == "2024:01:31 12:00:00"
    assert (told["IPTC:Caption-Abstract"], told["IPTC:Keywords"]) == ("Café", "Zoë")


def test_a_guess_is_no_date_and_where_it_is_one_it_is_not_written_down(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()), confidence="low")
    library.export()
    assert library.exported() == ["unknown/x.jpg"]
    library.export(leastConfidence="low")
    assert library.exported() == ["2024/20240131_120000.jpg", "unknown/x.jpg"]
    assert "ExifIFD:DateTimeOriginal" not in library.read("2024/20240131_120000.jpg")


@pytest.mark.parametrize(("kind", "metadata"), [("BMP", "embed"), ("JPEG", "sidecar")])
def test_what_is_not_written_into_gets_a_file_beside_it(
    library: Library, picture: Picture, kind: str, metadata: str
) -> None:
    original = library.put(f"x.{kind.lower()}", picture(kind))
    library.add(original, offset_min=-90, words=["<Rome & more>"])
    library.export(metadata=metadata)
    copy, beside = library.exported()
    assert (library.target / copy).read_bytes() == original.read_bytes()
    assert beside == f"{copy}.xmp"
    told = library.read(beside)
    assert told["XMP-exif:DateTimeOriginal"] == "2024:01:31 12:00:00-01:30"
    assert told["XMP-dc:Subject"] == ["<Rome & more>"]
    assert library.manifest()[0]["metadata"] == "sidecar"


def test_a_broken_file_is_copied_as_it_is_and_the_manifest_says_so(library: Library, picture: Picture) -> None:
    original = library.put("x.jpg", picture()[:200])
    library.add(original)
    library.export(metadata="embed")
    assert (library.target / "2024/20240131_120000.jpg").read_bytes() == original.read_bytes()
    (line,) = library.manifest()
    assert (line["metadata"], line["result"]) == ("sidecar", "exported")
    assert "not sound" in line["why"]


def test_the_manifest_proves_both_sides(library: Library, picture: Picture) -> None:
    original = library.put("x.jpg", picture())
    library.add(original, offset_min=60, words=["Rome"])
    library.export()
    (line,) = library.manifest()
    copy = library.target / line["target"]
    assert line["sourceSha256"] == hashlib.sha256(original.read_bytes()).hexdigest()
    assert line["targetSha256"] == hashlib.sha256(copy.read_bytes()).hexdigest()
    assert (line["source"], line["tags"], line["confidence"]) == (str(original), ["Rome"], "high")
    assert (line["date"], line["offset"], line["metadata"]) == ("2024-01-31T12:00:00", "+01:00", "embedded")


def test_one_that_fails_does_not_stop_the_others(library: Library, picture: Picture) -> None:
    changed, gone = library.put("a.jpg", picture(colour=1)), library.put("b.jpg", picture(colour=2))
    for path in (changed, gone, library.put("c.jpg", picture(colour=3))):
        library.add(path)
    changed.write_bytes(picture(colour=9))
    gone.unlink()
    found = library.export()
    assert (found["exported"], found["failed"]) == (1, 2)
    assert library.exported() == ["2024/20240131_120000.jpg"]
    assert [line["result"] for line in library.manifest()] == ["failed", "failed", "exported"]
    assert [(line["error"] or {}).get("kind") for line in library.manifest()] == ["conflict", "not_found", None]


def test_a_link_or_a_pipe_in_the_place_of_an_original_is_refused(library: Library, picture: Picture) -> None:
    for name in ("a.jpg", "b.jpg"):
        library.add(library.put(name, picture()))
        (library.originals / name).unlink()
    (library.originals / "a.jpg").symlink_to("/etc/passwd")
    os.mkfifo(library.originals / "b.jpg")
    assert library.export()["failed"] == 2
    assert library.exported() == []


def test_uploads_come_out_of_the_store(library: Library, picture: Picture) -> None:
    library.upload("Oma.jpg", picture(), None)
    library.export()
    assert library.exported() == ["unknown/Oma.jpg"]


def test_a_strangers_file_is_never_replaced(library: Library, picture: Picture) -> None:
    (library.target / "2024").mkdir(parents=True)
    (library.target / "2024" / "20240131_120000.JPG").write_bytes(b"mine")
    library.add(library.put("x.jpg", picture()))
    library.export()
    assert library.exported() == ["2024/20240131_120000.JPG", "2024/20240131_120000_001.jpg"]
    assert (library.target / "2024" / "20240131_120000.JPG").read_bytes() == b"mine"


def test_the_second_export_to_a_folder_makes_what_is_new(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()))
    library.export()
    first = library.target / "2024" / "20240131_120000.jpg"
    before = identity(first)
    library.add(library.put("y.jpg", picture(colour=7)), NOON + timedelta(days=1))
    library.export()
    assert library.exported() == ["2024/20240131_120000.jpg", "2024/20240201_120000.jpg"]
    assert identity(first) == before
    assert [line["result"] for line in library.manifest("JOB2")] == ["present", "exported"]


def test_keepers_are_what_nobody_has_discarded(library: Library, picture: Picture) -> None:
    first = library.add(library.put("x.jpg", picture(colour=1)))
    library.add(library.put("y.jpg", picture(colour=2)))
    library.door.write(lambda session: review.decide(session, first, "discard"))
    library.export(keepersOnly=True)
    assert len(library.exported()) == 1
    library.export()
    assert len(library.exported()) == 2


def test_only_some_are_exported(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture(colour=1)), words=["Rome"])
    library.add(library.put("y.jpg", picture(colour=2)), NOON + timedelta(days=400), words=["rome"])
    library.add(library.put("z.jpg", picture(colour=3)))
    library.export(tags=["ROME"], to="2024")
    assert library.exported() == ["2024/20240131_120000.jpg"]


@pytest.mark.parametrize("inside", ["2024", ""])
def test_a_link_in_the_target_does_not_lead_out(
    library: Library, picture: Picture, tmp_path: Path, inside: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = library.target / inside if inside else library.target
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    library.add(library.put("x.jpg", picture()))
    with pytest.raises(Forbidden, match="symbolic link"):
        library.export()
    assert list(outside.iterdir()) == []


def test_only_one_export_writes_to_a_folder(library: Library) -> None:
    with Target.open(str(library.target), library.parts.roots, make=True) as other:
        assert other.claim()
        with pytest.raises(Conflict):
            library.export()
    assert library.export()["total"] == 0


def test_a_target_without_room_is_told_before_the_first_copy(
    library: Library, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "free_bytes", lambda _: 10)
    library.add(library.put("x.jpg", picture()))
    with pytest.raises(StorageFull):
        library.export()
    assert library.exported() == []
    status = library.door.read(lambda session: getattr(jobs.get(session, "JOB1"), "status", None))
    assert status == "failed"


def test_what_is_interrupted_goes_on(library: Library, picture: Picture) -> None:
    for number in range(12):
        library.add(library.put(f"{number}.jpg", picture(colour=number)), NOON + timedelta(seconds=number))
    for looks in (1, 3, 6):
        with pytest.raises(KeyboardInterrupt):
            export(library.job("J"), library.parts, lambda *_: None, Impatient(looks))
        assert not list(library.target.glob(".*"))
    told: list[tuple[int, int, int]] = []
    export(library.job("J", fence=2), library.parts, lambda *progress: told.append(progress), lambda: None)
    assert len(library.exported()) == 12
    assert told[-1] == (12, 12, 0)
    assert [line["result"] for line in library.manifest("J")] == ["exported"] * 12


def test_a_file_is_found_while_another_thread_lists_the_same_folder(library: Library) -> None:
    with Target.open(str(library.target), library.parts.roots, make=True) as target:
        work = target.work("JOB", 1)
        os.close(work.create("a.jpg"))
        with os.scandir(work.fd) as listed:  # it shares the place in the list with all who use the descriptor
            next(listed)
            assert work.has("a.jpg")
            assert not work.has("b.jpg")
        work.close()


def test_another_disk_in_the_place_of_the_target_is_noticed(library: Library, picture: Picture) -> None:
    for number in range(40):
        library.add(library.put(f"{number}.bmp", picture("BMP", number)), NOON + timedelta(seconds=number))
    job = library.job("J", metadata="none")
    with pytest.raises(KeyboardInterrupt):
        export(job, library.parts, stop_at(1), lambda: None)
    assert len(library.exported()) >= 1
    shutil.rmtree(library.target)  # as when it is not mounted
    with pytest.raises(StorageUnavailable, match="not in its target any more"):
        library.export(job)
    assert library.exported() == []


def stop_at(least: int) -> Callable[[int, int, int], None]:
    def report(done: int, _total: int, _failed: int) -> None:
        if done >= least:
            raise KeyboardInterrupt

    return report


class Impatient:
    """Stops the job at one of its looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_a_copy_that_was_named_and_not_noted_is_not_made_again(library: Library, picture: Picture) -> None:
    """The moment between the name and the note in the database: what is there has the bytes that were claimed."""
    for number in range(2):
        library.add(library.put(f"{number}.bmp", picture("BMP", number)), words=["Rome"])
    library.export(library.job("J"))
    files, kept = library.exported(), library.target / "2024" / "20240131_120000.bmp"
    before = identity(kept)

    def forget(session: Session) -> None:
        session.execute(update(JobFile).values(state="pending"))
        session.execute(update(Job).values(done=0, finished_us=None))

    library.door.write(forget)
    lost = library.target / "2024" / "20240131_120000_001.bmp"
    lost.unlink()  # of the second one, only the file beside it had got its name
    library.export(library.job("J", fence=2))
    assert library.exported() == files
    assert identity(kept) == before


def identity(path: Path) -> tuple[bytes, int, int]:
    """What another file in its place would not have."""
    return path.read_bytes(), path.stat().st_ino, path.stat().st_ctime_ns


def test_a_disk_without_links_does_as_well(library: Library, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)  # as FAT answers
    (library.target / "2024").mkdir(parents=True)
    (library.target / "2024" / "20240131_120000.jpg").write_bytes(b"mine")
    for number in range(2):
        library.add(library.put(f"{number}.jpg", picture(colour=number)))
    library.export()
    assert library.exported() == [f"2024/20240131_120000{number}.jpg" for number in ("", "_001", "_002")]
    assert (library.target / "2024" / "20240131_120000.jpg").read_bytes() == b"mine"


def test_rename_replaces_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(FileExistsError):
        rename_new(fd, "a", fd, "b")
    rename_new(fd, "a", fd, "c")
    os.close(fd)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "b", "c": "a"}


def test_without_exiftool_nothing_is_exported_unless_nothing_is_written(library: Library, picture: Picture) -> None:
    library.add(library.put("x.jpg", picture()))
    library.engine = start_pool("/nowhere/exiftool", 1)
    try:
        with pytest.raises(EngineUnavailable, match="not found"):
            library.export()
        assert library.exported() == []
        library.export(metadata="sidecar")
        assert library.exported() == ["2024/20240131_120000.jpg", "2024/20240131_120000.jpg.xmp"]
    finally:
        library.engine.close()
