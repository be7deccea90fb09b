"""Rounds of training in their child: what is learnt, judged, promoted, brought back, and what ends early."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from generated import sample
from labelled import FACTS, fill, record, sha_of

from mediabridge.sidecar.deepfake.model import card, gates
from mediabridge.sidecar.deepfake.model.labels import rfc3339
from mediabridge.sidecar.deepfake.model.service import ModelService
from mediabridge.sidecar.deepfake.model.versions import Versions
from mediabridge.sidecar.faults import Conflict, ContentUnknown, RetrainingFailed, RetrainingRefused
from mediabridge.sidecar.isolated import Limits

Copy = Callable[[Path], ModelService]


def nothing(*_: object) -> None:
    """Reports to nobody."""


def test_without_a_model_there_is_no_score(service: ModelService) -> None:
    assert service.score(sample(0, fake=True)[0], {}) is None
    assert service.describe()["loaded"] is False
    assert service.describe()["thresholds"] is None
    told = service.stats()
    assert (told["status"], told["model_loaded"], told["training_samples"]) == ("ok", False, 0)
    assert told["last_updated"] is None


def test_too_few_labels_are_refused_with_what_is_missing(service: ModelService) -> None:
    fill(service, range(2), range(2, 3))
    for ask in (lambda: service.retrain(nothing, nothing), service.start):
        with pytest.raises(RetrainingRefused) as refused:
            ask()
        assert refused.value.missing == {"labels": {"real": 98, "fake": 98}, "golden": {"real": 59, "fake": 59}}
    assert service.stats()["retrain"]["state"] == "never"


def test_after_a_hundred_labels_a_class_it_tells_them_apart(trained: ModelService) -> None:
    """The golden set was never learnt from; neither were the files after it."""
    told = trained.describe()
    assert told["loaded"]
    assert told["golden"]["auc"] >= 0.75
    assert told["golden"]["ece"] <= gates.MOST_ECE
    scores = {
        fake: [trained.score(sample(seed, fake=fake)[0], {}) for seed in range(160, 180)] for fake in (False, True)
    }
    chances = {fake: [one.probability for one in many if one is not None] for fake, many in scores.items()}
    assert len(chances[True]) == len(chances[False]) == 20
    wins = [one > other for one in chances[True] for other in chances[False]]
    assert sum(wins) / len(wins) >= 0.75
    for one in scores[True]:
        assert one is not None
        assert sum(part["contribution"] for part in one.contributions) == pytest.approx(one.logit, abs=1e-6)
        assert one.version == told["version"]


def test_every_gate_is_told_with_its_numbers(trained: ModelService) -> None:
    last = trained.stats()["retrain"]["last"]
    assert last["state"] == "promoted"
    names = [gate["gate"] for gate in last["result"]["gates"] + last["result"]["serving"]]
    assert names == [
        "labels_follow_file_format", "cross_validation", "influence", "auc_lower_bound", "auc", "brier", "false_alarms",
        "calibration", "false_alarm_bound", "unseen_source",
    ]  # fmt: skip
    for gate in last["result"]["gates"]:
        assert gate["limit"] is not None
        assert gate["passed"] is (None if gate["value"] is None else True)


def test_the_card_tells_what_the_model_is(trained: ModelService) -> None:
    told = trained.card()
    text = card.markdown(told)
    assert f"version {told['model']['version']}" in text
    assert f"| auc | {told['evaluation']['metrics']['auc']} |" in text
    assert sum(told["features"]["groups"].values()) == told["features"]["number"]


def test_a_file_unlike_the_training_is_told_of(trained: ModelService) -> None:
    found = {name: value * 50 + 50 for name, value in sample(0, fake=False)[0].items()}
    score = trained.score(found, {})
    assert score is not None
    assert not score.in_domain


def test_files_unlike_the_training_are_drift_for_a_week(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    inside = sample(0, fake=False)[0]
    outside = {name: value * 50 + 50 for name, value in inside.items()}
    for at, (values, days) in enumerate([(inside, 0), (outside, 1), (outside, 6), (outside, 6), (outside, 8)]):
        created = rfc3339(service._clock() - timedelta(days=days))
        service.record(f"drift-{at}", f"{at:064x}", "image/jpeg", values, FACTS, "inconclusive", created)
    drift = service.stats()["drift"]
    assert (drift["analyses"], drift["outOfDomain"], drift["share"]) == (4, 3, 0.75)
    service.close()


def test_rollback_gives_the_same_bits(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    rows = [sample(seed, fake=True)[0] for seed in range(160, 170)]
    before, since = [service.score(row, {}) for row in rows], service.stats()["last_updated"]
    champion = service._database().run("SELECT * FROM models WHERE state = 'champion'")[0]
    document = json.loads(champion["document"])
    document["bias"] += 0.25
    measured = json.loads(champion["measured"])
    Versions(service._database()).promote("image", json.dumps(document), measured, 1, [], service._clock())
    assert service.describe()["version"] == "2"
    assert [service.score(row, {}) for row in rows] != before
    assert service.rollback(1)["version"] == "1"
    assert [service.score(row, {}) for row in rows] == before
    assert service.stats()["last_updated"] > since
    assert [(one["version"], one["state"]) for one in service.models()] == [("2", "archived"), ("1", "champion")]
    with pytest.raises(ContentUnknown):
        service.rollback(7)


def test_an_older_model_speaks_by_todays_golden_set(copy_of: Copy, tmp_path: Path) -> None:
    """What it was worth on another one is history."""
    service = copy_of(tmp_path)
    before = service.describe()
    assert before["mayScore"]
    service._connections.writer().run("UPDATE golden SET label = iif(label = 'real', 'fake', 'real')")
    after = service.rollback(1)
    assert after["golden"]["auc"] == pytest.approx(1 - before["golden"]["auc"], abs=1e-3)
    assert (after["mayScore"], after["thresholds"]) == (False, None)
    assert service.score(sample(160, fake=True)[0], {}) is None
    service._connections.writer().run("UPDATE golden SET label = iif(label = 'real', 'fake', 'real')")
    assert service.rollback(1)["golden"] == before["golden"], "the champion's own version measures it anew"


@pytest.mark.parametrize("leave", [ModelService.thaw, ModelService.forget])
def test_a_model_is_measured_without_what_leaves_the_golden_set(
    copy_of: Copy, tmp_path: Path, leave: Callable[[ModelService, str], object]
) -> None:
    service = copy_of(tmp_path)
    for fake in (False, True):  # one more of each than a round needs
        service.freeze(record(service, 190, fake), "fake" if fake else "real", "operator")
    leave(service, sha_of(190, True))
    told = service.describe()
    assert (told["golden"]["real"], told["golden"]["fake"], told["mayScore"]) == (61, 60, True)
    leave(service, sha_of(100, True))
    told = service.describe()
    assert (told["golden"], told["mayScore"], told["thresholds"]) == (None, False, None)
    assert [(one["gate"], one["value"], one["limit"]) for one in told["suspended"]] == [("golden_files", 59, 60)]
    assert service.score(sample(160, fake=True)[0], {}) is None
    assert "golden_files 59" in card.markdown(service.card())
    service.freeze(record(service, 191, True), "fake", "operator")
    assert service.rollback(1)["mayScore"]


def test_another_process_sees_the_new_champion(copy_of: Copy, tmp_path: Path) -> None:
    """The worker trains, the sidecar serves: both have the file open."""
    service = copy_of(tmp_path)
    other = ModelService(service._database().path.parent)
    assert other.describe()["loaded"]
    service._database().run("UPDATE models SET state = 'archived'")
    assert not other.describe()["loaded"]
    other.rollback(1)
    assert service.describe()["loaded"]


@pytest.mark.parametrize(("name", "words"), [("mayScore", "score"), ("mayJudge", "verdict")])
def test_a_model_that_fails_a_condition_is_silent(copy_of: Copy, tmp_path: Path, name: str, words: str) -> None:
    service = copy_of(tmp_path)
    row = service._database().run("SELECT measured FROM models")[0]
    measured = {**json.loads(row["measured"]), "mayScore": True, "mayJudge": True, name: False}
    service._database().run("UPDATE models SET measured = :m", {"m": json.dumps(measured)})
    score = service.score(sample(160, fake=True)[0], {})
    assert (score is None) == (words == "score")
    assert (service.describe()["thresholds"] is None) == (words == "verdict")


def test_labels_that_follow_the_format_are_refused(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    for seed in range(100):
        record(service, seed, True, format="PNG")
    told = service.retrain(nothing, nothing)
    failed = {gate["gate"]: gate["value"] for gate in told["gates"] if gate["passed"] is False}
    assert (told["outcome"], told["version"]) == ("rejected", None)
    assert failed["labels_follow_file_format"] > 0.95
    assert service.describe()["version"] == "1"
    assert FACTS["format"] == "JPEG"


def test_what_a_model_has_learnt_from_cannot_become_golden(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    with pytest.raises(Conflict, match="learnt"):
        service.freeze("analysis-5-True", "fake", "boss")
    labels = service._database().run("SELECT id FROM labels WHERE sha256 = :sha256", {"sha256": sha_of(5, True)})
    service.decide(labels[0]["id"], accept=False)
    with pytest.raises(Conflict, match="learnt"):
        service.freeze("analysis-5-True", "fake", "boss")


def test_features_of_a_deleted_file_are_not_learnt_again(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    service.forget(sha_of(7, True))
    with pytest.raises(RetrainingRefused) as refused:
        service.retrain(nothing, nothing)
    assert refused.value.missing == {"labels": {"fake": 1}}


def test_a_file_that_was_deleted_while_it_was_learnt_from_stays_deleted(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    database = service._connections.writer()
    database.run("DELETE FROM learnt")
    document, measured = database.run("SELECT document, measured FROM models")[0]
    used = [sha_of(seed, True) for seed in (1, 2)]
    service.forget(used[0])
    assert Versions(database).promote("image", document, json.loads(measured), 1, used, service._clock()) == 2
    assert [row["sha256"] for row in database.run("SELECT sha256 FROM learnt")] == used[1:]


def test_more_samples_than_the_child_may_write_in_a_file(copy_of: Copy, tmp_path: Path) -> None:
    """SQLite sorts 1.5 MB: in memory, since the child's files are small."""
    service, random = copy_of(tmp_path), np.random.default_rng(0)
    database = service._database()
    with database.transaction():
        for at, row in enumerate(database.run("SELECT vector, facts FROM samples") * 3):
            vector = np.frombuffer(row["vector"]) + random.normal(0, 1e-3, len(row["vector"]) // 8)
            values = {"sha": f"{at:064x}", "vector": vector.tobytes(), "facts": row["facts"]}
            database.run("INSERT INTO samples VALUES (:sha, 'image', 1, :vector, :facts, 0)", values)
            database.run(
                "INSERT INTO labels (sha256, domain, label, labeler, operator, status, created)"
                " VALUES (:sha, 'image', iif(random() % 2, 'real', 'fake'), 'o', 1, 'accepted', '')",
                values,
            )
    told = service.retrain(nothing, nothing)
    assert told["outcome"] == "rejected"  # their labels are of a die
    assert sum(told["labels"].values()) > 700


class Stop(BaseException):
    """As a job's interruption."""


def test_a_retraining_can_be_stopped_and_leaves_no_child(copy_of: Copy, tmp_path: Path) -> None:
    service, seen = copy_of(tmp_path), []

    def stop() -> None:
        if seen:
            raise Stop

    with pytest.raises(Stop):
        service.retrain(lambda done, total: seen.append((done, total)), stop)
    assert seen[0][1] == 66
    assert service.stats()["retrain"]["state"] == "failed"
    assert service.describe()["version"] == "1"


@pytest.mark.parametrize("limits", [Limits(seconds=0.3), Limits(memory_bytes=200 * 1024**2)])
def test_a_retraining_that_passes_a_limit_fails_alone(copy_of: Copy, tmp_path: Path, limits: Limits) -> None:
    copied = copy_of(tmp_path)
    service = ModelService(copied._database().path.parent, limits=limits)
    with pytest.raises(RetrainingFailed, match="broke off"):
        service.retrain(nothing, nothing)
    assert service.stats()["retrain"]["state"] == "failed"
    assert service.score(sample(160, fake=True)[0], {}) is not None


def test_one_retraining_at_a_time(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)

    def another(*_: object) -> None:
        with pytest.raises(Conflict, match="already"):
            service.retrain(nothing, nothing)
        assert service.stats()["retrain"]["state"] == "running"
        raise Stop

    with pytest.raises(Stop):
        service.retrain(another, nothing)


def test_a_retraining_whose_process_was_killed_is_begun_again(copy_of: Copy, tmp_path: Path) -> None:
    service = copy_of(tmp_path)
    code = (
        "import os, sys, signal, pathlib\n"
        "from mediabridge.sidecar.deepfake.model.service import ModelService\n"
        "service = ModelService(pathlib.Path(sys.argv[1]))\n"
        "service.retrain(lambda *_: os.kill(os.getpid(), signal.SIGKILL), lambda: None)\n"
    )
    folder = service._database().path.parent
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == -9
    assert service._database().run("SELECT state FROM rounds ORDER BY id DESC")[0]["state"] == "running"
    assert service.stats()["retrain"]["state"] == "failed"
    with pytest.raises(Stop):
        service.retrain(_stop, nothing)
    assert service._database().run("SELECT count(*) AS n FROM rounds WHERE state = 'running'")[0]["n"] == 0


def _stop(*_: object) -> None:
    raise Stop


def test_serving_never_loads_what_trains() -> None:
    code = (
        "import sys, mediabridge.sidecar.deepfake.model.service, mediabridge.sidecar.routes.deepfake_model\n"
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'scipy', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_models_are_text(trained: ModelService) -> None:
    with sqlite3.connect(trained._database().path) as file:
        ((kind, document),) = file.execute("SELECT typeof(document), document FROM models").fetchall()
    assert kind == "text"
    assert json.loads(document)["trained"]["real"] == 100
