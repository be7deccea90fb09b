"""A folder becomes rows: what is taken, what is told, what is read again, and what is not."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from mediabridge.sidecar.database.models import Duplicate
from mediabridge.sidecar.extraction.engine import Engine
from mediabridge.sidecar.extraction.pool import start_pool
from mediabridge.sidecar.extraction.verdict import BREAKS_OFF
from mediabridge.sidecar.library import companions, preferences

Photo = Callable[..., bytes]
BROKEN = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200)  # a JPEG's beginning, and nothing behind it


def test_every_file_has_its_row_its_date_and_its_pictures(on_both: Any, photo: Photo) -> None:
    on_both.put("a.jpg", photo(1))
    on_both.put("below/b.jpg", photo(2, taken="2019:07:01 08:30:00"))
    told = on_both.run()
    assert told == {"done": 2, "total": 2, "failed": 0, "groups": 0, "missing": 0}
    row = on_both.files()["b.jpg"]
    assert (row.state, row.kind, row.mime_type, row.width, row.height) == ("done", "photo", "image/jpeg", 96, 64)
    assert (row.month, row.confidence, len(row.perceptual), len(row.sha256)) == (201907, "high", 145, 64)
    kept = on_both.tools.shelf._derived
    assert all(kept.find(row.sha256, name) for name in ("thumbnail.webp", "preview.jpg"))
    job = on_both.job()
    assert (job.status, job.stage, job.done, job.total) == ("completed", None, 2, 2)


def test_names_that_are_no_text_or_look_like_commands(on_both: Any, photo: Photo) -> None:
    names = [
        b"caf\xe9.jpg",
        b"rm -rf |",
        b"two\nlines.jpg",
        b"-execute.jpg",
        b"@argfile.jpg",
        b"tab\t.jpg",
        b"end .jpg ",
    ]
    for number, name in enumerate(names):
        on_both.put(name, photo(number))
    assert on_both.run() == {"done": 7, "total": 7, "failed": 0, "groups": 0, "missing": 0}
    rows = on_both.files()
    assert {row.path.rpartition(b"/")[2] for row in rows.values()} == set(names)
    assert "caf\N{REPLACEMENT CHARACTER}.jpg" in rows
    assert {len(row.perceptual) for row in rows.values()} == {145}
    assert not left_links(on_both.folder)


def left_links(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink()]


def test_what_is_no_picture_is_passed_over_and_what_is_broken_is_told(library: Any, photo: Photo) -> None:
    library.put("good.jpg", photo(1))
    library.put("letter.txt", b"Dear all")
    library.put("text.jpg", b"no picture at all, whatever it is called")
    library.put("empty.jpg", b"")
    library.put("empty.doc", b"")
    library.put("cut.jpg", BROKEN)
    told = library.run()
    assert (told["total"], told["done"] + told["failed"]) == (6, 6)
    assert library.errors() == {"empty.jpg": "invalid_request", "cut.jpg": "unreadable_file"}
    rows = library.files()
    assert sorted(rows) == ["cut.jpg", "empty.jpg", "good.jpg"]
    assert rows["empty.jpg"].processing_error["message"] == "It is empty (0 bytes)."
    assert library.outcomes().count({"skipped": "no picture and no video"}) == 3


def test_a_file_without_pictures_is_imported_and_says_why(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    library.put("b.mp4", b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + b"\0\0\0\x08mdat")
    assert library.run()["failed"] == 0
    row = library.files()["b.mp4"]
    assert (row.state, row.kind, row.perceptual) == ("done", "video", b"")
    assert [one["pictures"]["kind"] for one in library.outcomes() if one.get("pictures")] == ["unreadable_file"]


def test_an_unchanged_folder_is_not_read_again(on_both: Any, photo: Photo) -> None:
    paths = [on_both.put(f"{number}.jpg", photo(number)) for number in range(3)]
    on_both.run()
    read = on_both.read()
    for path in paths:
        path.chmod(0)  # root may read it all the same; others would be refused
        os.utime(path, ns=(1, path.stat().st_mtime_ns))
    assert on_both.run() == {"done": 3, "total": 3, "failed": 0, "groups": 0, "missing": 0}
    assert on_both.read() == read
    assert {path.stat().st_atime_ns for path in paths} == {1}
    assert on_both.outcomes() == [{"unchanged": True}] * 3


def test_a_changed_file_is_read_again_and_alone(library: Any, photo: Photo) -> None:
    first, second = library.put("a.jpg", photo(1)), library.put("b.jpg", photo(2))
    library.run()
    before, read = library.files(), library.read()
    first.write_bytes(photo(3, taken="2020:02:02 02:02:02"))
    os.utime(second, ns=(1, second.stat().st_mtime_ns))
    library.run()
    after = library.files()
    assert library.read() == read + 1
    assert (after["a.jpg"].id, after["a.jpg"].month) == (before["a.jpg"].id, 202002)
    assert after["a.jpg"].sha256 != before["a.jpg"].sha256
    assert after["a.jpg"].perceptual not in (None, before["a.jpg"].perceptual)
    assert second.stat().st_atime_ns == 1


def test_what_failed_is_tried_again(library: Any, photo: Photo) -> None:
    path = library.put("a.jpg", BROKEN)
    library.run()
    assert library.files()["a.jpg"].state == "failed"
    library.run()
    assert library.errors() == {"a.jpg": "unreadable_file"}
    path.write_bytes(photo(1))
    assert library.run()["failed"] == 0
    row = library.files()["a.jpg"]
    assert (row.state, row.processing_error) == ("done", None)


def test_a_file_that_changes_under_the_import_is_told(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    path = library.put("b.jpg", photo(2))

    class Meddling:
        """Ours, but that the file is written when it is read."""

        version = library.engine.version

        def run(self, *arguments: str, **more: Any) -> Any:
            path.write_bytes(photo(5))
            return library.engine.run(*arguments, **more)

    meddling = Meddling()
    told = library.run(tools={"engine": lambda: contextlib.nullcontext(meddling)})
    assert (told["done"], told["failed"]) == (1, 1)
    assert library.errors() == {"b.jpg": "conflict"}
    assert library.run()["failed"] == 0


def test_duplicates_are_grouped_and_a_later_import_joins_them(on_both: Any, photo: Photo) -> None:
    on_both.put("a.jpg", photo(1))
    on_both.put("copy/a.jpg", photo(1))
    on_both.put("other.jpg", photo(9, taken="2018:01:01 00:00:00"))
    assert on_both.run()["groups"] == 1
    on_both.put("later/again.jpg", photo(1))
    assert on_both.run()["groups"] == 1
    rows = on_both.database.read(lambda session: session.scalars(select(Duplicate)).all())
    assert {row.kind for row in rows} == {"exact"}
    assert [row.keeper for row in rows].count(True) == 1
    assert len({row.group_id for row in rows}) == 1
    assert len(rows) == 3


def test_a_picture_that_breaks_off_is_imported_with_a_warning(library: Any, photo: Photo) -> None:
    library.put("whole.jpg", photo(1))
    library.put("cut.jpg", photo(1)[:-300])
    assert library.run()["failed"] == 0
    rows = library.files()
    assert rows["cut.jpg"].details["warnings"] == [BREAKS_OFF]
    assert "warnings" not in rows["whole.jpg"].details


def test_sidecars_are_read_with_their_picture(library: Any, photo: Photo, exiftool: Path) -> None:
    library.put("a.jpg", photo(1, taken=None))
    library.put("a.jpg.json", b'{"title": "a.jpg", "description": "On the hill",'
                b' "photoTakenTime": {"timestamp": "1404216000"},'
                b' "geoData": {"latitude": 48.2, "longitude": 16.3, "altitude": 0}}')  # fmt: skip
    library.put("b\n|.jpg", photo(2, taken=None))
    xmp = library.photos / "made.xmp"
    dated = "-XMP-photoshop:DateCreated=2011:05:06 07:08:09"
    subprocess.run([exiftool, "-q", dated, "-XMP-dc:Subject=Hills", xmp], check=True)
    xmp.rename(library.photos / "b\n|.jpg.xmp")
    os.mkfifo(library.photos / "c.jpg.json")
    library.put("c.jpg", photo(3))
    told = library.run()
    assert (told["total"], told["failed"]) == (3, 0)
    rows = library.files()
    assert rows["a.jpg"].month == 201407
    assert rows["a.jpg"].details["description"] == "On the hill"
    assert rows["a.jpg"].details["position"] == [48.2, 16.3]
    (beside,) = [row for name, row in rows.items() if name.startswith("b")]
    assert beside.month == 201105
    assert library.tags(beside.name) == ["Hills"]
    assert rows["c.jpg"].month == 202401


def test_heic_and_videos_have_dates_and_pictures(library: Any, corpus: Path) -> None:
    heic = corpus / "preset-input/pillow_heif/heif/zPug_3.heic"
    film = corpus / "video/metadata-extractor-images/mp4/with-gps.mp4"
    shutil.copyfile(heic, library.photos / "a.heic")
    shutil.copyfile(film, library.photos / "b.mp4")
    assert library.run()["failed"] == 0
    rows = library.files()
    assert (rows["a.heic"].kind, rows["a.heic"].mime_type) == ("photo", "image/heic")
    assert rows["b.mp4"].kind == "video"
    assert rows["b.mp4"].duration_s > 0
    kept = library.tools.shelf._derived
    assert all(kept.find(row.sha256, "thumbnail.webp") for row in rows.values())
    assert {len(row.perceptual) for row in rows.values()} == {145}


def test_thumbnails_are_upright(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1, turn=6))
    library.run()
    row = library.files()["a.jpg"]
    assert (row.width, row.height) == (64, 96)
    with Image.open(library.tools.shelf._derived.find(row.sha256, "thumbnail.webp")) as picture:
        assert picture.size == (64, 96)


def test_folders_become_tags_when_it_is_wished(library: Any, photo: Photo) -> None:
    library.put("2024-05 Rome/a.jpg", photo(1))
    library.run()
    assert library.tags("a.jpg") == []
    library.database.write(lambda session: preferences.change(session, {"tagsFromFolders": True}))
    library.put("2024-05 Rome/DCIM/b.jpg", photo(2))
    library.run()
    assert library.tags("b.jpg") == ["Rome"]


def test_without_exiftool_the_built_in_reader_takes_over(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    nowhere = start_pool("/nowhere/exiftool", 1)
    try:
        told = library.run(tools={"engine": lambda: contextlib.nullcontext(nowhere)})
    finally:
        nowhere.close()
    row = library.files()["a.jpg"]
    assert (told["failed"], row.month, row.width, len(row.perceptual)) == (0, 202401, 96, 145)


def test_uploads_are_read_from_the_store(on_both: Any, photo: Photo) -> None:
    uploads = [on_both.upload("IMG_20200101_101010.jpg", photo(1, taken=None)), on_both.upload("b.jpg", photo(2))]
    gone = on_both.upload("gone.jpg", photo(3))
    on_both.store.delete(gone["contentHash"])
    told = on_both.run({"uploads": [*uploads, gone]})
    assert (told["done"], told["failed"]) == (2, 1)
    assert on_both.errors() == {"gone.jpg": "not_found"}
    rows = on_both.files()
    assert (rows["b.jpg"].path, rows["b.jpg"].state) == (None, "done")
    assert rows["IMG_20200101_101010.jpg"].month == 202001
    assert on_both.run({"uploads": uploads})["failed"] == 0
    assert on_both.outcomes() == [{"unchanged": True}] * 2


def test_a_raw_file_and_its_jpeg_belong_together(library: Any, corpus: Path, photo: Photo) -> None:
    library.put("IMG_1.NEF", (corpus / "raw/tika/test-documents/testNEF.nef").read_bytes())
    library.run()
    library.put("IMG_1.jpg", photo(1, taken=None))  # in a later import
    library.run()
    rows = library.files()
    found = library.database.read(lambda session: companions.of(session, rows["IMG_1.jpg"].id))
    assert [(one.kind, row.name) for one, row in found] == [("raw+jpeg", "IMG_1.NEF")]


def test_originals_are_as_they_were(library: Any, photo: Photo) -> None:
    paths = [library.put(name, photo(1, turn=6)) for name in ("a.jpg", "b\n.jpg")]
    before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in paths]
    library.run()
    assert [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in paths] == before


def test_one_file_alone(library: Any, photo: Photo) -> None:
    path = library.put("a.jpg", photo(1))
    library.put("b.jpg", photo(2))
    assert library.run({"path": str(path)})["total"] == 1
    assert sorted(library.files()) == ["a.jpg"]


def test_the_engine_is_not_even_started_for_nothing(library: Any, engine: Engine) -> None:
    def refuse() -> Any:
        pytest.fail("nothing is to be read")

    assert library.run(tools={"engine": refuse})["total"] == 0
