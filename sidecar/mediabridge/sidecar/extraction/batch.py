"""Many files at once: each is worked by itself, and a failure is a result like any other. Knows no HTTP."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from mediabridge.sidecar.limits import Tier

from .answer import Answer, Gone, Read, Subject, answer_for, failure


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file. `answer` has its place in the batch as `index`."""

    succeeded: bool
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Files of one request. `threads` of them are under way at once; `url` is the server's, for suggestions.

    It is made within the request, whose id it keeps: the results may be asked for when the request's context is gone.
    """

    files: Sequence[Subject]
    tier: Tier
    read: Read
    threads: int
    url: str
    gone: Gone | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def results(self, *, in_order: bool) -> Iterator[Result]:
        """A result for each file, in the order of the files or as they are done. Closing the iterator ends the work."""
        left = threading.Event()

        def gone() -> bool:
            return left.is_set() or (self.gone is not None and self.gone())

        with ThreadPoolExecutor(self.threads, thread_name_prefix="batch") as pool:
            tasks = [self._submit(pool, index, file, gone) for index, file in enumerate(self.files)]
            try:
                for task in tasks if in_order else as_completed(tasks):
                    yield task.result()
            finally:
                left.set()
                _cancel(tasks)

    def _submit(self, pool: ThreadPoolExecutor, index: int, file: Subject, gone: Gone) -> Future[Result]:
        return pool.submit(self.context.copy().run, self._work, index, file, gone)

    def _work(self, index: int, file: Subject, gone: Gone) -> Result:
        try:
            told = answer_for(file, self.tier, self.read, started=time.monotonic(), gone=gone)
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this file's alone
            return Result(succeeded=False, answer={"index": index, **failure(file, problem, url=self.url)})
        return Result(succeeded=True, answer={"index": index, **told})


def _cancel(tasks: Sequence[Future[Result]]) -> None:
    for task in tasks:
        task.cancel()
