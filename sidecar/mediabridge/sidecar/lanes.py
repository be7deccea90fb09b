"""Threads for requests: cheap questions have lanes of their own, so that they never queue behind work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waitress.task import ThreadedTaskDispatcher

QUICK = "quick"
PROBE = "probe"
LANES: Mapping[str, str] = {"/health": QUICK, "/api/extract/health": PROBE}


class LaneDispatcher(ThreadedTaskDispatcher):
    """`threads` for work, and one for each lane. Requests that were refused by their headers take the quick lane."""

    def __init__(self, threads: int, lanes: Mapping[str, str] = LANES) -> None:
        super().__init__()
        self._lane_of = dict(lanes)
        self._lanes = {name: ThreadedTaskDispatcher() for name in {QUICK, *lanes.values()}}
        for lane in self._lanes.values():
            lane.set_thread_count(1)
        self.set_thread_count(threads)

    def add_task(self, task: Any) -> None:
        """Queue a channel, whose first request decides where."""
        request = task.requests[0]
        name = QUICK if request.error else self._lane_of.get(request.path)
        if name is None:
            super().add_task(task)
        else:
            self._lanes[name].add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop all threads; those that still work after `timeout` seconds are left to end with the process."""
        for lane in self._lanes.values():
            lane.shutdown(cancel_pending, timeout)  # type: ignore[arg-type]  # any number will do
        return super().shutdown(cancel_pending, timeout)  # type: ignore[arg-type]
