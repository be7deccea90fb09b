"""Whether and when a child is started again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import ExitStatus, Policy, RestartRules

RULES = st.builds(
    RestartRules,
    base_s=st.floats(0.001, 10),
    factor=st.floats(1, 10),
    cap_s=st.floats(0.001, 600),
    jitter=st.floats(0, 1),
)
FAILURES = st.integers(1, 10_000)
DICE = st.floats(0, 1, exclude_max=True)


@settings(max_examples=300)
@given(RULES, FAILURES, DICE)
def test_property_jitter_stays_within_its_bounds(rules: RestartRules, failures: int, dice: float) -> None:
    full = rules.delay_s(failures, 0.0)
    assert full * (1 - rules.jitter) - 1e-9 <= rules.delay_s(failures, dice) <= full


@settings(max_examples=300)
@given(RULES, FAILURES, DICE)
def test_property_the_delay_is_capped(rules: RestartRules, failures: int, dice: float) -> None:
    assert 0 <= rules.delay_s(failures, dice) <= rules.cap_s


@settings(max_examples=300)
@given(RULES, FAILURES)
def test_property_the_delay_grows_until_the_cap(rules: RestartRules, failures: int) -> None:
    now, later = rules.delay_s(failures, 0.0), rules.delay_s(failures + 1, 0.0)
    assert later == pytest.approx(min(rules.cap_s, now * rules.factor)) or failures > 64


def test_jitter_takes_off_as_much_as_the_dice_say() -> None:
    assert [RestartRules(base_s=8, jitter=0.25).delay_s(1, dice) for dice in (0.0, 0.5, 0.75)] == [8, 7, 6.5]


def test_the_delays_of_the_default() -> None:
    rules = RestartRules()
    assert [rules.delay_s(count, 0.0) for count in range(1, 10)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("status", [None, ExitStatus(code=0), ExitStatus(code=3), ExitStatus(signal="SIGKILL")])
def test_never_never_restarts(status: ExitStatus | None) -> None:
    assert not RestartRules(policy=Policy.NEVER).wants(status)


@pytest.mark.parametrize("status", [None, ExitStatus(code=0), ExitStatus(code=3), ExitStatus(signal="SIGKILL")])
def test_always_always_restarts(status: ExitStatus | None) -> None:
    assert RestartRules(policy=Policy.ALWAYS).wants(status)


@pytest.mark.parametrize(
    ("status", "wanted"),
    [(None, True), (ExitStatus(code=0), False), (ExitStatus(code=3), True), (ExitStatus(signal="SIGTERM"), True)],
)
def test_on_failure_restarts_all_but_a_clean_exit(status: ExitStatus | None, wanted: bool) -> None:
    assert RestartRules(policy=Policy.ON_FAILURE).wants(status) is wanted
