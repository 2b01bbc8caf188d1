"""The tap: messages of calls as they went by, for who follows, at no price where nobody does, and nobody waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from controller import tap as tap_module
from controller.tap import FILE, Seen, Tap, follow
from sip.endpoint import UdpEndpoint, open_udp
from sip.transaction import Hop

PEER, OTHER = Hop("192.0.2.10", 5060), Hop("2001:db8::1", 5061, "tls", "inside")
OURS = [["udp", "", "192.0.2.1", 5060]]


class Source:
    """What has messages come and go."""

    def __init__(self) -> None:
        self.on_wire: Callable[[bool, bytes, Hop], None] | None = None

    def hear(self, sent: bool, data: bytes, peer: Hop) -> None:
        assert self.on_wire is not None
        self.on_wire(sent, data, peer)


class Heard:
    """What a follower heard."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.told: list[Mapping[str, Any]] = []


def message(method: str, size: int = 0) -> bytes:
    return f"{method} sip:a@b SIP/2.0\r\nCSeq: 1 {method}\r\n\r\n{'x' * size}".encode()


def run(folder: Path, act: Callable[[Tap, Source], Awaitable[None]], peers: int = 1) -> None:
    described = {"ours": OURS, "peers": [["192.0.2.10", 5060 + n, "udp", f"trunk-{n}"] for n in range(peers)]}

    async def main() -> None:
        made, source = Tap(folder, lambda: described), Source()
        made.start(asyncio.get_running_loop(), [source])
        try:
            await act(made, source)
        finally:
            made.close()
            made.close()

    asyncio.run(main())
    assert not (folder / FILE).exists()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # whatever it is, nobody tells
            await asyncio.sleep(0.001)


def follower(folder: Path) -> tuple[Heard, asyncio.Task[None]]:
    heard = Heard()
    return heard, asyncio.get_running_loop().create_task(follow(folder, heard.seen.extend, heard.told.append))


def test_messages_of_calls_are_told_as_they_were_and_who_is_where(tmp_path: Path) -> None:
    async def act(made: Tap, source: Source) -> None:
        assert source.on_wire is None  # nobody follows: nothing is done
        heard, task = follower(tmp_path)
        await until(lambda: bool(source.on_wire and len(heard.told) == 3))
        assert [len(told["peers"]) for told in heard.told] == [500, 500, 1]
        assert [told["more"] for told in heard.told] == [False, True, True]
        assert heard.told[0]["ours"] == OURS
        source.hear(False, message("INVITE"), PEER)
        for method in ("OPTIONS", "REGISTER", "MESSAGE"):
            source.hear(True, message(method), PEER)
            source.hear(False, f"SIP/2.0 200 OK\r\nCSeq: 7 {method}\r\n\r\n".encode(), PEER)
        source.hear(True, b"SIP/2.0 200 OK\r\nAllow: INVITE, OPTIONS\r\nCSeq: 7 INVITE\r\n\r\n\0\xff", OTHER)
        await until(lambda: len(heard.seen) == 2)
        first, last = heard.seen
        assert (first.sent, first.peer, first.data) == (False, PEER, message("INVITE"))
        assert (last.sent, last.peer) == (True, OTHER)
        assert last.data.endswith(b"\0\xff")
        assert first.at <= last.at
        made.renew()
        await until(lambda: len(heard.told) == 6)
        task.cancel()
        await until(lambda: source.on_wire is None)

    run(tmp_path, act, peers=1001)


def test_all_of_a_burst_arrives_in_order(tmp_path: Path) -> None:
    async def act(made: Tap, source: Source) -> None:
        heard, task = follower(tmp_path)
        await until(lambda: source.on_wire is not None)
        for number in range(2000):
            source.hear(True, message("INVITE", number % 1500) + str(number).encode(), PEER)
        source.hear(True, message("INVITE", 65_000), PEER)
        await until(lambda: len(heard.seen) == 2001)
        numbers = [int(seen.data.rpartition(b"\n")[2].lstrip(b"x")) for seen in heard.seen[:-1]]
        assert numbers == [*range(2000)]
        assert made.lost == 0
        task.cancel()

    run(tmp_path, act)


def test_nobody_waits_for_a_follower_that_does_not_read(tmp_path: Path) -> None:
    async def act(made: Tap, source: Source) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
            deaf.connect(str(tmp_path / FILE))
            await until(lambda: source.on_wire is not None)
            for _ in range(300):  # 18 MB, of which 8 MB may wait
                source.hear(True, message("INVITE", 60_000), PEER)
            assert made.lost > 0
            heard, task = follower(tmp_path)  # another one is none the worse
            await until(lambda: bool(heard.told))
            source.hear(True, message("BYE"), PEER)
            await until(lambda: len(heard.seen) == 1)
            task.cancel()
        await until(lambda: source.on_wire is None)

    run(tmp_path, act)
    assert tap_module.WAITING == 8 << 20


class Deaf:
    """A core that lets in what begins with INVITE, and answers it."""

    def __init__(self) -> None:
        self.outbox: list[tuple[bytes, Hop]] = []

    def receive(self, data: bytes, source: Hop, now: float) -> object:
        del now
        if not data.startswith(b"INVITE"):
            return False
        self.outbox.append((b"SIP/2.0 100 Trying\r\n\r\n", source))
        return True

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """Nothing."""

    def next_deadline(self) -> float:
        return float("inf")

    def handle_timer(self, now: float) -> None:
        """Nothing."""


def test_the_pump_tells_what_is_let_in_before_its_answer_and_nothing_else() -> None:
    async def main() -> None:
        heard: list[tuple[bool, bytes, Hop]] = []
        endpoint = UdpEndpoint(open_udp("127.0.0.1", 0), asyncio.get_running_loop().time)
        endpoint.on_wire = lambda sent, data, peer: heard.append((sent, data, peer))
        endpoint.start(Deaf(), asyncio.get_running_loop())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            phone.sendto(b"junk", endpoint.local[:2])
            phone.sendto(b"INVITE", endpoint.local[:2])
            await until(lambda: len(heard) == 2)
            peer = Hop(*phone.getsockname(), "udp")
        endpoint.close()
        assert heard == [(False, b"INVITE", peer), (True, b"SIP/2.0 100 Trying\r\n\r\n", peer)]

    asyncio.run(main())
