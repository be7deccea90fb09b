"""Runs functions over untrusted files in child processes with limits of memory, time and output."""

from .errors import AnsweredTooMuch, Died, IsolationError, NoRoom, NotStarted, OutOfMemory, TaskFailed, TookTooLong
from .pool import Pool, Wear
from .runner import Limits, Runner

__all__ = [
    "AnsweredTooMuch",
    "Died",
    "IsolationError",
    "Limits",
    "NoRoom",
    "NotStarted",
    "OutOfMemory",
    "Pool",
    "Runner",
    "TaskFailed",
    "TookTooLong",
    "Wear",
]
