"""What goes through unchanged, and what does not. Rows of table 1C, through a real uvicorn."""

import gzip
import json

import pytest
from staging.scripted import Call
from staging.serving import Stage, request


def forwarded(stage: Stage, target: str = "/api/x", *headers: str, method: str = "GET", body: bytes = b""):
    response = stage.ask(target, *headers, method=method, body=body)
    assert response.status == 200
    return stage.upstream.take()


@pytest.mark.parametrize(
    "target",
    [
        "/api/extract/a%2Fb",
        "/api//x///y//",
        "/api/x;v=1/y;w",
        "/api/a..b/.hidden/c.tar.gz/...",
        "/api/%C3%A4%20%00%ff",
        "/api/x?a=1&a=2&c&d=%2F%20+&e=a|b&f[]={x}",
        "/api/x?q=/../..",
        "/api/x?",
        "/health",
        "/api/@evil.test:80/x",
    ],
)
def test_target_is_kept_byte_for_byte(stage: Stage, target: str) -> None:
    # ASGI has no way to tell "/api/x?" from "/api/x".
    assert forwarded(stage, target).target == target.removesuffix("?")


@pytest.mark.parametrize(
    "target",
    ["/api/%2e%2e/b", "/api/../b", "/api/x/%2E./b", "/api/.%2e", "/api/a%2f..%2f..%2fb", "/api/..%5cb", "/api/./b"],
)
def test_dot_segments_never_lead_out_of_the_prefix(stage: Stage, target: str) -> None:
    response = stage.ask(target)
    assert (response.status, json.loads(response.body)["code"]) == (400, "invalid_request")
    assert not stage.upstream.calls


@pytest.mark.parametrize("target", ["/apix", "/ap%69/x", "/other/../api/x", "//api/x", "/API/x", "/"])
def test_other_paths_are_not_ours(stage: Stage, target: str) -> None:
    response = stage.ask(target)
    assert (response.status, json.loads(response.body)["code"]) == (404, "not_found")
    assert not stage.upstream.calls


