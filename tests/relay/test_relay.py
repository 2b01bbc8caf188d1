"""The relay on real sockets of the loopback interface. Nothing sleeps: whoever waits, waits for an event."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.config.address import HostPort
from controller.relay.impairment import Direction, Impairment
from controller.relay.relay import Relay, RelayError, Settings
from controller.relay.script import Phase, Port
from controller.relay.wiring import Limits
from tests.relay.capture import read_pcap

PATIENCE = 10.0  # seconds; only what is broken ever waits for so long
HOST = "127.0.0.1"
HOLE = Impairment(loss=1.0)
SILENCE = Phase(0.0, HOLE, HOLE)
Address = tuple[str, int]
T = TypeVar("T")


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def soon(awaitable: Awaitable[T]) -> T:
    """Wait for something that must come."""
    return await asyncio.wait_for(awaitable, PATIENCE)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go round until something is true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # counters have no event
            await asyncio.sleep(0)


class Post:
    """A UDP socket that one can wait at."""

    def __init__(self, to: Address | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.setblocking(False)
        self.sock.bind((HOST, 0))
        self.address: Address = self.sock.getsockname()
        if to is not None:
            self.sock.connect(to)

    def send(self, data: bytes, to: Address | None = None) -> None:
        if to is None:
            self.sock.send(data)
        else:
            self.sock.sendto(data, to)

    async def get(self) -> tuple[bytes, Address]:
        """The next datagram and who sent it."""
        return await soon(self._loop.sock_recvfrom(self.sock, 65_536))

    async def data(self) -> bytes:
        return (await self.get())[0]


class Scene:
    """A relay, its target, and the events it told."""

    def __init__(self, relay: Relay, post: Post, server: socket.socket, events: list[dict[str, Any]]) -> None:
        self.relay, self.post, self.server, self.events = relay, post, server, events
        self.clients: list[Post | socket.socket] = []

    @property
    def port(self) -> Address:
        (_, side), *_ = self.relay.sides()
        return side.local

    def client(self) -> Post:
        """A UDP client of the relay."""
        self.clients.append(client := Post(self.port))
        return client

    async def connect(self) -> tuple[socket.socket, socket.socket]:
        """A TCP client, and the end of its connection at the target."""
        client = await self.knock()
        target, _ = await soon(asyncio.get_running_loop().sock_accept(self.server))
        self.clients.append(target)
        return client, target

    async def knock(self) -> socket.socket:
        """A TCP client alone."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.clients.append(sock)
        sock.setblocking(False)
        await soon(asyncio.get_running_loop().sock_connect(sock, self.port))
        return sock

    def close(self) -> None:
        for each in (*self.clients, self.post):
            (each.sock if isinstance(each, Post) else each).close()
        self.server.close()


@asynccontextmanager
async def scene(
    *, tcp: bool = False, line: Impairment | None = None, limits: Limits | None = None, **more: Any
) -> AsyncIterator[Scene]:
    """A relay between whoever comes and a target; the line is the same in both directions."""
    post, server, events = Post(), socket.create_server((HOST, 0)), []
    server.setblocking(False)
    target = HostPort(*(server.getsockname() if tcp else post.address))
    base = Phase(0.0, line, line) if line else Phase()
    settings = Settings(HostPort(HOST, 0), target, not tcp, tcp, base=base, **more)
    relay = Relay(settings, events.append, limits)
    relay.open()
    made = Scene(relay, post, server, events)
    try:
        yield made
    finally:
        relay.close()
        made.close()


# --------------------------------------------------------------------------- UDP


@in_loop
async def test_datagrams_go_there_and_back_and_every_client_has_a_port_of_its_own() -> None:
    async with scene() as s:
        alice, bob = s.client(), s.client()
        alice.send(b"INVITE")
        data, port_of_alice = await s.post.get()
        assert data == b"INVITE"
        bob.send(b"OPTIONS")
        data, port_of_bob = await s.post.get()
        assert port_of_alice != port_of_bob
        assert alice.address not in (port_of_alice, port_of_bob)
        s.post.send(b"200 for bob", port_of_bob)
        s.post.send(b"200 for alice", port_of_alice)
        assert await alice.get() == (b"200 for alice", s.port)
        assert await bob.data() == b"200 for bob"
        alice.send(b"")
        assert await s.post.get() == (b"", port_of_alice), "the same port again"


