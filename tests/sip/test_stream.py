"""TCP connections on the loopback interface. Nothing sleeps: whoever waits, waits for an event."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Collection
from math import inf

import pytest

from sip.connection import Limits, open_tcp
from sip.endpoint import UdpEndpoint
from sip.framing import MAX_MESSAGE, PING, PONG
from sip.stream import StreamEndpoint
from sip.transaction import Hop
from tests.ports import open_both

PATIENCE = 10.0  # seconds; only what is broken ever waits for so long
HOST = "127.0.0.1"


def request(body: bytes = b"", length: str | None = None, branch: str = "z9hG4bK1", port: int = 5070) -> bytes:
    """A request with its Content-Length line, ``length=""`` for none."""
    line = f"Content-Length: {len(body)}\r\n" if length is None else length
    return (
        f"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP {HOST}:{port};branch={branch}\r\nFrom: <sip:a>;tag=a\r\n"
        f"To: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{line}\r\n"
    ).encode() + body


def response(port: int) -> bytes:
    """A response to somebody with this sent-by."""
    return f"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP {HOST}:{port};branch=z9hG4bK1;rport=1\r\nContent-Length: 0\r\n\r\n".encode()


class Core:
    """An engine that notes what it gets."""

    def __init__(self) -> None:
        self.outbox: list[tuple[bytes, Hop]] = []
        self.received: list[tuple[bytes, Hop]] = []
        self.refused: list[tuple[bytes, Hop]] = []
        self.lost: list[Hop] = []
        self.is_friendly = True
        self.introduced: list[tuple[Hop, frozenset[str]]] = []
        self.on_receive: Callable[[bytes, Hop], None] = lambda data, source: None
        self.changed = asyncio.Event()

    def receive(self, data: bytes, source: Hop, now: float) -> bool:
        self.received.append((data, source))
        self.changed.set()
        self.on_receive(data, source)
        return self.is_friendly

    def knows(self, source: Hop) -> bool:
        return self.is_friendly

    def introduce(self, connection: Hop, names: Collection[str]) -> None:
        self.introduced.append((connection, frozenset(names)))

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        self.refused.append((quoted, hop))
        self.changed.set()

    def disconnected(self, hop: Hop, now: float) -> None:
        self.lost.append(hop)
        self.changed.set()

    def next_deadline(self) -> float:
        return inf

    def handle_timer(self, now: float) -> None:
        raise AssertionError("there is no timer here")


class Rig:
    """UDP and TCP on one port, pumping one core."""

    def __init__(self, limits: Limits | None = None, host: str = HOST) -> None:
        self.loop = asyncio.get_running_loop()
        self.core = Core()
        datagrams, stream = open_both(host)
        self.streams = StreamEndpoint(stream, self.loop.time, limits)
        self.endpoint = UdpEndpoint(datagrams, self.loop.time)
        self.endpoint.streams[self.streams.local[2:]] = self.streams

    def __enter__(self) -> Rig:
        self.streams.start(self.core, self.loop, self.endpoint.pump)
        self.endpoint.start(self.core, self.loop)
        self.endpoint.on_turn = self.core.changed.set
        return self

    def __exit__(self, *_: object) -> None:
        self.endpoint.close()
        self.streams.close()
        self.streams.close()

    def send(self, data: bytes, hop: Hop) -> None:
        self.core.outbox.append((data, hop))
        self.endpoint.pump()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true; every turn of the pump looks again."""
        while not condition():
            self.core.changed.clear()
            await asyncio.wait_for(self.core.changed.wait(), PATIENCE)

    def echo(self) -> None:
        """Send back every message on the connection it came on."""
        self.core.on_receive = lambda data, source: self.core.outbox.append((b"SIP/2.0 " + data, source))


class Peer:
    """The other side: plain non-blocking sockets of the same loop."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def to(cls, rig: Rig) -> Peer:
        peer = cls(socket.socket(socket.AF_INET6 if ":" in rig.streams.local.host else socket.AF_INET))
        await peer.loop.sock_connect(peer.sock, rig.streams.local[:2])
        return peer

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.sock, data)

    async def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        data = b""
        while len(data) < size:
            more = await asyncio.wait_for(self.loop.sock_recv(self.sock, size - len(data)), PATIENCE)
            if not more:
                break
            data += more
        return data

    def reset(self) -> None:
        """End with RST, as a killed host that is back does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    @property
    def hop(self) -> Hop:
        return Hop(*self.sock.getsockname()[:2], "tcp")


