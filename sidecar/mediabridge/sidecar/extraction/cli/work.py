"""Reads many local files on the pool, several in a command, and keeps every process busy."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from mediabridge.sidecar.extraction.answer import Answer, check, failure, payload
from mediabridge.sidecar.extraction.extract import Reading
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.extraction.reader import Plain
from mediabridge.sidecar.faults import EngineUnavailable, Fault
from mediabridge.sidecar.limits import Tier

from .files import LocalFile

TOGETHER = 8  # files of one command, at most
_TOGETHER_BYTES = 64 * 1024 * 1024  # large files are read alone: each has its own time limit
_SHARES = 4  # commands for each process, at least, so that none is left with all the work at the end
Analyse = Callable[[LocalFile, Reading], object]
URL = "http://127.0.0.1:8080"  # for suggestions; there is no server


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file; `index` is its place among the files."""

    index: int
    file: LocalFile
    succeeded: bool
    answer: Answer


@dataclass(frozen=True, slots=True)
class Work:
    """How files are read: by which reader, as which tier sees them, with how many processes behind it.

    `second` reads when ExifTool is not to be had. `analyse` adds to an answer what the advanced analysis finds.
    """

    reader: ManyReader
    second: Plain
    tier: Tier
    processes: int
    analyse: Analyse | None = None

    def results(self, files: Sequence[LocalFile]) -> Generator[Result, None, None]:
        """A result for each file, as they are done. Closing it begins no more; what runs ends with the engine."""
        stop = threading.Event()
        # Two more than can read: files are measured and answers built while the others read.
        pool = ThreadPoolExecutor(self.processes + 2, thread_name_prefix="extract")
        tasks = [
            pool.submit(contextvars.copy_context().run, self._chunk, start, chunk, stop)
            for start, chunk in self._chunks(files)
        ]
        try:
            for task in as_completed(tasks):
                yield from task.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _chunks(self, files: Sequence[LocalFile]) -> Iterator[tuple[int, Sequence[LocalFile]]]:
        size = max(1, min(TOGETHER, len(files) // (self.processes * _SHARES)))
        return ((start, files[start : start + size]) for start in range(0, len(files), size))

    def _chunk(self, start: int, files: Sequence[LocalFile], stop: threading.Event) -> list[Result]:
        if stop.is_set():
            return []
        began = time.monotonic()
        problems = {file.shown: problem for file in files if (problem := self._measure(file)) is not None}
        sound = [file for file in files if file.shown not in problems]
        readings = {file.shown: reading for file, reading in zip(sound, self._read(sound), strict=True)}
        found = [problems.get(file.shown) or readings[file.shown] for file in files]
        each = (time.monotonic() - began) / len(files)
        return [
            self._result(start + number, file, one, time.monotonic() - each)
            for number, (file, one) in enumerate(zip(files, found, strict=True))
        ]

    def _measure(self, file: LocalFile) -> Fault | None:
        try:
            file.measure()
            check(file, self.tier)
        except Fault as fault:
            return fault
        return None

    def _read(self, files: Sequence[LocalFile]) -> list[Reading | Fault]:
        """Together when they are small, else each alone."""
        if sum(file.size for file in files) <= _TOGETHER_BYTES:
            found = self.reader.read(files)
        else:
            found = [one for file in files for one in self.reader.read([file])]
        return [self._again(file, one) for file, one in zip(files, found, strict=True)]

    def _again(self, file: LocalFile, found: Reading | Fault) -> Reading | Fault:
        if not isinstance(found, EngineUnavailable):
            return found
        try:
            return self.second.read(file)
        except Fault as fault:
            return fault

    def _result(self, index: int, file: LocalFile, found: Reading | Fault, started: float) -> Result:
        try:
            if isinstance(found, Fault):
                raise found
            told = payload(file, self.tier, found, cached=False, started=started)
            if self.analyse is not None:
                told["analysis"] = self.analyse(file, found)
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this file's alone
            told = failure(file, problem, url=URL)
            return Result(index, file, succeeded=False, answer=_with_path(told, file))
        return Result(index, file, succeeded=True, answer=_with_path(told, file))


def _with_path(told: Answer, file: LocalFile) -> Answer:
    """The answer with the path beside the name: names repeat in a tree of folders."""
    about = told["file"]
    return {**told, "file": {"path": file.shown, **(about if isinstance(about, dict) else {})}}
