"""Wrong labels: the short form of `make campaign-deepfake`, which prints the figures of many runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import poisoning
import pytest
from labelled import both, labelled, record
from poisoning import EACH

from mediabridge.sidecar.deepfake.model import guards, rounds
from mediabridge.sidecar.deepfake.model.samples import Material
from mediabridge.sidecar.deepfake.model.service import ModelService

RUNS = 4


pytestmark = pytest.mark.usefixtures("few_draws")


def test_rounds_with_many_wrong_labels_are_not_promoted() -> None:
    """The same four runs each time; at most one in ten may pass, so none of these."""
    outcomes = [poisoning.run(number, 0.8, pool=EACH) for number in range(RUNS)]
    assert [one.promoted for one in outcomes] == [False] * RUNS
    assert all("cross_validation" in one.failed for one in outcomes)


def test_rounds_with_right_labels_are() -> None:
    """Else the gates would only be shut."""
    assert any(poisoning.run(number, 0.0, pool=EACH).promoted for number in range(RUNS))


def test_one_user_who_spoils_a_round_is_named() -> None:
    known = [replace(one, fresh=False) for one in both(range(100))]
    golden = both(range(100, 160))
    champion = rounds.run_round(Material(tuple(known), tuple(golden)), poisoning.AT)
    honest = [replace(one, labeler="honest", operator=False) for one in both(range(160, 180))]
    spoiler = [
        replace(labelled(seed, fake), fake=not fake, labeler="spoiler", operator=False)
        for seed in range(180, 210)
        for fake in (False, True)
    ]
    made = rounds.run_round(Material(tuple(known + honest + spoiler), tuple(golden), champion.model, 1), poisoning.AT)
    assert not made.promoted
    assert made.harmful == ["spoiler"]
    assert made.harm["spoiler"] > guards.MOST_HARM > made.harm["honest"]
    assert made.told["users"] == {"number": 2, "largestShare": {"real": 0.2, "fake": 0.2}}
    assert "spoiler" not in json.dumps(made.told), "everybody may read it"


def test_labels_of_a_user_with_bad_influence_wait_after_the_round(
    copy_of: Callable[[Path], ModelService], tmp_path: Path
) -> None:
    service = copy_of(tmp_path)
    for seed in range(180, 205):
        for fake in (False, True):
            service.feedback(record(service, seed, fake), "real" if fake else "fake", "spoiler")
    told = service.retrain(lambda _done, _total: None, lambda: None)
    assert told["outcome"] == "rejected"
    assert told["quarantined"] == 50
    assert {one["reason"] for one in service.waiting()[0]} == {"harmful_influence"}
    assert service.stats()["training_samples"] == 200
