"""Threads for requests: cheap questions and long listening have lanes of their own, apart from work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waitress.task import ThreadedTaskDispatcher

QUICK = "quick"
PROBE = "probe"
EVENTS = "events"
LANES: Mapping[str, str] = {"/health": QUICK, "/api/extract/health": PROBE}
_LISTENING = "/events"  # how the paths of event streams end
_LISTENERS = 16  # at the same time; the next ones wait


class LaneDispatcher(ThreadedTaskDispatcher):
    """`threads` for work, and one for each lane. Requests that were refused by their headers take the quick lane."""

    def __init__(self, threads: int, lanes: Mapping[str, str] = LANES) -> None:
        super().__init__()
        self._lane_of = dict(lanes)
        self._lanes = {name: ThreadedTaskDispatcher() for name in {QUICK, EVENTS, *lanes.values()}}
        for name, lane in self._lanes.items():
            lane.set_thread_count(_LISTENERS if name == EVENTS else 1)
        self.set_thread_count(threads)

    def add_task(self, task: Any) -> None:
        """Queue a channel, whose first request decides where."""
        request = task.requests[0]
        name = QUICK if request.error else self._lane(request.path)
        if name is None:
            super().add_task(task)
        else:
            self._lanes[name].add_task(task)

    def _lane(self, path: str) -> str | None:
        return EVENTS if path.endswith(_LISTENING) else self._lane_of.get(path)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop all threads; those that still work after `timeout` seconds are left to end with the process."""
        for lane in self._lanes.values():
            lane.shutdown(cancel_pending, timeout)  # type: ignore[arg-type]  # any number will do
        return super().shutdown(cancel_pending, timeout)  # type: ignore[arg-type]
