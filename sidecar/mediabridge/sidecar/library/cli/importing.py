"""`mediabridge library import PATH…`."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from mediabridge.sidecar import logs, requestid
from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.lock import alone
from mediabridge.sidecar.faults import Conflict
from mediabridge.sidecar.library import jobs, steps
from mediabridge.sidecar.library.importing.job import KIND, run_import

from .kit import Kit

_TOLD = 20  # files that failed, in words; as JSON all of them
_PAGE = 1000
_LOCK = "import.lock"
_ENDED = {"kind": "Interrupted", "message": "The program that did it was ended."}
_WORDS = {
    "looking": "looking for files",
    "reading": "reading",
    "pictures": "making pictures",
    "duplicates": "looking for duplicates",
}
_LABEL = max(map(len, _WORDS.values()))
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """An import that nobody stops but a signal, which ends it where it is."""

    payload: dict[str, Any]

    def report(self, done: int, total: int = 0, failed: int = 0) -> None:
        """The bar is told by stages."""

    def check(self) -> None:
        """A signal is an exception."""


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True))
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON list, with all files that failed.")
@click.pass_obj
def import_paths(kit: Kit, /, paths: Sequence[str], *, as_json: bool) -> None:
    """Note every picture and video below PATH in the library. Nothing is moved, copied or changed.

    What was cut off goes on when the same command is given again. Exit code 1 when a file could not be imported.
    """
    door = kit.processing.library
    with _only_one(kit):
        _forget_the_dead(door)
        outcomes = [_import(kit, os.path.realpath(path), as_json=as_json) for path in paths]
    if as_json:
        click.echo(json.dumps(outcomes))
    if any(one["failed"] for one in outcomes):
        click.get_current_context().exit(1)


@contextlib.contextmanager
def _only_one(kit: Kit) -> Iterator[None]:
    kit.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone(kit.instance / _LOCK, patience_s=0))
        except TimeoutError as problem:
            msg = "Another `mediabridge library import` is running."
            raise Conflict(msg, "Wait for its end.") from problem
        yield


def _forget_the_dead(door: Door) -> None:
    """Imports of this machine's shell that nobody can be at: we hold the lock."""
    for number, options in door.read(lambda session: jobs.running(session, KIND)):
        if options.get("door") == "shell" and options.get("host") == socket.gethostname():
            door.write(lambda session, number=number: jobs.settle(session, number, "failed", _ENDED))  # type: ignore[misc]


def _import(kit: Kit, path: str, *, as_json: bool) -> dict[str, Any]:
    door, number = kit.processing.library, requestid.make()
    run = _Run({"path": path, "door": "shell", "host": socket.gethostname()})
    try:
        with _shown(sys.stderr.isatty()) as watch:
            counts = run_import(kit.import_tools(), number, run, watch)
    except BaseException as problem:
        if not isinstance(problem, Exception):  # a signal
            door.write(lambda session: jobs.settle(session, number, "cancelled"))
            click.echo("Stopped. Give the same command again to go on.", err=True)
        raise
    errors = list(_errors(door, number, None if as_json else _TOLD))
    if not as_json:
        done = f"{counts['done']} of {counts['total']} files are in the library, {counts['failed']} failed"
        gone = f"; not there any more: {counts['missing']}" if counts["missing"] else ""
        click.echo(logs.clean(f"{path}: {done}{gone}; {counts['groups']} groups of duplicates."))
        if "warning" in counts:
            click.echo(logs.clean(f"{path}: {counts['warning']}"), err=True)
        for error in errors:
            click.echo(logs.clean(f"{error['name']}: {error['message']}"), err=True)
        if counts["failed"] > len(errors):
            click.echo(f"and {counts['failed'] - len(errors)} more; --json tells all.", err=True)
    return {"id": number, "path": _text(path), **counts, **({"errors": errors} if as_json else {})}


def _errors(door: Door, number: str, most: int | None) -> Iterator[dict[str, Any]]:
    after = 0
    limit = most or _PAGE
    while page := door.read(lambda session, after=after: steps.errors(session, number, limit, after)):  # type: ignore[misc]
        for step, file in page:
            name = (step.outcome or {}).get("name", "?") if file is None else file.name
            path = None if file is None or file.path is None else file.path.decode("utf-8", "replace")
            yield {"name": name, "path": path, **(step.error or {})}
        if most:
            return
        after = page[-1][0].id


def _text(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


@contextlib.contextmanager
def _shown(terminal: bool) -> Iterator[Watch]:
    """A bar for each stage on a terminal, else a line."""
    with contextlib.ExitStack() as bars:
        shown, bar = "", None

        def watch(stage: str, done: int, total: int) -> None:
            nonlocal shown, bar
            if stage != shown:
                bars.close()
                shown, bar = stage, None
                if terminal and total:
                    bar = bars.enter_context(_bar(stage, total))
                else:
                    click.echo(f"{_WORDS[stage]}{f': {total} files' if total else ''}", err=True)
            if bar is not None:
                bar.update(done - bar.pos)

        yield watch


def _bar(stage: str, total: int) -> Any:
    return click.progressbar(length=total, file=sys.stderr, label=_WORDS[stage].ljust(_LABEL), show_pos=True)
