"""Files that vanish are marked by the next import of their folder, and normal again by the one that finds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from mediabridge.sidecar.database.models import Duplicate, Job
from mediabridge.sidecar.library import audit, jobs, review
from mediabridge.sidecar.library.importing import moved

Photo = Callable[..., bytes]


def states(library: Any) -> dict[str, str]:
    return {name: row.state for name, row in library.files().items()}


def grouped(library: Any) -> dict[int, tuple[int, bool]]:
    rows = library.database.read(lambda session: session.scalars(select(Duplicate)).all())
    return {row.file_id: (row.group_id, row.keeper) for row in rows}


def test_what_vanished_is_marked_and_normal_again_when_it_is_back(on_both: Any, photo: Photo) -> None:
    on_both.put("kept.jpg", photo(1))
    inner = on_both.put("trip/a.jpg", photo(2)).parent
    on_both.put("trip0/b.jpg", photo(3))  # `0` is the next character behind `/`
    on_both.run()
    before, read = on_both.files()["a.jpg"], on_both.read()
    on_both.database.write(lambda session: review.decide(session, before.id, "keep"))
    away = inner.rename(on_both.folder / "away")
    told = on_both.run()
    assert (told["missing"], told["total"], told["failed"]) == (1, 2, 0)
    assert states(on_both) == {"kept.jpg": "done", "a.jpg": "missing", "b.jpg": "done"}
    gone = on_both.files()["a.jpg"]
    assert gone.processing_error["kind"] == "not_found"
    assert (gone.sha256, gone.review, gone.perceptual) == (before.sha256, "keep", before.perceptual)
    assert on_both.run()["missing"] == 1  # and every time
    away.rename(inner)
    assert on_both.run()["missing"] == 0
    back = on_both.files()["a.jpg"]
    assert (back.state, back.processing_error, back.review) == ("done", None, "keep")
    assert on_both.read() == read  # nothing of it is read again


def test_nobody_is_the_duplicate_of_a_file_that_is_gone(on_both: Any, photo: Photo) -> None:
    first = on_both.put("a.jpg", photo(1))
    for name in ("b.jpg", "c.jpg"):
        shutil.copy2(first, on_both.photos / name)
    on_both.run()
    ids = {name: row.id for name, row in on_both.files().items()}
    assert set(grouped(on_both)) == set(ids.values())
    keeper = next(number for number, (_, keeps) in grouped(on_both).items() if keeps)
    gone = next(name for name, number in ids.items() if number == keeper)
    content = (on_both.photos / gone).read_bytes()
    times = (on_both.photos / gone).stat()
    (on_both.photos / gone).unlink()
    on_both.run()
    left = set(ids.values()) - {keeper}
    assert set(grouped(on_both)) == left
    assert [keeps for _, keeps in grouped(on_both).values()].count(True) == 1
    assert on_both.files()[gone].group_id is None
    again = on_both.put(gone, content)
    os.utime(again, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert on_both.run()["groups"] == 1
    assert set(grouped(on_both)) == set(ids.values())


def test_a_file_that_comes_back_otherwise_is_read_again(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    path = library.put("b.jpg", photo(2))
    library.run()
    before = library.files()["b.jpg"]
    path.unlink()
    library.run()
    path.write_bytes(photo(3, taken="2020:02:02 02:02:02"))
    library.run()
    after = library.files()["b.jpg"]
    assert (after.id, after.state, after.month) == (before.id, "done", 202002)
    assert after.sha256 != before.sha256


def test_what_failed_and_is_gone_says_that_it_is_gone(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    path = library.put("empty.jpg", b"")
    library.run()
    assert library.files()["empty.jpg"].processing_error["kind"] == "invalid_request"
    path.unlink()
    library.run()
    row = library.files()["empty.jpg"]
    assert (row.state, row.processing_error["kind"]) == ("failed", "not_found")
    path.write_bytes(photo(2))
    library.run()
    assert states(library) == {"a.jpg": "done", "empty.jpg": "done"}


def test_only_the_folder_that_is_imported_is_looked_at(library: Any, photo: Photo) -> None:
    for name in ("one/a.jpg", "one/b.jpg", "two/c.jpg", "two/d.jpg"):
        library.put(name, photo(len(name)))
    library.run()
    (library.photos / "one/b.jpg").unlink()
    (library.photos / "two/d.jpg").unlink()
    library.run({"path": str(library.photos / "one")})
    assert states(library) == {"a.jpg": "done", "b.jpg": "missing", "c.jpg": "done", "d.jpg": "done"}
    library.run({"path": str(library.photos / "two/c.jpg")})  # one file alone tells nothing of others
    assert states(library)["d.jpg"] == "done"


def test_an_empty_folder_is_told_and_nothing_in_it_is_marked(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    library.run()
    shutil.rmtree(library.photos)
    library.photos.mkdir(exist_ok=True)  # as the place where a disk is to be mounted
    told = library.run()
    assert "files were imported from it (1). Is its disk mounted?" in told["warning"]
    assert "disk" in str(jobs.warning(library.job().options))
    assert states(library) == {"a.jpg": "done"}
    (library.photos / "below").mkdir()
    assert library.run()["missing"] == 1


def test_of_a_folder_that_may_not_be_looked_into_nothing_is_known(
    library: Any, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.put("a.jpg", photo(1))
    shut = library.put("shut/b.jpg", photo(2)).parent
    library.run()

    def refused(call: Any) -> Any:  # root may look into any folder
        def asked(path: Any, *more: Any, **named: Any) -> Any:
            if os.fsencode(path).startswith(os.fsencode(shut)):
                raise PermissionError(13, "Permission denied", path)
            return call(path, *more, **named)

        return asked

    monkeypatch.setattr(os, "scandir", refused(os.scandir))
    monkeypatch.setattr(os, "lstat", refused(os.lstat))
    told = library.run()
    assert (told["failed"], told["missing"]) == (1, 0)
    assert states(library) == {"a.jpg": "done", "b.jpg": "done"}


def test_a_plan_that_was_cut_off_marks_nothing_that_is_there(library: Any, photo: Photo, tmp_path: Path) -> None:
    for number in range(6):
        library.put(f"{number}.jpg", photo(number, width=32, height=24))
    library.run()
    (library.photos / "5.jpg").rename(tmp_path / "5.jpg")
    with pytest.raises(BaseException) as stopped:  # noqa: PT011  its name is tested below
        library.run(job="one", stop=lambda *_: True)
    assert stopped.typename == "Stopped"
    assert library.run(job="one")["missing"] == 1
    assert [name for name, state in states(library).items() if state == "missing"] == ["5.jpg"]


def test_what_was_decided_follows_a_file_that_was_moved(on_both: Any, photo: Photo) -> None:
    on_both.put("stays.jpg", photo(1))
    path = on_both.put("old/a.jpg", photo(2))
    on_both.run()
    number = on_both.files()["a.jpg"].id

    def decide(session: Any) -> None:
        review.decide(session, number, "keep")
        review.choose_date(session, number, 1_000_000, 60)
        review.set_tags(session, number, ["Oma"])

    on_both.database.write(decide)
    on_both.put("new/b.jpg", path.read_bytes())
    path.unlink()
    on_both.run(job="one")
    on_both.database.write(lambda session: session.execute(update(Job).values(status="running")))
    on_both.run(job="one")  # and once
    new = on_both.files()["b.jpg"]
    assert (new.review, new.taken_us, new.chosen, on_both.tags("b.jpg")) == ("keep", 1_000_000, True, ["Oma"])
    made = on_both.database.read(lambda session: audit.listed(session, new.id))
    assert [(row.action, row.field) for row in made] == [("moved", "tags"), ("moved", "taken"), ("moved", "review")]
    on_both.database.write(lambda session: audit.undo(session, made[0].batch))
    again = on_both.files()["b.jpg"]
    assert (again.review, again.month, again.chosen, on_both.tags("b.jpg")) == (None, 202401, False, [])


@pytest.mark.parametrize(
    ("news", "olds", "found"),
    [
        ([(5, "x", "b")], [(1, "x", "a"), (2, "x", "b")], {5: 2}),
        ([(5, "x", "c"), (6, "x", "a")], [(1, "x", "a"), (2, "x", "b")], {5: 2, 6: 1}),
        ([(5, "x", "a"), (6, "x", "a")], [(1, "x", "a")], {5: 1}),
        ([(5, "x", "a")], [(1, "y", "a")], {}),
    ],
)
def test_who_was_who(news: Any, olds: Any, found: dict[int, int]) -> None:
    assert moved.pair(news, olds) == found
