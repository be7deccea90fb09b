"""Content credentials: signed by the tests, and those of the corpus; state and codes are the library's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg, metadata, scene, subject

from mediabridge.sidecar.analysis.credentials import SETTINGS
from mediabridge.sidecar.deepfake import Evidence, NoModel, decide
from mediabridge.sidecar.deepfake.provenance import credentials
from mediabridge.sidecar.deepfake.trust import read_anchors

from .conftest import Signer, created


def plain(folder: Path, seed: int = 1) -> Path:
    path = folder / f"plain-{seed}.jpg"
    path.write_bytes(jpeg(scene(seed, 128, 96)))
    return path


def gathered(path: Path, anchors: str | None = None) -> Evidence:
    return credentials.gather(subject(path), "image/jpeg", anchors)


def verdict(found: Evidence) -> tuple[str, str]:
    judged = decide([found], None, NoModel().describe())
    return judged.verdict, judged.reason


@pytest.mark.parametrize("kind", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"])
def test_a_claim_of_ai_is_declared_whoever_signed_it(signer: Signer, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "signed.jpg"
    signer.sign(plain(tmp_path), path, created(kind))
    assert verdict(gathered(path)) == ("declared_ai", "c2pa_valid_untrusted")
    assert verdict(gathered(path, signer.root)) == ("declared_ai", "c2pa_trusted")


def test_a_claim_of_ai_counts_where_the_check_fails_and_the_reason_says_so(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    signer.sign(plain(tmp_path), path, created("trainedAlgorithmicMedia"))
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(bytes(data))
    found = gathered(path, signer.root)
    assert found.value["state"] == "Invalid"
    assert "assertion.dataHash.mismatch" in found.value["codes"]["failure"]
    assert verdict(found) == ("declared_ai", "c2pa_invalid")


def test_a_claim_of_capture_counts_from_a_trusted_signer_alone(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    signer.sign(plain(tmp_path), path, created("digitalCapture"))
    untrusted = gathered(path)
    assert (untrusted.value["state"], untrusted.direction) == ("Valid", "neutral")
    assert verdict(untrusted) == ("inconclusive", "no_trained_model")
    trusted = gathered(path, signer.root)
    assert trusted.value["state"] == "Trusted"
    assert verdict(trusted) == ("provenance_verified", "trusted_capture")


def test_what_was_edited_since_is_told(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    signer.sign(plain(tmp_path), path, created("digitalCapture", "c2pa.color_adjustments"))
    found = gathered(path, signer.root)
    assert verdict(found) == ("provenance_verified", "trusted_capture_edited")
    assert "c2pa.color_adjustments" in found.finding


def test_a_changed_capture_is_verified_no_more(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    signer.sign(plain(tmp_path), path, created("digitalCapture"))
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(bytes(data))
    assert verdict(gathered(path, signer.root)) == ("inconclusive", "no_trained_model")


def test_what_a_picture_was_made_from_counts(signer: Signer, tmp_path: Path) -> None:
    """An editor's manifest over one of a generator."""
    made, edited = tmp_path / "made.jpg", tmp_path / "edited.jpg"
    signer.sign(plain(tmp_path), made, created("trainedAlgorithmicMedia"))
    manifest = created(None)
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    manifest["assertions"][0]["data"]["actions"] = [opened, {"action": "c2pa.cropped"}]
    signer.sign(plain(tmp_path, 2), edited, manifest, (made,))
    found = gathered(edited)
    assert found.value["manifests"] == 2
    assert verdict(found)[0] == "declared_ai"


def over(action: str, *further: str) -> dict[str, Any]:
    """A manifest of what was done to an ingredient."""
    manifest = created(None)
    first = {"action": action, "parameters": {"ingredientIds": ["parent"]}}
    manifest["assertions"][0]["data"]["actions"] = [first, *({"action": one} for one in further)]
    return manifest


def test_a_trusted_editor_makes_nobody_elses_capture_trusted(
    signer: Signer, other_signer: Signer, tmp_path: Path
) -> None:
    """Also where the editor's own program trusts that signer: whom to trust is the operator's to say."""
    made, edited = tmp_path / "made.jpg", tmp_path / "edited.jpg"
    other_signer.sign(plain(tmp_path), made, created("digitalCapture"))
    for trusting in (None, signer.root + other_signer.root):
        signer.sign(plain(tmp_path), edited, over("c2pa.opened", "c2pa.cropped"), (made,), trusting=trusting)
        found = gathered(edited, signer.root)
        assert found.value["captureTypes"]
        assert found.value["trustedCaptureTypes"] == []
        assert verdict(found)[0] == "inconclusive", trusting


def test_a_capture_below_an_edit_counts_when_both_signers_are_trusted(
    signer: Signer, other_signer: Signer, tmp_path: Path
) -> None:
    made, opened, edited = tmp_path / "made.jpg", tmp_path / "opened.jpg", tmp_path / "edited.jpg"
    both = signer.root + other_signer.root
    other_signer.sign(plain(tmp_path), made, created("digitalCapture"))
    for trusting in (None, both):
        signer.sign(plain(tmp_path), opened, over("c2pa.opened"), (made,), trusting=trusting)
        assert verdict(gathered(opened, both)) == ("provenance_verified", "trusted_capture")
        signer.sign(plain(tmp_path), edited, over("c2pa.opened", "c2pa.cropped"), (opened,), trusting=trusting)
        assert verdict(gathered(edited, both)) == ("provenance_verified", "trusted_capture_edited")


