"""The numbers that decide, against slower and plainer ways to get them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.deepfake.model import measures

BOTH = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda pairs: len({fake for fake, _ in pairs}) == 2
)


def arrays(pairs: list[tuple[bool, int]]) -> tuple[measures.Array, measures.Array]:
    return np.array([float(fake) for fake, _ in pairs]), np.array([score / 20 for _, score in pairs])


@given(BOTH)
def test_the_auc_is_the_chance_that_a_fake_scores_higher(pairs: list[tuple[bool, int]]) -> None:
    fakes = [score for fake, score in pairs if fake]
    reals = [score for fake, score in pairs if not fake]
    wins = [(one > other) + (one == other) / 2 for one in fakes for other in reals]
    assert measures.auc(*arrays(pairs)) == pytest.approx(sum(wins) / len(wins))


@given(BOTH)
def test_classes_weigh_the_same(pairs: list[tuple[bool, int]]) -> None:
    fake, scores = arrays(pairs)
    errors = (scores - fake) ** 2
    assert measures.brier(fake, scores) == pytest.approx((errors[fake > 0].mean() + errors[fake < 1].mean()) / 2)
    assert measures.brier(fake, np.full(len(fake), 0.5)) == pytest.approx(0.25)
    assert 0 <= measures.ece(fake, scores) <= 1


@pytest.mark.parametrize(
    ("hits", "of", "bound"),
    [(0, 59, 0.0495), (0, 150, 0.0198), (1, 93, 0.0500), (2, 124, 0.0500), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_the_bound_of_a_share(hits: int, of: int, bound: float) -> None:
    """0 of n: 1 - 0.05 ** (1 / n). The others from the tables of the binomial distribution."""
    assert measures.upper_bound(hits, of) == pytest.approx(bound, abs=1e-3)


@given(st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of - 1), st.just(of))))
def test_with_the_bound_as_truth_so_few_hits_come_in_one_case_of_twenty(case: tuple[int, int]) -> None:
    hits, of = case
    share = measures.upper_bound(hits, of)
    chance = sum(math.comb(of, one) * share**one * (1 - share) ** (of - one) for one in range(hits + 1))
    assert chance == pytest.approx(0.05, abs=1e-6)


def test_probabilities_that_hold_are_calibrated_and_those_that_boast_are_not() -> None:
    random = np.random.default_rng(0)
    scores = random.uniform(0, 1, 4000)
    fake = (random.uniform(0, 1, 4000) < scores).astype(float)
    boasting = np.where(scores > 0.5, 0.99, 0.01)
    assert measures.ece(fake, scores) < 0.03
    assert measures.ece(fake, boasting) > 0.15


def test_a_measure_tells_all() -> None:
    fake = np.array([0.0] * 60 + [1.0] * 60)
    found = measures.measure(fake, fake * 0.8 + 0.1, 0.5).to_json()
    assert (found["real"], found["fake"], found["auc"], found["auc"]) == (60, 60, 1.0, 1.0)
    assert (found["falseAlarms"], found["caught"]) == (0.0, 1.0)
    assert found["falseAlarmsUpper95"] == pytest.approx(0.0487, abs=1e-3)
