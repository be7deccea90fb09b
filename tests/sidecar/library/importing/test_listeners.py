"""Who listens to a job's events does not keep the sidecar from stopping."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any


def test_a_stop_ends_event_streams_and_cuts_nobody_off(start_sidecar: Any, stand_in: Path, tmp_path: Path) -> None:
    photos = tmp_path / os.fsdecode(b"caf\xe9")  # no text, and a folder like any other
    photos.mkdir()
    settings = {"IMPORT_ROOTS": str(tmp_path), "EXIFTOOL_PATH": str(stand_in), "FLASK_SHUTDOWN_TIMEOUT": "60000"}
    sidecar = start_sidecar(**settings)
    asked = json.dumps({"path": str(photos)}).encode()
    told = sidecar.request("POST", "/api/import-path", asked, {"Content-Type": "application/json"})
    assert told.status == 202
    again = sidecar.request("POST", "/api/import-path", asked, {"Content-Type": "application/json"})
    assert again.json["jobId"] == told.json["jobId"]  # while it is not over
    with sidecar.connect(30) as connection:
        path = f"/api/library/jobs/{told.json['jobId']}/events"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        heard = connection.recv(65536)
        while b"event: progress" not in heard:  # nobody works on the job: it has no end to tell of
            heard += connection.recv(65536)
        sidecar.process.send_signal(signal.SIGTERM)
        while more := connection.recv(65536):
            heard += more
    assert sidecar.process.wait(30) == 0
    assert b"event: end" not in heard
    assert "cut off" not in sidecar.log
