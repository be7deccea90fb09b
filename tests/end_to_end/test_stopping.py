"""Ctrl+C while answers are under way: those that end are finished, those that never would are ended."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from running import Instance


def test_an_event_stream_ends_and_an_upload_is_finished(start: Callable[..., Instance], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    places = {name: str(tmp_path / name) for name in ("FILE_STORAGE_PATH", "CACHE_PATH", "INSTANCE_PATH")}
    env = {**places, "IMPORT_ROOTS": str(tmp_path / "photos"), "SIDECAR_WORKER": "off"}  # so that the job never ends
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env=env)
    here = urlsplit(instance.ready()).netloc
    with closing(http.client.HTTPConnection(here, timeout=30)) as first:
        body = json.dumps({"path": str(tmp_path / "photos")})
        first.request("POST", "/api/import-path", body, {"Content-Type": "application/json"})
        job = json.loads(first.getresponse().read())["jobId"]
        first.request("GET", f"/api/library/jobs/{job}/events")
        stream = first.getresponse()
        assert stream.readline() == b"event: progress\n"
        with closing(http.client.HTTPConnection(here, timeout=30)) as second:
            second.putrequest("POST", "/upload")
            second.putheader("x-filename", "a.txt")
            second.putheader("Content-Length", "8")
            second.endheaders(b"some")
            instance.interrupt()
            rest = stream.read()  # all of it, and no IncompleteRead
            assert b"event: end" not in rest
            second.send(b"text")
            answer = second.getresponse()
            assert (answer.status, json.loads(answer.read())["size"]) == (200, 8)
    assert instance.end() == 0
