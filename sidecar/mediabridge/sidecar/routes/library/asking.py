"""What a request asks for: its words as values, each refused by its name when it is none."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from flask import request
from werkzeug.datastructures import MultiDict

from mediabridge.sidecar.faults import URL, ContentUnknown, InvalidRequest
from mediabridge.sidecar.library import cursor, moments
from mediabridge.sidecar.library.cursor import Place, Value
from mediabridge.sidecar.library.dates.model import CONFIDENCES
from mediabridge.sidecar.library.intake import KINDS
from mediabridge.sidecar.library.listing import MOST, ORDERS, REVIEWS, STATES, Filters
from mediabridge.sidecar.routes.sent import json_sent

from .examples import example

T = TypeVar("T")
Args = MultiDict[str, str]
FILTERS = frozenset({"from", "to", "type", "tag", "duplicates", "undated", "confidence", "status", "review", "q"})
PAGE = frozenset({"limit", "cursor"})
_MOST_NUMBER, _DIGITS = 2**63 - 1, 19
_MOST_TAGS = 20
_LONGEST = 255
_LISTS = {"file": "files", "group": "duplicates"}


def only(args: Args, known: Collection[str]) -> None:
    """Refuse words that mean nothing: a filter with a slip in its name would show everything."""
    for name in args:
        if name not in known:
            raise wrong(name[:64], f"there is no such parameter (there are {', '.join(sorted(known))})")


def filters(args: Args) -> Filters:
    """The filters of lists of files."""
    undated = flag(args, "undated")
    first = _value(args, "from", lambda text: moments.bound(text, last=False))
    last = _value(args, "to", lambda text: moments.bound(text, last=True))
    if first is not None and last is not None and last < first:
        raise wrong("to", "it lies before 'from'")
    return Filters(
        first_us=first,
        last_us=last,
        kinds=_words(args, "type", KINDS),
        tags=_tags(args),
        duplicates=flag(args, "duplicates") is True,
        dated=None if undated is None else not undated,
        confidences=_words(args, "confidence", CONFIDENCES),
        states=_words(args, "status", STATES),
        review=choice(args, "review", REVIEWS),
        text=_text(args, "q"),
    )


def order(args: Args) -> str:
    """How a list is sorted; `-` is the other way round."""
    return choice(args, "sort", tuple(ORDERS)) or "-taken"


def limit(args: Args, most: int = MOST) -> int:
    """Rows of a page."""
    text = args.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) < len(str(most)) + 1 and 1 <= int(text) <= most):
        raise wrong("limit", f"{text[:40]!r} is no whole number from 1 to {most}")
    return int(text)


def after(args: Args, asked: str, kind: type[Value]) -> Place | None:
    """Where the page begins; `asked` is the digest of the list."""
    return _value(args, "cursor", lambda text: cursor.read(text, asked, kind))


def flag(args: Args, name: str) -> bool | None:
    """`true` or `false`, None without the word."""
    word = choice(args, name, ("true", "false", "1", "0"))
    return None if word is None else word in ("true", "1")


def choice(args: Args, name: str, words: tuple[T, ...]) -> T | None:
    """One of some words, None without."""
    found = args.get(name)
    if not found:
        return None
    for word in words:
        if word == found:
            return word
    raise wrong(name, f"{found[:40]!r} is none of {', '.join(map(str, words))}")


def number(text: str, what: str) -> int:
    """The number of a `file` or `group` in an address. Raises `ContentUnknown`: there is nothing of another one."""
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= _MOST_NUMBER:
        return int(text)
    msg = f"There is no {what} {text[:64]!r}."
    raise ContentUnknown(msg, f"List them: curl {URL}/api/library/{_LISTS[what]}")


def body(known: Collection[str]) -> dict[str, Any]:
    """The JSON object that was sent, with no names but these."""
    sent = json_sent()
    if not isinstance(sent, dict):
        msg = "The body must be a JSON object."
        fields = ", ".join(f'"{name}": ...' for name in sorted(known))
        raise InvalidRequest(msg, f"Send {{{fields or '...'}}}.")
    for name in sent:
        if known and name not in known:
            raise wrong(name[:64], f"there is no such field (there are {', '.join(sorted(known))})")
    return sent


def names(sent: dict[str, Any], name: str) -> list[str]:
    """A list of words in a body."""
    found = sent.get(name)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise wrong(name, "it is no list of words")
    return found


def wrong(name: str, why: str) -> InvalidRequest:
    """The fault that names a field."""
    return InvalidRequest(f"{name}: {why}.", example(request.endpoint or ""))


def _value(args: Args, name: str, parse: Callable[[str], T]) -> T | None:
    text = args.get(name)
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as problem:
        raise wrong(name, str(problem)) from problem


def _words(args: Args, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    found = {word for text in args.getlist(name) for word in text.split(",") if word}
    for word in sorted(found - set(known)):
        raise wrong(name, f"{word[:40]!r} is none of {', '.join(known)}")
    return tuple(sorted(found))


def _text(args: Args, name: str) -> str:
    text = args.get(name, "").strip()
    if len(text) > _LONGEST or "\0" in text:
        raise wrong(name, f"it has more than {_LONGEST} characters, or one that no name has")
    return text


def _tags(args: Args) -> tuple[str, ...]:
    found = sorted({tag for tag in args.getlist("tag") if tag})
    if len(found) > _MOST_TAGS or any(len(tag) > _LONGEST or "\0" in tag for tag in found):
        raise wrong("tag", f"they are more than {_MOST_TAGS}, or too long")
    return tuple(found)
