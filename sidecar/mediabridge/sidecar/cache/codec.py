"""Values as bytes and back. On disk: a digest of key and content, then JSON, compressed. Pure; no pickle."""

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
_PER_BYTE = 5  # bytes of objects for one of JSON; metadata takes four
_LEVEL = 1  # of zlib: five times faster than the best one, and a tenth larger


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached value as it is written: its JSON, and the milliseconds that computing it took."""

    body: bytes
    cost_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """The same in memory, where it takes about `size` bytes. `value` is nobody's own: who changes it copies it."""

    value: Value
    size: int
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


def hold(entry: Entry) -> Held:
    """What is kept in memory of an entry."""
    return Held(load(entry.body), len(entry.body) * _PER_BYTE, entry.cost_ms)


def copy(value: Value) -> Value:
    """A value of one's own; twice as fast as reading its JSON again."""
    made: Value = _copy(value)
    return made


def _copy(value: Any) -> Any:
    made = value.copy()
    for place, item in value.items() if type(value) is dict else enumerate(value):
        if type(item) is dict or type(item) is list:
            made[place] = _copy(item)
    return made


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
