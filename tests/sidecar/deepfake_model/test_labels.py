"""Labels: what counts, what waits, what is forgotten."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from generated import sample
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled import CREATED, counts, record, same, sha_of

from mediabridge.sidecar.deepfake.model import store
from mediabridge.sidecar.deepfake.model.guards import Label
from mediabridge.sidecar.deepfake.model.schema import Database
from mediabridge.sidecar.deepfake.model.service import ModelService
from mediabridge.sidecar.deepfake.model.store import Store
from mediabridge.sidecar.faults import Conflict, ContentUnknown, InvalidRequest, StorageUnavailable


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[ModelService]:
    made = ModelService(tmp_path, clock=clock)
    yield made
    made.close()


def test_a_label_counts_once(service: ModelService) -> None:
    name = same(service, 1)
    assert service.feedback(name, "fake", "ann").status == "accepted"
    assert service.feedback(name, "fake", "ann").status == "duplicate"
    assert service.feedback(name, "fake", "bob").status == "accepted"
    assert counts(service) == (1, 0, 0)
    with pytest.raises(Conflict, match="before"):
        service.feedback(name, "real", "ann")


def test_two_analyses_of_a_file_are_one_sample(service: ModelService) -> None:
    found, _ = sample(0, fake=False)
    for name in ("one", "two"):
        service.record(name, "0" * 64, "image", found, {}, "inconclusive", CREATED)
    assert service.feedback("one", "fake", "ann").status == "accepted"
    assert service.feedback("two", "fake", "ann").status == "duplicate"


def test_labels_that_differ_wait_for_the_operator(service: ModelService) -> None:
    name = same(service, 1)
    service.feedback(name, "fake", "ann")
    given = service.feedback(name, "real", "bob")
    assert (given.status, given.reason) == ("conflict", "labels_differ")
    assert counts(service) == (0, 0, 2)
    assert [one["labeler"] for one in service.waiting()[0]] == ["bob", "ann"]
    assert given.id is not None
    service.decide(given.id, accept=True)
    assert counts(service) == (1, 0, 0)
    assert service.stats()["samples"]["real"] == 1


def test_when_one_side_is_removed_the_other_counts(service: ModelService) -> None:
    name = same(service, 1)
    service.feedback(name, "fake", "ann")
    given = service.feedback(name, "real", "bob")
    assert given.id is not None
    service.decide(given.id, accept=False)
    assert service.stats()["samples"]["fake"] == 1
    with pytest.raises(ContentUnknown):
        service.decide(given.id, accept=False)


def test_the_operators_word_outweighs_others(service: ModelService) -> None:
    name = same(service, 1)
    service.feedback(name, "fake", "ann")
    assert service.feedback(name, "real", "operator", operator=True).status == "accepted"
    assert counts(service) == (1, 0, 1)
    assert service.stats()["samples"]["real"] == 1


@pytest.mark.parametrize("label", ["real", "fake"])
def test_no_user_can_speak_first_in_the_operators_name(service: ModelService, label: Label) -> None:
    name = same(service, 1)
    service.feedback(name, "fake", "operator")
    service.feedback(name, "real", "ann")
    assert service.feedback(name, label, "operator", operator=True).status == "accepted"
    assert service.stats()["samples"][label] == 1
    with pytest.raises(Conflict):
        service.feedback(name, "fake" if label == "real" else "real", "operator")


def test_nobody_can_spoil_a_users_name_from_afar(service: ModelService) -> None:
    """Neither by speaking first, nor by wrong labels on files whose truth is known."""
    names = [same(service, number) for number in range(6)]
    for name in names[1:]:
        service.freeze(name, "real", "boss")
    for name in names:
        given = service.feedback(name, "fake", "ann", vouched=False)
        assert (given.status, given.reason) == ("quarantined", "not_vouched_for")
    assert service.feedback(names[0], "real", "ann").status == "accepted"
    assert counts(service) == (1, 5, 0)
    for number in range(10, 60):
        service.feedback(same(service, number, "declared_ai"), "real", "ann", vouched=False)
    assert service.feedback("file-10", "fake", "ann").status == "accepted"
    assert service.feedback(same(service, 9), "real", "ann").status == "accepted", "nor by using up a day's quota"


def test_a_declared_fake_is_not_simply_real(service: ModelService) -> None:
    given = service.feedback(same(service, 1, "declared_ai"), "real", "ann")
    assert (given.status, given.reason) == ("quarantined", "contradicts_declared_ai")
    assert given.explanation
    assert service.feedback(same(service, 2, "declared_ai"), "fake", "ann").status == "accepted"


def test_a_user_has_a_quota_of_each_day(service: ModelService, clock: Clock) -> None:
    given = [service.feedback(same(service, at), "real", "ann").status for at in range(52)]
    assert given == ["accepted"] * 50 + ["quarantined"] * 2
    assert service.feedback(same(service, 60), "real", "bob").status == "accepted"
    assert service.feedback(same(service, 61), "real", "boss", operator=True).status == "accepted"
    clock.now += timedelta(days=1, seconds=1)
    assert service.feedback(same(service, 62), "real", "ann").status == "accepted"


def test_one_label_that_nobody_vouches_for_waits_for_each_file(service: ModelService) -> None:
    for number in (1, 2):
        name = same(service, number)
        for labeler in ("eve", "eva", "eve"):
            given = service.feedback(name, "fake", labeler, vouched=False)
            assert (given.id, given.status, given.reason) == (None, "quarantined", "not_vouched_for")
    assert [one["labeler"] for one in service.waiting()[0]] == ["eve", "eve"]


def test_who_is_far_away_learns_nothing_of_what_others_have_said(service: ModelService) -> None:
    one, other, label = same(service, 1), same(service, 2), "real"
    service.feedback(one, label, "ann")
    answers = [
        service.feedback(name, said, "ann", vouched=False)  # type: ignore[arg-type]
        for said in ("real", "fake")
        for name in (one, other)
    ]
    assert len(set(answers)) == 1
    assert [found["sha256"] for found in service.waiting()[0]] == [f"{2:064x}"], "hers is untouched"
    assert counts(service)[0] == 1


def test_what_waits_is_paged_and_chosen_by_its_reason(service: ModelService) -> None:
    for number in range(5):
        service.feedback(same(service, number), "fake", "eve", vouched=False)
        service.feedback(same(service, number + 10, "declared_ai"), "real", "ann")
    seen: list[int] = []
    before = None
    for size in (2, 2, 1):
        found, before = service.waiting(2, before, "not_vouched_for")
        assert len(found) == size
        seen += [one["id"] for one in found]
    assert before is None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5
    assert len(service.waiting(10)[0]) == 10
    assert service.waiting(10)[1] is None
    assert service.waiting(5)[1] == service.waiting(5)[0][-1]["id"]


def test_labels_of_the_past_make_no_room_in_todays_quota(service: ModelService, clock: Clock) -> None:
    """A vouched label in the place of one that a stranger gave long ago under the same name is today's."""
    for at in range(52):
        service.feedback(same(service, at), "fake", "ann", vouched=False)
    clock.now += timedelta(days=2)
    given = [service.feedback(f"file-{at}", "real", "ann").status for at in range(52)]
    assert given == ["accepted"] * 50 + ["quarantined"] * 2


