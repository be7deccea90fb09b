"""What the client asked, as a WSGI environ tells it (PEP 3333): the target, the header fields, the body, the client."""

import select
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote

from .headers import Header

Environ = dict[str, Any]

_KEY_SIZE, _NAMES_KEPT = 64, 1024
_NOT_HEADERS = frozenset({"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"})  # X_Y sent in place of the real ones
_CLIENTS_SOCKET = ("gunicorn.socket", "werkzeug.socket")
_LEFT: int = getattr(select, "POLLRDHUP", 0)  # Linux


def target_of(environ: Environ) -> tuple[bytes, bytes | None]:
    """The target's path and query as they came, where the server says: waitress, gunicorn, werkzeug, uWSGI.

    The query is ``None`` without a ``?``, and empty when nothing follows it.

    Elsewhere they are made from SCRIPT_NAME and PATH_INFO, which servers have decoded: ``%2F`` has become ``/``, and
    nobody knows any more.
    """
    uri: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if not uri:
        return decoded_path_of(environ), _bytes(environ.get("QUERY_STRING", "")) or None
    path, mark, query = _bytes(uri).partition(b"?")
    return path, query if mark else None


def decoded_path_of(environ: Environ) -> bytes:
    """The path that other applications go by, encoded once more."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return quote(_bytes(path), safe="/!$&'()*+,;=:@~").encode()


def scope_of(environ: Environ, query: bytes | None = None) -> dict[str, Any]:
    """The same in ASGI's words, for ``Request``."""
    peer = environ.get("REMOTE_ADDR")
    return {
        "method": environ["REQUEST_METHOD"],
        "query_string": query or b"",
        "http_version": environ["SERVER_PROTOCOL"][5:],
        "scheme": environ["wsgi.url_scheme"],
        "client": (peer,) if peer and peer != "localhost" else None,  # so waitress names the peer at a Unix socket
        "headers": _fields(environ),
    }


def _fields(environ: Environ) -> list[Header]:
    """The header fields. Servers have joined repeated ones with a comma, and taken the case from the names."""
    fields = [
        (name, _bytes(value)) for key, value in environ.items() if (name := _NAMES[key]) and (value or key[0] == "H")
    ]
    host = environ.get("HTTP_HOST")
    if host and "," in host:  # two of them, joined: which one is meant is not ours to guess
        fields += [(b"host", _bytes(part)) for part in host.split(",")[1:]]
    return fields


class _Names(dict[str, bytes]):
    """The field's name for a key of the environ, empty for other keys; a bounded number is remembered."""

    def __missing__(self, key: str) -> bytes:
        is_field = key[:5] == "HTTP_" and key not in _NOT_HEADERS
        name = _bytes(key[5:].replace("_", "-").lower()) if is_field else b""
        if len(key) <= _KEY_SIZE and len(self) < _NAMES_KEPT:
            self[key] = name
        return name


_NAMES = _Names({"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"})


def reader_of(environ: Environ) -> Callable[[int], bytes]:
    """Reads of the body what is there, where the server's stream can do that, else as much as it is asked for."""
    stream = environ["wsgi.input"]
    return cast("Callable[[int], bytes]", getattr(stream, "read1", None) or stream.read)


def has_left(environ: Environ, *, body_read: bool) -> bool:
    """Whether the client has left, where that can be known.

    waitress says it with ``channel_request_lookahead`` of 1 or more. With gunicorn and werkzeug the client's socket
    tells, on Linux, once the whole request has been read from it.
    """
    told = environ.get("waitress.client_disconnected")
    if told is not None:
        return bool(told())
    sock = next((environ[key] for key in _CLIENTS_SOCKET if key in environ), None)
    if sock is None or not body_read or not _LEFT:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), _LEFT)
    return bool(poll.poll(0))


def can_read_to_the_end(environ: Mapping[str, Any]) -> bool:
    """Whether reading a body of unknown length ends where it ends."""
    return bool(environ.get("wsgi.input_terminated"))


def _bytes(text: str) -> bytes:
    """A native string of PEP 3333 is latin-1; what is none cannot become a line break."""
    return text.encode("latin-1", "backslashreplace")
