"""`POST /api/deepfake/analyze` of a real sidecar."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg, scene
from PIL import Image

from mediabridge.config.settings import load
from mediabridge.host.app import PROXIED
from mediabridge.sidecar.forms import ANALYZE

from .conftest import Signer, created


@pytest.fixture(scope="module")
def trusting(start_shared: Any, exiftool: Path, signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A sidecar that trusts the signer of these tests."""
    anchors = tmp_path_factory.mktemp("anchors") / "anchors.pem"
    anchors.write_text(signer.root)
    return start_shared(DEEPFAKE_TRUST_ANCHORS=str(anchors))


def analyze(sidecar: Any, form: Any, content: bytes, name: str = "a.jpg", **fields: str) -> Any:
    body, kind = form([("file", name, content)], fields)
    return sidecar.request("POST", ANALYZE, body, {"Content-Type": kind})


def test_a_picture_is_analysed_and_nothing_of_it_stays(trusting: Any, form: Any) -> None:
    content = jpeg(scene(1, 320, 240))
    answer = analyze(trusting, form, content)
    assert answer.status == 200
    told = answer.json
    assert (told["verdict"], told["score"], told["depth"]) == ("inconclusive", None, "quick")
    assert (told["model"]["loaded"], told["cached"], told["maps"]) == (False, False, [])
    assert analyze(trusting, form, content, "b.jpg").json["cached"] is True
    assert trusting.uploads == []


def test_an_analysis_can_be_labelled(trusting: Any, form: Any) -> None:
    told = analyze(trusting, form, jpeg(scene(5, 320, 240))).json
    label = json.dumps({"analysisId": told["analysisId"], "label": "real", "labeler": "somebody"}).encode()
    answer = trusting.request("POST", "/api/deepfake/feedback", label, {"Content-Type": "application/json"})
    assert answer.status == 201, answer.json
    assert answer.json["status"] == "accepted"


def test_maps_come_with_full_depth(trusting: Any, form: Any) -> None:
    told = analyze(trusting, form, jpeg(scene(2, 320, 240)), depth="FULL", maps="yes").json
    assert {shown["id"] for shown in told["maps"]} >= {"error_levels", "noise"}
    for shown in told["maps"]:
        with Image.open(io.BytesIO(base64.b64decode(shown["data"]))) as picture:
            assert (picture.format, picture.size) == ("PNG", (shown["width"], shown["height"]))


def test_the_operators_list_of_signers_is_heeded(trusting: Any, form: Any, signer: Signer, tmp_path: Path) -> None:
    plain, signed = tmp_path / "plain.jpg", tmp_path / "signed.jpg"
    plain.write_bytes(jpeg(scene(3, 320, 240)))
    signer.sign(plain, signed, created("digitalCapture"))
    told = analyze(trusting, form, signed.read_bytes()).json
    assert (told["verdict"], told["verdictReason"]) == ("provenance_verified", "trusted_capture")
    assert told["evidence"][0]["value"]["signer"] == "Tester"


@pytest.mark.parametrize(
    ("fields", "name", "content", "status", "code"),
    [
        ({"depth": "deep"}, "a.jpg", jpeg(scene(1, 64, 64)), 400, "invalid_request"),
        ({"maps": "maybe"}, "a.jpg", jpeg(scene(1, 64, 64)), 400, "invalid_request"),
        ({}, "a.jpg", b"", 400, "invalid_request"),
        ({}, "a.txt", b"plain words\n", 415, "unsupported_media_type"),
        ({}, "a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 422, "unreadable_file"),
    ],
)
def test_what_cannot_be_analysed_is_told(
    trusting: Any, form: Any, fields: dict[str, str], name: str, content: bytes, status: int, code: str
) -> None:
    answer = analyze(trusting, form, content, name, **fields)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["suggestion"]
    assert trusting.uploads == []


def test_a_broken_picture_brings_what_was_found(trusting: Any, form: Any) -> None:
    whole = io.BytesIO()
    scene(4, 200, 200).save(whole, "PNG")
    answer = analyze(trusting, form, whole.getvalue()[:3000], "a.png")
    assert (answer.status, answer.json["code"]) == (422, "unreadable_file")
    assert "c2pa" in {piece["id"] for piece in answer.json["partial"]["evidence"]}


def test_the_proxy_lets_it_through_with_the_limits_of_one_file() -> None:
    assert any(ANALYZE.startswith(f"{route}/") for route in PROXIED)
    settings, _ = load({"EXTRACT_MAX_MB": "5"})
    assert 5 * 1024**2 < settings.largest_body(ANALYZE, "") < 6 * 1024**2
