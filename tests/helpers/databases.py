"""Both databases for tests: SQLite in a file, and a real PostgreSQL on a Unix socket, started once for all tests."""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import Base

_BIN = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
_START_S = 30.0


class Server:
    """A PostgreSQL of our own. It refuses to run as root, and gets the user `postgres` then; it ends with us."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mediabridge-postgres-"))
        self._programs = programs
        self._as = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        options = [part for name, value in _FAST.items() for part in ("-c", f"{name}={value}")]
        self._log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*self._command("postgres"), "-D", str(data), "-k", str(self.folder), "-h", "", *options],
            stdout=self._log,
            stderr=self._log,
            cwd=self.folder,
        )
        self._wait()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def create(self, name: str) -> str:
        """A new database; gives its address."""
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)

    def stop(self) -> None:
        self.process.terminate()  # setpriv has become the server itself; SIGTERM waits for clients
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, program: str) -> list[str]:
        return ["setpriv", *self._as, "--pdeathsig", "QUIT", str(self._programs / program)]

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._command(program), *arguments]
        done = subprocess.run(command, capture_output=True, check=False, cwd=self.folder, text=True)
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((self.folder / "log").read_text("utf-8", "replace"))
            time.sleep(0.05)


@functools.cache
def server() -> Server:
    """Of this process; a test that needs it is skipped where PostgreSQL is not installed."""
    if _BIN is None or shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("PostgreSQL cannot run as root, and there is no user postgres")
    started = Server(_BIN.parent)
    atexit.register(started.stop)
    return started


@functools.cache
def _migrated() -> tuple[str, Database]:
    url = server().create("library")
    return url, Database.open(url)


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mediabridge-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "library.db"
    Database.open(f"sqlite:///{path}").close()
    return path


def fresh(kind: str, folder: Path) -> Database:
    """An empty database in the shape of the models."""
    if kind == "sqlite":
        path = folder / "library.db"
        shutil.copyfile(_template(), path)
        return Database.open(f"sqlite:///{path}")
    _, database = _migrated()
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each of both, empty."""
    opened = fresh(request.param, tmp_path)
    yield opened
    if request.param == "sqlite":
        opened.close()