class Listening:
    """A peer that can be called."""

    def __init__(self, port: int = 0, sock: socket.socket | None = None) -> None:
        self.sock = open_tcp(HOST, port) if sock is None else sock
        self.hop = Hop(HOST, self.sock.getsockname()[1], "tcp")

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    async def accept(self) -> Peer:
        sock, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(self.sock), PATIENCE)
        return Peer(sock)


# --------------------------------------------------------------------------- in


@pytest.mark.parametrize("host", [HOST, "::1"])
def test_response_goes_back_on_the_connection_of_its_request(host: str) -> None:
    async def scene() -> None:
        with Rig(host=host) as rig:
            rig.echo()
            first, second = await Peer.to(rig), await Peer.to(rig)
            for peer, body in ((first, b"1"), (second, b"22"), (first, b"333")):
                await peer.send(request(body))
                assert await peer.read(len(request(body)) + 8) == b"SIP/2.0 " + request(body)
            assert rig.streams.counters["accepted"] == 2
            assert rig.streams.counters["opened"] == 0
            for peer in (first, second):
                peer.sock.close()

    asyncio.run(scene())


def test_who_taps_the_wire_hears_each_message_and_then_its_answer() -> None:
    async def scene() -> None:
        heard: list[tuple[bool, bytes, Hop]] = []

        def hear(sent: bool, data: bytes, peer: Hop) -> None:
            heard.append((sent, data, peer))

        with Rig() as rig:
            rig.echo()
            rig.streams.on_wire = rig.endpoint.on_wire = hear
            peer = await Peer.to(rig)
            await peer.send(request(b"1") + PING + request(b"22"))
            both = [request(b"1"), b"SIP/2.0 " + request(b"1"), request(b"22"), b"SIP/2.0 " + request(b"22")]
            await peer.read(len(both[1]) + len(both[3]))
            assert sorted(data for _, data, _ in heard) == sorted(both)
            assert [(sent, data.startswith(b"SIP/2.0 ")) for sent, data, _ in heard].count((True, True)) == 2
            assert heard[0] == (False, both[0], peer.hop)
            assert {where for _, _, where in heard} == {peer.hop}
            rig.core.is_friendly = False  # what is kept out is told to nobody
            count = len(heard)
            await peer.send(request(b"333"))
            await rig.until(lambda: len(rig.core.received) == 3)
            assert not any(data == request(b"333") for _, data, _ in heard[count:])
            peer.sock.close()

    asyncio.run(scene())


def test_one_byte_at_a_time_and_two_messages_in_one_segment() -> None:
    async def scene() -> None:
        with Rig() as rig:
            peer = await Peer.to(rig)
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in request(b"body"):
                await peer.send(bytes([byte]))
            await peer.send(request(b"a") + request(b"b"))
            await rig.until(lambda: len(rig.core.received) == 3)
            assert rig.core.received == [(request(body), peer.hop) for body in (b"body", b"a", b"b")]
            peer.sock.close()

    asyncio.run(scene())


