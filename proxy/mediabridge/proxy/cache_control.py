"""Cache-Control of responses, read so strictly that a malformed one allows nothing (RFC 9111 §5.2, RFC 8246). Pure."""

import re
from collections.abc import Iterable, Mapping

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
# One element of the list, which may be empty (RFC 9110 §5.6.1.2), with the comma behind it.
_ELEMENT = re.compile(rb"[ \t]*(?:(%b)(?:=(%b|%b))?[ \t]*)?(?:,|\Z)" % (_TOKEN, _TOKEN, _QUOTED))
_SECONDS = re.compile(rb"[0-9]{1,10}")
_SIZE = 1024

_WANTED = (b"public", b"immutable")
# must-understand asks for more than we know (§5.2.2.3).
_FORBIDDING = frozenset({b"no-store", b"no-cache", b"private", b"must-understand"})


def directives(values: Iterable[bytes]) -> Mapping[bytes, bytes | None] | None:
    """The directives of all Cache-Control fields, names in lower case, arguments as they are.

    ``None`` when a field is malformed, or a directive comes twice: then nobody knows what is meant.
    """
    text = b",".join(values)
    found: dict[bytes, bytes | None] = {}
    position = 0
    while position < len(text):
        element = _ELEMENT.match(text, position) if len(text) <= _SIZE else None
        if element is None:
            return None
        position = element.end()
        if element[1] is not None:
            name = element[1].lower()
            if name in found:
                return None
            found[name] = element[2]
    return found


def lifetime_s(values: Iterable[bytes]) -> int:
    """For how many seconds a shared cache may take the response for fresh: one that is public and immutable; else 0.

    ``s-maxage`` counts before ``max-age``, which must be there as well (§4.2.1).
    """
    said = directives(values)
    if said is None or not _FORBIDDING.isdisjoint(said) or any(said.get(name, b"") is not None for name in _WANTED):
        return 0
    ages = [said[name] for name in (b"s-maxage", b"max-age") if name in said]
    if b"max-age" not in said or not all(age is not None and _SECONDS.fullmatch(age) for age in ages):
        return 0
    return int(ages[0] or b"0")
