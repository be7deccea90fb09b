"""`mediabridge library duplicates`, `mediabridge library timeline`: what the library has, from the shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from mediabridge.sidecar import logs
from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.database.models import Duplicate, File
from mediabridge.sidecar.library import groups, moments
from mediabridge.sidecar.library import timeline as months
from mediabridge.sidecar.library.groups import Shown
from mediabridge.sidecar.library.listing import Filters

from .kit import Kit

_PAGE = 200


@click.command()
@click.option("--settled-too", is_flag=True, help="Also groups that somebody has decided about.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each group.")
@click.pass_obj
def duplicates(kit: Kit, /, *, settled_too: bool, as_json: bool) -> None:
    """Groups of files that are alike, the file to keep first, and why."""
    count = 0
    for group in _groups(kit.processing.library, settled_too=settled_too):
        count += 1
        click.echo(json.dumps(_as_json(group)) if as_json else _in_words(group))
    if not as_json:
        click.echo(f"{count} groups.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def timeline(kit: Kit, /, *, as_json: bool) -> None:
    """How many files there are of each month, the newest first."""
    found = kit.processing.library.read(lambda session: months.months(session, Filters()))
    undated = found.pop(0, 0)
    rows = [{"month": moments.month_text(month), "files": files} for month, files in found.items()]
    total = undated + sum(found.values())
    if as_json:
        click.echo(json.dumps({"months": rows, "undated": undated, "total": total}))
        return
    for row in rows:
        click.echo(f"{row['month']}  {row['files']:>8}")
    click.echo(f"no date  {undated:>7}\ntotal    {total:>7}")


def _groups(door: Door, *, settled_too: bool) -> Iterator[Shown]:
    after, settled = 0, None if settled_too else False

    def page(session: Any) -> list[Shown]:
        return groups.page(session, settled=settled, after=after, limit=_PAGE)

    while found := door.read(page):
        yield from found
        after = found[-1].id


def _as_json(group: Shown) -> dict[str, Any]:
    files = [
        {
            "id": file.id,
            "path": _place(file),
            "kind": duplicate.kind,
            "similarity": duplicate.similarity,
            "suggestedKeeper": duplicate.keeper,
            "reasons": duplicate.reasons,
        }
        for duplicate, file in group.members
    ]
    return {"id": group.id, "settled": group.settled, "files": files}


def _in_words(group: Shown) -> str:
    lines = [f"Group {group.id}", *(_member(*member) for member in group.members)]
    return "\n".join(map(logs.clean, lines))


def _member(duplicate: Duplicate, file: File) -> str:
    why = f" ({', '.join(duplicate.reasons)})" if duplicate.reasons else ""
    what = "keep" if duplicate.keeper else f"{duplicate.kind} {duplicate.similarity:.2f}"
    return f"  {what:18} {_place(file)}{why}"


def _place(file: File) -> str:
    return file.name if file.path is None else file.path.decode("utf-8", "replace")
