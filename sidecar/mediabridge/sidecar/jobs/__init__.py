"""Work that takes longer than a request: rows of a table, run by workers that may die at any moment."""

from __future__ import annotations

from .handling import Handler, Handlers, Interrupted, Run
from .job import Job, Progress
from .queue import Queue

__all__ = ["Handler", "Handlers", "Interrupted", "Job", "Progress", "Queue", "Run"]
