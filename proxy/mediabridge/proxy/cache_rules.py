"""Which requests a kept response may answer, and which responses may be kept: RFC 9111 and 9110, as pure functions."""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import NamedTuple

from .cache_control import lifetime_s
from .headers import DROP as DROPPED
from .headers import KEEP as KEPT
from .headers import USUAL_OPTIONS, Header, Headers, is_forwarding, rule

# What a request's field means for the cache: nothing for nearly all, hence the plain integers.
_PLAIN, _PASS, _HOST, _ID, _CONDITION, _OPTION, _SAID = range(7)

# With one of these the sidecar answers: preconditions and ranges but the usual one (RFC 9110 §13, §14), wishes of the
# client (RFC 9111 §5.2.1, §5.4), credentials (§3.5), a body, another protocol.
_PASSED_ON = frozenset({
    b"range", b"if-range", b"if-match", b"if-modified-since", b"if-unmodified-since", b"cache-control", b"pragma",
    b"authorization", b"expect", b"content-length", b"transfer-encoding", b"upgrade",
})  # fmt: skip
_MEANINGS = {
    b"host": _HOST,
    b"x-request-id": _ID,
    b"if-none-match": _CONDITION,
    b"connection": _OPTION,
    b"x-forwarded-for": _PLAIN,  # who asks is no part of what is asked for
    b"x-real-ip": _PLAIN,
    **dict.fromkeys(_PASSED_ON, _PASS),
}
_NAME_SIZE, _NAMES_KEPT = 64, 1024

_TAG = rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")'
_STRONG = re.compile(_TAG.removeprefix(rb"(?:W/)?"))
_TAGS = re.compile(rb"%b(?:[ \t]*,[ \t]*%b)*" % (_TAG, _TAG))
_ONE_TAG = re.compile(_TAG)

_DIGITS = re.compile(rb"[0-9]{1,10}")
# A response with one of these is for one request alone, or only a part.
_SINGULAR = frozenset({b"vary", b"set-cookie", b"set-cookie2", b"content-range"})
_PATH_SIZE, _DEPTH = 1024, 16

# §15.4.5 of RFC 9110: a 304 tells nothing of the content but where it is and which.
_OF_CONTENT, _OF_CONTENT_KEPT = b"content-", b"content-location"


class _Meanings(dict[bytes, int]):
    """The meaning of a field by its name, remembered for a bounded number of short names."""

    def __missing__(self, name: bytes) -> int:
        found = _meaning(name)
        if len(name) <= _NAME_SIZE and len(self) < _NAMES_KEPT:
            self[name] = found
        return found


def _meaning(name: bytes) -> int:
    if name in _MEANINGS:
        return _MEANINGS[name]
    if is_forwarding(name):
        return _SAID
    return _PLAIN if rule(name) in (KEPT, DROPPED) or name == b"cookie" else _PASS


_meaning_of = _Meanings()


class Asked(NamedTuple):
    """What the cache needs of a request. ``said``: where a proxy before us says that the request came to."""

    host: bytes
    request_id: bytes | None
    condition: bytes | None
    said: tuple[Header, ...]


def read(pairs: Iterable[Header]) -> Asked | None:
    """Read the fields of a GET or HEAD; ``None`` when the sidecar has to answer it.

    Cookie changes nothing: a response that depends on it must not say ``public`` without Vary (RFC 9111 §4.1, §7.3).
    """
    host = request_id = condition = None
    said: tuple[Header, ...] = ()
    for name, value in pairs:
        meaning = _meaning_of[name]
        if not meaning:
            continue
        if meaning == _HOST and host is None:
            host = value
        elif meaning == _ID and request_id is None:
            request_id = value
        elif meaning == _CONDITION and condition is None:
            condition = value
        elif meaning == _SAID:
            said += ((name, value),)
        elif meaning != _OPTION or value not in USUAL_OPTIONS:
            return None
    return None if host is None else Asked(host, request_id, condition, said)


def fits(condition: bytes, tag: bytes) -> bool | None:
    """Whether If-None-Match names ``tag``, by weak comparison (RFC 9110 §8.8.3.2, §13.1.2); ``None``: malformed."""
    if condition in (tag, b"*"):
        return True
    if not _TAGS.fullmatch(condition):
        return None
    return tag in _ONE_TAG.findall(condition)


def fit_path(path: bytes) -> bool:
    """Whether a path is short enough to be remembered, and no folder."""
    return len(path) <= _PATH_SIZE and path.count(b"/") <= _DEPTH and not path.endswith(b"/")


def is_candidate(fields: Headers) -> bool:
    """Whether a response is worth a closer look; nearly all are not."""
    return any(name == b"cache-control" and b"immutable" in value.lower() for name, value in fields)


def only(fields: Iterable[Header], name: bytes) -> bytes | None:
    """The value of a field that comes once; ``None`` when it is missing or repeated."""
    values = [value for key, value in fields if key == name]
    return values[0] if len(values) == 1 else None


def strong_tag(fields: Headers) -> bytes | None:
    """The response's strong entity tag, in its quotes."""
    tag = only(fields, b"etag")
    return tag if tag is not None and _STRONG.fullmatch(tag) else None


def content_length(fields: Headers) -> int | None:
    """Bytes of the body that the response announces."""
    length = only(fields, b"content-length")
    return int(length) if length is not None and _DIGITS.fullmatch(length) else None


def left_s(fields: Headers, delay_s: float, now_s: float) -> tuple[float, float] | None:
    """Age of a response and the time for which it stays fresh, in seconds; ``None`` when it may not be kept at all.

    RFC 9111 §4.2.3: ``delay_s`` went by between request and response; ``now_s`` is since the epoch, for its Date.
    """
    names = [name for name, _ in fields]
    if not _SINGULAR.isdisjoint(names) or strong_tag(fields) is None:
        return None
    age_s = _age_s(fields, delay_s, now_s)
    lifetime = lifetime_s(value for name, value in fields if name == b"cache-control")
    return None if age_s is None or age_s >= lifetime else (age_s, lifetime - age_s)


def _age_s(fields: Headers, delay_s: float, now_s: float) -> float | None:
    names = [name for name, _ in fields]
    age, date = only(fields, b"age"), only(fields, b"date")
    if (age is None and b"age" in names) or (age is not None and not _DIGITS.fullmatch(age)):
        return None
    apparent_s = 0.0
    if date is not None:
        try:
            apparent_s = now_s - parsedate_to_datetime(date.decode("latin-1")).timestamp()
        except ValueError:
            return None
    elif b"date" in names:
        return None
    return max(apparent_s, int(age or b"0") + delay_s, 0.0)


def of_not_modified(fields: Iterable[Header]) -> Headers:
    """The fields of a 304 for a response with these."""
    return [pair for pair in fields if pair[0] == _OF_CONTENT_KEPT or not pair[0].startswith(_OF_CONTENT)]


def freshened(kept: Headers, news: Headers) -> Headers:
    """The kept fields with those of a 304 in the place of their namesakes (RFC 9111 §3.2)."""
    given: dict[bytes, Headers] = {}
    for pair in of_not_modified(news):
        if pair[0] != b"age":
            given.setdefault(pair[0], []).append(pair)
    left: dict[bytes, Headers] = dict(given)
    fields: Headers = []
    for pair in kept:
        fields += left.pop(pair[0], []) if pair[0] in given else [pair]
    return [*fields, *chain.from_iterable(left.values())]
