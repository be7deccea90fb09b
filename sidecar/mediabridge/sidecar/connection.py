"""Waitress's connection, taught three things: to refuse by the headers alone, to answer errors in JSON, and to leave a
client that is still sending the time to read the refusal.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from waitress import utilities
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask, WSGITask

from . import errors, requestid
from .answers import to_bytes, url_of
from .bodies import Body, OpenBody
from .errors import Kind
from .events import emit
from .faults import SMALLER, URL, Fault, PayloadTooLarge
from .form import ENVIRON
from .guard import Guard
from .limits import megabytes
from .logs import clean
from .storage.scratch import full, is_full

LINGER_S = 2.0
_FORBIDDEN = 403
_SHOWN = 200  # characters of a client's text that a message repeats
_log = logging.getLogger("mediabridge.sidecar.request")


class FaultError(utilities.Error):
    """A fault in the clothes of a waitress error."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Parser(HTTPRequestParser):
    """Asks the guard, and for the limit of this call, as soon as the headers are there, before the body is kept.

    A body that is a form or a file is taken while it arrives: `arriving` has it.
    """

    arriving: Body | None = None

    def __init__(self, adj: Any, guard: Guard, largest_body: Callable[[str, str], int], open_body: OpenBody) -> None:
        super().__init__(adj)
        self._guard = guard
        self._largest_body = largest_body
        self._open_body = open_body

    def received(self, data: bytes) -> int:
        """Take some bytes and return how many belonged to this request."""
        had_headers = self.headers_finished
        try:
            consumed = super().received(data)
            if self.arriving is not None and self.completed and self.error is None:
                self.arriving.finish()
        except Fault as fault:  # of the body
            self._refuse(fault)
            return len(data)
        except OSError as problem:  # waitress keeps another large body in a temporary file
            return self._give_up(problem, len(data))
        if self.headers_finished and not had_headers and self._has_proper_head:
            refused = self._guard.check(self.headers) or self._too_large()
            if refused is not None:
                self._refuse(refused)
            elif not self.completed:
                self._open_arriving()
        if self.completed:
            # Waitress would still send "100 Continue" to a client that it has just refused, and read the whole body.
            self.expect_continue = False
        return consumed

    def _give_up(self, problem: OSError, taken: int) -> int:
        if is_full(problem):
            self._refuse(full())
        else:  # somebody has removed the folder of temporary files
            head: Any = self
            request_id = head.headers["X_REQUEST_ID"] = requestid.choose(self.headers.get("X_REQUEST_ID"))
            token = requestid.current.set(request_id)
            _log.error("unexpected error in %s %s", head.command, clean(head.path), exc_info=problem)
            requestid.current.reset(token)
            self._fail(utilities.InternalServerError("it met an unexpected error"))
        return taken

    def _open_arriving(self) -> None:
        head: Any = self  # waitress's stubs lack its path and receiver
        size = None if self.chunked else self.content_length
        try:
            self.arriving = self._open_body(head.command, head.path, self.headers, size)
        except Fault as fault:
            self._refuse(fault)
        if self.arriving is not None:
            head.body_rcv.buf = self.arriving

    @property
    def _has_proper_head(self) -> bool:
        return not self.empty and (self.error is None or isinstance(self.error, utilities.RequestEntityTooLarge))

    def _too_large(self) -> PayloadTooLarge | None:
        head: Any = self  # waitress's stubs lack its path and query
        limit = self._largest_body(head.path, head.query)
        if self.error is not None or self.content_length <= limit:
            return None
        return PayloadTooLarge(
            f"The upload has {self.content_length} bytes; "
            f"with the tier in its address this call takes {megabytes(limit)} ({limit} bytes) at most."
        )

    def _refuse(self, fault: Fault) -> None:
        self._fail(FaultError(fault))

    def _fail(self, error: utilities.Error) -> None:
        self.error = error
        self.completed = True
        if self.arriving is not None:
            self.arriving.close()


class Task(WSGITask):
    """Says "Connection: close" while the server is stopping."""

    def execute(self) -> None:
        """Run the app."""
        if not self.channel.server.accepting:
            self.set_close_on_finish()
        super().execute()

    def get_environment(self) -> dict[str, Any]:
        """WSGI's environment, with the form or the file that has arrived."""
        environ: dict[str, Any] = super().get_environment()
        arrived = getattr(self.request, "arriving", None)
        return environ if arrived is None else {**environ, ENVIRON: arrived}


