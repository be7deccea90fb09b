"""What happens to one supervised process, and what is to be done about it: the words of `lifecycle.decide`."""

from __future__ import annotations

from dataclasses import dataclass

from .status import ExitStatus, Failure

# Events. `at` is monotonic seconds, `dice` lies in [0, 1), `launch` counts the starts: news of an old child shows.


@dataclass(frozen=True, slots=True)
class StartAsked:
    """Somebody wants the process to run."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the process to end."""


@dataclass(frozen=True, slots=True)
class ReplaceAsked:
    """The process is to be ended and started anew (memory limit, code change)."""

    launch: int


@dataclass(frozen=True, slots=True)
class KillAsked:
    """Somebody wants the process to end at once."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """The child exists."""

    launch: int
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """There is no child: no interpreter, no address, no such program."""

    launch: int
    failure: Failure
    dice: float


@dataclass(frozen=True, slots=True)
class ProbePassed:
    """The child answered as itself; `pid` is the one that it gave."""

    launch: int
    at: float
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """The child did not answer, or not as it should; `reason` in words."""

    launch: int
    reason: str


@dataclass(frozen=True, slots=True)
class StartOverdue:
    """The time for becoming ready is over."""

    launch: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The child ended; `failure` is what its end would mean if nobody had asked for it."""

    launch: int
    exit: ExitStatus
    failure: Failure
    at: float
    dice: float


@dataclass(frozen=True, slots=True)
class TreeSeen:
    """So many processes of the child's tree live."""

    launch: int
    alive: int


@dataclass(frozen=True, slots=True)
class GraceOver:
    """The time between asking and killing is over."""

    launch: int


@dataclass(frozen=True, slots=True)
class BackoffOver:
    """The next start is due."""

    launch: int


Event = (
    StartAsked
    | StopAsked
    | ReplaceAsked
    | KillAsked
    | Spawned
    | SpawnFailed
    | ProbePassed
    | ProbeFailed
    | StartOverdue
    | Exited
    | TreeSeen
    | GraceOver
    | BackoffOver
)

# Actions.


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a child; answer `Spawned` or `SpawnFailed`."""

    launch: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask for health after `delay_s`; answer `ProbePassed` or `ProbeFailed`."""

    launch: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class Later:
    """Bring `event` back after `delay_s`."""

    delay_s: float
    event: Event


@dataclass(frozen=True, slots=True)
class Ask:
    """SIGTERM to the child's group; when the child has ended, to what is left of its tree."""

    launch: int


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to the whole tree."""

    launch: int


@dataclass(frozen=True, slots=True)
class Look:
    """Count the tree; answer `TreeSeen`."""

    launch: int


@dataclass(frozen=True, slots=True)
class Forget:
    """The tree is gone: release what the launch held."""

    launch: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the people who listen: `what` is a word of the event list, `failure` and `words` say more."""

    what: str
    failure: Failure | None = None
    words: str = ""


Action = Spawn | Probe | Later | Ask | Kill | Look | Forget | Tell
