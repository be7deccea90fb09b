"""Originals through the proxy: stored, served in parts, kept over a restart of everything."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from running import Instance

Start = Callable[..., Instance]


def ask(
    url: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def test_an_original_goes_in_and_comes_out(start: Start, tmp_path: Path) -> None:
    env = {"FILE_STORAGE_PATH": str(tmp_path / "files"), "EXTRACT_MAX_MB": "1"}
    host = start("dev", "--port", "0", "--sidecar-port", "0", env=env)
    url = host.ready()
    content = b"\xff\xd8\xff" + bytes(index % 251 for index in range(700_000))
    digest = hashlib.sha256(content).hexdigest()
    status, _, body = ask(url, "POST", "/upload", content, x_filename="photo.jpg", x_drive_id="d")
    assert (status, json.loads(body)["contentHash"], json.loads(body)["isNew"]) == (200, digest, True)

    path = f"/cache/{digest}/original"
    status, headers, body = ask(url, "GET", path)
    assert (status, body) == (200, content)
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    status, headers, body = ask(url, "GET", path, Range="bytes=5-9")
    assert (status, headers["content-range"], body) == (206, f"bytes 5-9/{len(content)}", content[5:10])
    status, headers, body = ask(url, "HEAD", path)
    assert (status, headers["content-length"], body) == (200, str(len(content)), b"")
    assert ask(url, "GET", path, If_None_Match=f'"{digest}"')[0] == 304
    assert ask(url, "GET", path, Range="bytes=9999999-")[0] == 416
    status, _, body = ask(url, "GET", "/health")
    assert json.loads(body)["storage"]["files"] == 1

    status, _, body = ask(url, "POST", "/upload", b"MZ" + b"\0" * 50_000, x_filename="a.exe")
    assert (status, json.loads(body)["code"]) == (415, "unsupported_media_type")
    status, _, body = ask(url, "POST", "/upload", b"\xff\xd8\xff".ljust(2 * 1024 * 1024, b"\0"), x_filename="a.jpg")
    assert (status, json.loads(body)["code"]) == (413, "payload_too_large")
    host.close()

    again = start("dev", "--port", "0", "--sidecar-port", "0", env=env)
    url = again.ready()
    status, _, body = ask(url, "GET", f"{path}?verify=1")
    assert (status, body) == (200, content)
    assert json.loads(ask(url, "GET", f"/cache/{digest}/metadata")[2])["driveId"] == "d"
