"""ISO base media files (MP4, MOV, HEIF, AVIF): times, durations and sizes of the movie and its tracks, and the EXIF of
HEIF pictures as pillow-heif hands it out (ISO/IEC 14496-12; QuickTime File Format).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from mediabridge.sidecar.containers import Layout, Window

from . import values as v
from .pictures import Pairs, exif

_EPOCH = datetime(1904, 1, 1)  # noqa: DTZ001  printed without a zone, as ExifTool does
_MOST_BOXES, _DEEPEST = 2000, 6
_BRANDS = {
    "avif": "AV1 Image File Format (.AVIF)", "heic": "High Efficiency Image Format HEVC still image (.HEIC)",
    "mp42": "MP4 v2 [ISO 14496-14]", "mp41": "MP4 v1 [ISO 14496-1:ch13]",
    "isom": "MP4 Base Media v1 [IS0 14496-12:2003]",
    "iso2": "MP4 Base Media v2 [ISO 14496-12:2005]", "qt  ": "Apple QuickTime (.MOV/QT)",
    "mif1": "High Efficiency Image Format still image (.HEIF)", "M4A ": "Apple iTunes AAC-LC (.M4A) Audio",
    "M4V ": "Apple iTunes Video (.M4V) Video",
}  # fmt: skip


def movie(window: Window, layout: Layout) -> Pairs:
    """Brand, movie header, track headers."""
    head = window.at(0, 16)
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin-1")
        yield "QuickTime:MajorBrand", _BRANDS.get(brand, f"Unknown ({brand.strip()})")
        others = window.at(16, min(int.from_bytes(head[:4], "big"), 256) - 16)
        yield "QuickTime:CompatibleBrands", [others[i : i + 4].decode("latin-1") for i in range(0, len(others), 4)]
        yield "QuickTime:MinorVersion", f"{int.from_bytes(head[12:14], 'big'):x}.{head[14]:x}.{head[15]:x}"
    track, scale = 0, 1
    for moov in layout.named("moov")[:1]:
        for name, offset, size in _boxes(window, moov.offset, moov.size, 0):
            data = window.at(offset, min(size, 120))
            if name == "mvhd":
                scale = _scale(data)
                yield from _movie_header(data, scale)
            elif name == "tkhd":
                track += 1
                yield from _track_header(data, scale, f"QuickTime:Track{track}")


def _boxes(window: Window, start: int, size: int, depth: int) -> Iterator[tuple[str, int, int]]:
    """(type, offset, size) of the boxes inside of one, those of tracks included."""
    place, end = start, min(start + size, window.size)
    for _ in range(_MOST_BOXES):
        length = window.number(place, 4)
        if length is None or length < 8 or place + 8 > end:  # noqa: PLR2004  a box's header
            return
        name = window.at(place + 4, 4).decode("latin-1")
        yield name, place + 8, length - 8
        if name == "trak" and depth < _DEEPEST:
            yield from _boxes(window, place + 8, length - 8, depth + 1)
        place += length


def _times(data: bytes) -> tuple[int, int, int]:
    """Creation, modification, and where the rest of a header begins."""
    width = 8 if data[:1] == b"\1" else 4
    return (
        int.from_bytes(data[4 : 4 + width], "big"),
        int.from_bytes(data[4 + width : 4 + 2 * width], "big"),
        4 + 2 * width,
    )


def _scale(data: bytes) -> int:
    _, _, rest = _times(data)
    return int.from_bytes(data[rest : rest + 4], "big") or 1


def _date(seconds: int) -> str:
    if not seconds:
        return "0000:00:00 00:00:00"
    with contextlib.suppress(OverflowError):
        return f"{_EPOCH + timedelta(seconds=seconds):%Y:%m:%d %H:%M:%S}"
    return "0000:00:00 00:00:00"


def _movie_header(data: bytes, scale: int) -> Pairs:
    created, modified, rest = _times(data)
    width = 8 if data[:1] == b"\1" else 4
    yield "QuickTime:MovieHeaderVersion", data[0] if data else 0
    yield "QuickTime:CreateDate", _date(created)
    yield "QuickTime:ModifyDate", _date(modified)
    yield "QuickTime:TimeScale", scale
    yield "QuickTime:Duration", v.duration(int.from_bytes(data[rest + 4 : rest + 4 + width], "big") / scale)


def _track_header(data: bytes, scale: int, key: str) -> Pairs:
    created, modified, rest = _times(data)
    width = 8 if data[:1] == b"\1" else 4
    yield f"{key}:TrackCreateDate", _date(created)
    yield f"{key}:TrackModifyDate", _date(modified)
    yield f"{key}:TrackID", int.from_bytes(data[rest : rest + 4], "big")
    yield f"{key}:TrackDuration", v.duration(int.from_bytes(data[rest + 8 : rest + 8 + width], "big") / scale)
    sizes = data[rest + 8 + width + 52 :]
    across, down = int.from_bytes(sizes[:4], "big") >> 16, int.from_bytes(sizes[4:8], "big") >> 16
    if across and down:
        yield f"{key}:ImageWidth", across
        yield f"{key}:ImageHeight", down


def still(path: Path) -> Pairs:
    """The size and the EXIF of a HEIF or AVIF picture, as the decoder's header reader gives them."""
    from mediabridge.sidecar.analysis import picture  # noqa: PLC0415  Pillow is loaded for these alone
    from mediabridge.sidecar.analysis.model import NotApplicable  # noqa: PLC0415

    with contextlib.suppress(NotApplicable), picture.open_picture(path) as opened:
        yield "QuickTime:Meta:ImageSpatialExtent", f"{opened.width}x{opened.height}"
        block = (opened.info.get("exif") or b"").removeprefix(b"Exif\0\0")
        found = exif(lambda offset, count: block[offset : offset + count], 0)
        yield from (pair for pair in found if not pair[0].endswith("ThumbnailOffset"))  # the block's place is not known
