"""One sidecar per host, however many workers it has: pitfall 17 of research/bridge_proxy.md §3."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .hosting import host
from .load import get
from .processes import MARK, SIDECARS, gone_within, living, sweep, until, without_watchers

WORKERS = 3
APPLICATION = {"target": ["application:app"], "fields": {"cwd": str(SIDECARS)}}


class Uvicorn:
    """`uvicorn --workers 3 lifespan:app`."""

    def __init__(self, folder: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.folder = folder
        self.url = f"http://127.0.0.1:{_free_port()}"
        environ = {
            **os.environ,
            MARK: self.mark,
            "XDG_RUNTIME_DIR": str(folder),
            "SHARED_PORT": str(_free_port()),
        }
        command = (
            f"-m uvicorn --workers {WORKERS} --app-dir {SIDECARS} --port {self.url.rpartition(':')[2]} lifespan:app"
        )
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command.split()], env=environ, cwd=folder, stdout=output, stderr=output
            )

    def workers(self) -> dict[int, dict[str, Any]]:
        """What each worker that answers now sees; a few more requests than workers, as the kernel deals them out."""
        answers = [get(self.url, "", "/", timeout_s=2) for _ in range(6 * WORKERS)]
        seen = [json.loads(one.body) for one in answers if not one.error]
        return {one.pop("worker"): one for one in seen}

    def agreed(self) -> dict[str, Any] | None:
        """What all workers see, when all answer, are ready, and see the same."""
        seen = self.workers()
        views = list(seen.values())
        same = len(seen) == WORKERS and all(view == views[0] for view in views)
        return views[0] if same and views[0]["ready"] and alive_sidecars(self.mark) == [views[0]["sidecar"]] else None

    def all_agree(self) -> dict[str, Any]:
        """Wait for that."""
        output = self.folder / "output"
        return until(self.agreed, 20, lambda: f"three workers that see one sidecar; {output.read_text()}")

    @property
    def leader(self) -> int:
        """Pid of the worker that holds the sidecar."""
        (state,) = (self.folder / "mediabridge").glob("*.json")
        return json.loads(state.read_text())["pid"]


def alive_sidecars(mark: str) -> list[int]:
    """Pids that run the bridge's WSGI runner."""
    return [pid for pid in without_watchers(mark) if b"wsgi_runner.py" in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def uvicorn(folder: Path) -> Iterator[Uvicorn]:
    """A server that leaves nothing, however it ends."""
    server = Uvicorn(folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(10)
        sweep(server.mark)


def test_three_workers_start_one_sidecar_and_another_takes_over_when_the_leader_is_killed(tmp_path):
    """Pitfall 17: kill -9 of the leading worker twice; in the end SIGTERM, and nothing is left."""
    with uvicorn(tmp_path) as server:
        first = server.all_agree()
        for _ in range(2):
            leader = server.leader
            os.kill(leader, signal.SIGKILL)
            until(lambda old=first: (server.agreed() or old)["sidecar"] != old["sidecar"], 20, "another sidecar")
            second = server.all_agree()
            assert server.leader != leader
            assert second["token"] != first["token"]
            assert second["url"] == first["url"]
            assert not get(second["url"], second["token"], "/").error
            first = second
        server.process.terminate()
        assert server.process.wait(10) in (0, -signal.SIGTERM)
        gone_within(server.mark)


def test_a_follower_that_is_killed_changes_nothing(tmp_path):
    """Pitfall 17: the sidecar is the leader's."""
    with uvicorn(tmp_path) as server:
        before = server.all_agree()
        follower = next(worker for worker in server.workers() if worker != server.leader)
        os.kill(follower, signal.SIGKILL)
        until(lambda: follower not in server.workers() and len(server.workers()) == WORKERS, 20, "a new follower")
        assert server.all_agree() == before


def test_a_server_that_is_killed_with_its_workers_leaves_nothing(tmp_path):
    """Pitfall 17: kill -9 of all at once. (Of uvicorn alone, its workers serve on, and so does the sidecar.)"""
    with uvicorn(tmp_path) as server:
        server.all_agree()
        sidecars = alive_sidecars(server.mark)
        for pid in without_watchers(server.mark):
            if pid not in sidecars:
                os.kill(pid, signal.SIGKILL)
        server.process.wait(10)
        gone_within(server.mark)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked"])
def test_the_next_host_takes_over_although_a_forked_copy_of_the_first_lives(tmp_path, monkeypatch, ending):
    """Pitfall 17, pre-forking servers: the copy inherits the lock's descriptor, but it is not the leader."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    options = {"shared": True, "port": _free_port()}
    with host(**APPLICATION, options=options, fork=True) as first:
        first.wait_for("ready")
        copy = first.wait_for("forked")["pid"]
        with host(**APPLICATION, options=options) as second:
            second.wait_for("following")
            first.process.send_signal(ending)
            first.process.wait(10)
            assert copy in living(first.mark)
            second.wait_for("ready", 5)
            assert len(alive_sidecars(second.mark)) == 1
        os.kill(copy, signal.SIGKILL)


def test_a_follower_becomes_the_leader_when_the_leader_stops(tmp_path, monkeypatch):
    """Pitfall 17: an orderly end hands over as well."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    options = {"shared": True, "port": _free_port()}
    with host(**APPLICATION, options=options) as first, host(**APPLICATION, options=options) as second:
        until(lambda: "ready" in first.said + second.said, 10, "one leads")
        until(lambda: "following" in first.said + second.said, 10, "one follows")
        leader, follower = (first, second) if "ready" in first.said else (second, first)
        leader.process.terminate()
        assert leader.process.wait(10) == 0
        follower.wait_for("ready")
        assert len(alive_sidecars(follower.mark)) == 1
