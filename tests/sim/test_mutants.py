"""Spoilt packets: whatever comes from the network, the engine neither raises nor keeps anything of it."""

from __future__ import annotations

import random
import re

import pytest

from sip.transaction import Hop
from tests.sim.chaos import make_chaos
from tests.sim.world import World

VALUES = (
    *(b"", b" ", b"<", b'"', b" <sip:>", b" ;;;", b" -1", b" 0", b" 99999999999999999999", b" sip:a@b", b" \xff\xfe"),
    *(b" <sip:x@[::1]:99999;lr>", b" tel:+1", b" <tel:+1>;tag=1", b" SIP/2.0/UDP x;branch=", b" 1 INVITE"),
    b" 2147483647 BYE",
)
WORDS = (
    *(b"INVITE", b"ACK", b"CANCEL", b"BYE", b"OPTIONS", b"SIP/2.0", b"200", b"", b"sip:", b"*"),
    b"sip:+15557000@h",
)
NUMBERS = (*(b"0", b"1", b"100", b"180", b"200", b"299", b"302", b"486", b"603", b"699"), b"65536", b"4294967296", b"")
SIGNS = (b",", b";", b":", b"<", b">", b'"', b"%", b"@", b"\t", b"\r\n ", b"=")


def spoil(data: bytes, dice: random.Random) -> bytes:
    """The packet with one thing wrong."""
    head, blank, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    at, kind = dice.randrange(len(lines)), dice.randrange(9)
    if kind == 0:  # bytes
        spoilt = bytearray(data)
        for _ in range(dice.choice((1, 1, 3, 10))):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        return bytes(spoilt)
    if kind == 1:  # the rest is missing
        return data[: dice.randrange(len(data))]
    if kind == 2:
        del lines[at]
    elif kind == 3:
        lines.insert(dice.randrange(len(lines) + 1), lines[at])
    elif kind == 4:
        lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
    elif kind == 5:
        name, colon, _ = lines[at].partition(b":")
        lines[at] = name + colon + dice.choice(VALUES)
    elif kind == 6:
        words = lines[0].split(b" ")
        words[dice.randrange(len(words))] = dice.choice(WORDS)
        lines[0] = b" ".join(words)
    else:
        head = b"\r\n".join(lines)
        number = dice.choice(list(re.finditer(rb"\d+", head)))
        sign = dice.randrange(len(head))
        if kind == 7:
            head = head[: number.start()] + dice.choice(NUMBERS) + head[number.end() :]
        else:
            head = head[:sign] + dice.choice(SIGNS) + head[sign:]
        return head + blank + body
    return b"\r\n".join(lines) + blank + body


def add_mutants(world: World, dice: random.Random) -> None:
    """Let spoilt copies of everything reach the engine just before the real thing."""
    receive = world.engine.receive

    def receive_mutants_first(data: bytes, source: Hop, now: float) -> None:
        while dice.random() < 0.5:
            receive(spoilt := spoil(data, dice), source, now)
            if dice.random() < 0.05:
                world.engine.unreachable(spoilt[:520], source, now)
        receive(data, source, now)

    world.engine.receive = receive_mutants_first  # type: ignore[method-assign]


def storm(seed: int) -> None:
    """One world full of mutants; calls may break in it, the engine may not."""
    world = make_chaos(seed).world
    add_mutants(world, random.Random(f"{seed}/mutants"))
    world.run_until(world.now + 700.0)
    world.check_empty()


def test_spoilt_packets_do_no_harm() -> None:
    for seed in range(200):
        storm(seed)


@pytest.mark.long
def test_very_many_spoilt_packets_do_no_harm() -> None:
    for seed in range(1000, 50_000):
        storm(seed)
