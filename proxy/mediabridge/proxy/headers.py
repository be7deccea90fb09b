"""What a proxy may pass on, must remove, and adds: rules as data, and small pure functions. RFC 9110 unless named.

Header names are lower-case bytes, as ASGI has them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

Header = tuple[bytes, bytes]
Headers = list[Header]
Noted = Mapping[bytes, Sequence[bytes]]

PSEUDONYM = b"mediabridge"

# §7.6.1: about one connection only. The Proxy-* fields are meant for the next proxy, which is us (§11.7).
# TE and Trailer go because ASGI cannot carry trailers of a request, and uvicorn none of a response (§6.5.1).
HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization",
    b"proxy-authentication-info", b"te", b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip

# De facto X-Forwarded-*, and RFC 7239. Whoever sends them may lie about where the request comes from.
FORWARDING = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip"})

_GROWING = (b"x-forwarded-for", b"forwarded")

# Beside what we see of a peer that is not trusted: it spoke of others before it, so it may be a proxy itself. Whoever
# gives rights to this machine's own requests must not give them to those.
IGNORED: Header = (b"x-forwarded-ignored", b"1")

REQUEST_ID = b"x-request-id"

# What is done with a request's field: nothing but KEEP for nearly all, hence the plain integers.
DROP, NOTE, KEEP, KEEP_AND_NOTE, REFUSE = 0, 1, 2, 3, 4

RULES: Mapping[bytes, int] = {
    **dict.fromkeys(HOP_BY_HOP, DROP),
    b"connection": NOTE,
    b"upgrade": NOTE,
    b"transfer-encoding": NOTE,
    **dict.fromkeys(FORWARDING, NOTE),
    REQUEST_ID: NOTE,
    b"content-length": KEEP_AND_NOTE,
    b"expect": KEEP_AND_NOTE,
    b"host": KEEP_AND_NOTE,
    b"cookie": KEEP_AND_NOTE,
}

# Connection may name these, by mistake or to make the next server read another request; they stay.
_NOT_CONNECTION_OPTIONS = frozenset({b"host", b"content-length"})

# Values of Connection that name no field which would not go anyway.
USUAL_OPTIONS = frozenset({b"keep-alive", b"Keep-Alive", b"close"})

_NAME_SIZE, _BOOK_SIZE = 64, 1024

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def rule(name: bytes, own: frozenset[bytes] = frozenset()) -> int:
    """The rule for a request's field of that name; ``own`` names the fields that we set ourselves at this endpoint.

    WSGI reads ``x_forwarded_for`` and ``x-forwarded-for`` as one variable, so a name with underscores that means a
    field with a rule is dropped.
    """
    if not _TOKEN.fullmatch(name):
        return REFUSE
    dashed = name.replace(b"_", b"-")
    if dashed in own:
        return DROP
    if dashed.startswith(b"x-forwarded-") or dashed in RULES:
        return RULES.get(name, NOTE) if name == dashed else DROP
    return KEEP


def is_event_stream(fields: Headers) -> bool:
    """Whether a response has no end by itself: server-sent events (HTML Living Standard, 9.2), of no stated length."""
    found = dict(fields)
    return found.get(b"content-type", b"").lower().startswith(b"text/event-stream") and b"content-length" not in found


class RuleBook(dict[bytes, int]):
    """``rule`` by name, remembered for the names that come again: a bounded number of short ones."""

    def __init__(self, own: frozenset[bytes]) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, name: bytes) -> int:
        found = rule(name, self._own)
        if len(name) <= _NAME_SIZE and len(self) < _BOOK_SIZE:
            self[name] = found
        return found


@lru_cache(maxsize=64)
def rules_beside(fields: tuple[Header, ...]) -> RuleBook:
    """The rules where we set these fields ourselves."""
    return RuleBook(frozenset(name.lower().replace(b"_", b"-") for name, _ in fields))


def connection_options(values: Iterable[bytes]) -> frozenset[bytes]:
    """The field names that Connection's values list (§7.6.1), so far as the sender may have them removed."""
    options = chain.from_iterable(value.lower().split(b",") for value in values)
    return frozenset(option.strip() for option in options) - _NOT_CONNECTION_OPTIONS


