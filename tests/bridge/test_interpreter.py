"""Which Python runs the sidecar, per platform and PATH; and why not another."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import Failure, FailureKind
from mediabridge.bridge.interpreter import OLDEST, Machine, candidates, find, version_of

OWN = "/opt/host/bin/python"
NEW, OLD = (3, 12), (3, 8)
Version = tuple[int, int] | str


@dataclass
class Disk:
    """Interpreters by their path, and what a bare name means on PATH."""

    programs: dict[str, Version] = field(default_factory=dict)
    on_path: dict[str, str] = field(default_factory=dict)

    def which(self, name: str, _path: str | None) -> str | None:
        path = self.on_path.get(name, name)
        return path if path in self.programs else None

    def version_of(self, path: str) -> Version:
        return self.programs[path]

    def machine(self, *, windows: bool = False, venv: str | None = None, own: str = "") -> Machine:
        environ = {"PATH": "/usr/bin"} | ({"VIRTUAL_ENV": venv} if venv else {})
        version = self.programs.get(own, NEW)
        assert not isinstance(version, str)
        return Machine(environ, windows, own, version, self.which, self.version_of)


VERSIONS: st.SearchStrategy[Version | None] = st.sampled_from([NEW, OLDEST, OLD, "is not a Python interpreter", None])
NAMES = {False: ("python3", "python"), True: ("py", "python", "python3")}


def inside(venv: str, windows: bool) -> str:
    return f"{venv}/Scripts/python.exe" if windows else f"{venv}/bin/python"


@settings(max_examples=500)
@given(
    windows=st.booleans(),
    explicit=VERSIONS | st.just("not set"),
    venv=VERSIONS | st.just("not set"),
    own=st.sampled_from([NEW, OLD, None]),
    path=st.lists(VERSIONS, min_size=3, max_size=3),
)
def test_property_the_right_interpreter_per_platform_and_path(
    windows: bool, explicit: Version | None, venv: Version | None, own: Version | None, path: list[Version | None]
) -> None:
    """Explicit or none; else the first that fits of: active venv, own, PATH in the platform's order of names."""
    found: list[tuple[str, Version | None]] = []
    if venv != "not set":
        found.append((inside("/venv", windows), venv))
    if own is not None:
        found.append((OWN, own))
    names = NAMES[windows]
    found += [(f"/usr/bin/{name}", version) for name, version in zip(names, path, strict=False)]
    disk = Disk(
        {where: version for where, version in found if version is not None}, {n: f"/usr/bin/{n}" for n in names}
    )
    if explicit not in ("not set", None):
        disk.programs["/my/python"] = explicit  # type: ignore[assignment]
    machine = disk.machine(windows=windows, venv="/venv" if venv != "not set" else None, own=OWN if own else "")
    answer = find(machine, "/my/python" if explicit != "not set" else None)
    if explicit != "not set":
        found = [("/my/python", explicit)]
    good = [where for where, version in found if isinstance(version, tuple) and version >= OLDEST]
    assert answer == good[0] if good else isinstance(answer, Failure)


@settings(max_examples=200)
@given(st.lists(VERSIONS, min_size=2, max_size=2), VERSIONS)
def test_property_every_refusal_has_its_reason(path: list[Version | None], venv: Version | None) -> None:
    versions = dict(zip(["/venv/bin/python", "python3", "python"], [venv, *path], strict=True))
    disk = Disk({where: version for where, version in versions.items() if version is not None})
    answer = find(disk.machine(venv="/venv"))
    if isinstance(answer, str):
        return
    for where, version in versions.items():
        reason = {None: "was not found", OLD: "is Python 3.8, too old (needs 3.11 or newer)"}.get(version, version)
        assert f"{where} {reason}" in answer.message
    assert answer.permanent
    assert "PYTHON_PATH" in answer.suggestion
    assert answer.kind is (FailureKind.PYTHON_TOO_OLD if OLD in versions.values() else FailureKind.PYTHON_NOT_FOUND)


def test_an_explicit_one_is_never_silently_replaced() -> None:
    disk = Disk({"/venv/bin/python": NEW, OWN: NEW, "python3": NEW})
    answer = find(disk.machine(venv="/venv", own=OWN), "/gone/python", own_first=True)
    assert isinstance(answer, Failure)
    assert "PYTHON_PATH: /gone/python does not exist or may not be executed" in answer.message
    assert "unset it" in answer.suggestion


def test_an_explicit_one_may_be_a_name_on_path() -> None:
    disk = Disk({"/usr/bin/python3.12": NEW}, {"python3.12": "/usr/bin/python3.12"})
    assert find(disk.machine(), "python3.12") == "/usr/bin/python3.12"


def test_the_default_sidecar_prefers_this_programs_own_to_a_virtual_environment() -> None:
    disk = Disk({"/venv/bin/python": NEW, OWN: NEW})
    assert find(disk.machine(venv="/venv", own=OWN), own_first=True) == OWN


def test_an_own_one_that_is_too_old_is_not_preferred() -> None:
    disk = Disk({OWN: OLD, "python3": NEW})
    assert find(disk.machine(own=OWN), own_first=True) == "python3"


def test_a_program_without_interpreter_of_its_own_looks_on_path() -> None:
    disk = Disk({"python3": NEW})
    assert find(disk.machine(own=""), own_first=True) == "python3"


@pytest.mark.parametrize("windows", [False, True])
def test_the_names_of_the_platform(windows: bool) -> None:
    machine = Disk().machine(windows=windows, venv="/venv")
    assert [name for _, name in candidates(machine)] == [inside("/venv", windows), *NAMES[windows]]


def test_the_search_path_of_the_environment_is_used() -> None:
    asked = []
    machine = Machine({"PATH": "/only/here"}, False, "", NEW, lambda name, path: asked.append(path), lambda path: NEW)
    find(machine)
    assert set(asked) == {"/only/here"}


def program(folder: Path, text: str, mode: int = 0o755) -> str:
    path = folder / "python"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_real_interpreter_tells_its_version() -> None:
    assert version_of(sys.executable) == sys.version_info[:2]


def test_a_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    assert version_of(program(tmp_path, "#!/bin/sh\necho hello\n")) == "is not a Python interpreter"


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    assert version_of(program(tmp_path, "hello")) == "cannot be executed (Exec format error)"


def test_a_file_without_the_right_to_run_is_refused(tmp_path: Path) -> None:
    path = program(tmp_path, "#!/bin/sh\n", 0o644)
    answer = find(Machine({"PATH": ""}), path)
    assert isinstance(answer, Failure)
    assert f"{path} does not exist or may not be executed" in answer.message


def test_an_old_python_is_refused_by_its_version(tmp_path: Path) -> None:
    answer = find(Machine({"PATH": ""}), program(tmp_path, "#!/bin/sh\necho 3 9\n"))
    assert isinstance(answer, Failure)
    assert answer.kind is FailureKind.PYTHON_TOO_OLD
    assert "is Python 3.9, too old (needs 3.11 or newer)" in answer.message
