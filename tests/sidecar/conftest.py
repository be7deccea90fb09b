"""Fixtures of the sidecar's tests: files made by hand, a stand-in for ExifTool, and a real sidecar process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join(str(ROOT / part) for part in ("sidecar", "config"))

# A stand-in for ExifTool that speaks its stay-open protocol and misbehaves by the extension of the file.
STAND_IN = """#!{python} -SE
import os, signal, sys, time
lines = []
for line in sys.stdin:
    line = line.rstrip("\\n")
    if not line.startswith("-execute"):
        lines.append(line)
        if lines[-2:] == ["-stay_open", "False"]:
            break
        continue
    number = line[len("-execute"):]
    paths = [item for item in lines if item.startswith("/")] or [""]
    told = []
    for path in paths:
        kind = path.rpartition(".")[2]
        if kind == "hang":
            time.sleep(600)
        elif kind == "slow":
            open("%s.%d" % (sys.argv[0], os.getpid()), "w").close()  # it has one
            time.sleep(1.5)
        elif kind == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "quit":
            sys.exit(3)
        elif kind == "flood":
            while True:
                sys.stdout.write("x" * 65536)
        elif kind == "noise":
            sys.stderr.write("n" * 300000 + "\\n")
            sys.stderr.flush()
        elif kind == "eat":
            hog = bytearray(4 * 1024**3)
        told.append(
            '{{"SourceFile": "%s", "ExifTool:Warning": "cannot open %s", "File:FileType": "GIF",'
            ' "File:MIMEType": "image/gif", "Pid:Pid": %d}}' % (path, path, os.getpid())
        )
    if "-ver" in lines:
        sys.stdout.write("13.50\\n")
    elif kind == "nonsense":
        sys.stdout.write("this is no JSON\\n")
    else:
        sys.stdout.write("[" + ",".join(told) + "]\\n")
    sys.stdout.write("{{ready%s}}\\n" % number)
    sys.stdout.flush()
    sys.stderr.write("=0=post%s\\n" % number)
    sys.stderr.flush()
    lines = []
"""


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until a condition holds and return its value; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    pytest.fail(f"not true within {seconds} s")


@pytest.fixture(name="until", scope="session")
def until_fixture() -> Callable[..., Any]:
    return until


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _ifd(entries: list[tuple[int, int, int, bytes]], offset: int, following: int = 0) -> bytes:
    """A big-endian IFD at `offset`: (tag, type, count, value) with the values behind it."""
    head, tail = struct.pack(">H", len(entries)), b""
    values_at = offset + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if len(value) > 4:
            head += struct.pack(">HHII", tag, kind, count, values_at + len(tail))
            tail += value
        else:
            head += struct.pack(">HHI", tag, kind, count) + value.ljust(4, b"\0")
    return head + struct.pack(">I", following) + tail


def jpeg(make: str = "Canon", *, gps: bool = True, thumbnail_ifd: bool = True, padding: int = 64) -> bytes:
    """A small JPEG with EXIF, a position and a second XResolution in IFD1. ExifTool reads it without a warning."""
    name = make.encode() + b"\0"
    ratio = struct.pack(">II", 72, 1)
    ifd0_at = 8
    entries = [(0x010F, 2, len(name), name.ljust(5, b"\0")), (0x011A, 5, 1, ratio)]
    gps_at = ifd0_at + len(_ifd([*entries, (0x8825, 4, 1, b"\0" * 4)], ifd0_at))
    degrees = struct.pack(">IIIIII", 52, 1, 31, 1, 12, 1)
    gps_ifd = _ifd([(1, 2, 2, b"N\0"), (2, 5, 3, degrees), (3, 2, 2, b"E\0"), (4, 5, 3, degrees)], gps_at)
    if gps:
        entries.append((0x8825, 4, 1, struct.pack(">I", gps_at)))
    ifd1_at = gps_at + len(gps_ifd)
    tiff = b"MM\0*" + struct.pack(">I", ifd0_at)
    tiff += _ifd(entries, ifd0_at, ifd1_at if thumbnail_ifd else 0).ljust(gps_at - ifd0_at, b"\0")
    tiff += gps_ifd + _ifd([(0x011A, 5, 1, struct.pack(">II", 96, 1))], ifd1_at)
    frame = struct.pack(">BHHB", 8, 16, 16, 1) + bytes([1, 0x11, 0])
    scan = bytes([1, 1, 0, 0, 63, 0])
    return (
        b"\xff\xd8"
        + _segment(0xE1, b"Exif\0\0" + tiff)
        + _segment(0xDB, bytes(65))
        + _segment(0xC0, frame)
        + _segment(0xDA, scan)
        + b"\x55" * padding
        + b"\xff\xd9"
    )


@pytest.fixture(scope="session")
def make_jpeg() -> Callable[..., bytes]:
    return jpeg


@pytest.fixture(scope="session")
def exiftool() -> Path:
    """The real ExifTool; a test that needs it is skipped where it is not installed."""
    found = shutil.which("exiftool")
    if found is None:
        pytest.skip("ExifTool is not on PATH")
    return Path(found)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real process in ExifTool's place that hangs, dies or floods on demand."""
    path = tmp_path_factory.mktemp("stand-in") / "exiftool"
    path.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_constant=lambda word: pytest.fail(f"{word} is no strict JSON"))


