"""How long a request's body is, and which requests nobody may forward (RFC 9112 §6). Pure.

A body length is ``0`` for none, ``n`` for that many bytes, ``None`` for chunked: not known beforehand.
"""

import re
from collections.abc import Sequence

from .errors import BadRequestError
from .routes import has_dot_segment

BodyLength = int | None

_DIGITS = re.compile(rb"[0-9]{1,19}")
# Nearly every request passes on these two alone: a method of these, a path of nothing but such bytes.
_PLAIN = b"/-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_USUAL = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The target of origin-form: printable ASCII; 0x80 and above is tolerated as raw UTF-8, never space or control bytes.
_PATH = re.compile(rb"/[^\x00-\x20\x7f?#]*")
_QUERY = re.compile(rb"[^\x00-\x20\x7f#]*")


def body_length(lengths: Sequence[bytes], codings: Sequence[bytes], http_version: str) -> BodyLength:
    """The length that Content-Length and Transfer-Encoding give, after RFC 9112 §6.3.

    Raises ``BadRequestError`` for both at once, for two lengths that differ, for a length that is no number, for a
    transfer coding other than ``chunked`` alone, and for any in HTTP/1.0 (§6.1). Without either, a request of HTTP/1.x
    has no body; one of HTTP/2 or later may have one of unknown length (RFC 9113 §8.1).
    """
    if codings:
        _check_chunked(codings, lengths, http_version)
        return None
    if lengths:
        return _length(lengths)
    return 0 if http_version.startswith("1") else None


def _check_chunked(codings: Sequence[bytes], lengths: Sequence[bytes], http_version: str) -> None:
    if lengths:
        raise BadRequestError("The request has both Content-Length and Transfer-Encoding")
    if len(codings) > 1 or codings[0].strip().lower() != b"chunked":
        raise BadRequestError("The request has a Transfer-Encoding other than chunked")
    if http_version == "1.0":
        raise BadRequestError("The request has a Transfer-Encoding in HTTP/1.0")


def _length(lengths: Sequence[bytes]) -> int:
    if len(set(lengths)) > 1:
        raise BadRequestError("The request has two different Content-Length fields")
    if not _DIGITS.fullmatch(lengths[0]):
        raise BadRequestError("The request's Content-Length is not a number")
    return int(lengths[0])


def check_request_line(method: str, path: bytes, query: bytes) -> None:
    """Raise ``BadRequestError`` unless this is a token and an origin-form target (RFC 9112 §3.2.1), fit for one line.

    Authority-form and absolute-form would let the client choose the host; CONNECT would turn the connection into a
    tunnel; a dot segment could lead out of the proxied routes.
    """
    if method in _USUAL and not query and path[:1] == b"/" and not path.translate(None, _PLAIN):
        return
    if not _METHOD.fullmatch(method) or method == "CONNECT":
        raise BadRequestError("The request's method cannot be forwarded")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise BadRequestError("The request's target is not an absolute path")
    if has_dot_segment(path):
        raise BadRequestError("The path holds a dot segment, which could lead out of the proxied routes")


def check_lines(lines: Sequence[bytes]) -> None:
    """Raise ``BadRequestError`` if a field smuggles in a line of its own: bare CR, LF or NUL (RFC 9110 §5.5)."""
    head = b"".join(lines)
    if b"\n" in head or b"\r" in head or b"\0" in head:
        raise BadRequestError("A header of the request holds a line break or a NUL byte")
