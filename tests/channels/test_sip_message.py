"""The adapter of SIP messages against the real daemon, its control socket, and phones on real sockets."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from controller import clock
from controller.channels.base import Accepted, Liveness, Message, Refused, Unclear
from controller.channels.sip_message import SipMessageAdapter
from controller.messages.ids import make_id
from controller.types import Milestone
from controller.types.messages import ByTrunks, Channel, Provider
from sip import builder
from sip.message import Request
from sip.parser import parse_message
from tests.channels.desk import DIALPLAN, Desk, play
from tests.sipp.daemon import Daemon

PROVIDER = Provider("phones", Channel.SIP, "sip", ByTrunks(("one", "two"), "+15557000"))


@dataclass
class Phone(asyncio.DatagramProtocol):
    """Answers each MESSAGE by a status; 0 says nothing."""

    status: int = 200
    texts: list[str] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = parse_message(data)
        assert isinstance(request, Request)
        self.texts.append(request.body.decode())
        if self.status:
            assert self.transport is not None
            self.transport.sendto(builder.make_response(request, self.status, "phone").encode(), addr)


def write(key: str, text: str = "Your code is 123456", **more: float) -> Message:
    return Message(key, Channel.SIP, "+15550142", text, **more)  # type: ignore[arg-type]


def new_key() -> str:
    return f"{make_id(clock.epoch(), secrets.token_bytes(10))}:0:1"


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[tuple[SipMessageAdapter, Desk, Phone, Phone, Daemon]]:
    loop, phones, ports = asyncio.get_running_loop(), (Phone(), Phone()), []
    for phone in phones:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        ports.append(sock.getsockname()[1])
        await loop.create_datagram_endpoint(lambda phone=phone: phone, sock=sock)  # type: ignore[misc]
    file = folder / "dialplan.yaml"
    file.write_text(DIALPLAN.format(one=ports[0], two=ports[1]))
    daemon = Daemon(file, folder / "state", patience=60.0)
    adapter, desk = SipMessageAdapter(PROVIDER, folder / "state"), Desk()
    await asyncio.to_thread(daemon.__enter__)
    try:
        await adapter.start(desk.take)
        await desk.alive()
        yield adapter, desk, *phones, daemon
    finally:
        await adapter.close()
        await asyncio.to_thread(daemon.__exit__, None, None, None)
        for phone in phones:
            if phone.transport is not None:
                phone.transport.close()
        await asyncio.sleep(0)


def test_messages(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as (adapter, desk, one, two, daemon):
            key = new_key()
            assert await adapter.look_up(key) == Refused("404")  # it was never ordered, and could not have been
            assert await adapter.submit(write(key)) == Accepted(key, Milestone.ANSWERED)
            assert await adapter.submit(write(key)) == Accepted(key, Milestone.ANSWERED)
            assert await adapter.look_up(key) == Accepted(key, Milestone.ANSWERED)
            assert (one.texts, two.texts) == (["Your code is 123456"], [])

            one.status, two.status = 503, 202
            assert await adapter.submit(write(second := new_key(), "two")) == Accepted(second)
            one.status = two.status = 404
            assert await adapter.submit(write(new_key())) == Refused("unknown-subscriber", "SIP 404")
            one.status = 415
            assert await adapter.submit(write(new_key())) == Refused("not-on-channel", "SIP 415")
            one.status = 0
            before = len(two.texts)
            assert await adapter.submit(write(new_key(), lifetime=0.5)) == Unclear("timeout")
            assert len(two.texts) == before
            assert await adapter.submit(write(new_key(), "x" * 1001)) == Refused("bad-template", "not sent")
            assert await adapter.submit(write(new_key(), "ж" * 4000)) == Refused("bad-template", "not sent")

            await asyncio.to_thread(daemon.kill)
            assert await adapter.submit(write(new_key())) == Refused("TRANSPORT_ERROR", "no process for calls")
            await desk.until(lambda: [each.alive for each in desk.of(Liveness)] == [True, False])
            await asyncio.to_thread(daemon.__enter__)
            await desk.alive(times=2)
            assert await adapter.look_up(key) == Unclear("restarted")

    play(script)
