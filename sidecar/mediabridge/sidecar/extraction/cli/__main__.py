"""`python -m mediabridge.sidecar.extraction.cli PATH...`: what `mediabridge extract` runs.

Exit code 0: all files were read; 1: some were not, and stderr says which; 2: wrong usage; 130, 143: ended by a signal.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from mediabridge.config import load
from mediabridge.sidecar import logs, requestid
from mediabridge.sidecar.extraction.cores import processes
from mediabridge.sidecar.extraction.engine import Wear
from mediabridge.sidecar.extraction.extract import File, Reading
from mediabridge.sidecar.extraction.many import ManyReader
from mediabridge.sidecar.extraction.pool import start_pool
from mediabridge.sidecar.isolated import Runner
from mediabridge.sidecar.limits import DEFAULT_TIER, MIB, NAMES, tiers

from .files import Aliases, LocalFile, walk
from .output import WRITERS, Writer, progress
from .work import Analyse, Result, Work

_SIGNALLED = 128
_END_S = 0.2  # for ExifTool to end by itself


def main(argv: Sequence[str] | None = None) -> int:
    """Read the files and print what they say; gives the exit code."""
    options = _parser().parse_args(argv)
    if options.advanced and options.tier not in ("forensic", "enterprise"):
        print("The advanced analysis is for the tiers forensic and enterprise.", file=sys.stderr)  # noqa: T201
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    settings, warnings = load(os.environ, toml=Path("mediabridge.toml"), mode="production")
    logs.configure("production", level=settings.log_level, human=True)
    for warned in warnings:
        print(warned, file=sys.stderr)  # noqa: T201
    requestid.current.set(requestid.make())
    with Aliases() as aliases:
        files = [aliases.local(shown) for shown in walk(options.paths)]
        if not files:
            print("There are no files below these paths.", file=sys.stderr)  # noqa: T201
            return 1
        size = min(processes(settings.extract_processes), len(files))
        wear = Wear(settings.extract_recycle_files, settings.extract_recycle_mb * MIB)
        engine = start_pool(settings.exiftool_path, size, wear)
        runner = Runner(size)
        work = Work(
            ManyReader(engine, settings.extract_timeout_s),
            _Builtin(runner, settings.extract_timeout_s),
            tiers(settings.tier_sizes)[options.tier],
            size,
            _analyst(runner) if options.advanced else None,
        )
        try:
            return _extract(work, files, WRITERS[options.format])
        except BrokenPipeError:  # whoever read our output has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        finally:
            engine.close(_END_S)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mediabridge extract", description="Everything that files say of themselves.")
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("--tier", choices=NAMES, default=DEFAULT_TIER)
    parser.add_argument("--advanced", action="store_true")
    parser.add_argument("--format", choices=sorted(WRITERS), default="json")
    return parser


class _Builtin:
    """The built-in reader; it is loaded when ExifTool turns out to be missing, since that takes its time."""

    def __init__(self, runner: Runner, timeout_s: float) -> None:
        self._runner = runner
        self._timeout_s = timeout_s

    def read(self, file: File, gone: Callable[[], bool] | None = None) -> Reading:
        from mediabridge.sidecar.extraction.fallback import BuiltinExtractor  # noqa: PLC0415

        return BuiltinExtractor(self._runner, self._timeout_s).read(file, gone)


def _analyst(runner: Runner) -> Analyse:
    from mediabridge.sidecar.analysis.analyse import analyse  # noqa: PLC0415  most calls do not ask for it
    from mediabridge.sidecar.analysis.model import Facts  # noqa: PLC0415

    def find(file: LocalFile, reading: Reading) -> object:
        facts = Facts(file.name, file.extension, file.sha256, datetime.now(UTC))
        return analyse(file.path, reading.metadata, facts, runner).to_json()

    return find


def _stop(number: int, _frame: object) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_DFL)  # a second one ends the program at once
    sys.exit(_SIGNALLED + number)


def _extract(work: Work, files: Sequence[LocalFile], make_writer: Callable[[TextIO], Writer]) -> int:
    out, err = sys.stdout, sys.stderr
    writer, failed = make_writer(out), []
    results = work.results(files)
    with contextlib.closing(results), progress(len(files), err, shown=_has_bar(out, err)) as step:
        writer.begin()
        for result in results:
            writer.add(result)
            step()
            if not result.succeeded:
                failed.append(result)
        writer.end()
        out.flush()
    _tell(failed, err)
    return 1 if failed else 0


def _has_bar(out: TextIO, err: TextIO) -> bool:
    """A bar and results on the same terminal would write over each other."""
    return err.isatty() and not out.isatty()


def _tell(failed: Sequence[Result], err: TextIO) -> None:
    for result in sorted(failed, key=lambda one: one.index):
        print(logs.clean(f"{result.file.shown}: {result.answer['message']}"), file=err)


if __name__ == "__main__":
    sys.exit(main())
