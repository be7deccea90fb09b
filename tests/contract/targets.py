"""Where a request goes: the target byte for byte, and nowhere else."""

from typing import Any

from staging.scripted import ScriptedUpstream

from .case import Book, Seen

BOOK = Book()
case = BOOK.case
LLHTTP = "llhttp, its parser, knows no such method"


def arrived(stage: Any, target: str, method: str = "GET") -> str:
    response = stage.ask(target, method=method)
    if response.status != 200:
        return str(response.status)
    got = stage.upstream.take()
    return "ok" if got.start == f"{method} {target} HTTP/1.1" else f"`{got.target}`"


@case("`%2F` kept", "1C 29")
def encoded_slash(stage: Any) -> str:
    return arrived(stage, "/api/extract/a%2Fb")


@case("`//` kept", "1C")
def double_slash(stage: Any) -> str:
    return arrived(stage, "/api//x///y//")


@case("`/api/%2e%2e/b`", "1C 29", good="400", direct="ok")
def encoded_dots(stage: Any) -> str:
    return refused(stage, "/api/%2e%2e/b")


@case("`/api/extract/%2e%2e/%2e%2e/admin`", "29", good="400", direct="ok")
def encoded_dots_twice(stage: Any) -> str:
    return refused(stage, "/api/extract/%2e%2e/%2e%2e/admin")


@case("`/api/../b` as it is", "29", good="400", direct="ok")
def plain_dots(stage: Any) -> str:
    return refused(stage, "/api/../b")


def refused(stage: Any, target: str) -> str:
    """As ``arrived``; what is refused must not have reached anybody."""
    word = arrived(stage, target)
    return word if word != "400" or not stage.upstream.calls else f"400, and {stage.upstream.take().target}"


@case("raw query kept (`c`, `%2F`, `a|b`, repeated keys)", "1C")
def raw_query(stage: Any) -> str:
    return arrived(stage, "/api/x?a=1&a=2&c&d=%2F%20+&e=a|b&f[]={x}")


@case("`/x?` kept", "29", differs={"uvicorn": Seen("`/api/x`", "ASGI's scope has no place for an empty query")})
def empty_query(stage: Any) -> str:
    return arrived(stage, "/api/x?")


@case("`GET /api/x#fragment`", "30", good="400", direct="ok", differs={
    "uvicorn": Seen("`/api/x`", "its URL parser cuts the fragment off before any application sees it"),
})  # fmt: skip
def fragment(stage: Any) -> str:
    return refused(stage, "/api/x#fragment")


@case("unknown method (QUERY)", "1C")
def known_to_few(stage: Any) -> str:
    return arrived(stage, "/api/x", "QUERY")


@case("method that nobody knows (BREW)", "1C", differs={"uvicorn": Seen("400", LLHTTP), "express": Seen("400", LLHTTP)})
def known_to_nobody(stage: Any) -> str:
    return arrived(stage, "/api/x", "BREW")


@case("`GET @host:port/x` (no leading slash)", "1C 30", good="refused", direct="reaches upstream")
def another_host(stage: Any) -> str:
    return elsewhere(stage, "@127.0.0.1:{port}/x")


@case(
    "`GET http://host:port/api/x` (absolute-form)", "30", good="refused", direct="reaches upstream",
    differs={"uvicorn": Seen("own upstream", "its httptools side hands on the path alone; no other host is reached")},
)  # fmt: skip
def absolute_form(stage: Any) -> str:
    return elsewhere(stage, "http://127.0.0.1:{port}/api/x")


def elsewhere(stage: Any, target: str) -> str:
    """Whether a target that names another host reaches it, or anybody."""
    other = ScriptedUpstream()
    try:
        sent = target.format(port=other.endpoint.port)
        status = stage.ask(sent).status
        if other.calls:
            return "SSRF"
    finally:
        other.close()
    if status in (400, 404) and not stage.upstream.calls:
        return "refused"
    return "reaches upstream" if stage.upstream.take().target == sent else "own upstream"
