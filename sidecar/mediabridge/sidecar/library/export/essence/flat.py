"""JPEG, PNG, GIF, WebP: a row of parts, of which some are metadata."""

from __future__ import annotations

from collections.abc import Iterator

from mediabridge.sidecar.containers import Layout, Window, gif, jpeg, png, riff

from .pieces import Piece, UnclearError

# PNG specification, third edition, 11.3: what is text, EXIF or a time.
_PNG_METADATA = frozenset({"tEXt", "zTXt", "iTXt", "eXIf", "tIME"})
# WebP container specification: `VP8X` announces what else is there, and comes with the first metadata.
_WEBP_METADATA = frozenset({"EXIF", "XMP ", "VP8X"})
_XMP_IN_GIF = b"\x21\xff\x0bXMP DataXMP"
_MPF = b"MPF\0"  # CIPA DC-007: offsets of further pictures, which move when the header grows
_EXIF_AND_XMP, _PHOTOSHOP, _MULTI = "APP1", "APP13", "APP2"


def of_jpeg(window: Window) -> Iterator[Piece]:
    """All segments and scans but APP1 (EXIF, XMP), APP13 (IPTC) and the index of further pictures; what lies behind."""
    layout = _whole(jpeg.walk(window))
    for part in layout.parts:
        metadata = part.name in (_EXIF_AND_XMP, _PHOTOSHOP)
        if not metadata and not (part.name == _MULTI and window.at(part.offset, 4) == _MPF):
            yield part.name, (part.offset, part.size)
    yield from _behind(layout)


def of_png(window: Window) -> Iterator[Piece]:
    """All chunks but text, EXIF and the time of the last change."""
    layout = _whole(png.walk(window))
    yield from _without(layout, _PNG_METADATA)
    yield from _behind(layout)


def of_webp(window: Window) -> Iterator[Piece]:
    """All chunks but EXIF, XMP and the list of features."""
    layout = _whole(riff.walk(window))
    yield from _without(layout, _WEBP_METADATA)
    yield from _behind(layout)


def of_gif(window: Window) -> Iterator[Piece]:
    """Screen, colours and all blocks but XMP; the version in front may change with it (89a has extensions)."""
    layout = _whole(gif.walk(window))
    first = min((part.offset for part in layout.parts), default=0)
    yield "screen", window.at(6, first - 6)
    for part in layout.parts:
        if window.at(part.offset, len(_XMP_IN_GIF)) != _XMP_IN_GIF:
            yield part.name, (part.offset, part.size)
    yield from _behind(layout)


def _whole(layout: Layout) -> Layout:
    if layout.end is None or layout.full:
        raise UnclearError
    return layout


def _without(layout: Layout, metadata: frozenset[str]) -> Iterator[Piece]:
    for part in layout.parts:
        if part.name not in metadata:
            yield part.name, (part.offset, part.size)


def _behind(layout: Layout) -> Iterator[Piece]:
    """Motion photos have their video there."""
    if layout.end is not None and layout.end < layout.size:
        yield "behind", (layout.end, layout.size - layout.end)
