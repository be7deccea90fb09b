"""How a task in a child process can fail.

IsolationError
├── NoRoom           all children were busy for as long as the task itself may take
├── NotStarted       the system gave us no process
├── TookTooLong      past its deadline, or past its processor time; it was killed
├── OutOfMemory      past its memory limit
├── AnsweredTooMuch  past its limit of output; it was killed
├── Died             a crash: SIGSEGV, an abort in a library, an exit of its own
└── TaskFailed       the task raised an exception
"""

from __future__ import annotations


class IsolationError(Exception):  # noqa: D101  see above; `str()` is a clause in plain words
    pass


class NoRoom(IsolationError):  # noqa: D101, N818
    pass


class NotStarted(IsolationError):  # noqa: D101, N818
    pass


class TookTooLong(IsolationError):  # noqa: D101, N818
    pass


class OutOfMemory(IsolationError):  # noqa: D101, N818
    pass


class AnsweredTooMuch(IsolationError):  # noqa: D101, N818
    pass


class Died(IsolationError):  # noqa: D101, N818
    pass


class TaskFailed(IsolationError):  # noqa: N818
    """`type_name` is the exception's class name in the child, `words` what it said, `str()` both."""

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.type_name = type_name
        self.words = message
