"""The transition table, replayed: what one history of events leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediabridge.bridge import ExitStatus, Failure, FailureKind, Policy, RestartRules, Rules, State, WhyNotReady
from mediabridge.bridge import events as ev
from mediabridge.bridge.lifecycle import KILL_S, KILLS, LOOKS_AFTER_KILL, Life, Then, decide

from .doubles import failure

RULES = Rules(start_tries=3, unhealthy_after=2, replace_after=4, restart=RestartRules(limit=2))
NEVER = replace(RULES, restart=RestartRules(policy=Policy.NEVER))
ALWAYS = replace(RULES, restart=RestartRules(policy=Policy.ALWAYS, limit=2))
CRASH = ExitStatus(code=1)
START = (ev.StartAsked(), ev.Spawned(1, 100, 0.0))
READY = (*START, ev.ProbePassed(1, 1.0))


def exited(launch: int = 1, status: ExitStatus = CRASH, at: float = 2.0, why: Failure | None = None) -> ev.Exited:
    return ev.Exited(launch, status, why or failure(), at, dice=0.0)


def replay(*events: ev.Event, rules: Rules = RULES, life: Life | None = None) -> tuple[Life, list[ev.Action]]:
    """The life after the history, and what the last event of it asked for."""
    life, actions = life or Life(), ()
    for event in events:
        life, actions = decide(life, event, rules)
    return life, list(actions)


def told(actions: list[ev.Action]) -> list[str]:
    return [action.what for action in actions if isinstance(action, ev.Tell)]


def has(actions: list[ev.Action], kind: type[ev.Action]) -> bool:
    return any(isinstance(action, kind) for action in actions)


def test_a_start_spawns_one_child() -> None:
    life, actions = replay(ev.StartAsked())
    assert (life.state, life.why, actions) == (
        State.STARTING,
        WhyNotReady.STARTING,
        [ev.Tell("starting"), ev.Spawn(1)],
    )


def test_a_second_start_changes_nothing() -> None:
    life, _ = replay(*READY)
    assert replay(ev.StartAsked(), life=life) == (life, [])


def test_the_first_probe_that_passes_makes_ready() -> None:
    life, actions = replay(*READY)
    assert (life.state, life.why, told(actions)) == (State.READY, None, ["ready"])


def test_a_ready_child_goes_on_being_probed() -> None:
    _, actions = replay(*READY, ev.ProbePassed(1, 2.0))
    assert actions == [ev.Probe(1, RULES.liveness_interval_s)]


def test_the_pid_that_answers_is_the_pid() -> None:
    life, _ = replay(*START, ev.ProbePassed(1, 1.0, pid=101))
    assert life.pid == 101


def test_too_many_probes_that_fail_end_the_start_with_a_warning() -> None:
    life, actions = replay(*START, *[ev.ProbeFailed(1, "refused")] * 3, rules=NEVER)
    assert (life.state, life.then, told(actions)) == (State.STOPPING, Then.FAIL, ["start_timeout"])
    assert life.failure is not None
    assert life.failure.kind is FailureKind.HEALTH_TIMEOUT
    assert "refused" in life.failure.message


def test_the_time_to_become_ready_ends_the_start_with_a_warning() -> None:
    life, actions = replay(*START, ev.StartOverdue(1), rules=NEVER)
    assert (life.state, told(actions)) == (State.STOPPING, ["start_timeout"])


def test_the_time_to_become_ready_means_nothing_to_one_that_is_ready() -> None:
    life, _ = replay(*READY)
    assert replay(ev.StartOverdue(1), life=life) == (life, [])


def test_news_of_an_older_launch_changes_nothing() -> None:
    life, _ = replay(*READY)
    assert replay(exited(launch=0), life=life) == (life, [])


def test_misses_in_a_row_make_unhealthy() -> None:
    life, actions = replay(*READY, *[ev.ProbeFailed(1, "silence")] * 2)
    assert (life.state, life.why, told(actions)) == (State.UNHEALTHY, WhyNotReady.UNHEALTHY, ["unhealthy"])


def test_misses_that_are_not_in_a_row_do_not_count_together() -> None:
    pair = (ev.ProbeFailed(1, "silence"), ev.ProbePassed(1, 2.0))
    life, _ = replay(*READY, *pair * 10)
    assert life.state is State.READY


def test_unhealthy_is_told_once() -> None:
    _, actions = replay(*READY, *[ev.ProbeFailed(1, "silence")] * 3, rules=NEVER)
    assert told(actions) == []


def test_one_that_answers_again_is_ready_again() -> None:
    life, actions = replay(*READY, *[ev.ProbeFailed(1, "silence")] * 2, ev.ProbePassed(1, 9.0))
    assert (life.state, life.failure, told(actions)) == (State.READY, None, ["ready"])


def test_one_that_stays_silent_is_replaced() -> None:
    life, actions = replay(*READY, *[ev.ProbeFailed(1, "silence")] * 4)
    assert (life.state, life.then) == (State.STOPPING, Then.RESTART)
    assert has(actions, ev.Ask)


def test_one_that_stays_silent_is_left_alone_when_the_policy_is_never() -> None:
    life, actions = replay(*READY, *[ev.ProbeFailed(1, "silence")] * 20, rules=NEVER)
    assert life.state is State.UNHEALTHY
    assert actions == [ev.Probe(1, NEVER.liveness_interval_s)]


def test_a_crash_kills_what_is_left_of_the_tree_before_the_restart() -> None:
    life, actions = replay(*READY, exited())
    assert life.state is State.STOPPING
    assert actions == [ev.Tell("exited", life.failure), ev.Kill(1), ev.Look(1)]


def test_the_restart_waits_for_the_end_of_the_old_tree() -> None:
    life, actions = replay(*READY, exited(), ev.TreeSeen(1, 2))
    assert life.state is State.STOPPING
    assert not has(actions, ev.Forget)


def test_a_crash_leads_to_backoff_and_another_start() -> None:
    waiting, actions = replay(*READY, exited(), ev.TreeSeen(1, 0))
    assert (waiting.state, waiting.why) == (State.BACKOFF, WhyNotReady.RESTARTING)
    assert ev.Later(waiting.delay_s, ev.BackoffOver(1)) in actions
    life, actions = replay(ev.BackoffOver(1), life=waiting)
    assert (life.state, life.why, life.restarts) == (State.STARTING, WhyNotReady.RESTARTING, 1)
    assert ev.Spawn(2) in actions


def test_a_permanent_failure_is_never_followed_by_a_start() -> None:
    bad = failure(FailureKind.SYNTAX_ERROR, permanent=True)
    life, actions = replay(*START, exited(why=bad), ev.TreeSeen(1, 0), rules=ALWAYS)
    assert (life.state, life.why, life.failure) == (State.FAILED, WhyNotReady.START_FAILED, bad)
    assert told(actions) == ["failed"]


def test_a_spawn_that_fails_for_good_is_given_up() -> None:
    missing = failure(FailureKind.PYTHON_NOT_FOUND, permanent=True)
    life, actions = replay(ev.StartAsked(), ev.SpawnFailed(1, missing, 0.0))
    assert (life.state, life.failure, told(actions)) == (State.FAILED, missing, ["failed"])


@pytest.mark.parametrize(
    ("policy", "status", "state"),
    [
        (Policy.NEVER, CRASH, State.FAILED),
        (Policy.NEVER, ExitStatus(code=0), State.FAILED),
        (Policy.ON_FAILURE, CRASH, State.BACKOFF),
        (Policy.ON_FAILURE, ExitStatus(signal="SIGKILL"), State.BACKOFF),
        (Policy.ON_FAILURE, ExitStatus(code=0), State.FAILED),
        (Policy.ALWAYS, CRASH, State.BACKOFF),
        (Policy.ALWAYS, ExitStatus(code=0), State.BACKOFF),
    ],
)
def test_the_policy_decides_what_follows_an_end(policy: Policy, status: ExitStatus, state: State) -> None:
    rules = replace(RULES, restart=RestartRules(policy=policy))
    life, _ = replay(*READY, exited(status=status), ev.TreeSeen(1, 0), rules=rules)
    assert life.state is state


def test_an_end_after_ready_is_not_called_a_failed_start() -> None:
    life, _ = replay(*READY, exited(), ev.TreeSeen(1, 0), rules=NEVER)
    assert life.why is WhyNotReady.EXITED


def crashes(count: int, up_s: float, rules: Rules) -> Life:
    """A life that became ready and crashed `count` times, `up_s` after it was ready."""
    life, _ = replay(ev.StartAsked(), rules=rules)
    for launch in range(1, count + 1):
        at = launch * 1000.0
        history = (ev.Spawned(launch, 100, at), ev.ProbePassed(launch, at), exited(launch, at=at + up_s))
        life, _ = replay(*history, ev.TreeSeen(launch, 0), ev.BackoffOver(launch), life=life, rules=rules)
    return life


def test_a_crash_loop_gives_up() -> None:
    assert crashes(RULES.restart.limit, 1.0, RULES).state is State.STARTING
    life = crashes(RULES.restart.limit + 1, 1.0, RULES)
    assert (life.state, life.why) == (State.FAILED, WhyNotReady.GAVE_UP)
    assert life.failure is not None
    assert life.failure.kind is FailureKind.CRASH_LOOP
    assert "3 times in a row" in life.failure.message


def test_a_long_time_up_forgives() -> None:
    assert crashes(20, RULES.restart.forgive_s, RULES).state is State.STARTING


def test_a_long_time_up_forgives_before_a_silence_too() -> None:
    life, _ = replay(ev.StartAsked())
    for launch in range(1, 20):
        up = (ev.Spawned(launch, 100, 0.0), ev.ProbePassed(launch, 0.0), ev.ProbePassed(launch, 100.0))
        end = (*[ev.ProbeFailed(launch, "silence")] * 4, exited(launch), ev.TreeSeen(launch, 0), ev.BackoffOver(launch))
        life, _ = replay(*up, *end, life=life)
    assert life.state is State.STARTING


def test_a_start_after_giving_up_counts_afresh() -> None:
    life, actions = replay(ev.StartAsked(), life=crashes(3, 1.0, RULES))
    assert (life.state, life.failures, life.restarts, life.failure) == (State.STARTING, 0, 0, None)
    assert ev.Spawn(4) in actions


def test_a_stop_asks_and_sets_the_time_to_kill() -> None:
    life, actions = replay(*READY, ev.StopAsked())
    assert (life.state, life.why) == (State.STOPPING, WhyNotReady.STOPPING)
    assert actions == [ev.Tell("stopping"), ev.Ask(1), ev.Later(RULES.grace_s, ev.GraceOver(1))]


def test_a_stop_ends_when_the_tree_is_gone() -> None:
    life, actions = replay(*READY, ev.StopAsked(), exited(), ev.TreeSeen(1, 0))
    assert (life.state, life.why, life.pid) == (State.STOPPED, WhyNotReady.STOPPED, None)
    assert actions == [ev.Forget(1), ev.Tell("stopped")]


def test_a_stop_that_is_not_heard_becomes_a_kill() -> None:
    _, actions = replay(*READY, ev.StopAsked(), ev.GraceOver(1))
    assert told(actions) == ["killing"]
    assert ev.Kill(1) in actions


def test_what_the_child_left_behind_is_asked_too() -> None:
    _, actions = replay(*READY, ev.StopAsked(), exited())
    assert actions == [ev.Ask(1), ev.Look(1)]


def test_a_stop_during_the_spawn_ends_the_child_that_comes() -> None:
    life, actions = replay(ev.StartAsked(), ev.StopAsked())
    assert (life.state, told(actions)) == (State.STOPPING, ["stopping"])
    life, actions = replay(ev.Spawned(1, 100, 0.0), life=life)
    assert actions == [ev.Ask(1), ev.Later(RULES.grace_s, ev.GraceOver(1))]


def test_a_kill_during_the_spawn_skips_the_grace_of_the_child_that_comes() -> None:
    _, actions = replay(ev.StartAsked(), ev.KillAsked(), ev.Spawned(1, 100, 0.0))
    assert ev.Later(0.0, ev.GraceOver(1)) in actions


def test_a_stop_during_a_spawn_that_fails_is_a_stop() -> None:
    life, _ = replay(ev.StartAsked(), ev.StopAsked(), ev.SpawnFailed(1, failure(), 0.0))
    assert life.state is State.STOPPED


def test_a_stop_during_the_backoff_stops_at_once() -> None:
    life, actions = replay(*READY, exited(), ev.TreeSeen(1, 0), ev.StopAsked())
    assert (life.state, told(actions)) == (State.STOPPED, ["stopped"])
    assert replay(ev.BackoffOver(1), life=life) == (life, [])


def test_a_stop_while_a_crash_is_cleared_cancels_the_restart() -> None:
    life, _ = replay(*READY, exited(), ev.StopAsked(), ev.TreeSeen(1, 0))
    assert life.state is State.STOPPED


def test_a_second_stop_changes_nothing() -> None:
    life, _ = replay(*READY, ev.StopAsked())
    assert replay(ev.StopAsked(), life=life) == (life, [])


def test_a_kill_skips_the_grace() -> None:
    life, actions = replay(*READY, ev.KillAsked())
    assert life.state is State.STOPPING
    assert ev.Kill(1) in actions
    assert ev.Later(KILL_S, ev.GraceOver(1)) in actions  # the next kill, should it be needed


def test_a_kill_during_a_stop_skips_the_rest_of_the_grace() -> None:
    _, actions = replay(*READY, ev.StopAsked(), ev.KillAsked())
    assert ev.Kill(1) in actions


def test_a_stop_of_what_failed_is_told() -> None:
    bad = failure(permanent=True)
    life, actions = replay(*START, exited(why=bad), ev.TreeSeen(1, 0), ev.StopAsked())
    assert (life.state, told(actions)) == (State.STOPPED, ["stopped"])


def test_a_child_that_no_kill_ends_is_left_behind() -> None:
    life, _ = replay(*READY, ev.StopAsked())
    kills, tells = 0, []
    while life.state is State.STOPPING:
        life, actions = replay(ev.GraceOver(1), life=life)
        kills += has(actions, ev.Kill)
        tells += told(actions)
        assert kills <= KILLS + 1
    assert life.state is State.STOPPED
    assert tells == ["killing", "left_behind", "stopped"]


def test_descendants_that_no_kill_ends_are_left_behind() -> None:
    life, actions = replay(*READY, exited())
    looks, tells = 0, []
    while life.state is State.STOPPING:
        life, actions = replay(ev.TreeSeen(1, 1), life=life)
        looks += 1
        tells += told(actions)
        assert looks <= LOOKS_AFTER_KILL + 2
    assert tells[0] == "left_behind"


def test_descendants_that_no_kill_ends_do_not_hold_up_a_stop_either() -> None:
    life, _ = replay(*READY, exited(), ev.StopAsked())
    for _ in range(LOOKS_AFTER_KILL + 2):
        life, _ = replay(ev.TreeSeen(1, 1), life=life)
    assert life.state is State.STOPPED


@pytest.mark.parametrize("end", [ev.StopAsked(), ev.KillAsked()])
def test_the_late_end_of_one_that_was_left_behind_starts_nothing(end: ev.Event) -> None:
    life, _ = replay(*READY, end, *[ev.GraceOver(1)] * (KILLS + 2), rules=ALWAYS)
    assert life.state is State.STOPPED
    assert replay(exited(), life=life, rules=ALWAYS) == (life, [])


def test_a_replacement_ends_the_child_and_starts_another_without_delay() -> None:
    life, actions = replay(*READY, ev.ReplaceAsked(1))
    assert (life.state, life.why) == (State.STOPPING, WhyNotReady.RESTARTING)
    assert has(actions, ev.Ask)
    life, actions = replay(exited(), ev.TreeSeen(1, 0), life=life)
    assert life.state is State.BACKOFF
    assert ev.Later(0.0, ev.BackoffOver(1)) in actions


def test_a_replacement_asked_during_the_spawn_is_the_child_that_comes() -> None:
    life, _ = replay(ev.StartAsked())
    assert replay(ev.ReplaceAsked(1), life=life) == (life, [])
