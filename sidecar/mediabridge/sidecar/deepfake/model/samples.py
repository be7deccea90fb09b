"""Labelled samples as a round of training sees them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .document import Model

Array = NDArray[np.float64]
FINGERPRINT = "perceptualHash"  # the fact that holds `features.fingerprint`
_NEAR_BITS = 6  # near duplicates differ in at most so many of 64 bits
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled file. `fresh`: no promoted model was trained with it; `operator`: the label is the operator's own."""

    sha256: str
    fake: bool
    row: Array
    labeler: str = "operator"
    operator: bool = True
    fresh: bool = True
    source: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Material:
    """All that a round is made from. `samples` from old to new; none of them is in `golden`."""

    samples: tuple[Sample, ...]
    golden: tuple[Sample, ...]
    champion: Model | None = None
    champion_version: int | None = None


def rows(samples: Iterable[Sample]) -> Array:
    """Their features, one below the other."""
    return np.array([one.row for one in samples])


def truth(samples: Iterable[Sample]) -> Array:
    """1 for fake, 0 for real."""
    return np.array([float(one.fake) for one in samples])


def counts(samples: Iterable[Sample]) -> dict[str, int]:
    """How many of each class."""
    fakes = [one.fake for one in samples]
    return {"real": len(fakes) - sum(fakes), "fake": sum(fakes)}


def data_hash(samples: Iterable[Sample]) -> str:
    """One hash for a set of labels and features: the same set, in whatever order, has the same one."""
    lines = sorted(f"{one.sha256} {one.fake} {hashlib.sha256(one.row.tobytes()).hexdigest()}" for one in samples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def clusters(samples: Sequence[Sample]) -> NDArray[np.intp]:
    """A number for each sample; near duplicates, directly or by others, share one."""
    prints = np.array([_print(one) for one in samples], dtype=np.uint64)
    number: NDArray[np.intp] = np.arange(len(samples))
    known = np.flatnonzero(prints)
    for start in range(0, len(known), _CHUNK):
        part = known[start : start + _CHUNK]
        apart = np.bitwise_count(prints[part][:, None] ^ prints[known][None, :])
        for row, column in np.argwhere(apart <= _NEAR_BITS):
            one, other = int(part[row]), int(known[column])
            if one < other and number[one] != number[other]:
                number[number == number[other]] = number[one]
    return number


def apart_from(samples: Sequence[Sample], golden: Sequence[Sample]) -> tuple[Sample, ...]:
    """Those that are neither in the golden set nor near duplicates of a file in it."""
    kept = {one.sha256 for one in golden}
    prints = np.array([at for one in golden if (at := _print(one))], dtype=np.uint64)
    return tuple(one for one in samples if one.sha256 not in kept and not _near(_print(one), prints))


def _near(fingerprint: int, prints: NDArray[np.uint64]) -> bool:
    return bool(fingerprint and (np.bitwise_count(prints ^ np.uint64(fingerprint)) <= _NEAR_BITS).any())


def _print(sample: Sample) -> int:
    """0 where it is not known, and for plain pictures, which are all alike."""
    try:
        return int(str(sample.facts.get(FINGERPRINT, "0")), 16) & (2**64 - 1)
    except ValueError:
        return 0
