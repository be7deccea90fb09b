"""The routes, asked of a real sidecar, with a real worker that trains."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from generated import picture
from labelled import fill
from PIL import Image

from mediabridge.sidecar.deepfake.model.service import ModelService

ROOT = Path(__file__).resolve().parents[3]
FROM_AFAR = {"X-Forwarded-For": "192.0.2.7"}
OF_A_PAGE = {"Origin": "http://localhost:1", "Content-Type": "text/plain"}  # another server's, without a preflight
PREFIX = "/api/deepfake"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instance") / "instance"


@pytest.fixture(scope="module")
def serving(start_shared: Any, stand_in: Path, instance: Path) -> Any:
    return start_shared(EXIFTOOL_PATH=str(stand_in), INSTANCE_PATH=str(instance))


@pytest.fixture(scope="module")
def ask(serving: Any) -> Callable[..., Any]:
    def asked(method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return serving.request(method, PREFIX + path, data, {"Content-Type": "application/json", **(headers or {})})

    return asked


@pytest.fixture(scope="module")
def labelled_instance(ask: Callable[..., Any], instance: Path) -> None:
    """Enough labels, put there by another process, as a worker does."""
    assert ask("GET", "/stats").json["model_loaded"] is False
    service = ModelService(instance)
    fill(service, range(100), range(100, 160))
    service.close()


@pytest.fixture(scope="module")
def worker(serving: Any, instance: Path) -> Iterator[None]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("sidecar", "config"))}
    env |= {"INSTANCE_PATH": str(instance), "CACHE_PATH": str(instance.parent / "cache")}
    env |= {"FILE_STORAGE_PATH": str(instance.parent / "files")}
    command = [
        sys.executable,
        "-m",
        "mediabridge.sidecar.jobs.worker",
        "--handlers",
        "mediabridge.sidecar.work:handlers",
    ]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL) as process:
        yield
        process.terminate()
        process.wait(20)


def test_no_model_is_healthy(ask: Callable[..., Any]) -> None:
    answer = ask("GET", "/stats")
    assert answer.status == 200
    told = answer.json
    assert (told["status"], told["model_loaded"], told["training_samples"], told["last_updated"]) == (
        "ok",
        False,
        0,
        None,
    )
    assert told["samples"]["missing"]["labels"] == {"real": 100, "fake": 100}


def test_a_label_from_the_analysis_on(ask: Callable[..., Any], serving: Any, form: Any) -> None:
    out = io.BytesIO()
    Image.fromarray(picture(500, fake=True)).save(out, "JPEG", quality=90)
    body, kind = form([("file", "a.jpg", out.getvalue())])
    told = serving.request("POST", PREFIX + "/analyze", body, {"Content-Type": kind})
    assert told.status == 200, told.body
    name = told.json["analysisId"]
    answer = ask("POST", "/feedback", {"analysisId": name, "label": "fake"})
    assert (answer.status, answer.json["status"], answer.json["labeler"]) == (201, "accepted", "operator")
    answer = ask("POST", "/feedback", {"analysisId": name, "label": "fake"})
    assert (answer.status, answer.json["status"]) == (200, "duplicate")
    answer = ask("POST", "/feedback", {"analysisId": name, "label": "real"})
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    answer = ask("POST", "/feedback", {"analysisId": name, "label": "real", "labeler": "ann"})
    assert (answer.status, answer.json["status"], answer.json["reason"]) == (202, "conflict", "labels_differ")
    waiting = ask("GET", "/feedback").json["waiting"]
    assert [one["labeler"] for one in waiting] == ["ann"]
    assert ask("DELETE", f"/feedback/{waiting[0]['id']}").json["status"] == "removed"
    body_of = {"analysisId": name, "label": "fake", "labeler": "eve"}
    answer = ask("POST", "/feedback", body_of, FROM_AFAR)
    assert (answer.status, answer.json["reason"]) == (202, "not_vouched_for"), "nobody far away trains a model"
    answer = ask("POST", "/feedback", {**body_of, "labeler": "page"}, OF_A_PAGE)
    assert (answer.status, answer.json["reason"]) == (202, "not_vouched_for"), "nor does a page in a browser"
    assert answer.json["feedbackId"] is None
    (waiting,) = ask("GET", "/feedback?reason=not_vouched_for&limit=500").json["waiting"]
    assert waiting["labeler"] == "eve", "one waits for each file"
    answer = ask("POST", f"/feedback/{waiting['id']}", {"decision": "accept"})
    assert answer.json["status"] == "accepted"
    assert ask("DELETE", f"/samples/{told.json['sha256']}").json["removed"] == 4
    assert ask("GET", "/stats").json["training_samples"] == 0
    assert not serving.request("POST", PREFIX + "/analyze", body, {"Content-Type": kind}).json["cached"]
    assert serving.request("POST", PREFIX + "/analyze", body, {"Content-Type": kind}).json["cached"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "word"),
    [
        ("POST", "/feedback", None, 400, "analysisId"),
        ("POST", "/feedback", [], 400, "JSON object"),
        ("POST", "/feedback", {"analysisId": "x", "label": "generated"}, 400, "label"),
        ("POST", "/feedback", {"analysisId": "x", "label": ["real"]}, 400, "label"),
        ("POST", "/feedback", {"analysisId": "x", "label": "real", "labeler": "a\nb"}, 400, "labeler"),
        ("POST", "/feedback", {"analysisId": "x", "label": "real", "golden": "yes"}, 400, "golden"),
        ("POST", "/feedback", {"analysisId": "x", "label": "real"}, 404, "analysis"),
        ("POST", "/feedback", {"analysisId": "\ud800", "label": "real"}, 400, "analysisId"),
        ("POST", "/feedback", {"analysisId": "x" * 70_000, "label": "real"}, 413, "65536"),
        ("POST", "/feedback/7", {"decision": "accept"}, 404, "label 7"),
        ("DELETE", "/feedback/99999999999999999999", None, 404, "label 9999"),
        ("POST", "/feedback/-1", {"decision": "accept"}, 404, "nothing at"),
        ("POST", "/feedback/7", {}, 400, "decision"),
        ("GET", "/feedback?limit=0", None, 400, "limit"),
        ("GET", "/feedback?limit=501", None, 400, "limit"),
        ("GET", "/feedback?limit=", None, 400, "limit"),
        ("GET", "/feedback?limit=1.5", None, 400, "limit"),
        ("GET", "/feedback?before=0", None, 400, "before"),
        ("GET", "/feedback?before=-1", None, 400, "before"),
        ("GET", "/feedback?before=9999999999999999999", None, 400, "before"),
        ("GET", "/feedback?reason=boredom", None, 400, "reason"),
        ("POST", "/retrain", {"domain": "sound"}, 400, "domain"),
        ("GET", "/stats?domain=sound", None, 400, "domain"),
        ("GET", "/model-card?format=pdf", None, 400, "format"),
        ("POST", "/rollback", {"version": "latest"}, 400, "version"),
        ("POST", "/rollback", {"version": 99}, 404, "model 99"),
        ("DELETE", "/golden/" + "0" * 64, None, 404, "golden"),
        ("DELETE", "/samples/x", None, 400, "sha256"),
    ],
)
def test_what_is_wrong_is_named(
    ask: Callable[..., Any], method: str, path: str, body: object, status: int, word: str
) -> None:
    answer = ask(method, path, body)
    assert answer.status == status, answer.body
    assert word in answer.json["message"]
    if status == 400 and "curl" in answer.json["suggestion"]:
        assert PREFIX + path.partition("?")[0] in answer.json["suggestion"], "an example of the same request"


def test_too_few_labels_are_answered_with_what_is_missing(ask: Callable[..., Any]) -> None:
    answer = ask("POST", "/retrain")
    assert (answer.status, answer.json["code"]) == (422, "retraining_refused")
    assert answer.json["missing"]["golden"] == {"real": 60, "fake": 60}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/retrain", None),
        ("POST", "/rollback", {"version": 1}),
        ("GET", "/golden", None),
        ("GET", "/feedback", None),
        ("DELETE", "/samples/" + "0" * 64, None),
        ("DELETE", "/golden/" + "0" * 64, None),
        ("POST", "/feedback/1", {"decision": "accept"}),
        ("POST", "/feedback", {"analysisId": "x", "label": "real", "golden": True}),
        ("POST", "/feedback", {"analysisId": "x", "label": "real", "operator": True}),
    ],
)
def test_what_is_the_operators_is_nobody_elses(ask: Callable[..., Any], method: str, path: str, body: object) -> None:
    for headers in (FROM_AFAR, OF_A_PAGE, {"Sec-Fetch-Site": "cross-site"}, {"X-Forwarded-Host": "evil.example"}):
        answer = ask(method, path, body, headers)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), headers


def test_a_token_makes_an_operator_wherever_it_comes_from(start_shared: Any, stand_in: Path, tmp_path: Path) -> None:
    other = start_shared(
        EXIFTOOL_PATH=str(stand_in), INSTANCE_PATH=str(tmp_path / "instance"), DEEPFAKE_OPERATOR_TOKEN="s3cret-of-ours"
    )
    assert other.get(PREFIX + "/golden").status == 403
    assert other.get(PREFIX + "/golden", **{"X-Deepfake-Operator": "s3cret"}).status == 403
    assert other.get(PREFIX + "/golden", **{"X-Deepfake-Operator": "s3cret-of-ours", **FROM_AFAR}).status == 200
    assert "s3cret" not in other.log


@pytest.mark.usefixtures("labelled_instance", "worker")
def test_a_retraining_is_a_job_and_its_model_is_served_at_once(
    ask: Callable[..., Any], serving: Any, until: Callable[..., Any]
) -> None:
    answer = ask("POST", "/retrain")
    assert answer.status == 202
    where = answer.headers["location"]
    job = until(lambda: (found := serving.get(where).json)["status"] in ("completed", "failed") and found, 90)
    assert job["status"] == "completed", job
    assert job["result"]["outcome"] == "promoted"
    told = ask("GET", "/stats").json
    assert (told["model_loaded"], told["model"]["version"], told["retrain"]["state"]) == (True, "1", "promoted")
    assert told["calibration"]["ece"] <= 0.10
    assert told["last_updated"]
    assert [one["state"] for one in ask("GET", "/models").json["models"]] == ["champion"]
    assert ask("POST", "/rollback", {"version": "1"}).json["model"]["version"] == "1"
    text = ask("GET", "/model-card", None, {"Accept": "text/markdown"})
    assert text.headers["content-type"].startswith("text/markdown")
    assert "version 1" in text.body.decode()
    assert ask("GET", "/model-card").json["model"]["version"] == "1"
    assert ask("GET", "/golden").json["count"] == 120
