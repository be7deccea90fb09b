"""Workers that are killed, stopped and poisoned: nothing is lost, nothing is done twice in effect."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any

from mediabridge.sidecar.jobs.schema import NAME, Database
from mediabridge.sidecar.jobs.table import Jobs

Until = Callable[..., Any]
KINDS = ("image", "text", "ocr")
KILLS = 6


def sql(bench: Any, *statements: str) -> list[tuple[Any, ...]]:
    """Ask the file itself, past our own code."""
    connection = sqlite3.connect(bench.instance / NAME, timeout=5, isolation_level=None)
    try:
        return [row for statement in statements for row in connection.execute(statement).fetchall()]
    finally:
        connection.close()


def watch_completions(bench: Any) -> None:
    """The database itself writes down each completion."""
    sql(
        bench,
        "CREATE TABLE completions (id TEXT, fence INTEGER)",
        "CREATE TRIGGER watch AFTER UPDATE ON jobs WHEN new.status = 'completed'"
        " BEGIN INSERT INTO completions VALUES (new.id, new.fence); END",
    )


def test_sixty_jobs_under_kill_9_are_each_done_exactly_once_in_effect(
    bench: Any, start_worker: Any, until: Until
) -> None:
    watch_completions(bench)
    chance = random.Random(60)
    jobs = [bench.submit("work", KINDS[number % 3], steps=chance.randint(2, 8)).id for number in range(60)]
    for _ in range(KILLS):
        seen, further = len(bench.lines("start")), chance.randint(3, 9)
        worker = start_worker(wait=False)
        until(lambda seen=seen, further=further: len(bench.lines("start")) >= seen + further, 20)
        worker.kill()
    last = start_worker()
    until(lambda: bench.queue.counts() == {"completed": 60}, 40)

    completions = dict(sql(bench, "SELECT id, fence FROM completions"))
    assert sorted(jobs) == sorted(completions)
    assert sql(bench, "SELECT count(*) FROM completions") == [(60,)]
    effects = Counter(bench.lines("effect"))
    assert [effects[claim] for claim in completions.items()] == [1] * 60
    # Runs that were cut short are there, and none of their numbers was used twice.
    starts = Counter(bench.lines("start"))
    assert len(starts) > 60
    assert set(starts.values()) == {1}
    assert last.told("job.refused") == []


def test_what_a_killed_worker_ran_is_taken_up_by_another_without_waiting_for_the_lease(
    bench: Any, start_worker: Any, until: Until
) -> None:
    first = start_worker()
    job = bench.submit("hang")
    until(lambda: bench.job(job).progress.done)
    second = start_worker()
    first.kill()
    until(lambda: bench.lines("start") == [(job.id, 1), (job.id, 2)], 12)
    assert second.told("job.recovered") == [{"job": job.id, "kind": "image", "deaths": 1, "status": "queued"}]
    assert bench.job(job).attempts == 1


def test_a_worker_that_stood_still_past_its_lease_has_no_effect_any_more(
    bench: Any, start_worker: Any, until: Until
) -> None:
    watch_completions(bench)
    first = start_worker()
    job = bench.submit("work", steps=20)
    until(lambda: bench.job(job).progress.done)
    first.process.send_signal(signal.SIGSTOP)
    sql(bench, "UPDATE jobs SET lease_until = 0.001 WHERE status = 'running'")  # rather than wait for its end
    start_worker()
    until(lambda: bench.job(job).status == "completed", 15)
    first.process.send_signal(signal.SIGCONT)
    until(lambda: first.told("job.refused"))
    assert bench.lines("effect") == [(job.id, 2)]
    assert sql(bench, "SELECT id, fence FROM completions") == [(job.id, 2)]
    assert bench.job(job).result == {"fence": 2}


def test_a_job_that_kills_its_worker_again_and_again_is_a_dead_letter(
    bench: Any, start_worker: Any, until: Until
) -> None:
    job = bench.submit("poison")
    sql(bench, "UPDATE jobs SET deaths = 3")
    for deaths in (4, 5):
        assert start_worker(wait=False).process.wait(10) == -signal.SIGKILL
        start_worker("acts:no_handlers")
        until(lambda deaths=deaths: bench.job(job).deaths == deaths)
        sql(bench, "UPDATE jobs SET not_before = 0")
    assert bench.job(job).status == "failed"
    assert bench.job(job).error["kind"] == "WorkerDied"
    assert bench.queue.retry(job.id).deaths == 0


def test_a_job_of_a_killed_worker_that_was_to_be_cancelled_is_cancelled(
    bench: Any, start_worker: Any, until: Until
) -> None:
    worker = start_worker()
    job = bench.submit("deaf")
    until(lambda: bench.lines("start"))
    bench.queue.cancel(job.id)
    worker.kill()
    start_worker()
    until(lambda: bench.job(job).status == "cancelled")
    assert bench.lines("start") == [(job.id, 1)]


def test_a_job_whose_bell_was_never_rung_is_found(bench: Any, start_worker: Any, until: Until) -> None:
    """As after a web server that was killed between the two."""
    start_worker()
    database = Database(bench.instance)
    job = Jobs(database).submit("image", {"act": "work", "log": str(bench.log)})
    database.close()
    until(lambda: bench.job(job).status == "completed", 12)
