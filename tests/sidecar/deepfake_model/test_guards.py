"""Who may change how much; and what a challenger has to show. Pure rules."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.deepfake.model import gates, guards, samples
from mediabridge.sidecar.deepfake.model.measures import Measured
from mediabridge.sidecar.deepfake.model.samples import FINGERPRINT, Sample

NOTHING = np.zeros(1)
VOTES = st.lists(
    st.tuples(st.booleans(), st.sampled_from("abcd"), st.booleans(), st.booleans()), max_size=80
)  # fake, labeler, operator, fresh


def many(votes: list[tuple[bool, str, bool, bool]]) -> list[Sample]:
    return [
        Sample(f"{at:064x}", fake, NOTHING, labeler, operator, fresh)
        for at, (fake, labeler, operator, fresh) in enumerate(votes)
    ]


@given(VOTES, st.booleans())
def test_no_user_and_no_round_may_change_too_much(votes: list[tuple[bool, str, bool, bool]], champion: bool) -> None:
    given_samples = many(votes)
    selection = guards.select(given_samples, has_champion=champion)
    kept = list(selection.samples)
    assert [one for one in given_samples if one in kept] == kept
    assert len(given_samples) - len(kept) == sum(selection.left_out.values())
    classes = Counter(one.fake for one in kept)
    shares = Counter((one.labeler, one.fake) for one in kept if not one.operator)
    assert all(number <= guards.MOST_SHARE * classes[fake] for (_, fake), number in shares.items())
    assert {one.sha256 for one in given_samples if one.operator} <= {one.sha256 for one in kept}
    if champion:
        for fake in (False, True):
            new = sum(one.fresh and not one.operator for one in kept if one.fake == fake)
            old = sum(not one.fresh or one.operator for one in kept if one.fake == fake)
            assert new <= old


def test_a_users_share_is_of_what_is_kept() -> None:
    """Of what was given, a flood would raise its own bound: 300 beside 100 had kept 120, more than half."""
    flood = many([(True, "a", False, True)] * 300 + [(True, "b", True, True)] * 100)
    kept = guards.select(flood, has_champion=False).samples
    assert Counter(one.labeler for one in kept) == {"a": 42, "b": 100}
    four = many([(True, name, False, True) for name in "abcd" for _ in range(30)])
    assert len(guards.select(four, has_champion=False).samples) == 120
    assert guards.select(four[:90], has_champion=False).samples == ()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"label": "real", "declares_ai": True}, "contradicts_declared_ai"),
        ({"label": "real", "declares_ai": True, "operator": True}, "contradicts_declared_ai"),
        ({"label": "fake", "declares_ai": True}, None),
        ({"vouched": False}, "not_vouched_for"),
        ({"vouched": False, "label": "real", "declares_ai": True}, "not_vouched_for"),
        ({"today": 50}, "daily_quota"),
        ({"today": 49}, None),
        ({"today": 500, "operator": True}, None),
        ({"agreed": 3, "checked": 5}, "labeler_disagrees"),
        ({"agreed": 4, "checked": 5}, None),
        ({"agreed": 0, "checked": 4}, None),
        ({"agreed": 0, "checked": 9, "operator": True}, None),
    ],
)
def test_which_labels_have_to_wait(case: dict[str, object], reason: str | None) -> None:
    usual = {"label": "fake", "declares_ai": False, "operator": False, "vouched": True}
    usual |= {"today": 0, "agreed": 0, "checked": 0}
    assert guards.quarantine(**{**usual, **case}) == reason  # type: ignore[arg-type]


def test_influence_is_examined_of_users_with_new_labels() -> None:
    votes = [(True, "a", False, True)] * 5 + [(True, "b", False, True)] * 4 + [(True, "c", True, True)] * 9
    votes += [(True, "d", False, False)] * 9
    assert guards.to_examine(many(votes)) == ["a"]
    assert len(guards.without(many(votes), "a")) == len(votes) - 5


def test_near_duplicates_share_a_number_and_stay_out_when_they_are_golden() -> None:
    prints = [0xFFFF0000FFFF0000, 0xFFFF0000FFFF0001, 0xFFFF0000FFFF007F, 0x00FF00FF00FF00FF, None, "junk"]
    found = [
        Sample(
            f"{at:064x}",
            False,
            NOTHING,
            facts={} if one is None else {FINGERPRINT: f"{one:x}" if isinstance(one, int) else one},
        )
        for at, one in enumerate(prints)
    ]
    numbers = samples.clusters(found)
    assert numbers[0] == numbers[1] == numbers[2]  # the third by way of the second
    assert len(set(numbers.tolist())) == 4
    assert [one.sha256 for one in samples.apart_from(found, found[:1])] == [one.sha256 for one in found[2:]]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=12))
@settings(max_examples=30)
def test_clusters_are_those_of_a_plain_search(prints: list[int]) -> None:
    found = [Sample(f"{at}", False, NOTHING, facts={FINGERPRINT: f"{one:016x}"}) for at, one in enumerate(prints)]
    numbers = samples.clusters(found)
    for one, other in ((a, b) for a in range(len(prints)) for b in range(a)):
        if prints[one] and prints[other] and (prints[one] ^ prints[other]).bit_count() <= 6:
            assert numbers[one] == numbers[other]


def test_the_data_hash_knows_a_set_whatever_its_order() -> None:
    found = many([(True, "a", True, True), (False, "b", True, True)])
    assert samples.data_hash(found) == samples.data_hash(found[::-1])
    assert samples.data_hash(found) != samples.data_hash(found[:1])


def measured(**values: float) -> Measured:
    usual = {"auc": 0.8, "brier": 0.18, "ece": 0.05, "false_alarms": 0.02, "false_alarms_upper": 0.05, "caught": 0.3}
    return Measured(real=150, fake=150, auc_interval=(0.7, 0.9), **{**usual, **values})  # type: ignore[arg-type]


def failed(found: list[gates.Gate]) -> list[str]:
    return [gate.name for gate in found if gate.passed is False]


@pytest.mark.parametrize(
    ("challenger", "names"),
    [
        ({}, []),
        ({"auc": 0.791}, []),
        ({"auc": 0.789}, ["auc"]),
        ({"brier": 0.186}, ["brier"]),
        ({"false_alarms": 0.041}, ["false_alarms"]),
        ({"false_alarms": 0.039, "brier": 0.184}, []),
    ],
)
def test_a_challenger_is_not_worse_than_the_champion(challenger: dict[str, float], names: list[str]) -> None:
    assert failed(gates.of_golden(measured(**challenger), measured())) == names


def test_a_first_model_is_better_than_a_coin() -> None:
    assert failed(gates.of_golden(measured(), None)) == []
    assert failed(gates.of_golden(measured(auc=0.4, brier=0.3), None)) == ["auc", "brier"]


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ({}, []),
        ({"ece": 0.101}, ["calibration"]),
        ({"false_alarms_upper": 0.051}, ["false_alarm_bound"]),
    ],
)
def test_who_may_speak(case: dict[str, float], names: list[str]) -> None:
    assert failed(gates.of_serving(measured(**case), None)) == names
    assert failed(gates.of_serving(measured(), 0.59)) == ["unseen_source"]


def test_labels_are_judged_too() -> None:
    assert failed(gates.of_labels(0.76, 0.7, None, None)) == ["labels_follow_file_format"]
    assert failed(gates.of_labels(0.5, 0.74, 0.80, 0.02)) == ["cross_validation", "influence"]
    assert failed(gates.of_labels(0.5, 0.76, 0.80, 0.01)) == []


def test_what_is_missing_is_counted() -> None:
    assert gates.missing({"real": 100, "fake": 100}, {"real": 60, "fake": 60}) == {}
    assert gates.missing({"real": 99, "fake": 100}, {"real": 60, "fake": 0}) == {
        "labels": {"real": 1},
        "golden": {"fake": 60},
    }
