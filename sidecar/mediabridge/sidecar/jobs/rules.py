"""What may become of a job: data and pure functions. Times are seconds of the system's monotonic clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal["queued", "running", "paused", "completed", "failed", "cancelled"]
Wish = Literal["cancel", "pause"]  # what somebody wants of a running job
STATUSES: tuple[Status, ...] = get_args(Status)
LIVE: frozenset[Status] = frozenset({"queued", "running", "paused"})

MOST_WAITING = 100  # queued jobs of all kinds; the next one is refused
TRIES = 3
FIRST_DELAY_S, FACTOR, LONGEST_DELAY_S = 1.0, 2.0, 10.0
MOST_DEATHS = 5  # of workers under one job: then it is the job that kills them
LEASE_S = 15.0
SLACK_S = 10.0  # more than lies between a look at the clock and the write that it is for
KEPT = 10_000  # rows; older ones that are completed or cancelled are forgotten


@dataclass(frozen=True, slots=True)
class Kind:
    """How many jobs of a kind run at once, over all workers, and which come first: those of the higher priority."""

    at_once: int
    priority: int


KINDS: Mapping[str, Kind] = {
    "image": Kind(2, 30),
    "import": Kind(1, 25),
    "text": Kind(3, 20),
    "analysis": Kind(1, 15),
    "ocr": Kind(1, 10),
    "retrain": Kind(1, 5),
    "export": Kind(1, 3),
}

BECOMES: Mapping[Status, frozenset[Status]] = {
    "queued": frozenset({"running", "paused", "cancelled"}),
    "running": frozenset({"queued", "paused", "completed", "failed", "cancelled"}),
    "paused": frozenset({"queued", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset({"queued", "cancelled"}),  # a dead letter that is tried again, or dismissed
    "cancelled": frozenset(),
}


def may_become(old: Status, new: Status) -> bool:
    """Whether a job may change its status so."""
    return new in BECOMES[old]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a job becomes, and after how many seconds it may be claimed again."""

    status: Status
    delay_s: float = 0.0


def next_delay(times: int) -> float:
    """Seconds before the next try, after `times` tries (at least 1) that failed: 1, 2, 4, 8, 10, 10, …"""
    # The exponent is bounded, since a float is not.
    return min(FIRST_DELAY_S * FACTOR ** min(times - 1, 32), LONGEST_DELAY_S)


def after_failure(attempts: int, wish: Wish | None, *, hopeless: bool) -> Verdict:
    """After the handler raised, in the try with this number. A hopeless job would only fail in the same way again."""
    if wish is not None:
        return after_wish(wish)
    if hopeless or attempts >= TRIES:
        return Verdict("failed")
    return Verdict("queued", next_delay(attempts))


def deaths_now(deaths: int, done: int, died_at: int | None) -> int:
    """How many deaths count, this one included; `died_at` is how far the job was at the one before, if that is known.

    A job that has come further since then is not what kills its workers: a long one may outlive any number of them.
    """
    return 1 if died_at is not None and done > died_at else deaths + 1


def after_death(deaths: int, wish: Wish | None) -> Verdict:
    """After a worker ended, or stood still past its lease, in the middle; this one is counted in `deaths`."""
    if wish is not None:
        return after_wish(wish)
    if deaths >= MOST_DEATHS:
        return Verdict("failed")
    return Verdict("queued", next_delay(deaths))


def after_wish(wish: Wish | None) -> Verdict:
    """After a handler stopped early; without a wish it was its worker that has to end."""
    return Verdict({"cancel": "cancelled", "pause": "paused", None: "queued"}[wish])  # type: ignore[arg-type]


def may_run(*, status: Status, not_before: float, now: float, running: int, at_once: int) -> bool:
    """Whether a job may be claimed now. `running`: jobs of its kind that run."""
    return status == "queued" and running < at_once and not pending(not_before, now, LONGEST_DELAY_S)


def pending(until: float, now: float, longest_s: float) -> bool:
    """Whether a moment that was at most `longest_s` away when it was set is still to come.

    The clock begins anew with the system. A moment further away than it can be is of an earlier start, hence over.
    The slack is for moments that another process has set after `now` was read.
    """
    return now < until <= now + longest_s + SLACK_S