def test_a_trusted_capture_below_somebody_untrusted_counts_no_more(
    signer: Signer, other_signer: Signer, tmp_path: Path
) -> None:
    """Who signs between them may put any picture over the captured one."""
    made, between, edited = tmp_path / "made.jpg", tmp_path / "between.jpg", tmp_path / "edited.jpg"
    signer.sign(plain(tmp_path), made, created("digitalCapture"))
    other_signer.sign(plain(tmp_path, 2), between, over("c2pa.opened"), (made,))
    signer.sign(plain(tmp_path, 2), edited, over("c2pa.opened"), (between,))
    found = gathered(edited, signer.root)
    assert found.value["state"] == "Trusted"
    assert verdict(found)[0] == "inconclusive"


def test_a_capture_that_had_been_changed_when_it_was_edited_is_not_verified(signer: Signer, tmp_path: Path) -> None:
    """The editor's record tells that; to the library it is no news then."""
    made, edited = tmp_path / "made.jpg", tmp_path / "edited.jpg"
    signer.sign(plain(tmp_path), made, created("digitalCapture"))
    data = bytearray(made.read_bytes())
    data[-200] ^= 1
    made.write_bytes(bytes(data))
    signer.sign(plain(tmp_path), edited, over("c2pa.opened"), (made,), trusting=signer.root)
    assert verdict(gathered(edited, signer.root))[0] == "inconclusive"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_part_that_was_captured_makes_no_capture_of_the_whole(
    signer: Signer, other_signer: Signer, tmp_path: Path, trusted: bool
) -> None:
    part, whole = tmp_path / "part.jpg", tmp_path / "whole.jpg"
    (signer if trusted else other_signer).sign(plain(tmp_path), part, created("digitalCapture"))
    manifest = created("composite")
    manifest["assertions"][0]["data"]["actions"] += over("c2pa.placed")["assertions"][0]["data"]["actions"]
    signer.sign(plain(tmp_path, 2), whole, manifest, (part,), "componentOf")
    found = gathered(whole, signer.root)
    assert found.value["captureTypes"]
    assert verdict(found)[0] == "inconclusive"


def test_a_jpeg_of_several_pictures_is_a_jpeg_to_the_library(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "signed.jpg"
    signer.sign(plain(tmp_path), path, created("trainedAlgorithmicMedia"))
    assert credentials.gather(subject(path), "image/mpo").declares_ai


def test_no_credentials_say_nothing(tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    found = gathered(plain(tmp_path))
    assert (found.status, found.strength) == ("none", None)
    other = credentials.gather(subject(plain(tmp_path)), "image/x-canon-cr2")
    assert other.status == "not_applicable"


def test_unread_credentials_are_told_and_another_reader_is_heard(tmp_path: Path) -> None:
    """A manifest that the library cannot read, as ExifTool shows it."""
    report = subject(tmp_path / "a.jpg", {"JUMBF": {"Actions": {"DigitalSourceType": "x/trainedAlgorithmicMedia"}}})
    found = credentials._unread(report, "Jumbf: broken", None)
    assert verdict(found) == ("declared_ai", "c2pa_unchecked")
    bare = credentials._unread(subject(tmp_path / "a.jpg"), "Remote: must fetch http://x/", None)
    assert (bare.status, bare.value["state"]) == ("found", "Remote")
    assert credentials._unread(subject(tmp_path / "a.jpg"), "Io: broken", None).status == "not_applicable"
    assert credentials._unread(subject(tmp_path / "a.jpg"), "Claim: broken", None).status == "error"


def read_by_the_library(path: Path, mime: str) -> dict[str, Any] | None:
    c2pa = pytest.importorskip("c2pa")
    with path.open("rb") as file:
        reader = c2pa.Reader.try_create(mime, file, context=c2pa.Context(c2pa.Settings.from_dict(SETTINGS)))
        if reader is None:
            return None
        with reader:
            report: dict[str, Any] = json.loads(reader.json())
            return report


def test_states_and_codes_of_the_corpus_are_the_librarys_own(exiftool: Path, corpus: Path) -> None:
    seen = 0
    for path in sorted(one for one in (corpus / "c2pa").rglob("*") if one.is_file()):
        mime = str(metadata(exiftool, path)["File"]["MIMEType"])
        found, report = credentials.gather(subject(path), mime), read_by_the_library(path, mime)
        assert (found.status == "none") == (report is None), path.name
        if report is None:
            continue
        seen += 1
        assert found.value["state"] == report["validation_state"], path.name
        results = report["validation_results"]
        parts = [results["activeManifest"], *(one["validationDeltas"] for one in results.get("ingredientDeltas") or [])]
        for kind in ("success", "informational", "failure"):
            codes = {entry["code"] for part in parts for entry in part.get(kind) or []}
            assert set(found.value["codes"][kind]) == codes, (path.name, kind)
        assert {one["code"] for one in report.get("validation_status") or []} <= set(found.value["codes"]["failure"])
    assert seen >= 4


def test_certificates_are_read_or_it_is_said_why_not(tmp_path: Path, signer: Signer) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text(signer.root)
    bad.write_text("nothing")
    assert read_anchors(None) is None
    assert read_anchors(str(good)) == signer.root
    with pytest.raises(ValueError, match="no certificate"):
        read_anchors(str(bad))
    with pytest.raises(ValueError, match="cannot be read"):
        read_anchors(str(tmp_path / "missing.pem"))