@in_loop
async def test_fate_of_every_datagram_is_that_of_the_model() -> None:
    line = Impairment(loss=0.3, duplicate=0.2, corrupt=0.1, truncate=0.1)
    async with scene(line=line, seed=7) as s:
        model = Direction(random.Random("7 udp up"), line)
        sent = [f"datagram {number}".encode() for number in range(300)]
        expected = [data for datagram in sent for _, data in model.carry(datagram, 0.0)]
        client = s.client()
        for data in sent:
            client.send(data)
        assert [await s.post.data() for _ in expected] == expected
        assert s.relay.counters()["udp"]["up"] == model.counters


@in_loop
async def test_delay_is_never_less_than_was_asked_for_and_keeps_the_order() -> None:
    async with scene(line=Impairment(delay=0.05)) as s:
        client, loop = s.client(), asyncio.get_running_loop()
        began = loop.time()
        for number in range(20):
            client.send(b"%d" % number)
        assert [await s.post.data() for _ in range(20)] == [b"%d" % number for number in range(20)]
        assert loop.time() - began >= 0.05


@in_loop
async def test_closed_port_is_refused_by_the_kernel_and_opens_again() -> None:
    async with scene() as s:
        client = s.client()
        client.send(b"1")
        _, there = await s.post.get()
        s.relay.enter(Phase(port=Port.CLOSED))
        client.send(b"2")
        with pytest.raises(ConnectionRefusedError):
            await client.data()
        s.post.sock.connect(there)
        s.post.send(b"late answer")
        with pytest.raises(ConnectionRefusedError):
            await s.post.data()
        s.post.sock.connect(("0.0.0.0", 0))  # any port may answer again
        s.relay.enter(Phase())
        client.send(b"3")
        assert await s.post.data() == b"3"


@in_loop
async def test_black_hole_in_one_direction_leaves_the_other_alone() -> None:
    async with scene() as s:
        client = s.client()
        client.send(b"1")
        _, there = await s.post.get()
        s.relay.enter(Phase(up=HOLE))
        client.send(b"swallowed")
        s.post.send(b"an answer", there)
        assert await client.data() == b"an answer"
        s.relay.enter(Phase(down=HOLE))
        s.post.send(b"swallowed", there)
        client.send(b"a question")
        assert await s.post.data() == b"a question"
        s.relay.enter(Phase())
        client.send(b"up again")
        s.post.send(b"down again", there)
        assert (await s.post.data(), await client.data()) == (b"up again", b"down again")
        counters = s.relay.counters()["udp"]
        assert (counters["up"]["lost"], counters["down"]["lost"]) == (1, 1)


@in_loop
async def test_phases_of_a_script_come_in_order_and_the_last_one_stays() -> None:
    phases = (Phase(0.0, up=HOLE), Phase(0.01, port=Port.CLOSED), Phase(0.02))
    async with scene(phases=phases) as s:
        await until(lambda: len(s.events) == 4)
        assert [(e["at"], e["port"]) for e in s.events if e["event"] == "phase"] == [
            (0.0, "open"), (0.01, "closed"), (0.02, "open"),
        ]  # fmt: skip
        client = s.client()
        client.send(b"heard")
        assert await s.post.data() == b"heard"


@in_loop
async def test_port_that_somebody_took_meanwhile_ends_the_relay() -> None:
    async with scene() as s:
        s.relay.enter(Phase(port=Port.CLOSED))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(s.port)
            s.relay.enter(Phase())
        assert s.relay.ended.is_set()
        assert "cannot listen on" in s.relay.failure


@in_loop
async def test_relay_works_over_ipv6(tmp_path: Path) -> None:
    loop, file = asyncio.get_running_loop(), tmp_path / "six.pcap"
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as target,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client,
    ):
        for sock in (target, client):
            sock.setblocking(False)
            sock.bind(("::1", 0))
        settings = Settings(HostPort("::1", 0), HostPort("::1", target.getsockname()[1]), pcap=file)
        events: list[dict[str, Any]] = []
        relay = Relay(settings, events.append)
        relay.open()
        try:
            (_, side), *_ = relay.sides()
            assert events[0]["listen"] == [f"udp:[::1]:{side.local[1]}"]
            client.sendto(b"INVITE", side.local)
            data, there = await soon(loop.sock_recvfrom(target, 100))
            target.sendto(b"200", there)
            assert (data, await soon(loop.sock_recv(client, 100))) == (b"INVITE", b"200")
        finally:
            relay.close()
    assert [packet.data for packet in read_pcap(file)] == [b"INVITE", b"INVITE", b"200", b"200"]


