"""The transition table of one supervised process: `decide(life, event, rules) -> (life, actions)`. No I/O, no clock.

STOPPED ──start──▶ STARTING ──probe passed──▶ READY ◀──▶ UNHEALTHY
   ▲                  │ failed, overdue         │ exit, too long unhealthy
   │                  ▼                         ▼
   └──────────── STOPPING (ask → wait → kill → tree gone) ──▶ BACKOFF ──▶ STARTING
                      └──────────────────────────────────────▶ FAILED

Every end, asked for or not, goes through STOPPING: no start follows before the old tree is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from . import events as ev
from .restart import RestartRules
from .status import ExitStatus, Failure, FailureKind, State, WhyNotReady

LOOK_S = 0.05  # between two looks at a tree that is to be gone
KILL_S = 0.5  # between two SIGKILLs of a process that does not go
KILLS = 4
LOOKS_AFTER_KILL = 100  # looks after SIGKILL before a process in uninterruptible sleep is left behind


class Then(Enum):
    """What comes after STOPPING."""

    STOP = auto()
    RESTART = auto()
    FAIL = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """How patient the bridge is. Seconds; `start_tries` probes may fail before a start is given up."""

    start_timeout_s: float = 10.0
    start_tries: int = 10
    start_interval_s: float = 0.5
    liveness_interval_s: float = 5.0
    unhealthy_after: int = 3
    replace_after: int = 6
    grace_s: float = 5.0
    restart: RestartRules = field(default_factory=RestartRules)


@dataclass(frozen=True, slots=True)
class Life:
    """All that is known of one supervised process. `failures` counts failures in a row."""

    state: State = State.STOPPED
    why: WhyNotReady | None = WhyNotReady.NOT_STARTED
    launch: int = 0
    pid: int | None = None
    exited: bool = True
    ready_at: float | None = None
    misses: int = 0
    failures: int = 0
    restarts: int = 0
    failure: Failure | None = None
    last_exit: ExitStatus | None = None
    then: Then = Then.STOP
    killed: int = 0
    delay_s: float = 0.0


Decision = tuple[Life, tuple[ev.Action, ...]]
LIVE = (State.STARTING, State.READY, State.UNHEALTHY)


def decide(life: Life, event: ev.Event, rules: Rules) -> Decision:
    """The next life and what to do. News of an older launch changes nothing."""
    if getattr(event, "launch", life.launch) != life.launch:
        return life, ()
    return HANDLERS[type(event)](life, event, rules)


def _start_asked(life: Life, _event: ev.StartAsked, _rules: Rules) -> Decision:
    if life.state not in (State.STOPPED, State.FAILED):
        return life, ()
    return _spawn(replace(life, failures=0, restarts=0, failure=None, last_exit=None))


def _spawn(life: Life) -> Decision:
    launch = life.launch + 1
    born = replace(
        life,
        state=State.STARTING,
        why=WhyNotReady.RESTARTING if life.restarts else WhyNotReady.STARTING,
        launch=launch,
        pid=None,
        exited=True,
        ready_at=None,
        misses=0,
        killed=0,
    )
    return born, (ev.Tell("starting"), ev.Spawn(launch))


def _spawned(life: Life, event: ev.Spawned, rules: Rules) -> Decision:
    if life.state not in (State.STARTING, State.STOPPING) or life.pid is not None:
        return life, ()
    life = replace(life, pid=event.pid, exited=False)
    if life.state is State.STOPPING:  # asked to stop while the spawn was under way
        grace = 0.0 if life.killed else rules.grace_s
        return life, (ev.Ask(life.launch), ev.Later(grace, ev.GraceOver(life.launch)))
    return life, (
        ev.Probe(life.launch, 0.0),
        ev.Later(rules.start_timeout_s, ev.StartOverdue(life.launch)),
    )


def _spawn_failed(life: Life, event: ev.SpawnFailed, rules: Rules) -> Decision:
    if life.state not in (State.STARTING, State.STOPPING) or life.pid is not None:
        return life, ()
    if life.state is State.STOPPING:
        return _gone(replace(life, then=Then.STOP), rules)
    return _gone(_failed(life, event.failure, None, rules, event.dice), rules)


def _failed(life: Life, failure: Failure, exit_status: ExitStatus | None, rules: Rules, dice: float) -> Life:
    """Choose between another start and giving up."""
    count = life.failures + 1
    life = replace(life, failures=count, failure=failure, last_exit=exit_status or life.last_exit)
    if failure.permanent or not rules.restart.wants(exit_status):
        why = WhyNotReady.EXITED if life.ready_at is not None else WhyNotReady.START_FAILED
        return replace(life, then=Then.FAIL, why=why)
    if count > rules.restart.limit:
        return replace(life, then=Then.FAIL, why=WhyNotReady.GAVE_UP, failure=_crash_loop(failure, count))
    return replace(life, then=Then.RESTART, why=WhyNotReady.RESTARTING, delay_s=rules.restart.delay_s(count, dice))


def _crash_loop(failure: Failure, count: int) -> Failure:
    return replace(
        failure,
        kind=FailureKind.CRASH_LOOP,
        message=f"The sidecar failed {count} times in a row and is not started again. Last: {failure.message}",
    )


def _probe_passed(life: Life, event: ev.ProbePassed, rules: Rules) -> Decision:
    life = _forgiven(life, event.at, rules)
    again = ev.Probe(life.launch, rules.liveness_interval_s)
    if life.state is State.STARTING:
        ready = replace(
            life, state=State.READY, why=None, ready_at=event.at, misses=0, pid=event.pid or life.pid, failure=None
        )
        return ready, (ev.Tell("ready"), again)
    if life.state is State.UNHEALTHY:
        return replace(life, state=State.READY, why=None, misses=0, failure=None), (ev.Tell("ready"), again)
    if life.state is State.READY:
        return replace(life, misses=0), (again,)
    return life, ()


def _forgiven(life: Life, at: float, rules: Rules) -> Life:
    """After a long time up, the failures of before count no more."""
    long_up = life.ready_at is not None and at - life.ready_at >= rules.restart.forgive_s
    return replace(life, failures=0) if long_up else life


def _probe_failed(life: Life, event: ev.ProbeFailed, rules: Rules) -> Decision:
    life = replace(life, misses=life.misses + 1)
    if life.state is State.STARTING:
        if life.misses >= rules.start_tries:
            return _start_given_up(life, event.reason, rules)
        return life, (ev.Probe(life.launch, rules.start_interval_s),)
    if life.state not in LIVE:
        return life, ()
    again = ev.Probe(life.launch, rules.liveness_interval_s)
    if life.misses < rules.unhealthy_after:
        return life, (again,)
    failure = _unhealthy(life, event.reason)
    tell = () if life.state is State.UNHEALTHY else (ev.Tell("unhealthy", failure),)
    life = replace(life, state=State.UNHEALTHY, why=WhyNotReady.UNHEALTHY, failure=failure)
    if life.misses >= rules.replace_after and rules.restart.wants(None):
        return _end(_failed(life, failure, None, rules, 0.0), rules, tell)
    return life, (*tell, again)


def _unhealthy(life: Life, reason: str) -> Failure:
    return Failure(
        FailureKind.UNHEALTHY,
        "Flask server unavailable",
        f"The sidecar (pid {life.pid}) runs but did not answer {life.misses} health checks in a row: {reason}.",
        "It may be overloaded or stuck; its last lines are in the log. It is ready again as soon as it answers.",
    )


def _start_given_up(life: Life, reason: str, rules: Rules) -> Decision:
    failure = Failure(
        FailureKind.HEALTH_TIMEOUT,
        "Flask server failed to start",
        f"The sidecar runs (pid {life.pid}) but was not ready after {life.misses} health checks within "
        f"{rules.start_timeout_s:g} s: {reason or 'no answer'}.",
        "Read its lines in the log, or give it more time with FLASK_HEALTH_TIMEOUT (ms) and FLASK_HEALTH_MAX_RETRIES.",
    )
    return _end(_failed(life, failure, None, rules, 0.0), rules, (ev.Tell("start_timeout", failure),))


def _start_overdue(life: Life, _event: ev.StartOverdue, rules: Rules) -> Decision:
    return _start_given_up(life, "", rules) if life.state is State.STARTING else (life, ())


def _end(life: Life, rules: Rules, before: tuple[ev.Action, ...] = ()) -> Decision:
    """Enter STOPPING with a child that may still live; `life.then` says what follows."""
    life = replace(life, state=State.STOPPING, killed=0)
    if life.exited:
        return life, (*before, ev.Look(life.launch))
    return life, (*before, ev.Ask(life.launch), ev.Later(rules.grace_s, ev.GraceOver(life.launch)))


def _exited(life: Life, event: ev.Exited, rules: Rules) -> Decision:
    if life.state is State.STOPPING:
        # Those of its tree that it left behind, in sessions of their own perhaps, are asked as well.
        return replace(life, exited=True, last_exit=event.exit), (ev.Ask(life.launch), ev.Look(life.launch))
    if life.state not in LIVE:  # one that was left behind has ended after all
        return life, ()
    life = _failed(_forgiven(life, event.at, rules), event.failure, event.exit, rules, event.dice)
    # A crash leaves nothing behind: what is left of its group is killed before anything is started again.
    life = replace(life, exited=True, state=State.STOPPING, killed=1)
    return life, (ev.Tell("exited", life.failure), ev.Kill(life.launch), ev.Look(life.launch))


def _tree_seen(life: Life, event: ev.TreeSeen, rules: Rules) -> Decision:
    if life.state is not State.STOPPING or not life.exited:
        return life, ()
    if event.alive == 0:
        return _gone(life, rules)
    if life.killed > LOOKS_AFTER_KILL:
        return _left_behind(life, rules)
    again = ev.Later(LOOK_S, ev.TreeSeen(life.launch, -1))
    if event.alive < 0:  # the pause is over
        return life, (ev.Look(life.launch),)
    if life.killed or life.then is not Then.STOP:
        return replace(life, killed=life.killed + 1), (ev.Kill(life.launch), again)
    return life, (again,)


def _grace_over(life: Life, event: ev.GraceOver, rules: Rules) -> Decision:
    if life.state is not State.STOPPING:
        return life, ()
    if life.killed > KILLS and not life.exited:  # uninterruptible sleep: nothing in user space can end it
        return _left_behind(life, rules)
    tell = () if life.killed else (ev.Tell("killing"),)
    again = () if life.exited else (ev.Later(KILL_S, event),)
    return replace(life, killed=life.killed + 1), (*tell, ev.Kill(life.launch), *again)


def _left_behind(life: Life, rules: Rules) -> Decision:
    life, actions = _gone(life, rules)
    return life, (ev.Tell("left_behind"), *actions)


def _gone(life: Life, _rules: Rules) -> Decision:
    """The tree is gone: stop, wait for the next start, or stay failed."""
    life = replace(life, exited=True, pid=None, killed=0)
    forget = ev.Forget(life.launch)
    if life.then is Then.RESTART:
        waiting = replace(life, state=State.BACKOFF, restarts=life.restarts + 1)
        tell = ev.Tell("restarting", life.failure, f"in {life.delay_s:.1f} s")
        return waiting, (forget, tell, ev.Later(life.delay_s, ev.BackoffOver(life.launch)))
    if life.then is Then.FAIL:
        return replace(life, state=State.FAILED, then=Then.STOP), (forget, ev.Tell("failed", life.failure))
    return replace(life, state=State.STOPPED, why=WhyNotReady.STOPPED), (forget, ev.Tell("stopped"))


def _backoff_over(life: Life, _event: ev.BackoffOver, _rules: Rules) -> Decision:
    return _spawn(replace(life, then=Then.STOP)) if life.state is State.BACKOFF else (life, ())


def _stop_asked(life: Life, _event: ev.StopAsked, rules: Rules) -> Decision:
    if life.state in (State.STOPPED, State.FAILED):
        tell = (ev.Tell("stopped"),) if life.state is State.FAILED else ()
        return replace(life, state=State.STOPPED, why=WhyNotReady.STOPPED), tell
    life = replace(life, then=Then.STOP, why=WhyNotReady.STOPPING)
    if life.state is State.BACKOFF:
        return _gone(life, rules)
    if life.state is State.STOPPING:
        return life, ()
    if life.state is State.STARTING and life.pid is None:  # the spawn is under way; its answer goes on from here
        return replace(life, state=State.STOPPING), (ev.Tell("stopping"),)
    return _end(life, rules, (ev.Tell("stopping"),))


def _kill_asked(life: Life, _event: ev.KillAsked, rules: Rules) -> Decision:
    life, actions = _stop_asked(life, ev.StopAsked(), rules)
    if life.state is not State.STOPPING:
        return life, actions
    again = () if life.exited else (ev.Later(KILL_S, ev.GraceOver(life.launch)),)
    return replace(life, killed=1), (*actions, ev.Kill(life.launch), *again)


def _replace_asked(life: Life, _event: ev.ReplaceAsked, rules: Rules) -> Decision:
    if life.state not in LIVE or life.pid is None:  # one that is only being spawned is the new one already
        return life, ()
    return _end(replace(life, then=Then.RESTART, why=WhyNotReady.RESTARTING, delay_s=0.0), rules)


HANDLERS: dict[type, Callable[[Life, Any, Rules], Decision]] = {
    ev.StartAsked: _start_asked,
    ev.StopAsked: _stop_asked,
    ev.KillAsked: _kill_asked,
    ev.ReplaceAsked: _replace_asked,
    ev.Spawned: _spawned,
    ev.SpawnFailed: _spawn_failed,
    ev.ProbePassed: _probe_passed,
    ev.ProbeFailed: _probe_failed,
    ev.StartOverdue: _start_overdue,
    ev.Exited: _exited,
    ev.TreeSeen: _tree_seen,
    ev.GraceOver: _grace_over,
    ev.BackoffOver: _backoff_over,
}
