"""Writes of one turn of the event loop are one write; nothing is lost, reordered or kept back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.host.joined import JoinedWrites


class Pipe(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self):
        super().__init__()
        self.writes = []
        self.closing = False

    def writelines(self, parts):
        self.writes.append(b"".join(parts))

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    def abort(self):
        self.closing = True


def joined(work):
    """What reaches the transport when `work` writes, a coroutine."""
    pipe = Pipe()

    async def run():
        await work(JoinedWrites(pipe, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(run())
    return pipe.writes


def test_head_and_body_of_an_answer_are_one_write():
    async def answer(transport):
        transport.write(b"head")
        transport.write(b"body")

    assert joined(answer) == [b"headbody"]


def test_what_is_said_in_another_turn_does_not_wait():
    async def events(transport):
        transport.write(b"one")
        await asyncio.sleep(0)
        transport.write(b"two")

    assert joined(events) == [b"one", b"two"]


@given(st.lists(st.one_of(st.binary(max_size=10), st.integers(30_000, 40_000).map(bytes), st.none()), max_size=20))
def test_bytes_arrive_in_order_and_all(parts):
    async def work(transport):
        for part in parts:
            if part is None:
                await asyncio.sleep(0)
            else:
                transport.write(part)

    assert b"".join(joined(work)) == b"".join(part for part in parts if part is not None)


def test_close_sends_what_was_written_and_abort_does_not():
    async def closes(transport):
        transport.write(b"said")
        transport.close()
        assert transport.is_closing()

    async def aborts(transport):
        transport.write(b"said")
        transport.abort()

    assert joined(closes) == [b"said"]
    assert joined(aborts) == []


@pytest.mark.parametrize("size", [40_000])
def test_a_large_part_goes_at_once_behind_what_is_kept(size):
    seen = []

    async def work(transport):
        transport.write(b"head")
        transport.write(bytes(size))
        seen.extend(transport._transport.writes)

    joined(work)
    assert seen == [b"head" + bytes(size)]
