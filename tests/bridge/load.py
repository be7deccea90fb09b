"""Requests without end from several clients, each on a connection of its own, and what came of each."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .processes import until

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it began and ended (monotonic), and the body, or in `error` why there is none."""

    begin: float
    end: float
    body: str = ""
    error: str = ""


def get(url: str, token: str, path: str, timeout_s: float = TIMEOUT_S) -> Outcome:
    """One GET. Never raises for what the other side does."""
    begin = time.monotonic()
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port), timeout_s) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Mediabridge-Token: {token}\r\n\r\n"
            connection.sendall(head.encode())
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
    except OSError as problem:
        return Outcome(begin, time.monotonic(), error=f"{type(problem).__name__}: {problem}")
    head_of_answer, _, body = answer.partition(b"\r\n\r\n")
    if not head_of_answer.startswith(b"HTTP/1.1 200"):
        return Outcome(begin, time.monotonic(), error=f"answered {head_of_answer[:60]!r}")
    promised = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head_of_answer)
    if promised is not None and len(body) != int(promised[1]):
        return Outcome(begin, time.monotonic(), error=f"broke off after {len(body)} of {int(promised[1])} bytes")
    return Outcome(begin, time.monotonic(), body.decode())


class Load:
    """Runs from `with` to its end."""

    def __init__(self, url: str, token: str, *, clients: int = 8, path: str = "/", keep_alive: bool = False) -> None:
        self.outcomes: list[Outcome] = []
        self._end = threading.Event()
        run = self._run_on_one_connection if keep_alive else self._run
        self._threads = [threading.Thread(target=run, args=(url, token, path)) for _ in range(clients)]

    def _run(self, url: str, token: str, path: str) -> None:
        while not self._end.is_set():
            outcome = get(url, token, path)
            self.outcomes.append(outcome)
            if outcome.error:
                self._end.wait(0.01)

    def _run_on_one_connection(self, url: str, token: str, path: str) -> None:
        """As a browser does: the next request on the same connection, a new one when the server said so."""
        address = urlsplit(url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
        while not self._end.is_set():
            begin = time.monotonic()
            try:
                connection.request("GET", path, headers={"X-Mediabridge-Token": token})
                answer = connection.getresponse()
                body, error = answer.read().decode(), "" if answer.status == HTTPStatus.OK else str(answer.status)
            except (OSError, http.client.HTTPException) as problem:
                body, error = "", f"{type(problem).__name__}: {problem}"
                connection.close()
            self.outcomes.append(Outcome(begin, time.monotonic(), body, error))
        connection.close()

    @property
    def answered(self) -> list[Outcome]:
        """Those that got 200."""
        return [one for one in tuple(self.outcomes) if not one.error]

    def wait_for_more(self, count: int) -> None:
        """Until so many more were answered."""
        wanted = len(self.answered) + count
        until(lambda: len(self.answered) >= wanted, TIMEOUT_S, f"{count} answers more")

    @property
    def failed(self) -> list[Outcome]:
        """The others."""
        return [one for one in tuple(self.outcomes) if one.error]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
