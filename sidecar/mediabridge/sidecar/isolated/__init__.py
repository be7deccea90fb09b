"""Runs functions over untrusted files in a child process with limits of memory, time and output."""

from .errors import AnsweredTooMuch, Died, IsolationError, NoRoom, NotStarted, OutOfMemory, TaskFailed, TookTooLong
from .runner import Limits, Runner

__all__ = [
    "AnsweredTooMuch",
    "Died",
    "IsolationError",
    "Limits",
    "NoRoom",
    "NotStarted",
    "OutOfMemory",
    "Runner",
    "TaskFailed",
    "TookTooLong",
]
