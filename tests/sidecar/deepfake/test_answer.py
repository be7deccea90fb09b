"""What an answer says that it could not look at, and what is kept of what was gathered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from mediabridge.sidecar.cache import Limits, ResultCache
from mediabridge.sidecar.deepfake.answer import Asked, limits
from mediabridge.sidecar.deepfake.gathered import Gathered
from mediabridge.sidecar.deepfake.kept import Kept
from mediabridge.sidecar.extraction import engine

ASKED = Asked("0" * 64, "image", "full", maps=False, trusts=True, reader=engine.NAME)


def told(gathered: Gathered, reader: str = engine.NAME) -> str:
    asked = Asked(ASKED.sha256, "image", "full", maps=False, trusts=True, reader=reader)
    return " ".join(limits(asked, gathered))


def test_metadata_that_were_read_without_exiftool_are_told() -> None:
    assert "without ExifTool" in told(Gathered(), "builtin")
    assert "without ExifTool" not in told(Gathered())


def test_the_part_that_a_model_looks_at_is_told_of_large_pictures() -> None:
    large = Gathered(features={"a": 1.0}, format={"width": 4000, "height": 800})
    assert "the middle 1024x800 of 4000x800 pixels" in told(large)
    assert "A model looks at" not in told(Gathered(features={"a": 1.0}, format={"width": 1024, "height": 800}))


def test_full_depth_is_not_advised_where_it_would_find_no_more() -> None:
    quick = replace(ASKED, depth="quick")
    raw = Gathered(problem={"kind": "RawPicture", "reason": ""})
    assert "send depth=full" in " ".join(limits(quick, Gathered()))
    assert "send depth=full" not in " ".join(limits(quick, raw))
    assert "not decoded" in told(raw)


def test_who_asks_under_other_settings_at_the_same_time_gets_what_its_own_gave() -> None:
    kept, waits = Kept(ResultCache(Limits(100, 50))), threading.Event()

    def gone() -> bool:  # is asked while it waits
        waits.set()
        return False

    with ThreadPoolExecutor(1) as pool:

        def first() -> Gathered:
            asked.append(pool.submit(kept.get_or_gather, ASKED, "b", lambda: Gathered(unscored="b"), gone))
            assert waits.wait(10)
            return Gathered(unscored="a")

        asked: list[object] = []
        found, cached = kept.get_or_gather(ASKED, "a", first, None)
        other, cached_too = asked[0].result(10)  # type: ignore[attr-defined]
    assert (found.unscored, cached) == ("a", False)
    assert (other.unscored, cached_too) == ("b", False)
