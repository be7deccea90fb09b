"""Migrations: from nothing, again, by many at once, and to exactly the shape of the models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import server
from sqlalchemy import text

from mediabridge.sidecar.database import Door, migrate, shape, url_of
from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.engine import open_engine, writers
from mediabridge.sidecar.database.models import Base
from mediabridge.sidecar.faults import StorageUnavailable

MIGRATIONS = str(Path(migrate.__file__).parent / "migrations")
OPEN = "import sys; from mediabridge.sidecar.database.database import Database; Database.open(sys.argv[1]).close()"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/library.db"
    return server().create(f"m{abs(hash(request.node.name)) % 10**12}")


def test_the_newest_revision_is_the_one_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    assert ScriptDirectory.from_config(config).get_heads() == [shape.HEAD]


def test_from_nothing_to_the_models_and_not_again(empty: str) -> None:
    database = Database.open(empty)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert migrate.migrate(database.engine) is False
    database.close()
    Database.open(empty).close()


def test_many_processes_that_start_at_once_migrate_once(empty: str) -> None:
    started = [subprocess.Popen([sys.executable, "-c", OPEN, empty], stderr=subprocess.PIPE) for _ in range(3)]
    ends = [process.communicate(timeout=60)[1].decode() for process in started]
    assert ([process.returncode for process in started], ends) == ([0] * 3, [""] * 3)


def test_a_migration_that_breaks_off_leaves_nothing(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = migrate._upgrade

    def breaks(*given: object) -> None:
        upgrade(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate, "_upgrade", breaks)
    with pytest.raises(KeyboardInterrupt):
        Database.open(empty)
    monkeypatch.undo()
    database = Database.open(empty)
    assert migrate.revision(database.engine) == shape.HEAD
    database.close()


def test_an_older_database_is_migrated_at_the_start_and_no_other_is_opened(tmp_path: Path) -> None:
    place = tmp_path / "a %20?b#c ü"
    url = url_of(None, place)
    assert Door(url).prepare() is None  # there is none yet
    assert not place.exists()
    Database.open(url).close()
    assert Door(url).prepare() is None  # it is as it should be
    (place / "library.db").unlink()
    engine = writers(open_engine(url))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", MIGRATIONS)
        command.upgrade(config, "0001")
    engine.dispose()
    assert shape.is_behind(url)
    door = Door(url)
    thread = door.prepare()
    assert thread is not None
    thread.join(30)
    assert not shape.is_behind(url)
    assert door.read(lambda session: session.scalar(text("SELECT count(*) FROM files"))) == 0
    door.close()


def test_a_server_that_is_away_at_the_start_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    thread = Door("postgresql+psycopg://me:secret@127.0.0.1:1/photos").prepare()
    assert thread is not None
    thread.join(30)
    assert "cannot be used" in caplog.text
    assert "secret" not in caplog.text


def test_a_database_of_a_newer_version_is_left_alone(empty: str) -> None:
    database = Database.open(empty)
    database.write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StorageUnavailable, match="'9999', which this version does not know"):
        Database.open(empty)
    assert migrate.revision(database.engine) == "9999"
    database.close()
