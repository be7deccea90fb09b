"""A switch for your own tests: inside `pretend()` a bridge is ready at once, or fails as told, without a process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from .listener import Address
from .status import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Pretence:
    """What bridges pretend: to be ready at `address`, or to have failed."""

    address: Address
    failure: Failure | None


_current: list[Pretence] = []


def current() -> Pretence | None:
    """What is pretended now, if anything."""
    return _current[-1] if _current else None


@contextlib.contextmanager
def pretend(*, failure: Failure | str | None = None, url: str = "http://127.0.0.1:5001") -> Iterator[None]:
    """Have every bridge that is started inside be ready at `url`, or fail with `failure` (a text becomes one).

    Nothing is started and no port is taken; a stub of yours may listen at `url`.
    """
    parts = urlsplit(url)
    if isinstance(failure, str):
        failure = Failure(FailureKind.EXITED, "Flask server failed to start", failure, "This is a test.")
    _current.append(Pretence(Address(parts.hostname or "127.0.0.1", parts.port or 80), failure))
    try:
        yield
    finally:
        _current.pop()
