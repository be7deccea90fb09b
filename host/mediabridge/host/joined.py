"""uvicorn's HTTP protocol with one write for what a turn of the event loop says: head and body of a small answer.

uvloop writes at once since 0.22, so that uvicorn's two writes for an answer are two system calls and two packets.
What is no HTTP gets the error of the contract, where uvicorn has a line of text.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mediabridge.proxy import request_id_of

from .answers import problem

_MEND = "Send HTTP/1.1, and percent-encode in the address whatever is not ASCII (RFC 3986, section 2.5)."
_LARGE = 32 * 1024  # more than that goes on its way by itself


class JoinedWrites:
    """A transport that keeps small writes until the loop's next turn. All else is the real one's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept: list[bytes] = []
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Part of ``asyncio.Transport``."""
        if len(data) > _LARGE:
            self._kept.append(data)
            self._flush()
        elif data:
            if not self._kept:
                self._loop.call_soon(self._flush)
            self._kept.append(data)

    def close(self) -> None:
        """Part of ``asyncio.Transport``: what was written goes first."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        kept, self._kept = self._kept, []
        if kept and not self._transport.is_closing():
            self._transport.writelines(kept)


class JoinedProtocol(HttpToolsProtocol):
    """For ``uvicorn.run(app, http=JoinedProtocol)``; ``mediabridge dev`` and ``serve`` use it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Part of ``asyncio.Protocol``."""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))

    def send_400_response(self, msg: str) -> None:
        """Part of ``HttpToolsProtocol``: what its parser does not take."""
        told = problem("Invalid request", msg, _MEND, 400, "invalid_request")
        request_id = request_id_of(())
        body = json.dumps({**told, "requestId": request_id}).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
            f"x-request-id: {request_id}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
