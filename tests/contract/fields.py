"""Header fields: which end here, which are ours to set, which pass untouched."""

from typing import Any

from staging.scripted import Call

from .case import Book, Seen

BOOK = Book()
case = BOOK.case
JOINED = "WSGI's environ has one value for a name: waitress joins them with a comma, cookies too"


@case("`Connection: X-Hop` stripped (request)", "1C 32", direct="leaks")
def listed_in_request(stage: Any) -> str:
    stage.ask("/api/x", "Connection: keep-alive, X-Hop", "X-Hop: 1", "X-Kept: 2")
    got = stage.upstream.take()
    assert got.get("x-kept") == "2"
    return "leaks" if got.get("x-hop") else "ok"


@case("Keep-Alive, Proxy-*, TE stripped", "1C", direct="leaks")
def hop_by_hop_in_request(stage: Any) -> str:
    sent = ("Keep-Alive: timeout=5", "TE: gzip", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==")
    response = stage.ask("/api/x", *sent)
    if response.status != 200:
        return str(response.status)
    names = {name for name, _ in stage.upstream.take().headers}
    leaked = names & {"keep-alive", "te", "proxy-connection", "proxy-authorization"}
    return "leaks" if leaked else "ok"


@case("`Connection: X-Secret` stripped (response)", "1C 32", direct="leaks")
def listed_in_response(stage: Any) -> str:
    return from_upstream(stage, b"Connection: X-Secret", b"X-Secret: 1")


@case("Keep-Alive, Upgrade, Proxy-Authenticate stripped (response)", "32", direct="leaks")
def hop_by_hop_in_response(stage: Any) -> str:
    return from_upstream(stage, b"Keep-Alive: timeout=77", b"Upgrade: h2c", b"Proxy-Authenticate: Basic")


def from_upstream(stage: Any, *fields: bytes) -> str:
    """Which of the upstream's fields the client sees, besides one that must pass."""

    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"X-Kept: 1", *fields)

    stage.set_up(script)
    response = stage.ask()
    if response.status != 200:
        return str(response.status)
    assert response.get("x-kept") == "1"
    sent = {tuple(field.decode().lower().split(": ")) for field in fields if not field.startswith(b"Connection")}
    return "leaks" if sent & {(name, value.lower()) for name, value in response.headers} else "ok"


@case("client-sent X-Forwarded-For 1.2.3.4", "1C 46", good="replaced", direct="kept")
def spoofed(stage: Any) -> str:
    return forwarded_for(stage)


@case("X-Forwarded-For of a trusted peer", "46", good="extended", direct="kept")
def trusted(stage: Any) -> str:
    stage.set_up(trusted=["127.0.0.0/8"])
    return forwarded_for(stage)


def forwarded_for(stage: Any) -> str:
    stage.ask("/api/x", "X-Forwarded-For: 1.2.3.4", "X_Forwarded_For: 1.2.3.4")
    words = {"127.0.0.1": "replaced", "1.2.3.4, 127.0.0.1": "extended", "1.2.3.4": "kept"}
    return words[stage.upstream.take().get("x-forwarded-for") or ""]


@case("duplicate request headers", "1C", differs={"waitress": Seen("joined", JOINED)})
def repeated(stage: Any) -> str:
    stage.ask("/api/x", "X-A: 1", "Cookie: a=1", "X-A: 2", "Cookie: b=2")
    got = stage.upstream.take()
    if (got.all("x-a"), got.all("cookie")) == (["1", "2"], ["a=1", "b=2"]):
        return "ok"
    joined = got.all("x-a") == ["1, 2"] and len(got.all("cookie")) == 1
    return "joined" if joined and {"a=1", "b=2"} <= set(got.all("cookie")[0].replace(",", ";").split("; ")) else "lost"


@case("two Set-Cookie, with a comma in Expires", "1C 33", good="2", direct="2")
def cookies(stage: Any) -> str:
    sent = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"]

    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", *(b"Set-Cookie: " + cookie.encode() for cookie in sent))

    stage.set_up(script)
    got = stage.ask().all("set-cookie")
    return "2" if got == sent else f"{len(got)}"


@case("repeated response fields (WWW-Authenticate, Link, Vary)", "33")
def repeated_in_response(stage: Any) -> str:
    sent = [("www-authenticate", "Basic"), ("link", "</a>"), ("www-authenticate", "Digest"), ("link", "</b>"),
            ("vary", "a"), ("vary", "b")]  # fmt: skip

    def script(call: Call) -> None:
        call.request()
        call.answer(b"no", *(f"{name}: {value}".encode() for name, value in sent), status=b"401 Unauthorized")

    stage.set_up(script)
    response = stage.ask()
    return "ok" if all(response.all(name) == [v for n, v in sent if n == name] for name, _ in sent) else "joined"


@case("Date/Server duplicated", "1C", good="no", direct="no")
def dated(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"Date: Wed, 21 Oct 2026 07:28:00 GMT", b"Server: sidecar")

    stage.set_up(script)
    response = stage.ask()
    counts = [f"{name.title()} ×{count}" for name in ("date", "server") if (count := len(response.all(name))) != 1]
    return ", ".join(counts) or "no"


@case("header bytes survive (`caf\\xe9`), both ways", "49")
def latin_1(stage: Any) -> str:
    def script(call: Call) -> None:
        call.request()
        call.answer(b"ok", b"X-Name: caf\xe9 \xff")

    stage.set_up(script)
    response = stage.ask("/api/x", "X-Name: caf\xe9 \xff")
    seen = {response.get("x-name"), stage.upstream.take().get("x-name")}
    return "ok" if seen == {"caf\xe9 \xff"} else f"{sorted(map(repr, seen))}"
