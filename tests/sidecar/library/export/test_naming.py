"""Names of copies, for everything that a file may be called."""

from __future__ import annotations

import os
import unicodedata
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.faults import Forbidden, InvalidRequest
from mediabridge.sidecar.library.export.naming import Names, extension_of, folder_and_name, plain
from mediabridge.sidecar.library.export.options import Options, as_asked, parse
from mediabridge.sidecar.library.export.roots import below, roots_of
from mediabridge.sidecar.library.moments import us_of

NAMES = st.text(max_size=300)
CLOCKS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001


@given(NAMES)
def test_a_files_own_name_is_harmless_and_fits(name: str) -> None:
    found = plain(name)
    assert found
    assert not set(found) & set('/\\<>:"|?*\0\r\n')
    assert not found.startswith((".", "-", " "))
    assert len(found.encode()) <= 210
    assert plain(found) == found


@given(CLOCKS, NAMES, st.sampled_from(["image/jpeg", "image/heic", "video/mp4", "application/pdf", ""]))
def test_a_dated_name_is_the_date_and_an_extension(clock: datetime, name: str, mime_type: str) -> None:
    folder, found = folder_and_name(us_of(clock), name, mime_type)
    assert folder == f"{clock.year:04}"
    assert found.partition(".")[0] == f"{clock.year:04}{clock:%m%d_%H%M%S}"
    assert found.isascii()
    assert found == found.lower()


@pytest.mark.parametrize(
    ("name", "mime_type", "extension"),
    [
        ("a.JPG", "image/jpeg", "jpg"),
        ("a.jpeg", "image/jpeg", "jpeg"),
        ("a.jpg", "image/heic", "heic"),
        ("a", "image/png", "png"),
        ("a.CR2", "image/x-canon-cr2", "cr2"),
        ("a", "application/x-unknown", ""),
        ("a.j pg", "", ""),
    ],
)
def test_the_extension_tells_the_truth(name: str, mime_type: str, extension: str) -> None:
    assert extension_of(name, mime_type) == extension


@given(st.lists(st.sampled_from(["a.jpg", "A.jpg", "a_001.jpg", "b.jpg", "a.jpg.xmp"]), max_size=30))
def test_no_name_is_given_twice(wanted: list[str]) -> None:
    names = Names(lambda _: ["a.jpg"])
    given_ = [names.choose("2024", name)[0] for name in wanted]
    taken = [unicodedata.normalize("NFC", name).casefold() for name in ["a.jpg", *given_]]
    assert len(set(taken)) == len(taken)


def test_the_first_free_number_is_taken() -> None:
    names = Names(lambda _: ["a.jpg", "a_002.jpg"])
    assert [names.choose("2024", "a.jpg") for _ in range(2)] == [("a_001.jpg", True), ("a_003.jpg", True)]
    assert names.choose("2023", "b.jpg") == ("b.jpg", False)


def test_a_target_lies_below_a_root() -> None:
    roots = roots_of("/media/a: /media/a/b/ :relative:")
    assert roots == ("/media/a", "/media/a/b")
    assert below("/media/a/x/y", roots) == ("/media/a", ("x", "y"))
    assert below("/media/a/b", roots) == ("/media/a/b", ())
    assert below("/x", ("/",)) == ("/", ("x",))
    for outside in ("/media", "/media/ab", "/media/a/../b", "/"):
        with pytest.raises(Forbidden):
            below(outside, roots)
    with pytest.raises(Forbidden, match="off"):
        below("/media/a", ())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_every_wrong_value_is_refused_by_name(value: object) -> None:
    for name in ("target", "kinds", "tags", "from", "keepersOnly", "leastConfidence", "dryRun"):
        told = refusal({"target": "/media/a", name: value})
        assert told is None or told.startswith(f"{name}: ")


def test_no_time_lies_between_an_end_and_a_later_beginning() -> None:
    assert "before 'from'" in str(refusal({"target": "/media/a", "from": "2024", "to": "2023"}))
    assert refusal({"target": "/media/a", "from": "2024", "to": "2024"}) is None


def test_a_target_is_a_path_that_a_system_could_have() -> None:
    assert "what no path has" in str(refusal({"target": "/media/\ud800"}))
    assert refusal({"target": os.fsdecode(b"/media/caf\xe9")}) is None


def refusal(body: dict[str, object]) -> str | None:
    """What is wrong; of what is right, that it comes back as it was."""
    try:
        options, _ = parse(body)
    except InvalidRequest as problem:
        return problem.message
    assert Options.from_json(options.to_json()) == options
    return None


def test_a_job_tells_what_was_asked_in_the_same_words() -> None:
    asked = {"target": "/x", "keepersOnly": True, "kinds": ["photo"], "tags": ["Rome"], "from": "2024", "to": "2024-01"}
    options, _ = parse(asked)
    told = as_asked({**options.to_json(), "planned": True})
    assert parse(told)[0] == options
    assert (told["from"], told["leastConfidence"]) == ("2024-01-01T00:00:00", "medium")
