"""What is the same before and after tags are written, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.library.export.essence import essence
from mediabridge.sidecar.library.export.item import Item
from mediabridge.sidecar.library.export.tagging import FAMILIES, arguments
from mediabridge.sidecar.storage.types import HEAD, TAIL, type_of

from .conftest import NOON

Picture = Callable[..., bytes]
KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "GIF": "image/gif", "WEBP": "image/webp"}
ITEM: dict[str, Any] = {
    "step": 1, "key": b"", "file_id": 1, "path": None, "name": "x", "size": 1, "sha256": "", "offset_min": 60,
    "assumed": False, "confidence": "high", "chosen": False, "tags": ("Rome", "Zoë"),
}  # fmt: skip
US = 1_706_702_400_250_000


def of(path: Path, mime: str) -> str | None:
    with path.open("rb") as file:
        return essence(file, mime)


def written(engine: Any, path: Path, mime: str) -> bytes:
    """The arguments of an export, written into a file."""
    item = Item(**ITEM, mime_type=mime, taken_us=US)
    return bytes(engine.run(*arguments(item, UTC), "-overwrite_original", str(path), timeout_s=20).stderr)


@pytest.mark.parametrize("kind", KINDS)
def test_tags_leave_it_and_pixels_do_not(tmp_path: Path, engine: Any, picture: Picture, kind: str) -> None:
    path, other = tmp_path / f"x.{kind.lower()}", tmp_path / "other"
    path.write_bytes(picture(kind, 1))
    other.write_bytes(picture(kind, 200))
    before, size = of(path, KINDS[kind]), path.stat().st_size
    written(engine, path, KINDS[kind])
    assert path.stat().st_size > size
    assert before is not None
    assert of(path, KINDS[kind]) == before
    assert of(other, KINDS[kind]) != before


def test_a_film_whose_tables_point_elsewhere_is_another(tmp_path: Path, engine: Any, movie: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(movie)
    before = of(path, "video/mp4")
    written(engine, path, "video/mp4")
    data = path.read_bytes()
    assert len(data) > len(movie)
    assert of(path, "video/mp4") == before is not None
    at = data.index(b"stco") + 12
    place = int.from_bytes(data[at : at + 4], "big")
    path.write_bytes(data[:at] + (place + 1).to_bytes(4, "big") + data[at + 4 :])
    assert of(path, "video/mp4") not in (before, None)
    path.write_bytes(data.replace(bytes(range(16)), bytes(range(1, 17))))
    assert of(path, "video/mp4") not in (before, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "WEBP"])
def test_a_file_that_is_cut_short_is_not_vouched_for(tmp_path: Path, picture: Picture, kind: str) -> None:
    path, data = tmp_path / "x", picture(kind)
    for end in (20, len(data) // 2, len(data) - 14):
        path.write_bytes(data[:end])
        assert of(path, KINDS[kind]) is None, end


@given(data=st.binary(max_size=400), kind=st.sampled_from(sorted(FAMILIES)))
def test_nonsense_is_answered(tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str) -> None:
    path = tmp_path_factory.getbasetemp() / "nonsense"
    path.write_bytes(data)
    found = of(path, kind)
    assert found is None or len(found) == 64


def test_the_corpus_keeps_its_pictures(tmp_path: Path, engine: Any, corpus: Path) -> None:
    """Of each format a few files that cameras and programs have written."""
    seen: dict[str, int] = {}
    for source in sorted(corpus.rglob("*")):
        if not source.is_file() or "hostile" in source.parts:
            continue
        data = source.read_bytes()
        mime = type_of(data[:HEAD], data[-TAIL:], source.suffix[1:].lower()) or ""
        if mime not in FAMILIES or seen.get(mime, 0) >= 5 or len(data) > 2_000_000:
            continue
        path = tmp_path / f"x{source.suffix}"
        path.write_bytes(data)
        before = of(path, mime)
        told = written(engine, path, mime)
        if path.read_bytes() != data and before is not None:
            seen[mime] = seen.get(mime, 0) + 1
            assert of(path, mime) == before, (source, told)
    assert set(seen) >= {"image/jpeg", "image/png", "image/tiff", "image/gif", "image/heic", "image/avif", "video/mp4"}


def test_the_moment_is_that_of_the_item() -> None:
    assert Item(**ITEM, mime_type="video/mp4", taken_us=US).utc(None) == NOON.replace(hour=11, microsecond=250_000)
