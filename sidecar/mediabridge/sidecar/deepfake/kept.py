"""What was gathered of files, in the result cache.

A file's hash alone gives the keys, so that it can be forgotten whatever settings it was read under.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.cache.codec import Key, key_of
from mediabridge.sidecar.extraction.answer import Gone

from .answer import Asked
from .gathered import Gathered
from .steps import DEPTHS, Depth

_FORM = "1"  # of what is stored


@dataclass(frozen=True, slots=True)
class Kept:
    """Threads and processes may share it."""

    results: ResultCache

    def get_or_gather(
        self, asked: Asked, stamp: str, gather: Callable[[], Gathered], gone: Gone | None
    ) -> tuple[Gathered, bool]:
        """What is kept, and whether it was there already. Raises what `gather` raises, and `ClientGone`.

        `stamp`: of all that it depends on beside the file, depth and maps; what has another stamp is replaced.
        """
        key = _key(asked.sha256, asked.depth, asked.maps)
        known = self.results.peek(key)
        if known is not None and known["stamp"] != stamp:
            self.results.remove(key)
        kept, cached = self.results.get_or_compute(
            key,
            lambda: {"stamp": stamp, "gathered": gather().to_json()},
            gone=gone,
            keep=lambda made: bool(made["gathered"]["whole"]),
            shared=True,
        )
        if kept["stamp"] != stamp:  # somebody with other settings gathered it at the same time
            return gather(), False
        return Gathered.from_json(kept["gathered"]), cached

    def forget(self, sha256: str) -> None:
        """Remove all of a file. What other processes hold in memory goes when they make room."""
        for depth, maps in product(DEPTHS, (False, True)):
            self.results.remove(_key(sha256, depth, maps))


def _key(sha256: str, depth: Depth, maps: bool) -> Key:
    return key_of(sha256, engine="deepfake", version=_FORM, options={"depth": depth, "maps": maps})
