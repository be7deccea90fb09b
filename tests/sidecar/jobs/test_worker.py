"""Real workers: what they do with a job, one at a time and several."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from mediabridge.sidecar.jobs import Progress
from mediabridge.sidecar.jobs.rules import KINDS

Until = Callable[..., Any]


def test_a_job_is_done_and_its_result_is_stored(bench: Any, start_worker: Any, until: Until) -> None:
    worker = start_worker()
    job = bench.submit("work", steps=3)
    done = until(lambda: (found := bench.job(job)).status == "completed" and found)
    assert (done.result, done.progress, done.attempts, done.owner) == ({"fence": 1}, Progress(3, 3, 0), 1, None)
    until(lambda: worker.told("job.completed"))
    assert [one["job"] for one in worker.told("job.started")] == [job.id]


def test_progress_is_seen_while_the_job_runs(bench: Any, start_worker: Any, until: Until) -> None:
    start_worker()
    job = bench.submit("hang")
    first = until(lambda: (found := bench.job(job)).progress.done and found)
    assert first.status == "running"
    assert first.progress.failed == 1
    until(lambda: bench.job(job).progress.done > first.progress.done)


def test_a_running_job_is_cancelled(bench: Any, start_worker: Any, until: Until) -> None:
    worker = start_worker()
    job, other = bench.submit("hang"), bench.submit("hang")
    until(lambda: bench.job(job).progress.done and bench.job(other).progress.done)
    assert bench.queue.cancel(job.id).status == "running"
    until(lambda: bench.job(job).status == "cancelled")
    assert bench.lines("interrupted") == [(job.id, 1)]
    assert bench.job(other).status == "running"
    until(lambda: worker.told("job.stopped"))


def test_a_paused_job_keeps_its_progress_and_goes_on_from_there(bench: Any, start_worker: Any, until: Until) -> None:
    start_worker()
    job = bench.submit("hang")
    until(lambda: bench.job(job).progress.done)
    bench.queue.pause(job.id)
    paused = until(lambda: (found := bench.job(job)).status == "paused" and found)
    bench.queue.resume(job.id)
    later = until(lambda: (found := bench.job(job)).progress.done > paused.progress.done and found)
    assert (later.fence, later.attempts) == (2, 1)


def test_a_failure_is_tried_again_until_it_is_a_dead_letter_which_can_be_retried(
    bench: Any, start_worker: Any, until: Until
) -> None:
    worker = start_worker()
    job = bench.submit("fail")
    dead = until(lambda: (found := bench.job(job)).status == "failed" and found)
    assert bench.lines("start") == [(job.id, 1), (job.id, 2), (job.id, 3)]
    assert [one.id for one in bench.queue.dead_letters()] == [job.id]
    assert dead.error["kind"] == "RuntimeError"
    assert "must not be stored" not in dead.error["message"]
    assert bench.queue.retry(job.id).attempts == 0
    until(lambda: bench.lines("start")[3:] == [(job.id, 4)])
    until(lambda: len(worker.told("job.retried")) >= 2 and worker.told("job.failed"))


def test_a_later_try_may_succeed(bench: Any, start_worker: Any, until: Until) -> None:
    start_worker()
    job = bench.submit("fail", times=1)
    done = until(lambda: (found := bench.job(job)).status == "completed" and found)
    assert (done.attempts, done.result, done.error) == (2, "at last", None)


@pytest.mark.parametrize(("act", "tries", "kind"), [("broken", 1, "UnreadableFile"), ("no_json", 3, "TypeError")])
def test_what_would_only_fail_again_is_not_tried_again(
    bench: Any, start_worker: Any, until: Until, act: str, tries: int, kind: str
) -> None:
    start_worker()
    job = bench.submit(act)
    dead = until(lambda: (found := bench.job(job)).status == "failed" and found)
    assert (dead.attempts, dead.error["kind"]) == (tries, kind)


def test_the_log_says_why_a_job_failed_and_for_whom_it_ran(bench: Any, start_worker: Any, until: Until) -> None:
    worker = start_worker()
    bench.submit("broken", requestId="01M8-asked")
    until(lambda: worker.told("job.failed"))
    told = {one["event"]: one for one in worker.events}
    assert told["job.failed"]["message"] == "image job failed for good: the picture ends too early"
    assert told["job.started"]["requestId"] == told["job.failed"]["requestId"] == "01M8-asked"


def test_a_worker_takes_only_kinds_that_it_has_handlers_for(bench: Any, start_worker: Any, until: Until) -> None:
    start_worker("acts:pictures_only")
    text, image = bench.submit("work", "text"), bench.submit("work", "image")
    until(lambda: bench.job(image).status == "completed")
    assert bench.job(text).status == "queued"


def most_at_once(log: str) -> dict[str, int]:
    """The largest number of jobs of each kind between their `start` and their `end`."""
    now, most = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for line in log.splitlines():
        word, *_, kind = line.split()
        now[kind] += {"start": 1, "end": -1}.get(word, 0)
        most[kind] = max(most[kind], now[kind])
    return most


def test_two_workers_never_exceed_the_limits_together_and_reach_them(
    bench: Any, start_worker: Any, until: Until
) -> None:
    jobs = [bench.submit("work", kind, steps=3) for kind in KINDS for _ in range(12)]
    workers = [start_worker(wait=False), start_worker(wait=False)]
    until(lambda: bench.queue.counts() == {"completed": len(jobs)}, 30)
    assert most_at_once(bench.log.read_text()) == {kind: rule.at_once for kind, rule in KINDS.items()}
    assert len(bench.lines("effect")) == len(jobs)
    assert all(worker.told("job.started") for worker in workers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_jobs_finish(bench: Any, start_worker: Any, until: Until, number: int) -> None:
    worker = start_worker()
    job, later = bench.submit("work", "ocr", steps=30), bench.submit("work", "ocr")
    until(lambda: bench.lines("start"))
    assert worker.stop(number) == 0
    assert (bench.job(job).status, bench.job(later).status) == ("completed", "queued")
    assert not list((bench.instance / "workers").iterdir())


def test_a_stop_ends_what_listens_and_gives_back_what_does_not(bench: Any, start_worker: Any, until: Until) -> None:
    worker = start_worker(FLASK_SHUTDOWN_TIMEOUT="2000")
    listens, deaf = bench.submit("hang"), bench.submit("deaf")
    until(lambda: bench.job(listens).progress.done and len(bench.lines("start")) == 2)
    assert worker.stop() == 0
    for job in (bench.job(listens), bench.job(deaf)):
        assert (job.status, job.attempts, job.deaths, job.owner) == ("queued", 0, 0, None)
    assert bench.lines("interrupted") == [(listens.id, 1)]
    assert worker.told("worker.cut") == [{"jobs": 1}]


@pytest.mark.parametrize("entry", ["acts:unknown", "acts:missing", "no_such_module:handlers", "acts"])
def test_a_wrong_entry_is_told(start_worker: Any, entry: str) -> None:
    worker = start_worker(entry, wait=False)
    assert worker.process.wait(10) == 2
    assert "--handlers" in worker.log_file.read_text()


def test_an_unusable_folder_is_told(start_worker: Any) -> None:
    worker = start_worker(wait=False, INSTANCE_PATH="/dev/null/instance")
    assert worker.process.wait(10) == 1
    assert "INSTANCE_PATH" in worker.log_file.read_text()
