"""The fault campaign in short: the same functions as `make campaign-bridge`, a few times each, with the same bounds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[2] / "benchmarks" / "campaign_bridge.py"
BUSY = 1.5  # runnable threads per processor above which a missed rate says nothing
TRIES = 3  # a rate is compared on a machine that others use as well


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
    outputs = []
    for _ in range(TRIES):
        done = run("lines")
        outputs.append(done.stdout + done.stderr)
        assert "byte was missing" not in done.stderr, outputs
        if done.returncode == 0:
            return
    if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
        pytest.skip(f"rates cannot be compared on a machine this busy (load {os.getloadavg()[0]:.1f})")
    pytest.fail("\n".join(outputs))


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
