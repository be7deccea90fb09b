"""What the kernel says: cgroups of both versions, stalls, limits of the process. Files as systems have them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.cache import meminfo
from mediabridge.sidecar.cache.levels import Bound, Stall
from mediabridge.sidecar.cache.meminfo import Probe

from .conftest import PATHS

V2 = "31 23 0:26 {root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "35 31 0:32 {root} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
V1_CPU = "36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"


def tree(root: Path, files: Mapping[str, str]) -> Probe:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Probe(root)


def cgroups(probe: Probe) -> list[Bound]:
    return [bound for bound in probe.read().bounds if bound.name == "cgroup"]


def test_version_2_in_a_container_of_its_own_namespace(tmp_path: Path) -> None:
    probe = tree(tmp_path, {
        "proc/self/mountinfo": V2.format(root="/"), "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": "1000000\n", "sys/fs/cgroup/memory.high": "max\n",
        "sys/fs/cgroup/memory.current": "900000\n", "sys/fs/cgroup/memory.stat": "anon 5\ninactive_file 300000\n",
        "sys/fs/cgroup/memory.pressure": "some avg10=1.50 avg60=0 total=9\nfull avg10=0.25 total=3\n",
        "proc/pressure/memory": "some avg10=99.00 avg60=0 avg300=0 total=9\n",
    })  # fmt: skip
    assert cgroups(probe) == [Bound("cgroup", 1_000_000, 600_000)]
    assert probe.read().stall == Stall(1.5, 0.25)  # of the container, not of its noisy neighbours


def test_version_2_every_group_above_counts_and_high_like_max(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    probe = tree(tmp_path, {
        "proc/self/mountinfo": V2.format(root="/"), "proc/self/cgroup": "0::/user.slice/media.service\n",
        f"{base}/user.slice/media.service/memory.max": "max\n",
        f"{base}/user.slice/media.service/memory.high": "5000\n",
        f"{base}/user.slice/media.service/memory.current": "100\n",
        f"{base}/user.slice/memory.max": "9000\n", f"{base}/user.slice/memory.current": "8000\n",
        "proc/pressure/memory": "some avg10=3.00 avg60=0 avg300=0 total=9\nfull avg10=2.00 avg60=0 avg300=0 total=9\n",
    })  # fmt: skip
    assert cgroups(probe) == [Bound("cgroup", 5000, 100), Bound("cgroup", 9000, 8000)]
    assert probe.read().stall == Stall(3, 2)


def test_version_1_beside_version_2_without_controllers(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/memory"
    probe = tree(tmp_path, {
        "proc/self/mountinfo": V1_CPU + V1.format(root="/") + V2.format(root="/"),
        "proc/self/cgroup": "5:cpu:/x\n4:memory:/a/b\n0::/\n",
        f"{base}/a/b/memory.limit_in_bytes": "4000\n", f"{base}/a/b/memory.usage_in_bytes": "3000\n",
        f"{base}/a/b/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n",
        f"{base}/memory.limit_in_bytes": "9223372036854771712\n", f"{base}/memory.usage_in_bytes": "77\n",
    })  # fmt: skip
    assert cgroups(probe) == [Bound("cgroup", 4000, 2500)]
    assert probe.read().stall is None


def test_a_container_that_sees_paths_of_its_host(tmp_path: Path) -> None:
    """Docker without a cgroup namespace: the path is the host's, the mount shows only the container's part."""
    probe = tree(tmp_path, {
        "proc/self/mountinfo": V1.format(root="/docker/c0ffee"), "proc/self/cgroup": "4:memory:/docker/c0ffee\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "4000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
    })  # fmt: skip
    assert cgroups(probe) == [Bound("cgroup", 4000, 1)]


def test_where_there_is_nothing_of_all_this_the_machine_counts(tmp_path: Path) -> None:
    found = Probe(tmp_path).read()
    assert [bound.name for bound in found.bounds if bound.name != "rlimit"] == ["system"]
    assert found.bounds[0].limit == psutil.virtual_memory().total
    assert found.stall is None
    assert 0 < found.process_rss <= found.process_vms


@given(st.text())
def test_no_text_of_a_kernel_breaks_a_parser(text: str) -> None:
    for parse in (meminfo.parse_mounts, meminfo.parse_membership, meminfo.parse_stall, meminfo.parse_table):
        parse(text)
    number = meminfo.parse_number(text)
    assert number is None or number >= 0


@pytest.mark.parametrize("text", ["max", "", "-1", "9223372036854771712", "x", "1.5"])
def test_no_limit_is_no_limit(text: str) -> None:
    assert meminfo.parse_number(text) is None


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b"]), max_size=6))
def test_no_group_leads_out_of_the_mount(words: list[str]) -> None:
    mount = meminfo.Mount(2, "/", Path("/sys/fs/cgroup"))
    found = list(meminfo.folders(mount, "/".join(["", *words])))
    assert all(folder.is_relative_to(mount.point) and ".." not in folder.parts for folder in found)
    assert found[-1] == mount.point


def test_the_limit_of_address_space_counts_in_a_real_process() -> None:
    code = (
        "import json, resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from mediabridge.sidecar.cache.meminfo import Probe\n"
        "from mediabridge.sidecar.cache import MemoryPressureMonitor\n"
        "monitor = MemoryPressureMonitor(critical_threshold=0.0, high_threshold=0.0, elevated_threshold=0.0)\n"
        "block = bytearray(700 << 20)\n"
        "stats = monitor.get_current_stats()\n"
        "print(json.dumps([stats.bound, stats.system_total_mb, stats.system_percent]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": PATHS}, capture_output=True, check=True)
    bound, total, percent = json.loads(done.stdout)
    assert (bound, total) == ("rlimit", 1024)
    assert percent > 68
