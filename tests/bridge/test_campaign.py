"""The fault campaign in short: the same functions as `make campaign-bridge`, a few times each, with the same bounds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[2] / "benchmarks" / "campaign_bridge.py"
BUSY = 1.5  # runnable threads per processor above which a missed rate says nothing


def run(part: str) -> subprocess.CompletedProcess[str]:
    """One part in a process of its own: it counts its own threads, descriptors and children."""
    return subprocess.run(
        [sys.executable, str(CAMPAIGN), "--short", part], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("part", ["kills", "crashes", "cycles", "stubborn", "idle"])
def test_every_bound_of_the_campaign_holds(part):
    done = run(part)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_line_is_forwarded_at_no_less_than_half_the_rate_of_a_bare_loop():
    done = run("lines")
    told = done.stdout + done.stderr
    assert "byte was missing" not in done.stderr, told
    if done.returncode and (beside := others()):
        pytest.skip(f"rates cannot be compared {beside}; `make campaign-bridge` does: {done.stderr.strip()}")
    assert done.returncode == 0, told


def others():
    """Who else uses the processors; empty when nobody does."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return "beside other tests"
    load = os.getloadavg()[0]
    return f"on a machine this busy (load {load:.1f})" if load > BUSY * (os.cpu_count() or 1) else ""


def test_a_bound_that_is_missed_ends_the_campaign_with_1_and_the_figure(tmp_path):
    """No part is that bad by itself: the bound of one is moved."""
    code = f"""
import sys
sys.path.insert(0, {str(CAMPAIGN.parent)!r})
import campaign_bridge, bridge_faults
bridge_faults.NOTICE_S = 0.0
sys.exit(campaign_bridge.main(["--short", "--seed", "7", "crashes"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("seed 7, ")
    assert "missed: crash noticed, worst: 0." in done.stderr
