"""An open database: work is a function of a session, and all of it happens or nothing."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import GeneratorType
from typing import Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from mediabridge.sidecar.faults import StorageUnavailable

from .engine import file_of, open_engine, readers, writers
from .migrate import migrate
from .trouble import fault_of, is_bug, trouble
from .turns import Turns

T = TypeVar("T")
Work = Callable[[Session], T]
PATIENCE_S = 30.0  # of one who writes, over all tries
_PAUSE_S = 0.05


class Database:
    """Threads may share it, and processes the database behind it. Raises a `Fault` where the database fails."""

    def __init__(self, engine: Engine, *, patience_s: float = PATIENCE_S) -> None:
        self.engine = engine
        self._patience_s = patience_s
        self._reading, self._writing = readers(engine), writers(engine)
        file = file_of(engine)
        self._turns = None if file is None else Turns(file.with_name(f"{file.name}.turn"), patience_s)

    @classmethod
    def open(cls, url: str, *, patience_s: float = PATIENCE_S) -> Self:
        """Connect, and bring the database to the shape of the models."""
        engine = open_engine(url)
        try:
            with _translated(foreign=True):
                _make_place(engine)
                _patiently(lambda: migrate(engine), patience_s)
                return cls(engine, patience_s=patience_s)
        except BaseException:
            engine.dispose()
            raise

    def read(self, work: Work[T]) -> T:
        """What `work` makes of one state of the database: a value, no generator. It cannot write."""
        return self._do(work, self._reading, contextlib.nullcontext)

    def write(self, work: Work[T]) -> T:
        """Do `work` in a transaction: perhaps several times, of which one counts. It must change nothing else."""
        return self._do(work, self._writing, self._turns.turn if self._turns else contextlib.nullcontext)

    def close(self) -> None:
        """Close all connections that nobody uses now."""
        self.engine.dispose()
        if self._turns is not None:
            self._turns.close()

    def _do(self, work: Work[T], engine: Engine, turn: Callable[[], AbstractContextManager[object]]) -> T:
        def once() -> T:
            with turn(), Session(engine, autoflush=False, expire_on_commit=False) as session, session.begin():
                made = work(session)
                if isinstance(made, GeneratorType):
                    msg = f"{made!r} would go on in a transaction of its own, which nobody ends"
                    raise TypeError(msg)
                return made

        with _translated():
            return _patiently(once, self._patience_s)


def _patiently(work: Callable[[], T], patience_s: float) -> T:
    """Again, while the database is busy. Raises `DBAPIError`."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return work()
        except DBAPIError as problem:
            if trouble(problem) != "busy" or time.monotonic() > until:
                raise
        time.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311  so that two who collided do not meet again


@contextlib.contextmanager
def _translated(*, foreign: bool = False) -> Iterator[None]:
    """`foreign`: it may be another program's database, so that our statements fail without being wrong."""
    try:
        yield
    except DBAPIError as problem:
        if is_bug(problem) and not foreign:
            raise
        raise fault_of(problem) from problem
    except PoolTimeoutError as problem:
        raise _overloaded() from problem
    except OSError as problem:
        msg = f"The library's database cannot be used ({problem.strerror or problem})."
        raise StorageUnavailable(msg, "Check INSTANCE_PATH: is the folder writable for the server?") from problem


def _overloaded() -> StorageUnavailable:
    return StorageUnavailable("All connections to the library's database are in use.", "Send it again in a moment.")


def _make_place(engine: Engine) -> None:
    """The folder and the file, for the owner alone: there may be places and people in it. Raises `OSError`."""
    file = file_of(engine)
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
