"""The proxy as an ASGI application or middleware. Early exits come first; the long way is ``Exchange``."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from time import perf_counter

from . import answers
from .answers import Answer
from .cached import Cached, Target
from .client import Client
from .errors import ClientGoneError, Outcome, ProxyError, ResponseAbortedError
from .events import SERVER_LOGGERS, Finished, hide_aborts, is_heard, log_finished
from .exchange import Exchange, Message, Receive, Send
from .headers import dropped_from_responses
from .limits import DEFAULT_LIMITS, Limits
from .request import Request, Scope, raw_path_of
from .routes import Found, Routes
from .tally import Tally
from .trusted import Trusted
from .upstream import Upstream
from .waiting import is_worth_waiting, until_ready

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiProxy:
    """Passes the requests under ``routes`` to ``upstream``, all else to ``app`` (without one: a JSON 404).

    ``trusted``: peers whose X-Forwarded-* are kept, see ``Trusted``. ``server_sets``: response headers that the ASGI
    server adds by itself, dropped from the upstream's so that none comes twice: with uvicorn's defaults
    ``("date", "server")``, none with ``date_header=False, server_header=False``. ``on_event`` gets one ``Finished``
    for each request, in the event loop's thread: it must be quick and must not raise. ``tally`` has the counts.

    Raises ``ResponseAbortedError`` to the server when a response that had begun cannot be completed. Close the pool
    with ``aclose()`` where the server's lifespan events do not reach the proxy (mounted below another application).
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        routes: Routes,
        app: ASGIApp | None = None,
        limits: Limits = DEFAULT_LIMITS,
        trusted: Collection[str] = (),
        server_sets: Collection[str] = (),
        on_event: Callable[[Finished], None] = log_finished,
    ) -> None:
        self._upstream = upstream
        self._found = Found(routes)
        self._inner = app
        self._app = app or self._nothing
        self._limits = limits
        self._trusted = Trusted(trusted)
        self._dropped = dropped_from_responses(server_sets)
        self._on_event = on_event
        self._client: Client | None = None
        self.tally = Tally(routes.prefixes)
        dated = b"date" not in self._dropped
        self._cached = Cached(upstream, limits, self._trusted, self.tally, on_event, dated=dated)
        hide_aborts(*SERVER_LOGGERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of ASGI 3."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        path = scope.get("raw_path") or raw_path_of(scope)
        route = self._found[path]
        if route is None:
            await self._app(scope, receive, send)
        elif kind == "websocket":
            await self._refuse_websocket(scope, receive, send)
        elif path not in self._cached.cache or not await self._recall(scope, path, send):
            await self._serve(scope, path, route, receive, send)

    def end_streams(self) -> None:
        """End server-sent events within 50 ms, now and later: no server that lets requests finish could ever stop.

        Their clients connect anew by themselves (HTML Living Standard, 9.2.3). May be called from any thread.
        """
        if self._client is not None:
            self._client.stopping = True

    async def aclose(self) -> None:
        """Close the idle connections to the upstream. A later request opens new ones."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _recall(self, scope: Scope, path: bytes, send: Send) -> bool:
        """Answer from memory, if that can be done."""
        began_s, cached = perf_counter(), self._cached
        target = Target.of(scope, path)
        hit = cached.find(target, scope["headers"])
        if hit is None:
            return False
        outcome = Outcome.CLIENT_GONE
        try:
            await send({"type": "http.response.start", "status": hit.status, "headers": hit.headers()})
            await send({"type": "http.response.body", "body": hit.body, "more_body": False})
            outcome = Outcome.OK
        except RuntimeError as error:  # as in Exchange
            raise ResponseAbortedError(f"The server would not take the response: {error}") from error
        finally:
            cached.count(target, hit, began_s, outcome)
        return True

    async def _serve(self, scope: Scope, path: bytes, route: str, receive: Receive, send: Send) -> None:
        upstream, limits = self._upstream, self._limits
        why = upstream.why_not_ready()
        endpoints = upstream.endpoints() if why is None else ()
        request = Request(scope, path, endpoints[0].headers if endpoints else ())
        exchange = Exchange(self._client_of_this_loop(), route, request, receive, send)
        self.tally.begin(exchange)
        self._cached.begin(request)
        try:
            if why is not None and is_worth_waiting(why, limits.start_wait_s):
                why = await until_ready(upstream, limits.start_wait_s)
                endpoints = upstream.endpoints() if why is None else ()
                request.make_room(endpoints[0].headers if endpoints else ())
            if why is None:
                request.check(limits.largest_body(request.path, request.query))
                self._cached.follow(endpoints)
                exchange.watch = self._cached.watch(request, scope["headers"], route)
                await exchange.run(endpoints, self._trusted)
            else:
                exchange.outcome, exchange.message = Outcome.NOT_READY, why.message
                await self._say(exchange, answers.not_ready(why), send)
        except ProxyError as error:
            exchange.outcome, exchange.message = error.outcome, str(error)
            await self._tell(exchange, error, send)
        finally:
            self._cached.end(request, exchange.watch, complete=exchange.outcome is Outcome.OK)
            self.tally.end(exchange)
            if is_heard(self._on_event, exchange.outcome):
                self._on_event(exchange.finished())

    async def _tell(self, exchange: Exchange, error: ProxyError, send: Send) -> None:
        """Tell the client of an error, as far as it is still there and has not been told something else."""
        if isinstance(error, ClientGoneError) and error.__cause__ is None:
            return
        if exchange.status is not None:
            exchange.aborted = True
            raise ResponseAbortedError(str(error)) from error
        await self._say(exchange, answers.for_failure(error, self._upstream), send)

    async def _say(self, exchange: Exchange, answer: Answer, send: Send) -> None:
        """Send one of our answers. What is unread of a body stays the server's to skip, unless we close."""
        request, unread = exchange.request, not exchange.body_arrived
        close = answer.close or request.asks_for_upgrade or (unread and (exchange.begun or request.expects_continue))
        head, body = self._written(request, answer, close=close)
        exchange.status = answer.status
        exchange.bytes_out += len(body)
        await send(head)
        if close and unread and not (request.expects_continue and exchange.bytes_in == 0):
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await exchange.linger()
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _written(self, request: Request, answer: Answer, *, close: bool = False) -> tuple[Message, bytes]:
        """The message that starts the answer, and its body."""
        fields, body = answer.written(request.request_id, dated=b"date" not in self._dropped, close=close)
        start = {"type": "http.response.start", "status": answer.status, "headers": fields}
        return start, b"" if request.method == "HEAD" else body

    def _client_of_this_loop(self) -> Client:
        client = self._client
        if client is None or not client.is_here():
            client = self._client = Client(asyncio.get_running_loop(), self._limits, self._dropped)
        return client

    # What is not ours

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._refuse_websocket(scope, receive, send)
            return
        request = Request(scope, b"")
        close = request.asks_for_upgrade or request.expects_continue
        head, body = self._written(request, answers.NOT_FOUND, close=close)
        await send(head)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _refuse_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Before the handshake: as our JSON where the server can, else as its own 403."""
        await receive()
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        head, body = self._written(Request(scope, b""), answers.NO_WEBSOCKET)
        await send({**head, "type": "websocket.http.response.start"})
        await send({"type": "websocket.http.response.body", "body": body, "more_body": False})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self._inner is not None:
                await self._inner(scope, receive, send)
            else:
                await _answer_lifespan(receive, send)
        finally:
            await self.aclose()


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
