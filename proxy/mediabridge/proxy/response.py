"""What has come of a response, as httptools reads it. No sockets: asyncio and blocking connections both build on it."""

from dataclasses import dataclass, field

import httptools

from .errors import BrokenOffError
from .headers import NEVER_PASSED_BACK, USUAL_OPTIONS, Headers, end_to_end

_MAX_HEAD = 256 * 1024
_EARLY_HINTS, _FINAL, _LAST = 103, 200, 599


@dataclass(slots=True)
class Extras:
    """What few responses have: ``links`` of a 103 (RFC 8297), trailer fields, and whether these were announced."""

    links: list[bytes] = field(default_factory=list)
    trailers: Headers = field(default_factory=list)
    announced: bool = False


class ResponseReader:
    """Reads the responses of one connection, one after another; ``expect`` before each request.

    Of the response, ``status`` (0 before its head is there, then 200 to 599), ``headers`` (its end-to-end fields in
    lower case, without those of the names ``dropped``) and ``http_version``; ``chunks``, what has come of its body;
    ``complete``, that no more will; ``answered``, that some byte has come; ``proceed``, that the upstream has sent 100
    or another informational response; ``extras``, nearly always ``None``.
    """

    def __init__(self, dropped: frozenset[bytes] = NEVER_PASSED_BACK) -> None:
        self.http_version = "1.1"
        self._noted = dropped | {b"content-length"}
        self._parser = httptools.HttpResponseParser(self)
        self._start_head()
        self.expect(head_only=False)
        self.complete = True  # between exchanges: whatever arrives now is stray

    def expect(self, *, head_only: bool) -> None:
        """Get ready for the next response. ``head_only``: it has no body (RFC 9110 §9.3.2)."""
        self.answered = False
        self.proceed = False
        self.status = 0  # the head's other parts begin with the message
        self.chunks: list[bytes] = []
        self.complete = False
        self._buffered = 0
        self._head_only = head_only
        self._head_size = 0
        self._keep_alive = False
        self._until_close = False
        self._problem = ""
        self.extras: Extras | None = None

    def _start_head(self) -> None:
        self.headers: Headers = []
        self._codings: list[bytes] = []
        self._options: list[bytes] = []
        self._sized = False

    def feed(self, data: bytes | memoryview) -> None:
        """Take what has arrived. Raises ``BrokenOffError`` when it cannot be the response, or go on with it."""
        self.answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep_alive = False  # behind a full response such bytes only cost the connection
            self._problem = self._problem or f"The answer cannot be used: it is not valid HTTP ({error})"
        if not self.status:
            self._head_size += len(data)
            if self._head_size > _MAX_HEAD:
                self._problem = "The answer cannot be used: its header is too large"
        if self._problem and not self.complete:
            raise BrokenOffError(self._problem)

    def end_of_stream(self) -> None:
        """No more will arrive: the end of a body that has no other end (RFC 9112 §6.3, rule 8)."""
        if self._until_close:
            self.complete = True

    def take(self) -> bytes:
        """What has come of the body since the last time."""
        chunks = self.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._buffered = 0
        return data

    def broken_off(self, error: Exception | None = None) -> BrokenOffError:
        """What it is called when the connection ends here."""
        when = "in the middle of its answer" if self.status else "before it answered"
        return BrokenOffError(f"The connection ended {when}" + (f" ({error})" if error else ""))

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Part of httptools' protocol. A second response in one reading belongs to nobody."""
        if self.complete:
            self._keep_alive = False
        else:
            self._start_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Part of httptools' protocol."""
        name = name.lower()
        if self.status:
            self._trail(name, value)
            return
        if name in self._noted:
            self._note(name, value)
        else:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Part of httptools' protocol."""
        if self.complete:
            return
        status = self._parser.get_status_code()
        if not _FINAL <= status <= _LAST:
            self._informational(status)
            return
        if self._codings and [coding.lower() for coding in self._codings] != [b"chunked"]:
            self._problem = "It answered with a Transfer-Encoding other than chunked"
            return
        bodiless = status in (204, 304)
        if bodiless or self._options:
            self.headers = end_to_end(self.headers, status, self._options)
        self.status = status
        self.http_version = self._parser.get_http_version()
        self._keep_alive = self._parser.should_keep_alive()
        self._until_close = not (self._sized or self._codings or bodiless)
        if self._head_only:
            self._end_without_body()

    def on_body(self, body: bytes) -> None:
        """Part of httptools' protocol."""
        if self.complete:
            self._keep_alive = False
            return
        self.chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        """Part of httptools' protocol."""
        if self.status:
            self.complete = True

    def _note(self, name: bytes, value: bytes) -> None:
        """A field that says how the message is framed, or goes no further than this connection."""
        if name == b"content-length":
            self._sized = True
            self.headers.append((name, value))
        elif name == b"transfer-encoding":
            self._codings.append(value)
        elif name == b"connection" and value not in USUAL_OPTIONS:
            self._options.append(value)
        elif name == b"trailer":
            self._extra().announced = True

    def _trail(self, name: bytes, value: bytes) -> None:
        """A field behind the body. What frames or routes a message means nothing there (§6.5.1)."""
        if not self.complete and name not in self._noted:
            self._extra().trailers.append((name, value))

    def _extra(self) -> Extras:
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    def _informational(self, status: int) -> None:
        if status == _EARLY_HINTS:
            self._extra().links += [value for name, value in self.headers if name == b"link"]
        if status in (100, 102, _EARLY_HINTS):
            self.proceed = True
        else:
            self._problem = f"It answered with the status {status}, which means nothing here"

    def _end_without_body(self) -> None:
        # llhttp cannot be told that a response answers HEAD: it would wait for the body that the head announces.
        self.complete = True
        self._parser = httptools.HttpResponseParser(self)
