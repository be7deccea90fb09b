"""Pictures of the kinds that are got wrong: turned, deep, wide in colour."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

COLOURS = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), "w": (255, 255, 255)}


def saved(picture: Image.Image, format_name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format_name, **options)
    return out.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand: Pillow writes no 16-bit colour."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def four(letters: str, size: tuple[int, int]) -> Image.Image:
    """Four quarters, in reading order."""
    width, height = size
    picture = Image.new("RGB", size)
    for index, letter in enumerate(letters):
        x, y = index % 2 * (width // 2), index // 2 * (height // 2)
        picture.paste(COLOURS[letter], (x, y, x + width // 2, y + height // 2))
    return picture


def turned(turn: int, format_name: str) -> bytes:
    """A file that shows red, green / blue, white, 120 wide and 80 high, when its orientation is heeded."""
    shown = four("rgbw", (120, 80))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = shown.transpose(back[turn]) if turn in back else shown
    options: dict[str, Any] = {"quality": 95} if format_name != "TIFF" else {}
    return saved(stored, format_name, exif=exif, **options)


def matrix_profile(red: tuple[float, float], green: tuple[float, float], blue: tuple[float, float]) -> bytes:
    """A profile with primaries of its own, white D65 and sRGB's curve, written by hand (ICC.1:2022, 8.3)."""

    def xyz(x: float, y: float) -> Any:
        return np.array([x / y, 1.0, (1 - x - y) / y])

    adapt = np.array([[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]])  # D65 -> D50
    primaries = np.array([xyz(*red), xyz(*green), xyz(*blue)]).T
    columns = adapt @ (primaries * np.linalg.solve(primaries, xyz(0.3127, 0.3290)))

    def fixed(values: Any) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)

    curve = b"para\0\0\0\0\0\3\0\0" + b"".join(
        struct.pack(">i", round(value * 65536)) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    )
    text = "Wide".encode("utf-16-be")
    words = b"mluc\0\0\0\0" + struct.pack(">IIHHII", 1, 12, 0x656E, 0x5553, len(text), 28) + text
    white = fixed((0.9642, 1.0, 0.8249))
    tags = {b"desc": words, b"cprt": words, b"wtpt": white, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {name: fixed(columns[:, index]) for index, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + body


DISPLAY_P3 = matrix_profile((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
