"""Answers from memory on waitress: the same rules, and what is different in WSGI."""

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from running import until
from staging.scripted import Call, ScriptedUpstream
from staging.waitress_stage import WaitressServer, WsgiStage
from staging.wire import DEADLINE_S

from mediabridge.proxy import Limits, Outcome

from .content import BODY, CONTROL, PATH, TAG, Content, in_flight, new, nothing_is_kept_while_it_changes, same


@pytest.fixture(scope="module")
def waitress_server() -> Iterator[WaitressServer]:
    server = WaitressServer()
    yield server
    server.stop()


@pytest.fixture
def wsgi(waitress_server: WaitressServer) -> Iterator[WsgiStage]:
    stage = WsgiStage(waitress_server, ScriptedUpstream())
    yield stage
    stage.close()


@pytest.fixture
def content(wsgi: WsgiStage) -> Content:
    content = Content()
    wsgi.set_up(content)
    return content


def settled(wsgi: WsgiStage) -> None:
    """waitress sends an answer before the application's end of it is called."""
    until(lambda: not in_flight(wsgi), "what was on its way is there")


def first(wsgi: WsgiStage) -> Any:
    answer = wsgi.ask(PATH)
    settled(wsgi)
    return answer


def test_get_head_and_if_none_match_are_answered_from_memory(wsgi: WsgiStage, content: Content) -> None:
    head, none = wsgi.ask(PATH, method="HEAD"), wsgi.ask(PATH, f"If-None-Match: {TAG}")
    whole = first(wsgi)
    asked = content.asked
    for answer, named, method in (
        (whole, (), "GET"), (head, (), "HEAD"), (none, (f"If-None-Match: {TAG}",), "GET"),
    ):  # fmt: skip
        kept = wsgi.ask(PATH, *named, method=method)
        same(kept, answer)
        assert new(kept)
    assert content.asked == asked


def test_the_sidecar_answers_what_asks_for_more(wsgi: WsgiStage, content: Content) -> None:
    first(wsgi)
    for header in ("Range: bytes=0-0", "Cache-Control: no-cache", "Authorization: Basic eA=="):
        assert wsgi.ask(PATH, header).get("age") is None
    assert wsgi.ask(PATH + "?").get("age") is None  # another target, and WSGI can tell
    assert content.asked == 5


def test_an_unsafe_request_is_heeded_and_without_memory_nothing_is_kept(wsgi: WsgiStage, content: Content) -> None:
    first(wsgi)
    wsgi.ask("/api/h", method="POST")
    assert first(wsgi).get("age") is None
    wsgi.set_up(content, limits=Limits(cache_bytes=0))
    assert [first(wsgi).get("age") for _ in range(2)] == [None, None]


def test_nothing_is_kept_while_it_changes(wsgi: WsgiStage, content: Content) -> None:
    nothing_is_kept_while_it_changes(wsgi, content)


def test_a_broken_off_answer_is_never_kept(wsgi: WsgiStage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: "t"\r\n' + CONTROL + b"\r\n\r\nhalf")

    wsgi.set_up(script)
    assert not first(wsgi).complete
    assert wsgi.event().outcome is Outcome.UPSTREAM_FAILED
    assert len(wsgi.wsgi._cached.cache) == 0


def test_threads_share_it_and_every_request_is_counted(wsgi: WsgiStage, content: Content) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: wsgi.ask(PATH).body, range(60))) == {BODY}
    assert content.asked <= 8
    assert len([wsgi.event() for _ in range(60)]) == 60
    counts = wsgi.wsgi.tally.by_route()["/api"]
    assert (counts.requests["GET", 200], counts.cached) == (60, 60 - content.asked)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_forked_process_starts_anew_whatever_lock_was_held(wsgi: WsgiStage, content: Content) -> None:
    first(wsgi)
    held = wsgi.wsgi._cached.cache
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with held._lock:
            locked.set()
            done.wait(DEADLINE_S)

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(DEADLINE_S)
    child = multiprocessing.get_context("fork").Process(target=_try, args=(wsgi.wsgi,))
    child.start()
    child.join(DEADLINE_S)
    done.set()
    thread.join()
    assert child.exitcode == 0
    child.close()


def _try(proxy: Any) -> None:
    cache = proxy._cached.cache
    assert len(cache) == 0
    cache.drop_below(b"/")
    cache.fill((PATH.encode(), None, b"a", "http", ()), "/api", cache.turn, cache.clock()).end(complete=False)
