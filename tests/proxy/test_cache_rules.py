"""Which requests a kept response may answer, and which responses may be kept: the rules alone."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.proxy import cache_rules as rules
from mediabridge.proxy.cache_rules import Asked

HOST = (b"host", b"a.test")
TAG = b'"t"'
KEPT = [
    (b"etag", TAG),
    (b"cache-control", b"public, max-age=100, immutable"),
    (b"content-length", b"2"),
    (b"content-type", b"image/webp"),
    (b"date", formatdate(1000, usegmt=True).encode()),
]


def without(name: bytes) -> list[tuple[bytes, bytes]]:
    return [pair for pair in KEPT if pair[0] != name]


@pytest.mark.parametrize(
    "field",
    [
        (b"range", b"bytes=0-1"), (b"if-range", TAG), (b"if-match", TAG), (b"cache-control", b"no-cache"),
        (b"if-modified-since", b"Wed, 25 Nov 2026 20:00:00 GMT"), (b"cache-control", b"no-store"),
        (b"if-unmodified-since", b"Wed, 25 Nov 2026 20:00:00 GMT"), (b"cache-control", b"max-age=0"),
        (b"pragma", b"no-cache"), (b"authorization", b"Basic eA=="), (b"expect", b"100-continue"),
        (b"content-length", b"5"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"), (b"connection", b"if-none-match"), (b"bad name", b"x"), (b"", b"x"), HOST,
    ],
)  # fmt: skip
def test_the_sidecar_answers_what_asks_for_more_than_the_content(field: tuple[bytes, bytes]) -> None:
    assert rules.read([HOST, field]) is None


def test_what_a_browser_sends_is_answered() -> None:
    pairs = [
        HOST, (b"user-agent", b"x"), (b"accept", b"image/*"), (b"accept-encoding", b"gzip"), (b"cookie", b"a=b"),
        (b"referer", b"http://a.test/"), (b"connection", b"keep-alive"), (b"sec-fetch-mode", b"no-cors"),
        (b"x-request-id", b"r"), (b"if-none-match", TAG), (b"x-forwarded-for", b"1.2.3.4"),
        (b"x-forwarded-host", b"b.test"), (b"te", b"trailers"),
    ]  # fmt: skip
    assert rules.read(pairs) == Asked(b"a.test", b"r", TAG, ((b"x-forwarded-host", b"b.test"),))


@pytest.mark.parametrize("name", [b"host", b"x-request-id", b"if-none-match"])
def test_a_field_that_comes_twice_and_a_missing_host_are_not_ours_to_judge(name: bytes) -> None:
    assert rules.read([*([] if name == b"host" else [HOST]), (name, b"a"), (name, b"a")]) is None
    assert rules.read([(b"accept", b"*/*")]) is None


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (TAG, True), (b'W/"t"', True), (b"*", True), (b'"x", "t"', True), (b'"x",W/"t" , "y"', True), (b'"x"', False),
        (b'"T"', False), (b't', None), (b'"t', None), (b'w/"t"', None), (b"", None),
        (b'"t" "x"', None), (b'"t",', None),
        (b'*, "t"', None), (b'"a b"', None), (b'"x,t"', False),
    ],
)  # fmt: skip
def test_an_entity_tag_is_compared_weakly_and_a_malformed_list_not_at_all(condition: bytes, fits: bool | None) -> None:
    assert rules.fits(condition, TAG) is fits


def test_age_and_rest_follow_the_rfc() -> None:
    assert rules.left_s(KEPT, 0.5, 1000.0) == (0.5, 99.5)
    assert rules.left_s(KEPT, 0.5, 1007.25) == (7.25, 92.75)  # apparent age, by Date
    assert rules.left_s([*KEPT, (b"age", b"30")], 0.5, 1000.0) == (30.5, 69.5)
    assert rules.left_s(KEPT, 0.5, 900.0) == (0.5, 99.5)  # a Date in the future is no negative age
    assert rules.left_s(without(b"date"), 0.5, 1000.0) == (0.5, 99.5)


@pytest.mark.parametrize(
    "fields",
    [
        without(b"etag"),
        without(b"cache-control"),
        [*without(b"etag"), (b"etag", b'W/"t"')],
        [*without(b"etag"), (b"etag", b"t")],
        [*KEPT, (b"etag", b'"u"')],
        [*KEPT, (b"cache-control", b"private")],
        [*KEPT, (b"vary", b"accept")],
        [*KEPT, (b"vary", b"*")],
        [*KEPT, (b"set-cookie", b"a=b")],
        [*KEPT, (b"content-range", b"bytes 0-1/2")],
        [*KEPT, (b"age", b"100")],
        [*KEPT, (b"age", b"-1")],
        [*KEPT, (b"age", b"1"), (b"age", b"1")],
        [*without(b"date"), (b"date", b"yesterday")],
        [*KEPT, (b"date", b"Wed, 25 Nov 2026 20:00:00 GMT")],
    ],
)
def test_what_is_for_one_request_or_cannot_be_dated_is_not_kept(fields: list[tuple[bytes, bytes]]) -> None:
    assert rules.left_s(fields, 0.0, 1000.0) is None


def test_a_304_has_no_fields_of_the_content() -> None:
    fields = [
        *KEPT,
        (b"content-location", b"/x"),
        (b"content-security-policy", b"sandbox"),
        (b"accept-ranges", b"bytes"),
    ]
    names = {name for name, _ in rules.of_not_modified(fields)}
    assert names == {b"etag", b"cache-control", b"date", b"content-location", b"accept-ranges"}


def test_a_304_freshens_what_it_names_and_never_the_content() -> None:
    news = [(b"x-b", b"3"), (b"x-a", b"1"), (b"x-a", b"2"), (b"content-type", b"text/html"), (b"age", b"9")]
    fresh = rules.freshened([(b"x-a", b"0"), *KEPT, (b"x-a", b"00"), (b"x-c", b"4")], news)
    assert fresh == [(b"x-a", b"1"), (b"x-a", b"2"), *KEPT, (b"x-c", b"4"), (b"x-b", b"3")]


@given(st.binary(max_size=30))
def test_no_condition_breaks_the_comparison(condition: bytes) -> None:
    assert rules.fits(condition, TAG) in (True, False, None)


def test_long_deep_and_folder_paths_are_not_remembered() -> None:
    assert rules.fit_path(b"/cache/abc/thumbnail")
    assert not rules.fit_path(b"/" + b"a" * 1024)
    assert not rules.fit_path(b"/a" * 17)
    assert not rules.fit_path(b"/cache/")
