"""What twelve peers were measured to do in the rows of the table that they were tried on.

Measured in November 2026 on Linux with the same scripted upstream, raw sockets on both sides; they are not run here.
"""

NAMES = (
    "Go ReverseProxy 1.27", "Caddy 2.6.2", "nginx 1.22", "HAProxy 2.6", "http-proxy-middleware 3.0.10", "httpxy 0.5.6",
    "@fastify/http-proxy 11.6", "express-http-proxy 2.1", "asgi-proxy-lib 0.2a0", "fastapi-proxy-lib 0.3",
    "Flask + requests", "naive aiohttp",
)  # fmt: skip

# Words in the order of NAMES; "*7 ok" stands for seven times "ok".
_WORDS = {
    "`%2F` kept": "*8 ok | decoded | decoded | decoded | ok",
    "`//` kept": "*4 ok | collapsed | *7 ok",
    "`/api/%2e%2e/b`": "*6 ok | 400 | ok | *4 reaches `/b`",
    "raw query kept (`c`, `%2F`, `a|b`, repeated keys)":
        "re-encoded | *8 ok | re-encoded | repeated key lost | re-encoded",
    "`Connection: X-Hop` stripped (request)": "ok | ok | *4 leaks | ok | *5 leaks",
    "Keep-Alive, Proxy-*, TE stripped":
        "ok | ok | Proxy-* leak | *3 all leak | 500 | all leak | all leak | 3 leak | all leak | all leak",
    "`Connection: X-Secret` stripped (response)": "ok | ok | *8 leaks | 500 | leaks",
    "client-sent X-Forwarded-For 1.2.3.4":
        "replaced | replaced | *3 appended | kept, own not added | *4 kept | dropped by waitress | kept",
    "duplicate request headers": "*4 ok | *4 joined | last only | ok | cookies joined | last only",
    "two Set-Cookie, with a comma in Expires": "*8 2 | 1 | 1 | 2, streaming 1 | 1",
    "Date/Server duplicated": "no | Server ×2 | *6 no | Date ×2 | Date ×2 | no | no",
    "GET with body": "*6 ok | lost | *2 ok | lost, upstream hangs | ok | ok",
    "DELETE, chunked body": "*4 ok | lost, 200 | *6 ok | 500",
    "unknown method (QUERY)": "*6 ok | 404 | *2 ok | 405 | 405 | ok",
    "upload streams": "yes | yes | buffers | *4 yes | buffers | buffers | yes | buffers | yes",
    "client gone mid-upload (chunked)":
        "aborts | aborts | not sent | left hanging | *3 aborts | not sent | sent as COMPLETE | aborts | *2 not sent",
    "`Expect: 100-continue` from upstream":
        "end to end | end to end | local 100 | end to end | local 100 | local 100 | local 100, then 500 | 500"
        " | local 100 | end to end | local 100 | local 100",
    "upstream answers 413 early": "413 | 413 | waits | *4 413 | waits | waits | 502 | waits | 413",
    "client gone while upstream thinks":
        "*3 0.1 s | no (7 s) | no (7 s) | 0.1 s | no (7 s) | 0.1 s | no (7 s) | no | no | no",
    "SSE: first event at once; upstream stopped when the client leaves":
        "*8 yes | never stopped | yes | buffering: no event; streaming: yes | yes",
    "slow Content-Length body flushed": "*3 1.4 s | 0.2 s | 0.0 s | *3 0.05 s | 0.07 s | 0.05 s | 1.4 s | 0.04 s",
    "upstream cut, Content-Length": "*4 aborts | client hangs | *2 aborts | hangs | *2 aborts | 500 | aborts",
    "upstream cut, chunked":
        "aborts | looks complete | aborts | aborts | client hangs | *2 aborts | hangs | looks complete | aborts"
        " | 500, streaming aborts | aborts",
    "gzip body passes": "*10 ok | decoded; streaming: cut, 200 | decoded, still says gzip",
    "HEAD keeps Content-Length": "*10 ok | 0, streaming ok | dropped",
    "204/304": "*6 ok | 304 -> 500 | *3 ok | closes | ok",
    "103 Early Hints then 200": "ok | ok | broken | ok | *6 hidden | 103 taken as final | hidden",
    "trailers": "ok | ok | dropped | ok | dropped, still announced | *7 dropped",
    "no answer (upstream closes): GET":
        "502 (2 tries) | 502 (2 tries) | 502 (2 tries) | 502 | 504 | 502 | 500 | 504 | 502 | 502 | 500 | 500 (2 tries)",
    "no answer (upstream closes): POST": "*4 502 | 504 | 502 | 500 | 504 | 502 | 502 | 500 | 500",
    "keep-alive race: GET":
        "*3 retried, 200 | no reuse | no reuse | 502 | 500 | 504 | no reuse | 502 | no reuse, streaming 500"
        " | retried, 200",
    "keep-alive race: POST":
        "*3 502 | no reuse | no reuse | 502 | 500 | 504 | no reuse | 502 | no reuse, streaming 500 | 500",
    "no response headers": "*9 none in 8 s | 502 after 5.1 s | *2 none in 8 s",
    "upstream down":
        "502, empty | 502, empty | 502, HTML | 503 after 3 s, HTML | 504, text | 502 | 500, JSON | 500, HTML | 502"
        " | 502, JSON | 500, HTML | 500",
    "Retry-After on that": "*12 none",
    "CL + TE in one request":
        "TE only | TE only | 400 | TE only | *4 400 | both forwarded | both forwarded | CL only | 400",
    "`GET @host:port/x` (no leading slash)": "*8 – | SSRF | 404 | 500 | 400",
    "gunicorn's invalid request vectors: how many reach the upstream":
        "18 of 74 | – | 13 of 74 | 28 of 74 | – | 13 of 74 | – | – | 21 of 74 | 20 of 74 | 19 of 74 | 8 of 74",
}  # fmt: skip


def _row(text: str) -> tuple[str, ...]:
    words: list[str] = []
    for part in text.split(" | "):
        times, _, word = part.partition(" ") if part.startswith("*") else ("*1", "", part)
        words += [word] * int(times[1:])
    return tuple(words)


WORDS = {title: _row(text) for title, text in _WORDS.items()}
