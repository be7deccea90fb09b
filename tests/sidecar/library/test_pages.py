"""Lists: walking their pages gives every row once, in order, whatever is asked; and they never walk the whole table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalogue import DAY_US, NAMES, YEAR_2024_US, many, put
from databases import fresh
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import UNDATED, Duplicate, File
from mediabridge.sidecar.library import cursor, listing, summary, tags, timeline
from mediabridge.sidecar.library.cursor import Place
from mediabridge.sidecar.library.export import records
from mediabridge.sidecar.library.export.options import Options
from mediabridge.sidecar.library.intake import KINDS
from mediabridge.sidecar.library.listing import ORDERS, REVIEWS, STATES, Filters
from mediabridge.sidecar.library.origin import fold

FILES = 150


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = fresh(request.param, tmp_path_factory.mktemp("full"))
    database.write(lambda session: many(session, FILES))
    yield database
    if request.param == "sqlite":
        database.close()


moments = st.none() | st.integers(-405, 12).map(lambda day: YEAR_2024_US + day * DAY_US)
some_filters = st.builds(
    Filters,
    first_us=moments,
    last_us=moments,
    kinds=st.sets(st.sampled_from(KINDS), max_size=2).map(lambda found: tuple(sorted(found))),
    tags=st.sampled_from([(), (), ("rome",), ("Rome", "ÄPFEL"), ("nowhere",)]),
    duplicates=st.sampled_from([False, False, True]),
    dated=st.sampled_from([None, None, True, False]),
    confidences=st.sampled_from([(), (), ("low",), ("none", "high")]),
    states=st.sampled_from([(), (), ("done",), ("failed", "missing")]),
    review=st.sampled_from([None, None, *REVIEWS]),
    text=st.sampled_from(["", "", "IMG", "STRASSE", "%", "_", "a%b", "\\", "\U0001f600", "nothing"]),
)


def fits(file: File, words: list[str], copies: set[int], asked: Filters) -> bool:
    """The same in Python."""
    return (
        (asked.first_us is None or file.taken_us >= asked.first_us)
        and (asked.last_us is None or UNDATED < file.taken_us <= asked.last_us)
        and (not asked.kinds or file.kind in asked.kinds)
        and {fold(tag) for tag in asked.tags} <= {fold(word) for word in words}
        and (not asked.duplicates or file.id in copies)
        and (asked.dated is None or asked.dated == (file.taken_us > UNDATED))
        and (not asked.confidences or file.confidence in asked.confidences)
        and (not asked.states or file.state in asked.states)
        and (asked.review is None or asked.review == (file.review or "undecided"))
        and fold(asked.text) in file.folded
    )


def walk(session: Session, asked: Filters, order: str, limit: int) -> list[int]:
    """All pages, their cursors written and read."""
    digest = listing.asked(asked, order)
    found: list[int] = []
    after = None
    while True:
        page = listing.page(session, asked, order, after, limit)
        assert len(page.files) <= limit
        found += [file.id for file in page.files]
        if page.last is None:
            return found
        assert len(page.files) == limit
        after = cursor.read(cursor.write(page.last, digest), digest, ORDERS[order].kind)


@settings(max_examples=60, deadline=None)
@given(some_filters, st.sampled_from(sorted(ORDERS)), st.integers(1, 60))
def test_property_pages_give_every_row_once_in_order(full: Database, asked: Filters, order: str, limit: int) -> None:
    def work(session: Session) -> tuple[list[int], list[File], dict[int, list[str]], set[int], dict[int, int]]:
        files = list(session.scalars(select(File)))
        words = tags.of_files(session, [file.id for file in files])
        copies = set(session.scalars(select(Duplicate.file_id).where(Duplicate.kind != "burst")))
        return walk(session, asked, order, limit), files, words, copies, timeline.months(session, asked)

    walked, files, words, copies, months = full.read(work)
    by = ORDERS[order]
    expected = [file for file in files if fits(file, words[file.id], copies, asked)]
    expected.sort(key=lambda file: (getattr(file, by.column.key), file.id), reverse=by.falls)
    assert walked == [file.id for file in expected]
    assert sum(months.values()) == len(expected)
    if expected:
        number = limit % len(expected)
        around = full.read(lambda session: listing.neighbours(session, expected[number], asked, order))
        assert around == (walked[number - 1] if number else None, (*walked, None)[number + 1])
    assert list(months) == sorted({file.month for file in expected}, reverse=True)


def test_what_comes_in_meanwhile_moves_no_page(database: Database) -> None:
    database.write(lambda session: [put(session, f"/p/{number}.jpg") for number in range(6)])
    asked = Filters()
    first = database.read(lambda session: listing.page(session, asked, limit=3))
    database.write(lambda session: [put(session, f"/p/new-{number}.jpg") for number in range(3)])  # newer ones
    second = database.read(lambda session: listing.page(session, asked, after=first.last, limit=3))
    assert [file.name for page in (first, second) for file in page.files] == [f"{n}.jpg" for n in (5, 4, 3, 2, 1, 0)]


values = st.integers(-(2**63) + 1, 2**63 - 1) | st.text().filter(lambda text: "\0" not in text)


@given(st.sampled_from(NAMES) | values, st.integers(-(2**63) + 1, 2**63 - 1))
def test_property_a_cursor_is_read_as_it_was_written(value: Any, number: int) -> None:
    place = Place(value, number)
    word = cursor.write(place, "abc")
    if len(word) <= 4096:
        assert cursor.read(word, "abc", type(value)) == place
        assert word.isascii()
        with pytest.raises(ValueError, match="of another list"):
            cursor.read(word, "abd", type(value))
        with pytest.raises(ValueError, match="none that this list"):
            cursor.read(word, "abc", int if isinstance(value, str) else str)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: cursor.base64.urlsafe_b64encode(raw).decode()))
def test_property_any_other_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"it is (none|of another)"):
        cursor.read(word, "abc", int)


PLANS = [
    (Filters(), "-taken", "ix_files_taken"),
    (Filters(first_us=0, last_us=10**15), "-taken", "ix_files_taken"),
    (Filters(dated=False), "-taken", "ix_files_taken"),
    (Filters(text="img"), "-taken", "ix_files_taken"),
    (Filters(kinds=("video",)), "-taken", "ix_files_kind_taken"),
    (Filters(states=("failed",)), "taken", "ix_files_state_taken"),
    (Filters(confidences=("low",)), "-taken", "ix_files_confidence_taken"),
    (Filters(review="keep"), "-taken", "ix_files_review"),
    (Filters(duplicates=True), "-taken", "ix_files_group"),
    (Filters(), "name", "ix_files_name"),
    (Filters(), "-size", "ix_files_size"),
    (Filters(), "-added", "PRIMARY KEY|SCAN files$"),
]


@pytest.mark.parametrize("after", [None, Place(5, 5)])
@pytest.mark.parametrize(("asked", "order", "index"), PLANS)
def test_a_page_comes_from_an_index_without_sorting(
    tmp_path: Path, asked: Filters, order: str, index: str, after: Any
) -> None:
    if after and order == "name":
        after = Place("x", 5)
    database = fresh("sqlite", tmp_path)
    seen: list[str] = []

    def work(session: Session) -> None:
        statement = listing.statement(session, asked, order, after, 100)
        compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        seen.extend(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {compiled}".replace(":", r"\:"))))

    database.read(work)
    database.close()
    assert not [step for step in seen if "TEMP B-TREE" in step], seen
    assert any(word in "\n".join(seen) + "\n" for word in index.replace("$", "\n").split("|")), seen


@pytest.mark.parametrize("keepers_only", [False, True])
def test_an_export_is_planned_from_an_index_without_sorting(tmp_path: Path, keepers_only: bool) -> None:
    database = fresh("sqlite", tmp_path)

    def work(session: Session) -> list[str]:
        options = Options(target="/media", keepers_only=keepers_only)
        statement = records.planned(session, options, (5, 5), 500)
        compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        return [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {compiled}".replace(":", r"\:")))]

    first, *rest = database.read(work)
    database.close()
    assert "ix_files_taken " in first
    assert "ix_files_sha256" in rest[-1]  # the last step: nothing is sorted


def test_the_timeline_is_counted_in_an_index_alone(tmp_path: Path) -> None:
    database = fresh("sqlite", tmp_path)
    plan = database.read(
        lambda session: session.execute(
            text("EXPLAIN QUERY PLAN SELECT month, count(*) FROM files GROUP BY month ORDER BY month DESC")
        ).all()
    )
    database.close()
    assert "COVERING INDEX ix_files_month" in plan[0][3]
    assert len(plan) == 1


def test_the_summary_is_counted_in_an_index_alone(tmp_path: Path) -> None:
    database = fresh("sqlite", tmp_path)
    asked = str(summary.counted([]).compile(dialect=sqlite.dialect()))
    plan = database.read(lambda session: session.execute(text(f"EXPLAIN QUERY PLAN {asked}")).all())
    database.close()
    assert [row[3] for row in plan] == ["SCAN files USING COVERING INDEX ix_files_sorts"]


def test_the_states_that_can_be_asked_for_are_those_that_there_are(full: Database) -> None:
    assert full.read(lambda session: set(session.scalars(select(File.state).distinct()))) == set(STATES)