def form(files: list[tuple[str, str, bytes]], fields: dict[str, str] | None = None) -> tuple[bytes, str]:
    """A multipart body and its content type. Files are (part, file name, content)."""
    boundary = secrets.token_hex(16)
    out = b""
    for name, value in (fields or {}).items():
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for part, filename, content in files:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{filename}"\r\n'.encode()
        out += b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.fixture(name="form", scope="session")
def form_fixture() -> Callable[..., tuple[bytes, str]]:
    return form


@dataclass
class Sidecar:
    """A running `python -m mediabridge.sidecar`."""

    process: subprocess.Popen[bytes]
    port: int
    token: str | None
    temp: Path
    log_file: Path
    path: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def connect(self, timeout: float = 20) -> socket.socket:
        if self.path:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            try:
                sock.connect(self.path)
            except OSError:
                sock.close()
                raise
            return sock
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port or 80, timeout=30)
        connection.sock = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            with connection.getresponse() as response:
                found = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, found, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def extract(self, name: str, content: bytes, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        body, kind = form([("file", name, content)], fields)
        return self.request("POST", "/api/extract", body, {"Content-Type": kind, **(headers or {})})

    def healthy(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/health").status == 200
        return False

    def raw(self, data: bytes, timeout: float = 10) -> bytes:
        """Send bytes as they are, and read until the server ends the connection."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    @property
    def tools(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []

    @property
    def uploads(self) -> list[Path]:
        """Temporary files of uploads that lie about now."""
        kept = {".lock", "sample.gif"}
        return [file for file in self.temp.rglob("*") if file.is_file() and file.name not in kept]

    @property
    def folders(self) -> list[Path]:
        return list(self.temp.glob("mediabridge-*/sidecar-*"))

    def stop(self, number: int = signal.SIGTERM, seconds: float = 10) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


StartSidecar = Callable[..., Sidecar]


def _starter(folder: Path, started: list[Sidecar]) -> StartSidecar:
    def start(
        *,
        inherit: bool = True,
        listeners: Sequence[socket.socket] = (),
        token: str | None = None,
        wait: bool = True,
        **settings: str,
    ) -> Sidecar:
        number = len(started)
        temp = Path(settings.pop("TMPDIR", "") or folder / f"tmp-{number}")
        temp.mkdir(exist_ok=True)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "EXTRACT_"))}
        env |= {"PYTHONPATH": PATHS, "PYTHONWARNINGS": "error", "TMPDIR": str(temp)}
        env |= {"CACHE_PATH": str(folder / f"cache-{number}"), "FILE_STORAGE_PATH": str(folder / f"files-{number}")}
        env["INSTANCE_PATH"] = str(folder / f"instance-{number}")
        env |= {"EXTRACT_PROCESSES": "1", **settings}
        if token:
            env["MEDIABRIDGE_TOKEN"] = token
        if inherit:
            env["MEDIABRIDGE_LISTEN_FD"] = ",".join(str(one.fileno()) for one in (listener, *listeners))
        else:
            env.setdefault("FLASK_PORT", str(port))
            listener.close()
        log_file = folder / f"log-{number}"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mediabridge.sidecar"],
                env=env,
                pass_fds=[one.fileno() for one in (listener, *listeners)] if inherit else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
            )
        listener.close()
        headers = {"X-Mediabridge-Token": token} if token else {}
        sidecar = Sidecar(process, port, token, temp, log_file, settings.get("FLASK_SOCKET"), headers)
        started.append(sidecar)
        if wait:
            until(lambda: sidecar.healthy() or process.poll() is not None)
        return sidecar

    return start


@contextlib.contextmanager
def _sidecars(folder: Path) -> Iterator[StartSidecar]:
    started: list[Sidecar] = []
    try:
        yield _starter(folder, started)
    finally:
        for sidecar in started:
            if sidecar.process.poll() is None:
                sidecar.process.kill()
                sidecar.process.wait(10)


@pytest.fixture
def start_sidecar(tmp_path: Path) -> Iterator[StartSidecar]:
    """Starts sidecars on an inherited socket (or on their own, `inherit=False`); settings are environment variables."""
    with _sidecars(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSidecar]:
    """The same for sidecars that serve all tests of a module."""
    with _sidecars(tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture(scope="module")
def sidecar(start_shared: StartSidecar, exiftool: Path) -> Sidecar:
    """One real sidecar with the real ExifTool, for tests that only ask it."""
    running = start_shared(token=secrets.token_hex(16))
    until(lambda: running.get("/health").json["engine"] == "ready")
    return running


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The files of the development corpus: MEDIABRIDGE_CORPUS, or ../shared/corpus beside the checkout."""
    folder = Path(os.environ.get("MEDIABRIDGE_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not (folder / "files").is_dir():
        pytest.skip(f"the corpus is not at {folder}; set MEDIABRIDGE_CORPUS to its folder")
    return folder / "files"
