"""The pump on real sockets of the loopback interface. Nothing sleeps: whoever waits, waits for an event."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from math import inf

import pytest

from sip.endpoint import DRAIN, UdpEndpoint, open_udp
from sip.transaction import Hop
from tests.sip.wire import request

PATIENCE = 10.0  # seconds; only what is broken ever waits for so long
HOST = "127.0.0.1"


class Core:
    """An engine that notes what it gets. ``on_*`` say what a test waits for."""

    def __init__(self) -> None:
        self.outbox: list[tuple[bytes, Hop]] = []
        self.received: list[tuple[bytes, Hop]] = []
        self.refused: list[tuple[bytes, Hop]] = []
        self.timers: list[float] = []
        self.deadline = inf
        self.on_receive: Callable[[bytes, Hop], None] = lambda data, source: None
        self.changed = asyncio.Event()

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        self.received.append((data, source))
        self.on_receive(data, source)
        self.changed.set()

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        self.refused.append((quoted, hop))
        self.changed.set()

    def next_deadline(self) -> float:
        return self.deadline

    def handle_timer(self, now: float) -> None:
        self.timers.append(now)
        self.deadline = inf
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true; whatever changes it sets ``changed``."""
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), PATIENCE)


class Rig:
    """An endpoint that pumps a core."""

    def __init__(self, host: str = HOST) -> None:
        loop = asyncio.get_running_loop()
        self.core = Core()
        sock = open_udp(host, 0)
        self.number = sock.fileno()
        self.endpoint = UdpEndpoint(sock, loop.time)
        self.loop = loop

    def __enter__(self) -> Rig:
        self.endpoint.start(self.core, self.loop)
        return self

    def __exit__(self, *_: object) -> None:
        self.endpoint.close()

    def send(self, data: bytes, hop: Hop) -> None:
        self.core.outbox.append((data, hop))
        self.endpoint.pump()

    @property
    def address(self) -> tuple[str, int]:
        return self.endpoint.local.host, self.endpoint.local.port


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(PATIENCE)
        yield sock


def hop_of(sock: socket.socket) -> Hop:
    return Hop(*sock.getsockname()[:2])


# --------------------------------------------------------------------------- in and out


def test_a_datagram_comes_in_and_the_answer_goes_out(peer: socket.socket) -> None:
    async def scene() -> None:
        with Rig() as rig:
            rig.core.on_receive = lambda data, source: rig.core.outbox.append((b"re: " + data, source))
            peer.sendto(b"hello", rig.address)
            await rig.core.until(lambda: bool(rig.core.received))
            assert rig.core.received == [(b"hello", hop_of(peer))]
            assert peer.recvfrom(100) == (b"re: hello", rig.address)
            assert rig.endpoint.counters == {"received": 1, "sent": 1, "send_failed": 0, "unreachable": 0}

    asyncio.run(scene())


def test_the_endpoint_knows_where_it_listens() -> None:
    async def scene() -> None:
        with Rig() as rig:
            assert rig.endpoint.local.host == HOST
            assert rig.endpoint.local.port > 0
            assert rig.endpoint.local.transport == "udp"

    asyncio.run(scene())


def test_an_empty_datagram_and_a_full_one_come_through(peer: socket.socket) -> None:
    async def scene() -> None:
        with Rig() as rig:
            largest = bytes(65_507)
            for data in (b"", largest, b"x"):
                peer.sendto(data, rig.address)
            await rig.core.until(lambda: len(rig.core.received) == 3)
            assert [data for data, _ in rig.core.received] == [b"", largest, b"x"]

    asyncio.run(scene())


def test_what_the_core_had_to_say_before_the_start_is_said(peer: socket.socket) -> None:
    async def scene() -> None:
        rig = Rig()
        rig.core.outbox.append((b"first", hop_of(peer)))
        with rig:
            assert peer.recv(100) == b"first"

    asyncio.run(scene())


def test_every_turn_is_told(peer: socket.socket) -> None:
    async def scene() -> None:
        turns: list[int] = []
        rig = Rig()
        rig.endpoint.on_turn = lambda: turns.append(len(rig.core.received))
        with rig:
            peer.sendto(b"x", rig.address)
            await rig.core.until(lambda: bool(rig.core.received))
            rig.endpoint.pump()
            assert turns[0] == 0
            assert turns[-1] == 1

    asyncio.run(scene())


# --------------------------------------------------------------------------- the timer


def test_the_timer_comes_when_the_core_wants_it() -> None:
    async def scene() -> None:
        rig = Rig()
        deadline = rig.core.deadline = rig.loop.time() + 0.02
        with rig:
            await rig.core.until(lambda: bool(rig.core.timers))
            assert rig.core.timers[0] >= deadline - 0.01  # the loop may wake a tick early

    asyncio.run(scene())


