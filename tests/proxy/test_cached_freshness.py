"""When the sidecar is asked again, and what makes the cache forget, through a real uvicorn."""

import json
import threading

import pytest
from running import until
from staging.scripted import Call
from staging.serving import Stage, request
from staging.wire import DEADLINE_S

from mediabridge.proxy import Endpoint, Limits, Outcome

from .content import BODY, CONTROL, PATH, TAG, Content, later, new, nothing_is_kept_while_it_changes


def test_a_broken_off_answer_is_never_kept(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.send(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: "t"\r\n' + CONTROL + b"\r\n\r\nhalf")

    stage.set_up(script)
    for _ in range(2):
        assert not stage.ask(PATH).complete
        assert stage.event().outcome is Outcome.UPSTREAM_FAILED
    assert len(stage.proxy._cached.cache) == 0


def test_a_client_that_leaves_during_a_miss_leaves_nothing_behind(stage: Stage) -> None:
    half = threading.Event()
    go_on = threading.Event()

    def script(call: Call) -> None:
        while call.request() is not None:
            head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "t"\r\n' % len(BODY) + CONTROL
            call.send(head + b"\r\n\r\n" + BODY[:100])
            half.set()
            assert go_on.wait(DEADLINE_S)
            call.send(BODY[100:])

    stage.set_up(script)
    wire = stage.client()
    wire.send(request(PATH))
    assert half.wait(DEADLINE_S)
    wire.reset()
    assert stage.event().outcome is Outcome.CLIENT_GONE
    go_on.set()
    assert len(stage.proxy._cached.cache) == 0
    assert stage.ask(PATH).body == BODY
    assert new(stage.ask(PATH))


def test_misses_at_once_all_have_their_answer(stage: Stage, content: Content) -> None:
    content.hold = threading.Event()
    wires = [stage.client() for _ in range(6)]
    for wire in wires:
        wire.send(request(PATH))
    until(lambda: content.asked == 6, "all have reached the sidecar")
    content.hold.set()
    assert [wire.response().body for wire in wires] == [BODY] * 6
    assert new(stage.ask(PATH))
    assert len(stage.proxy._cached.cache) == 1
    assert content.asked == 6


def test_past_its_time_one_asks_while_the_others_are_served(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    later(stage, 6)
    content.hold = threading.Event()
    asking = stage.client()
    asking.send(request(PATH))
    until(lambda: content.asked == 2, "the sidecar is asked again")
    assert not any(new(stage.ask(PATH)) for _ in range(3))
    assert content.asked == 2
    content.hold.set()
    assert asking.response().get("age") is None
    assert new(stage.ask(PATH))


def test_a_304_renews(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    later(stage, 6)
    assert stage.ask(PATH, f"If-None-Match: {TAG}").get("age") is None
    again = stage.ask(PATH)
    assert (again.status, again.body, new(again)) == (200, BODY, True)
    assert content.asked == 2


def test_what_is_deleted_behind_our_back_is_gone_after_the_freshness_time(stage: Stage, content: Content) -> None:
    stage.set_up(content, limits=Limits(cache_fresh_s=0.2))
    assert stage.ask(PATH).status == 200
    content.gone = True
    until(lambda: stage.ask(PATH).status == 404, "the deletion shows")
    assert stage.ask(PATH).status == 404
    assert len(stage.proxy._cached.cache) == 0


def test_a_changed_content_replaces_the_kept_one(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    content.body, content.tag = b"new", '"t2"'
    assert stage.ask(PATH).body == BODY
    later(stage, 6)
    assert stage.ask(PATH, f"If-None-Match: {TAG}").body == b"new"
    again = stage.ask(PATH)
    assert (again.body, again.get("etag"), new(again)) == (b"new", '"t2"', True)


@pytest.mark.parametrize(("method", "target"), [("DELETE", "/api/h"), ("POST", PATH), ("PURGE", "/api/h/")])
def test_an_unsafe_request_at_or_above_the_path_is_seen_at_once(
    stage: Stage, content: Content, method: str, target: str
) -> None:
    stage.ask(PATH)
    stage.ask(target, method=method)
    stage.ask(PATH)
    assert content.asked == 3


def test_nothing_is_kept_while_it_changes(stage: Stage, content: Content) -> None:
    nothing_is_kept_while_it_changes(stage, content)


def test_an_unsafe_request_elsewhere_changes_nothing(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    stage.ask("/api/upload", method="POST")
    stage.ask("/api/h", method="OPTIONS")
    assert new(stage.ask(PATH))


def test_a_new_process_of_the_sidecar_is_asked_anew(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    here = stage.upstream.endpoint
    stage.fake.be_ready(Endpoint(here.host, here.port, here.uds))
    assert new(stage.ask(PATH))
    stage.fake.be_ready(Endpoint(here.host, here.port, here.uds, generation=1))
    assert stage.ask(PATH).get("age") is None
    assert content.asked == 2


def test_while_the_sidecar_is_away_what_is_fresh_is_served_and_no_more(stage: Stage, content: Content) -> None:
    stage.ask(PATH)
    stage.fake.be_away()
    assert stage.ask(PATH).body == BODY
    later(stage, 6)
    answer = stage.ask(PATH)
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "sidecar_unavailable")
