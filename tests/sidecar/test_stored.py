"""Readings in the cache: they come back as they were, under the name of whoever asks."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.cache import Limits, ResultCache
from mediabridge.sidecar.extraction import stored, verdict
from mediabridge.sidecar.extraction.engine import NAME, Engine
from mediabridge.sidecar.extraction.exiftool import ExifToolProcess
from mediabridge.sidecar.extraction.extract import Extractor, Reading
from mediabridge.sidecar.extraction.stored import PLACEHOLDER, CachedExtractor, from_json, key, to_json, version_of
from mediabridge.sidecar.extraction.tools import find_exiftool
from mediabridge.sidecar.faults import EngineUnavailable

TEXT = st.text(max_size=12)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
READINGS = st.builds(
    Reading,
    st.dictionaries(TEXT, st.dictionaries(TEXT, VALUES, max_size=4), max_size=4),
    st.lists(TEXT, max_size=3).map(tuple),
    st.builds(verdict.Verdict, st.sampled_from(verdict.Kind), TEXT),
    TEXT,
    TEXT,
)


@given(READINGS, TEXT)
def test_a_reading_comes_back_as_it_was(reading: Reading, name: str) -> None:
    through = json.loads(json.dumps(to_json(reading)))
    assert from_json(through, name) == reading


@given(TEXT)
def test_the_name_is_filled_in_wherever_it_belongs(name: str) -> None:
    reading = Reading(
        {"File": {"FileName": PLACEHOLDER, "Deep": [{"Note": f"see {PLACEHOLDER}!"}]}},
        (f"cannot open {PLACEHOLDER}",),
        verdict.Verdict(verdict.Kind.UNREADABLE, f"{PLACEHOLDER} ends early"),
        "exiftool",
        "13",
    )
    found = from_json(to_json(reading), name)
    assert found.metadata == {"File": {"FileName": name, "Deep": [{"Note": f"see {name}!"}]}}
    assert found.warnings == (f"cannot open {name}",)
    assert found.verdict.reason == f"{name} ends early"


@given(st.integers(0, 40), TEXT)
def test_however_often_the_name_appears_and_nothing_that_is_stored_changes(times: int, name: str) -> None:
    tags = {f"Tag{number}": [PLACEHOLDER, number] for number in range(times)}
    kept = to_json(Reading({"XMP": tags}, (), verdict.Verdict(verdict.Kind.READABLE), "exiftool", "13"))
    before = json.dumps(kept)
    found = from_json(kept, name)
    assert found.metadata == {"XMP": {f"Tag{number}": [name, number] for number in range(times)}}
    assert json.dumps(kept) == before


def test_the_key_depends_on_content_extension_version_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [("a", "jpg", "e", "1"), ("b", "jpg", "e", "1"), ("a", "png", "e", "1"), ("a", "jpg", "f", "1")]
    keys = {key(*part) for part in [*parts, ("a", "jpg", "e", "2")]}
    monkeypatch.setattr(stored, "_code", lambda: "other")
    assert len(keys | {key(*parts[0])}) == 6


@dataclass(frozen=True)
class File:
    path: Path
    name: str
    extension: str
    sha256: str


@pytest.fixture
def file(tmp_path: Path) -> File:
    path = tmp_path / "5cratch.gif"
    path.write_bytes(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;")
    return File(path, "mine.gif", "gif", "f" * 64)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., tuple[CachedExtractor, Extractor, Engine]]]:
    engines: list[Engine] = []

    def build(exiftool: Path) -> tuple[CachedExtractor, Extractor, Engine]:
        engine = Engine(lambda: ExifToolProcess(find_exiftool(str(exiftool))), processes=2)
        engines.append(engine)
        engine.start()
        extractor = Extractor(engine, 10)
        return (
            CachedExtractor(extractor, ResultCache(Limits(), tmp_path / "cache"), NAME, version_of(engine)),
            extractor,
            engine,
        )

    yield build
    for engine in engines:
        engine.close()


def test_the_same_answer_with_and_without_the_cache_for_every_name(
    make: Callable[..., Any], exiftool: Path, file: File
) -> None:
    cached, plain, _ = make(exiftool)
    for name, there in (("mine.gif", False), ("yours.gif", True), ("Ünïcode 5cratch.gif", True)):
        asked = replace(file, name=name)
        assert cached.read(asked) == (plain.read(asked), there)


def test_requests_right_after_the_start_read_once(make: Callable[..., Any], stand_in: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.slow"
    path.write_bytes(b"x")
    cached, _, engine = make(stand_in)
    start = threading.Barrier(6)

    def ask(number: int) -> tuple[Reading, bool]:
        start.wait(10)
        return cached.read(File(path, f"{number}.slow", "slow", "e" * 64))

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert engine.stats().completed == 1
    assert sorted(there for _, there in answers) == [False] + [True] * 5
    assert len({reading.metadata["Pid"]["Pid"] for reading, _ in answers}) == 1
    assert [f"{number}.slow" in json.dumps(reading.metadata) for number, (reading, _) in enumerate(answers)] == [
        True
    ] * 6


def test_without_an_engine_the_fault_is_the_same(make: Callable[..., Any], tmp_path: Path, file: File) -> None:
    cached, _, _ = make(tmp_path / "no-exiftool")
    with pytest.raises(EngineUnavailable):
        cached.read(file)


def test_what_another_version_has_read_is_not_kept_under_this_one(
    make: Callable[..., Any], stand_in: Path, file: File
) -> None:
    cached, extractor, _ = make(stand_in)
    assert cached.read(file)[1] is False
    real = extractor.read

    def other(*arguments: Any) -> Reading:
        return replace(real(*arguments), engine_version="99")

    extractor.read = other
    changed = replace(file, sha256=os.urandom(32).hex())
    assert [cached.read(changed)[1] for _ in range(2)] == [False, False]
