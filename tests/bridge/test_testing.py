"""The switch for the tests of embedding applications."""

import threading

import pytest

from mediabridge.bridge import CrashError, PythonBridge, State
from mediabridge.bridge.testing import current, pretend


def test_inside_a_bridge_is_ready_at_once_without_thread_or_process():
    before = threading.active_count()
    with pretend(url="http://127.0.0.1:4711"):
        bridge = PythonBridge()
        bridge.start()
        assert bridge.is_ready()
        assert bridge.url == "http://127.0.0.1:4711"
        assert threading.active_count() == before
        bridge.stop()
    assert bridge.status().state is State.STOPPED


def test_inside_it_fails_as_told():
    with pretend(failure="The disk is full."):
        bridge = PythonBridge()
        with pytest.raises(CrashError, match="The disk is full"):
            bridge.start()
        assert not bridge.is_ready()
        assert bridge.status().failure.message == "The disk is full."


def test_listeners_are_told():
    said = []
    with pretend():
        bridge = PythonBridge()
        bridge.subscribe(lambda event: said.append(event.what))
        bridge.start()
    assert said == ["ready"]


def test_it_ends_with_its_block_and_nests():
    with pretend(url="http://127.0.0.1:1"):
        with pretend(url="http://127.0.0.1:2"):
            assert current().address.port == 2
        assert current().address.port == 1
    assert current() is None
