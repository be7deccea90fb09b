"""Instances of the program, and files for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import CORPUS, PROGRAM, Instance


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Starts instances in an empty folder; whatever still runs at the end is killed."""
    started: list[Instance] = []

    def begin(*args: str, env: dict[str, str] | None = None) -> Instance:
        started.append(Instance(*args, env=env, cwd=tmp_path))
        return started[-1]

    yield begin
    for instance in started:
        instance.close()


@pytest.fixture
def corpus() -> Path:
    if not (CORPUS / "MANIFEST.csv").exists():
        pytest.skip(f"the development corpus is not at {CORPUS}")
    return CORPUS / "files"


@pytest.fixture
def photo(tmp_path: Path, exiftool: str) -> Path:
    """A small JPEG with EXIF, GPS and XMP, made here, for a clone without the corpus."""
    path = tmp_path / "holiday.jpg"
    path.write_bytes(SMALLEST_JPEG)
    subprocess.run(
        [exiftool, "-q", "-overwrite_original", "-Make=Canon", "-Model=EOS", "-Orientation#=6", "-ISO=200",
         "-GPSLatitude=48.2", "-GPSLatitudeRef=N", "-XMP:Title=Holiday", path],
        check=True,
    )  # fmt: skip
    return path


@pytest.fixture
def exiftool() -> str:
    found = os.environ.get("EXIFTOOL_PATH") or shutil.which("exiftool") or str(PROGRAM.with_name("exiftool"))
    if not Path(found).exists():
        pytest.skip("ExifTool is not installed")
    return found


# One grey pixel, baseline, made by hand from ITU-T T.81.
SMALLEST_JPEG = bytes.fromhex(
    "ffd8ffdb004300" + "01" * 64 + "ffc0000b080001000101011100"
    "ffc4001400010000000000000000000000000000000a"
    "ffc40014100100000000000000000000000000000000"
    "ffda00080101" "00003f00" "00ffd9"
)  # fmt: skip
