"""The same on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import update

from mediabridge.sidecar.database import Door
from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import Job, JobFile
from mediabridge.sidecar.library.export.options import parse
from mediabridge.sidecar.library.export.plan import dry_run

from .conftest import NOON, Library

Picture = Callable[..., bytes]


def test_an_export_runs_goes_on_and_finds_what_is_there(database: Database, library: Library, picture: Picture) -> None:
    library.door.close()
    library.door = cast("Door", database)
    library.add(library.put("undated.jpg", picture()), None, confidence="none")
    for number in range(3):
        library.add(library.put(f"{number}.bmp", picture("BMP", number)), NOON + timedelta(days=number), words=["Rome"])
    assert library.export(library.job("J"))["exported"] == 4
    names = library.exported()

    def forget(session: Any) -> None:
        session.execute(update(JobFile).where(JobFile.id > 2).values(state="pending"))
        session.execute(update(Job).values(done=2, finished_us=None))

    database.write(forget)
    assert library.export(library.job("J", fence=2))["exported"] == 4
    assert library.export(library.job("K"))["exported"] == 4
    assert library.exported() == names
    assert [line["result"] for line in library.manifest("K")] == ["present"] * 4
    forecast = dry_run(parse({"target": str(library.target)})[0], library.parts)
    assert (forecast["files"], forecast["present"], forecast["undated"], forecast["bytes"]) == (4, 4, 1, 0)
    elsewhere = dry_run(parse({"target": f"{library.target}-2", "to": "2024-01"})[0], library.parts)
    assert (elsewhere["files"], elsewhere["folders"], elsewhere["metadata"]["sidecar"]) == (1, {"2024": 1}, 1)
    assert elsewhere["targetExists"] is False
