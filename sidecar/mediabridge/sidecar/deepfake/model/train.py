"""The child's task: reads what is labelled, runs a round, and gives the model. It writes nothing.

It reads the file itself, read only: thousands of vectors through the serving process would cost that process seconds.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from . import features, golden
from .document import Model
from .golden import sample_of
from .rounds import Round, run_round
from .samples import Material

MOST_OF_A_CLASS = 5_000  # the newest ones
_BUSY_S = 5.0
_NICE = 10
_SAMPLES = """
WITH votes AS (  -- the operator's own vote stands for a file, else the first one
    SELECT *, row_number() OVER (PARTITION BY sha256 ORDER BY operator DESC, id) AS place,
        -- after a return to an older model, what only newer ones had seen is fresh again
        max(coalesce(used_by <= (SELECT version FROM models WHERE domain = :domain AND state = 'champion'), 0))
            OVER (PARTITION BY sha256) AS used
    FROM labels WHERE domain = :domain AND status = 'accepted'
), newest AS (
    SELECT v.id, v.sha256, v.label, v.labeler, v.operator, v.source, v.used, s.vector, s.facts,
        row_number() OVER (PARTITION BY v.label ORDER BY v.id DESC) AS age
    FROM votes v JOIN samples s USING (sha256, domain)
    WHERE v.place = 1 AND s.feature_version = :version
        AND NOT EXISTS (SELECT 1 FROM golden g WHERE g.sha256 = v.sha256 AND g.domain = v.domain)
)
SELECT * FROM newest WHERE age <= :most ORDER BY id
"""


def work(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`{"path", "domain", "at"}` -> `{"done", "total"}` after some fits, and at last `{"round": ...}`."""
    os.nice(_NICE)
    steps: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    found: list[Round | BaseException] = []

    def run() -> None:
        try:
            found.append(run_round(read(request["path"], request["domain"]), request["at"], _tell))
        except BaseException as problem:  # noqa: BLE001  it is raised again where the parent hears of it
            found.append(problem)
        steps.put(None)

    def _tell(done: int, total: int) -> None:
        steps.put((done, total))

    threading.Thread(target=run, daemon=True).start()
    while (step := steps.get()) is not None:
        yield {"done": step[0], "total": step[1]}
    (outcome,) = found
    if isinstance(outcome, BaseException):
        raise outcome
    yield {"round": _plain(outcome)}


def _plain(made: Round) -> dict[str, Any]:
    return {
        "told": made.told,
        "document": made.model.to_json() if made.model else None,
        "promoted": made.promoted,
        "measured": made.measured,
        "championMeasured": made.champion_measured,
        "harmful": made.harmful,
        "used": list(made.used),
    }


def read(path: str, domain: str) -> Material:
    """All labelled files of a domain, the golden set, and the champion."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_S)) as file:
        file.row_factory = sqlite3.Row
        asked = {"domain": domain, "version": features.VERSION, "most": MOST_OF_A_CLASS}
        file.execute("PRAGMA temp_store = MEMORY")  # the child may write no large file, not even to sort
        file.execute("BEGIN")  # one state of the file for all three
        samples = [sample_of(row) for row in file.execute(_SAMPLES, asked)]
        frozen = [sample_of(row) for row in file.execute(golden.FILES, asked)]
        kept = file.execute(
            "SELECT version, document FROM models WHERE domain = :domain AND state = 'champion'", asked
        ).fetchone()
    champion = None
    if kept is not None:
        with contextlib.suppress(ValueError):  # one of other features has nothing to say here
            champion = Model.from_json(kept["document"])
    return Material(tuple(samples), tuple(frozen), champion, kept["version"] if champion else None)
