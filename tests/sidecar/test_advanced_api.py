"""`POST /api/extract/advanced`, and what the cache does behind every door: the real sidecar, real files."""

import threading
from typing import Any

import pytest
from PIL import Image

from .conftest import form


def picture(folder: Any, name: str, **save: Any) -> bytes:
    path = folder / name
    Image.linear_gradient("L").resize((120, 80)).convert("RGB").save(path, **save)
    content: bytes = path.read_bytes()
    return content


def test_the_analysis_comes_with_the_answer(start_sidecar: Any, exiftool: Any, tmp_path: Any) -> None:
    sidecar = start_sidecar()
    content = picture(tmp_path, "a.jpg", quality=80) + b"behind the end"
    answer = advanced(sidecar, content, "forensic")
    assert answer.status == 200
    told = answer.json
    assert (told["file"]["size"], told["tier"]) == (len(content), "forensic")
    analysis = told["analysis"]
    assert analysis["examined"]["hashes"]["facts"]["sha256"] == told["file"]["sha256"]
    assert "trailing" in {finding["analysis"] for finding in analysis["findings"]}
    for finding in analysis["findings"]:
        assert set(finding) == {"analysis", "kind", "what", "where", "confidence", "method", "data"}
    assert sidecar.uploads == []


def advanced(sidecar: Any, content: bytes, tier: str) -> Any:
    body, kind = form([("file", "a.jpg", content)], {"tier": tier})
    return sidecar.request("POST", "/api/extract/advanced", body, {"Content-Type": kind})


@pytest.mark.parametrize("tier", ["free", "premium"])
def test_other_tiers_are_refused(start_sidecar: Any, tmp_path: Any, tier: str) -> None:
    sidecar = start_sidecar()
    answer = advanced(sidecar, picture(tmp_path, "a.jpg"), tier)
    assert (answer.status, answer.json["code"]) == (403, "forbidden_tier")
    assert sidecar.uploads == []


def test_the_same_content_is_read_once_for_all_names_and_tiers(
    start_sidecar: Any, exiftool: Any, tmp_path: Any
) -> None:
    sidecar = start_sidecar()
    content = picture(tmp_path, "a.png")
    first = sidecar.extract("first.png", content).json
    second = sidecar.extract("second.png", content, tier="free").json
    assert (first["cached"], second["cached"]) == (False, True)
    assert second["metadata"]["File"]["FileName"] == "second.png"
    assert second["fields"]["returned"] <= first["fields"]["returned"]
    assert sidecar.get("/api/extract/health").json["pool"]["completed"] == 2, "one file, and the health check's own"
    stats = sidecar.get("/api/cache/stats").json
    assert stats["hit_rate_percent"] > 0
    assert "memory_pressure" in sidecar.get("/api/status/system").json["cache"]


def test_a_hit_needs_no_exiftool(start_sidecar: Any, exiftool: Any, tmp_path: Any) -> None:
    sidecar = start_sidecar()
    content = picture(tmp_path, "a.png")
    assert sidecar.extract("a.png", content).status == 200
    tools = sidecar.tools
    for tool in tools:
        tool.suspend()
    try:
        assert sidecar.extract("b.png", content).json["cached"] is True
    finally:
        for tool in tools:
            tool.resume()


def test_clients_that_ask_at_once_share_one_reading(start_sidecar: Any, exiftool: Any, tmp_path: Any) -> None:
    sidecar = start_sidecar()
    content = picture(tmp_path, "a.png")
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(sidecar.extract(f"{n}.png", content).json))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answer["metadata"]["File"]["FileName"] for answer in answers) == sorted(f"{n}.png" for n in range(12))
    assert sum(not answer["cached"] for answer in answers) == 1
