"""Answers with a content that never changes: caching, conditions, ranges, and headers that keep it from doing harm."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from flask import Request, Response
from werkzeug.wsgi import wrap_file

from mediabridge.sidecar.faults import PreconditionFailed, RangeUnsatisfiable
from mediabridge.sidecar.ranges import Range, UnsatisfiableError, parse

IMMUTABLE = "public, max-age=31536000, immutable"
ASKED_AGAIN = "private, no-cache"  # for an address whose content may change: its entity tag is compared
SANDBOX = "sandbox; default-src 'none'"
# Nothing of these runs as a page of the host's; a PDF's viewer does not show it in a sandbox.
_INERT = ("image/", "audio/", "video/")
_ACTIVE_PICTURES = frozenset({"image/svg+xml"})
_PDF = "application/pdf"
_TEXTS = frozenset({"application/json", "application/xml", "image/svg+xml"})
_LOOKED_AT = 64 * 1024  # bytes of a text that tell whether it is UTF-8
_UNQUOTED = "!#$&+-.^_`|~"  # attr-char of RFC 8187 without the alphanumerics


@dataclass(frozen=True, slots=True)
class Content:
    """What is served. `tag` is the strong entity tag without its quotes; `open(start, length)` gives the bytes.

    `renewed`: other bytes may have been served under the same tag, so that whoever holds it gets them anew.
    """

    size: int
    tag: str
    mime_type: str
    name: str
    open: Callable[[int, int], BinaryIO]
    renewed: bool = False

    @classmethod
    def of_bytes(cls, content: bytes, tag: str, mime_type: str, name: str) -> Content:
        """A content that is in memory."""
        return cls(
            len(content), tag, mime_type, name, lambda start, length: io.BytesIO(content[start : start + length])
        )


def serve(request: Request, content: Content, caching: str = IMMUTABLE) -> Response:
    """The answer to a GET or HEAD; conditions are judged in the order of RFC 9110, 13.2.2.

    Raises `PreconditionFailed`, `RangeUnsatisfiable`.
    """
    if request.if_match and not request.if_match.contains(content.tag):
        msg = "If-Match: the content has another entity tag."
        raise PreconditionFailed(msg)
    headers = {
        "ETag": f'"{content.tag}"',
        "Cache-Control": caching,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }
    if request.if_none_match.contains_weak(content.tag) and not content.renewed:
        return _without_type(Response(status=304, headers=headers))
    headers |= _harmless(content, download=request.args.get("download") == "1")
    part = _part(request, content)
    size = len(part) if part else content.size
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{content.size}"
    # A HEAD gets the headers alone, and nobody would close the file.
    file = io.BytesIO() if request.method == "HEAD" else content.open(part.first if part else 0, size)
    response = Response(
        wrap_file(request.environ, file),
        206 if part else 200,
        headers,
        direct_passthrough=True,
    )
    response.headers["Content-Type"] = _with_charset(content)
    response.content_length = size
    return response


def _part(request: Request, content: Content) -> Range | None:
    """The range that is asked for, where ranges count: with GET, and with the same content (14.2, 13.1.5)."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    condition = request.headers.get("If-Range", "").strip()
    if condition and (content.renewed or condition != f'"{content.tag}"'):
        return None
    try:
        return parse(header, content.size)
    except UnsatisfiableError as problem:
        msg = f"Range: {header[:100]!r} lies behind the end of the content, which has {content.size} bytes."
        raise RangeUnsatisfiable(msg, size=content.size) from problem


def _harmless(content: Content, *, download: bool) -> dict[str, str]:
    headers = {}
    inert = content.mime_type.startswith(_INERT) and content.mime_type not in _ACTIVE_PICTURES
    if not inert and content.mime_type != _PDF:
        headers["Content-Security-Policy"] = SANDBOX
    if download:
        headers["Content-Disposition"] = disposition(content.name)
    return headers


def disposition(name: str) -> str:
    """`attachment` with a name, for all browsers (RFC 6266, appendix D)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = "".join(character for character in plain if character.isprintable() and character not in '"\\%')
    words = f'attachment; filename="{plain or "file"}"'
    return words if plain == name else f"{words}; filename*=UTF-8''{quote(name, safe=_UNQUOTED)}"


def _with_charset(content: Content) -> str:
    """A text that is UTF-8 says so. Of another nobody told the encoding, and no word is better than a wrong one."""
    mime_type = content.mime_type
    if not (mime_type.startswith("text/") or mime_type in _TEXTS):
        return mime_type
    with content.open(0, min(content.size, _LOOKED_AT)) as file:
        head = file.read()
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) == content.size)
    except UnicodeDecodeError:
        return mime_type
    return f"{mime_type}; charset=utf-8"


def _without_type(response: Response) -> Response:
    del response.headers["Content-Type"]
    return response