def test_a_deadline_that_moves_forward_is_kept(peer: socket.socket) -> None:
    async def scene() -> None:
        rig = Rig()
        rig.core.deadline = rig.loop.time() + 3600.0
        with rig:
            rig.core.on_receive = lambda *_: setattr(rig.core, "deadline", rig.loop.time())
            peer.sendto(b"hurry", rig.address)
            await rig.core.until(lambda: bool(rig.core.timers))

    asyncio.run(scene())


def test_a_deadline_that_moves_back_is_kept_as_well() -> None:
    async def scene() -> None:
        rig = Rig()
        rig.core.deadline = rig.loop.time()
        late = rig.loop.time() + 0.03
        handle = rig.core.handle_timer

        def handle_timer(now: float) -> None:
            handle(now)
            if now < late:  # woken for what is no longer due
                rig.core.deadline = late

        rig.core.handle_timer = handle_timer  # type: ignore[method-assign]
        with rig:
            await rig.core.until(lambda: any(now >= late for now in rig.core.timers))

    asyncio.run(scene())


def test_a_flood_of_datagrams_does_not_starve_the_timer(peer: socket.socket) -> None:
    async def scene() -> None:
        rig = Rig()
        before: list[int] = []
        handle = rig.core.handle_timer

        def handle_timer(now: float) -> None:
            before.append(len(rig.core.received))
            handle(now)

        rig.core.handle_timer = handle_timer  # type: ignore[method-assign]
        for _ in range(500):
            peer.sendto(request(), rig.address)
        rig.core.deadline = rig.loop.time()
        with rig:
            await rig.core.until(lambda: bool(before))
            assert before[0] <= 2 * DRAIN
            peer.sendto(b"the last", rig.address)
            await rig.core.until(lambda: rig.core.received[-1][0] == b"the last" or len(rig.core.received) == 500)
            assert len(rig.core.received) > 2 * DRAIN

    asyncio.run(scene())


def test_a_core_that_fails_once_goes_on(peer: socket.socket) -> None:
    """A fault of ours must not stop the clock of every other call."""

    async def scene() -> None:
        faults: list[object] = []
        rig = Rig()
        rig.loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))

        def fail(data: bytes, source: Hop) -> None:
            rig.core.deadline = rig.loop.time()
            rig.core.outbox.append((b"still here", source))
            raise RuntimeError("on purpose")

        with rig:
            rig.core.on_receive = fail
            peer.sendto(b"x", rig.address)
            await rig.core.until(lambda: bool(rig.core.timers))
            assert peer.recv(100) == b"still here"
            assert [type(fault) for fault in faults] == [RuntimeError]

    asyncio.run(scene())


# --------------------------------------------------------------------------- closed ports


def test_a_closed_port_is_reported_with_the_packet_that_hit_it(free_port: int) -> None:
    async def scene() -> None:
        with Rig() as rig:
            data, hop = request(branch="z9hG4bKcw-to-nobody"), Hop(HOST, free_port)
            rig.send(data, hop)
            await rig.core.until(lambda: bool(rig.core.refused))
            ((quoted, refused),) = rig.core.refused
            assert refused == hop
            assert data.startswith(quoted)
            assert b"branch=z9hG4bKcw-to-nobody" in quoted
            assert rig.core.received == []
            assert rig.endpoint.counters["unreachable"] == 1

    asyncio.run(scene())


def test_a_peer_behind_a_closed_port_can_still_call(free_port: int) -> None:
    """The error queue is that of the listening socket: no connected socket steals what the peer sends."""

    async def scene() -> None:
        with Rig() as rig:
            rig.send(request(), Hop(HOST, free_port))
            await rig.core.until(lambda: bool(rig.core.refused))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
                back.bind((HOST, free_port))
                back.settimeout(PATIENCE)
                back.sendto(b"I am back", rig.address)
                await rig.core.until(lambda: bool(rig.core.received))
                assert rig.core.received == [(b"I am back", Hop(HOST, free_port))]
                rig.send(b"welcome", Hop(HOST, free_port))
                assert back.recvfrom(100) == (b"welcome", rig.address)

    asyncio.run(scene())


