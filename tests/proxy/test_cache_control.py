"""Cache-Control: what a shared cache may keep. A malformed field never makes anything cacheable."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.proxy.cache_control import directives, lifetime_s

GOOD = b"public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([GOOD], 31536000),
        ([b"immutable,public,max-age=5"], 5),
        ([b"public", b"max-age=5", b"immutable"], 5),
        ([b"Public , MAX-AGE=5\t,, Immutable,"], 5),
        ([b"public, max-age=5, immutable, no-transform, x-y=z, x-q=\"a, b\""], 5),
        ([b"public, max-age=50, s-maxage=7, immutable"], 7),
        ([b"public, max-age=5, immutable, must-revalidate"], 5),
        ([b"public, max-age=0, immutable"], 0),
        ([b"public, max-age=50, s-maxage=0, immutable"], 0),
        ([b"public, s-maxage=50, immutable"], 0),
        ([b"public, immutable"], 0),
        ([b"max-age=5, immutable"], 0),
        ([b"public, max-age=5"], 0),
        ([GOOD + b", private"], 0),
        ([GOOD + b', private="set-cookie"'], 0),
        ([GOOD + b", no-store"], 0),
        ([GOOD + b", no-cache"], 0),
        ([GOOD + b', no-cache="x, y"'], 0),
        ([GOOD + b", must-understand"], 0),
        ([GOOD, b"no-store"], 0),
        ([], 0),
    ],
    ids=repr,
)  # fmt: skip
def test_a_lifetime_is_given_to_what_says_public_max_age_and_immutable(values: list[bytes], seconds: int) -> None:
    assert lifetime_s(values) == seconds


@pytest.mark.parametrize(
    "value",
    [
        b"public, max-age=5 0, immutable", b"public, max-age = 5, immutable", b"public max-age=5, immutable",
        b"public; max-age=5; immutable", b"public, max-age=, immutable", b"public, max-age=-1, immutable",
        b"public, max-age=+5, immutable", b"public, max-age=5.5, immutable", b"public, max-age=0x5, immutable",
        b"public, max-age=99999999999, immutable", b'public, max-age="5", immutable', b"public, max-age, immutable",
        b"public, max-age=5, max-age=5, immutable", b"public, max-age=5, immutable=1",
        b"public=x, max-age=5, immutable",
        b'public, max-age=5, immutable, x="', b'public, max-age=5, immutable, "x"', b"public, max-age=5, immutable, =",
        b"public, max-age=5, immutable, a=b=c", b"public, max-age=5, immutable\0", b"public,\nmax-age=5, immutable",
        "public, max-age=٥, immutable".encode(), b"public, max-age=5, immutable, " + b"x" * 1024,
    ],
)  # fmt: skip
def test_nothing_malformed_is_cacheable(value: bytes) -> None:
    assert lifetime_s([value]) == 0


TOKENS = st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}", fullmatch=True)
QUOTED = st.from_regex(rb'"([ !#-\[\]-~]|\\[ -~]){0,6}"', fullmatch=True)
DIRECTIVES = st.tuples(TOKENS, st.one_of(st.none(), TOKENS, QUOTED))
SPACE = st.sampled_from([b"", b" ", b"\t "])


@given(st.lists(DIRECTIVES, max_size=6, unique_by=lambda pair: pair[0].lower()), SPACE, SPACE, st.booleans())
def test_what_is_well_formed_is_read_as_it_is(
    pairs: list[tuple[bytes, bytes | None]], before: bytes, after: bytes, split: bool
) -> None:
    parts = [before + name + (b"" if value is None else b"=" + value) + after for name, value in pairs]
    assert directives(parts if split else [b",".join(parts)]) == {name.lower(): value for name, value in pairs}


# A reading of its own: a field is well formed when this fits it, by the grammar of RFC 9110 §5.6 and RFC 9111 §5.2.
_T, _Q = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_D = rb"%b(?:=(?:%b|%b))?" % (_T, _T, _Q)
FIELD = re.compile(rb"[ \t]*(?:%b)?[ \t]*(?:,[ \t]*(?:%b)?[ \t]*)*" % (_D, _D))
PIECES = st.sampled_from(
    [b"public", b"immutable", b"max-age=60", b"max-age=", b"=", b",", b", ", b" ", b'"', b"\\", b";", b"\n", b"\0"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.one_of(st.lists(PIECES, max_size=12).map(b"".join), st.binary(max_size=40).map(lambda b: GOOD + b)))
def test_a_field_that_does_not_fit_the_grammar_allows_nothing(value: bytes) -> None:
    if not FIELD.fullmatch(value):
        assert directives([value]) is None
    if lifetime_s([value]):
        names = [part.strip(b" \t").lower() for part in re.sub(rb'"(\\.|[^"])*"', b"", value).split(b",")]
        assert {b"public", b"immutable"} <= set(names)
        assert not {b"no-store", b"no-cache", b"private"} & {name.partition(b"=")[0] for name in names}
