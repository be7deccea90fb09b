"""The queue as the web server sees it, its file, and the bell."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mediabridge.sidecar.errors import kind_of
from mediabridge.sidecar.faults import QueueFull, StorageUnavailable
from mediabridge.sidecar.jobs import Queue
from mediabridge.sidecar.jobs.bell import FOLDER, Bell, dead, ring
from mediabridge.sidecar.jobs.claims import Claims
from mediabridge.sidecar.jobs.place import folder_of
from mediabridge.sidecar.jobs.rules import MOST_WAITING
from mediabridge.sidecar.jobs.schema import NAME, Database

Until = Callable[..., Any]


def test_a_full_queue_is_a_fault_with_503_and_retry_after(bench: Any) -> None:
    for _ in range(MOST_WAITING):
        bench.submit("work")
    with pytest.raises(QueueFull, match="100 jobs are waiting") as caught:
        bench.submit("work", "ocr")
    row = kind_of(caught.value)
    assert (row.status, row.code, row.retry_after_s) == (503, "queue_full", 5)
    bench.queue.cancel(bench.queue.listed(limit=1)[0].id)
    bench.submit("work")


def test_submits_at_the_same_time_never_pass_the_limit(bench: Any) -> None:
    taken: list[bool] = []

    def submit() -> None:
        queue = Queue(bench.instance)
        for _ in range(40):
            try:
                queue.submit("text", {})
                taken.append(True)
            except QueueFull:
                taken.append(False)
        queue.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(taken), sum(taken)) == (160, MOST_WAITING)
    assert bench.queue.counts() == {"queued": MOST_WAITING}


def test_the_same_work_is_queued_once(bench: Any) -> None:
    first = bench.queue.submit("image", {"size": 1}, key="a photo")
    assert bench.queue.submit("image", {"size": 1}, key="a photo").id == first.id
    assert bench.queue.submit("image", {"size": 1}, key="another").id != first.id
    bench.queue.cancel(first.id)
    assert bench.queue.submit("image", {"size": 1}, key="a photo").id != first.id


def test_jobs_are_listed_by_status_and_kind_in_pages(bench: Any) -> None:
    jobs = [bench.submit("work", kind) for kind in ("image", "text", "image", "ocr")]
    bench.queue.pause(jobs[0].id)
    assert [one.id for one in bench.queue.listed(kind="image")] == [jobs[2].id, jobs[0].id]
    assert [one.id for one in bench.queue.listed(statuses=["paused"])] == [jobs[0].id]
    assert [one.id for one in bench.queue.listed(limit=2, offset=1)] == [jobs[2].id, jobs[1].id]
    assert bench.queue.get("unknown") is None
    assert bench.queue.cancel("unknown") is None


def test_an_unknown_kind_is_refused(bench: Any) -> None:
    with pytest.raises(KeyError):
        bench.queue.submit("film", {})


def test_all_who_open_a_new_queue_at_once_get_it(tmp_path: Path) -> None:
    """Sidecars and worker start together; each must see the file without its tables or with all of them."""

    def submit(instance: Path) -> None:
        queue = Queue(instance)
        queue.submit("text", {})
        queue.close()

    for turn in range(10):
        instance = tmp_path / str(turn)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(submit, [instance] * 4))
        queue = Queue(instance)
        assert queue.counts() == {"queued": 4}
        queue.close()


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / NAME)
    connection.execute("PRAGMA user_version=77")
    connection.close()
    with pytest.raises(StorageUnavailable, match="another program"):
        Queue(tmp_path).counts()


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database " * 1000)
    with pytest.raises(StorageUnavailable):
        Queue(tmp_path).counts()


def test_the_setting_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert folder_of("/srv/jobs") == Path("/srv/jobs")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert folder_of(None) == tmp_path / "mediabridge" / "instance"


def test_priority_goes_before_order_and_wall_clocks_decide_nothing(bench: Any) -> None:
    jobs = {kind: bench.submit("work", kind) for kind in ("ocr", "text", "image")}
    database = Database(bench.instance)
    database.run("UPDATE jobs SET created_at = '2099-01-01T00:00:00.000Z', updated_at = '1970-01-01T00:00:00.000Z'")
    claims = Claims(database)
    claimed = [claims.claim("me", jobs) for _ in range(4)]
    assert [one and one.id for one in claimed] == [jobs["image"].id, jobs["text"].id, jobs["ocr"].id, None]
    assert claims.recover(lambda owner: False) == []
    database.close()


def test_a_clock_that_was_read_before_another_process_wrote_takes_nothing_from_it(bench: Any) -> None:
    database = Database(bench.instance)
    now, earlier, restarted = (Claims(database, clock) for clock in (lambda: 100.0, lambda: 99.9, lambda: 1.0))
    job = bench.submit("work")
    claimed = now.claim("a", ["image"])
    assert earlier.recover(lambda owner: False) == []
    now.fail((job.id, claimed.fence), {"kind": "E", "message": "m"})
    assert earlier.claim("b", ["image"]) is None
    again = Claims(database, lambda: 102.0).claim("a", ["image"])
    assert [one.fence for one, _ in restarted.recover(lambda owner: False)] == [again.fence]
    database.close()


def test_a_bell_is_rung_across_processes_and_many_rings_count_once(tmp_path: Path) -> None:
    bell = Bell(tmp_path)
    assert not bell.wait(0)
    assert [ring(tmp_path) for _ in range(3)] == [1, 1, 1]
    assert bell.wait(5)
    assert not bell.wait(0)
    code = f"from pathlib import Path; from mediabridge.sidecar.jobs.bell import ring; ring(Path({str(tmp_path)!r}))"
    paths = os.pathsep.join(path for path in sys.path if path)
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": paths})
    assert bell.wait(5)
    bell.close()


def test_a_bell_that_nobody_hears_never_blocks(tmp_path: Path) -> None:
    bell = Bell(tmp_path)
    for _ in range(70_000):
        bell.wake()
    assert ring(tmp_path) == 1
    assert bell.wait(0)
    bell.close()


def test_a_worker_is_alive_exactly_as_long_as_its_bell_is_open(tmp_path: Path) -> None:
    bell = Bell(tmp_path)
    assert not dead(tmp_path, bell.owner)
    os.close(bell._pipe)  # as the kernel does when the process is killed
    assert dead(tmp_path, bell.owner)
    assert ring(tmp_path) == 0
    assert list((tmp_path / FOLDER).iterdir()) == []
    assert dead(tmp_path, bell.owner)
