"""One status of many replicas."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import ReplicaStatus, State, WhyNotReady
from mediabridge.bridge.lifecycle import Life
from mediabridge.bridge.summary import RANK, summarize

from .doubles import failure
from .test_lifecycle_properties import REASON_OF


@st.composite
def replicas(draw: st.DrawFn) -> tuple[Life, ReplicaStatus]:
    state = draw(st.sampled_from(State))
    why = draw(st.sampled_from(sorted(REASON_OF[state], key=str)))
    life = Life(
        state=state,
        why=why,
        pid=draw(st.none() | st.integers(1, 99)),
        restarts=draw(st.integers(0, 9)),
        delay_s=draw(st.floats(0, 30)),
    )
    return life, ReplicaStatus("Python", state, pid=life.pid, restarts=life.restarts)


def of(*states: State) -> list[tuple[Life, ReplicaStatus]]:
    return [
        (
            Life(state=state, why=min(REASON_OF[state], key=str), pid=number),
            ReplicaStatus("Python", state, number),
        )
        for number, state in enumerate(states, 1)
    ]


@settings(max_examples=200)
@given(st.lists(replicas(), max_size=6))
def test_property_why_is_none_exactly_when_ready(lives: list[tuple[Life, ReplicaStatus]]) -> None:
    status = summarize(lives)
    assert (status.why is None) == (status.state is State.READY) == status.ready


@settings(max_examples=200)
@given(st.lists(replicas(), min_size=1, max_size=6))
def test_property_ready_exactly_when_one_replica_is(lives: list[tuple[Life, ReplicaStatus]]) -> None:
    assert summarize(lives).ready == any(life.state is State.READY for life, _ in lives)


@settings(max_examples=200)
@given(st.lists(replicas(), min_size=1, max_size=6))
def test_property_all_replicas_are_listed_and_their_restarts_added(lives: list[tuple[Life, ReplicaStatus]]) -> None:
    status = summarize(lives)
    assert status.replicas == tuple(replica for _, replica in lives)
    assert status.restarts == sum(life.restarts for life, _ in lives)


@settings(max_examples=200)
@given(st.lists(replicas(), min_size=1, max_size=6), st.randoms())
def test_property_the_order_of_replicas_does_not_decide_the_state(lives: list, random: object) -> None:
    mixed = list(lives)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert summarize(mixed).state is summarize(lives).state


def test_every_state_has_a_rank() -> None:
    assert sorted(RANK) == sorted(State)


def test_without_replicas_nothing_was_started() -> None:
    status = summarize([])
    assert (status.state, status.why) == (State.STOPPED, WhyNotReady.NOT_STARTED)


def test_the_figures_are_those_of_the_best_replica() -> None:
    assert summarize(of(State.FAILED, State.READY, State.STARTING)).pid == 2


def test_a_start_says_when_to_try_again() -> None:
    assert summarize(of(State.STARTING)).retry_after_s == 1.0


def test_a_backoff_says_when_to_try_again() -> None:
    life = Life(state=State.BACKOFF, why=WhyNotReady.RESTARTING, delay_s=8.0)
    assert summarize([(life, ReplicaStatus("Python", State.BACKOFF))]).retry_after_s == 9.0


def test_what_failed_does_not_ask_to_try_again() -> None:
    life = Life(state=State.FAILED, why=WhyNotReady.START_FAILED, failure=failure())
    status = summarize([(life, ReplicaStatus("Python", State.FAILED))])
    assert (status.retry_after_s, status.failure) == (None, life.failure)
