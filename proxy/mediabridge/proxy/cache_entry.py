"""One response that is kept, and the fields of the answers made of it."""

from .cache_rules import of_not_modified
from .headers import Headers

# Objects of Python about an entry (key, index, lists, tuples), as tracemalloc counts them.
_OVERHEAD = 3072


class Entry:
    """A complete 200 with its end-to-end fields, but Age, which is ours to say (RFC 9111 §5.1).

    Times are of the cache's clock, in seconds: ``born_s`` when it had no age; it is served until ``fresh_until_s``
    without asking, until ``end_s`` while somebody asks. What is the same for a second is prepared once.
    """

    __slots__ = (
        "_aged", "_second", "asking", "body", "born_s", "end_s", "fields", "fresh_until_s", "route", "size",
        "tag",
    )  # fmt: skip

    def __init__(self, route: str, tag: bytes, fields: Headers, body: bytes, born_s: float) -> None:
        self.route = route
        self.tag = tag
        self.fields = fields
        self.body = body
        self.size = len(body) + sum(len(name) + len(value) for name, value in fields) + _OVERHEAD
        self.born_s = born_s
        self.fresh_until_s = self.end_s = born_s
        self.asking: object | None = None
        self._second = -1
        self._aged: dict[int, Headers] = {}

    def aged(self, status: int, now_s: float) -> Headers:
        """The fields of a 200 or 304 at this moment, with Age, without the request id. Not to be changed."""
        second = int(now_s - self.born_s)
        if second != self._second:
            age = (b"age", b"%d" % second)
            self._aged = {200: [*self.fields, age], 304: [*of_not_modified(self.fields), age]}
            self._second = second
        return self._aged[status]
