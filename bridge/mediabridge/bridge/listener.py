"""The listening socket of the sidecar, held by the bridge so that no restart loses the port or a request."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from .diagnosis import START_FAILED
from .forked import not_in_copies
from .status import Failure, FailureKind

BACKLOG = 1024
PORTS = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port, or the path of a Unix socket."""

    host: str
    port: int
    uds: str | None = None

    @property
    def url(self) -> str:
        """`http://host:port`, or `unix:path`."""
        return f"unix:{self.uds}" if self.uds else f"http://{self}"

    def __str__(self) -> str:
        if self.uds:
            return self.uds
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True, eq=False, weakref_slot=True)
class Listener:
    """A bound and listening socket. The address has the real port, also when any free one was asked for."""

    socket: socket.socket
    address: Address

    def __post_init__(self) -> None:
        not_in_copies(self)

    def let_go(self) -> None:
        """In a forked copy of the host: the address is the parent's."""
        self.socket.close()

    def turn_away(self) -> None:
        """Close the connections that wait to be accepted. For a time in which no process serves the socket."""
        self.socket.settimeout(0)  # processes share this flag: it must be as before when the next one starts
        with contextlib.suppress(OSError):
            for _ in range(BACKLOG):
                connection, _peer = self.socket.accept()
                connection.close()
        self.socket.settimeout(None)

    def close(self) -> None:
        """Stop listening; a socket file is removed."""
        self.socket.close()
        if self.address.uds:
            with contextlib.suppress(OSError):
                Path(self.address.uds).unlink()


def listen(host: str, port: int, uds: str | None = None, *, setting: str = "FLASK") -> Listener | Failure:
    """Bind and listen, or say who is in the way. `setting` is the prefix of the variables that the mend names."""
    try:
        return _listen_uds(uds) if uds else _listen_tcp(host, port)
    except OSError as problem:
        return refused(problem, Address(host, port, uds), setting)
    except ValueError as problem:  # no name of a host can be so (IDNA), or no port
        return refused(OSError(str(problem)), Address(host, port, uds), setting)


def _listen_tcp(host: str, port: int) -> Listener:
    if not 0 <= port <= PORTS:  # getaddrinfo would take it modulo 65536
        raise ValueError(f"a port lies between 0 and {PORTS}")
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere the option would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return Listener(sock, Address(host, sock.getsockname()[1]))


def _listen_uds(path: str) -> Listener:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(path)
        Path(path).chmod(0o600)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return Listener(sock, Address("localhost", 0, path))


def _remove_stale(path: str) -> None:
    """Remove a socket file that nobody listens on; what is no socket, or is in use, stays."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as test:
        test.settimeout(1)
        try:
            test.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
        except BlockingIOError:  # somebody listens, and has as many connections as it takes
            return


def refused(problem: OSError, address: Address, setting: str, who: str = "") -> Failure:
    """The words for an address that was refused. `who` holds it, if the caller knows; else it is looked for."""
    uds, port = address.uds, address.port
    variable = f"{setting}_SOCKET" if uds else f"{setting}_PORT".removeprefix("_")
    if problem.errno == errno.EADDRINUSE:
        who = who or ("a file or program that is in the way" if uds else holder(port))
        return Failure(
            FailureKind.PORT_IN_USE,
            START_FAILED,
            f"{address} is already in use by {who}.",
            f"Stop it, or choose another address, for example {variable}={uds + '2' if uds else port + 1}.",
            permanent=True,
        )
    if problem.errno in (errno.EACCES, errno.EPERM):
        return Failure(
            FailureKind.PERMISSION_DENIED,
            START_FAILED,
            f"This user may not listen on {address} ({problem.strerror}).",
            f"Choose a port from 1024 up, or a folder that may be written: {variable}=…",
            permanent=True,
        )
    return Failure(
        FailureKind.ADDRESS_INVALID,
        START_FAILED,
        f"{address} cannot be listened on ({problem.strerror or problem}).",
        f"Check {setting + '_' if setting else ''}HOST and {variable}.",
        permanent=True,
    )


class OwnPort:
    """The port of a sidecar that binds it itself: the given one when it is free, any free one for 0.

    Found free is not bound yet: until `close`, other bridges keep off it by a name in the abstract namespace, which
    exists on Linux only (unix(7)) and ends with its process.
    """

    def __init__(self) -> None:
        self._claim: socket.socket | None = None

    def find(self, address: Address) -> int | Failure:
        """A port that can be bound now."""
        while True:
            listener = listen(address.host, address.port)
            if isinstance(listener, Failure):
                return listener
            listener.close()
            if address.port or self._claimed(listener.address.port):
                return listener.address.port

    def _claimed(self, port: int) -> bool:
        if sys.platform != "linux":
            return True
        self.close()
        self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._claim.bind(f"\0mediabridge-port-{port}")
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let others have it."""
        if self._claim is not None:
            self._claim.close()


def listening_pids(port: int) -> set[int]:
    """Pids that listen on a TCP port, as far as this user may know."""
    with contextlib.suppress(psutil.Error, OSError):
        return {
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == port
            and connection.pid
        }
    return set()


def stranger(address: Address, owns: Callable[[int], bool]) -> str:
    """Who answers at a port that our child should hold; empty when it is ours, or when nobody can tell."""
    pids = listening_pids(address.port)
    return "" if not pids or any(owns(pid) for pid in pids) else _named(pids)


def holder(port: int) -> str:
    """Who listens on a TCP port, in words; as much as this user may know."""
    return _named(listening_pids(port)) or "another program (of another user, perhaps)"


def _named(pids: set[int]) -> str:
    for pid in sorted(pids):
        with contextlib.suppress(psutil.Error):
            command = " ".join(psutil.Process(pid).cmdline()) or psutil.Process(pid).name()
            return f"pid {pid} ({command[:120]})"
    return ""
