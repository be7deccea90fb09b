"""A detector of the operator's own: asked in a child, honest when it cannot be, calibrated on the golden set alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from generated import sample
from labelled import CREATED, sha_of
from PIL import Image
from tiny_onnx import mean_of_colours

from mediabridge.sidecar.deepfake.build import tell_of_detector
from mediabridge.sidecar.deepfake.model import external, onnx_work
from mediabridge.sidecar.deepfake.model.onnx import FACT, Card, Detector
from mediabridge.sidecar.deepfake.model.service import ModelService
from mediabridge.sidecar.isolated import Limits

pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "detector.onnx"
    path.write_bytes(mean_of_colours())
    return path


def card(model: Path, **fields: object) -> None:
    model.with_suffix(".json").write_text(json.dumps({"size": [32, 32], **fields}))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (300, 200), (51, 102, 204)).save(path)
    return path


@pytest.mark.parametrize(
    ("fields", "raw"),
    [
        ({}, 0.2),
        ({"fake": 2}, 0.8),
        ({"fake": 1, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.1, 0.5]}, -1.0),
        ({"fake": 1, "activation": "sigmoid"}, 1 / (1 + math.exp(-0.4))),
        ({"fake": 2, "activation": "softmax", "output": "means"}, math.exp(0.8) / sum(map(math.exp, (0.2, 0.4, 0.8)))),
    ],
)
def test_the_card_says_how_a_picture_comes_to_it(
    model: Path, picture: Path, fields: dict[str, object], raw: float
) -> None:
    card(model, **fields)
    evidence = Detector(str(model)).judge(picture)
    assert evidence["status"] == "found", evidence
    assert evidence["value"]["raw"] == pytest.approx(raw, abs=1e-5)
    assert evidence["value"]["calibrated"] is False
    assert (evidence["direction"], evidence["strength"]) == ("neutral", "weak")


def test_channels_may_come_last(picture: Path) -> None:
    asked = {"size": (20, 10), "mean": (0, 0, 0), "std": (1, 1, 1), "layout": "NHWC"}
    tensor = onnx_work.prepared(picture, asked)
    assert tensor.shape == (1, 10, 20, 3)
    assert tensor[0, 0, 0] == pytest.approx([0.2, 0.4, 0.8])


def test_without_one_it_is_not_applicable(picture: Path, tmp_path: Path) -> None:
    for path, words in ((None, "names no model"), (str(tmp_path / "none.onnx"), "not there")):
        evidence = Detector(path).judge(picture)
        assert evidence["status"] == "not_applicable"
        assert words in evidence["finding"]
        assert not Detector(path).describe()["available"]


def test_without_the_runtime_it_says_how_to_get_it(model: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    evidence = Detector(str(model)).judge(picture)
    assert evidence["status"] == "not_applicable"
    assert "mediabridge[onnx]" in evidence["finding"]


@pytest.mark.parametrize(
    "fields",
    [
        {"size": [0, 32]}, {"size": [32]}, {"size": "large"}, {"std": [0, 1, 1]}, {"mean": [1]}, {"layout": "HWC"},
        {"activation": "relu"}, {"unknown": 1}, {"fake": "x"}, {"mean": [0, "x", 1]}, {"size": [32, 32.5]},
        {"output": 1},
    ],
)  # fmt: skip
def test_an_odd_card_is_refused(model: Path, picture: Path, fields: dict[str, object]) -> None:
    card(model, **fields)
    evidence = Detector(str(model)).judge(picture)
    assert evidence["status"] == "not_applicable"
    assert "card" in evidence["finding"]
    assert next(iter(fields)) in evidence["finding"]
    with pytest.raises(ValueError, match="card"):
        Card.read(model)


def test_a_detector_that_is_not_there_is_told_at_the_start(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card(model)
    for path in (None, str(model), str(tmp_path / "none.onnx")):
        tell_of_detector(path)
    (record,) = caplog.records
    assert "none.onnx' is of no use: the file" in record.getMessage()


@pytest.mark.parametrize("content", [b"", b"junk" * 100, mean_of_colours()[:60], mean_of_colours(64)])
def test_a_broken_or_unfit_model_is_an_error_of_its_own(model: Path, picture: Path, content: bytes) -> None:
    model.write_bytes(content)
    card(model)
    evidence = Detector(str(model)).judge(picture)
    assert (evidence["status"], evidence["value"]) == ("error", {})


def test_a_broken_picture_and_a_limit_are_errors_too(model: Path, picture: Path, tmp_path: Path) -> None:
    card(model)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    assert Detector(str(model)).judge(broken)["status"] == "error"
    assert Detector(str(model), Limits(seconds=0.01)).judge(picture)["status"] == "error"


def test_on_the_golden_set_it_shows_what_it_is_worth(model: Path, picture: Path, tmp_path: Path) -> None:
    card(model)
    detector = Detector(str(model))
    service = ModelService(tmp_path / "instance", detector=detector)
    digest = detector.judge(picture)["value"]["model"]
    random, found = np.random.default_rng(0), sample(0, fake=False)[0]
    for seed in range(60):
        assert service.stats()["onnx"]["golden"] is None
        service._worth = None  # measured once a minute
        for fake in (False, True):
            facts = {FACT: {"raw": random.normal(0.2 + 0.1 * fake, 0.04), "model": digest}}
            service.record(f"{seed}{fake}", sha_of(seed, fake), "image", found, facts, "inconclusive", CREATED)
            service.freeze(f"{seed}{fake}", "fake" if fake else "real", "boss")
    told = service.stats()["onnx"]["golden"]
    assert (told["real"], told["fake"], told["calibrated"]) == (60, 60, True)
    assert told["auc"] > 0.9
    evidence = service.second_opinion(picture)
    assert evidence["value"]["calibrated"]
    assert 0.01 < evidence["value"]["probability"] < 0.4  # its raw value of 0.2 is what real files have
    model.write_bytes(model.read_bytes() + b"")
    card(model)
    model.write_bytes(mean_of_colours() + b"\x1a\x00")  # another file, the same detector: nothing is known of it
    assert service.stats()["onnx"]["golden"] is None
    assert service.second_opinion(picture)["value"]["calibrated"] is False
    service.close()


def test_calibration_finds_the_odds_that_made_the_values() -> None:
    random = np.random.default_rng(1)
    raw = np.concatenate([random.normal(0, 1, 4000), random.normal(2, 1, 4000)])
    fake = np.repeat([0.0, 1.0], 4000)
    worth = external.worth(fake, raw)
    # Two normal distributions of deviation 1 around 0 and 2: the logit is 2 * value - 2.
    for value in (-1.0, 1.0, 3.0):
        assert worth.probability(value) == pytest.approx(1 / (1 + math.exp(-(2 * value - 2))), abs=0.03)
    assert worth.calibrated
    assert not external.worth(fake, random.normal(size=8000)).calibrated
