"""All analyses together: one result each, whatever happens to one of them; and the corpus, hostile files included."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import RECEIVED, facts_of, jpeg, metadata, plant, scene
from PIL import Image

from mediabridge.sidecar.analysis import NAMES, Analysis, Facts, analyse
from mediabridge.sidecar.extraction import groups
from mediabridge.sidecar.faults import ClientGone
from mediabridge.sidecar.isolated import Died, Limits, NotStarted, Runner, TookTooLong

CAMERA = (
    "-Make=Canon", "-Model=EOS R5", "-Software=Firmware Version 1.8.1", "-DateTimeOriginal=2024:07:01 12:00:00",
    "-CreateDate=2024:07:01 12:00:00", "-ModifyDate=2024:07:01 12:00:00", "-OffsetTimeOriginal=+02:00",
    "-OffsetTimeDigitized=+02:00", "-OffsetTime=+02:00", "-GPSLatitude=41.9", "-GPSLatitudeRef=N", "-GPSLongitude=12.5",
    "-GPSLongitudeRef=E", "-GPSDateStamp=2024:07:01", "-GPSTimeStamp=10:00:00", "-ExifImageWidth=640",
    "-ExifImageHeight=480",
)  # fmt: skip
NO_ALARM = {"notApplicable"}


def kinds(analysis: Analysis) -> set[str]:
    return {finding["kind"] for finding in analysis.findings}


def camera_file(exiftool: Path, folder: Path) -> Path:
    path, small = folder / "IMG_0001.jpg", folder / "small.jpg"
    path.write_bytes(jpeg(scene(1), 95))
    small.write_bytes(jpeg(scene(1).resize((160, 120))))
    plant(exiftool, path, *CAMERA, f"-ThumbnailImage<={small}")
    return path


def test_a_cameras_file_gives_facts_and_no_alarm(exiftool: Path, tmp_path: Path) -> None:
    path = camera_file(exiftool, tmp_path)
    analysis = analyse(path, metadata(exiftool, path), facts_of(path), Runner())
    assert kinds(analysis) <= NO_ALARM
    assert tuple(analysis.examined) == NAMES
    status = {name: one["status"] for name, one in analysis.examined.items()}
    assert status == dict.fromkeys(NAMES, "done") | {"credentials": "notApplicable"}
    assert all(one["method"] for one in analysis.examined.values())


def test_each_finding_says_what_where_how_sure_and_how_found(exiftool: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(scene(1), 95) + b"PK\x03\x04 and more")
    analysis = analyse(path, metadata(exiftool, path), facts_of(path), Runner())
    (finding,) = [one for one in analysis.findings if one["kind"] == "trailingData"]
    assert finding["analysis"] == "trailing"
    assert finding["confidence"] in ("low", "medium", "high")
    assert all(finding[key] for key in ("what", "where", "method", "data"))
    assert json.loads(json.dumps(analysis.to_json(), allow_nan=False)) == analysis.to_json()


def test_no_path_of_ours_is_told(tmp_path: Path) -> None:
    path = tmp_path / "upload-7f3a"
    path.write_bytes(b"\xff\xd8\xff\xe0 broken")
    facts = Facts("photo.jpg", "jpg", "", RECEIVED)
    analysis = analyse(path, {"EXIF": {"Software": f"written to {path}"}}, facts, Runner())
    text = json.dumps(analysis.to_json())
    assert "written to photo.jpg" in text
    assert str(tmp_path) not in text
    assert path.name not in text


class Failing(Runner):
    """Gives real answers up to one analysis, at which the child ends as told."""

    def __init__(self, at: str, problem: Exception) -> None:
        super().__init__()
        self.at, self.problem = at, problem

    def stream(self, task: str, request: Any, limits: Limits | None = None) -> Iterator[Any]:
        names: list[str] = request["analyses"]
        before = names[: names.index(self.at)] if self.at in names else names
        yield from super().stream(task, {**request, "analyses": before}, limits)
        if self.at in names:
            raise self.problem


@pytest.mark.parametrize("problem", [Died("killed by SIGSEGV"), TookTooLong("it was not done within 1 s")])
def test_an_analysis_that_crashes_costs_itself_alone(exiftool: Path, tmp_path: Path, problem: Exception) -> None:
    path = camera_file(exiftool, tmp_path)
    analysis = analyse(path, metadata(exiftool, path), facts_of(path), Failing("timeline", problem))
    failed = [name for name, one in analysis.examined.items() if one["status"] == "error"]
    assert failed == ["timeline"]
    assert set(analysis.examined) == set(NAMES)
    (finding,) = [one for one in analysis.findings if one["kind"] == "error"]
    assert str(problem) in finding["what"]


def test_without_a_process_all_are_told_as_failed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(scene(1, 32, 32)))
    runner = Failing("hashes", NotStarted("no process could be started"))
    analysis = analyse(tmp_path / "a.jpg", {}, facts_of(tmp_path / "a.jpg"), runner)
    assert {one["status"] for one in analysis.examined.values()} == {"error"}
    assert set(analysis.examined) == set(NAMES)


def test_a_file_that_hangs_is_given_up(tmp_path: Path) -> None:
    """A pipe that nobody writes to: whoever opens it waits for ever."""
    os.mkfifo(tmp_path / "a.jpg")
    analysis = analyse(tmp_path / "a.jpg", {}, facts_of(tmp_path / "a.jpg"), Runner(), limits=Limits(seconds=4))
    assert set(analysis.examined) == set(NAMES)
    assert analysis.examined["hashes"]["status"] == "error"


def test_nothing_is_examined_for_a_client_that_left(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(scene(1, 32, 32)))
    with pytest.raises(ClientGone):
        analyse(tmp_path / "a.jpg", {}, facts_of(tmp_path / "a.jpg"), Runner(), gone=lambda: True)


def test_a_large_picture_stays_within_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (10_000, 9_900), "navy").save(path)
    analysis = analyse(path, {"File": {"MIMEType": "image/jpeg"}}, facts_of(path), Runner())
    assert "error" not in kinds(analysis)


def read_all(exiftool: Path, files: list[Path]) -> dict[str, groups.Metadata]:
    run = subprocess.run(
        [exiftool, "-config", "", *groups.ARGUMENTS, "-@", "-"],
        input="\n".join(map(str, files)).encode(),
        capture_output=True,
        check=False,
    )
    return {tags["SourceFile"]: groups.regroup(list(tags.items()), "") for tags in json.loads(run.stdout)}


def test_no_file_of_the_corpus_makes_an_analysis_fail(exiftool: Path, corpus: Path) -> None:
    """Every hostile and every credentials file; of the others each tenth, for the time's sake."""
    files = sorted(path for path in corpus.rglob("*") if path.is_file())
    special = {"hostile", "c2pa"}
    chosen = [path for i, path in enumerate(files) if path.relative_to(corpus).parts[0] in special or i % 10 == 0]
    tags, runner, wrong = read_all(exiftool, chosen), Runner(), []
    found: Counter[str] = Counter()
    for path in chosen:
        analysis = analyse(path, tags.get(str(path), {}), facts_of(path), runner)
        json.dumps(analysis.to_json(), allow_nan=False)
        found.update(kinds(analysis))
        wrong += [(path.name, one["what"]) for one in analysis.findings if one["kind"] == "error"]
        wrong += [(path.name, "missing")] if set(analysis.examined) != set(NAMES) else []
    assert wrong == []
    assert found["containerProblem"] >= 10
    assert found["editorNamed"] >= 2


def test_credentials_of_the_corpus_are_as_its_manifest_says(exiftool: Path, corpus: Path) -> None:
    c2pa = pytest.importorskip("c2pa")
    with (corpus.parent / "MANIFEST.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["group"] == "c2pa"]
    for row in rows:
        path = corpus.parent / row["path"]
        tags = metadata(exiftool, path)
        one = analyse(path, tags, facts_of(path), Runner()).examined["credentials"]
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(tags["File"]["MIMEType"], file)
        assert (reader is None) == (one["status"] == "notApplicable"), row["path"]
        if reader is not None:
            with reader:
                assert one["facts"]["state"] == reader.get_validation_state().lower()
        for code in ("claimSignature.mismatch", "assertion.dataHash.mismatch"):
            assert (code in row["ground_truth"]) == (code in one["facts"].get("failures", [])), row["path"]
    assert len(rows) >= 5
