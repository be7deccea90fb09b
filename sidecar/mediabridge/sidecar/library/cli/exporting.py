"""`mediabridge library export --to DIR`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

from mediabridge.sidecar import logs, requestid
from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.faults import InvalidRequest
from mediabridge.sidecar.library import jobs, preferences, steps
from mediabridge.sidecar.library.export import job as exporting
from mediabridge.sidecar.library.export import records
from mediabridge.sidecar.library.export.options import LEAST, METADATA, Options, parse
from mediabridge.sidecar.library.export.plan import dry_run
from mediabridge.sidecar.library.intake import KINDS
from mediabridge.sidecar.limits import megabytes

from .kit import Kit

_TOLD = 20  # files that failed; the manifest has all
_PROBLEMS = {"missing": "the original is gone", "changed": "the original has changed since its import"}
_FLAGS = {"target": "--to", "from": "--since", "to": "--until", "tags": "--tag"}
_DOOR = {"door": "shell"}  # jobs of a worker are not ours to go on with


@dataclass(frozen=True, slots=True)
class _Task:
    id: str
    payload: dict[str, Any]
    fence: int


@click.command()
@click.option("--to", "target", required=True, metavar="DIR", help="The folder that the copies go to.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option(
    "--keepers-only/--discarded-too",
    default=None,
    help="Without what was discarded, alone or as a duplicate, or with it; else as the library's settings say.",
)
@click.option("--metadata", type=click.Choice(METADATA), help="Dates and tags: in the copies, beside them, nowhere.")
@click.option("--least-confidence", type=click.Choice(LEAST), help="Dates of less (default: medium) count as none.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these kinds of files.")
@click.option("--tag", "tags", multiple=True, help="Only files with all of these tags.")
@click.option("--since", metavar="DATE", help="Only files from this date on, as 2024-01-31, 2024-01, 2024.")
@click.option("--until", metavar="DATE", help="Only files up to and with this date.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
@click.pass_obj
def export(kit: Kit, /, target: str, *, dry_run: bool, as_json: bool, **asked: Any) -> None:
    """Copy the library's files to DIR/YYYY/YYYYMMDD_HHMMSS.ext, with their dates and tags. Originals are only read.

    What was cut off goes on when the same command is given again. Exit code 1 when a file could not be exported.
    """
    real = os.path.realpath(os.path.expanduser(target))  # noqa: PTH111
    discarded_too = kit.processing.library.read(preferences.read)["exportDiscarded"]
    options = _options(_body(real, asked), keepers_only=not discarded_too)
    with kit.export_parts((_nearest(real),)) as parts:
        if dry_run:
            _tell_forecast(options, parts, as_json=as_json)
            return
        task = _task(parts.door, options)
        with _bar(sys.stderr.isatty()) as report:
            found = exporting.export(task, parts, report, lambda: None)
        _tell(parts.door, task.id, found, as_json=as_json)
    if found["failed"]:
        click.get_current_context().exit(1)


def _options(body: Mapping[str, Any], *, keepers_only: bool) -> Options:
    try:
        return parse(body, keepers_only=keepers_only)[0]
    except InvalidRequest as problem:
        name, _, told = problem.message.partition(":")
        raise click.UsageError(f"{_FLAGS.get(name, name)}:{told}") from problem


def _body(target: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """As a client of the route would send it."""
    return {
        "target": target,
        "keepersOnly": asked["keepers_only"],
        "metadata": asked["metadata"],
        "leastConfidence": asked["least_confidence"],
        "kinds": list(asked["kinds"]),
        "tags": list(asked["tags"]),
        "from": asked["since"],
        "to": asked["until"],
    }


def _nearest(folder: str) -> str:
    """The folder, or the one above it that is there: whoever types the command may write where they may write."""
    while not os.path.isdir(folder) and folder != "/":  # noqa: PTH112
        folder = os.path.dirname(folder)  # noqa: PTH120
    return folder


def _task(door: Door, options: Options) -> _Task:
    """The same export that has not come to its end; else a new one."""
    wanted = options.to_json()
    fence = time.time_ns()  # another number in each run
    for number, known in door.read(lambda session: list(records.unfinished(session))):
        if known.get("door") == _DOOR["door"] and {name: known.get(name) for name in wanted} == wanted:
            return _Task(number, {"options": wanted}, fence)
    number = requestid.make()
    door.write(lambda session: jobs.begin(session, number, records.KIND, {**wanted, **_DOOR}))
    return _Task(number, {"options": wanted}, fence)


@contextlib.contextmanager
def _bar(shown: bool) -> Iterator[Callable[[int, int, int], None]]:
    """A progress bar on a terminal."""
    if not shown:
        yield lambda *_: None
        return
    with click.progressbar(length=0, file=sys.stderr, label="exporting", show_pos=True) as bar:

        def report(done: int, total: int, failed: int) -> None:
            bar.length = total
            bar.update(done + failed - bar.pos)

        yield report


def _tell_forecast(options: Options, parts: exporting.Parts, *, as_json: bool) -> None:
    found = dry_run(options, parts)
    if as_json:
        click.echo(json.dumps(found))
        return
    written = found["metadata"]
    beside = ", ".join(f"{count} {kind}" for kind, count in written["sidecarByType"].items())
    lines = [
        ("files", f"{found['files']} ({megabytes(found['bytes'])} to copy)"),
        ("already there", found["present"]),
        ("without a date", found["undated"]),
        ("names taken", found["collisions"]),
        ("tags in the copy", written["embedded"]),
        ("tags beside it", f"{written['sidecar']}{f' ({beside})' if beside else ''}"),
        ("nothing to write", written["nothing"]),
        ("XMP files that go along", found["sidecars"]),
        ("dates not sure enough to be written", written["datesNotWritten"]),
        ("originals gone", found["missing"]),
        ("originals changed", found["changed"]),
        ("left out", ", ".join(f"{count} {why}" for why, count in found["leftOut"].items())),
        ("free space", f"{megabytes(found['freeBytes'])}{'' if found['fits'] else ': not enough'}"),
    ]
    for name, value in lines:
        click.echo(f"{name:36}{value}")
    for one in found["problems"]:
        click.echo(logs.clean(f"{one['source']}: {_PROBLEMS[one['problem']]}"), err=True)


def _tell(door: Door, job_id: str, found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(dict(found)))
    else:
        click.echo(f"{found['exported']} of {found['total']} files exported, {found['failed']} failed.")
        click.echo(logs.clean(f"All of it: {found['target']}/{found['manifest']}"))
    if found["failed"]:
        for step, file in door.read(lambda session: steps.errors(session, job_id, _TOLD)):
            name = file.name if file is not None else f"file {step.file_id}"
            click.echo(logs.clean(f"{name}: {(step.error or {}).get('message')}"), err=True)
