"""Whose handshake has its turn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from sip.connection import Connection
from sip.handshakes import Handshakes
from sip.transaction import Hop


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def connections(sock: socket.socket, count: int, *, opened: bool = False) -> list[Connection]:
    return [Connection(sock, Hop("192.0.2.1", port, "tls"), 0.0, None, opened=opened) for port in range(count)]


def test_a_few_steps_a_turn_and_those_that_calls_wait_for_first(sock: socket.socket) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        stepped: list[Connection] = []
        turns: list[int] = []
        done = asyncio.Event()

        def end_turn() -> None:
            turns.append(len(stepped))
            if len(stepped) == 6:
                done.set()

        handshakes = Handshakes(100, stepped.append, end_turn)
        theirs, ours = connections(sock, 5), connections(sock, 1, opened=True)
        for connection in (*theirs, *ours, theirs[0]):
            handshakes.go_on(connection, loop)
        await asyncio.wait_for(done.wait(), 10.0)
        assert stepped == ours + theirs
        assert turns == [2, 4, 6]

    asyncio.run(scene())


def test_a_fault_with_one_does_not_cost_the_others(sock: socket.socket) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        problems: list[object] = []
        loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))
        bad, *good = connections(sock, 4)
        stepped: list[Connection] = []
        done = asyncio.Event()

        def step(connection: Connection) -> None:
            if connection is bad:
                raise ZeroDivisionError
            stepped.append(connection)

        def end_turn() -> None:
            if len(stepped) == 3:
                done.set()

        handshakes = Handshakes(100, step, end_turn)
        for connection in (bad, *good):
            handshakes.go_on(connection, loop)
        await asyncio.wait_for(done.wait(), 10.0)
        assert stepped == good
        assert [type(problem) for problem in problems] == [ZeroDivisionError]

    asyncio.run(scene())


def test_the_oldest_that_is_not_finished_makes_room(sock: socket.socket) -> None:
    handshakes = Handshakes(2, lambda connection: None, lambda: None)
    first, second, third, fourth = connections(sock, 4)
    assert handshakes.begin(first) is handshakes.begin(second) is None
    assert handshakes.begin(third) is first
    handshakes.end(first)
    handshakes.end(second)
    assert handshakes.begin(fourth) is None