@in_loop
async def test_clients_are_bounded_and_forgotten_when_silent() -> None:
    async with scene(limits=Limits(clients=2)) as s:
        clients = [s.client() for _ in range(3)]
        for client in (*clients[:2], clients[0], clients[2]):  # the second one is the one silent for longest
            client.send(b"x")
            await s.post.get()
        udp = s.relay.udp
        assert udp is not None
        assert (udp.count, udp.counters["evicted"]) == (2, 1)
        clients[0].send(b"x")
        await s.post.get()
        assert udp.counters["clients"] == 3, "the first one was still known"
        udp.expire(asyncio.get_running_loop().time() + 601)
        assert udp.count == 0
        clients[0].send(b"back")
        assert await s.post.data() == b"back"


@in_loop
async def test_closed_target_does_not_stop_the_relay() -> None:
    async with scene() as s:
        client, (host, port) = s.client(), s.post.address
        s.post.sock.close()
        client.send(b"nobody hears")
        client.send(b"nor this")
        s.post = Post()
        s.post.sock.close()
        again = s.post.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        again.setblocking(False)
        await until(lambda: s.relay.counters()["udp"]["refused"])
        again.bind((host, port))
        client.send(b"here again")
        while await s.post.data() != b"here again":
            pass


@in_loop
async def test_pcap_shows_both_sides_and_what_was_lost_between(tmp_path: Path) -> None:
    file = tmp_path / "calls.pcap"
    async with scene(pcap=file, line=Impairment(loss=0.5), seed=3) as s:
        model = Direction(random.Random("3 udp up"), Impairment(loss=0.5))
        sent = [b"%d" % number for number in range(40)]
        arrive = [data for data in sent if model.carry(data, 0.0)]
        client, target, port = s.client(), s.post.address, s.port
        for data in sent:
            client.send(data)
        assert [await s.post.data() for _ in arrive] == arrive
        s.relay.show_counters()
        packets = read_pcap(file)
        assert [p.data for p in packets if (p.source, p.target) == (client.address, port)] == sent
        assert [p.data for p in packets if p.target == target] == arrive
        assert [p.at for p in packets] == sorted(p.at for p in packets)


@in_loop
async def test_port_that_is_taken_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        relay = Relay(Settings(HostPort(*other.getsockname()), HostPort(HOST, 9)), lambda _: None)
        with pytest.raises(RelayError, match=r"cannot listen on .*; choose another with --listen"):
            relay.open()


# --------------------------------------------------------------------------- TCP


async def read_all(sock: socket.socket) -> bytes:
    """All that comes until the end."""
    found = bytearray()
    while data := await soon(asyncio.get_running_loop().sock_recv(sock, 65_536)):
        found += data
    return bytes(found)


async def is_reset(s: Scene) -> None:
    """Whoever comes now is reset; where it is quick, while it connects."""
    with pytest.raises(ConnectionResetError):
        await soon(asyncio.get_running_loop().sock_recv(await s.knock(), 100))


@in_loop
async def test_stream_arrives_whole_and_in_order_however_bad_the_line() -> None:
    line = Impairment(delay=0.002, jitter=0.01, loss=0.03, duplicate=0.2, reorder=0.1, held=0.02)
    async with scene(tcp=True, line=line) as s:
        loop = asyncio.get_running_loop()
        client, target = await s.connect()
        data = random.Random(5).randbytes(1 << 20)

        async def say() -> None:
            await loop.sock_sendall(client, data)
            client.shutdown(socket.SHUT_WR)

        _, heard = await asyncio.gather(soon(say()), read_all(target))
        assert heard == data
        await soon(loop.sock_sendall(target, b"and back"))  # half closed is not closed
        target.shutdown(socket.SHUT_WR)
        assert await read_all(client) == b"and back"


