"""TLS connections on the loopback interface; the other side is asyncio's own TLS. Nothing sleeps."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sip.certificate import Certificate
from sip.connection import Limits, open_tcp
from sip.endpoint import UdpEndpoint
from sip.framing import PING, PONG
from sip.stream import StreamEndpoint
from sip.tls import Peer, Security, client_context, server_context
from sip.transaction import Hop
from tests.certificates import DOMAIN, Pair, Workshop
from tests.ports import open_both
from tests.sip.test_stream import HOST, PATIENCE, Core, Rig, request

CALLER = "caller.example"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def good(workshop: Workshop) -> Pair:
    return workshop.make("good", f"DNS:{DOMAIN},IP:{HOST}")


@pytest.fixture(scope="module")
def caller(workshop: Workshop) -> Pair:
    return workshop.make("caller", f"DNS:{CALLER}")


def read(path: Path) -> str:
    return path.read_text(encoding="ascii")


def secure(workshop: Workshop, pair: Pair, domain: str = "", port: int = 0, *, clients: bool = False) -> Security:
    """Ours: trusts the authority, expects this domain at a port; other addresses must be in the certificate."""
    trust = read(workshop.authority.certificate)
    context = client_context(trust, str(pair.certificate), str(pair.key))
    peers = {(HOST, port): Peer(context, (domain,))} if domain else {}
    server = server_context(str(pair.certificate), str(pair.key), trust, clients=clients)
    return Security(server, peers, Peer(context))


class TlsRig(Rig):
    """UDP and TLS on one port, pumping one core."""

    def __init__(self, security: Security, limits: Limits | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.core = Core()
        datagrams, stream = open_both(HOST)
        self.streams = StreamEndpoint(stream, self.loop.time, limits, security=security)
        self.endpoint = UdpEndpoint(datagrams, self.loop.time)
        self.endpoint.streams[self.streams.local[2:]] = self.streams
        self.secured: list[tuple[Hop, Certificate]] = []
        self.refused: list[tuple[Hop, str]] = []
        self.streams.on_secured = lambda hop, certificate: self.secured.append((hop, certificate))
        self.streams.on_refused = lambda hop, why: self.refused.append((hop, why))


class TlsPeer:
    """One connection of the other side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, rig: Rig, workshop: Workshop, pair: Pair | None = None, domain: str = DOMAIN) -> TlsPeer:
        context = ssl.create_default_context(cadata=read(workshop.authority.certificate))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        opened = asyncio.open_connection(*rig.streams.local[:2], ssl=context, server_hostname=domain)
        return cls(*await asyncio.wait_for(opened, PATIENCE))

    @property
    def hop(self) -> Hop:
        return Hop(*self.writer.get_extra_info("sockname")[:2], "tls")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        try:
            return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)
        except asyncio.IncompleteReadError as error:
            return error.partial

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Trunk:
    """Listens with TLS; ``said`` is all that was ever said to it in plain text."""

    def __init__(self) -> None:
        self.peers: asyncio.Queue[TlsPeer] = asyncio.Queue()
        self.hop = Hop(HOST, 0, "tls")
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.put_nowait(TlsPeer(reader, writer))

    async def accept(self) -> TlsPeer:
        return await asyncio.wait_for(self.peers.get(), PATIENCE)


