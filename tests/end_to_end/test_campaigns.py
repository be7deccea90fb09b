"""The short forms of `make campaign-extract`, `campaign-store`, `campaign-library`: each part must hold its bounds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GROUPS = Path("/sys/fs/cgroup")


def campaign(*parts: str, name: str = "campaign_extract") -> None:
    command = [sys.executable, str(ROOT / f"benchmarks/{name}.py"), *parts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("part", ["large", "crowd"])
def test_uploads_large_and_many_stay_within_their_bounds(part: str, exiftool: str) -> None:
    campaign("--short", part)


def test_the_service_lives_on_little_memory(exiftool: str) -> None:
    if not control_groups():
        pytest.skip("needs a control group of its own, which root may make")
    campaign("--short", "limited")


def test_uploads_outlive_the_death_of_sidecar_and_worker() -> None:
    campaign("--uploads", "500", "--every", "0.7", name="campaign_store")


def test_imports_and_exports_outlive_the_death_of_sidecar_and_worker(exiftool: str) -> None:
    campaign("--kills", "3", "--files", "40", "--part", "kills", name="campaign_library")


def test_many_who_write_at_once_do_not_lock_each_other_out(exiftool: str) -> None:
    campaign("--minutes", "0.1", "--part", "writers", name="campaign_library")


def control_groups() -> bool:
    old = not (GROUPS / "cgroup.controllers").exists()
    probe = (GROUPS / "memory" if old else GROUPS) / f"mediabridge-test-{os.getpid()}"
    try:
        probe.mkdir()
        limit = (probe / ("memory.limit_in_bytes" if old else "memory.max")).exists()
        probe.rmdir()
    except OSError:
        return False
    return limit
