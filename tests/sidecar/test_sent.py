"""Numbers and JSON that no client means: an error of the contract, and no memory for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

MIB = 1024 * 1024
JSON = [
    ("POST", "/optimize-for-ai"),
    ("POST", "/api/import-path"),
    ("POST", "/api/library/export"),
    ("POST", "/api/library/files/1/decision"),
    ("POST", "/api/library/duplicates/1/decision"),
    ("PUT", "/api/library/settings"),
    ("POST", "/api/deepfake/feedback"),
]
HUGE = "1" + "0" * 5000
NUMBERS = [
    "/api/jobs?limit={}", "/api/jobs?offset={}", "/api/library/files?limit={}", "/api/library/files/{}",
    "/api/library/files/{}/thumbnail", "/api/library/duplicates/{}",
]  # fmt: skip


@pytest.fixture(scope="module")
def served(start_shared: Any, stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return start_shared(EXIFTOOL_PATH=str(stand_in), INSTANCE_PATH=str(tmp_path_factory.mktemp("instance")))


@pytest.mark.parametrize(("method", "path"), JSON)
@pytest.mark.parametrize("body", [b"[" * 20_000, b'{"a":' * 10_000, b"1" * 10_000, b"\xff", b'{"a": 1'])
def test_what_is_no_json_object(served: Any, method: str, path: str, body: bytes) -> None:
    answer = served.request(method, path, body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.body


@pytest.mark.parametrize(("method", "path"), JSON)
def test_json_beyond_reason_takes_no_memory(served: Any, method: str, path: str) -> None:
    process = psutil.Process(served.process.pid)
    before = process.memory_info().rss
    answer = served.request(method, path, b'{"a": "' + b"x" * (40 * MIB) + b'"}', {"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (413, "payload_too_large"), answer.body
    assert process.memory_info().rss - before < 20 * MIB


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize("number", [HUGE, "0" * 5000 + "1", "9" * 19, "9" * 20, "0" * 30 + "1", "-1", "1e3", "٣"])
def test_a_number_that_is_none(served: Any, path: str, number: str) -> None:
    from urllib.parse import quote

    answer = served.get(path.format(quote(number)))
    assert answer.status in (400, 404), answer.body
    assert {"code", "message", "suggestion"} <= set(answer.json)