def test_every_packet_to_a_closed_port_is_reported(pick_port: Callable[[], int], peer: socket.socket) -> None:
    """Linux tells an error in place of the next send: that send is repeated, nobody else's packet is lost."""

    async def scene() -> None:
        with Rig() as rig:
            closed = [Hop(HOST, pick_port()) for _ in range(3)]
            for number, hop in enumerate(closed):
                rig.send(b"closed %d" % number, hop)
                rig.send(b"open %d" % number, hop_of(peer))
            await rig.core.until(lambda: len(rig.core.refused) == 3)
            assert rig.core.refused == [(b"closed %d" % number, hop) for number, hop in enumerate(closed)]
            assert [peer.recv(100) for _ in closed] == [b"open 0", b"open 1", b"open 2"]
            assert rig.endpoint.counters["send_failed"] == 0

    asyncio.run(scene())


def test_what_the_core_does_about_a_closed_port_goes_out_at_once(free_port: int, peer: socket.socket) -> None:
    async def scene() -> None:
        with Rig() as rig:
            note = rig.core.unreachable

            def unreachable(quoted: bytes, hop: Hop, now: float) -> None:
                note(quoted, hop, now)
                rig.core.outbox.append((b"next path", hop_of(peer)))

            rig.core.unreachable = unreachable  # type: ignore[method-assign]
            rig.send(request(), Hop(HOST, free_port))
            await rig.core.until(lambda: bool(rig.core.refused))
            assert peer.recv(100) == b"next path"

    asyncio.run(scene())


@pytest.mark.parametrize(
    "hop",
    [Hop("255.255.255.255", 5060), Hop(HOST, 0), Hop(HOST, 65_536), Hop("::1", 5060), Hop("a\0b", 5060)],
    ids=["broadcast", "port-0", "port-65536", "ipv6", "nul"],
)
def test_what_cannot_be_sent_is_counted_and_harms_nobody(hop: Hop, peer: socket.socket) -> None:
    async def scene() -> None:
        with Rig() as rig:
            rig.core.outbox.append((b"nowhere", hop))
            rig.core.outbox.append((b"somewhere", hop_of(peer)))
            rig.endpoint.pump()
            assert peer.recv(100) == b"somewhere"
            assert rig.endpoint.counters["send_failed"] == 1

    asyncio.run(scene())


def test_a_packet_that_is_too_long_is_counted_and_harms_nobody(peer: socket.socket) -> None:
    async def scene() -> None:
        with Rig() as rig:
            rig.core.outbox.append((bytes(70_000), hop_of(peer)))
            rig.core.outbox.append((b"short", hop_of(peer)))
            rig.endpoint.pump()
            assert peer.recv(100) == b"short"
            assert rig.endpoint.counters["send_failed"] == 1
            assert rig.core.refused == []

    asyncio.run(scene())


# --------------------------------------------------------------------------- IPv6


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 on the loopback interface here: {error}")


@pytest.mark.usefixtures("ipv6")
def test_ipv6_works_the_same() -> None:
    async def scene() -> None:
        with Rig("::1") as rig, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
            peer.bind(("::1", 0))
            peer.settimeout(PATIENCE)
            rig.core.on_receive = lambda data, source: rig.core.outbox.append((b"re: " + data, source))
            peer.sendto(b"hello", rig.address)
            await rig.core.until(lambda: bool(rig.core.received))
            assert rig.core.received == [(b"hello", hop_of(peer))]
            assert peer.recv(100) == b"re: hello"
            closed = hop_of(peer)
            peer.close()
            rig.send(b"too late", closed)
            await rig.core.until(lambda: bool(rig.core.refused))
            assert rig.core.refused == [(b"too late", closed)]

    asyncio.run(scene())


# --------------------------------------------------------------------------- the end


def test_closing_twice_is_harmless_and_stops_everything(peer: socket.socket) -> None:
    async def scene() -> None:
        rig = Rig()
        rig.core.deadline = rig.loop.time()
        with rig:
            rig.endpoint.close()
        rig.endpoint.close()
        assert not rig.loop.remove_reader(rig.number), "nobody watches a closed socket"
        rig.core.outbox.append((b"x", hop_of(peer)))
        rig.endpoint.pump()
        await asyncio.sleep(0)
        assert rig.core.timers == []
        assert rig.core.outbox == [(b"x", hop_of(peer))]

    asyncio.run(scene())


def test_a_core_may_close_the_endpoint_while_it_receives(peer: socket.socket) -> None:
    async def scene() -> None:
        rig = Rig()
        with rig:
            rig.core.on_receive = lambda *_: rig.endpoint.close()
            for _ in range(3):
                peer.sendto(b"x", rig.address)
            await rig.core.until(lambda: bool(rig.core.received))
            assert len(rig.core.received) == 1

    asyncio.run(scene())


def test_an_address_in_use_says_so(peer: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        open_udp(*peer.getsockname())
