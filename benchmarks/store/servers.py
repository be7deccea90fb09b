"""The servers that are compared, each with the same thumbnail: ours has made it, the others have it as a file."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from contenders import ONE_CORE, Contender
from photo import distinct, photo
from uploading import post

HERE = Path(__file__).parent
PROGRAM = str(Path(sys.executable).with_name("mediabridge"))
FOLDERS = ("FILE_STORAGE_PATH", "CACHE_PATH", "INSTANCE_PATH")
READY_S = 30


@dataclass
class Server(Contender):
    """`path` is the thumbnail's; `shows` and `takes`: whether GETs and uploads are measured, `settings` are ours."""

    path: str = "/thumbnail.webp"
    shows: bool = True
    takes: bool = True
    settings: dict[str, str] = field(default_factory=dict)

    def get(self, method="GET", **headers):
        """(status, headers, body) of the thumbnail."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, self.path, headers=named)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def check(self, thumbnail):
        """Raise unless the thumbnail is served as it should be: whole, by entity tag, in parts, as head alone."""
        status, headers, body = self.get()
        tag = headers.get("etag", "")
        if (status, body) != (200, thumbnail) or "immutable" not in headers["cache-control"]:
            raise RuntimeError(f"{self.name}: GET answered {status}, {len(body)} bytes")
        part = self.get(Range="bytes=3-9")
        if (part[0], part[2]) != (206, thumbnail[3:10]):
            raise RuntimeError(f"{self.name}: Range answered {part[0]}")
        if self.get(If_None_Match=tag)[0] != 304 or self.get(If_None_Match='"other"')[0] != 200:
            raise RuntimeError(f"{self.name}: If-None-Match is not judged")
        head = self.get("HEAD")
        if (head[0], head[2], head[1]["content-length"]) != (200, b"", str(len(thumbnail))):
            raise RuntimeError(f"{self.name}: HEAD answered {head[0]}")

    def stop(self):
        """Ours has children to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        super().stop()


class Field:
    """All that runs in one go. `left_out`: what was asked for and cannot run, with what it needs."""

    def __init__(self, names):
        self.folder = Path(tempfile.mkdtemp(prefix="bench-store-"))
        self.folder.chmod(0o755)  # nginx's worker is another user
        self.shown, self.stored = self.folder / "shown", self.folder / "stored"
        for one in (self.shown, self.stored):
            one.mkdir()
        every = self._servers()
        self.left_out = {one.name: one.missing() for one in every if one.missing() and one.name in names}
        self.servers = [one for one in every if one.name in names and not one.missing()]
        self.photo = photo()
        self.thumbnail = b""

    def _servers(self):
        node = ("node", str(HERE / "node_modules"))
        ours = [PROGRAM, "serve", "--port", "{port}", "--sidecar-port", "0"]
        express = ["node", str(HERE / "express_store.mjs"), "{port}", str(self.shown), str(self.stored)]
        nginx = Server("nginx", [], ("nginx",), takes=False)
        nginx.command = ["nginx", "-c", self._conf(nginx.port)]
        return [
            Server("mediabridge", ours, (PROGRAM,)),
            Server("no_cache", ours, (PROGRAM,), takes=False, settings={"PROXY_CACHE_MB": "0"}),
            Server("no_worker", ours, (PROGRAM,), shows=False, settings={"SIDECAR_WORKER": "off"}),
            Server("express", express, node),
            nginx,
        ]

    def _conf(self, port):
        text = (HERE / "nginx_store.conf.in").read_text()
        for key, value in {"FOLDER": self.folder, "PUBLIC": self.shown, "PORT": port}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / "nginx.conf"
        path.write_text(text)
        return str(path)

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.callback(self._stop)
            for one in self.servers:
                one.start(self._env(one), ONE_CORE)
            for one in self.servers:
                if one.command[0] == PROGRAM:
                    self._prepare(one)
            if not self.thumbnail:
                raise SystemExit("the thumbnail is mediabridge's: leave it among --only")
            shown = self.shown / "thumbnail.webp"
            shown.write_bytes(self.thumbnail)
            shown.chmod(0o644)
            for one in self.servers:
                one.check(self.thumbnail)
            undo.pop_all()
        return self

    def _env(self, one):
        if one.command[0] != PROGRAM:
            return {**os.environ, "NODE_ENV": "production"}
        folders = {name: str(self.folder / one.name / name) for name in FOLDERS}
        return {**os.environ, **folders, **one.settings}

    def _prepare(self, one):
        """Store a photo; its thumbnail is what is asked for."""
        deadline = time.monotonic() + READY_S
        one.path = "/readyz"
        while one.get()[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{one.name} is not ready")
            time.sleep(0.1)
        one.path = f"/cache/{post(one.port, distinct(self.photo, 'thumbnail'))}/thumbnail"
        status, _, self.thumbnail = one.get()
        if status != 200:
            raise RuntimeError(f"{one.name}: no thumbnail: {self.thumbnail[:200]!r}")

    def __exit__(self, *_):
        self._stop()

    def _stop(self):
        for one in self.servers:
            one.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
