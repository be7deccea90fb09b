"""DOCX, PPTX, XLSX (ECMA-376), strict ones as well. For the child process.

Text boxes, footnotes, comments, headers and footers are read too; a library that offers paragraphs and tables misses
them (`docs/why.md`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from .flow import Flow, Rules, flow
from .notes import MOST_CHARACTERS, MOST_PAGES, Broken, Notes, Piece
from .packages import Attributes, Package, numbered, opened

# `t` holds text; deleted text lies in `delText`. `Fallback` repeats a text box for old programs (part 3, 7.6).
_WORD = Rules(
    holds=frozenset({"t"}),
    lines=frozenset({"p"}),
    cells=frozenset({"tc"}),
    rows=frozenset({"tr"}),
    skipped=frozenset({"Fallback"}),
    written={"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
)
_SLIDE = Rules(
    holds=frozenset({"t"}),
    lines=frozenset({"p"}),
    cells=frozenset({"tc"}),
    rows=frozenset({"tr"}),
    skipped=frozenset({"Fallback"}),
    written={"br": "\n"},
)
_BESIDE = (r"header(\d*)\.xml", r"footnotes()\.xml", r"endnotes()\.xml", r"comments()\.xml", r"footer(\d*)\.xml")


def read_word(path: Path, notes: Notes) -> Iterator[Piece]:
    """The body, then what stands beside it."""
    with opened(path, notes) as package:
        main = _main(package, "word/document.xml")
        folder = posixpath.dirname(main)
        beside = [name for pattern in _BESIDE for name in numbered(package.names, f"{folder}/{pattern}")]
        yield from flow(package, [main, *beside], _WORD)


def read_slides(path: Path, notes: Notes) -> Iterator[Piece]:
    """A page for each slide, with its notes, in the order in which they are shown."""
    with opened(path, notes) as package:
        main = _main(package, "ppt/presentation.xml")
        targets = _relations(package, main)
        slides = [targets.get(slide.get("id", ""), "") for slide in _of_kind(package, main, "sldId")]
        slides = [name for name in slides if package.has(name)] or numbered(
            package.names, r"ppt/slides/slide(\d+)\.xml"
        )
        notes.page_count = len(slides)
        for number, name in enumerate(slides[:MOST_PAGES], 1):
            spoken = [one for one in _relations(package, name).values() if "notesSlide" in one and package.has(one)]
            yield from flow(package, [name, *spoken], _SLIDE, number)


def read_sheets(path: Path, notes: Notes) -> Iterator[Piece]:
    """A page for each sheet: a line for each row, its cells with tabs between them."""
    with opened(path, notes) as package:
        main = _main(package, "xl/workbook.xml")
        targets = _relations(package, main)
        strings = _Strings()
        if shared := next((name for name in targets.values() if name.endswith("sharedStrings.xml")), None):
            package.parse(shared, strings)
        sheets = [targets.get(sheet.get("id", ""), "") for sheet in _of_kind(package, main, "sheet")]
        sheets = [name for name in sheets if package.has(name)]
        notes.page_count = len(sheets)
        for number, name in enumerate(sheets[:MOST_PAGES], 1):
            cells = _Cells(strings.found)
            package.parse(name, cells)
            yield Piece("\n".join(cells.rows), number)


class _Strings:
    """The strings that cells share, by their place. Phonetic readings (`rPh`) are left out."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._flow: Flow | None = None

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "si":
            self._flow = Flow(Rules(frozenset({"t"}), frozenset(), skipped=frozenset({"rPh"})))
        elif self._flow:
            self._flow.start(name, attributes)

    def end(self, name: str) -> None:
        if name == "si" and self._flow:
            self.found.append(self._flow.collected)
            self._flow = None
        elif self._flow:
            self._flow.end(name)

    def text(self, data: str) -> None:
        if self._flow:
            self._flow.text(data)


class _Cells:
    """Rows of a sheet. A shared string is looked up; formulas show the value that they had."""

    def __init__(self, strings: list[str]) -> None:
        self.rows: list[str] = []
        self._strings = strings
        self._row: list[str] = []
        self._kind = ""
        self._held = False
        self._value: list[str] = []
        self._size = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._kind, self._value = attributes.get("t", ""), []
        self._held = name in ("v", "t")

    def end(self, name: str) -> None:
        self._held = False
        if self._size > MOST_CHARACTERS:
            return
        if name == "c":
            self._row.append(self._shown("".join(self._value)))
        elif name == "row":
            line = "\t".join(self._row).rstrip("\t")
            self._row = []
            self._size += len(line) + 1
            self.rows.append(line)

    def text(self, data: str) -> None:
        if self._held:
            self._value.append(data)

    def _shown(self, value: str) -> str:
        if self._kind == "s" and value.isascii() and value.isdigit() and int(value) < len(self._strings):
            return self._strings[int(value)].replace("\n", " ")
        return value


def _main(package: Package, usual: str) -> str:
    """The part that the package is about (part 2, 9.3). Raises `Broken`."""
    if package.has("_rels/.rels"):
        for relation in package.attributes("_rels/.rels", "Relationship"):
            if relation.get("Type", "").endswith("/officeDocument"):
                name = relation.get("Target", "").lstrip("/")
                if package.has(name):
                    return name
    if package.has(usual):
        return usual
    msg = f"it has no {usual}"
    raise Broken(msg)


def _relations(package: Package, part: str) -> dict[str, str]:
    """What a part names, by id: other parts of the package."""
    folder, name = posixpath.split(part)
    rels = f"{folder}/_rels/{name}.rels"
    if not package.has(rels):
        return {}
    return {
        one.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, one.get("Target", ""))).lstrip("/")
        for one in package.attributes(rels, "Relationship")
        if one.get("TargetMode") != "External"
    }


def _of_kind(package: Package, part: str, element: str) -> list[Attributes]:
    return package.attributes(part, element)
