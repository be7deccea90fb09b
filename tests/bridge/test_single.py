"""One leader per host: the lock file between real processes, and the state beside it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import (
    Address,
    ExitStatus,
    Failure,
    FailureKind,
    ReplicaStatus,
    State,
    Status,
    WhyNotReady,
    status_json,
)
from mediabridge.bridge.control import status_from
from mediabridge.bridge.single import Published, Single, key_of, runtime_folder

from .doubles import until

PROGRAM = """
import sys
from pathlib import Path
from mediabridge.bridge.single import Single
single = Single("key", Path(sys.argv[1]))
print(single.try_lead(), flush=True)
for line in sys.stdin:
    {work}
"""


@contextmanager
def process(folder: Path, work: str = "pass") -> Iterator[tuple[subprocess.Popen[str], bool]]:
    """Another process that tries to lead, and whether it does; each line on its stdin has it do its work."""
    command = [sys.executable, "-c", PROGRAM.format(work=work), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield other, other.stdout.readline() == "True\n"
        other.kill()


def test_the_first_leads_and_the_second_does_not(tmp_path: Path) -> None:
    with process(tmp_path) as (_, first), process(tmp_path) as (_, second):
        assert (first, second) == (True, False)


def test_two_keys_have_two_leaders(tmp_path: Path) -> None:
    single = Single("other", tmp_path)
    with process(tmp_path) as (_, first):
        assert (first, single.try_lead()) == (True, True)
    single.release()


def test_the_lock_ends_with_a_leader_that_was_killed(tmp_path: Path) -> None:
    single = Single("key", tmp_path)
    with process(tmp_path) as (leader, _):
        assert not single.try_lead()
        os.kill(leader.pid, signal.SIGKILL)
        leader.wait()
        assert single.try_lead()
    single.release()


def test_the_lock_ends_with_its_leader_though_a_forked_copy_of_it_lives(tmp_path: Path) -> None:
    """A server that forks its workers after the start must not keep the lock in them."""
    single = Single("key", tmp_path)
    work = "import os, time; pid = os.fork(); print(pid, flush=True) if pid else time.sleep(60)"
    with process(tmp_path, work) as (leader, _):
        assert leader.stdin is not None
        assert leader.stdout is not None
        leader.stdin.write("fork\n")
        leader.stdin.flush()
        copy = int(leader.stdout.readline())
        os.kill(leader.pid, signal.SIGKILL)
        leader.wait()
        try:
            until(single.try_lead, "the copy holds the lock")
        finally:
            os.kill(copy, signal.SIGKILL)
    single.release()


def test_trying_again_and_again_leaves_no_descriptor(tmp_path: Path) -> None:
    first, second = Single("key", tmp_path), Single("key", tmp_path)
    first.try_lead()
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert not any(second.try_lead() for _ in range(10))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    first.release()


def test_a_lock_that_is_given_back_can_be_taken(tmp_path: Path) -> None:
    first, second = Single("key", tmp_path), Single("key", tmp_path)
    assert first.try_lead()
    first.release()
    assert second.try_lead()
    second.release()


def test_leading_again_changes_nothing(tmp_path: Path) -> None:
    single = Single("key", tmp_path)
    assert single.try_lead()
    assert single.try_lead()
    single.release()
    assert not single.leads


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    first, second = Single("key", tmp_path), Single("key", tmp_path)
    first.try_lead()
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(wait, stdin=subprocess.PIPE, close_fds=False):
        first.release()
        until(second.try_lead, "the child holds the lock")  # the kernel closes at exec, which may still be under way
    second.release()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
EXITS = st.builds(ExitStatus, st.none() | st.integers(0, 255), st.none() | st.sampled_from(["SIGKILL", "SIGSEGV"]))
FAILURES = st.builds(
    Failure, st.sampled_from(FailureKind), TEXT, TEXT, TEXT, st.booleans(), st.none() | EXITS, TEXT, TEXT
)
NUMBERS = st.none() | st.integers(0, 2**40)
PROCESS = {
    "pid": NUMBERS,
    "started_at": TIMES,
    "last_health_check_at": TIMES,
    "restarts": st.integers(0, 999),
    "last_exit": st.none() | EXITS,
    "rss_bytes": NUMBERS,
}
REPLICAS = st.builds(ReplicaStatus, TEXT, st.sampled_from(State), **PROCESS)
STATUSES = st.builds(
    Status,
    st.sampled_from(State),
    st.none() | st.sampled_from(WhyNotReady),
    **PROCESS,
    failure=st.none() | FAILURES,
    retry_after_s=st.none() | st.floats(0, 100),
    replicas=st.lists(REPLICAS, max_size=3).map(tuple),
)
ADDRESSES = st.builds(Address, TEXT, st.integers(0, 65535), st.none() | TEXT)
PUBLISHED = st.builds(
    Published,
    st.integers(1, 2**22),
    TEXT,
    STATUSES,
    st.lists(st.tuples(ADDRESSES, st.integers(0, 2**22)), max_size=3).map(tuple),
)


@settings(max_examples=300)
@given(STATUSES)
def test_property_a_status_survives_json(status: Status) -> None:
    assert status_from(json.loads(json.dumps(status_json(status)))) == status


@settings(max_examples=100, deadline=None)
@given(PUBLISHED)
def test_property_a_follower_reads_what_the_leader_published(content: Published) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Single("key", Path(folder)).publish(content)
        assert Single("key", Path(folder)).read() == content


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["pid", "status", "state"]), inner),
)
CONTENTS = st.one_of(
    st.binary(max_size=100),
    JSON.map(lambda it: json.dumps(it).encode()),
    st.builds(lambda it, end: json.dumps(status_json(it)).encode()[:end], STATUSES, st.integers(0, 300)),
)


@settings(max_examples=120, deadline=None)
@given(CONTENTS)
def test_property_a_state_that_cannot_be_read_is_none(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "key.json").write_bytes(content)
        assert Single("key", Path(folder)).read() is None


@settings(max_examples=120, deadline=None)
@given(PUBLISHED, st.data())
def test_property_a_state_with_a_wrong_part_never_raises(content: Published, data: st.DataObject) -> None:
    """Of another version, say: a field is missing, or is something else."""
    with tempfile.TemporaryDirectory() as folder:
        path, single = Path(folder) / "key.json", Single("key", Path(folder))
        single.publish(content)
        whole = json.loads(path.read_text())
        part = data.draw(st.sampled_from([whole, whole["status"], *whole["status"]["replicas"]]))
        name = data.draw(st.sampled_from(sorted(part)))
        if data.draw(st.booleans()):
            del part[name]
        else:
            part[name] = data.draw(JSON)
        path.write_text(json.dumps(whole))
        answer = single.read()
        assert answer is None or isinstance(answer.status, Status)


def published(token: str = "token") -> Published:
    return Published(1, token, Status(State.READY, None), ((Address("127.0.0.1", 5001), 7),))


def test_nothing_published_is_none(tmp_path: Path) -> None:
    assert Single("key", tmp_path).read() is None


def test_a_state_of_endless_brackets_is_none(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("[" * 100_000)
    assert Single("key", tmp_path).read() is None


def test_the_state_is_for_this_user_only(tmp_path: Path) -> None:
    """It holds the token."""
    Single("key", tmp_path).publish(published())
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600


def test_the_state_goes_with_the_leader(tmp_path: Path) -> None:
    leader = Single("key", tmp_path)
    leader.try_lead()
    leader.publish(published())
    leader.release()
    assert Single("key", tmp_path).read() is None


def test_what_could_not_be_published_is_published_the_next_time(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    single = Single("key", folder)
    with pytest.raises(FileNotFoundError):
        single.publish(published())
    folder.mkdir()
    single.publish(published())
    assert single.read() == published()


def test_nothing_is_left_but_lock_and_state(tmp_path: Path) -> None:
    single = Single("key", tmp_path)
    single.try_lead()
    for number in range(5):
        single.publish(published(str(number)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.json", "key.lock"]
    single.release()


@settings(max_examples=100)
@given(st.lists(TEXT, min_size=1, max_size=4), st.lists(TEXT, min_size=1, max_size=4))
def test_property_the_key_tells_apart_what_differs(one: list[str], other: list[str]) -> None:
    same = "\0".join(one) == "\0".join(other)
    assert (key_of(*one) == key_of(*other)) == same


def test_the_runtime_folder_is_for_this_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder() == tmp_path / "mediabridge"
    assert stat.S_IMODE(runtime_folder().stat().st_mode) == 0o700
