"""Several files in one command: fewer turns for the same work. A file that spoils a command is found and read alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from mediabridge.sidecar.events import emit
from mediabridge.sidecar.faults import EngineDied, ExtractionTimeout, Fault, UnreadableFile

from . import groups
from .engine import Engine
from .extract import File, Reading, reading_of, senseless

TOGETHER_S = 30.0  # for a command over several files; a file that is slower than that is read alone
_log = logging.getLogger(__name__)


class ManyReader:
    """Reads files where they lie, under their own names. `timeout_s` limits a file that is read alone."""

    def __init__(self, engine: Engine, timeout_s: float) -> None:
        self._engine = engine
        self._timeout_s = timeout_s

    def read(self, files: Sequence[File]) -> list[Reading | Fault]:
        """A reading or a fault for each file, in their order."""
        found: dict[str, groups.Pairs] = {}
        if len(files) > 1:
            try:
                found = self._together(files)
            except (EngineDied, ExtractionTimeout, UnreadableFile) as problem:
                words = f"{len(files)} files are read one by one: {problem.message}"
                emit(_log, logging.INFO, "extraction.isolated", words, files=len(files))
            except Fault as problem:  # there is no engine
                return [problem] * len(files)
        return [self._one(file, found.get(os.fspath(file.path))) for file in files]

    def _together(self, files: Sequence[File]) -> dict[str, groups.Pairs]:
        limit_s = min(self._timeout_s, TOGETHER_S)
        names = [os.fspath(file.path) for file in files]
        reply = self._engine.run(*groups.ARGUMENTS, *names, timeout_s=limit_s, files=len(files))
        try:
            told = groups.parse_all(reply.stdout)
        except groups.NotExifToolJsonError as problem:
            raise senseless(reply, problem) from problem
        # By the name that ExifTool tells first: what it could not open is left out of its list.
        return {str(pairs[0][1]): pairs for pairs in told if pairs and pairs[0][0] == "SourceFile"}

    def _one(self, file: File, pairs: groups.Pairs | None) -> Reading | Fault:
        try:
            if pairs is None:
                pairs = self._alone(file)
            return reading_of(pairs, file, self._engine.version or "unknown")
        except Fault as fault:
            return fault
        except OSError as problem:
            return UnreadableFile(f"{file.name} cannot be read: {problem.strerror}.")

    def _alone(self, file: File) -> groups.Pairs:
        reply = self._engine.run(*groups.ARGUMENTS, os.fspath(file.path), timeout_s=self._timeout_s)
        try:
            return groups.parse(reply.stdout)
        except groups.NotExifToolJsonError as problem:
            raise senseless(reply, problem) from problem
