"""The date cases of the corpus, read by ExifTool itself: every answer right, or unsure with its reasons."""

from __future__ import annotations

import csv
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediabridge.sidecar.extraction import groups
from mediabridge.sidecar.library.dates import Evidence, Taken, when_taken, zone_at, zone_of

GROUPS = ("timestamps", "video", "metadata/metadata-extractor-images/jpg")
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def answers(corpus: Path, exiftool: Path) -> dict[str, Taken]:
    files = [str(path) for group in GROUPS for path in sorted((corpus / group).rglob("*")) if path.is_file()]
    run = subprocess.run(
        [exiftool, "-config", "", *groups.ARGUMENTS, "-@", "-"],
        input="\n".join(files).encode(),
        capture_output=True,
        check=False,
    )
    taken = {}
    for pairs in groups.parse_all(run.stdout):
        path = Path(dict(pairs)["SourceFile"])
        evidence = Evidence(groups.regroup(pairs, path.name), path.name, zone_of("UTC"), NOW, zone_at=zone_at)
        taken[path.relative_to(corpus.parent).as_posix()] = when_taken(evidence)
    return taken


def test_every_date_that_the_corpus_states_is_found(corpus: Path, answers: dict[str, Taken]) -> None:
    rows = csv.DictReader((corpus.parent / "MANIFEST.csv").read_text("utf-8").splitlines())
    stated = {row["path"]: row["ground_truth"] for row in rows if row["path"] in answers}
    wrong, right = [], 0
    for path, truth in stated.items():
        moment = answers[path].moment
        if expected := re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) ", truth):
            found = moment and moment.replace(microsecond=0).isoformat()
            right += found == expected[1]
            wrong += [] if found == expected[1] else [(path, expected[1], answers[path])]
        elif truth.startswith("no "):
            wrong += [(path, "none", answers[path])] if answers[path].confidence in ("high", "medium") else []
    assert wrong == []
    assert right == 7


def test_zones_of_films_and_of_positions(answers: dict[str, Taken]) -> None:
    phone = answers["files/video/metadata-extractor-images/mov/with-gps.mov"]
    assert phone.moment == datetime.fromisoformat("2019-07-24T11:25:40")
    assert (phone.utc, phone.confidence) == (datetime(2019, 7, 24, 8, 25, 40, tzinfo=UTC), "high")
    placed = answers["files/timestamps/elodie/files/with-location.jpg"]
    assert (placed.zone_source, placed.utc) == ("position", datetime(2015, 12, 5, 8, 59, 26, 840000, UTC))
    assert answers["files/timestamps/elodie/files/with-null-coordinates.jpg"].zone_source == "setting"


def test_nothing_is_sure_that_is_not_the_cameras_own_date(answers: dict[str, Taken]) -> None:
    sure = [taken for taken in answers.values() if taken.confidence == "high"]
    assert len(sure) >= 30
    assert {taken.source for taken in sure} <= {"EXIF:DateTimeOriginal", "QuickTime:CreationDate"}
    assert all(taken.reasons for taken in answers.values())