@in_loop
async def test_half_open_connection_is_accepted_and_meets_silence() -> None:
    async with scene(tcp=True, line=HOLE) as s:
        loop = asyncio.get_running_loop()
        client, target = await s.connect()
        client.send(b"INVITE")
        target.send(b"unheard")
        await s.connect()  # the loop has gone round: whatever was readable was seen
        assert s.relay.counters()["tcp"]["up"]["taken"] == s.relay.counters()["tcp"]["down"]["taken"] == 0
        s.relay.enter(Phase())
        assert await soon(loop.sock_recv(target, 100)) == b"INVITE", "what waited in the hole comes after it"
        assert await soon(loop.sock_recv(client, 100)) == b"unheard"


@in_loop
async def test_relay_stops_reading_when_too_much_is_under_way() -> None:
    async with scene(tcp=True, line=Impairment(delay=1000.0), limits=Limits(stream=1 << 16)) as s:
        client, _ = await s.connect()
        taken = -1
        while (now := s.relay.counters()["tcp"]["up"]["bytes"]) != taken or not now:
            taken = now
            for _ in range(20):
                try:
                    client.send(bytes(1 << 16))
                except BlockingIOError:
                    await asyncio.sleep(0)
        assert 1 << 16 <= taken < (1 << 16) + (1 << 14)


@in_loop
async def test_reset_cuts_both_connections_and_every_new_one() -> None:
    async with scene(tcp=True) as s:
        loop = asyncio.get_running_loop()
        client, target = await s.connect()
        s.relay.enter(Phase(port=Port.RESET))
        for sock in (client, target):
            with pytest.raises(ConnectionResetError):
                await soon(loop.sock_recv(sock, 100))
        await is_reset(s)
        s.relay.enter(Phase())
        client, target = await s.connect()
        client.send(b"well again")
        assert await soon(loop.sock_recv(target, 100)) == b"well again"


@in_loop
async def test_closed_tcp_port_refuses_and_resets_who_was_there() -> None:
    async with scene(tcp=True) as s:
        client, _ = await s.connect()
        s.relay.enter(Phase(port=Port.CLOSED))
        with pytest.raises(ConnectionResetError):
            await soon(asyncio.get_running_loop().sock_recv(client, 100))
        with pytest.raises(ConnectionRefusedError):
            await s.knock()
        s.relay.enter(Phase())
        await s.connect()


@in_loop
async def test_reset_by_the_target_reaches_the_client() -> None:
    async with scene(tcp=True) as s:
        loop = asyncio.get_running_loop()
        client, target = await s.connect()
        client.send(b"unread")
        await until(lambda: s.relay.counters()["tcp"]["up"]["carried"])
        target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        target.close()
        with pytest.raises(ConnectionResetError):
            await soon(loop.sock_recv(client, 100))
        assert s.relay.counters()["tcp"]["open"] == 0


@in_loop
async def test_target_that_refuses_resets_the_client() -> None:
    async with scene(tcp=True) as s:
        s.server.close()
        await is_reset(s)
        assert s.relay.counters()["tcp"]["refused"] == 1


@in_loop
async def test_one_connection_too_many_is_reset() -> None:
    async with scene(tcp=True, limits=Limits(clients=1)) as s:
        loop = asyncio.get_running_loop()
        client, target = await s.connect()
        await is_reset(s)
        client.send(b"x")
        assert await soon(loop.sock_recv(target, 100)) == b"x"


@in_loop
async def test_pcap_of_a_stream_shows_both_sides(tmp_path: Path) -> None:
    file = tmp_path / "tcp.pcap"
    async with scene(tcp=True, pcap=file) as s:
        loop = asyncio.get_running_loop()
        client, target = await s.connect()
        client.send(b"INVITE")
        assert await soon(loop.sock_recv(target, 100)) == b"INVITE"
        target.send(b"200")
        assert await soon(loop.sock_recv(client, 100)) == b"200"
        s.relay.show_counters()
        legs = [(p.source, p.target, p.data, p.protocol) for p in read_pcap(file)]
        near, far = (client.getsockname(), s.port), (target.getpeername(), target.getsockname())
        assert legs == [
            (*near, b"INVITE", 6), (*far, b"INVITE", 6), (*far[::-1], b"200", 6), (*near[::-1], b"200", 6),
        ]  # fmt: skip
