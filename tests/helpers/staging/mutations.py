"""Requests spoilt in the ways that make two servers disagree: lines, framing, chunk sizes, single bytes."""

import random
import re
from collections.abc import Callable

Spoil = Callable[[random.Random, bytes], bytes]

_BODY = b"a" * 40
_SEEDS = (
    b"GET /api/x?a=1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n",
    b"HEAD /api/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-A\r\nX-A: 1\r\n\r\n",
    b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n" + _BODY,
    b"PUT /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"14\r\n" + _BODY[:20] + b"\r\n14;e=1\r\n" + _BODY[:20] + b"\r\n0\r\nX-T: 1\r\n\r\n",
    b"POST /api/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n" + _BODY,
    b"GET /health HTTP/1.0\r\nHost: a\r\n\r\n",
    b"DELETE /api/x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /api/one HTTP/1.1\r\nHost: a\r\n\r\nGET /api/two HTTP/1.1\r\nHost: a\r\n\r\n",
)
_FRAMING = (
    b"Content-Length: 0", b"Content-Length: 39", b"Content-Length: 41", b"Content-Length: +40", b"Content-Length: -1",
    b"Content-Length: 0x28", b"Content-Length: 40, 40", b"Content-Length: 40, 41", b"Content-Length: 4 0",
    b"Content-Length : 40", b"Content_Length: 3", b"Content-Length: 99999999999999999999", b"Content-Length:",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked ", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding:\tchunked", b"Transfer-Encoding : chunked", b"Transfer_Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked", b"TE: trailers", b"Trailer: Content-Length",
)  # fmt: skip
_LINES = (
    b"X-B: a\r\n folded", b"X-B: a\rb", b"X-B: a\nX-C: b", b"X-B: a\0b", b"X-B\0: a", b"X B: a", b": a", b"X-B",
    b"X-\xe9: a", b"X-B: \xff\xfe", b"X-B: " + b"b" * 70_000, b"Host: b", b"Host:", b"Connection: Host, Content-Length",
    b"Connection: close", b"X-Mediabridge-Token: forged", b"x_mediabridge_token: forged", b"X-Forwarded-For: 6.6.6.6",
    b"Cookie: " + b"c=d; " * 900, b"Expect: 100-continue", b"Expect: a miracle", b"Upgrade: h2c",
    b"Proxy-Connection: x", b"Keep-Alive: 5", b"\r\nX-B: a", b"Range: bytes=0-1", b"Content-Encoding: gzip",
)  # fmt: skip
_TARGETS = (
    b"*", b"/", b"//api/x", b"/api/../b", b"/api/%2e%2e/b", b"/api/%2E./b", b"/api/..;/b", b"/api\\..\\b", b"/api/x%00",
    b"/api/x\x01", b"/api/\xff", b"/api/x#f", b"/api/x y", b"http://evil.test/api/x", b"@evil.test/api/x", b"api/x",
    b"evil.test:80", b"/api/x?" + b"q" * 70_000, b"/" + b"a/" * 30_000, b"", b"/api/x?\r\nX-D: 1",
    b"/api/x HTTP/1.1\r\nX",
)  # fmt: skip
_METHODS = (
    b"",
    b"get",
    b"CONNECT",
    b"TRACE",
    b"PRI",
    b"G\tET",
    b"GE\xffT",
    b"QUERY",
    b"OPTIONS",
    b"M" * 5_000,
    b"\r\nGET",
    b" GET",
)
_VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.10",
    b"HTTP/1",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"",
    b"HTTP/1.1\r",
)
_SIZES = (
    b"0x14", b"14 ", b" 14", b"-14", b"+14", b"15", b"13", b"00000000000000014", b"1" * 17, b"G", b"", b"14;", b"14;\n",
    b"14;" + b"e" * 20_000, b"14\n", b"0", b"FFFFFFFFFFFFFFFF", b"14\rx",
)  # fmt: skip
_INSERTED = (b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b"\xff", b":", b"\r\n\r\n", b"0\r\n\r\n")


def spoilt(dice: random.Random) -> bytes:
    """One request, spoilt in one to three ways."""
    request = dice.choice(_SEEDS)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        request = dice.choice(_SPOILS)(dice, request)
    return request


def _with_line(dice: random.Random, request: bytes, lines: tuple[bytes, ...]) -> bytes:
    head, mark, rest = request.partition(b"\r\n\r\n")
    parts = head.split(b"\r\n")
    parts.insert(dice.randint(1, len(parts)), dice.choice(lines))
    return b"\r\n".join(parts) + mark + rest


def _framing(dice: random.Random, request: bytes) -> bytes:
    return _with_line(dice, request, _FRAMING)


def _line(dice: random.Random, request: bytes) -> bytes:
    return _with_line(dice, request, _LINES)


def _many_lines(dice: random.Random, request: bytes) -> bytes:
    return _with_line(dice, request, (b"\r\n".join(b"X-%d: 1" % n for n in range(dice.choice((50, 1_000, 5_000)))),))


def _start(dice: random.Random, request: bytes) -> bytes:
    line, mark, rest = request.partition(b"\r\n")
    words = [*line.split(b" "), b"", b""][:3]
    which = dice.randrange(3)
    words[which] = dice.choice((_METHODS, _TARGETS, _VERSIONS)[which])
    return dice.choice((b" ", b" ", b" ", b"  ", b"\t")).join(words) + mark + rest


def _chunk(dice: random.Random, request: bytes) -> bytes:
    return re.sub(rb"(?<=\r\n)14(?=\r\n|;)", lambda _: dice.choice(_SIZES), request, count=dice.choice((1, 2)))


def _ends(dice: random.Random, request: bytes) -> bytes:
    old, new = dice.choice(((b"\r\n", b"\n"), (b"\r\n", b"\r"), (b"\r\n\r\n", b"\n\n"), (b": ", b":"), (b": ", b" : ")))
    return request.replace(old, new, dice.choice((1, 2, -1)))


def _cut(dice: random.Random, request: bytes) -> bytes:
    return request[: dice.randrange(len(request))] if request else request


def _insert(dice: random.Random, request: bytes) -> bytes:
    at = dice.randint(0, len(request))
    return request[:at] + dice.choice(_INSERTED) + request[at:]


def _flip(dice: random.Random, request: bytes) -> bytes:
    at = dice.randrange(len(request)) if request else 0
    return request[:at] + bytes([dice.randrange(256)]) + request[at + 1 :]


def _twice(_: random.Random, request: bytes) -> bytes:
    return request + request


_SPOILS: tuple[Spoil, ...] = (
    _framing, _framing, _line, _line, _start, _start, _chunk, _ends, _cut, _insert, _insert, _flip, _many_lines, _twice,
)  # fmt: skip
