"""Camera photos, each with bytes of its own, so that no cache knows it: a comment is planted in front of the rest."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

CORPUS = Path(os.environ.get("MEDIABRIDGE_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus") / "files"
SMALLEST, LARGEST = 50_000, 3_000_000  # bytes
_numbers = itertools.count(1)

# One grey pixel, baseline, by ITU-T T.81; what stands in for photos where the corpus is not there.
_PIXEL = bytes.fromhex(
    "ffd8ffdb004300" + "01" * 64 + "ffc0000b080001000101011100ffc4001400010000000000000000000000000000000a"
    "ffc40014100100000000000000000000000000000000ffda0008010100003f0000ffd9"
)


def sources(folder: Path) -> list[Path]:
    """JPEG files of cameras from the corpus, else one that ExifTool makes."""
    found = sorted(path for path in CORPUS.glob("metadata/**/*.jpg") if SMALLEST < path.stat().st_size < LARGEST)
    if found:
        return found
    path = folder / "made.jpg"
    path.write_bytes(_PIXEL)
    tags = ("-Make=Canon", "-Model=EOS", "-ISO=200", "-GPSLatitude=48.2", "-GPSLatitudeRef=N", "-XMP:Title=Holiday")
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags, path], check=True)
    return [path]


def distinct(content: bytes) -> bytes:
    """The JPEG with a comment segment (FF FE) that no other has."""
    comment = f"benchmark copy {next(_numbers)} of process {os.getpid()}".encode()
    return content[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + content[2:]


def copies(count: int, folder: Path) -> list[Path]:
    """So many distinct photos in a folder of their own."""
    contents = [path.read_bytes() for path in sources(folder)]
    target = folder / "photos"
    target.mkdir()
    made = [target / f"{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(made):
        path.write_bytes(distinct(contents[number % len(contents)]))
    return made
