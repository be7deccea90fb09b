"""Which paths are ours. Decided on the raw, undecoded path, so that no encoding leads into another prefix."""

import re
from dataclasses import dataclass

# `.` and `..`, each dot plain or as %2e, between separators that some server behind us may take for one.
_DOT_SEGMENT = re.compile(rb"(?:^|/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:$|/|\\|%2f|%5c|;)", re.IGNORECASE)
_PREFIX = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")

_PATH_SIZE, _PATHS_KEPT = 256, 1024


@dataclass(frozen=True, slots=True)
class Routes:
    """The prefixes that go to the sidecar. ``Routes.of("/api/extract", "/health")``; ``"/"`` means every path."""

    prefixes: tuple[str, ...]
    _pattern: re.Pattern[bytes]

    @classmethod
    def of(cls, *prefixes: str) -> "Routes":
        """Build from path prefixes. Raises ``ValueError`` for one that is not a plain absolute path."""
        for prefix in prefixes:
            if not _PREFIX.fullmatch(prefix) or has_dot_segment(prefix.encode()):
                raise ValueError(f"not a plain absolute path: {prefix!r}")
        bare = sorted({prefix.rstrip("/") for prefix in prefixes}, key=len, reverse=True)
        choice = "|".join(re.escape(prefix) for prefix in bare) if bare else r"(?!)"
        return cls(tuple(prefix or "/" for prefix in bare), re.compile(rf"({choice})(?=/|\Z)".encode()))

    def find(self, raw_path: bytes) -> str | None:
        """The longest prefix, on whole segments, that ``raw_path`` lies under; ``None`` when it is not ours."""
        found = self._pattern.match(raw_path)
        return (found[1].decode() or "/") if found else None

    def matches(self, raw_path: bytes) -> bool:
        """Whether ``raw_path`` (undecoded, without the query) is ours."""
        return self._pattern.match(raw_path) is not None


class Found(dict[bytes, str | None]):
    """``Routes.find`` by path, remembered for the paths that come again: a bounded number of short ones."""

    def __init__(self, routes: Routes) -> None:
        super().__init__()
        self._routes = routes

    def __missing__(self, path: bytes) -> str | None:
        found = self._routes.find(path)
        if len(path) <= _PATH_SIZE and len(self) < _PATHS_KEPT:
            self[path] = found
        return found


def has_dot_segment(raw_path: bytes) -> bool:
    """Whether a server that decodes or normalises would step out of the prefix (RFC 3986 §5.2.4)."""
    return _DOT_SEGMENT.search(raw_path) is not None
