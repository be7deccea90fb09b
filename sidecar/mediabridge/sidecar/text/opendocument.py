"""ODT, ODS, ODP (OpenDocument 1.3). For the child process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .flow import Rules, flow
from .notes import Encrypted, Notes, Piece
from .packages import opened

_CONTENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"
_RULES = Rules(
    holds=frozenset({"p", "h"}),
    lines=frozenset({"p", "h"}),
    cells=frozenset({"table-cell"}),
    rows=frozenset({"table-row"}),
    skipped=frozenset({"tracked-changes", "binary-data"}),
    written={"s": " ", "tab": "\t", "line-break": "\n"},
)


def read(path: Path, notes: Notes) -> Iterator[Piece]:
    """The content; what is deleted with changes recorded is left out."""
    with opened(path, notes) as package:
        if package.has(_MANIFEST) and package.attributes(_MANIFEST, "encryption-data"):
            raise Encrypted
        yield from flow(package, [_CONTENT], _RULES)
