"""The worker's loop where the table fails it, which a test cannot have from a real file at the right moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mediabridge.sidecar.faults import StorageUnavailable
from mediabridge.sidecar.jobs import Handler, Progress, Queue
from mediabridge.sidecar.jobs.bell import Bell
from mediabridge.sidecar.jobs.claims import Claim, Claims
from mediabridge.sidecar.jobs.loop import Worker
from mediabridge.sidecar.jobs.schema import Database

Until = Callable[..., Any]


class Failing(Claims):
    """A table that cannot be written at certain moments."""

    __slots__ = ()

    def complete(self, claim: Claim, result: str, progress: Progress) -> bool:
        if result == '"lost"':
            msg = "locked"
            raise StorageUnavailable(msg)
        return super().complete(claim, result, progress)

    def tell(self, claim: Claim, progress: Progress) -> bool:
        msg = "locked"
        raise StorageUnavailable(msg)


@pytest.fixture
def work_with(tmp_path: Path) -> Iterator[Callable[[Handler], Queue]]:
    stops: list[Callable[[], None]] = []

    def start(handler: Handler) -> Queue:
        database, bell, queue = Database(tmp_path), Bell(tmp_path), Queue(tmp_path)
        worker = Worker(
            Failing(database), bell, {"image": handler},
            dead=lambda owner: False, ring=lambda: None, grace_s=1.0,
        )  # fmt: skip
        thread = threading.Thread(target=worker.run)
        thread.start()

        def stop() -> None:
            worker.stop()
            thread.join(10)
            bell.close()
            queue.close()
            database.close()

        stops.append(stop)
        return queue

    yield start
    for stop in stops:
        stop()


def test_a_result_that_cannot_be_stored_is_no_failure_of_the_job(work_with: Any, until: Until) -> None:
    ran = threading.Event()

    def lost(run: Any) -> str:
        ran.set()
        return "lost"

    queue = work_with(lost)
    job = queue.submit("image", {})
    assert ran.wait(10)
    following = queue.submit("image", {})  # its start shows that the first has ended
    until(lambda: queue.get(following.id).status == "running")
    found = queue.get(job.id)
    assert (found.status, found.attempts, found.error) == ("running", 1, None)  # until its lease is over


def test_progress_that_cannot_be_stored_stops_nobody(work_with: Any, until: Until) -> None:
    def tells(run: Any) -> str:
        run.report(1, 2)
        return "done"

    queue = work_with(tells)
    job = queue.submit("image", {})
    assert until(lambda: (found := queue.get(job.id)).status == "completed" and found).progress == Progress(1, 2)


def test_an_effect_is_not_made_when_the_table_cannot_be_asked(work_with: Any, until: Until) -> None:
    effects: list[str] = []

    def acts(run: Any) -> None:
        run.still_mine()
        effects.append(run.job.id)

    queue = work_with(acts)
    job = queue.submit("image", {})
    assert until(lambda: queue.get(job.id).error)["kind"] == "StorageUnavailable"
    assert effects == []