def test_ping_is_answered_with_a_pong() -> None:
    async def scene() -> None:
        with Rig() as rig:
            peer = await Peer.to(rig)
            await peer.send(PING)
            assert await peer.read(2) == PONG
            await peer.send(PING + PING)
            assert await peer.read(4) == PONG * 2
            assert rig.core.received == []
            peer.sock.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("bad", "answer"),
    [
        (request(length=""), b"SIP/2.0 400 Bad Request (no Content-Length over a stream)\r\n"),
        (request(length="Content-Length: x\r\n"), b"SIP/2.0 400 Bad Request (malformed Content-Length)\r\n"),
        (
            request(length=f"l: {MAX_MESSAGE}\r\n"),
            b"SIP/2.0 513 Message Too Large (message of more than 65536 bytes)\r\n",
        ),
        (
            request(length=f"X: {'x' * 20_000}\r\nl: 0\r\n"),
            b"SIP/2.0 513 Message Too Large (more than 16384 bytes of headers)\r\n",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (b"\x16\x03\x01" * 30_000, b""),
    ],
)
def test_fault_gets_one_answer_at_most_and_the_end(bad: bytes, answer: bytes) -> None:
    async def scene() -> None:
        with Rig() as rig:
            rig.echo()
            peer = await Peer.to(rig)
            await peer.send(request() + bad + request())
            said = await peer.read(100_000)
            assert said.startswith(b"SIP/2.0 " + request() + answer)
            assert said.count(b"Call-ID") == (2 if answer else 1)
            assert rig.core.received == [(request(), peer.hop)]
            assert len(rig.streams) == 0
            peer.sock.close()
            again = await Peer.to(rig)  # and the next connection is served
            await again.send(request())
            assert await again.read(len(request()) + 8) == b"SIP/2.0 " + request()
            again.sock.close()

    asyncio.run(scene())


def test_fault_of_ours_in_one_message_does_not_swallow_the_others() -> None:
    async def scene() -> None:
        problems: list[object] = []
        with Rig() as rig:
            rig.loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))

            def fail_once(data: bytes, _: Hop) -> None:
                if data == request(b"bad"):
                    raise ZeroDivisionError

            rig.core.on_receive = fail_once
            peer = await Peer.to(rig)
            await peer.send(request(b"bad") + request(b"good"))
            await rig.until(lambda: len(rig.core.received) == 2)
            peer.sock.close()
        assert [type(problem) for problem in problems] == [ZeroDivisionError]

    asyncio.run(scene())


# --------------------------------------------------------------------------- out


def test_request_opens_a_connection_and_the_next_one_reuses_it() -> None:
    async def scene() -> None:
        with Rig() as rig, Listening() as trunk:
            for body in (b"1", b"22"):
                rig.send(request(body), trunk.hop)
            peer = await trunk.accept()
            assert await peer.read(len(request(b"1") + request(b"22"))) == request(b"1") + request(b"22")
            rig.send(request(b"333"), trunk.hop)
            assert await peer.read(len(request(b"333"))) == request(b"333")
            await peer.send(request(b"back"))
            await rig.until(lambda: bool(rig.core.received))
            assert rig.core.received == [(request(b"back"), trunk.hop)]
            assert rig.streams.counters["opened"] == 1
            peer.sock.close()

    asyncio.run(scene())


def test_udp_and_tcp_of_one_address_are_two_hops() -> None:
    async def scene() -> None:
        phone, stream = open_both()
        with Rig() as rig, Listening(sock=stream) as trunk, phone:
            rig.send(b"over udp", Hop(*trunk.hop[:2]))
            rig.send(request(), trunk.hop)
            peer = await trunk.accept()
            assert await peer.read(len(request())) == request()
            assert await asyncio.wait_for(rig.loop.sock_recv(phone, 100), PATIENCE) == b"over udp"
            peer.sock.close()

    asyncio.run(scene())


def test_refused_connection_is_told_for_each_request_at_once(free_port: int) -> None:
    async def scene() -> None:
        with Rig() as rig:
            hop = Hop(HOST, free_port, "tcp")
            rig.send(request(branch="z9hG4bK1"), hop)
            rig.send(request(branch="z9hG4bK2"), hop)
            rig.send(response(free_port), hop)
            await rig.until(lambda: len(rig.core.refused) == 2)
            assert rig.core.refused == [(request(branch=f"z9hG4bK{n}"), hop) for n in (1, 2)]
            assert len(rig.streams) == 0

    asyncio.run(scene())


def test_connection_that_does_not_come_up_in_time_is_given_up() -> None:
    async def scene() -> None:
        with socket.socket() as deaf:  # its queue of one is full: further SYNs are dropped
            deaf.bind((HOST, 0))
            deaf.listen(0)
            with socket.create_connection(deaf.getsockname()), Rig(Limits(connect=0.05)) as rig:
                hop = Hop(*deaf.getsockname(), "tcp")
                rig.send(request(), hop)
                assert rig.core.refused == [], "nobody waits for it"
                await rig.until(lambda: bool(rig.core.refused))
                assert rig.core.refused == [(request(), hop)]

    asyncio.run(scene())


