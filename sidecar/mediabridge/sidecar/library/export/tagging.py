"""What is written into a copy, as ExifTool's arguments, by its format. Pure.

A copy says one date alone: fractions and offsets of another time that stand in the file go, and so do its XMP dates.
`QuickTime:CreateDate` is UTC (QuickTime File Format, movie header: seconds since 1904 in UTC); EXIF's dates are those
of the clock on the wall, with their offset beside them (EXIF 2.31, 4.6.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from mediabridge.sidecar.library.moments import clock_of, offset_text

from .item import Item

Family = Literal["exif", "xmp", "quicktime"]
# How a format's pictures are compared after the writing is in `essence/`; a format that is not there is not here.
FAMILIES: dict[str, Family] = {
    "image/jpeg": "exif",
    "image/tiff": "exif",
    "image/heic": "exif",
    "image/heif": "exif",
    "image/avif": "exif",
    "image/png": "exif",
    "image/webp": "exif",
    "image/gif": "xmp",
    "video/mp4": "quicktime",
    "video/quicktime": "quicktime",
    "video/3gpp": "quicktime",
}
_IPTC = frozenset({"image/jpeg", "image/tiff"})
_US = timedelta(microseconds=1)
XMP_TAGS = ("XMP-exif:DateTimeOriginal", "XMP-xmp:CreateDate", "XMP-photoshop:DateCreated", "XMP-dc:Subject")


def arguments(item: Item, zone: tzinfo | None) -> list[str]:
    """What ExifTool is to write into a copy; empty when there is nothing, or its format takes none."""
    family = FAMILIES.get(item.mime_type)
    if family is None:
        return []
    found: list[str] = []
    if item.writes_date and item.taken_us is not None:
        clock = clock_of(item.taken_us)
        offset = None if item.offset_min is None or item.assumed else offset_text(item.offset_min)
        if family == "exif":
            found += _exif(clock, offset)
        elif family == "quicktime":
            found += _quicktime(item, zone, offset)
        found += _xmp(clock, offset)
    return found + _keywords(item)


def beside(item: Item) -> list[str]:
    """The same for an XMP file beside the copy."""
    found: list[str] = []
    if item.writes_date and item.taken_us is not None:
        offset = None if item.offset_min is None or item.assumed else offset_text(item.offset_min)
        found += _xmp(clock_of(item.taken_us), offset)
    return found + _subjects(item)


def _exif(clock: datetime, offset: str | None) -> list[str]:
    fraction = f"{clock.microsecond:06}".rstrip("0")
    found = []
    for date, suffix in (("DateTimeOriginal", "Original"), ("CreateDate", "Digitized")):
        found += [
            f"-EXIF:{date}={_text(clock)}",
            f"-EXIF:SubSecTime{suffix}={fraction}",
            f"-EXIF:OffsetTime{suffix}={offset or ''}",
        ]
    return found


def _quicktime(item: Item, zone: tzinfo | None, offset: str | None) -> list[str]:
    utc = item.utc(zone)
    found = ["-api", "LargeFileSupport=1"]  # 12.57 leaves films of more than 2 GiB alone without it
    found += [] if utc is None else [f"-QuickTime:{date}={_text(utc)}" for date in ("CreateDate", "ModifyDate")]
    if offset is not None and item.taken_us is not None:  # which tells the zone, and which some programs believe first
        found.append(f"-Keys:CreationDate={_text(clock_of(item.taken_us))}{offset}")
    return found


def _xmp(clock: datetime, offset: str | None) -> list[str]:
    fraction = f"{clock.microsecond:06}".rstrip("0")
    value = f"{_text(clock)}{'.' + fraction if fraction else ''}{offset or ''}"
    return [f"-XMP-exif:DateTimeOriginal={value}", f"-XMP-xmp:CreateDate={value}", "-XMP-photoshop:DateCreated="]


def _keywords(item: Item) -> list[str]:
    """Tags take the place of the file's own keywords, of which the library knows; without any, those stay."""
    if not item.tags:
        return []
    found = _subjects(item)
    if item.mime_type in _IPTC:
        if not all(map(str.isascii, item.tags)):
            # ExifTool's FAQ 10: what stands there already must be turned into UTF-8 with the mark that says so.
            found += ["-tagsFromFile", "@", "-IPTC:All", "--IPTC:Keywords", "-IPTC:CodedCharacterSet=UTF8"]
        found += [f"-IPTC:Keywords={tag}" for tag in item.tags]
    return found


def _subjects(item: Item) -> list[str]:
    return [f"-XMP-dc:Subject={tag}" for tag in item.tags]


def _text(moment: datetime) -> str:
    return f"{moment.year:04}:{moment:%m:%d %H:%M:%S}"


def is_safe(values: Sequence[str]) -> bool:
    r"""Whether no argument holds what ExifTool would take for the end of one; the process refuses them, too."""
    return not any(character in value for value in values for character in "\r\n\0")
