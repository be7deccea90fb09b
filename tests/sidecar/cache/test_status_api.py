"""`GET /api/status/system` and `GET /api/cache/stats` of a real sidecar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil


def test_the_status_tells_cache_and_memory(start_sidecar: Callable[..., Any], tmp_path: Path) -> None:
    sidecar = start_sidecar(CACHE_PROFILE="constrained", CACHE_PATH=str(tmp_path / "elsewhere"))
    answer = sidecar.get("/api/status/system")
    assert answer.status == 200
    assert answer.json.keys() == {"cache", "memory"}
    cache, memory = answer.json["cache"], answer.json["memory"]
    assert (cache["max_memory_entries"], cache["max_disk_size_mb"], cache["hit_rate_percent"]) == (200, 100, 0)
    assert cache["memory_pressure"]["system"]["percent"] == memory["system"]["percent"]
    assert 0 < memory["system"]["total_mb"] <= psutil.virtual_memory().total / 1024**2 + 0.01
    assert memory["process"]["rss_mb"] > 1
    assert memory["pressure_level"] in {"NORMAL", "ELEVATED", "HIGH", "CRITICAL"}
    assert list((tmp_path / "elsewhere" / "results").glob("results-*.db"))


def test_the_figures_of_the_cache_are_there_in_detail(start_sidecar: Callable[..., Any], tmp_path: Path) -> None:
    sidecar = start_sidecar(CACHE_PATH=str(tmp_path / "elsewhere"))
    found = sidecar.get("/api/cache/stats").json
    assert {"hits", "misses", "hit_rate_percent", "pressure_evictions", "memory_pressure"} <= found.keys()
    assert found["detailed"]["disk"]["path"] == str(tmp_path / "elsewhere" / "results")
    assert found["detailed"]["disk"]["enabled"] is True


def test_a_cache_that_cannot_be_written_is_a_fact_and_not_an_error(
    start_sidecar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    sidecar = start_sidecar(CACHE_PATH=str(tmp_path / "file"))
    found = sidecar.get("/api/cache/stats")
    assert found.status == 200
    assert found.json["disk_enabled"] is False
    assert found.json["detailed"]["disk"]["reason"]
    assert sidecar.log.count("without its disk") == 1


def test_memory_that_is_nearly_exhausted_shows(start_sidecar: Callable[..., Any], until: Callable[..., Any]) -> None:
    sidecar = start_sidecar()
    own = psutil.Process(sidecar.process.pid)
    own.rlimit(psutil.RLIMIT_AS, (int(own.memory_info().vms / 0.965), psutil.RLIM_INFINITY))
    until(lambda: sidecar.get("/api/status/system").json["memory"]["critical"])
    found = sidecar.get("/api/status/system").json
    assert found["memory"]["system"]["bound"] == "rlimit"
    assert found["cache"]["pressure_events"] == 1
