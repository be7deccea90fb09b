"""The rules: pure, so that Hypothesis can try them all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar.jobs import rules

MOMENTS = st.floats(0, 1e9, allow_nan=False)
WISHES = st.sampled_from([None, "cancel", "pause"])
STATUSES = st.sampled_from(rules.STATUSES)


def test_the_limits_are_those_that_were_asked_for() -> None:
    assert {kind: rule.at_once for kind, rule in rules.KINDS.items()} == {
        "image": 2, "import": 1, "text": 3, "analysis": 1, "ocr": 1, "retrain": 1, "export": 1,
    }  # fmt: skip
    assert (rules.MOST_WAITING, rules.TRIES) == (100, 3)
    assert sorted(rules.KINDS, key=lambda kind: -rules.KINDS[kind].priority) == [
        "image", "import", "text", "analysis", "ocr", "retrain", "export",
    ]  # fmt: skip


def test_the_first_delays() -> None:
    assert [rules.next_delay(times) for times in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(st.integers(1, 10**6))
def test_delays_grow_up_to_a_bound(times: int) -> None:
    assert 1 <= rules.next_delay(times) <= rules.next_delay(times + 1) <= 10


@given(st.integers(1, 20), WISHES, st.booleans())
def test_a_failure_ends_in_a_status_that_a_running_job_may_get(attempts: int, wish, hopeless: bool) -> None:
    verdict = rules.after_failure(attempts, wish, hopeless=hopeless)
    assert rules.may_become("running", verdict.status)
    if wish is None:
        assert (verdict.status == "failed") == (hopeless or attempts >= rules.TRIES)
        assert (verdict.delay_s > 0) == (verdict.status == "queued")
    else:
        assert verdict == rules.Verdict({"cancel": "cancelled", "pause": "paused"}[wish])


@pytest.mark.parametrize(
    ("deaths", "done", "died_at", "now"), [(0, 0, None, 1), (3, 5, None, 4), (3, 5, 5, 4), (3, 6, 5, 1), (4, 4, 5, 5)]
)
def test_a_job_that_came_further_is_not_what_kills_its_workers(
    deaths: int, done: int, died_at: int | None, now: int
) -> None:
    assert rules.deaths_now(deaths, done, died_at) == now


@given(st.integers(1, 20), WISHES)
def test_a_death_costs_a_delay_but_never_ends_in_completed(deaths: int, wish) -> None:
    verdict = rules.after_death(deaths, wish)
    assert rules.may_become("running", verdict.status)
    assert verdict.status != "completed"
    assert (verdict.status == "failed") == (wish is None and deaths >= rules.MOST_DEATHS)


def test_every_status_can_be_reached_and_only_two_are_final() -> None:
    reached = {"queued"}.union(*rules.BECOMES.values())
    assert reached == set(rules.STATUSES) == set(rules.BECOMES)
    assert {old for old, news in rules.BECOMES.items() if not news} == {"completed", "cancelled"}


def test_only_a_running_job_completes_or_fails_and_only_a_queued_one_runs() -> None:
    for old, new in itertools.product(rules.STATUSES, ["completed", "failed"]):
        assert rules.may_become(old, new) == (old == "running")
    assert [old for old in rules.STATUSES if rules.may_become(old, "running")] == ["queued"]


@given(STATUSES, MOMENTS, MOMENTS, st.integers(0, 5), st.integers(1, 5))
def test_a_job_runs_when_it_waits_is_due_and_has_room(status, not_before, now, running, at_once) -> None:
    allowed = rules.may_run(status=status, not_before=not_before, now=now, running=running, at_once=at_once)
    due = not rules.pending(not_before, now, rules.LONGEST_DELAY_S)
    assert allowed == (status == "queued" and running < at_once and due)


@given(MOMENTS, st.floats(0.01, 100), st.floats(0, 1))
def test_a_moment_is_pending_until_it_comes(now: float, longest: float, part: float) -> None:
    until = now + longest * part
    assert rules.pending(until, now, longest) == (until > now)
    assert not rules.pending(until, until, longest)


@pytest.mark.parametrize("after_restart", [0.0, 3.0, 1000.0])
def test_a_clock_that_began_anew_holds_nothing_up_for_long(after_restart: float) -> None:
    until, longest = 1003.0, 10.0
    waits = [step for step in range(100) if rules.pending(until, after_restart + step, longest)]
    assert len(waits) <= longest + rules.SLACK_S
