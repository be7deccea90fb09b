"""The servers that are compared: how each is started, on which port it listens."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ONE_CORE = ["taskset", "-c", "0"] if shutil.which("taskset") else []
OTHER_CORE = ["taskset", "-c", "1"] if ONE_CORE and (os.cpu_count() or 1) > 1 else []


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@dataclass
class Contender:
    """One server. `needs` are programs or folders without which it is left out."""

    name: str
    command: list[str]
    needs: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    def missing(self):
        return [need for need in self.needs if not shutil.which(need) and not Path(need).exists()]

    def start(self, env, pin):
        command = [part.replace("{port}", str(self.port)) for part in self.command]
        self.process = subprocess.Popen(
            [*pin, *command], env=env, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start: {' '.join(command)}")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Field:
    """Upstreams and contenders of one run."""

    def __init__(self, names):
        self.folder = Path(tempfile.mkdtemp(prefix="bench-proxy-"))
        self.small = Contender("upstream", [], ("nginx",))
        self.small.command = ["nginx", "-c", self._conf("nginx_upstream", PORT=self.small.port)]
        self.large = Contender("upstream", [sys.executable, "upstream.py", "{port}"])
        self.env = {
            **os.environ,
            "UPSTREAM_SMALL": str(self.small.port),
            "UPSTREAM_LARGE": str(self.large.port),
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        }
        every = self._contenders()
        self.left_out = {one.name: one.missing() for one in every if one.missing() and one.name in names}
        self.contenders = [one for one in every if one.name in names and not one.missing()]

    def _contenders(self):
        node = ("node", str(HERE / "node_modules"))
        nginx = Contender("nginx", [], ("nginx",))
        nginx.command = ["nginx", "-c", self._conf("nginx_proxy", PORT=nginx.port, SMALL=self.small.port)]
        caddy = Contender("caddy", [], ("caddy",))
        caddy.command = ["caddy", "run", "--adapter", "caddyfile", "--config", self._caddyfile(caddy.port)]
        uvicorn = [sys.executable, "asgi_serve.py", "{port}"]
        granian = [
            "granian", "asgi_app:app", "--interface", "asginl", "--port", "{port}", "--loop", "uvloop", "--no-log",
            "--no-ws", "--http", "1", "--workers", "1", "--runtime-threads", "1",
        ]  # fmt: skip
        return [
            Contender("asgi", uvicorn),
            Contender("asgi_plain", [*uvicorn, "plain"]),
            Contender("asgi_granian", granian, ("granian",)),
            Contender("wsgi", [sys.executable, "wsgi_app.py", "{port}"]),
            Contender("express", ["node", "express_ours.mjs", "{port}"], node),
            Contender("express_handler", ["node", "express_ours.mjs", "{port}", "handler"], node),
            Contender("hpm", ["node", "express_hpm.mjs", "{port}"], node),
            Contender("hpm_ka", ["node", "express_hpm.mjs", "{port}", "keep-alive"], node),
            nginx,
            caddy,
        ]

    def _conf(self, name, **values):
        text = (HERE / f"{name}.conf.in").read_text().replace("@FOLDER@", str(self.folder))
        for key, value in {"LARGE": getattr(getattr(self, "large", None), "port", 0), **values}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / f"{name}.conf"
        path.write_text(text)
        return str(path)

    def _caddyfile(self, port):
        path = self.folder / "Caddyfile"
        path.write_text(
            "{\n admin off\n auto_https off\n}\n"
            f"http://:{port} {{\n bind 127.0.0.1\n"
            f" handle /api/extract/small* {{\n  reverse_proxy 127.0.0.1:{self.small.port}\n }}\n"
            f" handle {{\n  reverse_proxy 127.0.0.1:{self.large.port}\n }}\n}}\n"
        )
        return str(path)

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.callback(self._stop)
            for one in (self.small, self.large):
                one.start(self.env, OTHER_CORE)
            for one in self.contenders:
                env = {**self.env, "GOMAXPROCS": "1"} if one.name == "caddy" else self.env
                one.start(env, ONE_CORE)
            undo.pop_all()
        return self

    def __exit__(self, *_):
        self._stop()

    def _stop(self):
        """Also what has only half started."""
        for one in (*self.contenders, self.small, self.large):
            one.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