def test_target_that_names_another_host_reaches_no_other_host(stage: Stage) -> None:
    # llhttp refuses "@host", and uvicorn leaves of an absolute form only its path.
    with_at = stage.client()
    with_at.send(b"GET @127.0.0.1:1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert with_at.response().status == 400
    absolute = stage.ask("http://evil.test/api/x")
    assert absolute.status == 200
    assert stage.upstream.take().target == "/api/x"


def test_absolute_form_is_refused_where_the_server_shows_it(h11_stage: Stage) -> None:
    for target in ("http://evil.test/api/x", "@127.0.0.1:1/x"):
        assert h11_stage.ask(target).status in (400, 404)
    assert not h11_stage.upstream.calls


def test_hop_by_hop_headers_of_a_request_stay_here(stage: Stage) -> None:
    received = forwarded(
        stage, "/api/x",
        "Connection: keep-alive, X-Hop , x-other", "X-Hop: 1", "X-Other: 2", "Keep-Alive: timeout=5", "TE: trailers",
        "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==", "Trailer: X-T", "X-Kept: 3",
    )  # fmt: skip
    names = {name for name, _ in received.headers}
    gone = {"connection", "x-hop", "x-other", "keep-alive", "te", "proxy-connection", "proxy-authorization", "trailer"}
    assert not names & gone
    assert received.get("x-kept") == "3"


def test_upgrade_is_not_forwarded(stage: Stage) -> None:
    received = forwarded(stage, "/api/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x")
    assert not {name for name, _ in received.headers} & {"connection", "upgrade", "http2-settings"}


def test_connection_that_asked_for_an_upgrade_is_closed(stage: Stage) -> None:
    """uvicorn drops what comes behind such a head: a request there would wait for ever for its answer."""
    for ready in (True, False):
        if not ready:
            stage.fake.be_away()
        wire = stage.client()
        wire.send(request("/api/x", "Connection: Upgrade", "Upgrade: h2c"), request("/api/behind"))
        assert wire.response().get("connection") == "close"
        assert wire.at_end()


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 15"])
def test_body_that_the_server_drops_for_an_upgrade_is_never_forwarded_as_whole(stage: Stage, framing: str) -> None:
    def script(call: Call) -> None:
        received = call.request()
        assert received is None or not received.complete

    stage.set_up(script)
    body = b"5\r\nhello\r\n0\r\n\r\n"
    response = stage.ask("/api/x", "Connection: Upgrade", "Upgrade: h2c", framing, method="POST", body=body)
    assert response.status == 400


def test_connection_cannot_remove_what_frames_or_routes(stage: Stage) -> None:
    received = forwarded(
        stage, "/api/x", "Connection: Host, Content-Length, X-Forwarded-For, X-Request-ID", "Content-Length: 2",
        method="POST", body=b"ab",
    )  # fmt: skip
    assert (received.get("host"), received.body) == ("example.test", b"ab")
    assert received.get("x-forwarded-for") == "127.0.0.1"
    assert received.get("x-request-id")


def test_hop_by_hop_headers_of_a_response_stay_there(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Connection: X-Secret, close", b"X-Secret: 1", b"Keep-Alive: timeout=5", b"Upgrade: h2c",
                    b"Proxy-Authenticate: Basic", b"X-Kept: 2")  # fmt: skip

    stage.set_up(script)
    response = stage.ask()
    names = {name for name, _ in response.headers}
    assert not names & {"x-secret", "keep-alive", "upgrade", "proxy-authenticate", "connection"}
    assert response.get("x-kept") == "2"


def test_spoofed_forwarding_headers_are_replaced(stage: Stage) -> None:
    received = forwarded(
        stage, "/api/x", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 1", "X-Real-IP: 1.2.3.4", "Forwarded: for=1.2.3.4", "X_Forwarded_For: 1.2.3.4",
    )  # fmt: skip
    assert received.get("x-forwarded-for") == "127.0.0.1"
    assert received.get("x-forwarded-host") == "example.test"
    assert received.get("x-forwarded-proto") == "http"
    assert not any("1.2.3.4" in value or "evil" in value for _, value in received.headers)
    assert received.get("x-forwarded-port") is None
    assert received.get("x-forwarded-ignored") == "1"


@pytest.mark.parametrize("field", ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4"])
def test_a_peer_that_may_be_a_proxy_is_told_from_one_that_is_not(stage: Stage, field: str) -> None:
    """Who gives rights to requests of its own machine would give them to everybody behind a proxy on it."""
    assert forwarded(stage, "/api/x", field).get("x-forwarded-ignored") == "1"
    assert forwarded(stage, "/api/x").get("x-forwarded-ignored") is None
    stage.set_up(trusted=["127.0.0.0/8"])
    assert forwarded(stage, "/api/x", field).get("x-forwarded-ignored") is None


def test_forwarding_headers_of_a_trusted_peer_are_extended(stage: Stage) -> None:
    stage.set_up(trusted=["127.0.0.0/8"])
    received = forwarded(
        stage, "/api/x", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: a.test", "X-Forwarded-Port: 443", "X-Real-IP: 1.2.3.4", "Forwarded: for=1.2.3.4",
    )  # fmt: skip
    assert received.get("x-forwarded-for") == "1.2.3.4, 5.6.7.8, 127.0.0.1"
    assert received.get("x-forwarded-proto") == "https"
    assert received.get("x-forwarded-host") == "a.test"
    assert received.get("x-forwarded-port") == "443"
    assert received.get("x-real-ip") == "1.2.3.4"
    assert received.get("forwarded") == "for=1.2.3.4, for=127.0.0.1"


def test_the_endpoints_own_headers_replace_the_clients(stage: Stage) -> None:
    stage.set_up(headers=((b"X-Bridge-Token", b"right"),))
    received = forwarded(stage, "/api/x", "X-Bridge-Token: wrong", "X_Bridge_Token: wrong")
    assert [value for name, value in received.headers if "token" in name] == ["right"]


def test_repeated_request_headers_keep_number_and_order(stage: Stage) -> None:
    received = forwarded(stage, "/api/x", "X-A: 1", "Cookie: a=1", "X-B: 2", "X-A: 3", "Cookie: b=2", "Accept: x, y")
    ours = [pair for pair in received.headers if pair[0] in ("x-a", "x-b", "cookie", "accept")]
    assert ours == [("x-a", "1"), ("cookie", "a=1"), ("x-b", "2"), ("x-a", "3"), ("cookie", "b=2"), ("accept", "x, y")]


def test_host_is_the_clients(stage: Stage) -> None:
    wire = stage.client()
    wire.send(request(host="photos.example:8080"))
    assert wire.response().status == 200
    assert stage.upstream.take().get("host") == "photos.example:8080"


def test_via_is_added_in_both_directions(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Via: 1.0 inner")

    stage.set_up(script)
    response = stage.ask("/api/x", "Via: 1.0 outer")
    assert response.all("via") == ["1.0 inner", "1.1 mediabridge"]
    assert stage.upstream.take().all("via") == ["1.0 outer", "1.1 mediabridge"]


def test_header_bytes_survive_in_both_directions(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"X-Name: caf\xe9 \xff", b"X-Empty:")

    stage.set_up(script)
    response = stage.ask("/api/x", "X-Name: caf\xe9 \xff", "X-Empty:")
    received = stage.upstream.take()
    for message in (response, received):
        assert (message.get("x-name"), message.get("x-empty")) == ("caf\xe9 \xff", "")


@pytest.mark.parametrize("sent", ["abc-DEF_1.2:3", "x" * 128])
def test_sane_request_id_is_kept_everywhere(stage: Stage, sent: str) -> None:
    response = stage.ask("/api/x", f"X-Request-ID: {sent}")
    assert response.get("x-request-id") == sent
    assert stage.upstream.take().get("x-request-id") == sent
    assert stage.event().request_id == sent


@pytest.mark.parametrize("sent", [["a b"], ["x" * 129], [""], ["a", "b"], ["caf\xe9"], []])
def test_other_request_ids_are_replaced_everywhere(stage: Stage, sent: list[str]) -> None:
    response = stage.ask("/api/x", *(f"X-Request-ID: {value}" for value in sent))
    made = response.get("x-request-id")
    assert made is not None
    assert len(made) == 26
    assert stage.upstream.take().get("x-request-id") == made
    assert stage.event().request_id == made


def test_two_set_cookies_stay_two(stage: Stage) -> None:
    cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"]

    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", *(b"Set-Cookie: " + cookie.encode() for cookie in cookies))

    stage.set_up(script)
    assert stage.ask().all("set-cookie") == cookies


def test_date_and_server_come_once(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Date: Wed, 21 Oct 2026 07:28:00 GMT", b"Server: sidecar", b"X-Request-ID: theirs")

    stage.set_up(script)
    response = stage.ask()
    assert response.get("date") == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert response.get("server") == "sidecar"
    assert response.get("x-request-id") != "theirs"


def test_date_and_server_are_left_to_a_server_that_sets_them(stage: Stage) -> None:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Date: Wed, 21 Oct 2026 07:28:00 GMT", b"Server: sidecar")

    stage.set_up(script, server_sets=("Date", "Server"))
    response = stage.ask()
    assert (response.get("date"), response.get("server")) == (None, None)
    stage.fake.be_away()
    assert stage.ask().get("date") is None


def test_get_with_a_body(stage: Stage) -> None:
    received = forwarded(stage, "/api/x", "Content-Length: 5", body=b"hello")
    assert (received.method, received.body, received.get("content-length")) == ("GET", b"hello", "5")


def test_delete_with_a_chunked_body(stage: Stage) -> None:
    received = forwarded(stage, "/api/x", "Transfer-Encoding: chunked", method="DELETE", body=b"3\r\nabc\r\n0\r\n\r\n")
    assert (received.method, received.body, received.get("transfer-encoding")) == ("DELETE", b"abc", "chunked")


def test_post_with_an_empty_body(stage: Stage) -> None:
    received = forwarded(stage, "/api/x", "Content-Length: 0", method="POST")
    assert (received.body, received.get("content-length"), received.get("transfer-encoding")) == (b"", "0", None)
    received = forwarded(stage, "/api/x", "Transfer-Encoding: chunked", method="POST", body=b"0\r\n\r\n")
    assert (received.body, received.get("content-length"), received.complete) == (b"", None, True)


@pytest.mark.parametrize("method", ["QUERY", "PROPFIND", "M-SEARCH", "PATCH", "OPTIONS"])
def test_methods_are_forwarded(stage: Stage, method: str) -> None:
    assert forwarded(stage, method=method).method == method


def test_method_that_nobody_knows_is_forwarded(h11_stage: Stage) -> None:
    # httptools refuses to parse it, h11 does not.
    assert forwarded(h11_stage, method="BREW").method == "BREW"


def test_encoded_body_passes_untouched(stage: Stage) -> None:
    packed = gzip.compress(b"x" * 600)

    def script(call: Call) -> None:
        call.request()
        call.answer(packed, b"Content-Encoding: gzip", b"Vary: Accept-Encoding")

    stage.set_up(script)
    response = stage.ask()
    assert (response.body, response.get("content-encoding")) == (packed, "gzip")
    assert response.get("content-length") == str(len(packed))


def test_range_request_passes(stage: Stage) -> None:
    def script(call: Call) -> None:
        received = call.request()
        assert received is not None
        assert received.get("range") == "bytes=0-3"
        call.answer(b"abcd", b"Content-Range: bytes 0-3/10", status=b"206 Partial Content")

    stage.set_up(script)
    response = stage.ask("/api/x", "Range: bytes=0-3")
    assert (response.status, response.get("content-range"), response.body) == (206, "bytes 0-3/10", b"abcd")


def test_http_1_0_client_is_served(stage: Stage) -> None:
    wire = stage.client()
    wire.send(b"GET /api/x HTTP/1.0\r\n\r\n")
    response = wire.response()
    assert (response.status, response.body) == (200, b"ok")
    received = stage.upstream.take()
    assert received.start.endswith("HTTP/1.1")
    assert received.get("host")
    assert received.get("via") == "1.0 mediabridge"


def test_unix_socket_upstream(uds_stage: Stage) -> None:
    received = forwarded(uds_stage)
    assert received.get("host") == "example.test"


def test_requests_in_a_pipeline_are_answered_in_order(stage: Stage) -> None:
    def script(call: Call) -> None:
        while (received := call.request()) is not None:
            call.answer(received.target.encode())

    stage.set_up(script)
    wire = stage.client()
    wire.send(*(request(f"/api/{number}") for number in range(5)))
    assert [wire.response().body for _ in range(5)] == [b"/api/%d" % number for number in range(5)]
