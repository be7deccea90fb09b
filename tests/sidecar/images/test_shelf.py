"""Derived pictures are made once, kept, and made anew when their settings changed. Real children, cache and disk."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg, scene

from mediabridge.sidecar import errors, faults
from mediabridge.sidecar.cache import PROFILES, ResultCache
from mediabridge.sidecar.images import Pictures, Preset, table
from mediabridge.sidecar.images.errors import PictureError, RawPicture
from mediabridge.sidecar.images.shelf import _FAULTS, Shelf
from mediabridge.sidecar.storage.derived import Derived

HASH = "a" * 64


class Counted(Pictures):
    """Says how often it was asked."""

    def __init__(self, inner: Pictures) -> None:
        super().__init__(inner._pool)
        self.asked: list[list[str]] = []

    def make(self, path: Path, presets: Any, out: Any) -> Any:
        wanted = list(presets)
        self.asked.append([preset.name for preset in wanted])
        return super().make(path, wanted, out)


class OneFile:
    """A store of one original."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, content_hash: str) -> None:
        if content_hash != HASH:
            raise faults.ContentUnknown("nothing")

    @contextlib.contextmanager
    def local(self, content_hash: str) -> Iterator[Path]:
        yield self.path


@pytest.fixture
def counted(pictures: Pictures) -> Counted:
    return Counted(pictures)


@pytest.fixture
def shelf(counted: Counted, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "original").write_bytes(jpeg(scene(1)))
    derived = Derived(tmp_path / "cache")

    def made(*own: Preset) -> Shelf:
        results = ResultCache(PROFILES["constrained"], tmp_path / "cache")
        return Shelf(counted, OneFile(tmp_path / "original"), derived, results, table(own))  # type: ignore[arg-type]

    yield made
    derived.close()


def test_it_is_made_once_however_many_ask(shelf: Any, counted: Counted) -> None:
    one, other = shelf(), shelf()  # as in two processes
    with ThreadPoolExecutor(12) as threads:
        futures = [threads.submit(each.get, HASH, "preview") for each in (one, other) * 12]
        found = {future.result().sha256 for future in futures}
    assert len(found) == 1
    assert counted.asked == [["preview"]]
    assert shelf().get(HASH, "preview").sha256 in found
    assert counted.asked == [["preview"]]


def test_an_address_has_one_body_whoever_makes_it_first(shelf: Any, counted: Counted) -> None:
    """A thumbnail that is made alone has other bytes than one that is made of the preview."""
    one, other = shelf(), shelf()  # as in two processes

    def bodies(ask: Any) -> dict[str, bytes]:
        found = ask()
        made = found if isinstance(found, dict) else {found.made.preset: found}
        read = {name: kept.path.read_bytes() for name, kept in made.items()}
        assert {name: hashlib.sha256(data).hexdigest() for name, data in read.items()} == {
            name: kept.sha256 for name, kept in made.items()
        }
        return read

    asked = [lambda: one.fill(HASH), lambda: other.get(HASH, "thumbnail"), lambda: one.get(HASH, "preview")]
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(bodies, asked * 4))
    for name in table(()):
        assert len({told[name] for told in found if name in told}) == 1
    made = [name for names in counted.asked for name in names]
    assert sorted(made) == sorted(table(())), "each once"


def test_of_a_file_that_is_made_anew_nothing_is_told_meanwhile(shelf: Any, counted: Counted, tmp_path: Path) -> None:
    """Else the new file could be served under the old one's tag."""
    shelf().get(HASH, "thumbnail")
    (tmp_path / "cache" / HASH / "thumbnail.webp").unlink()
    told: list[str] = []
    make = counted.make

    def watched(path: Path, presets: Any, out: Any) -> Any:
        told.append((tmp_path / "cache" / HASH / "metadata.json").read_text())
        return make(path, presets, out)

    counted.make = watched  # type: ignore[method-assign]
    shelf().get(HASH, "thumbnail")
    assert told == ['{"presets": {}}']


def test_all_presets_come_from_one_decode(shelf: Any, counted: Counted) -> None:
    one = shelf()
    one.get(HASH, "preview")
    assert set(one.fill(HASH)) == set(table())
    assert [sorted(names) for names in counted.asked] == [["preview"], ["ai-chat", "ai-vision", "thumbnail"]]
    one.fill(HASH)
    assert len(counted.asked) == 2


def test_changed_settings_make_it_anew(shelf: Any, counted: Counted) -> None:
    first = shelf().get(HASH, "preview")
    assert (first.made.width, first.made.quality) == (640, 85)
    second = shelf(Preset("preview", 100, quality=60)).get(HASH, "preview")
    assert (second.made.width, second.made.quality) == (100, 60)
    assert second.path.stat().st_size == second.made.size
    assert len(counted.asked) == 2


def test_a_preset_of_the_users_own(shelf: Any) -> None:
    kept = shelf(Preset("card", 64, 64, "webp", 70)).get(HASH, "card")
    assert (kept.path.name, kept.made.width) == ("card.webp", 64)
    with pytest.raises(faults.ContentUnknown, match="none of the name"):
        shelf().get(HASH, "card")
    with pytest.raises(faults.ContentUnknown):
        shelf().get("b" * 64, "preview")


def test_entries_of_several_presets_stand_side_by_side(shelf: Any, counted: Counted) -> None:
    one = shelf()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: one.get(HASH, name), table()))
    made = len(counted.asked)
    for name in table():
        one.get(HASH, name)
    assert len(counted.asked) == made == 4


def test_every_error_has_a_fault_with_a_status() -> None:
    assert set(_FAULTS) == set(PictureError.__subclasses__()) - {RawPicture}
    assert all(errors.kind_of(kind("x")) is not errors.UNEXPECTED for kind, _ in _FAULTS.values())


def test_a_disk_that_is_full_is_told(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = shelf()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(one._derived, "replace", full)
    with pytest.raises(faults.StorageFull, match="No space left") as caught:
        one.get(HASH, "preview")
    assert "CACHE_PATH" in caught.value.suggestion
    assert caught.value.storage is not None
    assert caught.value.storage.keys() == one._derived.status().keys()  # the space itself changes all the time
    assert isinstance(caught.value.storage["availableSpace"], int)


def test_a_disk_that_keeps_nothing_is_told(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = shelf()
    monkeypatch.setattr(one._derived, "replace", lambda *_: None)
    with pytest.raises(faults.StorageUnavailable, match="as fast as") as caught:
        one.get(HASH, "preview")
    assert "CACHE_PATH" in caught.value.suggestion


def test_a_folder_that_cannot_be_used_is_told(shelf: Any, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where the folder of derived files shall be")
    with pytest.raises(faults.StorageUnavailable) as caught:
        shelf().get(HASH, "preview")
    assert "CACHE_PATH" in caught.value.suggestion
