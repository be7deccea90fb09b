"""An open database: connections, transactions, and what its failures become."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from mediabridge.sidecar.database import Door, url_of
from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.database.models import FileTag, Setting, Tag
from mediabridge.sidecar.faults import Fault, StorageFull, StorageUnavailable


def add(session: Session, name: str) -> None:
    session.add(Setting(name=name, value=1, updated_us=0))


def names(database: Database) -> list[str]:
    return database.read(lambda session: list(session.scalars(select(Setting.name).order_by(Setting.name))))


def test_work_happens_as_a_whole_or_not_at_all(database: Database) -> None:
    def fails(session: Session) -> None:
        add(session, "first")
        session.flush()
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fails)
    assert names(database) == []
    database.write(lambda session: add(session, "second"))
    assert names(database) == ["second"]


def test_what_refers_to_nothing_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        database.write(lambda session: session.add(FileTag(file_id=1, tag_id=1, origin="user")))


def test_a_statement_of_ours_that_is_wrong_is_no_trouble_of_the_database(database: Database) -> None:
    for wrong in ("SELECT a b c", "INSERT INTO settings (name) VALUES (NULL)"):
        with pytest.raises(DBAPIError):
            database.write(lambda session, wrong=wrong: session.execute(text(wrong)))


def test_who_reads_sees_one_state_and_cannot_write(database: Database) -> None:
    def work(session: Session) -> tuple[int, int]:
        first = session.scalar(select(func.count()).select_from(Setting))
        database.write(lambda other: add(other, "meanwhile"))
        return first or 0, session.scalar(select(func.count()).select_from(Setting)) or 0

    assert database.read(work) == (0, 0)
    assert names(database) == ["meanwhile"]
    with pytest.raises((DBAPIError, Fault), match=r"readonly|read-only"):
        database.read(lambda session: session.execute(text("DELETE FROM settings")))
    assert names(database) == ["meanwhile"]


def test_what_would_go_on_reading_after_the_end_is_refused(database: Database) -> None:
    """A generator had begun a transaction of its own then, which stayed open until it was collected."""
    with pytest.raises(TypeError, match="transaction of its own"):
        database.read(lambda session: (name for name in session.scalars(select(Setting.name))))


def test_words_sort_by_their_code_points(database: Database) -> None:
    words = ["z", "Z", "ä", "a", "é", "中", "\U0001f600", "-", "_"]

    def work(session: Session) -> list[str]:
        session.add_all([Tag(name=word, folded=word) for word in words])
        session.flush()
        return list(session.scalars(select(Tag.folded).order_by(Tag.folded)))

    assert database.write(work) == sorted(words)


def test_threads_that_write_at_once_all_get_their_turn(database: Database) -> None:
    def work(number: int) -> None:
        for turn in range(5):
            database.write(partial(add, name=f"{number}-{turn}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 30


def test_sqlite_is_set_up_as_promised(tmp_path: Path) -> None:
    database = Database.open(url_of(None, tmp_path / "deep" / "instance"))
    found = database.read(
        lambda session: {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    )
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}
    file = tmp_path / "deep" / "instance" / "library.db"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    database.close()


def test_a_lock_that_is_held_is_waited_for_and_then_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/library.db"
    database = Database.open(url, patience_s=0.0)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
    holder = sqlite3.connect(tmp_path / "library.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="busy"):
        database.write(lambda session: add(session, "late"))
    assert names(database) == []  # readers do not wait for a writer
    holder.execute("ROLLBACK")
    holder.close()
    database.write(lambda session: add(session, "now"))
    assert names(database) == ["now"]
    database.close()


def test_a_full_disk_is_told_as_that(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/library.db")

    database.engine.dispose()
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count=1"))

    def work(session: Session) -> None:
        session.add(Setting(name="much", value="1" * 500_000, updated_us=0))

    with pytest.raises(StorageFull, match="No room"):
        database.write(work)
    database.close()


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "library.db")
    other.execute("CREATE TABLE files (their TEXT)")
    other.commit()
    with pytest.raises(StorageUnavailable, match="table files already exists"):
        Database.open(f"sqlite:///{tmp_path}/library.db")
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("files",)]
    other.close()


def test_a_damaged_file_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"this is no database, but it is long enough" * 100)
    with pytest.raises(StorageUnavailable, match="damaged"):
        Database.open(f"sqlite:///{tmp_path}/library.db")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://me:secret@127.0.0.1:1/photos", "cannot be used"),
        ("nonsense://x", "no address"),
        ("postgresql+nodriver://x/y", "no address"),
        ("sqlite:////proc/nowhere/library.db", "cannot be used"),
    ],
)
def test_what_cannot_be_opened_says_so_without_the_password(url: str, words: str) -> None:
    door = Door(url)
    for _ in range(2):  # whoever comes next tries again
        with pytest.raises(Fault, match=words) as told:
            door.read(lambda session: session.scalar(select(func.count())))
        assert "secret" not in told.value.message
    door.close()


class CountedLock:
    """Says how many have asked for it."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.asked += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_those_who_wait_for_a_database_that_fails_are_told_with_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, until: Callable[..., Any]
) -> None:
    tried: list[int] = []
    go = threading.Event()

    def fails(*_: object) -> Database:
        tried.append(1)
        go.wait(10)
        raise StorageUnavailable("away", "come back")

    monkeypatch.setattr(Database, "open", fails)
    door = Door(f"sqlite:///{tmp_path}/library.db")
    lock = CountedLock()
    door._lock = lock  # type: ignore[assignment]
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(StorageUnavailable) as problem:
            door.open()
        told.append(f"{problem.value.message}, {problem.value.suggestion}")

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    until(lambda: lock.asked == 5)
    go.set()
    for thread in threads:
        thread.join()
    assert (told, len(tried)) == (["away, come back"] * 5, 1)
    monkeypatch.undo()
    door.open()
    door.close()


def test_the_address_of_the_database() -> None:
    place = Path("/data/instance")
    assert url_of(None, place) == "sqlite:////data/instance/library.db"
    assert url_of("postgres://db/photos", place) == "postgresql+psycopg://db/photos"
    assert url_of("postgresql://db/photos", place) == "postgresql+psycopg://db/photos"
    assert url_of("sqlite:///mine.db", place) == "sqlite:///mine.db"
