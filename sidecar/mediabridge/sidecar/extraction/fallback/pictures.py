"""The headers of picture files -> ExifTool's keys and values. Only headers are read; no pixel is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mediabridge.sidecar.containers import Layout, Part, Window

from . import exif_tags, tiff
from . import values as v

Pair = tuple[str, Any]
Pairs = Iterator[Pair]
_ORDERS = {"little": "Little-endian (Intel, II)", "big": "Big-endian (Motorola, MM)"}
_ENCODINGS = (
    "Baseline DCT, Huffman coding", "Extended sequential DCT, Huffman coding", "Progressive DCT, Huffman coding",
    "Lossless, Huffman coding",
)  # fmt: skip
_SAMPLING = {
    (1, 1): "YCbCr4:4:4 (1 1)", (2, 1): "YCbCr4:2:2 (2 1)", (2, 2): "YCbCr4:2:0 (2 2)", (4, 1): "YCbCr4:1:1 (4 1)",
    (1, 2): "YCbCr4:4:0 (1 2)", (4, 2): "YCbCr4:1:0 (4 2)", (1, 4): "YCbCr4:4:1 (1 4)", (2, 4): "YCbCr4:2:1 (2 4)",
}  # fmt: skip
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_THREE = 3  # components of a colour picture
_COLOUR_TYPES = {0: "Grayscale", 2: "RGB", 3: "Palette", 4: "Grayscale with Alpha", 6: "RGB with Alpha"}
_LONGEST = 64 * 1024


def exif(block: tiff.At, base: int) -> Pairs:
    """A TIFF block that lies at `base` in the file, as EXIF."""
    order = tiff.byte_order(block)
    if order is None:
        return
    yield "File:ExifByteOrder", _ORDERS[order]
    for name, tags in tiff.directories(block):
        table = exif_tags.TABLES.get(name, exif_tags.EXIF)
        for number, raw in tags.items():
            if known := table.get(number):
                placed = raw + base if number == _THUMBNAIL_OFFSET and isinstance(raw, int) else raw
                yield f"EXIF:{name}:{known[0]}", known[1](placed)
        if _THUMBNAIL_OFFSET in tags and isinstance(length := tags.get(_THUMBNAIL_LENGTH), int) and length:
            yield f"EXIF:{name}:ThumbnailImage", f"(Binary data {length} bytes, use -b option to extract)"


def _part_of(window: Window, part: Part) -> tiff.At:
    return lambda offset, count: window.at(part.offset + offset, min(count, max(part.size - offset, 0)))


def _exif_in(window: Window, base: int, size: int) -> Pairs:
    return exif(_part_of(window, Part("EXIF", base, size)), base)


def jpeg(window: Window, layout: Layout) -> Pairs:
    """Frame header, JFIF, EXIF, comment."""
    for part in layout.parts:
        head = window.at(part.offset, min(part.size, _LONGEST))
        if part.name == "APP1" and head.startswith(b"Exif\0"):
            yield from _exif_in(window, part.offset + 6, part.size - 6)
        elif part.name == "APP0" and head.startswith(b"JFIF\0"):
            yield from _jfif(head)
        elif part.name == "COM":
            yield "File:Comment", v.plain(v.text(head))
        elif part.name.startswith("SOF"):
            yield from _frame(part.name, head)


def _jfif(head: bytes) -> Pairs:
    yield "JFIF:JFIFVersion", v.plain(f"{head[5]}.{head[6]:02}")
    yield "JFIF:ResolutionUnit", v.choice(_0="None", _1="inches", _2="cm")(head[7])
    yield "JFIF:XResolution", int.from_bytes(head[8:10], "big")
    yield "JFIF:YResolution", int.from_bytes(head[10:12], "big")


def _frame(name: str, head: bytes) -> Pairs:
    yield "File:ImageWidth", int.from_bytes(head[3:5], "big")
    yield "File:ImageHeight", int.from_bytes(head[1:3], "big")
    number = int(name.removeprefix("SOF"))
    if number < len(_ENCODINGS):
        yield "File:EncodingProcess", _ENCODINGS[number]
    yield "File:BitsPerSample", head[0]
    yield "File:ColorComponents", head[5]
    if head[5] == _THREE:
        factors = [divmod(byte, 16) for byte in head[7 : 7 + 9 : 3]]
        chroma = factors[1]
        ratio = (factors[0][0] // max(chroma[0], 1), factors[0][1] // max(chroma[1], 1))
        yield "File:YCbCrSubSampling", _SAMPLING.get(ratio, f"Unknown ({ratio[0]} {ratio[1]})")


def png(window: Window, layout: Layout) -> Pairs:
    """Header, texts, time, EXIF."""
    for part in layout.parts:
        head = window.at(part.offset, min(part.size, _LONGEST))
        if part.name == "IHDR":
            yield from _png_header(head)
        elif part.name == "gAMA":
            yield "PNG:Gamma", v.number(round(100_000 / (int.from_bytes(head, "big") or 1), 4))
        elif part.name == "pHYs":
            yield from _png_size(head)
        elif part.name == "tEXt":
            yield from _png_text(head)
        elif part.name == "tIME" and len(head) >= 7:  # noqa: PLR2004  year to second
            year = int.from_bytes(head[:2], "big")
            yield "PNG:ModifyDate", "{:04}:{:02}:{:02} {:02}:{:02}:{:02}".format(year, *head[2:7])
        elif part.name == "eXIf":
            # ExifTool counts a thumbnail's place in a PNG from the chunk's own beginning.
            yield from exif(_part_of(window, part), 0)


def _png_header(head: bytes) -> Pairs:
    yield "PNG:ImageWidth", int.from_bytes(head[:4], "big")
    yield "PNG:ImageHeight", int.from_bytes(head[4:8], "big")
    yield "PNG:BitDepth", head[8]
    yield "PNG:ColorType", v.table(_COLOUR_TYPES)(head[9])
    yield "PNG:Compression", v.choice(_0="Deflate/Inflate")(head[10])
    yield "PNG:Filter", v.choice(_0="Adaptive")(head[11])
    yield "PNG:Interlace", v.choice(_0="Noninterlaced", _1="Adam7 Interlace")(head[12])


def _png_size(head: bytes) -> Pairs:
    yield "PNG:PNG-pHYs:PixelsPerUnitX", int.from_bytes(head[:4], "big")
    yield "PNG:PNG-pHYs:PixelsPerUnitY", int.from_bytes(head[4:8], "big")
    yield "PNG:PNG-pHYs:PixelUnits", v.choice(_0="Unknown", _1="meters")(head[8] if len(head) > 8 else 0)  # noqa: PLR2004


# PNG's keywords whose names ExifTool changes, and those that it knows with a capital of its own.
_KEYWORDS = {"Creation Time": "CreationTime", "date:create": "Datecreate", "date:modify": "Datemodify"}


def _png_text(head: bytes) -> Pairs:
    keyword, _, text = head.partition(b"\0")
    name = keyword.decode("latin-1")
    clean = _KEYWORDS.get(name) or "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_"))
    if clean:
        yield f"PNG:{clean[0].upper()}{clean[1:]}", v.plain(text.decode("latin-1"))


def gif(window: Window, layout: Layout) -> Pairs:
    """Screen descriptor and number of frames."""
    head = window.at(0, 13)
    flags = head[10]
    yield "GIF:GIFVersion", head[3:6].decode("latin-1")
    yield "GIF:ImageWidth", int.from_bytes(head[6:8], "little")
    yield "GIF:ImageHeight", int.from_bytes(head[8:10], "little")
    yield "GIF:HasColorMap", "Yes" if flags & 0x80 else "No"
    yield "GIF:ColorResolutionDepth", ((flags & 0x70) >> 4) + 1
    yield "GIF:BitsPerPixel", (flags & 7) + 1
    yield "GIF:BackgroundColor", head[11]
    frames = len(layout.named("image"))
    if frames > 1:
        yield "GIF:FrameCount", frames


def webp(window: Window, layout: Layout) -> Pairs:
    """Canvas or frame size, EXIF."""
    sized = False
    for part in layout.parts:
        head = window.at(part.offset, min(part.size, 16))
        if part.name in ("VP8X", "VP8 ", "VP8L") and not sized and (size := _webp_size(part.name, head)):
            sized = True
            yield "RIFF:ImageWidth", size[0]
            yield "RIFF:ImageHeight", size[1]
        elif part.name == "EXIF":
            skip = 6 if head.startswith(b"Exif\0\0") else 0
            yield from _exif_in(window, part.offset + skip, part.size - skip)


def avi(window: Window, layout: Layout) -> Pairs:
    """The main header (`avih`) in the list of headers that comes first."""
    lists = layout.named("LIST")
    head = window.at(lists[0].offset, 68) if lists else b""
    if head[:8] != b"hdrlavih" or len(head) < 52:  # noqa: PLR2004  up to the height
        return
    micros, frames, width, height = (int.from_bytes(head[at : at + 4], "little") for at in (12, 28, 44, 48))
    if micros:
        yield "RIFF:FrameRate", v.number(round(1e6 / micros, 3))
        yield "Composite:Duration", v.duration(frames * micros / 1e6)
    yield "RIFF:FrameCount", frames
    yield "RIFF:ImageWidth", width
    yield "RIFF:ImageHeight", height


def _webp_size(name: str, head: bytes) -> tuple[int, int] | None:
    """RFC 9649, sections 2.5 to 2.7."""
    if name == "VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if name == "VP8 " and head[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    if name == "VP8L" and head[:1] == b"\x2f":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def bmp(window: Window) -> Pairs:
    """The Windows bitmap header."""
    head = window.at(14, 40)
    if int.from_bytes(head[:4], "little") < 40:  # noqa: PLR2004  OS/2's header has another form
        return
    yield "File:ImageWidth", int.from_bytes(head[4:8], "little")
    yield "File:ImageHeight", abs(int.from_bytes(head[8:12], "little", signed=True))
    yield "File:Planes", int.from_bytes(head[12:14], "little")
    yield "File:BitDepth", int.from_bytes(head[14:16], "little")


def psd(window: Window) -> Pairs:
    """Photoshop's file header."""
    head = window.at(0, 26)
    yield "Photoshop:NumChannels", int.from_bytes(head[12:14], "big")
    yield "Photoshop:ImageHeight", int.from_bytes(head[14:18], "big")
    yield "Photoshop:ImageWidth", int.from_bytes(head[18:22], "big")
    yield "Photoshop:BitDepth", int.from_bytes(head[22:24], "big")