def test_response_whose_connection_is_gone_goes_to_the_sender_of_its_via() -> None:
    async def scene() -> None:
        with Rig() as rig, Listening() as trunk:
            peer = await Peer.to(rig)
            await peer.send(request())
            await rig.until(lambda: bool(rig.core.received))
            source = rig.core.received[0][1]
            peer.sock.close()
            await rig.until(lambda: len(rig.streams) == 0)
            rig.send(response(trunk.hop.port), source)
            back = await trunk.accept()
            assert await back.read(len(response(trunk.hop.port))) == response(trunk.hop.port)
            back.sock.close()

    asyncio.run(scene())


@pytest.mark.parametrize("how", [socket.socket.close, None], ids=["closed", "reset"])
def test_loss_of_a_connection_that_was_asked_is_told_at_once(how: Callable[[socket.socket], None] | None) -> None:
    async def scene() -> None:
        with Rig() as rig, Listening() as trunk:
            rig.send(request(), trunk.hop)
            peer = await trunk.accept()
            await peer.read(len(request()))
            if how is None:
                peer.reset()
            else:
                how(peer.sock)
            await rig.until(lambda: bool(rig.core.lost))
            assert rig.core.lost == [trunk.hop]
            rig.send(request(b"again"), trunk.hop)
            peer = await trunk.accept()
            assert await peer.read(len(request(b"again"))) == request(b"again")
            peer.sock.close()

    asyncio.run(scene())


def test_caller_that_hangs_up_its_connection_is_no_loss() -> None:
    async def scene() -> None:
        with Rig() as rig:
            peer = await Peer.to(rig)
            await peer.send(request())
            await rig.until(lambda: bool(rig.core.received))
            peer.reset()
            await rig.until(lambda: len(rig.streams) == 0)
            assert rig.core.lost == []

    asyncio.run(scene())


# --------------------------------------------------------------------------- bounds


def test_peer_that_does_not_read_is_closed() -> None:
    async def scene() -> None:
        limits = Limits(unsent=50_000)
        with Rig(limits) as rig, Listening() as trunk:
            rig.send(request(), trunk.hop)
            peer = await trunk.accept()
            await peer.read(len(request()))
            big = request(b"x" * 60_000)
            for _ in range(1000):  # the kernel's buffers take a few megabytes
                rig.send(big, trunk.hop)
                if rig.core.lost:
                    break
            assert rig.core.lost == [trunk.hop]
            assert rig.streams.counters["overflowed"] == 1
            peer.sock.close()

    asyncio.run(scene())


def test_peer_that_reads_slowly_gets_everything() -> None:
    async def scene() -> None:
        with Rig(Limits(unsent=1 << 26)) as rig, Listening() as trunk:
            big = request(b"x" * 60_000)
            for _ in range(200):
                rig.send(big, trunk.hop)
            peer = await trunk.accept()
            assert await peer.read(200 * len(big)) == 200 * big
            peer.sock.close()

    asyncio.run(scene())


def test_peer_that_drips_or_says_nothing_is_closed() -> None:
    async def scene() -> None:
        with Rig(Limits(idle=0.1)) as rig:
            silent, dripping = await Peer.to(rig), await Peer.to(rig)
            await dripping.send(b"OPTIONS")
            assert await silent.read(1) == b""
            assert await dripping.read(1) == b""
            assert rig.streams.counters["idle"] == 2
            for peer in (silent, dripping):
                peer.sock.close()

    asyncio.run(scene())


def test_connections_are_counted() -> None:
    async def scene() -> None:
        with Rig(Limits(connections=1)) as rig:
            rig.echo()
            first = await Peer.to(rig)
            await first.send(request())
            await rig.until(lambda: bool(rig.core.received))
            second = await Peer.to(rig)
            assert await second.read(1) == b""
            assert rig.streams.counters["refused"] == 1
            for peer in (first, second):
                peer.sock.close()

    asyncio.run(scene())