class JsonErrorTask(ErrorTask):
    """Answers what waitress refuses by itself in the shape of CONTRACT §3."""

    def execute(self) -> None:
        """Write the answer, and close the connection after it."""
        request: Any = self.request
        request_id = requestid.choose(request.headers.get("X_REQUEST_ID"))
        url = url_of(request.headers.get("HOST"))
        payload = _describe(request.error, self.channel.server, request_id, url)
        body = to_bytes(payload)
        self.status = f"{payload['status']} {payload['error']}"
        self.response_headers = [
            *self.response_headers,
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            (requestid.HEADER, request_id),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        token = requestid.current.set(request_id)
        method, path = getattr(request, "command", "?"), getattr(request, "path", "?")
        words, event = f"{method} {path} {payload['status']} refused", "request.refused"
        level = logging.INFO
        if payload["status"] == _FORBIDDEN:
            event, level = "security.refused", logging.WARNING
        emit(_log, level, event, words, path=path, status=payload["status"], code=payload["code"])
        requestid.current.reset(token)
        self.write(b"" if method == "HEAD" else body)


def _describe(problem: utilities.Error, server: Any, request_id: str, url: str) -> dict[str, object]:
    if isinstance(problem, FaultError):
        return errors.describe(problem.fault, request_id=request_id, url=url)
    kind, message, suggestion = _words(problem, server)
    return errors.error_object(kind, message, suggestion, request_id=request_id, url=url, status=problem.code)


def _words(problem: utilities.Error, server: Any) -> tuple[Kind, str, str]:
    if isinstance(problem, utilities.RequestEntityTooLarge):
        limit = server.max_bytes
        message = f"The upload is larger than {megabytes(limit)} ({limit} bytes), the most that this server takes."
        return errors.PAYLOAD_TOO_LARGE, message, SMALLER
    if isinstance(problem, utilities.RequestHeaderFieldsTooLarge):
        message = f"The headers of the request are larger than {server.adj.max_request_header_size} bytes."
        return errors.PAYLOAD_TOO_LARGE, message, "Send fewer or smaller headers, for example fewer cookies."
    if isinstance(problem, utilities.InternalServerError):
        return (
            errors.UNEXPECTED,
            "The sidecar met an error that it did not expect.",
            "Look for the request id in the log.",
        )
    message = f"The request is not proper HTTP: {clean(str(problem.body))[:_SHOWN]}"
    return errors.INVALID_REQUEST, message, f"Let an HTTP library or curl build the request; the address is {URL}."


class Channel(HTTPChannel):
    """One connection. After a refusal it reads on for a moment and throws away what comes.

    To close at once would send a reset, and the client, still sending its body, would lose the answer (RFC 9112, 9.6).
    """

    error_task_class = JsonErrorTask
    task_class = Task

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002
        self._refused = False
        self._linger_until = 0.0
        self._writing = False
        super().__init__(server, sock, addr, adj, map)
        self.parser_class = lambda adj: Parser(  # type: ignore[assignment]
            adj, server.guard, server.largest_body, server.open_body
        )

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way on it: no request that runs or arrives, no answer to send."""
        return not (self.requests or self.request or self.total_outbufs_len) or bool(self._linger_until)

    def received(self, data: bytes) -> bool:
        """Take bytes from the client; after a refused request they are of no interest."""
        if self._refused:
            return False
        taken = super().received(data)
        self._refused = any(request.error for request in self.requests)
        return taken

    def handle_close(self) -> None:
        """Close it; an upload that was under way is dropped with its file."""
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def write_soon(self, data: Any) -> int:
        """Send what the application gives, in its thread.

        Meanwhile the loop leaves the socket alone: waitress's would find it writable and its lock taken, and ask again
        at once, a dozen times for each answer, while this thread waits for the interpreter.
        """
        self._writing = True
        try:
            return int(super().write_soon(data))
        finally:
            self._writing = False
            if self.total_outbufs_len or self.will_close:
                self.server.pull_trigger()  # the rest is the loop's

    def writable(self) -> bool:
        """Whether to wait until the socket takes bytes."""
        if self._writing and self.total_outbufs_len <= self.adj.outbuf_high_watermark:
            return False  # above that mark the application's thread waits for the loop
        return bool(super().writable())

    def readable(self) -> bool:
        """Whether to wait for bytes from the client."""
        if self._linger_until:
            if time.monotonic() > self._linger_until:
                self.will_close = True
            return not self.will_close
        return super().readable()

    def handle_write(self) -> None:
        """Send what is to be sent; after a refusal, say the end and linger instead of closing."""
        if self.close_when_flushed and self._refused and not self.will_close and not self._linger_until:
            self._flush_exception(self._flush_some)  # type: ignore[attr-defined]  # missing in the stubs
            if not self.total_outbufs_len and not self.will_close and self.connected:
                self._linger()
            return
        super().handle_write()

    def _linger(self) -> None:
        self.close_when_flushed = False
        self._linger_until = time.monotonic() + LINGER_S
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
