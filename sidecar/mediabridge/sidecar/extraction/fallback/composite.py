"""What follows from other tags, as ExifTool's Composite group has it. Pure."""

from __future__ import annotations

from typing import Any

from .pictures import Pair, Pairs

_SIZED = ("File", "PNG", "GIF", "RIFF", "Photoshop", "QuickTime", "EXIF")


def composites(pairs: list[Pair], *, raw: bool) -> Pairs:
    """Size, megapixels, exposure, position. Of `raw` pictures no size: their first directory has a preview's."""
    first: dict[tuple[str, str], Any] = {}
    for key, value in pairs:
        family0, *middle, tag = key.split(":")
        first.setdefault(("GPS" if "GPS" in middle else family0, tag), value)
    size = None if raw else _size(first)
    if size:
        yield "Composite:ImageSize", f"{size[0]}x{size[1]}"
        yield "Composite:Megapixels", _megapixels(size[0] * size[1])
    for name, tag in (("Aperture", "FNumber"), ("ShutterSpeed", "ExposureTime")):
        if ("EXIF", tag) in first:
            yield f"Composite:{name}", first["EXIF", tag]
    yield from _position(first)


def _size(first: dict[tuple[str, str], Any]) -> tuple[int, int] | None:
    for group in _SIZED:
        width, height = first.get((group, "ImageWidth")), first.get((group, "ImageHeight"))
        if isinstance(width, int) and isinstance(height, int):
            return width, height
    extent = str(first.get(("QuickTime", "ImageSpatialExtent"), "")).split("x")
    return (int(extent[0]), int(extent[1])) if len(extent) > 1 else None


def _megapixels(pixels: int) -> int | float:
    millions = pixels / 1e6
    digits = 1 if millions >= 1 else 3 if millions >= 0.001 else 6  # noqa: PLR2004  as many as tell something
    rounded = round(millions, digits)
    return int(rounded) if rounded == int(rounded) and digits > 1 else rounded


def _position(first: dict[tuple[str, str], Any]) -> Pairs:
    halves = []
    for name in ("Latitude", "Longitude"):
        value, side = first.get(("GPS", f"GPS{name}")), first.get(("GPS", f"GPS{name}Ref"))
        if value and isinstance(side, str) and not side.startswith("Unknown"):
            halves.append(f"{value} {side[0]}")
            yield f"Composite:GPS{name}", halves[-1]
    if len(halves) > 1:
        yield "Composite:GPSPosition", ", ".join(halves)
    day, time = first.get(("GPS", "GPSDateStamp")), first.get(("GPS", "GPSTimeStamp"))
    if day and time:
        yield "Composite:GPSDateTime", f"{day} {time}Z"