def sane_request_id(values: Sequence[bytes]) -> str | None:
    """The client's request id when it sent one, of 1 to 128 of ``A-Za-z0-9._:-``; else ``None``."""
    return values[0].decode() if len(values) == 1 and _SANE_ID.fullmatch(values[0]) else None


def seen_by_us(peer: str | None, scheme: str, host: bytes | None) -> tuple[Header, ...]:
    """X-Forwarded-For, -Proto and -Host as we see them ourselves: all that is said of a peer that is not trusted.

    ``peer`` is its address, ``None`` for a Unix socket's; ``host`` the request's Host.
    """
    known = [
        (b"x-forwarded-for", peer.encode("latin-1", "replace") if peer else None),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host),
    ]
    return tuple((name, value) for name, value in known if value is not None)


def speaks_of_others(noted: Noted) -> bool:
    """Whether a request says where it came from before it came to its peer."""
    return any(map(is_forwarding, noted))


def said_before_us(noted: Noted, seen: Iterable[Header]) -> tuple[Header, ...]:
    """The same after a trusted peer, which told us its own: For and Forwarded grow, the others stay as it said."""
    said = {name: values for name, values in noted.items() if is_forwarding(name)}
    ours = dict(seen)
    peer = ours.pop(b"x-forwarded-for", None)
    fields = [(name, value) for name, value in ours.items() if name not in said]
    fields += [(name, value) for name, values in said.items() if name not in _GROWING for value in values]
    hops = [*said.get(b"x-forwarded-for", ()), *((peer,) if peer else ())]
    if hops:
        fields.append((b"x-forwarded-for", b", ".join(hops)))
    if b"forwarded" in said:
        fields.append((b"forwarded", b", ".join([*said[b"forwarded"], b"for=" + _node(peer)])))
    return tuple(fields)


def _node(peer: bytes | None) -> bytes:
    """An address as RFC 7239 §6 writes it."""
    if peer is None:
        return b"unknown"
    return b'"[%b]"' % peer if b":" in peer else peer


def is_forwarding(name: bytes) -> bool:
    """Whether a field tells where the request comes from."""
    return name in FORWARDING or name.startswith(b"x-forwarded-")


@lru_cache(maxsize=8)
def via(http_version: str) -> Header:
    """Our entry in Via (§7.6.3): the version in which the message reached us, and a name."""
    return (b"via", b"%b %b" % (http_version.encode(), PSEUDONYM))


def without(names: frozenset[bytes], lines: Sequence[bytes]) -> list[bytes]:
    """Those of the header lines (``name: value``) that have other names."""
    return [line for line in lines if line.partition(b":")[0] not in names]


def with_one_cookie(lines: Sequence[bytes], cookies: Sequence[bytes]) -> list[bytes]:
    """HTTP/2 may split Cookie into crumbs; HTTP/1.1 must get one field (RFC 9113 §8.2.3)."""
    return [*without(frozenset({b"cookie"}), lines), b"cookie: " + b"; ".join(cookies)]


# Hop-by-hop fields, and the request id: ours is the one.
NEVER_PASSED_BACK = HOP_BY_HOP | {REQUEST_ID}


def dropped_from_responses(server_sets: Iterable[str]) -> frozenset[bytes]:
    """The names never passed back, with those that the server in front of us sets itself."""
    return NEVER_PASSED_BACK | {name.lower().encode() for name in server_sets}


def end_to_end(fields: Headers, status: int, connection: Iterable[bytes] = ()) -> Headers:
    """The fields of a response, in order, repeats kept, without those that its Connection values name.

    Content-Length goes from 204, where it is forbidden, and from 304, where it is optional (§8.6) and uvicorn would
    wait for the body that it announces.
    """
    unwanted = connection_options(connection)
    if status in (204, 304):
        unwanted |= {b"content-length"}
    return [pair for pair in fields if pair[0] not in unwanted]
