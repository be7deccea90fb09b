"""Which requests bring something that is taken while it arrives: a form, or a file as the body itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from .forms import Forms
from .raw import RawBodies

UPLOAD = "/upload"


class Body(Protocol):
    """Stands where waitress would put its buffer. `append` and `finish` raise a `Fault`."""

    def append(self, data: bytes) -> None:
        """Take what has arrived."""

    def finish(self) -> None:
        """All has arrived."""

    def close(self) -> None:
        """Remove what is not needed any more; may be called again."""

    def __len__(self) -> int: ...

    def getfile(self) -> io.BytesIO:
        """What is left of the body to be read."""


# By method, path, headers (named as in WSGI, without `HTTP_`) and size in bytes, None for unknown.
OpenBody = Callable[[str, str, Mapping[str, str], int | None], Body | None]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Asked as soon as a request's headers are there."""

    forms: Forms
    raw: RawBodies

    def open(self, method: str, path: str, headers: Mapping[str, str], size: int | None) -> Body | None:
        """What takes the body of this request; None: it brings neither. Raises a `Fault` for one that is refused."""
        if path == UPLOAD:
            return self.raw.open(headers, size) if method == "POST" else None
        return self.forms.open(path, headers.get("CONTENT_TYPE", ""), size)
