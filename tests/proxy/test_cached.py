"""Answers from memory, through a real uvicorn: what they hold, and which requests they answer."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staging.scripted import Call
from staging.serving import Stage, request

from mediabridge.proxy import AsgiProxy, Endpoint, Limits, Outcome, Routes
from mediabridge.proxy.testing import FakeUpstream

from .content import BODY, CONTROL, PATH, TAG, Content, new, same
from .direct import HOST, call, http_scope


def test_a_second_get_is_answered_from_memory_with_the_same_fields(stage: Stage, content: Content) -> None:
    first, second = stage.ask(PATH), stage.ask(PATH, "X-Request-ID: mine-1")
    assert content.asked == 1
    same(first, second)
    assert first.get("age") is None
    assert new(second)
    assert second.get("x-request-id") == "mine-1"
    assert second.get("date") == first.get("date")
    assert second.body == BODY
    third = stage.ask(PATH, "X-Request-ID: no good")
    assert third.get("x-request-id") not in (None, "no good", first.get("x-request-id"))


def test_head_and_if_none_match_are_answered_from_memory(stage: Stage, content: Content) -> None:
    head, none = stage.ask(PATH, method="HEAD"), stage.ask(PATH, f"If-None-Match: {TAG}")
    assert (head.status, none.status) == (200, 304)
    stage.ask(PATH)
    asked = content.asked
    same(stage.ask(PATH, method="HEAD"), head)
    same(stage.ask(PATH, f"If-None-Match: {TAG}"), none)
    same(stage.ask(PATH, f'If-None-Match: "x", W/{TAG}', method="HEAD"), none)
    assert stage.ask(PATH, 'If-None-Match: "x"').body == BODY
    assert content.asked == asked


def test_answers_follow_one_another_on_a_connection(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    wire = stage.client()
    wire.send(request(PATH) + request(PATH, method="HEAD") + request(PATH, f"If-None-Match: {TAG}") + request(PATH))
    answers = [wire.response(method) for method in ("GET", "HEAD", "GET", "GET")]
    assert [(one.status, one.body) for one in answers] == [(200, BODY), (200, b""), (304, b""), (200, BODY)]
    wire.send(request(PATH, "Connection: close"))
    assert wire.response().get("connection") == "close"
    assert wire.at_end()
    assert content.asked == 1


@pytest.mark.parametrize(
    "header",
    [
        "Range: bytes=0-0", "Cache-Control: no-cache", "Cache-Control: no-store", "Pragma: no-cache", 'If-Match: "t1"',
        "If-Modified-Since: Wed, 25 Nov 2026 20:00:00 GMT", "Authorization: Basic eA==", "If-None-Match: t1",
        "Connection: if-none-match",
    ],
)  # fmt: skip
def test_the_sidecar_answers_the_rest(stage: Stage, content: Content, header: str) -> None:
    stage.ask(PATH)
    answer = stage.ask(PATH, header)
    assert answer.status == (206 if header.startswith("Range") else 200)
    assert answer.get("age") is None
    assert content.asked == 2
    assert new(stage.ask(PATH))


def test_what_asks_for_more_fills_nothing(stage: Stage, content: Content) -> None:
    for header in ("Authorization: Basic eA==", "Cache-Control: no-store", "Range: bytes=0-0"):
        stage.ask(PATH, header)
    assert stage.ask(PATH).get("age") is None
    assert content.asked == 4


@pytest.mark.parametrize(
    "fields",
    [
        (b"Cache-Control: public, max-age=60",), (b"Cache-Control: public, max-age=60, immutable, no-store",),
        (b"Cache-Control: private, max-age=60, immutable",), (CONTROL, b"Vary: Cookie"), (CONTROL, b"Set-Cookie: a=b"),
        (b"Cache-Control: public, max-age=6 0, immutable",), (CONTROL, b"Cache-Control: no-cache"),
    ],
)  # fmt: skip
def test_what_does_not_say_so_is_not_kept(stage: Stage, content: Content, fields: tuple[bytes, ...]) -> None:
    content.fields = fields
    assert [stage.ask(PATH).body for _ in range(2)] == [BODY] * 2
    assert content.asked == 2


def test_a_large_answer_is_not_kept_and_without_memory_none_is(stage: Stage, content: Content) -> None:
    stage.set_up(content, limits=Limits(cache_entry_bytes=len(BODY) - 1))
    assert [stage.ask(PATH).body for _ in range(2)] == [BODY] * 2
    stage.set_up(content, limits=Limits(cache_bytes=0))
    assert [stage.ask(PATH).body for _ in range(2)] == [BODY] * 2
    assert content.asked == 4


def test_query_host_and_raw_path_are_part_of_what_is_asked_for(stage: Stage, content: Content) -> None:
    targets = [PATH, PATH + "?a=1", "/api/%68/thumbnail"]
    for target in (*targets, *targets):
        assert stage.ask(target).status == 200
    assert content.asked == 3
    wire = stage.client()
    wire.send(request(PATH, host="other.test"))
    assert wire.response().get("age") is None


def test_a_dot_segment_is_refused_before_the_cache_is_asked(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    assert stage.ask("/api/x/../h/thumbnail").status == 400
    assert stage.ask("/other/../api/h/thumbnail").status == 404


def test_what_trusted_proxies_say_of_the_target_tells_entries_apart(stage: Stage, content: Content) -> None:
    stage.set_up(content, trusted=("127.0.0.1",))
    for host in ("a.test", "b.test", "a.test"):
        stage.ask(PATH, f"X-Forwarded-Host: {host}", "X-Forwarded-For: 1.2.3.4")
    assert content.asked == 2
    stage.set_up(content)
    for host in ("a.test", "b.test"):
        stage.ask(PATH, f"X-Forwarded-Host: {host}")
    assert content.asked == 3


def test_hits_are_counted_and_told(stage: Stage, content: Content) -> None:
    for method in ("GET", "GET", "HEAD"):
        stage.ask(PATH, "X-Request-ID: r", method=method)
    events = [stage.event() for _ in range(3)]
    assert [(one.status, one.outcome, one.bytes_out) for one in events] == [
        (200, Outcome.OK, len(BODY)), (200, Outcome.OK, len(BODY)), (200, Outcome.OK, 0)
    ]  # fmt: skip
    assert [one.cached for one in events] == [False, True, True]
    assert {(one.path, one.route, one.request_id) for one in events} == {(PATH, "/api", "r")}
    counts = stage.proxy.tally.by_route()["/api"]
    assert dict(counts.requests) == {("GET", 200): 2, ("HEAD", 200): 1}
    assert (counts.cached, counts.bytes_out, counts.in_flight, sum(counts.first_byte)) == (2, 2 * len(BODY), 0, 1)


def test_a_response_without_date_gets_one_unless_the_server_sets_it(stage: Stage) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.answer(BODY, CONTROL, b'ETag: "t"')

    stage.set_up(script)
    assert [stage.ask(PATH).get("date") is None for _ in range(2)] == [True, False]
    stage.set_up(script, server_sets=("date",))
    assert [stage.ask(PATH).get("date") for _ in range(2)] == [None, None]


def test_age_and_date_of_the_sidecar_s_answer_count(stage: Stage) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.answer(BODY, CONTROL, b'ETag: "t"', b"Age: 30")

    stage.set_up(script)
    assert stage.ask(PATH).get("age") == "30"
    assert int(stage.ask(PATH).get("age") or 0) >= 30
    assert stage.upstream.requests.qsize() == 1


def test_an_answer_behind_early_hints_is_not_kept_without_them(stage: Stage) -> None:
    def script(call: Call) -> None:
        while call.request() is not None:
            call.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
            call.answer(BODY, CONTROL, b'ETag: "t"')

    stage.set_up(script)
    assert [stage.ask(PATH).get("age") for _ in range(2)] == [None, None]


LINES = st.sampled_from([
    f"If-None-Match: {TAG}", f"If-None-Match: W/{TAG}", f'If-None-Match: "x" ,{TAG}', "If-None-Match: *",
    'If-None-Match: "x"', f"If-None-Match: {TAG}x", "If-None-Match:", "Range: bytes=0-0", f"If-Range: {TAG}",
    f"If-Match: {TAG}", "Cache-Control: no-cache", "Cache-Control: max-age=0", "Cache-Control: only-if-cached",
    "Pragma: no-cache", "Cookie: a=b", "Authorization: Basic eA==", "Connection: keep-alive", "Connection: close",
    "Connection: keep-alive, if-none-match", "Upgrade: h2c", "X-Request-ID: mine", "X-Request-ID: b\xe4d",
    "Accept-Encoding: gzip", "X-Forwarded-Host: other.test", "Forwarded: host=other.test", "Content-Length: 0",
    "If-Modified-Since: Wed, 25 Nov 2026 20:00:00 GMT", "TE: trailers", "Host: other.test",
])  # fmt: skip
ASKED = st.tuples(st.sampled_from(["GET", "HEAD", "OPTIONS"]), st.lists(LINES, max_size=3))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ASKED, min_size=1, max_size=4))
def test_with_a_cache_every_answer_is_the_one_without(
    stage: Stage, content: Content, asked: list[tuple[str, list[str]]]
) -> None:
    stage.set_up(content)
    with_cache = stage.proxy
    stage.ask(PATH)
    stage.set_up(content, limits=Limits(cache_bytes=0))
    for method, lines in asked:
        without = stage.ask(PATH, *lines, method=method)
        stage.server.app = with_cache
        answer = stage.ask(PATH, *lines, method=method)
        stage.server.app = stage.proxy
        if without.status == 400:  # its body names the request and the moment
            assert answer.status == 400
        else:
            same(answer, without)
    stage.server.on_loop(with_cache.aclose())
    stage.server.on_loop(stage.proxy.aclose())


def kept_by(proxy: AsgiProxy, fake: FakeUpstream) -> None:
    cache = proxy._cached.cache
    cache.follow(fake.endpoints())
    fill = cache.fill((b"/api/x", None, b"example.test", "http", ()), "/api", cache.turn, cache.clock())
    fill.begin(200, [(b"etag", b'"t"'), (b"cache-control", CONTROL[15:]), (b"content-length", b"2")])
    fill.add(b"ok")
    fill.end(complete=True)


@pytest.mark.parametrize("field", [(b"x-a", b"b\r\nx-c: d"), (b"x a", b"b"), (b"host", b"a")])
def test_a_request_that_is_refused_is_refused_though_its_answer_is_kept(field: tuple[bytes, bytes]) -> None:
    fake = FakeUpstream(Endpoint(port=9))
    proxy = AsgiProxy(fake, routes=Routes.of("/api"), on_event=lambda event: None)
    kept_by(proxy, fake)
    assert call(proxy, http_scope(headers=HOST)).body == b"ok"
    assert call(proxy, http_scope(headers=[*HOST, field])).status == 400


def test_a_server_that_would_not_take_a_kept_answer_has_its_connection_dropped() -> None:
    events = []
    fake = FakeUpstream(Endpoint(port=9))
    proxy = AsgiProxy(fake, routes=Routes.of("/api"), on_event=events.append)
    kept_by(proxy, fake)

    async def send(message: object) -> None:
        raise RuntimeError("the transport is closed")

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    with pytest.raises(Exception, match="would not take"):
        asyncio.run(proxy(http_scope(headers=HOST), receive, send))
    assert [(one.status, one.outcome, one.aborted) for one in events] == [(499, Outcome.CLIENT_GONE, True)]
