"""`POST /api/library/export` of a real sidecar, done by a real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Library, everything
from .test_command import PATHS

Picture = Callable[..., bytes]


@pytest.fixture
def served(library: Library, start_sidecar: Any, exiftool: Path) -> Any:
    return start_sidecar(
        INSTANCE_PATH=str(library.folder / "instance"),
        FILE_STORAGE_PATH=str(library.folder / "store"),
        EXPORT_ROOTS=str(library.target.parent),
        EXIFTOOL_PATH=str(exiftool),
    )


@pytest.fixture
def worker(library: Library, exiftool: Path) -> Iterator[subprocess.Popen[bytes]]:
    env = os.environ | {
        "PYTHONPATH": PATHS,
        "INSTANCE_PATH": str(library.folder / "instance"),
        "FILE_STORAGE_PATH": str(library.folder / "store"),
        "CACHE_PATH": str(library.folder / "cache-of-worker"),
        "EXPORT_ROOTS": str(library.target.parent),
        "EXTRACT_PROCESSES": "1",
    }
    entry = ["mediabridge.sidecar.jobs.worker", "--handlers", "mediabridge.sidecar.work:handlers"]
    process = subprocess.Popen([sys.executable, "-m", *entry], env=env, stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait(10)


def ask(served: Any, **fields: Any) -> Any:
    return served.request("POST", "/api/library/export", json.dumps(fields).encode())


def test_a_job_is_queued_and_a_worker_exports(
    served: Any, worker: object, library: Library, picture: Picture, until: Callable[..., Any]
) -> None:
    library.add(library.put("x.jpg", picture()), words=["Rome"])
    library.add(library.put("y.bmp", picture("BMP")), words=["Rome"])
    before = everything(library.originals)
    forecast = ask(served, target=str(library.target), dryRun=True)
    assert forecast.status == 200
    assert (forecast.json["files"], forecast.json["metadata"]["embedded"], forecast.json["fits"]) == (2, 1, True)
    assert forecast.json["metadata"]["sidecarByType"] == {"image/bmp": 1}
    accepted = ask(served, target=str(library.target))
    assert accepted.status == 202
    place = accepted.headers["location"]
    assert place == f"/api/library/jobs/{accepted.json['jobId']}"
    job = until(lambda: (told := served.get(place).json)["status"] in ("completed", "failed") and told, 30)
    assert (job["status"], job["progress"]["done"], job["progress"]["total"]) == ("completed", 2, 2)
    assert (job["options"]["target"], job["options"]["leastConfidence"]) == (str(library.target), "medium")
    assert Path(job["manifest"]).is_file()
    assert library.exported() == [
        "2024/20240131_120000.bmp",
        "2024/20240131_120000.bmp.xmp",
        "2024/20240131_120000.jpg",
    ]
    assert everything(library.originals) == before


def test_what_is_wrong_is_refused_by_its_name(served: Any, library: Library, tmp_path: Path) -> None:
    inside = str(library.target)
    for fields, name in (
        ({}, "target"),
        ({"target": "relative"}, "target"),
        ({"target": f"{inside}/../.."}, "target"),
        ({"target": inside, "metadata": "everywhere"}, "metadata"),
        ({"target": inside, "kinds": ["photo", "cat"]}, "kinds"),
        ({"target": inside, "dryRun": "yes"}, "dryRun"),
        ({"target": inside, "from": "soon"}, "from"),
        ({"target": inside, "colour": 1}, "colour"),
    ):
        answer = ask(served, **fields)
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
        assert answer.json["message"].startswith(name), answer.json
    for outside in (str(tmp_path), f"{library.target.parent}-2", "/"):
        answer = ask(served, target=outside, dryRun=True)
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
