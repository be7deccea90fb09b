"""A deepfake analysis in full depth: queued, done by the worker, read when it is done, whatever is killed meanwhile."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from pictures import scene
from running import Instance, call, multipart, signal_quietly, until

Start = Callable[..., Instance]


def folders(tmp_path: Path) -> dict[str, str]:
    names = {"FILE_STORAGE_PATH": "files", "CACHE_PATH": "cache", "INSTANCE_PATH": "instance"}
    return {name: str(tmp_path / folder) for name, folder in names.items()}


def photograph(seed: int) -> bytes:
    file = io.BytesIO()
    scene(seed, 640, 480).save(file, "JPEG")
    return file.getvalue()


def asked(url: str, content: bytes) -> tuple[int, Any, Any]:
    body, headers = multipart("photo.jpg", content)
    return call(f"{url}/api/deepfake/analyze?depth=full&maps=true", body, headers)


def done(url: str, address: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def ready() -> bool:
        status, _, told = call(url + address)
        assert status in (200, 202), told
        if status == 200:
            found.append(told)
        return status == 200

    until(ready, "the analysis is done", 60)
    return found[0]


def test_it_is_queued_and_its_answer_is_read_later(start: Start, tmp_path: Path, exiftool: str) -> None:
    url = start("dev", "--port", "0", "--sidecar-port", "0", env=folders(tmp_path)).ready()
    status, headers, told = asked(url, photograph(1))
    assert (status, told["kind"]) == (202, "analysis")
    answer = done(url, headers["Location"])
    assert answer["verdict"] in ("inconclusive", "no_indication")
    assert answer["score"] is None
    assert len(answer["maps"]) > 3
    until(lambda: not list(Path(tmp_path / "instance/held").iterdir()), "no file is held any more")
    assert call(f"{url}/api/deepfake/samples/{answer['sha256']}", method="DELETE")[2]["removed"] == 2
    assert call(url + headers["Location"])[0] == 404, "its answer has maps of the picture"
    assert call(f"{url}/api/deepfake/analyses/none")[0] == 404

    status, headers, told = asked(url, b"\xff\xd8\xff" + bytes(3000))
    assert status == 202
    until(lambda: call(f"{url}/api/jobs/{told['jobId']}")[2]["status"] == "failed", "it has failed", 30)
    assert call(url + headers["Location"])[0] in (415, 422)


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(start: Start, tmp_path: Path, exiftool: str) -> None:
    host = start("serve", "--port", "0", "--sidecar-port", "0", env={**folders(tmp_path), "LOG_LEVEL": "info"})
    until(lambda: any("ready: http" in line for line in host.lines), "ready", 30)
    url = next(line for line in host.lines if "listening on" in line).split("listening on ")[1].split('"')[0].split()[0]
    _, headers, told = asked(url, photograph(2))
    until(lambda: call(f"{url}/api/jobs/{told['jobId']}")[2]["status"] == "running", "it runs", 30)
    for child in psutil.Process(host.process.pid).children(recursive=True):
        if "mediabridge.sidecar.jobs.worker" in child.cmdline():
            signal_quietly(child.pid, signal.SIGKILL)
    assert done(url, headers["Location"])["verdict"] in ("inconclusive", "no_indication")


def test_without_a_worker_the_request_does_it(start: Start, tmp_path: Path, exiftool: str) -> None:
    env = {**folders(tmp_path), "SIDECAR_WORKER": "off"}
    url = start("dev", "--port", "0", "--sidecar-port", "0", env=env).ready()
    status, _, told = asked(url, photograph(3))
    assert (status, told["score"]) == (200, None)
