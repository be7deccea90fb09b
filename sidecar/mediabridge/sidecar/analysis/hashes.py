"""Digests of the bytes, and two perceptual hashes of the picture.

Both (`images/perceptual.py`: dHash and pHash) are of the upright picture; equal or near ones (a Hamming distance up to
about 10) mean that two files show the same. A picture almost without contrast has none: such hashes collapse to the
same few values.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from PIL import Image

from mediabridge.sidecar.images.perceptual import hashes

from .model import Examined, Finding, NotApplicable, Subject
from .picture import open_picture, upright

METHOD = "digests over all bytes; dHash and pHash of the upright, decoded picture"
_BLOCK = 1024 * 1024


def examine(subject: Subject) -> Examined:
    """MD5, SHA-1, SHA-256 as hexadecimal, `perceptual` with `dhash` and `phash` of 64 bits as hexadecimal, or null."""
    digests = _digests(subject.path)
    facts: dict[str, Any] = {**digests, "perceptual": None}
    try:
        subject.check_decodable()
        with open_picture(subject.path) as opened:
            facts["perceptual"] = perceptual(upright(opened, 512))
    except NotApplicable as reason:
        facts["whyNoPerceptual"] = str(reason)
    else:
        if facts["perceptual"] is None:
            facts["whyNoPerceptual"] = "the picture has almost no contrast"
    return Examined(facts, _changed(digests["sha256"], subject.facts.sha256))


def _digests(path: Path) -> dict[str, str]:
    made = {name: hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")}
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for digest in made.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in made.items()}


def _changed(found: str, told: str) -> tuple[Finding, ...]:
    if not told or found == told.lower():
        return ()
    what = "The bytes are not those that were received."
    return (Finding("digestMismatch", what, "file", "high", "SHA-256", {"found": found, "expected": told}),)


def perceptual(picture: Image.Image) -> dict[str, str] | None:
    """`dhash` and `phash` of a picture as 16 hexadecimal digits each; None when it has almost no contrast."""
    found = hashes(picture)
    return {"dhash": f"{found.dhash:016x}", "phash": f"{found.phash:016x}"} if found else None


def distance(one: str, other: str) -> int:
    """Bits in which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
