"""Least outstanding requests; a failing replica is left out while another is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.proxy import Endpoint
from mediabridge.proxy.balance import Balancer, Place, SharedBalancer
from mediabridge.proxy.errors import UnreachableError

A, B, C = (Endpoint(port=port) for port in (1, 2, 3))
ALL = (A, B, C)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_equals_take_turns() -> None:
    balancer = Balancer()
    ports = []
    for _ in range(6):
        place = balancer.take(ALL)
        balancer.release(place)
        ports.append(place.endpoint.port)
    assert ports == [1, 2, 3, 1, 2, 3]


def test_a_busy_one_gets_nothing_while_another_is_less_busy() -> None:
    balancer = Balancer()
    long = balancer.take((A, B))
    assert long.endpoint is A
    for _ in range(5):
        place = balancer.take((A, B))
        assert place.endpoint is B
        balancer.release(place)


@given(st.lists(st.sampled_from(["take", "release", "fail", "work"]), max_size=80), st.sampled_from([2, 3]))
def test_the_chosen_one_is_never_busier_than_another_that_has_not_failed(steps: list[str], replicas: int) -> None:
    clock, endpoints = Clock(), ALL[:replicas]
    balancer = SharedBalancer(clock)
    held: list[Place] = []
    outstanding = dict.fromkeys(endpoints, 0)
    failing: set[Endpoint] = set()
    for step in steps:
        if step == "take":
            place = balancer.take(endpoints)
            sound = [one for one in endpoints if one not in failing]
            if sound:
                assert place.endpoint in sound
                assert outstanding[place.endpoint] == min(outstanding[one] for one in sound)
            held.append(place)
            outstanding[place.endpoint] += 1
        elif held and step == "release":
            place = held.pop(0)
            balancer.release(place)
            outstanding[place.endpoint] -= 1
        elif held and step == "fail":
            balancer.failed(held[-1])
            failing.add(held[-1].endpoint)
        elif held and step == "work":
            balancer.worked(held[-1])
            failing.discard(held[-1].endpoint)
    for place in held:
        balancer.release(place)
    assert all(place.outstanding == 0 for place in held)


def test_a_failing_one_comes_back_after_its_pause_which_grows_and_ends_with_a_success() -> None:
    clock = Clock()
    balancer = Balancer(clock)

    def ports(number: int) -> set[int]:
        found = set()
        for _ in range(number):
            place = balancer.take((A, B))
            balancer.release(place)
            found.add(place.endpoint.port)
        return found

    bad = balancer.take((A, B))
    balancer.failed(bad)
    balancer.release(bad)
    assert ports(4) == {2}
    clock.now = 0.3
    assert ports(4) == {1, 2}
    balancer.failed(bad)
    clock.now = 0.6
    assert ports(4) == {2}, "the second pause is twice as long"
    clock.now = 0.9
    assert ports(4) == {1, 2}
    balancer.failed(bad)
    balancer.worked(bad)
    assert ports(4) == {1, 2}


def test_when_all_have_failed_one_is_tried_all_the_same() -> None:
    balancer = Balancer(Clock())
    for _ in range(3):
        balancer.failed(balancer.take(ALL))
    assert balancer.take(ALL).endpoint in ALL


def test_without_endpoints_there_is_nothing_to_reach() -> None:
    with pytest.raises(UnreachableError):
        Balancer().take(())


def test_a_new_process_at_the_same_address_is_used_with_its_own_headers() -> None:
    balancer = Balancer()
    old, new = Endpoint(port=1, headers=((b"x-t", b"1"),)), Endpoint(port=1, headers=((b"x-t", b"2"),))
    assert balancer.take((old,)).endpoint is old
    assert balancer.take((new,)).endpoint is new


def test_places_of_replicas_that_are_gone_are_forgotten() -> None:
    balancer = Balancer()
    for port in range(1, 500):
        balancer.release(balancer.take((Endpoint(port=port), Endpoint(port=port + 1000))))
    assert len(balancer._places) < 140
