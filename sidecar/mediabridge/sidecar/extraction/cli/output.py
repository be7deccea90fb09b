"""How results are shown: a JSON list in the order of the files, a JSON line as each is done, or a table for people."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from mediabridge.sidecar.logs import clean

from .work import Result

_WIDTHS = (40, 6, 9, 11, 19, 28, 5)  # characters of each column
_HEADS = ("FILE", "TYPE", "SIZE", "PIXELS", "TAKEN", "CAMERA", "TAGS")


class Writer(Protocol):
    """Takes results as they are done."""

    def begin(self) -> None:
        """Before the first."""

    def add(self, result: Result) -> None:
        """One result."""

    def end(self) -> None:
        """After the last."""


class Lines:
    """NDJSON: one line for each file, at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self) -> None:
        """Nothing stands before the first line."""

    def add(self, result: Result) -> None:
        """Write it."""
        self._out.write(as_json(result) + "\n")
        self._out.flush()

    def end(self) -> None:
        """Nothing stands behind the last line."""


class InOrder:
    """Holds results back until those before them are written."""

    def __init__(self, write: Callable[[Result], None]) -> None:
        self._write = write
        self._next = 0
        self._held: list[tuple[int, Result]] = []

    def add(self, result: Result) -> None:
        """Write what can be written now."""
        heapq.heappush(self._held, (result.index, result))
        while self._held and self._held[0][0] == self._next:
            self._write(heapq.heappop(self._held)[1])
            self._next += 1


class List:
    """A JSON list, in the order of the files, one line for each."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._order = InOrder(self._write)
        self._first = True

    def begin(self) -> None:
        """Open the list."""
        self._out.write("[")

    def add(self, result: Result) -> None:
        """Write it in its turn."""
        self._order.add(result)

    def _write(self, result: Result) -> None:
        self._out.write(("\n" if self._first else ",\n") + as_json(result))
        self._first = False

    def end(self) -> None:
        """Close the list."""
        self._out.write("\n]\n")


class Table:
    """One row for each file, in their order, with what people look for first."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._order = InOrder(self._write)

    def begin(self) -> None:
        """Write the heads of the columns."""
        self._row(_HEADS)

    def add(self, result: Result) -> None:
        """Write it in its turn."""
        self._order.add(result)

    def end(self) -> None:
        """Nothing stands below the last row."""

    def _write(self, result: Result) -> None:
        if result.succeeded:
            self._row((result.file.shown, *_cells(result.answer)))
        else:
            self._out.write(f"{_tail(clean(result.file.shown))}  {clean(str(result.answer['message']))}\n")

    def _row(self, cells: tuple[str, ...]) -> None:
        path, *others = (clean(cell) for cell in cells)
        cut = (text[:width].ljust(width) for text, width in zip(others, _WIDTHS[1:], strict=True))
        self._out.write("  ".join((_tail(path), *cut)).rstrip() + "\n")


WRITERS: dict[str, type[Lines | List | Table]] = {"json": List, "ndjson": Lines, "table": Table}


def as_json(result: Result) -> str:
    """The answer in one line; characters that no encoding has become `?`."""
    text = json.dumps(result.answer, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode("utf-8")


@contextmanager
def progress(count: int, err: TextIO, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; gives what is to be called for each file that is done."""
    if not shown:
        yield lambda: None
        return
    import click  # noqa: PLC0415  it is slow to load, and most calls come from scripts

    with click.progressbar(length=count, file=err, label="reading", show_pos=True) as bar:
        yield lambda: bar.update(1)


def _cells(answer: dict[str, Any]) -> tuple[str, ...]:
    tags = answer["metadata"]
    file, exif, composite = tags.get("File", {}), tags.get("EXIF", {}), tags.get("Composite", {})
    pixels = composite.get("ImageSize") or ""
    taken = exif.get("DateTimeOriginal") or exif.get("CreateDate") or tags.get("QuickTime", {}).get("CreateDate") or ""
    make, model = str(exif.get("Make", "")).strip(), str(exif.get("Model", "")).strip()
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    size = answer["file"]["size"]
    return (
        str(file.get("FileType", "")),
        f"{size / 1024:.0f} KB" if size < 10 * 1024**2 else f"{size / 1024**2:.0f} MB",
        str(pixels),
        str(taken),
        camera,
        str(answer["fields"]["returned"]),
    )


def _tail(path: str) -> str:
    """The path in exactly the width of its column; of a long one the end, which tells more."""
    width = _WIDTHS[0]
    return path.ljust(width) if len(path) <= width else "…" + path[1 - width :]
