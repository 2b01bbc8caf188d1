"""Ladders of calls through the whole engine: every arrow stands between those who sent and got the message, and says whether it was
sent before; whatever forks, glares, is lost, retransmitted and cancelled."""

from __future__ import annotations

import random

import pytest

from controller.news import show_news
from controller.records.ladder import draw
from controller.records.rows import WireRow, wire_row
from controller.scenario.network import Fate, Link, Packet
from controller.types import Mode
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import CALLER, ENGINE, World

STAGES = (stage("anna/t1,t2 | ben/t2", mode=Mode.PARALLEL, ring=6.0), stage("carl/t3,t1", ring=8.0))
SCRIPTS = (
    Script(ring_after=0.1, answer_after=2.0, hang_up_after=3.0),
    Script(ring_after=0.1, answer_after=2.0),
    Script(ring_after=0.3, answer_after=2.0005, hang_up_after=1.0),  # answers with another one at once
    Script(ring_after=None, reject=486, reject_after=0.05),
    Script(trying=False, ring_after=None, reject=503),
    Script(silent=True),
    Script(),
)


def rows_of(packets: list[Packet]) -> list[tuple[WireRow, str]]:
    """What the engine sent and got, in its order, with whom."""
    names = {hop: name for name, hop in World(*STAGES).hops.items()} | {CALLER: "caller"}
    seen = [(each.sent, each.number, True, each) for each in packets if each.source == ENGINE]
    seen += [
        (each.arrives, each.number, False, each)
        for each in packets
        if each.fate is Fate.DELIVERED and each.target == ENGINE
    ]
    found = []
    for at, _, sent, packet in sorted(seen, key=lambda each: each[:2]):
        peer = packet.target if sent else packet.source
        who = names[peer]
        row = wire_row(
            at,
            packet.data,
            sent=sent,
            who="" if who == "caller" else who,
            ours=ENGINE[:2],
            peer=(peer.host, peer.port, "udp"),
        )
        assert row is not None
        found.append((row, who))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_every_arrow_stands_where_its_message_went(seed: int) -> None:
    dice = random.Random(seed)
    world = World(*STAGES, seed=seed, link=Link(delay=0.005, loss=dice.choice((0.0, 0.2))))
    for user in ("anna", "ben", "carl"):
        world.behave(user, dice.choice(SCRIPTS))
    call = world.call()
    if dice.random() < 0.3:
        world.run_until(dice.uniform(0.0, 4.0))
        world.cancel(call)
    world.calm()
    rows = rows_of(world.packets[call])
    record = show_news(world.records[call][-1])[1] if call in world.records else None
    drawn = draw(record, [row for row, _ in rows])
    names = [column["name"] for column in drawn["columns"]]
    assert names[:2] == ["caller", "callward"]
    arrows = sorted((line for line in drawn["lines"] if line["kind"] == "message"), key=lambda line: line["message"])
    before: set[tuple[str, int, bytes]] = set()
    for line, (row, who) in zip(arrows, rows, strict=True):
        one, other = names[line["from"]], names[line["to"]]
        assert (one, other) == (("callward", who) if row.sent else (who, "callward")), row.data.decode()
        same = (who, row.sent, row.data)
        assert line["again"] == (same in before), row.data.decode()
        before.add(same)
