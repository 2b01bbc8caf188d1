"""Connections of peers that nobody knows, on real sockets."""

from __future__ import annotations

import asyncio

from sip.connection import Limits
from tests.sip import wire
from tests.sip.test_stream import Peer, Rig

OPTIONS = wire.request("OPTIONS", extra=["Content-Length: 0"])


def test_a_stranger_is_cut_off_without_a_word_at_his_first_message() -> None:
    async def play() -> None:
        with Rig() as rig:
            rig.core.is_friendly = False
            peer = await Peer.to(rig)
            await peer.send(b"\r\n\r\n" + OPTIONS * 3)
            assert await peer.read(1) == b""
            assert len(rig.core.received) == 1
            assert rig.streams.counters["turned_away"] == 1
            garbage = await Peer.to(rig)
            await garbage.send(
                b"INVITE sip:x SIP/2.0\r\nContent-Length: x\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n"
            )
            assert await garbage.read(1) == b"", "no refusal of what cannot be framed either"
            for each in (peer, garbage):
                each.sock.close()

    asyncio.run(play())


def test_whoever_brings_something_good_is_no_stranger_any_more() -> None:
    async def play() -> None:
        with Rig(Limits(strangers=1)) as rig:
            rig.core.is_friendly = False
            good, idle = await Peer.to(rig), await Peer.to(rig)
            await rig.until(lambda: rig.streams.counters["turned_away"] == 1)
            assert await good.read(1) == b"", "the oldest makes room"
            rig.core.is_friendly = True
            await idle.send(OPTIONS)
            await rig.until(lambda: len(rig.core.received) == 1)
            rig.core.is_friendly = False
            third = await Peer.to(rig)
            await third.send(OPTIONS)
            assert await third.read(1) == b""
            await idle.send(OPTIONS)
            await rig.until(lambda: len(rig.core.received) == 3)
            await idle.send(b"\r\n\r\n")
            assert await idle.read(2) == b"\r\n"
            for each in (good, idle, third):
                each.sock.close()

    asyncio.run(play())
