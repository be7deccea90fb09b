"""What a round asks of its labels before it learns: formats, sources, duplicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from labelled import both
from random_models import random_model

from mediabridge.sidecar.deepfake.model import features, rounds
from mediabridge.sidecar.deepfake.model.samples import Material, Sample

pytestmark = pytest.mark.usefixtures("few_draws")
AT = "2026-06-01T12:00:00.000Z"


def drawn(number: int, seed: int = 0, apart: float = 0.0) -> list[Sample]:
    """Samples of both classes with random features; fakes are shifted by `apart`."""
    random, count = np.random.default_rng(seed), len(features.names())
    return [
        Sample(f"{seed}-{at}", at % 2 == 1, random.normal(apart * (at % 2), 1, count), facts={"format": "JPEG"})
        for at in range(number)
    ]


@pytest.mark.parametrize("fact", rounds.FORMAT_FACTS)
def test_a_format_that_tells_the_labels_is_found(fact: str) -> None:
    found = [replace(one, facts={fact: "a" if one.fake else "b"}) for one in drawn(60)]
    assert rounds.format_auc(found) > 0.95


def test_a_format_that_tells_nothing_is_not() -> None:
    random = np.random.default_rng(3)
    found = [replace(one, facts={"format": "JPEG", "quality": int(random.integers(75, 96))}) for one in drawn(400)]
    assert 0.4 < rounds.format_auc(found) < 0.6
    assert rounds.format_auc(drawn(60)) == 0.5
    sized = [replace(one, facts={"width": 1000 + one.fake, "perceptualHash": "0"}) for one in drawn(60)]
    assert rounds.format_auc(sized) == 0.5  # the size is none of the format


def test_a_detector_of_sources_is_found_out() -> None:
    """Each source has a trace of its own, and most have one class alone: a new source is judged by chance."""
    traces = {name: np.random.default_rng(at).normal(0, 3, len(features.names())) for at, name in enumerate("abcd")}
    found = []
    for at, one in enumerate(drawn(200)):
        source = ("cd" if one.fake else "ab")[at // 2 % 2]
        found.append(replace(one, row=one.row + traces[source], source=source))
    learnt = rounds.source_auc(found)
    assert learnt is not None
    assert learnt < 0.9
    same = rounds.source_auc([replace(one, source="abcd"[at // 2 % 4]) for at, one in enumerate(drawn(200, apart=0.3))])
    assert same is not None
    assert same > 0.9


def test_without_two_named_sources_of_each_class_it_is_not_asked() -> None:
    assert rounds.source_auc(drawn(40)) is None
    assert rounds.source_auc([replace(one, source="a") for one in drawn(40)]) is None
    assert rounds.source_auc([replace(one, source="ab"[at % 2]) for at, one in enumerate(drawn(40))]) is None


def test_a_source_counts_by_the_operators_word_and_with_enough_files() -> None:
    """Else one user's tags, or a single file, decide whether the model may speak."""
    operators = [replace(one, source="abcd"[at // 2 % 4]) for at, one in enumerate(drawn(200, apart=0.3))]
    users = [replace(one, labeler="ann", operator=False, fake=not one.fake) for one in operators[::3]]
    assert rounds.source_auc(users) is None
    assert rounds.source_auc([*operators, *users]) == rounds.source_auc(operators)
    few = [replace(one, source="ef"[one.fake], fake=not one.fake) for one in drawn(18, 5)]
    assert rounds.source_auc(few) is None
    assert rounds.source_auc([*operators, *few]) == rounds.source_auc(operators)


def test_a_round_that_lacks_labels_learns_nothing() -> None:
    made = rounds.run_round(Material(tuple(drawn(250)), tuple(drawn(100, 1))), AT)
    assert (made.told["outcome"], made.model, made.promoted) == ("refused", None, False)
    assert made.told["missing"] == {"golden": {"real": 10, "fake": 10}}


def test_one_user_cannot_bring_all_labels() -> None:
    many = [replace(one, labeler="ann", operator=False) for one in drawn(400)]
    made = rounds.run_round(Material(tuple(many), tuple(drawn(120, 1))), AT)
    assert made.told["leftOut"]["labeler_share"] == 400
    assert made.told["missing"] == {"labels": {"real": 100, "fake": 100}}


def test_labels_of_a_coin_earn_nothing() -> None:
    made = rounds.run_round(Material(tuple(drawn(220)), tuple(drawn(120, 1))), AT)
    failed = {gate["gate"] for gate in made.told["gates"] if gate["passed"] is False}
    assert not made.promoted
    assert {"cross_validation", "auc_lower_bound"} <= failed


def test_a_golden_file_is_never_learnt_from() -> None:
    golden, known = both(range(100, 160)), both(range(100))
    made = rounds.run_round(Material((*known, *golden), tuple(golden)), AT)
    assert made.told["labels"] == {"real": 100, "fake": 100}
    assert set(made.used) == {one.sha256 for one in known}


def test_the_same_labels_make_the_same_model() -> None:
    material = Material(tuple(drawn(220, apart=0.2)), tuple(drawn(120, 1, apart=0.2)))
    one, other = rounds.run_round(material, AT), rounds.run_round(material, AT)
    assert one.model is not None
    assert other.model is not None
    assert one.model.to_json() == other.model.to_json()
    assert one.model.to_json() != random_model(1).to_json()
