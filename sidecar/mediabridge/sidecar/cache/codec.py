"""Values as bytes. In memory: JSON. On disk: a digest of key and content, then the JSON compressed. Pure; no pickle."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = dict[str, Any]  # an object of JSON
Key = bytes  # 32 bytes, see `key_of`

_FORM = 1  # of what is stored; another number finds none of the old entries
_DIGEST = 16  # bytes
_LEVEL = 1  # of zlib: five times faster than the best one, and a tenth larger


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached value: its JSON, and the milliseconds that computing it took."""

    body: bytes
    cost_ms: float = 0.0


class DamagedError(ValueError):
    """Stored bytes that are not what was written under this key."""


def key_of(sha256: str, *, engine: str, version: str, options: Mapping[str, object] | Sequence[object] = ()) -> Key:
    """The key of a result: content (hex digest), who computed it, in which version, with which options (JSON-able)."""
    parts = [_FORM, sha256, engine, version, options]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).digest()


def dump(value: Value) -> bytes:
    """ASCII JSON, which keeps lone surrogates. Raises `TypeError` or `ValueError` for what is no JSON."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def load(body: bytes) -> Value:
    """A fresh object each time: whoever gets it may change it."""
    value: Value = json.loads(body)
    return value


def pack(key: Key, body: bytes) -> bytes:
    """The form on disk."""
    packed = zlib.compress(body, _LEVEL)
    return _digest(key, packed) + packed


def unpack(key: Key, blob: bytes) -> bytes:
    """What `pack` was given. Raises `DamagedError` when a bit differs, or when it was packed under another key."""
    digest, packed = blob[:_DIGEST], blob[_DIGEST:]
    if digest != _digest(key, packed):
        msg = "the digest does not fit"
        raise DamagedError(msg)
    try:
        return zlib.decompress(packed)
    except zlib.error as problem:
        raise DamagedError(str(problem)) from problem


def _digest(key: Key, packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_DIGEST, key=key).digest()
