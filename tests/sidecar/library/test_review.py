"""Decisions, groups and tags: each leaves what was before, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from catalogue import YEAR_2024_US, group, put
from databases import fresh
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import Decision, File
from mediabridge.sidecar.faults import Conflict, ContentUnknown, InvalidRequest
from mediabridge.sidecar.library import audit, groups, preferences, review, summary, tags
from mediabridge.sidecar.library.groups import Member, save
from mediabridge.sidecar.library.listing import Filters


def state(session: Session) -> Any:
    """All that decisions change."""
    files = list(session.scalars(select(File).order_by(File.id)))
    words = tags.of_files(session, [file.id for file in files])
    settled = {found.id: found.settled for found in groups.page(session, settled=None)}
    return [(file.id, file.review, audit.date_json(file), words[file.id], file.group_id) for file in files], settled


def three(session: Session) -> None:
    for name in "abc":
        put(session, f"/p/{name}.jpg")
    group(session, 1, 2, 3)
    tags.add(session, {1: ["Rome"], 2: ["rome", "beach"]}, "user")


ACTS: list[Callable[[Session], str | None]] = [
    lambda session: review.decide(session, 1, "keep"),
    lambda session: review.decide(session, 1, "discard"),
    lambda session: review.decide(session, 2, None),
    lambda session: review.choose_date(session, 1, YEAR_2024_US, 60),
    lambda session: review.choose_date(session, 1, None, None),
    lambda session: review.set_tags(session, 1, ["Äpfel", " Rome  now "]),
    lambda session: review.set_tags(session, 2, []),
    lambda session: review.decide_group(session, 1, "suggested", merge_tags=True),
    lambda session: review.decide_group(session, 1, "all"),
    lambda session: review.decide_group(session, 1, [2, 3], merge_tags=True),
]


@pytest.mark.parametrize("act", ACTS)
def test_every_decision_can_be_undone_once(database: Database, act: Callable[[Session], str | None]) -> None:
    database.write(three)
    before = database.read(state)
    batch = database.write(act)
    if batch is None:  # there was nothing to change
        assert database.read(state) == before
        return
    assert database.read(state) != before
    database.write(lambda session: audit.undo(session, batch))
    assert database.read(state) == before
    with pytest.raises(Conflict, match="undone already"):
        database.write(lambda session: audit.undo(session, batch))
    (first, *_) = database.read(lambda session: list(session.scalars(select(Decision))))
    assert first.undone_us is not None  # it is still there to be read


@settings(max_examples=12, deadline=None)
@given(acts=st.lists(st.sampled_from(range(len(ACTS))), max_size=6))
def test_property_undoing_all_from_the_last_to_the_first_leads_back(
    tmp_path_factory: pytest.TempPathFactory, acts: list[int]
) -> None:
    database = fresh("sqlite", tmp_path_factory.mktemp("undo"))
    database.write(three)
    before = database.read(state)
    made = [batch for number in acts if (batch := database.write(ACTS[number]))]
    for batch in reversed(made):
        database.write(partial(audit.undo, batch=batch))
    assert database.read(state) == before
    database.close()


def test_an_earlier_decision_is_not_undone_before_a_later_one(database: Database) -> None:
    database.write(three)
    first, second = (database.write(ACTS[number]) for number in (0, 1))
    other = database.write(ACTS[3])
    assert first
    assert second
    assert other
    with pytest.raises(Conflict, match=f"Decision {second} changed the same of file 1 later"):
        database.write(lambda session: audit.undo(session, first))
    for batch in (other, second, first):
        database.write(partial(audit.undo, batch=batch))
    assert database.read(lambda session: review.get(session, 1)).review is None


def test_the_trail_has_everything_the_newest_first(database: Database) -> None:
    database.write(three)
    for act in ACTS[:4]:
        database.write(act)
    rows = database.read(lambda session: list(audit.listed(session)))
    assert [(row.action, row.field, row.file_id) for row in rows] == [
        ("date", "taken", 1), ("discard", "review", 1), ("keep", "review", 1)
    ]  # fmt: skip
    assert (rows[2].before, rows[2].after, rows[1].before) == (None, "keep", "keep")
    assert database.read(lambda session: audit.listed(session, 2)) == []
    assert [row.id for row in database.read(lambda session: audit.listed(session, 1, rows[0].id, 1))] == [rows[1].id]


@pytest.mark.parametrize(
    ("act", "fault", "words"),
    [
        (lambda session: review.decide(session, 9, "keep"), ContentUnknown, "no file 9"),
        (lambda session: review.set_tags(session, 1, ["a", " "]), InvalidRequest, "tags: a tag is empty"),
        (lambda session: review.set_tags(session, 1, ["x" * 101]), InvalidRequest, "tags: a tag has more than 100"),
        (lambda session: review.set_tags(session, 1, ["a\x00"]), InvalidRequest, "tags: a tag holds control"),
        (lambda session: review.set_tags(session, 1, map(str, range(101))), InvalidRequest, "tags: a file has 100"),
        (lambda session: review.decide_group(session, 2, "all"), ContentUnknown, "no group 2"),
        (lambda session: review.decide_group(session, 1, [4]), InvalidRequest, "keep: 4 is not in group 1"),
        (lambda session: review.decide_group(session, 1, []), InvalidRequest, "keep: at least one"),
        (lambda session: audit.undo(session, "nothing"), ContentUnknown, "no decision 'nothing'"),
    ],
)
def test_what_makes_no_sense_changes_nothing(database: Database, act: Any, fault: type[Exception], words: str) -> None:
    database.write(three)
    before = database.read(state)
    with pytest.raises(fault, match=words):
        database.write(act)
    assert database.read(state) == before


def member(number: int, *, keeper: bool = False) -> Member:
    return Member(number, "near", 0.9, keeper)


def test_groups_grow_merge_and_vanish(database: Database) -> None:
    database.write(lambda session: [put(session, f"/p/{number}.jpg") for number in range(6)])

    def grouped(news: list[list[int]], alone: list[int]) -> dict[int, list[int]]:
        database.write(lambda session: save(session, [[member(n) for n in group] for group in news], alone))
        found = database.read(lambda session: groups.page(session, settled=None))
        numbers = {one.id: sorted(file.id for _, file in one.members) for one in found}
        files = database.read(lambda session: {file.id: file.group_id for file in session.scalars(select(File))})
        assert files == {n: next((g for g, ids in numbers.items() if n in ids), None) for n in range(1, 7)}
        return numbers

    assert grouped([[2, 3], [4, 5]], []) == {2: [2, 3], 4: [4, 5]}
    assert grouped([[2, 3], [4, 5]], []) == {2: [2, 3], 4: [4, 5]}
    assert grouped([[1, 2, 3]], []) == {1: [1, 2, 3], 4: [4, 5]}
    assert grouped([[3, 4, 5]], [6]) == {3: [3, 4, 5]}
    assert grouped([[5]], []) == {3: [3, 4, 5]}  # a group of one is none, and says nothing of the others
    assert grouped([], [5]) == {}


@pytest.mark.parametrize("kind", groups.SERIES)
def test_of_a_series_nobody_is_to_go(database: Database, kind: str) -> None:
    database.write(lambda session: [put(session, f"/p/{name}.jpg") for name in "abc"])
    database.write(lambda session: group(session, 1, 2, 3, kind=kind))
    (found,) = database.read(lambda session: groups.page(session, kind=kind))
    assert not database.read(lambda session: groups.page(session, kind=groups.COPIES))
    assert (found.kind, found.freeable) == (kind, 0)
    assert [member.keeper for member, _ in found.members] == [False] * 3
    told = database.read(lambda session: summary.summary(session, Filters()))
    assert (told.groups, told.freeable) == (1, {})
    database.write(lambda session: review.decide_group(session, 1, "suggested"))
    assert database.read(lambda session: [file.review for file in session.scalars(select(File))]) == ["keep"] * 3


def test_a_settled_group_stays_so_until_a_file_joins(database: Database) -> None:
    database.write(lambda session: [put(session, f"/p/{number}.jpg") for number in range(4)])
    database.write(lambda session: group(session, 1, 2, 3))
    database.write(lambda session: review.decide_group(session, 1, "all"))

    def settled(*ids: int) -> bool:
        database.write(lambda session: group(session, *ids))
        found = database.read(lambda session: groups.get(session, 1))
        assert found is not None
        return found.settled

    assert settled(1, 2, 3)
    assert settled(1, 2)
    assert not settled(1, 2, 4)
    assert [one.id for one in database.read(groups.page)] == [1]
    assert database.read(lambda session: groups.page(session, settled=True)) == []


def test_groups_come_a_page_at_a_time_the_keeper_first(database: Database) -> None:
    database.write(lambda session: [put(session, f"/p/{number}.jpg") for number in range(8)])
    for first in (1, 3, 5):
        database.write(
            lambda session, first=first: group(session, first + 1, first, kind="near" if first == 3 else "exact")
        )
    page = database.read(lambda session: groups.page(session, limit=2))
    assert [one.id for one in page] == [1, 3]
    assert [(file.id, row.keeper, row.reasons) for row, file in page[0].members] == [
        (2, True, ["larger"]), (1, False, ["larger"])
    ]  # fmt: skip
    assert [one.id for one in database.read(lambda session: groups.page(session, after=3))] == [5]
    assert [one.id for one in database.read(lambda session: groups.page(session, kind="near"))] == [3]


def test_tags_have_counts_and_no_case(database: Database) -> None:
    database.write(three)
    database.write(lambda session: tags.add(session, {3: ["BEACH", "Straße", "strasse"]}, "folder"))
    assert database.read(tags.counted) == [("beach", 2), ("Rome", 2), ("Straße", 1)]
    assert database.write(lambda session: tags.add(session, {3: ["beach"]}, "folder")) == 0


def test_folder_names_become_tags_on_request(database: Database) -> None:
    paths = ["/p/2024-05 Rome/DCIM/100CANON/a.jpg", "/p/Italy/Rome/b.jpg", "/elsewhere/Rome/c.jpg", "/p/d.jpg"]
    database.write(lambda session: [put(session, path) for path in paths])
    ignored = database.read(preferences.read)["ignoredFolders"]
    new, after = database.write(lambda session: tags.from_folders(session, b"/p", ignored, limit=2))
    rest = database.write(lambda session: tags.from_folders(session, b"/p", ignored, after or 0))
    assert (new, after, rest) == (3, 2, (0, None))
    assert database.read(tags.counted) == [("Italy", 1), ("Rome", 2)]


def test_settings_are_checked_and_kept(database: Database) -> None:
    change = preferences.change
    assert database.read(preferences.read)["timezone"] is None
    found = database.write(lambda session: change(session, {"timezone": "Europe/Berlin", "tagsFromFolders": True}))
    assert found == database.read(preferences.read)
    assert (found["timezone"], found["tagsFromFolders"], found["exportDiscarded"]) == ("Europe/Berlin", True, False)
    assert database.write(lambda session: change(session, {"timezone": None}))["timezone"] is None
    for wrong in ({"timezone": "Mars"}, {"timezone": 5}, {"tagsFromFolders": 1}, {"ignoredFolders": "x"}, {"new": 1}):
        with pytest.raises(InvalidRequest, match=f"^{next(iter(wrong))}: "):
            database.write(partial(change, asked={"exportDiscarded": True, **wrong}))
    assert database.read(preferences.read)["exportDiscarded"] is False
