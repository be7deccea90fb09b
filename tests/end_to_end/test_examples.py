"""The examples, each started by exactly the commands of its README, stopped as a terminal stops them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from running import call, multipart, signal_quietly, until

ROOT = Path(__file__).parents[2]
NAMES = ("fastapi", "flask", "express")
MARK = "MEDIABRIDGE_EXAMPLE_MARK"  # inherited by whatever an example starts
TIME_TO_START_S = 60.0


def folder_of(name: str) -> Path:
    return ROOT / "examples" / f"{name}_host"


def documented(name: str) -> tuple[str, str]:
    """The README's two commands: the one for the root folder, the one for the example's own."""
    readme = (folder_of(name) / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert block is not None
    everything, plain = (re.sub(r"\s+#.*", "", line) for line in block[1].splitlines())
    return everything, plain


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def marked(mark: str) -> set[int]:
    """Pids of the processes that an example has started, its own included, wherever they went."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found.add(process.pid)
    return found


class Example:
    """A running example. In a session of its own: a signal goes to all of it, as Ctrl+C does."""

    def __init__(self, command: str, folder: Path, scratch: Path, settings: dict[str, str]) -> None:
        self.mark = uuid.uuid4().hex
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = scratch / "example.log"
        scratch_folders = {name: str(scratch) for name in ("XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
        ports = {"PORT": str(self.port), "FLASK_PORT": str(free_port())}
        env = {**without_make(os.environ), **scratch_folders, **ports, MARK: self.mark, **settings}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"  # what activating .venv does
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, shell=True, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def answers(self, path: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def extract(self, photo: Path):
        return call(f"{self.url}/api/extract", *multipart(photo.name, photo.read_bytes()))

    def sidecar(self) -> int:
        return int(call(f"{self.url}/health")[2]["pid"])

    def close(self) -> None:
        for pid in marked(self.mark):
            signal_quietly(pid, signal.SIGKILL)
        self.process.wait(10)


def without_make(env: os._Environ[str]) -> dict[str, str]:
    """This run may have come out of make: the example's make is nobody's child."""
    return {
        name: value for name, value in env.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SIDECAR_URL"}
    }


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Example]]:
    """Starts an example with a command, waits until the sidecar answers through it."""
    started: list[Example] = []

    def run(name: str, command: str, folder: Path, **settings: str) -> Example:
        if name == "express" and not (shutil.which("node") and (folder_of(name) / "node_modules").exists()):
            pytest.skip("Node or the packages of examples/express_host are not installed: make example-express")
        one = Example(command, folder, tmp_path, settings)
        started.append(one)
        until(lambda: one.answers("/health"), f"{command} serves", TIME_TO_START_S)
        return one

    yield run
    for one in started:
        one.close()


@pytest.fixture
def example(begin: Callable[..., Example], request: pytest.FixtureRequest) -> Callable[..., Example]:
    """By the plain command."""
    return lambda name, **settings: begin(name, documented(name)[1], folder_of(name), **settings)


@pytest.mark.parametrize("name", NAMES)
def test_it_serves_its_own_routes_and_the_sidecar_s(name, example, photo):
    one = example(name)
    with urllib.request.urlopen(one.url, timeout=10) as response:
        assert b'action="/api/extract"' in response.read()
        assert response.headers.get_content_type() == "text/html"
    assert call(f"{one.url}/api/photos")[::2] == (200, {"photos": []})
    status, headers, answer = one.extract(photo)
    assert (status, answer["metadata"]["EXIF"]["Make"]) == (200, "Canon")
    assert [len(headers.get_all(field, [])) for field in ("Date", "Content-Type", "X-Request-ID")] == [1, 1, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_sidecar_is_explained_while_the_host_serves_on(name, example, photo):
    one = example(name, SIDECAR_RESTART="never")
    os.kill(one.sidecar(), signal.SIGKILL)
    until(lambda: one.extract(photo)[0] == 503, "requests for the sidecar get 503")
    status, headers, answer = one.extract(photo)
    assert (status, answer["status"], answer["code"]) == (503, 503, "sidecar_unavailable")
    assert headers.get_content_type() == "application/json"
    assert "SIGKILL" in answer["message"]
    assert answer["suggestion"]
    assert one.answers("/api/photos")


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_sidecar_comes_back_where_that_is_asked_for(name, example, photo):
    one = example(name, SIDECAR_RESTART="on-failure")
    before = one.sidecar()
    os.kill(before, signal.SIGKILL)
    until(lambda: explained(one.extract(photo)) == 200, "photos are read again", 30)
    assert one.sidecar() != before


def explained(response) -> int:
    """The status; whatever is no success has the words of every error."""
    status, _, answer = response
    assert status == 200 or {"error", "message", "suggestion", "code", "requestId"} <= answer.keys()
    return status


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["make", "plain"])
def test_ctrl_c_ends_all_of_it(name, way, begin):
    everything, plain = documented(name)
    one = begin(name, everything, ROOT) if way == "make" else begin(name, plain, folder_of(name))
    assert one.sidecar() in marked(one.mark)
    os.killpg(one.process.pid, signal.SIGINT)
    code = one.process.wait(30)
    assert code in {0, 130, -signal.SIGINT}, one.log.read_text()  # uvicorn and make pass the interrupt on
    assert not re.search(r"Traceback|Error\b", one.log.read_text())
    until(lambda: not marked(one.mark), "nothing is left", 5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", one.port), timeout=5)


def test_what_make_runs_is_the_plain_command():
    for name in NAMES:
        everything, plain = documented(name)
        done = subprocess.run(
            [*everything.split(), "--dry-run"], cwd=ROOT, env=without_make(os.environ), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stdout.splitlines()[-1].endswith(plain.replace("${PORT:-8000}", "$PORT"))
