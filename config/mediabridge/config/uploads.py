"""How large an upload may be: one rule, asked by the proxy before the body is sent on and by the sidecar as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

ENVELOPE = 128 * 1024  # bytes that a multipart body may be larger than the file in it
# Calls of one file. In a batch each file has the tier's limit, and the body the largest of all.
_ONE_FILE = frozenset({"/api/extract", "/api/extract/advanced"})

LargestBody = Callable[[str, str], int]


def largest_body(sizes: Mapping[str, int], path: str, query: str) -> int:
    """Bytes that the body of a request for `path?query` may have, by `sizes`: tier -> bytes of its largest file.

    A `tier` in the query counts where the call takes one file. One in the form is known only when the form was read;
    until then, and for a word that is no tier, the largest limit holds.
    """
    largest = max(sizes.values())
    if path in _ONE_FILE and "tier" in query:
        words = parse_qs(query).get("tier", [""])
        largest = sizes.get(words[0].strip().lower(), largest)
    return largest + ENVELOPE
