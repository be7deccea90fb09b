"""Looks at the system: memory, cgroup limits (v1 and v2), RLIMIT_AS, pressure stall information.

Parsers are pure; what is not there (another system, an old kernel, no limit) is left out.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from .levels import Bound, Readings, Stall

_UNLIMITED = 1 << 60  # cgroup v1 says "no limit" with a number near 2**63
_MOUNT_FIELDS = 10

Version = Literal[1, 2]


@dataclass(frozen=True, slots=True)
class Mount:
    """Where the memory controller of a cgroup version is mounted. `root`: which group of the host that shows."""

    version: Version
    root: str
    point: Path


@dataclass(frozen=True, slots=True)
class Group:
    """A folder of this process's cgroup, or of one above it."""

    version: Version
    folder: Path


def parse_mounts(mountinfo: str) -> list[Mount]:
    """The cgroup mounts in `/proc/self/mountinfo` (proc_pid_mountinfo(5)) that may hold a memory controller."""
    found = []
    for line in mountinfo.splitlines():
        words = line.split()
        if len(words) < _MOUNT_FIELDS or "-" not in words:
            continue
        kind, _, options = words[words.index("-") + 1 :][:3]
        if kind == "cgroup2":
            found.append(Mount(2, words[3], Path(words[4])))
        elif kind == "cgroup" and "memory" in options.split(","):
            found.append(Mount(1, words[3], Path(words[4])))
    return found


def parse_membership(cgroup: str) -> dict[Version, str]:
    """The groups in `/proc/self/cgroup` (cgroups(7)): `0::/a` is version 2, `4:memory:/a` version 1."""
    found: dict[Version, str] = {}
    for line in cgroup.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found[2] = path
        elif "memory" in controllers.split(","):
            found[1] = path
    return found


def folders(mount: Mount, path: str) -> Iterator[Path]:
    """The group's folder and all above it up to the mount: each one's limit holds. Paths may be the host's."""
    inner = path.removeprefix(mount.root) if mount.root != "/" else path
    words = [word for word in inner.split("/") if word not in ("", ".", "..")]
    for length in range(len(words), -1, -1):
        yield mount.point.joinpath(*words[:length])


def parse_stall(text: str) -> Stall | None:
    """`some avg10=1.50 avg60=... total=...` and `full ...`; None when it is something else."""
    found = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        values = dict(word.partition("=")[::2] for word in rest.split())
        with contextlib.suppress(KeyError, ValueError):
            found[kind] = float(values["avg10"])
    return Stall(found["some"], found.get("full", 0.0)) if "some" in found else None


def parse_number(text: str) -> int | None:
    """A limit in bytes; None for `max`, for version 1's way of saying so, and for what is no number."""
    word = text.strip()
    if not (word.isascii() and word.isdigit()):
        return None
    number = int(word)
    return number if number < _UNLIMITED else None


def parse_table(text: str) -> dict[str, int]:
    """`name number` a line, as in memory.stat."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004


class Probe:
    """Reads everything below `root`, which is `/` but in tests."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._groups = tuple(self._find_groups())

    def read(self) -> Readings:
        """One look, about a quarter of a millisecond."""
        memory = psutil.virtual_memory()
        own = psutil.Process().memory_info()  # made anew: after a fork it is another one
        bounds = [Bound("system", memory.total, memory.total - memory.available), *self._cgroup_bounds()]
        bounds += _address_space(own.vms)
        return Readings(tuple(bounds), self._stall(), own.rss, own.vms)

    def _find_groups(self) -> Iterable[Group]:
        membership = parse_membership(self._text(Path("/proc/self/cgroup")))
        for mount in parse_mounts(self._text(Path("/proc/self/mountinfo"))):
            if mount.version in membership:
                yield from (Group(mount.version, folder) for folder in folders(mount, membership[mount.version]))

    def _cgroup_bounds(self) -> Iterator[Bound]:
        for group in self._groups:
            bound = self._bound_v2(group.folder) if group.version == 2 else self._bound_v1(group.folder)  # noqa: PLR2004
            if bound is not None:
                yield bound

    def _bound_v2(self, folder: Path) -> Bound | None:
        # memory.high throttles: who reaches it crawls, so it counts like memory.max.
        limits = [parse_number(self._text(folder / name)) for name in ("memory.max", "memory.high")]
        used = parse_number(self._text(folder / "memory.current"))
        return self._bound(folder, min((it for it in limits if it is not None), default=None), used, "inactive_file")

    def _bound_v1(self, folder: Path) -> Bound | None:
        limit = parse_number(self._text(folder / "memory.limit_in_bytes"))
        used = parse_number(self._text(folder / "memory.usage_in_bytes"))
        return self._bound(folder, limit, used, "total_inactive_file")

    def _bound(self, folder: Path, limit: int | None, used: int | None, reclaimable: str) -> Bound | None:
        """Page cache that was not used of late is given back before anything fails: it counts as free."""
        if limit is None or used is None:
            return None
        table = parse_table(self._text(folder / "memory.stat"))
        return Bound("cgroup", limit, max(used - table.get(reclaimable, 0), 0))

    def _stall(self) -> Stall | None:
        """Of this process's own cgroup where the kernel tells it, else of the machine."""
        own = next((group.folder / "memory.pressure" for group in self._groups if group.version == 2), None)  # noqa: PLR2004
        places = [own] if own is not None else []
        for place in [*places, Path("/proc/pressure/memory")]:
            if (stall := parse_stall(self._text(place))) is not None:
                return stall
        return None

    def _text(self, path: Path) -> str:
        try:
            return self._root.joinpath(*path.parts[1:]).read_text("utf-8", "replace")
        except OSError:
            return ""


def _address_space(used: int) -> list[Bound]:
    """RLIMIT_AS: allocations fail when the virtual size reaches it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if limit in (resource.RLIM_INFINITY, -1) else [Bound("rlimit", limit, used)]