@contextlib.asynccontextmanager
async def listening(pair: Pair | None, workshop: Workshop | None = None, host: str = HOST) -> AsyncIterator[Trunk]:
    """A trunk with this certificate; with a workshop it asks for ours."""
    trunk, context = Trunk(), None
    if pair is not None:
        context = trunk.context
        context.load_cert_chain(pair.certificate, pair.key)
        if workshop is not None:
            context.load_verify_locations(workshop.authority.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(trunk.take, host, 0, ssl=context)
    trunk.hop = Hop(host, server.sockets[0].getsockname()[1], "tls")
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # asyncio tells of each handshake that fails
    try:
        yield trunk
    finally:
        server.close()
        while not trunk.peers.empty():
            await trunk.peers.get_nowait().close()


# --------------------------------------------------------------------------- in


def test_response_goes_back_on_the_connection_of_its_request(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        with TlsRig(secure(workshop, good)) as rig:
            rig.echo()
            peer = await TlsPeer.to(rig, workshop)
            for body in (b"1", b"22" * 40_000, b"333"):
                await peer.send(request(body[:60_000]))
                answer = b"SIP/2.0 " + request(body[:60_000])
                assert await peer.read(len(answer)) == answer
            assert {source for _, source in rig.core.received} == {peer.hop}
            assert rig.streams.local.transport == "tls"
            assert rig.streams.identity_of(peer.hop) == set()
            await peer.send(PING)
            assert await peer.read(2) == PONG
            await peer.close()
            await rig.until(lambda: len(rig.streams) == 0)

    asyncio.run(scene())


def test_bytes_one_by_one_make_a_handshake_too(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        with TlsRig(secure(workshop, good)) as rig:
            rig.echo()
            context = ssl.create_default_context(cadata=read(workshop.authority.certificate))
            ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = context.wrap_bio(theirs, ours, server_hostname=DOMAIN)
            with socket.socket() as sock:
                sock.setblocking(False)
                await rig.loop.sock_connect(sock, rig.streams.local[:2])
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                said, done = False, b""
                while not done:
                    try:
                        if not said:
                            session.do_handshake()
                            session.write(request())
                            said = True
                        done = session.read(1000)
                    except ssl.SSLWantReadError:
                        for byte in ours.read():
                            await rig.loop.sock_sendall(sock, bytes([byte]))
                        theirs.write(await asyncio.wait_for(rig.loop.sock_recv(sock, 5), PATIENCE))
            assert done.startswith(b"SIP/2.0 OPTIONS")

    asyncio.run(scene())


def test_who_has_to_show_a_certificate_is_known_by_it(workshop: Workshop, good: Pair, caller: Pair) -> None:
    async def scene() -> None:
        with TlsRig(secure(workshop, good, clients=True)) as rig:
            rig.echo()
            peer = await TlsPeer.to(rig, workshop, caller)
            await peer.send(request())
            await rig.until(lambda: bool(rig.core.received))
            assert rig.streams.identity_of(peer.hop) == {CALLER}
            assert rig.core.introduced == [(peer.hop, {CALLER})]
            await peer.close()

            nobody = await TlsPeer.to(rig, workshop)  # TLS 1.3: it hears of it after its own handshake
            await nobody.send(request(b"no"))
            with contextlib.suppress(ssl.SSLError):
                assert await nobody.read(1) == b""
            assert len(rig.core.received) == 1
            assert rig.streams.counters["insecure"] == 1
            await nobody.close()

    asyncio.run(scene())


@pytest.mark.parametrize("bad", [request(), b"\x16\x03\x01" * 1000, b"\x16\x03\x01\x40\x00" + b"\0" * 40_000, b"\0"])
def test_what_is_no_handshake_is_closed(workshop: Workshop, good: Pair, bad: bytes) -> None:
    async def scene() -> None:
        with TlsRig(secure(workshop, good), Limits(connect=0.2)) as rig:
            with socket.socket() as sock:
                sock.setblocking(False)
                await rig.loop.sock_connect(sock, rig.streams.local[:2])
                with contextlib.suppress(OSError):
                    await rig.loop.sock_sendall(sock, bad)
                with contextlib.suppress(ConnectionError):
                    while await asyncio.wait_for(rig.loop.sock_recv(sock, 1000), PATIENCE):
                        pass
            assert len(rig.streams) == 0
            assert rig.core.received == []

    asyncio.run(scene())


def test_handshakes_that_stall_make_room_for_others(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        with TlsRig(secure(workshop, good), Limits(handshakes=3)) as rig:
            rig.echo()
            stalled = [socket.create_connection(rig.streams.local[:2]) for _ in range(10)]
            peer = await TlsPeer.to(rig, workshop)
            await peer.send(request())
            assert (await peer.read(7)) == b"SIP/2.0"
            assert rig.streams.counters["stalled"] >= 7
            assert len(rig.streams) <= 4
            for sock in stalled:
                sock.close()
            await peer.close()

    asyncio.run(scene())


# --------------------------------------------------------------------------- out


def test_request_opens_a_secured_connection_and_the_next_one_reuses_it(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(good) as trunk:
            with TlsRig(secure(workshop, good, DOMAIN, trunk.hop.port)) as rig:
                for body in (b"1", b"22"):
                    rig.send(request(body), trunk.hop)
                peer = await trunk.accept()
                both = request(b"1") + request(b"22")
                assert await peer.read(len(both)) == both
                await peer.send(request(b"back"))
                await rig.until(lambda: bool(rig.core.received))
                assert rig.core.received == [(request(b"back"), trunk.hop)]
                assert rig.streams.counters["opened"] == 1
                assert rig.streams.identity_of(trunk.hop) == {DOMAIN, HOST}
                ((hop, shown),) = rig.secured
                assert (hop, shown.subject, shown.issuer) == (trunk.hop, DOMAIN, "authority of the tests")
                await peer.close()
                await rig.until(lambda: rig.core.lost == [trunk.hop])
                assert rig.refused == []

    asyncio.run(scene())


def test_trunk_that_is_somebody_else_hears_nothing(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(good) as trunk:
            with TlsRig(secure(workshop, good, "other.example", trunk.hop.port)) as rig:
                for branch in ("z9hG4bK1", "z9hG4bK2"):
                    rig.send(request(branch=branch), trunk.hop)
                await rig.until(lambda: len(rig.core.refused) == 2)
                assert rig.refused == [
                    (trunk.hop, f"its certificate is for {HOST}, {DOMAIN}, not for other.example"),
                ]
                assert rig.secured == []
                assert len(rig.streams) == 0
                assert trunk.peers.empty(), "not even its own handshake looks done"

    asyncio.run(scene())


def test_refused_certificate_is_looked_at_once_and_told_with_its_dates(workshop: Workshop, good: Pair) -> None:
    """The look sends nothing, and fails as any attempt would have; who mends his certificate is called."""

    async def scene() -> None:
        security = secure(workshop, good)
        async with listening(workshop.make("old", days=(-30, -10))) as trunk:
            peers = {trunk.hop[:2]: Peer(security.others.context, (DOMAIN,))}
            ours = Security(security.server, peers, security.others, client_context("", verify=False))
            with TlsRig(ours, Limits(refused=0.0)) as rig:
                for count in range(1, 5):
                    rig.send(request(), trunk.hop)
                    await rig.until(lambda: len(rig.refused) == count)  # noqa: B023
                first, *told = [why for _, why in rig.refused]
                assert first == "its certificate, or one above it, has expired"
                assert len(set(told)) == 1
                assert told[0].startswith(f"{first}: it is of {DOMAIN}, from authority of the tests, good from ")
                assert rig.secured == []
                assert len(rig.core.refused) == 4
                assert trunk.peers.empty(), "not one of the handshakes looks done from there"
                trunk.context.load_cert_chain(good.certificate, good.key)
                rig.send(request(), trunk.hop)
                await rig.until(lambda: bool(rig.secured))
                await (await trunk.accept()).close()

    asyncio.run(scene())


def test_trunk_that_was_refused_twice_is_left_alone_for_a_while(workshop: Workshop, good: Pair) -> None:
    """It is unreachable without an attempt, until its time is over or somebody else is trusted."""

    async def scene() -> None:
        async with listening(good) as trunk:
            with TlsRig(secure(workshop, good, "other.example", trunk.hop.port), Limits(refused=100.0)) as rig:
                for count in range(1, 6):
                    rig.send(request(), trunk.hop)
                    await rig.until(lambda: len(rig.core.refused) == count)  # noqa: B023
                assert (len(rig.refused), rig.streams.counters["opened"]) == (2, 2)
                rig.streams.renew(secure(workshop, good, DOMAIN, trunk.hop.port))
                rig.send(request(), trunk.hop)
                await rig.until(lambda: bool(rig.secured))
                await (await trunk.accept()).close()

    asyncio.run(scene())


def test_address_of_version_6_is_compared_in_its_short_form(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(workshop.make("six", "IP:0:0:0:0:0:0:0:1"), host="::1") as trunk:
            with TlsRig(secure(workshop, good)) as rig:
                rig.send(request(), trunk.hop)
                await rig.until(lambda: bool(rig.secured or rig.refused))
                assert rig.refused == []
                assert rig.streams.identity_of(trunk.hop) == {"::1"}
                await (await trunk.accept()).close()

    asyncio.run(scene())


def test_address_must_be_in_the_certificate_where_no_domain_is_expected(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        nameless = workshop.make("nameless", "DNS:trunk.example")
        for pair, answers in ((good, True), (nameless, False)):
            async with listening(pair) as trunk:
                with TlsRig(secure(workshop, good)) as rig:
                    rig.send(request(), trunk.hop)
                    await rig.until(lambda: bool(rig.secured or rig.refused))
                    assert bool(rig.secured) is answers

    asyncio.run(scene())


def test_trunk_without_tls_is_told_apart(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(None) as trunk:
            with TlsRig(secure(workshop, good, DOMAIN, trunk.hop.port)) as rig:
                rig.send(request(), trunk.hop)
                peer = await trunk.accept()
                await peer.send(b"SIP/2.0 400 Bad Request\r\n\r\n")
                await rig.until(lambda: bool(rig.core.refused))
                assert rig.refused == [(trunk.hop, "it does not speak TLS there")]
                await peer.close()

    asyncio.run(scene())


def test_trunk_that_stalls_in_the_handshake_is_given_up(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(None) as trunk:
            with TlsRig(secure(workshop, good, DOMAIN, trunk.hop.port), Limits(connect=0.05)) as rig:
                rig.send(request(), trunk.hop)
                peer = await trunk.accept()
                await rig.until(lambda: bool(rig.core.refused))
                assert rig.core.refused == [(request(), trunk.hop)]
                assert rig.streams.counters["stalled"] == 1
                await peer.close()

    asyncio.run(scene())


def test_trunk_gets_our_certificate_when_it_asks(workshop: Workshop, good: Pair, caller: Pair) -> None:
    async def scene() -> None:
        async with listening(good, workshop) as trunk:
            with TlsRig(secure(workshop, caller, DOMAIN, trunk.hop.port)) as rig:
                rig.send(request(), trunk.hop)
                peer = await trunk.accept()
                shown = peer.writer.get_extra_info("peercert")
                assert ("DNS", CALLER) in shown["subjectAltName"]
                await peer.close()
        stranger = Workshop(workshop.folder / "..").make("stranger")
        async with listening(good, workshop) as trunk:
            trust = read(workshop.authority.certificate)
            peer_of = Peer(client_context(trust, str(stranger.certificate), str(stranger.key)), (DOMAIN,))
            security = Security(secure(workshop, good).server, {trunk.hop[:2]: peer_of}, peer_of)
            with TlsRig(security) as rig:
                rig.send(request(), trunk.hop)
                await rig.until(lambda: bool(rig.refused))
                ((hop, why),) = rig.refused
                assert hop == trunk.hop
                assert "unknown ca" in why or "maybe it does not accept our certificate" in why
                assert rig.core.lost == [trunk.hop], "in TLS 1.3 it was up before"

    asyncio.run(scene())


def test_new_certificates_hold_for_new_connections(workshop: Workshop, good: Pair, caller: Pair) -> None:
    async def scene() -> None:
        with TlsRig(secure(workshop, good)) as rig:
            rig.echo()
            before = await TlsPeer.to(rig, workshop)
            rig.streams.renew(secure(workshop, caller))
            after = await TlsPeer.to(rig, workshop, domain=CALLER)
            for peer in (before, after):
                await peer.send(request())
                assert await peer.read(7) == b"SIP/2.0"
                await peer.close()

    asyncio.run(scene())


# --------------------------------------------------------------------------- one connection both ways


@pytest.mark.parametrize(
    ("expected", "shared"), [(CALLER, True), ("other.example", False)], ids=["who it says", "somebody else"]
)
def test_caller_who_proves_who_it_is_may_be_called_back_by_its_connection(
    workshop: Workshop, good: Pair, caller: Pair, expected: str, shared: bool
) -> None:
    """RFC 5923: its Via asks for it, its certificate allows it."""

    async def scene() -> None:
        async with listening(caller) as trunk:
            security = secure(workshop, good, expected, trunk.hop.port, clients=True)
            with TlsRig(security) as rig:
                peer = await TlsPeer.to(rig, workshop, caller)
                await peer.send(request(port=trunk.hop.port, branch="z9hG4bK1;alias"))
                await rig.until(lambda: bool(rig.core.received))
                rig.send(request(b"to you"), trunk.hop)
                if shared:
                    assert await peer.read(len(request(b"to you"))) == request(b"to you")
                    answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
                    await peer.send(answer)
                    await rig.until(lambda: len(rig.core.received) == 2)
                    assert rig.core.received[1] == (answer, trunk.hop), "it comes from whom we asked"
                    await peer.close()
                    await rig.until(lambda: len(rig.core.lost) == 2)
                    assert trunk.hop in rig.core.lost
                else:
                    await rig.until(lambda: bool(rig.refused))
                    await peer.close()
                assert rig.streams.counters["opened"] == (0 if shared else 1)

    asyncio.run(scene())


@pytest.mark.parametrize("who", [CALLER, "stranger.example"])
def test_caller_may_listen_elsewhere_at_its_host_as_whom_it_has_proved_to_be(
    workshop: Workshop, good: Pair, caller: Pair, who: str
) -> None:
    """Its Contact is no trunk: what is asked of it within its call goes there, to it and to nobody else."""

    async def scene() -> None:
        async with listening(caller if who == CALLER else workshop.make("elsewhere", f"DNS:{who}")) as contact:
            with TlsRig(secure(workshop, good, clients=True)) as rig:
                rig.send(request(), contact.hop)
                await rig.until(lambda: bool(rig.refused))
                rig.core.refused.clear()
                rig.refused.clear()
                peer = await TlsPeer.to(rig, workshop, caller)
                await peer.send(request())
                await rig.until(lambda: bool(rig.core.received))
                rig.send(request(), contact.hop)
                await rig.until(lambda: bool(rig.secured or rig.refused))
                assert bool(rig.secured) is (who == CALLER)
                await peer.close()

    asyncio.run(scene())


def test_quiet_trunk_is_asked_and_must_answer_if_it_ever_did(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(good) as trunk:
            limits = Limits(ping=0.04, pong=0.05)
            with TlsRig(secure(workshop, good, DOMAIN, trunk.hop.port), limits) as rig:
                rig.streams.keepalive.kept = {trunk.hop}
                rig.send(request(), trunk.hop)
                peer = await trunk.accept()
                await peer.read(len(request()))
                for _ in range(3):  # its silence says nothing yet
                    assert await peer.read(4) == PING
                assert rig.core.lost == []
                await peer.send(PONG)
                await rig.until(lambda: rig.core.lost == [trunk.hop])
                await peer.close()

    asyncio.run(scene())


def test_connections_of_nobody_we_know_are_not_asked(workshop: Workshop, good: Pair) -> None:
    async def scene() -> None:
        async with listening(good) as trunk:
            limits = Limits(ping=0.02, idle=0.2)
            with TlsRig(secure(workshop, good, DOMAIN, trunk.hop.port), limits) as rig:
                rig.send(request(), trunk.hop)
                peer = await trunk.accept()
                await peer.read(len(request()))
                assert await peer.read(4) == b"", "it ended by idleness"
                await peer.close()

    asyncio.run(scene())


def test_plain_tcp_trunks_are_asked_too() -> None:
    async def scene() -> None:
        with Rig(Limits(ping=0.02)) as rig, open_tcp(HOST, 0) as sock:
            hop = Hop(*sock.getsockname(), "tcp")
            rig.streams.keepalive.kept = {hop}
            rig.send(request(), hop)
            other, _ = await asyncio.wait_for(rig.loop.sock_accept(sock), PATIENCE)
            data = b""
            while not data.endswith(PING) or len(data) < len(request()) + 4:
                data += await asyncio.wait_for(rig.loop.sock_recv(other, 1000), PATIENCE)
            assert data[len(request()) :] == PING
            other.close()

    asyncio.run(scene())