VOTES = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "cid"]), st.sampled_from(["real", "fake"]), st.booleans(), st.booleans()),
    max_size=8,
)


@given(VOTES)
@settings(max_examples=40, deadline=None)
def test_whatever_is_said_a_file_counts_with_one_label_and_that_is_the_operators(
    votes: list[tuple[str, Label, bool, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = ModelService(Path(folder))
        name, said = same(service, 1), {}
        for labeler, label, operator, withdrawn in votes:
            try:
                given = service.feedback(name, label, labeler, operator=operator)
            except Conflict:
                assert said[labeler][0] != label
                continue
            if given.status == "duplicate":
                assert said[labeler][0] == label
                continue
            assert given.id is not None
            said.pop(labeler, None)  # the operator takes the place of a user of the same name
            if withdrawn:
                service.decide(given.id, accept=False)
            else:
                said[labeler] = (label, operator)
        by_operator = {label for label, operator in said.values() if operator}
        heard = by_operator or {label for label, _ in said.values()}
        told = service.stats()["samples"]
        counted = {label for label in ("real", "fake") if told[label]}
        assert counted == (heard if len(heard) == 1 else set())
        agreeing = sum(label in counted for label, _ in said.values())
        assert told["conflicts"] == len(said) - agreeing
        service.close()


def test_figures_wait_for_nobody_who_writes(service: ModelService, tmp_path: Path) -> None:
    service.feedback(same(service, 1), "fake", "ann")
    writer = Database(tmp_path)
    with writer.transaction():
        writer.run("DELETE FROM labels")
        assert service.stats()["training_samples"] == 1
    assert service.stats()["training_samples"] == 0
    writer.close()


def test_without_features_there_is_nothing_to_label(service: ModelService) -> None:
    service.record("small", "0" * 64, "image", {}, {}, "inconclusive", CREATED)
    with pytest.raises(InvalidRequest, match="no features"):
        service.feedback("small", "real", "ann")
    with pytest.raises(InvalidRequest, match="no features"):
        service.freeze("small", "real", "ann")
    with pytest.raises(ContentUnknown, match="no analysis"):
        service.feedback("unknown", "real", "ann")


def test_pictures_and_clips_are_apart(service: ModelService) -> None:
    found, _ = sample(0, fake=False)
    service.record("clip", "0" * 64, "video/mp4", found, {}, "inconclusive", CREATED)
    service.feedback("clip", "fake", "ann")
    assert service.stats("image")["training_samples"] == 0
    assert service.stats("video_frame")["training_samples"] == 1


def test_deletion_leaves_nothing(service: ModelService, tmp_path: Path) -> None:
    record(service, 3, True)
    record(service, 4, True)
    service.feedback("analysis-3-True", "fake", "ann")
    service.freeze("analysis-4-True", "fake", "boss")
    for seed in (3, 4):
        assert service.forget(sha_of(seed, True)) == 3
        assert service.forget(sha_of(seed, True)) == 0
    service.close()
    database = Database(tmp_path)
    for table in ("analyses", "samples", "labels", "golden"):
        assert database.run(f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0
    database.run("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    stored = (tmp_path / "deepfake.db").read_bytes()
    assert sha_of(3, True).encode() not in stored


def test_old_analyses_that_nobody_labelled_are_forgotten(tmp_path: Path) -> None:
    database = Database(tmp_path)
    kept = Store(database, most=100)
    found, _ = sample(0, fake=False)
    for at in range(store._TIDIED_EVERY):
        kept.keep(f"{at}", f"{at:064x}", "image", found, {}, "inconclusive", CREATED, in_domain=None)
        if at == 0:
            database.run(
                "INSERT INTO labels (sha256, domain, label, labeler, operator, status, created)"
                f" VALUES ('{0:064x}', 'image', 'real', 'ann', 0, 'accepted', '{CREATED}')"
            )
    for table in ("analyses", "samples"):
        names = {row["sha256"] for row in database.run(f"SELECT sha256 FROM {table}")}
        assert names == {f"{at:064x}" for at in (0, *range(100, 200))}
    database.close()


def test_labels_that_nobody_vouches_for_keep_no_file(tmp_path: Path) -> None:
    database = Database(tmp_path)
    kept = Store(database, most=100)
    found, _ = sample(0, fake=False)
    insert = (
        "INSERT INTO labels (sha256, domain, label, labeler, operator, status, reason, created)"
        f" VALUES (:sha256, 'image', 'real', :labeler, 0, 'quarantined', :reason, '{CREATED}')"
    )
    again = 150  # when the second file is analysed once more
    for at in range(store._TIDIED_EVERY):
        sha256 = f"{1 if at == again else at:064x}"
        kept.keep(f"{at}", sha256, "image", found, {}, "inconclusive", CREATED, in_domain=None)
        if at < 3:
            reason = "not_vouched_for" if at < 2 else "daily_quota"
            database.run(insert, {"sha256": sha256, "labeler": "eve", "reason": reason})
    assert [row["sha256"] for row in database.run("SELECT sha256 FROM labels")] == [f"{at:064x}" for at in (1, 2)]
    names = {row["sha256"] for row in database.run("SELECT sha256 FROM samples")}
    assert names == {f"{at:064x}" for at in (1, 2, *range(100, 200)) if at != again}
    database.close()


def test_what_cannot_be_kept_is_no_error_of_an_analysis(tmp_path: Path) -> None:
    (tmp_path / "deepfake.db").write_bytes(b"this is no database" * 100)
    service = ModelService(tmp_path)
    record(service, 0, False)
    assert service.score(sample(0, fake=False)[0], {}) is None
    told = service.describe()
    assert told["loaded"] is False
    assert "problem" in told
    with pytest.raises(StorageUnavailable):
        service.stats()
