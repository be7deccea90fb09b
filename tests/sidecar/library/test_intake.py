"""What an import writes, and that writing it again changes nothing."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from catalogue import YEAR_2024_US, found, put, seen
from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import UNDATED, File, JobFile
from mediabridge.sidecar.library import intake, jobs, origin, review, steps
from mediabridge.sidecar.library.intake import Dated, Seen
from mediabridge.sidecar.library.steps import Done, Step


def rows(session: Session) -> list[File]:
    return list(session.scalars(select(File).order_by(File.id)))


def test_a_file_has_one_row_however_often_it_is_met(database: Database) -> None:
    several = [seen("/p/a.jpg"), seen("/p/b.jpg"), seen("/p/a.jpg")]
    first = database.write(lambda session: intake.register(session, several))
    again = database.write(lambda session: intake.register(session, several))
    assert first == again
    assert len(set(first.values())) == 2
    assert [row.name for row in database.read(rows)] == ["a.jpg", "b.jpg"]


def test_what_is_unchanged_is_known_without_reading_it(database: Database) -> None:
    path = seen("/p/a.jpg", 10, 5)
    database.write(lambda session: intake.register(session, [path]))

    def known(one: Seen) -> bool:
        return database.read(lambda session: intake.known(session, [one, seen("/p/new")]))[one.origin.key].unchanged

    assert not known(path)  # it was met, and not read yet
    database.write(lambda session: intake.finish(session, [found(1)]))
    assert known(path)
    assert not known(seen("/p/a.jpg", 11, 5))
    assert not known(seen("/p/a.jpg", 10, 6))


def test_what_has_changed_is_read_again_and_keeps_its_number(database: Database) -> None:
    number = database.write(lambda session: put(session, "/p/a.jpg"))
    assert database.write(lambda session: intake.register(session, [seen("/p/a.jpg", 99, 2)])) == {
        seen("/p/a.jpg").origin.key: number
    }
    (row,) = database.read(rows)
    assert (row.state, row.size, row.mtime_ns) == ("pending", 99, 2)


def test_all_that_was_found_is_kept(database: Database) -> None:
    clock = datetime.fromisoformat("2024-02-29T12:00:00")
    dated = Dated.of(clock, timedelta(hours=-3, minutes=-30), "medium", {"why": [1]})

    def work(session: Session) -> None:
        number = put(session, "/p/a.jpg")
        intake.finish(
            session,
            [
                found(
                    number, width=4000, height=3000, duration_s=1.5, perceptual=b"\x00\xff\x00\xff\x80\x00\x00\x01",
                    details={"camera": "Ünïcode \U0001f600"}, dated=dated,
                )
            ],
        )  # fmt: skip

    database.write(work)
    (row,) = database.read(rows)
    assert (row.state, row.width, row.height, row.duration_s, row.kind) == ("done", 4000, 3000, 1.5, "photo")
    assert row.perceptual == b"\x00\xff\x00\xff\x80\x00\x00\x01"
    assert (row.month, row.offset_min, row.confidence, row.taken) == (202402, -210, "medium", {"why": [1]})
    assert row.details == {"camera": "Ünïcode \U0001f600"}


@pytest.mark.parametrize("measure", [-1, 2**31, 2**80])
def test_what_a_broken_file_says_of_itself_spoils_no_batch(database: Database, measure: int) -> None:
    odd: dict[str, Any] = {"width": measure, "height": 4, "duration_s": float("nan"), "mime_type": "x" * 999}
    odd["details"] = {"a": "\x00\ud800"}
    database.write(lambda session: [put(session, "/p/a.jpg", **odd), put(session, "/p/b.jpg", width=5)])
    first, second = database.read(rows)
    assert (first.width, first.height, first.duration_s, first.details) == (None, 4, None, {"a": "\x00\ud800"})
    assert (second.state, second.width) == ("done", 5)


def test_a_date_that_a_person_chose_survives_the_next_import(database: Database) -> None:
    def work(session: Session) -> None:
        number = put(session, "/p/a.jpg")
        review.choose_date(session, number, YEAR_2024_US, 120)
        intake.finish(session, [found(number, dated=Dated(None, None, "none"), sha256="f" * 64)])

    database.write(work)
    (row,) = database.read(rows)
    assert (row.taken_us, row.month, row.offset_min, row.confidence) == (YEAR_2024_US, 202401, 120, "high")
    assert row.sha256 == "f" * 64


def test_a_failure_is_kept_and_forgotten_once_it_works(database: Database) -> None:
    database.write(lambda session: intake.register(session, [seen("/p/a.jpg")]))
    database.write(lambda session: intake.fail(session, {1: {"kind": "BrokenPicture", "message": "cut off"}}))
    (row,) = database.read(rows)
    assert (row.state, row.processing_error["kind"], row.taken_us) == ("failed", "BrokenPicture", UNDATED)
    database.write(lambda session: intake.finish(session, [found(1)]))
    (row,) = database.read(rows)
    assert (row.state, row.processing_error) == ("done", None)


@pytest.mark.parametrize("raw", [b"/p/\xff\xfe.jpg", "/p/\U0001f600\n.jpg".encode(), b"/p/" + b"x" * 200 + b"/a|"])
def test_a_path_that_is_no_text_is_a_path(database: Database, raw: bytes) -> None:
    path = Path(os.fsdecode(raw))
    database.write(lambda session: intake.register(session, [Seen(origin.of_path(path), 1, 1)]))
    (row,) = database.read(rows)
    assert row.path == raw
    row.name.encode()  # it can be shown


def test_uploads_of_the_same_content_under_the_same_name_are_one_file() -> None:
    keys = [origin.of_upload(sha, name).key for sha in ("a" * 64, "b" * 64) for name in ("x.jpg", "y.jpg", "x.jpg")]
    assert len(set(keys)) == 4
    assert origin.of_upload("a" * 64, "x").key != origin.of_path(Path(f"{'a' * 64}/x")).key


def job(session: Session) -> Any:
    found = jobs.get(session, "J1")
    assert found is not None
    return found


def test_a_step_ends_once_and_the_job_counts_it_once(database: Database) -> None:
    keys = [bytes([number]) for number in range(6)]
    todo = [Step(key) for key in keys[:4]] + [Step(keys[4], state="done"), Step(keys[0])]
    assert database.write(lambda session: jobs.begin(session, "J1", "import", {"path": "/p"}))
    assert not database.write(lambda session: jobs.begin(session, "J1", "import", {}))
    assert database.write(lambda session: steps.add(session, "J1", todo)) == 5
    assert database.write(lambda session: steps.add(session, "J1", todo)) == 0
    ends = [Done(keys[0], outcome={"to": "2024/x.jpg"}), Done(keys[1], {"kind": "Broken", "message": "no"})]
    assert database.write(lambda session: steps.finish(session, "J1", ends)) == {keys[0], keys[1]}
    assert database.write(lambda session: steps.finish(session, "J1", [Done(keys[0]), Done(keys[5])])) == set()
    left = database.read(lambda session: [step.key for step in steps.pending(session, "J1", 10)])
    assert left == [keys[2], keys[3]]
    counts = database.read(job)
    assert (counts.done, counts.total, counts.failed, counts.options) == (2, 5, 1, {"path": "/p"})
    outcome = database.read(lambda session: session.scalar(select(JobFile.outcome).where(JobFile.key == keys[0])))
    assert outcome == {"to": "2024/x.jpg"}


def test_errors_are_listed_with_their_files(database: Database) -> None:
    def work(session: Session) -> None:
        jobs.begin(session, "J1", "import", {})
        number = put(session, "/p/broken.jpg")
        steps.add(session, "J1", [Step(b"1", number), Step(b"2"), Step(b"3")])
        steps.finish(session, "J1", [Done(key, {"kind": "X", "message": "y"}) for key in (b"1", b"2")])
        jobs.settle(session, "J1", "completed")

    database.write(work)
    errors = database.read(lambda session: steps.errors(session, "J1"))
    assert [(file.name if file else None, step.error) for step, file in errors] == [
        ("broken.jpg", {"kind": "X", "message": "y"}),
        (None, {"kind": "X", "message": "y"}),
    ]
    ended = database.read(job)
    assert (ended.status, ended.finished_us is not None) == ("completed", True)


def test_jobs_are_listed_the_newest_first(database: Database) -> None:
    for number in range(5):
        database.write(lambda session, number=number: jobs.begin(session, f"J{number}", "import", {}))
    first = database.read(lambda session: [one.id for one in jobs.listed(session, limit=3)])
    rest = database.read(lambda session: [one.id for one in jobs.listed(session, "import", first[-1])])
    assert first + rest == ["J4", "J3", "J2", "J1", "J0"]
    assert database.read(lambda session: jobs.listed(session, "export")) == []
