"""The golden set under labels: what joins it, what leaves it, and that nobody can tell it by the answers."""

from __future__ import annotations

import pytest
from labelled import counts, record, same, sha_of

from mediabridge.sidecar.deepfake.model.service import ModelService
from mediabridge.sidecar.faults import Conflict, ContentUnknown


def test_users_are_tested_with_golden_files_and_do_not_learn_of_it(service: ModelService) -> None:
    for at in range(10):
        service.freeze(same(service, at), "real", "boss")
    given = [service.feedback(f"file-{at}", "fake" if at < 2 else "real", "ann") for at in range(5)]
    assert {one.status for one in given} == {"accepted"}
    assert counts(service) == (0, 0, 0)
    after = service.feedback(same(service, 20), "real", "ann")
    assert (after.status, after.reason) == ("quarantined", "labeler_disagrees")
    for at in range(5, 10):  # 8 of 10 are right now
        service.feedback(f"file-{at}", "real", "ann")
    assert service.feedback(same(service, 21), "real", "ann").status == "accepted"


def test_the_golden_set_is_frozen(service: ModelService) -> None:
    name = same(service, 1)
    service.feedback(name, "fake", "ann")
    assert service.freeze(name, "fake", "boss").status == "golden"
    assert service.freeze(name, "fake", "boss").status == "duplicate"
    assert counts(service) == (0, 0, 0)  # what is golden is not learnt from
    with pytest.raises(Conflict, match="does not change"):
        service.freeze(name, "real", "boss")
    assert [one["label"] for one in service.golden()] == ["fake"]
    service.thaw(f"{1:064x}")
    assert service.golden() == []
    with pytest.raises(ContentUnknown):
        service.thaw(f"{1:064x}")


def test_what_leaves_the_golden_set_is_learnt_from_again(service: ModelService) -> None:
    name = same(service, 1)
    service.feedback(name, "fake", "ann")
    service.freeze(name, "fake", "boss")
    service.feedback(name, "real", "bob")
    service.thaw(f"{1:064x}")
    assert counts(service) == (0, 0, 2)


def test_what_waited_before_a_file_was_golden_waits_after_it(service: ModelService) -> None:
    name = record(service, 1, True, "declared_ai")
    assert service.feedback(name, "real", "ann").status == "quarantined"
    service.freeze(name, "fake", "boss")
    assert service.waiting() == ([], None)
    service.thaw(sha_of(1, True))
    assert [one["reason"] for one in service.waiting()[0]] == ["contradicts_declared_ai"]
    assert counts(service) == (0, 1, 0)


def test_labels_on_the_golden_set_are_answered_like_others(service: ModelService) -> None:
    """Quota, disagreement, contradiction: whoever asks twice learns nothing of which files are in the set."""
    for number in (1, 2, 3):
        service.freeze(same(service, number, "declared_ai" if number == 2 else "inconclusive"), "fake", "boss")
    same(service, 4)
    for golden, other in ((2, 5), (1, 4)):
        same(service, other, "declared_ai" if golden == 2 else "inconclusive")
        for labeler, label in (("ann", "fake"), ("bob", "real")):
            answers = [service.feedback(f"file-{at}", label, labeler) for at in (golden, other)]  # type: ignore[arg-type]
            assert len({(one.status, one.reason, one.explanation) for one in answers}) == 1, (labeler, golden)
    assert counts(service)[0] == 1, "that with a declaration which both agree with"
    for number in range(100, 150):
        service.feedback(same(service, number), "real", "cid")
    given = service.feedback("file-3", "real", "cid")
    assert (given.status, given.reason) == ("quarantined", "daily_quota")
    assert given.explanation
    assert f"{3:064x}" not in {one["sha256"] for one in service.waiting()[0]}, "it is a check all the same"
    service.thaw(f"{3:064x}")
    assert [one["reason"] for one in service.waiting()[0] if one["sha256"] == f"{3:064x}"] == ["daily_quota"]
    service.thaw(f"{1:064x}")
    assert [one["reason"] for one in service.waiting()[0] if one["sha256"] == f"{1:064x}"] == ["labels_differ"] * 2


def test_a_label_that_is_accepted_on_a_golden_file_teaches_nothing(service: ModelService) -> None:
    """Nor does it check who gave it, and what checks others stays; it counts when the file leaves the set."""
    name = same(service, 1)
    service.feedback(name, "fake", "eve", vouched=False, source="eves")
    service.freeze(name, "fake", "boss")
    service.feedback(name, "real", "bob")
    database = service._database()
    (waiting,) = database.run("SELECT id FROM labels WHERE labeler = 'eve'")
    service.decide(waiting["id"], accept=True)
    rows = database.run("SELECT labeler, status, operator, source FROM labels ORDER BY id")
    assert [tuple(row) for row in rows] == [("eve", "check", 1, None), ("bob", "check", 0, None)]
    assert counts(service) == (0, 0, 0)
    service.thaw(f"{1:064x}")
    assert counts(service) == (1, 0, 1)
    assert service.stats()["samples"]["fake"] == 1


def test_what_the_operator_accepts_checks_nobody(service: ModelService) -> None:
    for number in range(5):
        name = same(service, number)
        service.feedback(name, "fake", "ann", vouched=False)
        service.freeze(name, "real", "boss")
    database = service._database()
    for row in database.run("SELECT id FROM labels"):
        service.decide(row["id"], accept=True)
    assert service.feedback(same(service, 9), "real", "ann").status == "accepted"


def test_what_the_golden_set_holds_is_not_counted_as_learnt_from(service: ModelService) -> None:
    """Also where an older release has left an accepted label on it."""
    service.feedback(same(service, 1), "fake", "ann")
    service.freeze("file-1", "fake", "boss")
    service._connections.writer().run("UPDATE labels SET status = 'accepted'")
    assert counts(service) == (0, 0, 0)
