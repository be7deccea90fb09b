"""The transition table against a world that answers in any order: Hypothesis plays children, timers and people."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import ExitStatus, Policy, RestartRules, Rules, State, WhyNotReady
from mediabridge.bridge import events as ev
from mediabridge.bridge.lifecycle import Life, decide
from mediabridge.bridge.report import WORDS

from .doubles import failure

STEPS_TO_THE_END = 500  # looks, kills and timers that the longest stop may take
RESTARTS = st.builds(RestartRules, policy=st.sampled_from(Policy), limit=st.integers(0, 3))
RULES = st.builds(
    Rules,
    start_tries=st.integers(1, 4),
    unhealthy_after=st.integers(1, 4),
    replace_after=st.integers(1, 6),
    restart=RESTARTS,
)
STATUSES = st.sampled_from([ExitStatus(code=0), ExitStatus(code=1), ExitStatus(signal="SIGSEGV")])
REASON_OF = {
    State.STOPPED: {WhyNotReady.NOT_STARTED, WhyNotReady.STOPPED},
    State.STARTING: {WhyNotReady.STARTING, WhyNotReady.RESTARTING},
    State.READY: {None},
    State.UNHEALTHY: {WhyNotReady.UNHEALTHY},
    State.BACKOFF: {WhyNotReady.RESTARTING},
    State.STOPPING: set(WhyNotReady) - {WhyNotReady.NOT_STARTED, WhyNotReady.STARTING, WhyNotReady.STOPPED},
    State.FAILED: {WhyNotReady.START_FAILED, WhyNotReady.EXITED, WhyNotReady.GAVE_UP},
}


@dataclass
class Tree:
    """A child that lives, with so many descendants; a `deaf` one needs a kill, an `immortal` one survives that too."""

    child: bool = True
    others: int = 0
    deaf: bool = False
    immortal: bool = False

    @property
    def size(self) -> int:
        return self.child + self.others


@dataclass
class World:
    """Does what `decide` asks for, and holds the answers back until the test delivers one of them."""

    rules: Rules
    data: st.DataObject
    life: Life = field(default_factory=Life)
    at: float = 0.0
    trees: dict[int, Tree] = field(default_factory=dict)
    waiting: list[ev.Event | ev.Spawn | ev.Probe | ev.Look] = field(default_factory=list)
    past: list[ev.Event] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def send(self, event: ev.Event) -> None:
        self.at += 1.0
        before = self.life
        self.past.append(event)
        self.life, actions = decide(self.life, event, self.rules)
        for action in actions:
            self._do(action)
        self._check(event, before, actions)

    def _check(self, event: ev.Event, before: Life, actions: tuple[ev.Action, ...]) -> None:
        assert (self.life.why is None) == (self.life.state is State.READY)
        assert self.life.why in REASON_OF[self.life.state]
        assert len(self.trees) <= 1
        spawned = any(isinstance(action, ev.Spawn) for action in actions)
        assert not spawned or isinstance(event, ev.StartAsked | ev.BackoffOver)
        if before.state in (State.STOPPED, State.FAILED) and not isinstance(event, ev.StartAsked):
            assert self.life.state in (before.state, State.STOPPED)

    def _do(self, action: ev.Action) -> None:
        match action:
            case ev.Spawn():
                assert not self.trees, "a child is started while another one lives"
                self.trees[action.launch] = Tree(child=False)
                self.waiting.append(action)
            case ev.Probe() | ev.Look():
                self.waiting.append(action)
            case ev.Later():
                assert action.delay_s >= 0
                self.waiting.append(action.event)
            case ev.Ask():
                self._signal(action.launch, deadly=False)
            case ev.Kill():
                self._signal(action.launch, deadly=True)
            case ev.Forget():
                self.trees.pop(action.launch, None)  # forgetting again is harmless
            case ev.Tell():
                assert action.what in WORDS
                self.told.append(action.what)

    def _signal(self, launch: int, *, deadly: bool) -> None:
        tree = self.trees.get(launch, Tree(immortal=True))
        if tree.immortal or (tree.deaf and not deadly):
            return
        tree.others = 0
        if tree.child:
            self._end(launch)

    def _end(self, launch: int) -> None:
        self.trees[launch].child = False
        bad = failure(permanent=self.data.draw(st.booleans(), "permanent"))
        self.waiting.append(ev.Exited(launch, self.data.draw(STATUSES, "exit"), bad, self.at, 0.5))

    def deliver(self, index: int) -> None:
        """Answer one of the questions that wait, or let one of the timers ring."""
        match self.waiting.pop(index):
            case ev.Spawn(launch):
                self.send(self._spawned(launch))
            case ev.Probe(launch):
                if launch in self.trees and self.trees[launch].child:
                    passed = self.data.draw(st.booleans(), "passes")
                    self.send(ev.ProbePassed(launch, self.at) if passed else ev.ProbeFailed(launch, "silence"))
            case ev.Look(launch):
                self.send(ev.TreeSeen(launch, self.trees[launch].size if launch in self.trees else 0))
            case event:
                self.send(event)

    def _spawned(self, launch: int) -> ev.Event:
        if self.data.draw(st.integers(0, 4), "spawn") == 0:
            return ev.SpawnFailed(launch, failure(permanent=self.data.draw(st.booleans(), "permanent")), 0.5)
        self.trees[launch] = Tree(
            others=self.data.draw(st.integers(0, 2), "descendants"),
            deaf=self.data.draw(st.booleans(), "deaf"),
            immortal=self.data.draw(st.integers(0, 5), "immortal") == 0,
        )
        return ev.Spawned(launch, 100 + launch, self.at)

    def step(self) -> None:
        """Anything that may happen: an answer, a crash, a person, or old news."""
        launch = self.life.launch
        choices = ["answer"] * 6 * bool(self.waiting) + ["crash"] * any(tree.child for tree in self.trees.values())
        choices += ["again"] * bool(self.past) + ["start", "start", "stop", "kill", "replace", "old"]
        match self.data.draw(st.sampled_from(choices), "step"):
            case "answer":
                self.deliver(self.data.draw(st.integers(0, len(self.waiting) - 1), "which"))
            case "crash":
                self._end(next(launch for launch, tree in self.trees.items() if tree.child))
            case "again":
                self.send(self.data.draw(st.sampled_from(self.past), "again"))
            case "old":
                self.send(replace(self.data.draw(OLD_NEWS, "old"), launch=launch - 1))
            case word:
                self.send(
                    {"start": ev.StartAsked(), "stop": ev.StopAsked(), "kill": ev.KillAsked()}.get(word)
                    or ev.ReplaceAsked(launch)
                )

    def settle(self, until: frozenset[State]) -> int:
        """Answer everything, in order, until the state is one of these; gives the number of answers."""
        for count in range(STEPS_TO_THE_END):
            if self.life.state in until or not self.waiting:
                return count
            self.deliver(0)
        raise AssertionError(f"no end in sight: {self.life}")


OLD_NEWS = st.sampled_from(
    [
        ev.Spawned(0, 1, 0.0),
        ev.SpawnFailed(0, failure(), 0.0),
        ev.ProbePassed(0, 0.0),
        ev.ProbeFailed(0, "silence"),
        ev.StartOverdue(0),
        ev.Exited(0, ExitStatus(code=1), failure(), 0.0, 0.0),
        ev.TreeSeen(0, 0),
        ev.GraceOver(0),
        ev.BackoffOver(0),
        ev.ReplaceAsked(0),
    ]
)


def played(data: st.DataObject, rules: Rules, steps: int) -> World:
    world = World(rules, data)
    world.send(ev.StartAsked())
    for _ in range(steps):
        world.step()
    return world


@settings(max_examples=300, deadline=None)
@given(st.data(), RULES, st.integers(0, 40))
def test_property_no_history_breaks_the_table(data: st.DataObject, rules: Rules, steps: int) -> None:
    """Never raises, never two children, no start without a wish, `why` is None exactly when ready (`World._check`)."""
    played(data, rules, steps)


@settings(max_examples=300, deadline=None)
@given(st.data(), RULES, st.integers(0, 40), st.sampled_from([ev.StopAsked(), ev.KillAsked()]))
def test_property_shutdown_always_completes(data: st.DataObject, rules: Rules, steps: int, end: ev.Event) -> None:
    """From wherever it stands: asked, waited for, killed, stopped, with nothing held and nothing started after."""
    world = played(data, rules, steps)
    world.send(end)
    launch = world.life.launch
    world.settle(frozenset({State.STOPPED}))
    assert world.life.state is State.STOPPED
    assert not world.trees
    world.settle(frozenset())
    assert (world.life.state, world.life.launch) == (State.STOPPED, launch)


@settings(max_examples=300, deadline=None)
@given(st.data(), RULES)
def test_property_health_checks_converge(data: st.DataObject, rules: Rules) -> None:
    """Of any answers to the probes: ready, or after the configured number unavailable, with a warning."""
    world = World(rules, data)
    world.send(ev.StartAsked())
    world.settle(frozenset({State.READY, State.FAILED}))
    warned = [what for what in world.told if WORDS[what][0] >= logging.WARNING]
    assert world.life.state in (State.READY, State.FAILED)
    assert world.life.state is State.READY or "failed" in warned
    assert world.told.count("starting") <= rules.restart.limit + 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), max_size=30), st.integers(1, 8))
def test_property_a_start_takes_the_configured_number_of_probes(answers: list[bool], tries: int) -> None:
    """Ready exactly when a probe passes before `start_tries` of them have failed; else a warning."""
    rules = Rules(start_tries=tries, restart=RestartRules(policy=Policy.NEVER))
    life, told = Life(), []
    for event in (ev.StartAsked(), ev.Spawned(1, 1, 0.0), *map(_answer, answers)):
        if life.why not in (None, WhyNotReady.NOT_STARTED, WhyNotReady.STARTING):
            break
        life, actions = decide(life, event, rules)
        told += [action.what for action in actions if isinstance(action, ev.Tell)]
        if life.state is State.READY:
            break
    passes = True in answers[:tries]
    gives_up = not passes and len(answers) >= tries
    assert (life.state is State.READY) == passes
    assert ("start_timeout" in told) == gives_up


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.integers(1, 6))
def test_property_only_misses_in_a_row_count(answers: list[bool], after: int) -> None:
    """Unhealthy exactly while the last `unhealthy_after` answers were all misses."""
    rules = Rules(unhealthy_after=after, restart=RestartRules(policy=Policy.NEVER))
    life = Life()
    for event in (ev.StartAsked(), ev.Spawned(1, 1, 0.0), ev.ProbePassed(1, 0.0)):
        life, _ = decide(life, event, rules)
    for count, passed in enumerate(answers, 1):
        life, actions = decide(life, _answer(passed), rules)
        silent = count >= after and not any(answers[count - after : count])
        assert (life.state is State.UNHEALTHY) == silent
        assert sum(isinstance(action, ev.Probe) for action in actions) == 1


def _answer(passed: bool) -> ev.Event:
    return ev.ProbePassed(1, 1.0) if passed else ev.ProbeFailed(1, "silence")


@settings(max_examples=100, deadline=None)
@given(st.data(), RULES, st.sampled_from(Policy))
def test_property_a_permanent_failure_is_never_restarted(data: st.DataObject, rules: Rules, policy: Policy) -> None:
    world = World(replace(rules, restart=replace(rules.restart, policy=policy)), data)
    world.send(ev.StartAsked())
    world.send(ev.Spawned(1, 100, 0.0))
    world.send(ev.Exited(1, data.draw(STATUSES), failure(permanent=True), 1.0, 0.0))
    world.trees[1].others = data.draw(st.integers(0, 3))
    world.settle(frozenset({State.FAILED}))
    world.settle(frozenset())
    assert (world.life.state, world.life.launch) == (State.FAILED, 1)
