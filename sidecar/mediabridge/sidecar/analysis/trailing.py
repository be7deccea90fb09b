"""Bytes after the end of the picture: what they look like, and whether the file itself declares them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mediabridge.sidecar.containers import Window

from .model import Examined, Finding, NotApplicable, Subject

METHOD = "walk through the container to its end marker; signatures of what follows"
_LOOK = 64 * 1024
_RANDOM_BITS = 7.9  # bits a byte; compressed or encrypted data have this much
_SIGNATURES = (
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"\x1f\x8b", "gzip data"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x7fELF", "a program (ELF)"),
    (0, b"MZ", "a program (Windows)"),
    (0, b"#!", "a script"),
    (0, b"<?php", "a PHP script"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG", "a PNG picture"),
    (4, b"ftyp", "a video (MP4/MOV)"),
)


def examine(subject: Subject) -> Examined:
    """`end` and `size` in bytes, and `stretches` behind the end, each with what declares it or what it looks like."""
    layout = subject.layout
    if layout is None:
        msg = "the end of a picture is looked for in JPEG, PNG, GIF, WebP, HEIF, AVIF, MP4 and BMP files"
        raise NotApplicable(msg)
    if layout.end is None:
        msg = f"the {layout.container} has no end that could be found"
        raise NotApplicable(msg)
    with subject.path.open("rb") as file:
        stretches = list(_stretches(Window(file), layout.end, _declared(subject, layout.end, layout.size)))
    findings = tuple(
        _finding(layout.container, stretch)
        for stretch in stretches
        if stretch["declaredBy"] is None and not stretch["empty"]
    )
    return Examined({"end": layout.end, "size": layout.size, "stretches": stretches}, findings)


def _finding(container: str, stretch: dict[str, Any]) -> Finding:
    offset, size, looks_like = stretch["offset"], stretch["bytes"], stretch["looksLike"]
    what = f"{size} bytes follow after the end of the {container} data, and nothing in the file declares them"
    what += f". They look like {looks_like}." if looks_like else "."
    return Finding("trailingData", what, f"byte {offset}", "high", METHOD, stretch)


def _declared(subject: Subject, end: int, size: int) -> list[tuple[int, int, str]]:
    """(start, end, by what) of what the metadata says about data behind the end, sorted."""
    spans = [(start, start + length, "MPF") for start, length in _multi_picture(subject) if start >= end]
    if (tail := _motion_photo(subject)) and end <= size - tail:
        spans.append((size - tail, size, "XMP (motion photo or gain map)"))
    with subject.path.open("rb") as file:
        window = Window(file)
        last = window.at(size - 4, 4)
        if last == b"SEFT" and size - 4 > end:  # Samsung's own trailer ends with this
            spans.append((end, size, "Samsung trailer"))
        elif window.at(size - 12, 4) in (b"AXS!", b"AXS*") and size - 12 >= end:
            spans.append((end, size, "AFCP trailer"))
    return sorted(spans)


def _multi_picture(subject: Subject) -> Iterator[tuple[int, int]]:
    """(start, length) of the further pictures of a Multi-Picture Format file (CIPA DC-007)."""
    table = subject.group("MPF")
    for name, start in table.items():
        length = table.get(name.replace("MPImageStart", "MPImageLength"))
        if "MPImageStart" in name and isinstance(start, int) and isinstance(length, int):
            yield start, length


def _motion_photo(subject: Subject) -> int:
    """Bytes at the end that Google's motion photo or Ultra HDR metadata claim; 0 when they claim none."""
    xmp = subject.group("XMP")
    if isinstance(offset := xmp.get("MicroVideoOffset"), int):
        return offset
    items = [entry.get("Item", entry) for entry in _list(xmp.get("ContainerDirectory")) if isinstance(entry, dict)]
    items += [entry.get("Item", entry) for entry in _list(xmp.get("Directory")) if isinstance(entry, dict)]
    lengths = [item.get("Length") for item in items if isinstance(item, dict)]
    return sum(length for length in lengths if isinstance(length, int))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _stretches(window: Window, end: int, declared: list[tuple[int, int, str]]) -> Iterator[dict[str, Any]]:
    place = end
    for start, stop, by in declared:
        if start > place:
            yield _describe(window, place, start, None)
        if stop > max(place, start):
            yield _describe(window, max(place, start), min(stop, window.size), by)
            place = min(stop, window.size)
    if place < window.size:
        yield _describe(window, place, window.size, None)


def _describe(window: Window, start: int, end: int, by: str | None) -> dict[str, Any]:
    head = window.at(start, min(_LOOK, end - start))
    empty = window.all_zero(start, end)
    return {
        "offset": start,
        "bytes": end - start,
        "declaredBy": by,
        "empty": empty,
        "looksLike": None if empty else looks_like(head),
        "entropyBitsPerByte": round(entropy(head), 2),
    }


def looks_like(head: bytes) -> str | None:
    """What the first bytes of something look like, in words; None when they look like nothing in particular."""
    for offset, signature, words in _SIGNATURES:
        if head[offset:].startswith(signature):
            return words
    if head and all(9 <= byte < 127 for byte in head):  # noqa: PLR2004  tab to tilde
        return "text"
    return "compressed or encrypted data" if entropy(head) > _RANDOM_BITS else None


def entropy(data: bytes) -> float:
    """Shannon's entropy in bits a byte."""
    total = len(data)
    return -sum(count / total * math.log2(count / total) for count in Counter(data).values()) + 0.0 if data else 0.0
