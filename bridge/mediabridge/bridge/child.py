"""One launch of one program: its process tree, its output, its end. Reports to the queue; decides nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .output import STREAMS, Block, Lines, Remembered, Sink, Stream
from .status import ExitStatus

if sys.platform == "win32":
    from .tree_windows import Pump, Tree
else:
    from .tree_posix import Pump, Tree


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. `fds` are descriptors that the child inherits under their numbers; `cookie` marks its tree."""

    source: str
    command: Sequence[str]
    env: Mapping[str, str]
    cookie: str
    cwd: str | None = None
    fds: Sequence[int] = ()


class ChildLike(Protocol):
    """What the supervisor needs of a child; the tests' double has it too."""

    @property
    def pid(self) -> int:
        """Process id."""

    @property
    def stderr(self) -> tuple[str, str]:
        """First and last part of what it wrote to stderr."""

    def ask(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End its whole tree."""

    def alive(self) -> int:
        """How many processes of its tree live."""

    def owns(self, pid: int) -> bool:
        """Whether a process belongs to its tree."""

    def release(self) -> None:
        """Let go of everything that the launch held."""


class Child:
    """A running child. `on_exit` is called once, from the child's own thread, after its last output was delivered."""

    def __init__(self, launch: Launch, sink: Sink, on_exit: Callable[[ExitStatus], None]) -> None:
        self._source = launch.source
        self._sink = sink
        self._on_exit = on_exit
        self._lines: dict[str, Lines] = {"stdout": Lines(), "stderr": Lines()}
        self._remembered = Remembered()
        self._tree = Tree.spawn(
            launch.command, env=launch.env, cwd=launch.cwd, cookie=launch.cookie, fds=tuple(launch.fds)
        )
        self.pid = self._tree.pid
        self._pump = Pump(self._tree.popen, self)

    @property
    def stderr(self) -> tuple[str, str]:
        """First and last part of what it wrote to stderr."""
        return self._remembered.head, self._remembered.tail

    def ask(self) -> None:
        """SIGTERM to its group (CTRL_BREAK on Windows)."""
        self._tree.ask()

    def kill(self) -> None:
        """SIGKILL to the whole tree (closing the job on Windows)."""
        self._tree.kill()

    def alive(self) -> int:
        """How many processes of its tree live."""
        return self._tree.alive()

    def owns(self, pid: int) -> bool:
        """Whether a process belongs to its tree. From any thread."""
        return self._tree.owns(pid)

    def release(self) -> None:
        """Deliver the rest of the output and close pipes and death pipe. At most about a second."""
        self._pump.end(1.0)
        self._tree.release()

    # The pump's reader.

    def data(self, stream: Stream, chunk: bytes) -> None:
        """Bytes from one stream."""
        self._pass_on(stream, self._lines[stream].feed(chunk))

    def quiet(self) -> None:
        """Show unfinished lines, such as a prompt."""
        self._flush(final=False)

    def exited(self, status: ExitStatus) -> None:
        """The child has ended."""
        self._flush(final=True)
        self._on_exit(status)

    def closed(self) -> None:
        """Nothing more will come."""
        self._flush(final=True)

    def _flush(self, *, final: bool) -> None:
        for stream in STREAMS:
            self._pass_on(stream, self._lines[stream].flush(final=final))

    def _pass_on(self, stream: Stream, block: bytes) -> None:
        if not block:
            return
        if stream == "stderr":
            self._remembered.add(block)
        self._sink(Block(self._source, stream, block))
