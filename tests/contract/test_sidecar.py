"""The real sidecar, asked directly and through each host: nobody can tell the difference."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from staging.serving import request
from staging.wire import DEADLINE_S, Message, Wire

from .case import COLUMNS, VARIANTS
from .real_sidecar import TOKEN_HEADER, RealSidecar

# Of one connection or one answer: ours and the servers' to set (Keep-Alive is Node's); the length holds what differs.
OWN = {"date", "via", "x-request-id", "connection", "keep-alive", "transfer-encoding", "content-length"}
VOLATILE = {"cached", "elapsedMs", "requestId", "timestamp"}  # `cached` says which of the hosts asked first

# One grey pixel, baseline, made by hand from ITU-T T.81.
PHOTO = bytes.fromhex(
    "ffd8ffdb004300" + "01" * 64 + "ffc0000b080001000101011100"
    "ffc4001400010000000000000000000000000000000affc40014100100000000000000000000000000000000"
    "ffda0008010100003f0000ffd9"
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    name: str
    status: int
    method: str = "GET"
    target: str = "/api/extract"
    fields: tuple[str, ...] = ()
    body: bytes = b""


def upload(name: str, status: int, content: bytes, *, part: str = "file", filename: str = "a.jpg") -> Asked:
    head = f'--X\r\nContent-Disposition: form-data; name="{part}"; filename="{filename}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--X--\r\n"
    fields = ("Content-Type: multipart/form-data; boundary=X", f"Content-Length: {len(body)}")
    return Asked(name, status, "POST", fields=fields, body=body)


def in_chunks(name: str, status: int, content: bytes) -> Asked:
    """The same without a length, in chunks of 100 bytes."""
    whole = upload(name, status, content)
    parts = [whole.body[at : at + 100] for at in range(0, len(whole.body), 100)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return replace(whole, fields=(whole.fields[0], "Transfer-Encoding: chunked"), body=body)


def expecting(name: str, status: int, content: bytes) -> Asked:
    """As curl sends larger files, by a client that does not wait for the 100."""
    whole = upload(name, status, content)
    return replace(whole, fields=(*whole.fields, "Expect: 100-continue"))


ASKED = [
    upload("photo", 200, PHOTO),
    in_chunks("photo in chunks", 200, PHOTO),
    expecting("photo with Expect", 200, PHOTO),
    upload("wrong file", 415, bytes(range(256))),
    upload("empty file", 400, b""),
    upload("too large", 413, b"x" * 1_500_000),
    upload("missing field", 400, PHOTO, part="image"),
    Asked("no form at all", 400, "POST", fields=("Content-Type: application/json", "Content-Length: 2"), body=b"{}"),
    Asked("GET /health", 200, target="/health"),
    Asked("HEAD /health", 200, "HEAD", "/health"),
    Asked("extraction's health", 200, target="/api/extract/health"),
    Asked("unknown path below a route", 404, target="/api/extract/nothing"),
    Asked("wrong method", 405, "DELETE"),
]


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSidecar]:
    bundled = Path(sys.executable).with_name("exiftool")
    if not (os.environ.get("EXIFTOOL_PATH") or shutil.which("exiftool") or bundled.exists()):
        pytest.skip("ExifTool is not installed")
    sidecar = RealSidecar(tmp_path_factory.mktemp("sidecar"))
    yield sidecar
    sidecar.stop()


def directly(sidecar: RealSidecar, asked: Asked) -> Message:
    wire = Wire(socket.create_connection(("127.0.0.1", sidecar.port)), deadline_s=3 * DEADLINE_S)
    fields = (*asked.fields, "X-Request-ID: mine-1", f"{TOKEN_HEADER}: {sidecar.token}")
    wire.send(request(asked.target, *fields, method=asked.method), asked.body)
    try:
        return wire.response(asked.method)
    finally:
        wire.close()


def shape(value: Any, *, measured: bool) -> Any:
    """JSON without what differs from one answer to the next; of measured numbers their kind remains."""
    if isinstance(value, dict):
        return {key: shape(inner, measured=measured) for key, inner in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [shape(inner, measured=measured) for inner in value]
    return "a number" if measured and isinstance(value, int | float) and not isinstance(value, bool) else value


def seen(message: Message, asked: Asked) -> dict[str, Any]:
    """What a client must see alike, whoever stands between."""
    length = message.get("content-length")
    assert asked.method == "HEAD" or length is None or int(length) == len(message.body)
    fields = [field for field in sorted(message.headers) if field[0] not in OWN]
    json_of = shape(json.loads(message.body or b"null"), measured="health" in asked.target)
    return {"status": message.status, "fields": fields, "has length": length is not None, "json": json_of}


@pytest.mark.parametrize("host", [*COLUMNS, *VARIANTS])
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_the_answer_is_the_same_through_each_host(
    sidecar: RealSidecar, on: Callable[[str], Any], host: str, asked: Asked
) -> None:
    reference = directly(sidecar, asked)
    assert reference.status == asked.status, reference.body
    stage = on(host)
    stage.go_to(sidecar.endpoint)
    response = stage.ask(asked.target, *asked.fields, "X-Request-ID: mine-1", method=asked.method, body=asked.body)
    assert seen(response, asked) == seen(reference, asked)
    assert response.get("x-request-id") == reference.get("x-request-id") == "mine-1"


def test_the_token_is_needed_and_the_host_gives_it(sidecar: RealSidecar, on: Callable[[str], Any]) -> None:
    """Without this the comparison would hold for refusals, too."""
    stage = on("direct")
    stage.port = sidecar.port
    assert stage.ask("/api/extract/health").status in (401, 403)
