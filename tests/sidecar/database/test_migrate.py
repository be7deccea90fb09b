"""Migrations: from nothing, again, by many at once, and to exactly the shape of the models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import server
from sqlalchemy import text

from mediabridge.sidecar.database import migrate
from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import Base
from mediabridge.sidecar.faults import StorageUnavailable

OPEN = "import sys; from mediabridge.sidecar.database.database import Database; Database.open(sys.argv[1]).close()"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/library.db"
    return server().create(f"m{abs(hash(request.node.name)) % 10**12}")


def test_the_newest_revision_is_the_one_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


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
    assert migrate.revision(database.engine) == migrate.HEAD
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(empty: str) -> None:
    database = Database.open(empty)
    database.write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StorageUnavailable, match="'9999', which this version does not know"):
        Database.open(empty)
    assert migrate.revision(database.engine) == "9999"
    database.close()
