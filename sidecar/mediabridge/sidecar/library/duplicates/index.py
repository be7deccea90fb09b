"""All perceptual hashes of a library in memory, searched by distance: 16 bytes and a number for each.

Every search looks at all of them: an XOR and a count of bits for a million hashes are some milliseconds, for which
neither a tree nor a table of parts is worth its memory and its rebuilding.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediabridge.sidecar.images.perceptual import PerceptualHash

# Hashes of the same picture in other sizes, qualities, colours differ in 0 to 8 bits, those of unlike ones in 16 and
# more (all pairs of the corpus, and 20 edits of 57 photographs).
NEAR_PHASH, NEAR_DHASH = 12, 12
_BLOCK = 65_536  # hashes at a time: the intermediate results stay in the processor's cache
_LEAST_ROOM = 1024
_HEAD = struct.Struct("<8sQI")
_MAGIC = b"mbhash1\n"

_Hashes = npt.NDArray[np.uint64]
_Ids = npt.NDArray[np.int64]


class NotAnIndexError(ValueError):
    """Bytes that `HashIndex.to_bytes` did not make, or that were changed since."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A file whose hashes are near: in how many of 64 bits each differs."""

    id: int
    phash_distance: int
    dhash_distance: int


class HashIndex:
    """Hashes by the number of their file. Not for several threads at once.

    Adding and searching cost no more than a search: nothing is rebuilt. A number that is added again is replaced.
    """

    def __init__(self) -> None:
        self._count = 0
        self._ids: _Ids = np.empty(_LEAST_ROOM, np.int64)
        self._phash: _Hashes = np.empty(_LEAST_ROOM, np.uint64)
        self._dhash: _Hashes = np.empty(_LEAST_ROOM, np.uint64)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return self._place(number) is not None

    def add(self, number: int, hashed: PerceptualHash | None) -> None:
        """Take a file in. None, which stands for a picture that is almost flat, is like nothing and removes it."""
        if hashed is None:
            self.remove(number)
            return
        place = self._place(number)
        if place is None:
            self._make_room(1)
            place = self._count
            self._count += 1
        self._ids[place], self._phash[place], self._dhash[place] = number, hashed.phash, hashed.dhash

    def extend(self, rows: Iterable[tuple[int, PerceptualHash | None]]) -> None:
        """Take many in, none of which is in it, as when a library is opened: 1 µs each instead of a search."""
        kept = [(number, hashed.phash, hashed.dhash) for number, hashed in rows if hashed is not None]
        self._make_room(len(kept))
        start, self._count = self._count, self._count + len(kept)
        for array, column in zip((self._ids, self._phash, self._dhash), zip(*kept, strict=True), strict=False):
            array[start : self._count] = column

    def remove(self, number: int) -> bool:
        """Forget a file; False when it is not in it."""
        place = self._place(number)
        if place is None:
            return False
        self._count -= 1
        for array in (self._ids, self._phash, self._dhash):
            array[place] = array[self._count]  # the order means nothing
        return True

    def search(self, hashed: PerceptualHash | None, most: int = NEAR_PHASH, most_dhash: int = NEAR_DHASH) -> list[Hit]:
        """The files of which both hashes are at most so far away, the nearest first; none for None."""
        if hashed is None:
            return []
        phash, dhash = np.uint64(hashed.phash), np.uint64(hashed.dhash)
        hits = [hit for block in self._blocks() for hit in self._near(block, (phash, dhash), (most, most_dhash))]
        return sorted(hits, key=lambda hit: (hit.phash_distance + hit.dhash_distance, hit.id))

    def to_bytes(self) -> bytes:
        """All of it; 24 bytes a file."""
        body = b"".join(
            array[: self._count].astype(array.dtype.newbyteorder("<")).tobytes() for array in self._arrays()
        )
        return _HEAD.pack(_MAGIC, self._count, zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> HashIndex:
        """The index of `to_bytes`. Raises `NotAnIndexError`."""
        body = memoryview(data)[_HEAD.size :]
        try:
            magic, count, check = _HEAD.unpack_from(data)
        except struct.error as problem:
            msg = "it is too short for an index of hashes"
            raise NotAnIndexError(msg) from problem
        if magic != _MAGIC or len(body) != 24 * count or zlib.crc32(body) != check:
            msg = "it is no index of hashes, or it is damaged"
            raise NotAnIndexError(msg)
        index = cls()
        index._make_room(count)
        for number, array in enumerate(index._arrays()):
            array[:count] = np.frombuffer(body[8 * count * number :], array.dtype.newbyteorder("<"), count)
        index._count = count
        return index

    def _arrays(self) -> tuple[npt.NDArray[np.int64 | np.uint64], ...]:
        return self._ids, self._phash, self._dhash

    def _blocks(self) -> Iterator[slice]:
        return (slice(start, min(start + _BLOCK, self._count)) for start in range(0, self._count, _BLOCK))

    def _near(self, block: slice, hashes: tuple[np.uint64, np.uint64], most: tuple[int, int]) -> Iterator[Hit]:
        distances = np.bitwise_count(self._phash[block] ^ hashes[0])
        near = np.flatnonzero(distances <= most[0])
        if not near.size:
            return
        others = np.bitwise_count(self._dhash[block][near] ^ hashes[1])
        for place, other in zip(near[others <= most[1]], others[others <= most[1]], strict=True):
            yield Hit(int(self._ids[block][place]), int(distances[place]), int(other))

    def _place(self, number: int) -> int | None:
        found = np.flatnonzero(self._ids[: self._count] == number)
        return int(found[0]) if found.size else None

    def _make_room(self, more: int) -> None:
        needed = self._count + more
        if needed > len(self._ids):
            room = max(needed, len(self._ids) * 3 // 2)
            self._ids, self._phash, self._dhash = (
                np.concatenate([array[: self._count], np.empty(room - self._count, array.dtype)])
                for array in (self._ids, self._phash, self._dhash)
            )
