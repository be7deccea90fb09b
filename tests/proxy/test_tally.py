"""The proxy's counts add up, whatever happened to the requests."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from staging.serving import Stage

from mediabridge.proxy import Counts, Outcome, Tally
from mediabridge.proxy.account import Account
from mediabridge.proxy.request import Request

from .direct import http_scope

ENDS = st.tuples(
    st.sampled_from(["/a", "/b"]),
    st.sampled_from(["GET", "POST", "BREW", "PROPFIND"]),
    st.sampled_from([200, 206, 404, 502, None]),
    st.sampled_from(list(Outcome)),
    st.integers(0, 1 << 40),
    st.one_of(st.none(), st.floats(0, 500)),
)


def over(route: str, method: str, status: int | None, outcome: Outcome, size: int, first_s: float | None) -> Account:
    account = Account(route, Request(http_scope(method=method), b"/a"))
    account.status, account.outcome, account.bytes_in, account.bytes_out = status, outcome, size, size + 1
    account.first_byte_at = None if first_s is None else account._started_at + first_s
    return account


@given(st.lists(ENDS, max_size=60))
def test_every_request_is_counted_once_in_each_figure(
    ends: list[tuple[str, str, int | None, Outcome, int, float]],
) -> None:
    tally = Tally(("/a", "/b"))
    for end in ends:
        account = over(*end)
        tally.begin(account)
        tally.end(account)
    for route, counts in tally.by_route().items():
        mine = [end for end in ends if end[0] == route]
        assert counts.in_flight == 0
        assert sum(counts.requests.values()) == len(mine)
        assert {method for method, _ in counts.requests} <= {"GET", "POST", "other"}
        assert sum(counts.failures.values()) == sum(end[3] is not Outcome.OK for end in mine)
        assert counts.bytes_in == sum(end[4] for end in mine)
        assert counts.bytes_out == sum(end[4] + 1 for end in mine)
        assert sum(counts.first_byte) == sum(end[5] is not None for end in mine)
        for index, bound in enumerate(Counts.BUCKETS_S):
            below = sum(end[5] is not None and end[5] < bound - 1e-6 for end in mine)
            assert sum(counts.first_byte[: index + 1]) >= below


def test_in_flight_is_what_has_begun_and_not_ended() -> None:
    tally = Tally(("/a",))
    accounts = [over("/a", "GET", 200, Outcome.OK, 0, None) for _ in range(5)]
    for account in accounts:
        tally.begin(account)
    tally.end(accounts[0])
    assert tally.by_route()["/a"].in_flight == 4


def test_nothing_is_lost_between_threads() -> None:
    tally = Tally(("/a",))

    def work() -> None:
        for _ in range(2000):
            account = over("/a", "GET", 200, Outcome.OK, 1, 0.01)
            tally.begin(account)
            tally.end(account)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tally.by_route()
    counts = tally.by_route()["/a"]
    assert (counts.requests["GET", 200], counts.bytes_in, counts.in_flight) == (8000, 8000, 0)


def test_a_proxy_counts_what_it_carries(stage: Stage) -> None:
    stage.ask("/api/x", "Content-Length: 5", method="POST", body=b"hello")
    stage.ask("/elsewhere")
    stage.fake.be_away()
    stage.ask("/health")
    stage.event(), stage.event()
    by_route = stage.proxy.tally.by_route()
    assert dict(by_route["/api"].requests) == {("POST", 200): 1}
    assert (by_route["/api"].bytes_in, by_route["/api"].bytes_out) == (5, 2)
    assert sum(by_route["/api"].first_byte) == 1
    assert dict(by_route["/health"].requests) == {("GET", 503): 1}
    assert dict(by_route["/health"].failures) == {Outcome.NOT_READY: 1}
