"""The rules as pure functions: headers, framing, routes, trust, ids, answers."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge import proxy
from mediabridge.proxy import Routes, Unavailable, answers, errors, framing, headers
from mediabridge.proxy.request import Request, added_lines
from mediabridge.proxy.request_id import new_request_id
from mediabridge.proxy.response import ResponseReader
from mediabridge.proxy.routes import has_dot_segment
from mediabridge.proxy.trusted import Trusted
from mediabridge.proxy.upstream import Endpoint

from .direct import http_scope

TOKENS = st.from_regex(rb"[a-z0-9!#$%&'*+.^`|~-]{1,20}", fullmatch=True)
VALUES = st.binary(max_size=20).map(lambda value: re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value))
PAIRS = st.lists(st.tuples(TOKENS, VALUES), max_size=10)
RULED = [name for name in headers.RULES if name not in (b"content-length", b"host", b"expect", b"cookie")]


OWN = ((b"X-Token", b"t"),)


def fields_of(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = head.split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    pairs = [line.split(b": ", 1) for line in lines[1:-2]]
    return [(name.lower(), value) for name, value in pairs]


def head_of(pairs: list[tuple[bytes, bytes]], *, trusted: tuple[str, ...] = (), **scope: object) -> bytes:
    request = Request(http_scope(headers=[(b"host", b"a.test"), *pairs], **scope), b"/api/x", OWN)
    request.check()
    return request.head(Endpoint(headers=OWN), Trusted(trusted))


ADDED = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"via", b"x-request-id", b"x-token", b"host"}


@settings(max_examples=200)
@given(PAIRS)
def test_end_to_end_fields_stay_in_number_order_and_bytes(pairs: list[tuple[bytes, bytes]]) -> None:
    plain = [pair for pair in pairs if headers.rule(pair[0]) == headers.KEEP and pair[0] not in ADDED]
    assert [pair for pair in fields_of(head_of(plain)) if pair[0] not in ADDED] == plain


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(RULED), VALUES), max_size=8), PAIRS)
def test_no_field_of_one_connection_or_of_false_origin_passes(
    ruled: list[tuple[bytes, bytes]], pairs: list[tuple[bytes, bytes]]
) -> None:
    ruled = [(name, value) for name, value in ruled if name != b"transfer-encoding"]
    try:
        fields = fields_of(head_of(ruled + [p for p in pairs if headers.rule(p[0]) == headers.KEEP]))
    except errors.BadRequestError:
        return
    assert not {name for name, _ in fields} & (headers.HOP_BY_HOP | {b"forwarded", b"x-real-ip"})
    assert [value for name, value in fields if name == b"x-forwarded-for"] == [b"10.0.0.1"]
    assert [value for name, value in fields if name == b"x-forwarded-host"] == [b"a.test"]
    assert [value for name, value in fields if name == b"x-token"] == [b"t"]
    assert len([name for name, _ in fields if name == b"x-request-id"]) == 1


@settings(max_examples=200)
@given(st.lists(TOKENS, min_size=1, max_size=5), PAIRS)
def test_whatever_connection_names_is_removed(names: list[bytes], pairs: list[tuple[bytes, bytes]]) -> None:
    named = [(name, b"1") for name in names if headers.rule(name) == headers.KEEP and name not in ADDED]
    connection = (b"connection", b" ,".join(names).swapcase())
    fields = fields_of(head_of([*named, connection, *((n, v) for n, v in pairs if headers.rule(n) == headers.KEEP)]))
    assert not {name for name, _ in fields} & ({name for name, _ in named} - ADDED)


def test_what_is_remembered_of_requests_is_bounded() -> None:
    book = headers.rules_beside(OWN)
    for number in range(3000):
        head_of([(b"x-%d" % number, b""), (b"x-%d-" % number + b"a" * 1000, b"")])
    assert len(book) <= 1024
    assert max(map(len, book)) <= 64
    before = added_lines.cache_info().currsize
    request = Request(http_scope(headers=[(b"host", b"a" * 1000)]), b"/api/x")
    assert b"x-forwarded-host: " + b"a" * 1000 in request.head(Endpoint(), Trusted())
    assert added_lines.cache_info().currsize == before


@settings(max_examples=200)
@given(PAIRS, st.sampled_from([200, 204, 304, 404]))
def test_response_fields_stay_or_go_as_the_rules_say(pairs: list[tuple[bytes, bytes]], status: int) -> None:
    ruled = [
        (b"content-length", b"5"),
        (b"connection", b"x-gone, Keep-Alive"),
        (b"x-gone", b"1"),
        (b"keep-alive", b"5"),
    ]
    pairs = [(name, value.strip(b" \t")) for name, value in pairs]
    received = [*pairs, *ruled, (b"set-cookie", b"a"), (b"set-cookie", b"b"), (b"x-request-id", b"theirs")]
    reader = ResponseReader(headers.dropped_from_responses(["Server"]))
    reader.expect(head_only=True)
    reader.feed(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, b"".join(b"%b: %b\r\n" % pair for pair in received)))
    kept = reader.headers
    gone = headers.HOP_BY_HOP | {b"x-gone", b"x-request-id", b"server"}
    gone |= {b"content-length"} if status in (204, 304) else set()
    assert kept == [pair for pair in received if pair[0] not in gone]


@pytest.mark.parametrize(
    ("lengths", "codings", "version", "expected"),
    [
        ([], [], "1.1", 0),
        ([], [], "1.0", 0),
        ([], [], "2", None),
        ([b"0"], [], "1.1", 0),
        ([b"007"], [], "1.1", 7),
        ([b"5", b"5"], [], "1.1", 5),
        ([b"5"], [], "3", 5),
        ([], [b" Chunked\t"], "1.1", None),
    ],
)
def test_body_length(lengths: list[bytes], codings: list[bytes], version: str, expected: int | None) -> None:
    assert framing.body_length(lengths, codings, version) == expected


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=3), st.lists(st.binary(max_size=9), max_size=2))
def test_body_length_of_anything_else_is_refused(lengths: list[bytes], codings: list[bytes]) -> None:
    sound = not codings and len(set(lengths)) == 1 and re.fullmatch(rb"[0-9]+", lengths[0])
    try:
        assert framing.body_length(lengths, codings, "1.1") == int(lengths[0])
        assert sound
    except errors.BadRequestError:
        assert not sound


@pytest.mark.parametrize(
    ("prefixes", "path", "found"),
    [
        (["/api/extract"], b"/api/extract", "/api/extract"),
        (["/api/extract"], b"/api/extract/", "/api/extract"),
        (["/api/extract"], b"/api/extract/batch", "/api/extract"),
        (["/api/extract/"], b"/api/extract", "/api/extract"),
        (["/api", "/api/extract"], b"/api/extract/x", "/api/extract"),
        (["/api", "/api/extract"], b"/api/extractor", "/api"),
        (["/"], b"/anything", "/"),
        (["/a.b"], b"/axb", None),
        (["/api/extract"], b"/api/extractor", None),
        (["/api/extract"], b"/api/extract;x", None),
        (["/api/extract"], b"/api/extract%2Fx", None),
        (["/api/extract"], b"/api/%65xtract", None),
        (["/api/extract"], b"/x/api/extract", None),
        (["/api/extract"], b"/api/extract\n", None),
        ([], b"/api", None),
        ([], b"", None),
    ],
)
def test_routes_match_whole_segments_of_the_raw_path(prefixes: list[str], path: bytes, found: str | None) -> None:
    routes = Routes.of(*prefixes)
    assert (routes.find(path), routes.matches(path)) == (found, found is not None)


@pytest.mark.parametrize("prefix", ["api", "", "/a?b", "/a#b", "/a b", "/a/../b", "/a/%2e", "/ä", "http://x/a"])
def test_routes_refuse_what_is_no_plain_path(prefix: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Routes.of(prefix)


@given(
    st.lists(st.sampled_from([b"a", b"..", b".", b"...", b".a", b"a.", b"%2e", b"%2E.", b"%2f", b"", b";"]), max_size=6)
)
def test_dot_segment_is_found_wherever_a_decoder_would_see_one(segments: list[bytes]) -> None:
    path = b"/" + b"/".join(segments)
    decoded = re.sub(rb"%2f", b"/", re.sub(rb"%2e", b".", path, flags=re.IGNORECASE), flags=re.IGNORECASE)
    assert has_dot_segment(path) == any(segment in (b".", b"..") for segment in decoded.split(b"/"))


@pytest.mark.parametrize(
    ("peers", "peer", "covered"),
    [
        ((), "10.0.0.1", False),
        (("10.0.0.1",), "10.0.0.1", True),
        (("10.0.0.0/8",), "10.9.9.9", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("fd00::/8",), "fd00::1", True),
        (("fd00::/8",), "10.0.0.1", False),
        (("*",), None, True),
        (("unix",), None, True),
        (("unix",), "10.0.0.1", False),
        (("10.0.0.1",), None, False),
        (("10.0.0.1",), "not an address", False),
    ],
)
def test_trusted_peers(peers: tuple[str, ...], peer: str | None, *, covered: bool) -> None:
    assert Trusted(peers).covers(peer) is covered


def test_trusted_refuses_rubbish() -> None:
    for rubbish in (["10.0.0.0/33"], ["localhost"], "10.0.0.1"):
        with pytest.raises(ValueError, match="does not appear"):
            Trusted(rubbish)


def test_forwarded_node_of_an_ipv6_peer_is_quoted() -> None:
    head = head_of([(b"forwarded", b"for=a")], trusted=("*",), client=("2001:db8::1", 1))
    assert (b"forwarded", b'for=a, for="[2001:db8::1]"') in fields_of(head)
    assert (b"x-forwarded-for", b"2001:db8::1") in fields_of(head)


def test_peer_on_a_unix_socket_has_no_address() -> None:
    fields = dict(fields_of(head_of([(b"x-forwarded-for", b"1.2.3.4")], client=None)))
    assert b"x-forwarded-for" not in fields
    fields = dict(fields_of(head_of([(b"x-forwarded-for", b"1.2.3.4")], client=None, trusted=("unix",))))
    # The proxy before us has said who it is; there is no address to add.
    assert fields.get(b"x-forwarded-for") == b"1.2.3.4"


def test_request_ids_are_ulids_that_sort_by_time() -> None:
    ids = [new_request_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for one in ids)
    assert [one[:10] for one in ids] == sorted(one[:10] for one in ids)


def concrete(kind: type[errors.ProxyError]) -> set[type[errors.ProxyError]]:
    below = kind.__subclasses__()
    return set().union(*(concrete(sub) for sub in below)) if below else {kind}


def test_every_error_has_an_answer_and_an_outcome_or_is_never_told() -> None:
    untold = {errors.ClientGoneError, errors.ResponseAbortedError}
    assert set(answers._ROWS) == concrete(errors.ProxyError) - untold
    outcomes = [kind.outcome for kind in concrete(errors.ProxyError) - {errors.ResponseAbortedError}]
    assert len(set(outcomes)) == len(outcomes)
    assert errors.Outcome.SERVER_ERROR not in outcomes


def test_answer_is_json_whatever_the_words_hold() -> None:
    why = Unavailable("a", 'b "\ud800\x1b[2J\n', "c", None, {"at": datetime(2026, 1, 1, tzinfo=UTC), "code": "mine"})
    body = answers.not_ready(why).body("id", datetime(2026, 11, 21, 10, 30, tzinfo=UTC))
    told = json.loads(body)
    assert (told["timestamp"], told["code"], told["status"]) == ("2026-11-21T10:30:00Z", "sidecar_unavailable", 503)
    assert b"\n" not in body


def test_public_names() -> None:
    assert sorted(proxy.__all__) == proxy.__all__
    public = {name for name, value in vars(proxy).items() if not name.startswith("_") and not _is_module(value)}
    assert public == set(proxy.__all__)


def _is_module(value: object) -> bool:
    return type(value).__name__ == "module"
