"""Originals through the proxy: stored, served in parts, kept over a restart of everything."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
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


def test_a_thumbnail_from_the_host_s_memory_is_the_sidecar_s_answer(start: Start, tmp_path: Path) -> None:
    folders = ("FILE_STORAGE_PATH", "CACHE_PATH", "INSTANCE_PATH")
    host = start("dev", "--port", "0", "--sidecar-port", "0", env={name: str(tmp_path / name) for name in folders})
    url = host.ready()
    made = io.BytesIO()
    Image.effect_noise((300, 200), 60).convert("RGB").save(made, "JPEG")
    _, _, body = ask(url, "POST", "/upload", made.getvalue(), x_filename="photo.jpg")
    path = f"/cache/{json.loads(body)['contentHash']}/thumbnail"
    status, headers, body = ask(url, "GET", path)
    assert (status, headers["content-type"]) == (200, "image/webp")
    assert "age" not in headers

    moving = ("age", "date", "x-request-id")
    tag, other = headers["etag"], '"other"'
    for method, named in (
        ("GET", {}), ("HEAD", {}), ("GET", {"If_None_Match": tag}), ("HEAD", {"If_None_Match": tag}),
        ("GET", {"If_None_Match": other}), ("GET", {"Range": "bytes=3-9"}), ("GET", {"Range": "bytes=999999-"}),
        ("GET", {"Range": "bytes=0-1", "If_Range": tag}), ("GET", {"If_Match": other}),
    ):  # fmt: skip
        asked = ask(url, method, path, **named, Cache_Control="no-cache")
        ask(url, "GET", path)  # so that it is fresh, however slow the machine
        kept = ask(url, method, path, **named)
        assert ("age" in kept[1]) is (not named.keys() & {"Range", "If_Match"}), named
        for answer in (asked, kept):
            for name in moving:
                answer[1].pop(name, None)
        if asked[0] >= 400:
            assert (kept[0], json.loads(kept[2])["code"]) == (asked[0], json.loads(asked[2])["code"])
        else:
            assert kept == asked
    assert ask(url, "GET", path, Range="bytes=3-9")[2] == body[3:10]
    counted = re.search(
        r'mediabridge_proxy_cached_total{route="/cache"} (\d+)', ask(url, "GET", "/metrics")[2].decode()
    )
    assert counted is not None
    assert int(counted[1]) >= 5
