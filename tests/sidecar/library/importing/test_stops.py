"""An import that is cut short anywhere goes on where it was; nothing is done twice, and nothing is left out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, update

from mediabridge.sidecar.database.models import Duplicate, File, JobFile
from mediabridge.sidecar.faults import StorageUnavailable, UnreadableFile
from mediabridge.sidecar.images.shelf import Shelf
from mediabridge.sidecar.library import intake, jobs, steps
from mediabridge.sidecar.library.importing import facts, leftover, plan, study
from mediabridge.sidecar.library.importing.progress import Progress

Photo = Callable[..., bytes]


@pytest.fixture
def filled(library: Any, photo: Photo) -> Any:
    """Twenty pictures, two of them the same, and one that is broken."""
    for number in range(20):
        library.put(f"{number // 5}/{number:02}.jpg", photo(number, width=32, height=24))
    library.put("copy.jpg", photo(0, width=32, height=24))
    library.put("empty.jpg", b"")
    return library


def cut(library: Any, job: str, after: int) -> bool:
    """Run it and stop at the report with this number; whether it came that far."""
    seen = iter(range(10**6))
    try:
        library.run(job=job, stop=lambda *_: next(seen) >= after)
    except BaseException as stopped:
        if type(stopped).__name__ != "Stopped":
            raise
        return True
    return False


def duplicates(library: Any) -> int:
    return library.database.read(lambda session: session.scalar(select(func.count()).select_from(Duplicate)))


def test_stopped_at_every_report_in_turn_every_file_is_done_once(filled: Any) -> None:
    stops = 0
    while cut(filled, "one", after=4):
        stops += 1
        assert stops < 60
    assert stops > 3
    job = filled.job("one")
    assert (job.done, job.failed, job.total, job.status) == (21, 1, 22, "completed")
    assert {row.state for row in filled.files().values()} == {"done", "failed"}
    assert all(row.perceptual for row in filled.files().values() if row.state == "done")
    assert duplicates(filled) == 2


@pytest.mark.parametrize("after", [1, 4, 9])
def test_cancelled_in_the_middle_and_imported_anew(filled: Any, after: int) -> None:
    assert cut(filled, "first", after)
    filled.database.write(lambda session: jobs.settle(session, "first", "cancelled"))
    done = {name for name, row in filled.files().items() if row.state == "done"}
    read = filled.read()
    filled.run(job="second")
    assert filled.read() - read == 21 - len(done)  # nothing that was read is read again
    rows = [row for row in filled.files().values() if row.name != "empty.jpg"]
    assert all(row.perceptual for row in rows)
    assert duplicates(filled) == 2
    assert filled.job("first").status == "cancelled"


def test_cancelled_after_its_last_file_and_before_the_groups(filled: Any) -> None:
    seen: list[str] = []

    class Last(Progress):
        def enter(self, stage: str, total: int = 0) -> Any:
            seen.append(stage)
            if stage == "duplicates":
                raise KeyboardInterrupt
            return super().enter(stage, total)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mediabridge.sidecar.library.importing.job.Progress", Last)
        with pytest.raises(KeyboardInterrupt):
            filled.run(job="first")
    assert seen == ["looking", "reading", "pictures", "duplicates"]
    filled.database.write(lambda session: jobs.settle(session, "first", "cancelled"))
    assert duplicates(filled) == 0
    assert filled.run(job="second")["groups"] == 1
    assert duplicates(filled) == 2
    assert filled.run(job="third")["groups"] == 0  # they are not compared for ever


def test_the_stage_tells_how_far_it_is_before_any_file_is_done(filled: Any) -> None:
    assert cut(filled, "one", after=2)
    job = filled.job("one")
    assert (job.stage["name"], job.stage["total"], job.done, job.status) == ("reading", 22, 0, "running")


def test_a_plan_that_was_cut_short_is_completed(library: Any, photo: Photo) -> None:
    for number in range(3):
        library.put(f"{number}.jpg", photo(number))
    library.database.write(lambda session: jobs.begin(session, "one", "import", {}))
    with pytest.raises(KeyboardInterrupt):
        plan.plan_folder(library.database, "one", str(library.photos), raising(KeyboardInterrupt()))
    assert not plan.is_planned(library.database, "one")
    library.put("3.jpg", photo(3))
    assert library.run(job="one") == {"done": 4, "total": 4, "failed": 0, "groups": 0, "missing": 0}


def raising(problem: BaseException) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise problem

    return call


def test_a_bug_under_one_file_is_that_files_error(library: Any, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    library.put("a.jpg", photo(1))
    library.put("b.jpg", photo(2))
    size_of = facts.size_of

    def odd(metadata: Any) -> Any:
        if metadata["File"]["FileName"] == "a.jpg":
            msg = "odd"
            raise ZeroDivisionError(msg)
        return size_of(metadata)

    monkeypatch.setattr(study.facts, "size_of", odd)
    told = library.run()
    assert (told["done"], told["failed"]) == (1, 1)
    assert library.errors() == {"a.jpg": "internal_error"}


def test_pictures_that_the_disk_had_no_room_for_are_made_by_the_next_import(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shelf, "fill_of", raising(StorageUnavailable("The disk is full.")))
        assert library.run()["failed"] == 0
    assert library.files()["a.jpg"].perceptual is None
    assert library.outcomes()[0]["pictures"]["message"] == "The disk is full."
    read = library.read()
    library.run()
    assert len(library.files()["a.jpg"].perceptual) == 145
    assert library.read() == read
    with pytest.MonkeyPatch.context() as patch:  # what cannot be decoded is not tried again
        patch.setattr(Shelf, "fill_of", raising(UnreadableFile("It is broken.")))
        library.put("b.jpg", photo(2))
        library.run()
    assert library.files()["b.jpg"].perceptual == b""
    library.run()
    assert library.outcomes() == [{"unchanged": True}] * 2


class Failing:
    """A database whose writes fail from some moment on."""

    def __init__(self, inner: Any, writes: int) -> None:
        self._inner, self._left = inner, writes

    def read(self, work: Any) -> Any:
        return self._inner.read(work)

    def write(self, work: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            msg = "The database is away."
            raise StorageUnavailable(msg)
        return self._inner.write(work)


@pytest.mark.parametrize("writes", range(0, 12, 2))
def test_a_database_that_fails_fails_the_job_and_the_next_try_goes_on(library: Any, photo: Photo, writes: int) -> None:
    for number in range(3):
        library.put(f"{number}.jpg", photo(number, width=32, height=24))
    with contextlib.suppress(StorageUnavailable):
        library.run(job="one", tools={"door": Failing(library.database, writes)})
    assert library.run(job="one") == {"done": 3, "total": 3, "failed": 0, "groups": 0, "missing": 0}
    assert (library.job("one").status, library.job("one").error) == ("completed", None)


def test_a_failure_is_noted_in_its_own_words(library: Any, photo: Photo) -> None:
    library.put("a.jpg", photo(1))

    @contextlib.contextmanager
    def away() -> Iterator[Any]:
        msg = "There is no room for ExifTool."
        raise StorageUnavailable(msg)
        yield

    with pytest.raises(StorageUnavailable):
        library.run(job="one", tools={"engine": away})
    job = library.job("one")
    assert (job.status, job.error["message"]) == ("failed", "There is no room for ExifTool.")


def test_steps_that_nobody_will_do_are_settled(on_both: Any, photo: Photo) -> None:
    for name in ("gone.jpg", "failed.jpg", "elsewhere.jpg"):
        on_both.put(name, photo(1))
    database = on_both.database
    database.write(lambda session: jobs.begin(session, "one", "import", {}))
    plan.plan_folder(database, "one", str(on_both.photos), lambda _: None)
    rows = on_both.files()

    def meddle(session: Any) -> None:  # as other imports and deletions do meanwhile
        intake.fail(session, {rows["failed.jpg"].id: {"kind": "unreadable_file", "message": "It is broken."}})
        session.execute(update(JobFile).where(JobFile.file_id == rows["gone.jpg"].id).values(file_id=None))
        session.execute(update(File).where(File.id == rows["elsewhere.jpg"].id).values(state="pending"))

    database.write(meddle)
    leftover.settle(database, "one")
    found = database.read(lambda session: steps.errors(session, "one"))
    told = {None if row is None else row.name: step.error["kind"] for step, row in found}
    assert told == {None: "not_found", "failed.jpg": "unreadable_file", "elsewhere.jpg": "conflict"}
    assert on_both.job("one").failed == 3
