"""Which requests bring a form, and what it may hold. Asked as soon as a request's headers are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .form import BATCH_LIMIT, PARTS_LIMIT, Form, FormLimits, boundary_of
from .storage.scratch import Scratch

EXTRACT = "/api/extract"
ANALYZE = "/api/deepfake/analyze"
IMPORT = "/api/upload"
_WITH_FORMS = frozenset({EXTRACT, f"{EXTRACT}/advanced", f"{EXTRACT}/batch", ANALYZE, IMPORT})
_WITH_MANY = frozenset({f"{EXTRACT}/batch", IMPORT})
_UNKNOWN = 1 << 30  # bytes that a body of unknown length is taken for


@dataclass(frozen=True, slots=True)
class Forms:
    """`max_bytes` of a file; `body_bytes` of the largest body; `admit` raises a `Fault` when a body of a size cannot be
    taken now.
    """

    scratch: Scratch
    max_bytes: int
    body_bytes: int
    admit: Callable[[int], None]

    def open(self, path: str, content_type: str, size: int | None) -> Form | None:
        """The form for a request to `path` with a body of `size` bytes, None for unknown. None: it brings no form.

        Raises what `admit` raises.
        """
        boundary = boundary_of(content_type) if path in _WITH_FORMS else None
        if boundary is None:
            return None
        self.admit(_UNKNOWN if size is None else size)
        return self.batch(boundary) if path in _WITH_MANY else self.single(boundary)

    def single(self, boundary: bytes) -> Form:
        """A form with one file."""
        return Form(boundary, self.scratch.room(), FormLimits(self.max_bytes))

    def batch(self, boundary: bytes) -> Form:
        """A form with many. The body as a whole is limited; one file that is too large is a failure in its place."""
        return Form(boundary, self.scratch.room(), FormLimits(self.body_bytes, BATCH_LIMIT + PARTS_LIMIT))
