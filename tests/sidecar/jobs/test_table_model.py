"""The table against a model in plain Python: whatever happens in whatever order, both tell the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from mediabridge.sidecar.faults import QueueFull
from mediabridge.sidecar.jobs import Progress, rules
from mediabridge.sidecar.jobs.claims import Claims
from mediabridge.sidecar.jobs.rules import KINDS, LEASE_S, LIVE, LONGEST_DELAY_S, MOST_WAITING, Verdict
from mediabridge.sidecar.jobs.schema import Database
from mediabridge.sidecar.jobs.table import Jobs

KIND = st.sampled_from(sorted(KINDS))
OWNER = st.sampled_from(["a", "b"])


@dataclass
class Row:
    seq: int
    id: str
    kind: str
    key: str | None
    status: str = "queued"
    attempts: int = 0
    deaths: int = 0
    died_at: int | None = None
    fence: int = 0
    owner: str | None = None
    wish: Any = None
    done: int = 0
    not_before: float = 0.0
    lease_until: float = 0.0

    def leave(self, verdict: Verdict, now: float) -> None:
        assert rules.may_become(self.status, verdict.status)
        self.status, self.owner, self.wish = verdict.status, None, None
        self.not_before = now + verdict.delay_s if verdict.delay_s else 0.0


class Table(RuleBasedStateMachine):
    ids = Bundle("ids")
    claims_given = Bundle("claims_given")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(Path(self.folder.name))
        self.now = 1000.0
        self.jobs, self.claims = Jobs(self.database), Claims(self.database, lambda: self.now)
        self.rows: list[Row] = []  # in the order of coming
        self.submitted = 0

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def row(self, job_id: str) -> Row:
        return next((row for row in self.rows if row.id == job_id), Row(0, job_id, "image", None, "forgotten"))

    def live(self, key: str | None) -> Row | None:
        return next((row for row in self.rows if key and row.key == key and row.status in LIVE), None)

    @property
    def full(self) -> bool:
        return sum(row.status == "queued" for row in self.rows) >= MOST_WAITING

    def mine(self, claim: tuple[str, int]) -> Row | None:
        row = self.row(claim[0])
        return row if row.status == "running" and row.fence == claim[1] else None

    @rule(target=ids, kind=KIND, key=st.sampled_from([None, "x", "y"]))
    def submit(self, kind: str, key: str | None) -> str:
        if (known := self.live(key)) is not None:
            assert self.jobs.submit(kind, {}, key).id == known.id
            return known.id
        if self.full:
            with pytest.raises(QueueFull):
                self.jobs.submit(kind, {}, key)
            return "none"
        job = self.jobs.submit(kind, {}, key)
        self.submitted += 1
        self.rows.append(Row(self.submitted, job.id, kind, key))
        return job.id

    @rule(kind=KIND)
    def submit_until_full(self, kind: str) -> None:
        while not self.full:
            self.submit(kind, None)
        self.submit(kind, None)

    @rule(target=claims_given, owner=OWNER, kinds=st.sets(KIND, min_size=1))
    def claim(self, owner: str, kinds: set[str]) -> tuple[str, int]:
        runs = {kind: sum(row.status == "running" and row.kind == kind for row in self.rows) for kind in KINDS}
        ready = [
            row
            for row in sorted(self.rows, key=lambda row: -KINDS[row.kind].priority)
            if row.kind in kinds
            and rules.may_run(
                status=row.status, not_before=row.not_before, now=self.now,
                running=runs[row.kind], at_once=KINDS[row.kind].at_once,
            )
        ]  # fmt: skip
        job = self.claims.claim(owner, kinds)
        assert (job and job.id) == (ready[0].id if ready else None)
        if job is None:
            return ("none", 0)
        row = ready[0]
        row.status, row.owner, row.wish, row.lease_until = "running", owner, None, self.now + LEASE_S
        row.attempts, row.fence = row.attempts + 1, row.fence + 1
        return (job.id, job.fence)

    @rule(claim=claims_given)
    def complete(self, claim: tuple[str, int]) -> None:
        row = self.mine(claim)
        assert self.claims.complete(claim, '{"fence": 1}', Progress(7)) == (row is not None)
        if row:
            row.leave(Verdict("completed"), self.now)
            row.done, row.died_at = 7, None

    @rule(claim=claims_given, hopeless=st.booleans())
    def fail(self, claim: tuple[str, int], hopeless: bool) -> None:
        row = self.mine(claim)
        expected = rules.after_failure(row.attempts, row.wish, hopeless=hopeless) if row else None
        assert self.claims.fail(claim, {"kind": "E", "message": "m"}, hopeless=hopeless) == expected
        if row and expected:
            row.leave(expected, self.now)
            row.died_at = None

    @rule(claim=claims_given)
    def stop(self, claim: tuple[str, int]) -> None:
        row = self.mine(claim)
        expected = rules.after_wish(row.wish) if row else None
        assert self.claims.stop(claim) == expected
        if row and expected:
            row.leave(expected, self.now)
            row.attempts -= 1

    @rule(claim=claims_given, done=st.integers(0, 9))
    def tell(self, claim: tuple[str, int], done: int) -> None:
        row = self.mine(claim)
        assert self.claims.tell(claim, Progress(done)) == (row is not None)
        if row:
            row.done = done

    @rule(owner=OWNER)
    def renew(self, owner: str) -> None:
        held = [row for row in self.rows if row.status == "running" and row.owner == owner]
        renewed = self.claims.renew(owner, [row.id for row in self.rows])
        assert renewed == {(row.id, row.fence): row.wish for row in held}
        wished = {claim: wish for claim, wish in renewed.items() if wish}
        assert self.claims.wishes(owner) == wished
        for row in held:
            row.lease_until = self.now + LEASE_S

    @rule(dead=st.sets(OWNER))
    def recover(self, dead: set[str]) -> None:
        lost = [
            row
            for row in self.rows
            if row.status == "running" and (row.owner in dead or not rules.pending(row.lease_until, self.now, LEASE_S))
        ]
        found = {job.id: verdict for job, verdict in self.claims.recover(lambda owner: owner in dead)}
        deaths = {row.id: rules.deaths_now(row.deaths, row.done, row.died_at) for row in lost}
        assert found == {row.id: rules.after_death(deaths[row.id], row.wish) for row in lost}
        for row in lost:
            row.leave(found[row.id], self.now)
            row.attempts, row.deaths, row.died_at = row.attempts - 1, deaths[row.id], row.done

    @rule(job_id=ids)
    def cancel(self, job_id: str) -> None:
        row = self.row(job_id)
        assert (self.jobs.cancel(job_id) is not None) == (row.status in LIVE)
        if row.status == "running":
            row.wish = "cancel"
        elif row.status in LIVE:
            row.status = "cancelled"

    @rule(job_id=ids)
    def pause(self, job_id: str) -> None:
        row = self.row(job_id)
        assert (self.jobs.pause(job_id) is not None) == (row.status in ("queued", "running"))
        if row.status == "running":
            row.wish = row.wish or "pause"
        elif row.status == "queued":
            row.status = "paused"

    @rule(job_id=ids)
    def resume(self, job_id: str) -> None:
        row = self.row(job_id)
        pausing = row.status == "running" and row.wish == "pause"
        assert (self.jobs.resume(job_id) is not None) == (row.status == "paused" or pausing)
        if row.status == "paused":
            row.status = "queued"
        elif pausing:
            row.wish = None

    @rule(job_id=ids)
    def retry(self, job_id: str) -> None:
        row = self.row(job_id)
        if row.status != "failed":
            assert self.jobs.retry(job_id) is None
        elif (known := self.live(row.key)) is not None:
            assert self.jobs.retry(job_id).id == known.id
        elif self.full:
            with pytest.raises(QueueFull):
                self.jobs.retry(job_id)
        else:
            assert self.jobs.retry(job_id).id == job_id
            row.status, row.attempts, row.deaths, row.not_before, row.done = "queued", 0, 0, 0.0, 0
            row.died_at = None

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 10.0, 16.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(now=st.sampled_from([0.0, 980.0]))
    def the_system_starts_anew(self, now: float) -> None:
        self.now = now

    @precondition(lambda self: self.rows)
    @rule(kept=st.integers(0, 3))
    def forget(self, kept: int) -> None:
        self.claims.forget(kept)
        last = self.rows[-1].seq
        self.rows = [row for row in self.rows if row.status not in ("completed", "cancelled") or row.seq > last - kept]

    @invariant()
    def both_tell_the_same(self) -> None:
        told = [
            (job.id, job.status, job.attempts, job.deaths, job.fence, job.owner, job.wish, job.progress.done)
            for job in reversed(self.jobs.listed(limit=10_000))
        ]
        assert told == [
            (row.id, row.status, row.attempts, row.deaths, row.fence, row.owner, row.wish, row.done)
            for row in self.rows
        ]

    @invariant()
    def the_next_is_due_when_the_model_says(self) -> None:
        waits = [
            row.not_before - self.now
            for row in self.rows
            if row.status == "queued" and rules.pending(row.not_before, self.now, LONGEST_DELAY_S)
        ]
        assert self.claims.next_due(list(KINDS)) == min(waits, default=None)

    @invariant()
    def no_kind_is_over_its_limit(self) -> None:
        for kind, limits in KINDS.items():
            assert sum(row.status == "running" and row.kind == kind for row in self.rows) <= limits.at_once


TestTable = Table.TestCase
TestTable.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
