"""Which tags hold dates, what each is the date of, and how well it is to be believed. Data alone.

Weights: 100 is a camera's own DateTimeOriginal. From 60 on a date counts as told on purpose, and two independent ones
of that size make each other sure; below that it is a hint. Tags of ExifTool's family 0, as our extraction groups them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .model import Confidence, Role

Clock = Literal["local", "utc", "quicktime"]  # `quicktime`: UTC by its specification, local by the habit of some makers


@dataclass(frozen=True, slots=True)
class Tag:
    """`time`, `fraction`, `offset`: tags of the same group that complete it. `most`: when it stands alone."""

    group: str
    name: str
    role: Role
    weight: int
    most: Confidence
    clock: Clock = "local"
    time: str = ""
    fraction: str = ""
    offset: str = ""


TAGS: tuple[Tag, ...] = (
    Tag(
        "EXIF", "DateTimeOriginal", "taken", 100, "high",
        fraction="SubSecTimeOriginal", offset="OffsetTimeOriginal",
    ),
    Tag("QuickTime", "CreationDate", "taken", 98, "high"),  # Apple's com.apple.quicktime.creationdate, with its offset
    Tag("QuickTime", "ContentCreateDate", "taken", 96, "high"),
    Tag("QuickTime", "DateTimeOriginal", "taken", 95, "high"),
    Tag("XMP", "DateTimeOriginal", "taken", 92, "high"),
    Tag("XMP", "DateCreated", "taken", 88, "medium"),  # photoshop:DateCreated, "when the content was created"
    Tag("IPTC", "DateCreated", "taken", 86, "medium", time="TimeCreated"),
    Tag("RIFF", "DateTimeOriginal", "taken", 85, "high"),
    Tag("PNG", "ExifDateTimeOriginal", "taken", 84, "medium"),  # EXIF as ImageMagick writes it into text
    Tag(
        "EXIF", "CreateDate", "digitised", 80, "medium",
        fraction="SubSecTimeDigitized", offset="OffsetTimeDigitized",
    ),
    Tag("QuickTime", "CreateDate", "created", 76, "medium", "quicktime"),
    Tag("Matroska", "DateTimeOriginal", "created", 75, "medium", "utc"),  # RFC 9559, DateUTC
    Tag("QuickTime", "MediaCreateDate", "created", 74, "medium", "quicktime"),
    Tag("QuickTime", "TrackCreateDate", "created", 72, "medium", "quicktime"),
    Tag("XMP", "DateTimeDigitized", "digitised", 70, "medium"),
    Tag("IPTC", "DigitalCreationDate", "digitised", 68, "medium", time="DigitalCreationTime"),
    Tag("PNG", "ExifDateTimeDigitized", "digitised", 66, "medium"),
    Tag("XMP", "CreateDate", "created", 64, "medium"),
    Tag("PNG", "CreationTime", "created", 60, "medium"),
    Tag("ASF", "CreationDate", "created", 58, "low", "utc"),
    Tag("RIFF", "DateCreated", "created", 55, "low"),
    Tag("PDF", "CreateDate", "created", 50, "low"),
    Tag("EXIF", "ModifyDate", "modified", 30, "low", fraction="SubSecTime", offset="OffsetTime"),
    Tag("XMP", "ModifyDate", "modified", 25, "low"),
    Tag("XMP", "DateTime", "modified", 25, "low"),  # tiff:DateTime
    Tag("PNG", "ModifyDate", "modified", 20, "low"),
)  # fmt: skip

SATELLITE_WEIGHT = 60
TAKEOUT_WEIGHT = 75
FILE_MODIFIED_WEIGHT, FILE_CREATED_WEIGHT = 15, 10

# Cameras that write their clock's local time where QuickTime wants UTC; by the beginning of make, model or encoder.
# From ExifTool's notes on QuickTime's dates and reports of shifted videos (immich#13009, #16141, exiftool forum 5095).
WRITES_LOCAL = (
    "gopro",
    "nikon",
    "fujifilm",
    "canon",
    "dji",
    "pentax",
    "ricoh",
    "olympus",
    "om digital",
    "kodak",
    "casio",
)
WRITES_UTC = ("apple", "google", "samsung", "xiaomi", "huawei", "oneplus", "motorola", "sony", "insta360")
