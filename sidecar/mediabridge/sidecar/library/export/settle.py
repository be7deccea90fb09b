"""Finished copies get their names: claimed in the database first, so that whoever takes over knows which are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediabridge.sidecar.database.door import Door
from mediabridge.sidecar.faults import StorageUnavailable
from mediabridge.sidecar.library import steps
from mediabridge.sidecar.library.steps import Done

from . import records
from .make import Made
from .naming import SIDECAR, Names, folder_and_name
from .options import Options
from .target import Target, Work

_SAMPLE = 20  # copies: somebody may have moved some of them


class Settler:
    """Puts batches of copies into their places, each of them once."""

    def __init__(self, door: Door, job_id: str, options: Options, target: Target) -> None:
        self._door, self._job_id, self._options, self._target = door, job_id, options, target
        self._names = Names(target.names)

    def recover(self) -> int:
        """After a run that was cut off: what had got its name is done, of what had not nothing is left. Says how many.

        A name that was claimed is ours when the file under it has the bytes that were claimed.
        """
        done = []
        for number, key, outcome in self._door.read(lambda session: records.claimed(session, self._job_id)):
            if self._is_there(outcome):
                done.append(Done(key, outcome=dict(outcome)))
            else:
                self._withdraw(outcome)
                self._claim({number: {}})
        self._door.write(lambda session: steps.finish(session, self._job_id, done))
        return len(done)

    def check(self) -> None:
        """Whether this is still the disk that earlier runs have written to. Raises `StorageUnavailable`."""
        made = self._door.read(lambda session: records.latest(session, self._job_id, _SAMPLE))
        if made and not any(outcome["name"] in self._target.names(outcome["folder"]) for outcome in made):
            msg = "What this job has exported so far is not in its target any more."
            raise StorageUnavailable(msg, "Check that the disk is mounted; or start a new export.")

    def put(self, made: Sequence[Made], work: Work) -> None:
        """Name them, durably, and note it."""
        outcomes = {one.item.step: self._outcome(one) for one in made}
        self._claim(outcomes)
        for one in made:
            outcomes[one.item.step] = self._place(one, outcomes[one.item.step], work)
        self._target.settle({outcome["folder"] for outcome in outcomes.values()})
        ends = [Done(one.item.key, outcome=outcomes[one.item.step]) for one in made]
        self._door.write(lambda session: steps.finish(session, self._job_id, ends))
        work.remove(*(name for one in made for name in (one.file, one.beside) if name))

    def keep(self, there: Mapping[bytes, records.Outcome]) -> None:
        """Note copies that an earlier export has left, as they are."""
        for outcome in there.values():
            self._names.take(outcome["folder"], outcome["name"])
        ends = [Done(key, outcome={**outcome, "present": True}) for key, outcome in there.items()]
        self._door.write(lambda session: steps.finish(session, self._job_id, ends))

    def _outcome(self, made: Made) -> dict[str, Any]:
        item = made.item
        folder, wanted = folder_and_name(item.taken_us, item.name, item.mime_type)
        name, collided = self._names.choose(folder, wanted)
        return {
            "folder": folder,
            "name": name,
            "collided": collided,
            "sha256": made.sha256,
            "size": made.size,
            "written": made.written,
            "why": made.why,
            "sidecar": made.beside_sha256,
            "recipe": item.recipe(self._options),
            "told": item.told(),
        }

    def _place(self, made: Made, outcome: dict[str, Any], work: Work) -> dict[str, Any]:
        """The file beside it first: a copy that has its name is complete."""
        while True:
            folder, name = outcome["folder"], outcome["name"]
            try:
                if made.beside is not None:
                    self._target.place(work, made.beside, folder, f"{name}{SIDECAR}")
                try:
                    self._target.place(work, made.file, folder, name)
                except FileExistsError:
                    if made.beside is not None:
                        self._target.remove(folder, f"{name}{SIDECAR}")
                    raise
            except FileExistsError:  # somebody else has put something there since we looked
                outcome = self._outcome(made)
                self._claim({made.item.step: outcome})
            else:
                return outcome

    def _claim(self, claims: Mapping[int, records.Outcome]) -> None:
        self._door.write(lambda session: records.claim(session, claims))

    def _is_there(self, outcome: records.Outcome) -> bool:
        """Complete, with the file beside it where there is to be one."""
        if not outcome or self._target.digest(outcome["folder"], outcome["name"]) != outcome["sha256"]:
            return False
        beside = f"{outcome['name']}{SIDECAR}"
        return not outcome["sidecar"] or self._target.digest(outcome["folder"], beside) == outcome["sidecar"]

    def _withdraw(self, outcome: records.Outcome) -> None:
        """What is ours of a copy that is not complete: the file beside it, or the copy that has lost that one."""
        for name, sha256 in _files(outcome):
            if self._target.digest(outcome["folder"], name) == sha256:
                self._target.remove(outcome["folder"], name)


def _files(outcome: records.Outcome) -> list[tuple[str, str]]:
    if not outcome or not outcome["sidecar"]:
        return []
    return [(outcome["name"], outcome["sha256"]), (f"{outcome['name']}{SIDECAR}", outcome["sidecar"])]
