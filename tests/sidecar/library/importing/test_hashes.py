"""The index that is kept is the one that would be loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from mediabridge.sidecar.library.importing import hashes
from mediabridge.sidecar.library.importing.hashes import Hashes

Photo = Callable[..., bytes]


def told(index: Any) -> dict[int, tuple[int, int]]:
    arrays = zip(*(array[: len(index)].tolist() for array in index._arrays()), strict=True)
    return {number: (phash, dhash) for number, phash, dhash in arrays}


def test_it_follows_what_this_and_other_processes_import(
    on_both: Any, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, loads = on_both.tools.hashes, []
    loaded = hashes._loaded
    monkeypatch.setattr(hashes, "_loaded", lambda *given: loads.append(1) or loaded(*given))

    def same() -> bool:
        mine = told(kept.index(on_both.database, lambda: None))
        return mine == told(loaded(on_both.database, lambda: None)) and len(mine) > 0

    first = on_both.put("a.jpg", photo(1))
    on_both.put("b.jpg", photo(2))
    on_both.run()
    assert same()
    on_both.put("c.jpg", photo(3))
    on_both.run()
    assert same()
    elsewhere = replace(on_both.tools, hashes=Hashes())  # as another process has it
    first.write_bytes(photo(4))
    on_both.put("d.jpg", photo(5))
    mine, on_both.tools = on_both.tools, elsewhere
    on_both.run()
    on_both.tools = mine
    assert same()

    Image.new("RGB", (64, 48), "grey").save(first)  # almost flat: it has no hash any more
    on_both.run()
    assert on_both.files()["a.jpg"].perceptual == b""
    assert same()
    assert len(told(kept.index(on_both.database, lambda: None))) == 3
    assert len(loads) == 2  # one for each of the two


def test_after_many_changes_all_is_loaded(library: Any, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_MOST_CHANGED", 1)
    for number in range(3):
        library.put(f"{number}.jpg", photo(number))
    library.run()
    index = library.tools.hashes.index(library.database, lambda: None)
    assert sorted(told(index)) == [1, 2, 3]
