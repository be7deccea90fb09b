"""The text of XML documents by rules: which elements hold it, and which ones end a line. For the child process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .notes import MOST_CHARACTERS, Broken, Piece, tidy
from .packages import Attributes, Package


@dataclass(frozen=True, slots=True)
class Rules:
    """Local names of elements. `holds`: their character data is text. `written`: what stands for an element.

    `skipped`: nothing within counts.
    """

    holds: frozenset[str]
    lines: frozenset[str]
    cells: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    written: dict[str, str] = field(default_factory=dict)


class Flow:
    """Collects text by rules; a `packages.Handler`. Stops collecting at `MOST_CHARACTERS`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._parts: list[str] = []
        self._size = 0
        self._held = 0
        self._skipped = 0

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        if self._skipped or name in self._rules.skipped:
            self._skipped += 1
        elif name in self._rules.holds:
            self._held += 1
        elif name in self._rules.written:
            self._add(self._rules.written[name] * _times(attributes))

    def end(self, name: str) -> None:
        """It ends."""
        if self._skipped:
            self._skipped -= 1
            return
        if name in self._rules.holds:
            self._held -= 1
        if name in self._rules.lines:
            self._add("\n")
        elif name in self._rules.cells:
            self._instead("\n", "\t")
        elif name in self._rules.rows:
            self._instead("\t", "\n")

    def text(self, data: str) -> None:
        """Character data."""
        if self._held and not self._skipped:
            self._add(data)

    @property
    def collected(self) -> str:
        """All of it so far."""
        return tidy("".join(self._parts))

    def _add(self, text: str) -> None:
        if self._size <= MOST_CHARACTERS:
            self._parts.append(text)
            self._size += len(text)

    def _instead(self, last: str, now: str) -> None:
        if self._parts and self._parts[-1] == last:
            self._parts[-1] = now
        else:
            self._add(now)


def flow(package: Package, names: list[str], rules: Rules, page: int | None = None) -> Iterator[Piece]:
    """The text of some parts as one piece. What was read before a damage is given before `Broken` is raised."""
    texts, damage = [], None
    for name in names:
        part = Flow(rules)
        try:
            package.parse(name, part)
        except Broken as problem:
            damage = damage or problem
        texts.append(part.collected)
    yield Piece("\n\n".join(text for text in texts if text), page)
    if damage is not None:
        raise damage


def _times(attributes: Attributes) -> int:
    """`<text:s text:c="3"/>` is three blanks (OpenDocument 1.3, part 3, 6.1.3)."""
    count = attributes.get("c", "1")
    return min(int(count), 1000) if count.isascii() and count.isdigit() else 1
