"""The proxy as a WSGI application or middleware. Early exits come first; the long way is ``SyncExchange``."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

from . import answers, environ
from .answers import Answer
from .cached import Cached, Target
from .environ import Environ
from .errors import BadRequestError, ClientGoneError, Outcome, ProxyError, ResponseAbortedError
from .events import SERVER_LOGGERS, Finished, hide_aborts, is_heard, log_finished
from .headers import Headers, dropped_from_responses
from .limits import DEFAULT_LIMITS, Limits
from .request import Request
from .routes import Routes
from .sync_client import SyncClient
from .sync_exchange import SyncExchange
from .tally import Tally
from .trusted import Trusted
from .upstream import Endpoint, Upstream
from .waiting import block_until_ready, is_worth_waiting

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class WsgiProxy:
    """Passes the requests under ``routes`` to ``upstream``, all else to ``app`` (without one: a JSON 404).

    The arguments are those of ``AsgiProxy``. ``server_sets``: gunicorn needs ``("date", "server")``, waitress none.
    ``on_event`` is called in the thread of the request. Thread-safe and fork-safe; ``close()`` closes the idle
    connections.

    Raises ``ResponseAbortedError`` to the server when a response that had begun cannot be completed. What a server
    does before or behind the application stays as it is: see ``proxy/README.md``.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        routes: Routes,
        app: "WSGIApplication | None" = None,
        limits: Limits = DEFAULT_LIMITS,
        trusted: Collection[str] = (),
        server_sets: Collection[str] = (),
        on_event: Callable[[Finished], None] = log_finished,
    ) -> None:
        self._upstream = upstream
        self._routes = routes
        self._app = app or self._nothing
        self._limits = limits
        self._trusted = Trusted(trusted)
        # PEP 3333 and its servers take "trailers" for a header of one connection.
        self._dropped = dropped_from_responses((*server_sets, "trailers"))
        self._on_event = on_event
        self.tally = Tally(routes.prefixes)
        self._client = SyncClient(limits, self._dropped)
        self._caches: dict[int, Cached] = {}
        hide_aborts(*SERVER_LOGGERS)

    def __call__(self, env: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Part of WSGI."""
        path, query = environ.target_of(env)
        # A target in absolute-form is refused where the application behind us would take it for one of ours.
        route = self._routes.find(path if path[:1] == b"/" else environ.decoded_path_of(env))
        if route is None:
            return self._app(env, start_response)
        scope = environ.scope_of(env, query)
        target = Target.of(scope, path)._replace(query=query)
        if path in self._cached.cache and (kept := self._recall(target, scope["headers"], start_response)) is not None:
            return kept
        upstream, limits = self._upstream, self._limits
        why = upstream.why_not_ready()
        endpoints = upstream.endpoints() if why is None else ()
        request = Request(scope, path, endpoints[0].headers if endpoints else ())
        request.has_empty_query = query == b""
        exchange = SyncExchange(self._client, route, request, env, self._report)
        self.tally.begin(exchange)
        self._cached.begin(request)
        body: Iterable[bytes] = ()
        try:
            if is_worth_waiting(why, limits.start_wait_s):
                why = block_until_ready(upstream, limits.start_wait_s)
                endpoints = upstream.endpoints() if why is None else ()
                request.make_room(endpoints[0].headers if endpoints else ())
            if why is not None:
                exchange.outcome, exchange.message = Outcome.NOT_READY, why.message
                body = self._say(exchange, answers.not_ready(why), start_response)
            else:
                self._cached.follow(endpoints)
                exchange.watch = self._cached.watch(request, scope["headers"], route)
                body = self._serve(exchange, endpoints, start_response)
        finally:
            if not isinstance(body, ResponseBody):
                exchange.end()
        return body

    def close(self) -> None:
        """Close the idle connections to the upstream. A later request opens new ones."""
        self._client.close()

    @property
    def _cached(self) -> Cached:
        """The cache of this process: one that was forked starts anew."""
        found = self._caches.get(os.getpid())
        if found is None:
            dated = b"date" not in self._dropped
            found = Cached(self._upstream, self._limits, self._trusted, self.tally, self._on_event, dated=dated)
            self._caches = {os.getpid(): found}
        return found

    def _recall(self, target: Target, pairs: Headers, start_response: "StartResponse") -> Iterable[bytes] | None:
        """The answer, if it can be given from memory."""
        began_s = perf_counter()
        hit = self._cached.find(target, pairs)
        if hit is None:
            return None
        start_response(_status_line(hit.status), _native(hit.headers()))
        self._cached.count(target, hit, began_s)
        return [hit.body] if hit.body else ()

    def _report(self, exchange: SyncExchange) -> None:
        self._cached.end(exchange.request, exchange.watch, complete=exchange.outcome is Outcome.OK)
        self.tally.end(exchange)
        if is_heard(self._on_event, exchange.outcome):
            self._on_event(exchange.finished())

    def _serve(
        self, exchange: SyncExchange, endpoints: Sequence[Endpoint], start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            request = exchange.request
            request.check(self._limits.largest_body(request.path, request.query))
            exchange.ask(endpoints, self._trusted)
        except ProxyError as error:
            exchange.fail(error)
            return self._say(exchange, self._answer_to(error), start_response)
        some, whole = exchange.arrived
        fields = exchange.fields()
        write = start_response(_status_line(exchange.status or 0), _native(fields))
        if whole:
            body = exchange.next_part()
            return [body] if body else ()
        if not some:
            write(b"")  # the head now, not with the first part of the body
        return ResponseBody(exchange)

    def _answer_to(self, error: ProxyError) -> Answer:
        if isinstance(error, ClientGoneError):  # one that has only closed its own direction can read this
            return answers.for_error(BadRequestError(str(error)))
        return answers.for_failure(error, self._upstream)

    def _say(self, exchange: SyncExchange, answer: Answer, start_response: "StartResponse") -> Iterable[bytes]:
        body = self._begin(exchange.request, answer, start_response)
        exchange.status = answer.status
        exchange.bytes_out += len(body)
        return [body] if body else ()

    def _begin(self, request: Request, answer: Answer, start_response: "StartResponse") -> bytes:
        fields, body = answer.written(request.request_id, dated=b"date" not in self._dropped)
        start_response(_status_line(answer.status), _native(fields))
        return b"" if request.method == "HEAD" else body

    def _nothing(self, env: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        return [self._begin(Request(environ.scope_of(env), b""), answers.NOT_FOUND, start_response)]


class ResponseBody:
    """The body of a response that goes on while it is sent: each part as soon as it comes."""

    def __init__(self, exchange: SyncExchange) -> None:
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next part. Raises ``ResponseAbortedError`` when the upstream breaks off: the server drops the client."""
        exchange = self._exchange
        try:
            data = exchange.next_part()
        except ProxyError as error:
            exchange.fail(error)
            raise ResponseAbortedError(str(error)) from error
        if not data:
            exchange.end()
            raise StopIteration
        return data

    def close(self) -> None:
        """Part of WSGI: the server wants no more, be it complete or not."""
        exchange = self._exchange
        if exchange.outcome is Outcome.SERVER_ERROR:
            exchange.fail(ClientGoneError("The client left before it had the whole response"))
        exchange.end()


def _status_line(status: int) -> str:
    return _STATUS_LINES.get(status) or f"{status} Unknown"


def _native(fields: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
