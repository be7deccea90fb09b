"""Which formats are opened, how many pixels of each, and what a RAW file looks like. Decodes nothing."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from PIL import Image

# EPS is missing on purpose: opening one starts Ghostscript. So are all formats that only few photographs have.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "HEIF", "AVIF")
# Bounds of what a decoder may be asked to unfold. A JPEG shrinks while it is decoded, so that phones with 200
# megapixels pass; libheif and the AV1 decoders keep several copies of a picture (617 MB were seen for 51 megapixels).
MOST_PIXELS = {"JPEG": 220_000_000, "MPO": 220_000_000, "HEIF": 60_000_000, "AVIF": 60_000_000, "WEBP": 60_000_000}
MOST_PIXELS_ELSE = 100_000_000
REFUSALS = (
    OSError, ValueError, SyntaxError, TypeError, EOFError, IndexError, KeyError, RuntimeError, NotImplementedError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip  # all that Pillow was seen to raise on broken files

HEAD_BYTES = 16  # what `is_raw_head` and `is_heif_head` look at
_RAW_HEADS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM")  # RAF, RW2, ORF, X3F, MRW
_NEW_SUBFILE_TYPE, _MAKE, _SUB_IFDS, _DNG_VERSION, _PHOTOMETRIC = 254, 271, 330, 50706, 262
_SENSOR_DATA = (32803, 34892)  # colour filter array, linear raw: TIFF/EP and DNG 1.7


def most_pixels(format_name: str) -> int:
    """How many pixels a picture of that format may claim."""
    return MOST_PIXELS.get(format_name, MOST_PIXELS_ELSE)


_HEADS = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "HEIF": re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
    "AVIF": re.compile(rb"....ftypavi[fs]", re.DOTALL),
}


def claimed(head: bytes) -> str | None:
    """The format of ours as which a file begins, whatever follows."""
    return next((name for name, sign in _HEADS.items() if sign.match(head)), None)


def is_raw_head(head: bytes) -> bool:
    """Whether a file that begins so is a camera's RAW file of a container of its own, or a CR2, or a CR3."""
    return head.startswith(_RAW_HEADS) or head[8:10] == b"CR" or head[4:12] == b"ftypcrx "


def is_heif_head(head: bytes) -> bool:
    """Whether it begins as ISO media do; AVIF is Pillow's own, the rest is libheif's."""
    return head[4:8] == b"ftyp" and head[8:12] not in (b"avif", b"avis")


def is_raw_tiff(picture: Image.Image) -> bool:
    """Whether a TIFF holds sensor data, and what Pillow would decode is its small preview (NEF, DNG, ARW, PEF)."""
    tags: Mapping[int, object] = getattr(picture, "tag_v2", {})
    if _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _SENSOR_DATA:
        return True
    # Cameras alone write a maker, sub-directories and a reduced picture first; PEF and ARW leave one of these out.
    signs = (tags.get(_NEW_SUBFILE_TYPE) == 1, _SUB_IFDS in tags, _MAKE in tags)
    return sum(signs) >= 2  # noqa: PLR2004  two of three
