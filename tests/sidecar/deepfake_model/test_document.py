"""A model's scores are explained exactly, survive being written down, and come from sound documents alone."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import random_model

from mediabridge.sidecar.deepfake.model import features
from mediabridge.sidecar.deepfake.model.document import INTERCEPT, Model

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.floats(-6, 6)


def row_of(seed: int, size: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(0, 10**size, len(features.names()))


@given(SEEDS, SEEDS, SIZES)
@settings(max_examples=60, deadline=None)
def test_contributions_sum_to_the_logit(model_seed: int, seed: int, size: float) -> None:
    score = random_model(model_seed).score(row_of(seed, size), "1")
    shares = {one["feature"]: one["contribution"] for one in score.contributions}
    intercept = shares.pop(INTERCEPT)
    assert set(shares) == set(features.names())
    total = sum(shares.values()) + intercept
    assert total == pytest.approx(score.logit, abs=1e-6, rel=1e-12)
    expected = 1 / (1 + math.exp(-total)) if total > -700 else 0.0
    assert score.probability == pytest.approx(expected, abs=1e-9)
    assert 0 <= score.interval[0] <= score.probability <= score.interval[1] <= 1


@given(SEEDS, SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_written_model_gives_the_same_bits(model_seed: int, seed: int) -> None:
    model, row = random_model(model_seed), row_of(seed, 1)
    again = Model.from_json(model.to_json())
    assert again.score(row, "1") == model.score(row, "1")
    assert again.to_json() == model.to_json()


def test_the_one_by_one_score_is_that_of_many() -> None:
    model = random_model(3)
    rows = np.array([row_of(seed, 1) for seed in range(5)])
    assert model.probabilities(rows) == pytest.approx([model.score(row, "1").probability for row in rows], abs=1e-12)


def test_what_lies_far_from_the_training_is_not_in_the_domain() -> None:
    model = random_model(4, reach=2.0)
    assert model.score(model.centre.copy().clip(model.low, model.high), "1").novelty >= 0
    assert not random_model(4, reach=1e-9).score(row_of(1, 3), "1").in_domain
    assert random_model(4, reach=1e9).score(row_of(1, 3), "1").in_domain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"feature_version": 0}, "version"),
        ({"names": ["one"]}, "version"),
        ({"weights": [1.0]}, "fit"),
        ({"weights": None}, "fit|whole"),
        ({"draws": []}, "fit"),
        ({"axes": [[1.0]]}, "fit"),
        ({"bias": "x"}, "float"),
        ({"bias": 1e999}, "finite"),
        ({"reach": 0.0}, "positive"),
        ({"rest": -1.0}, "positive"),
    ],
)
def test_an_unsound_document_is_refused(change: dict[str, object], words: str) -> None:
    told = {**json.loads(random_model(5).to_json()), **change}
    with pytest.raises(ValueError, match=words):
        Model.from_json(json.dumps(told))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"names": 1}', "\x80\x04K\x01."])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json has its own words
        Model.from_json(text)
