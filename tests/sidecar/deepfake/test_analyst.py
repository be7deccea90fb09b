"""From a file to the answer: real children, real ExifTool; what a child may do to the others, and what is cached."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import jpeg, plant, scene
from PIL import Image

from mediabridge.sidecar.deepfake import kept
from mediabridge.sidecar.deepfake.analyst import Analyst, media_type_of
from mediabridge.sidecar.deepfake.build import build_analyst
from mediabridge.sidecar.deepfake.frames import FFmpegFrames, positions
from mediabridge.sidecar.deepfake.gather import LIMITS, gather
from mediabridge.sidecar.deepfake.scoring import NoModel
from mediabridge.sidecar.deepfake.steps import STEPS, Depth, chosen, left_out
from mediabridge.sidecar.faults import ClientGone, EngineBusy, UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.isolated import Limits, Pool
from mediabridge.sidecar.video import FFmpeg, find_tools

from .conftest import File
from .test_verdict import Scored

FIELDS = {
    "analysisId", "sha256", "mediaType", "depth", "verdict", "verdictReason", "explanation", "score", "inDomain",
    "model", "evidence", "contributions", "maps", "frames", "limits", "cached", "timings",
}  # fmt: skip


def photo(folder: Path, name: str = "a.jpg", **options: Any) -> File:
    path = folder / name
    path.write_bytes(jpeg(scene(1), 90, **options))
    return File(path)


class Remembers:
    """A model that gives one score, and remembers what it was given."""

    def __init__(self, score: Any = None, opinion: Any = None) -> None:
        self.given: list[tuple[Any, ...]] = []
        self.asked: list[tuple[Any, str]] = []
        self._score, self._opinion = score, opinion

    def score(self, features: Any, domain: str) -> Any:
        self.asked.append((features, domain))
        return self._score

    def describe(self, domain: str = "image") -> dict[str, Any]:
        return {"loaded": True, "version": "v1", "thresholds": {"low": 0.2, "high": 0.8}}

    def second_opinion(self, picture: Path) -> Any:
        return self._opinion

    def record(self, *given: Any) -> None:
        self.given.append(given)


def with_model(analyst: Analyst, model: Any) -> Analyst:
    return dataclasses.replace(analyst, scorer=model)


def test_the_answer_of_an_ordinary_picture(analyst: Analyst, tmp_path: Path) -> None:
    file = photo(tmp_path)
    answer = analyst.analyse(file)
    json.dumps(answer, allow_nan=False)
    assert set(answer) == FIELDS
    assert (answer["verdict"], answer["verdictReason"]) == ("inconclusive", "no_trained_model")
    assert (answer["score"], answer["inDomain"], answer["contributions"]) == (None, None, [])
    assert (answer["sha256"], answer["mediaType"], answer["frames"]) == (file.sha256, "image", None)
    ids = [piece["id"] for piece in answer["evidence"]]
    assert ids == [step for step in chosen("quick", "image", maps=False) if step not in ("decode", "features")]
    for piece in answer["evidence"]:
        assert piece["status"] in ("found", "none", "not_applicable"), piece
    assert any("depth=full" in limit for limit in answer["limits"])
    assert set(answer["timings"]) == {"readMs", "totalMs", "stepsMs"}


def test_full_depth_has_every_method_and_its_maps(analyst: Analyst, tmp_path: Path) -> None:
    answer = analyst.analyse(photo(tmp_path), "full", maps=True)
    assert {piece["id"] for piece in answer["evidence"]} == {one.id for one in STEPS} - {"decode", "features"}
    assert {shown["id"] for shown in answer["maps"]} == {"error_levels", "noise", "spectrum", "jpeg_ghosts"}
    assert not any("depth=" in limit for limit in answer["limits"])
    assert analyst.analyse(photo(tmp_path), "full")["maps"] == []


def test_what_was_gathered_is_found_again_and_judged_anew(analyst: Analyst, tmp_path: Path) -> None:
    file = photo(tmp_path)
    first, model = analyst.analyse(file), Remembers(Scored(0.9, contributions=({"feature": "f", "contribution": 2.2},)))
    other = photo(tmp_path, "another name.jpg")
    second = with_model(analyst, model).analyse(other)
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["analysisId"] != second["analysisId"]
    assert first["evidence"] == second["evidence"]
    assert second["verdict"] == "manipulation_indicated"
    assert second["score"] == {"probability": 0.9, "interval": [0.0, 1.0], "baseRate": 0.5}
    assert second["contributions"] == [{"feature": "f", "contribution": 2.2}]
    assert not analyst.analyse(file, "full")["cached"]
    assert not dataclasses.replace(analyst, anchors="x").analyse(file)["cached"]


def test_a_file_is_forgotten_whatever_was_asked_of_it(analyst: Analyst, tmp_path: Path) -> None:
    file = photo(tmp_path)
    asked: list[tuple[Depth, bool]] = [("quick", False), ("quick", True), ("full", True)]
    for depth, maps in asked:
        analyst.analyse(file, depth, maps=maps)
    analyst.forget("0" * 64)
    assert analyst.analyse(file)["cached"]
    analyst.forget(file.sha256)
    assert [analyst.analyse(file, depth, maps=maps)["cached"] for depth, maps in asked] == [False] * 3


def test_what_was_gathered_under_other_settings_is_not_kept_beside(analyst: Analyst, tmp_path: Path) -> None:
    """Else it would be out of reach of who forgets the file."""
    file = photo(tmp_path)
    analyst.analyse(file)
    held = len(analyst.results.tiers.memory)
    dataclasses.replace(analyst, anchors="x").analyse(file)
    assert len(analyst.results.tiers.memory) == held
    assert not analyst.analyse(file)["cached"]


def test_a_model_is_given_pixels_and_the_form_apart(analyst: Analyst, tmp_path: Path) -> None:
    model = Remembers()
    file = photo(tmp_path)
    answer = with_model(analyst, model).analyse(file)
    ((features, domain),) = model.asked
    assert domain == "image"
    assert features
    assert all(math.isfinite(value) for value in features.values())
    ((identifier, sha256, media_type, kept, form, verdict, created),) = model.given
    assert (identifier, sha256, media_type) == (answer["analysisId"], file.sha256, "image")
    assert (kept, verdict) == (features, "inconclusive")
    assert created.endswith("Z")
    assert (form["format"], form["quality"], form["width"], form["height"]) == ("JPEG", 90, 640, 480)
    assert len(form["perceptualHash"]) == 16


def test_a_file_that_is_not_in_the_domain_gets_no_score(analyst: Analyst, tmp_path: Path) -> None:
    answer = with_model(analyst, Remembers(Scored(0.99, in_domain=False))).analyse(photo(tmp_path))
    assert (answer["verdictReason"], answer["score"], answer["inDomain"]) == ("out_of_domain", None, False)


def test_another_detector_is_further_evidence_and_no_verdict(analyst: Analyst, tmp_path: Path) -> None:
    piece = {
        "id": "external_model", "kind": "external_model", "status": "found", "finding": "It gives 0.99.",
        "method": "m", "caveat": "c", "direction": "neutral", "strength": "weak", "value": {"raw": 0.99},
    }  # fmt: skip
    model = Remembers(opinion=piece)
    answer = with_model(analyst, model).analyse(photo(tmp_path))
    assert answer["evidence"][-1] == piece
    assert answer["verdict"] == "inconclusive"
    assert model.given[0][4]["externalModel"] == {"raw": 0.99}
    unable = Remembers(opinion={**piece, "status": "not_applicable", "value": None})
    assert with_model(analyst, unable).analyse(photo(tmp_path))["evidence"][-1]["status"] == "not_applicable"
    assert "externalModel" not in unable.given[0][4]


def test_a_small_picture_is_not_scored(analyst: Analyst, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(scene(1, 90, 60)))
    assert analyst.analyse(File(tmp_path / "a.jpg"), "full", maps=True)["verdictReason"] == "too_small"


def test_a_turned_picture_is_measured_upright(analyst: Analyst, exiftool: Path, tmp_path: Path) -> None:
    file = photo(tmp_path)
    plant(exiftool, file.path, "-EXIF:Orientation#=6")
    model = Remembers()
    answer = with_model(analyst, model).analyse(file, maps=True)
    sizes = {shown["id"]: (shown["width"], shown["height"]) for shown in answer["maps"]}
    assert sizes == {"error_levels": (60, 80), "noise": (15, 20), "spectrum": (128, 128)}
    assert (model.given[0][4]["width"], model.given[0][4]["height"]) == (480, 640)


def test_a_mark_is_declared_even_when_the_pixels_are_not_judged(
    analyst: Analyst, exiftool: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    answer = analyst.analyse(File(path))
    assert answer["verdictReason"] == "unsupported_content"
    assert any("not judged" in limit for limit in answer["limits"])


def test_what_is_neither_picture_nor_video_is_refused(analyst: Analyst, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n")
    with pytest.raises(UnsupportedMedia, match=r"application/pdf|cannot be read|broken"):
        analyst.analyse(File(path))
    assert media_type_of("video/mp4") == "video"
    assert media_type_of("application/vnd.adobe.photoshop") == "image"


def test_a_broken_picture_is_told_with_what_was_found(analyst: Analyst, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    scene(1, 64, 64).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnreadableFile) as caught:
        analyst.analyse(File(path))
    assert {piece["id"] for piece in caught.value.partial["evidence"]} >= {"c2pa", "generator_traces"}  # type: ignore[attr-defined]


def test_a_picture_that_needs_too_much_memory_is_told_so(analyst: Analyst, tmp_path: Path) -> None:
    """A limit is no damage; and what came of it is asked again the next time, when there may be more."""
    path = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(path)
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    path.write_bytes(data[:at] + (2**31 - 1).to_bytes(4, "big") + data[at + 4 :])  # 2 GB, which are not there
    with pytest.raises(UnreadableFile) as caught:
        analyst.analyse(File(path))
    assert "more memory than the limit of a decoder" in caught.value.message
    assert "smaller" in caught.value.suggestion
    assert "MemoryError" not in caught.value.message
    assert {one["id"] for one in caught.value.partial["evidence"]} >= {"c2pa", "generator_traces"}  # type: ignore[attr-defined]
    assert analyst.results.peek(kept._key(File(path).sha256, "quick", False)) is None


def test_a_worker_runs_it_in_full(analyst: Analyst, tmp_path: Path) -> None:
    file, told = photo(tmp_path), []
    answer = analyst.full(file.path, lambda done, total: told.append((done, total)), lambda: None)
    steps = len(chosen("full", "image", maps=True))
    assert told == [(done, steps) for done in range(1, steps + 1)]
    assert (answer["depth"], answer["sha256"]) == ("full", file.sha256)


class StopError(Exception):
    pass


def test_a_worker_is_stopped_by_its_check(analyst: Analyst, tmp_path: Path) -> None:
    file, left = photo(tmp_path), iter((None, None))

    def check() -> None:
        if next(left, StopError) is StopError:
            raise StopError

    with pytest.raises(StopError):
        analyst.full(file.path, lambda done, total: None, check)
    assert not analyst.analyse(file, "full", maps=True)["cached"]


def test_a_client_that_left_ends_the_work(analyst: Analyst, tmp_path: Path) -> None:
    with pytest.raises(ClientGone):
        analyst.analyse(photo(tmp_path), gone=lambda: True)


STEPS_OF_A_PICTURE = chosen("full", "image", maps=False)


def act(name: str, **limits: Any) -> Iterator[Any]:
    pool = Pool(f"acts_of_analysis:{name}", 1, Limits(**{**dataclasses.asdict(LIMITS), **limits}))
    try:
        yield gather(pool, {"path": "x"}, STEPS_OF_A_PICTURE, lambda _done, _total: None, 8.0)
    finally:
        pool.close()


@pytest.mark.parametrize(("name", "limits"), [("dies_at_noise", {}), ("hangs_at_noise", {"seconds": 1.0})])
def test_a_method_that_ends_its_child_costs_itself_alone(name: str, limits: dict[str, Any]) -> None:
    for gathered in act(name, **limits):
        statuses = {piece["id"]: piece["status"] for piece in gathered.evidence}
        assert statuses.pop("noise") == "error"
        assert set(statuses.values()) == {"none"}
        assert len(statuses) == len(STEPS_OF_A_PICTURE) - 3, "decode and features are none"
        assert not gathered.whole
        assert gathered.broken is None


def test_a_decoding_that_ends_its_child_costs_all_that_needs_pixels() -> None:
    for gathered in act("dies_at_decode"):
        statuses = {piece["id"]: piece["status"] for piece in gathered.evidence}
        assert statuses["c2pa"] == statuses["thumbnail"] == "none"
        assert statuses["noise"] == statuses["copy_move"] == "error"
        assert gathered.unscored == "unsupported_content"
        assert gathered.broken


def test_without_a_child_it_is_busy(analyst: Analyst, tmp_path: Path) -> None:
    closed = Pool("acts_of_analysis:dies_at_noise", 1)
    closed.close()
    with pytest.raises(EngineBusy):
        dataclasses.replace(analyst, pool=closed).analyse(photo(tmp_path))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> File:
    folder = tmp_path_factory.mktemp("clip")
    for number in range(8):
        scene(number, 320, 240).save(folder / f"{number}.png")
    command = ["ffmpeg", "-v", "error", "-framerate", "2", "-i", "%d.png", "-pix_fmt", "yuv420p", "a.mp4"]
    try:
        subprocess.run(command, cwd=folder, check=True)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not installed")
    return File(folder / "a.mp4")


def test_a_clip_is_measured_by_its_frames(analyst: Analyst, clip: File) -> None:
    model = Remembers(Scored(0.5))
    frames = FFmpegFrames(FFmpeg(lambda: find_tools(None)))
    answer = dataclasses.replace(analyst, scorer=model, frames=frames).analyse(clip)
    assert (answer["mediaType"], answer["verdict"]) == ("video", "inconclusive")
    assert [frame["atMs"] for frame in answer["frames"]] == [500, 1500, 2500, 3500]
    for frame in answer["frames"]:
        assert (frame["width"], frame["height"]) == (320, 240)
        assert [piece["id"] for piece in frame["evidence"]] == ["noise"]
        assert frame["score"]["probability"] == 0.5
        assert set(frame) == {"atMs", "width", "height", "score", "evidence"}
    assert {domain for _, domain in model.asked} == {"video"}
    assert model.given[0][2] == "video"
    assert "c2pa" in {piece["id"] for piece in answer["evidence"]}
    assert "noise" not in {piece["id"] for piece in answer["evidence"]}


def test_without_ffmpeg_a_clip_has_no_frames_and_it_is_said(analyst: Analyst, clip: File) -> None:
    missing = FFmpegFrames(FFmpeg(lambda: find_tools("/nowhere/ffmpeg")))
    answer = dataclasses.replace(analyst, frames=missing).analyse(clip)
    assert answer["frames"] == []
    assert any("FFMPEG_PATH" in limit for limit in answer["limits"])
    assert not dataclasses.replace(analyst, frames=missing).analyse(clip)["cached"], "it may be installed meanwhile"


def test_certificates_that_cannot_be_read_are_told_once(analyst: Analyst, caplog: pytest.LogCaptureFixture) -> None:
    made = build_analyst(
        analyst.read, analyst.results, NoModel(), trust_anchors="/nowhere/anchors.pem", ffmpeg_path=None
    )
    made.close()
    assert made.anchors is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "DEEPFAKE_TRUST_ANCHORS='/nowhere/anchors.pem'" in caplog.text


def test_frames_are_spread_evenly() -> None:
    assert positions(8000, 4) == [1000, 3000, 5000, 7000]
    assert positions(3, 16) == [0, 1, 2]
    assert positions(None, 4) == [0]


@pytest.mark.parametrize("media_type", ["image", "video"])
def test_what_is_left_out_is_what_full_adds(media_type: Any) -> None:
    for maps in (True, False):
        quick, missing = chosen("quick", media_type, maps=maps), left_out("quick", media_type, maps=maps)
        assert set(quick) | set(missing) == set(chosen("full", media_type, maps=maps))
        assert not set(quick) & set(missing)
        assert left_out("full", media_type, maps=maps) == ()


def test_an_animation_is_judged_by_its_first_frame(analyst: Analyst, tmp_path: Path) -> None:
    first = scene(1, 200, 150)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (200, 150))])
    assert analyst.analyse(File(tmp_path / "a.gif"), "full")["verdictReason"] == "no_trained_model"
